// Model-local functions are macros: a call stands for the function's nodes, with the names of its inputs and outputs put in
// and the names inside made unique. Calls that nacre knows as operators of its own are left alone.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/ir/onnx_proto.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/unique_names.hpp"

namespace nacre::onnx {
namespace {

constexpr int kMaximumDepth = 16;
constexpr size_t kMaximumNodes = 200'000;
constexpr size_t kMaximumNameBytes = 64 << 20;  // of all made-up names: a long name in a function called often

using Renaming = std::unordered_map<std::string_view, std::string_view>;

class Inliner {
 public:
  Inliner(Model& model, const std::string& origin) : model_(model), origin_(origin) {
    for (const Function& function : model.functions) {
      if (!functions_.emplace(std::pair(function.domain, function.name), &function).second)
        fail(function, "is defined twice");
      check_opset(function);
    }
    collect(model.graph);
  }

  void run() { expand(model_.graph.nodes, 0); }

 private:
  [[noreturn]] void fail(const Function& function, const std::string& message) const {
    throw UserError(origin_ + ": function '" + std::string(function.domain) + "::" + std::string(function.name) + "' " +
                    message);
  }

  void check_opset(const Function& function) const {
    for (const auto& [domain, version] : function.opsets) {
      for (const auto& [model_domain, model_version] : model_.opsets) {
        if (domain.empty() && model_domain.empty() && version != model_version) {
          fail(function, "uses opset " + std::to_string(version) + ", the model uses " + std::to_string(model_version) +
                             "; inline it first (onnx.inliner)");
        }
      }
    }
  }

  void collect(const Graph& graph) {
    for (const ValueInfo& input : graph.inputs) taken_.take(std::string(input.name));
    for (const Tensor& tensor : graph.initializers) taken_.take(std::string(tensor.name));
    for (const Node& node : graph.nodes) {
      for (const std::string_view output : node.outputs) taken_.take(std::string(output));
      for (const Attribute& attribute : node.attributes) {
        if (attribute.graph != nullptr) collect(*attribute.graph);
      }
    }
  }

  const Function* called(const Node& node) const {
    const auto found = functions_.find(std::pair(node.domain, node.op));
    return found == functions_.end() || find_operator(node.op, node.domain) != nullptr ? nullptr : found->second;
  }

  void expand(std::vector<Node>& nodes, int depth) {
    std::vector<Node> result;
    for (Node& node : nodes) {
      for (Attribute& attribute : node.attributes) {
        if (attribute.graph == nullptr || model_.functions.empty()) continue;
        auto copy = std::make_shared<Graph>(*attribute.graph);
        expand(copy->nodes, depth);
        attribute.graph = std::move(copy);
      }
      const Function* function = called(node);
      if (function == nullptr) {
        result.push_back(std::move(node));
        continue;
      }
      if (depth >= kMaximumDepth) fail(*function, "calls itself, or calls nest deeper than 16");
      std::vector<Node> body = instantiate(*function, node);
      expand(body, depth + 1);
      std::ranges::move(body, std::back_inserter(result));
    }
    nodes = std::move(result);
  }

  std::string_view keep(std::string text) {
    name_bytes_ += text.size();
    if (name_bytes_ > kMaximumNameBytes)
      throw UserError(origin_ + ": inlining the model's functions takes more than 64 MB of names");
    return model_.strings.emplace_back(std::move(text));
  }

  std::string_view unique(const std::string& wish) { return keep(taken_.make(wish)); }

  std::vector<Node> instantiate(const Function& function, const Node& call) {
    const std::string stem(!call.name.empty() ? call.name : call.outputs.empty() ? call.op : call.outputs[0]);
    if (call.inputs.size() > function.inputs.size()) fail(function, "is called with more inputs than it has");
    if (call.outputs.size() > function.outputs.size()) fail(function, "is called with more outputs than it has");
    if (function.nodes.empty()) fail(function, "has no nodes");
    Renaming renaming;
    for (size_t i = 0; i < function.inputs.size(); ++i)
      renaming.emplace(function.inputs[i], i < call.inputs.size() ? call.inputs[i] : "");
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      if (call.outputs[i].empty()) continue;
      if (!renaming.emplace(function.outputs[i], call.outputs[i]).second)
        fail(function, "returns an input or the same value twice; wrap it in an Identity");
    }
    for (const Node& node : function.nodes) {
      for (const std::string_view output : node.outputs) {
        if (!output.empty() && !renaming.contains(output))
          renaming.emplace(output, unique(stem + "/" + std::string(output)));
      }
    }
    std::vector<Node> body;
    for (const Node& node : function.nodes) {
      if (++made_ > kMaximumNodes) fail(function, "grows the graph beyond 200,000 nodes");
      body.push_back(instance(node, renaming, function, call));
      body.back().name = keep(stem + "/" + std::string(node.name.empty() ? node.op : node.name));
    }
    return body;
  }

  // A node of the function with names put in and references to attributes resolved; nested graphs too.
  Node instance(const Node& node, const Renaming& renaming, const Function& function, const Node& call) {
    Node result = node;
    const auto rename = [&](std::string_view& name) {
      const auto found = renaming.find(name);
      if (found != renaming.end()) name = found->second;
    };
    std::ranges::for_each(result.inputs, rename);
    std::ranges::for_each(result.outputs, rename);
    result.attributes.clear();
    for (const Attribute& attribute : node.attributes) {
      std::optional<Attribute> value = resolved(attribute, function, call);
      if (!value.has_value()) continue;
      if (value->graph != nullptr) value->graph = instance(*value->graph, renaming, function, call);
      result.attributes.push_back(std::move(*value));
    }
    return result;
  }

  std::shared_ptr<const Graph> instance(const Graph& graph, Renaming renaming, const Function& function,
                                        const Node& call) {
    for (const ValueInfo& input : graph.inputs) renaming.erase(input.name);
    for (const Tensor& tensor : graph.initializers) renaming.erase(tensor.name);
    for (const Node& node : graph.nodes) {
      for (const std::string_view output : node.outputs) renaming.erase(output);
    }
    auto result = std::make_shared<Graph>(graph);
    result->nodes.clear();
    for (const Node& node : graph.nodes) {
      if (++made_ > kMaximumNodes) fail(function, "grows the graph beyond 200,000 nodes");
      result->nodes.push_back(instance(node, renaming, function, call));
    }
    for (ValueInfo& output : result->outputs) {
      const auto found = renaming.find(output.name);
      if (found != renaming.end()) output.name = found->second;
    }
    return result;
  }

  // Nothing: neither the call nor the function's defaults give the attribute.
  static std::optional<Attribute> resolved(const Attribute& attribute, const Function& function, const Node& call) {
    if (attribute.reference.empty()) return attribute;
    for (const std::vector<Attribute>* list : {&call.attributes, &function.defaults}) {
      for (const Attribute& candidate : *list) {
        if (candidate.name != attribute.reference) continue;
        Attribute result = candidate;
        result.name = attribute.name;
        return result;
      }
    }
    return std::nullopt;
  }

  Model& model_;
  const std::string& origin_;
  std::map<std::pair<std::string_view, std::string_view>, const Function*> functions_;
  UniqueNames taken_;
  size_t made_ = 0;
  size_t name_bytes_ = 0;
};

}  // namespace

void inline_functions(Model& model, const std::string& origin) {
  if (!model.functions.empty()) Inliner(model, origin).run();
}

}  // namespace nacre::onnx
