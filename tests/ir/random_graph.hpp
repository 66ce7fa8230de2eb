// Random graphs for property tests: valid, with everything a Graph can hold (shared weights, symbols, formats, scopes, odd
// names, opaque operators, several results, nested graphs, states, metadata).
#pragma once

#include <string>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre::testing {

class RandomGraph {
 public:
  explicit RandomGraph(uint64_t seed) : random_(Random::stream(seed, "random graph")) {}

  Graph make(int nodes) {
    graph_.name = pick({"", "net", "a net", "graph"});
    const Dim batch = coin() ? Dim(2) : graph_.symbol(pick({"batch", "N", "2*n", "a b"}));
    const int inputs = 1 + below(2);
    for (int i = 0; i < inputs; ++i)
      pool_.push_back(graph_.add_input(unique(odd_name()), ElementType::float32, {batch, 4, 6, 6}));
    for (int i = 0; i < nodes; ++i) add_node();
    finish();
    return std::move(graph_);
  }

 private:
  int below(int bound) { return static_cast<int>(random_.below(static_cast<uint64_t>(bound))); }
  bool coin() { return below(2) == 0; }
  template <class T>
  T pick(const std::vector<T>& items) {
    return items[static_cast<size_t>(below(static_cast<int>(items.size())))];
  }
  std::string pick(std::initializer_list<const char*> items) {
    return pick(std::vector<std::string>(items.begin(), items.end()));
  }
  ValueId any() { return pick(pool_); }

  std::string odd_name() {
    return pick({"x", "weight", "stage1/0/expand", "Conv:0", "with space", "param", "\"quoted\"", "naïve", "%3", "_",
                 "tab\there", "return"});
  }
  std::string unique(const std::string& stem) { return stem + "." + std::to_string(counter_++); }

  ValueId weight(Shape shape) {
    if (!weights_.empty() && below(4) == 0) {
      for (const ValueId id : weights_) {
        if (graph_.value(id).shape == shape) return id;  // shared
      }
    }
    const Distribution distribution = pick(std::vector<Distribution>{
        {}, {Distribution::Kind::kaiming_normal_fan_out, 1.5}, {Distribution::Kind::normal, 0.02}});
    ValueId id = kNone;
    if (coin()) {
      id = graph_.add_parameter(unique(odd_name()), ElementType::float32, shape, distribution, coin());
    } else {
      Tensor data(ElementType::float32, shape.extents());
      for (float& value : data.mutable_values<float>()) value = static_cast<float>(random_.normal());
      id = graph_.add_initializer(unique(odd_name()), std::move(data), coin());
      graph_.initializer(graph_.value(id).initializer).distribution = distribution;
    }
    weights_.push_back(id);
    return id;
  }

  ValueId finish_node(NodeId id) {
    infer_node(graph_, id);
    Node& node = graph_.node(id);
    node.scope = graph_.add_scope(pick({"", "stem", "stage1/0", "a b/c", "0/x-y"}));
    if (below(3) == 0) node.name = unique(odd_name());
    for (const ValueId output : node.outputs) {
      if (coin()) graph_.value(output).name = unique(odd_name());
      if (below(6) == 0) graph_.value(output).format = pick({"int8", "mxfp4", "two words"});
    }
    return node.outputs[0];
  }

  ValueId add(std::string_view op, std::vector<ValueId> inputs, Attributes attributes = {}, int outputs = 1,
              std::string_view domain = "") {
    return finish_node(graph_.add_node(op, std::move(inputs), outputs, std::move(attributes), domain));
  }

  ValueId constant(std::vector<int64_t> values) {
    return graph_.add_initializer(
        unique("shape"), Tensor::of<int64_t>(std::vector<int64_t>{static_cast<int64_t>(values.size())}, values));
  }

  void add_node() {
    const ValueId x = any();
    switch (below(10)) {
      case 0:
      case 1:
        pool_.push_back(add("Conv", {x, weight({4, 4, 3, 3}), coin() ? weight({4}) : kNone},
                            {{"pads", std::vector<int64_t>{1, 1, 1, 1}}}));
        return;
      case 2: pool_.push_back(add("Relu", {x})); return;
      case 3: pool_.push_back(add(coin() ? "Add" : "Mul", {x, any()})); return;
      case 4:
        pool_.push_back(add("BatchNormalization", {x, weight({4}), weight({4}), weight({4}), weight({4})},
                            {{"epsilon", coin() ? 1e-5F : 0.001F}}));
        return;
      case 5: {
        const ValueId high =
            graph_.add_initializer(unique("limit"), Tensor::scalar<float>(static_cast<float>(below(7))));
        pool_.push_back(add("Clip", {x, kNone, high}));
        return;
      }
      case 6: {
        const ValueId first = add("Split", {x, constant({1, 3})}, {{"axis", int64_t{1}}}, 2);
        const ValueId second = graph_.node(graph_.value(first).producer).outputs[1];
        pool_.push_back(add("Concat", {second, first}, {{"axis", int64_t{1}}}));
        return;
      }
      case 7: {
        const ValueId swapped = add("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
        pool_.push_back(coin() ? swapped : add("Sub", {x, swapped}));
        return;
      }
      case 8: add_opaque(x); return;
      default: add_if(x); return;
    }
  }

  void add_opaque(ValueId x) {
    Attributes attributes{{"level", 0.5F},
                          {"names", std::vector<std::string>{"a", "b\n"}},
                          {"empty", std::vector<float>{}},
                          {"count", int64_t{-3}},
                          {"table", Tensor::of<float>({2}, {0.1F, -2.0F})},
                          {"mode", std::string("fast")},
                          {"weights", std::vector<float>{1, 0.25F}}};
    const NodeId id = graph_.add_node("Mystery", {kNone, x}, 1, std::move(attributes), "com.example");
    Value& value = graph_.value(graph_.node(id).outputs[0]);
    value.shape = graph_.value(x).shape;
    pool_.push_back(finish_node(id));
  }

  Graph branch(const Shape& shape, const std::vector<std::string>& symbols, bool first) {
    Graph body;
    body.name = first ? "then_graph" : "else_graph";
    for (const std::string& symbol : symbols) body.symbol(symbol);
    const ValueId x = body.add_input("captured", ElementType::float32, shape);
    const NodeId id = body.add_node(first ? "Relu" : "Neg", {x});
    infer_node(body, id);
    body.add_output(body.node(id).outputs[0], "result");
    return body;
  }

  void add_if(ValueId x) {
    const ValueId condition = graph_.add_initializer(unique("condition"), Tensor::scalar<bool>(coin()));
    const NodeId id = graph_.add_node("If", {condition});
    const Shape shape = *graph_.value(x).shape;
    for (const bool first : {true, false}) {
      graph_.node(id).bodies.push_back({first ? "then_branch" : "else_branch",
                                        std::make_shared<const Graph>(branch(shape, graph_.symbols(), first)),
                                        {x}});
    }
    pool_.push_back(finish_node(id));
  }

  void finish() {
    graph_.add_output(pool_.back());
    if (graph_.value(pool_.back()).name.empty() && coin()) graph_.value(pool_.back()).name = "logits";
    if (pool_.size() > 3 && coin() && pool_[pool_.size() - 2] != pool_.back() &&
        !graph_.is_input(pool_[pool_.size() - 2]))
      graph_.add_output(pool_[pool_.size() - 2]);
    if (coin()) graph_.metadata["who"] = "a \"test\"\n";
    if (coin()) graph_.opset_imports["com.example"] = 3;
    if (coin()) {
      State state{.input = graph_.inputs[0], .output = graph_.outputs[0], .initial = nullptr, .growth_axis = kNone};
      if (coin()) state.growth_axis = 2;
      if (coin()) state.initial = std::make_shared<const Tensor>(Tensor::of<float>({2}, {0.5F, -1.0F}));
      graph_.states.push_back(state);
    }
  }

  Random random_;
  Graph graph_;
  std::vector<ValueId> pool_;
  std::vector<ValueId> weights_;
  int counter_ = 0;
};

inline Graph random_graph(uint64_t seed, int nodes) { return RandomGraph(seed).make(nodes); }

// The same graph with nodes stored in another valid order, other names, and other scope paths.
inline Graph renamed_and_reordered(const Graph& graph, uint64_t seed) {
  Graph result = graph;
  Random random = Random::stream(seed, "reorder");
  int counter = 0;
  for (size_t i = 0; i < result.values().size(); ++i)
    result.value(static_cast<ValueId>(i)).name = "other" + std::to_string(counter++);
  for (Node& node : result.nodes())
    node.name = "node" + std::to_string(counter++), node.scope = result.add_scope("scope" + std::to_string(counter));
  // Swapping neighbors that do not depend on each other reaches every order.
  for (int step = 0; step < 200; ++step) {
    auto& nodes = result.nodes();
    if (nodes.size() < 2) break;
    const size_t i = random.below(nodes.size() - 1);
    const auto reads = [&](const Node& node, ValueId id) {
      bool found = std::ranges::find(node.inputs, id) != node.inputs.end();
      for (const Body& body : node.bodies) found = found || std::ranges::find(body.captures, id) != body.captures.end();
      return found;
    };
    bool depends = false;
    for (const ValueId id : nodes[i].outputs) depends = depends || reads(nodes[i + 1], id);
    if (depends) continue;
    std::swap(nodes[i], nodes[i + 1]);
    for (const ValueId id : nodes[i].outputs) result.value(id).producer = static_cast<NodeId>(i);
    for (const ValueId id : nodes[i + 1].outputs) result.value(id).producer = static_cast<NodeId>(i + 1);
  }
  return result;
}

}  // namespace nacre::testing
