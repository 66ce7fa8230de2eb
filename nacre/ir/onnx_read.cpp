#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "nacre/base/file.hpp"
#include "nacre/ir/onnx_annotation.hpp"
#include "nacre/ir/onnx_decompose.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/onnx_proto.hpp"
#include "nacre/ir/onnx_tensor.hpp"
#include "nacre/ir/onnx_upgrade.hpp"
#include "nacre/ir/parameter_roles.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/ir/unique_names.hpp"

namespace nacre {
namespace {

constexpr int64_t kMaximumExtent = int64_t{1} << 40;

// What all graphs of one file share.
struct ReadState {
  const std::string& origin;
  int opset;
  bool infer;
  onnx::TensorReader tensors;
  // Names of the file, so that made-up ones never meet them.
  UniqueNames taken;
};

[[noreturn]] void fail(const ReadState& state, const std::string& message) {
  throw UserError(state.origin + ": " + message);
}

std::string place(const onnx::Node& node) {
  const std::string name(!node.name.empty()     ? node.name
                         : node.outputs.empty() ? std::string_view("")
                                                : node.outputs[0]);
  return "node '" + name + "' (" + (node.domain.empty() ? "" : std::string(node.domain) + ".") + std::string(node.op) +
         ")";
}

// Names that `graph` reads from outside, in the order met.
void collect_free_names(const onnx::Graph& graph, std::vector<std::string_view>& free) {
  std::unordered_set<std::string_view> local;
  for (const onnx::ValueInfo& input : graph.inputs) local.insert(input.name);
  for (const onnx::Tensor& tensor : graph.initializers) local.insert(tensor.name);
  for (const onnx::Node& node : graph.nodes) local.insert(node.outputs.begin(), node.outputs.end());
  const auto note = [&](std::string_view name) {
    if (!name.empty() && local.insert(name).second) free.push_back(name);
  };
  for (const onnx::Node& node : graph.nodes) {
    std::ranges::for_each(node.inputs, note);
    for (const onnx::Attribute& attribute : node.attributes) {
      if (attribute.graph == nullptr) continue;
      std::vector<std::string_view> inner;
      collect_free_names(*attribute.graph, inner);
      std::ranges::for_each(inner, note);
    }
  }
  for (const onnx::ValueInfo& output : graph.outputs) note(output.name);
}

void collect_names(const onnx::Graph& graph, UniqueNames& names) {
  for (const onnx::ValueInfo& input : graph.inputs) names.take(std::string(input.name));
  for (const onnx::Tensor& tensor : graph.initializers) names.take(std::string(tensor.name));
  for (const onnx::Node& node : graph.nodes) {
    for (const std::string_view output : node.outputs) names.take(std::string(output));
    for (const onnx::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr) collect_names(*attribute.graph, names);
    }
  }
}

class GraphReader {
 public:
  GraphReader(ReadState& state, const onnx::Graph& source, GraphReader* outer)
      : state_(state), source_(source), outer_(outer) {}

  // `captures` receives the values of the outer graph that this one reads.
  Graph run(std::vector<ValueId>* captures) {
    captures_ = captures;
    graph_.name = std::string(source_.name);
    for (const onnx::ValueInfo& info : source_.value_infos) declared_.emplace(info.name, &info);
    for (const onnx::ValueInfo& info : source_.outputs) declared_.insert_or_assign(info.name, &info);
    read_initializer_names();
    for (const onnx::ValueInfo& input : source_.inputs) read_input(input);
    for (const onnx::Tensor& tensor : source_.initializers) read_initializer(tensor);
    for (const size_t index : sorted_nodes()) read_node(source_.nodes[index]);
    read_outputs();
    assign_roles();
    return std::move(graph_);
  }

 private:
  // --- values
  void bind(std::string_view name, ValueId id, std::string_view what) {
    if (name.empty()) fail(state_, std::string(what) + " without a name");
    if (!values_.emplace(std::string(name), id).second)
      fail(state_, "two values are called '" + std::string(name) + "'");
  }

  // The value of that name, captured from the outer graph where it is not ours; kNone when nobody has it.
  ValueId find(std::string_view name) {
    const auto found = values_.find(std::string(name));
    if (found != values_.end()) return found->second;
    if (outer_ == nullptr) return kNone;
    const ValueId outside = outer_->find(name);
    if (outside == kNone) return kNone;
    const Value& original = outer_->graph_.value(outside);
    const ValueId id = graph_.add_input(std::string(name), original.type, {});
    graph_.value(id).shape = translated(original.shape);
    values_.emplace(std::string(name), id);
    captures_->push_back(outside);
    return id;
  }

  std::optional<Shape> translated(const std::optional<Shape>& shape) {
    if (!shape.has_value()) return std::nullopt;
    Shape result;
    for (const Dim dim : *shape) result.push_back(dim.is_symbol() ? symbol(outer_->graph_.symbol_name(dim)) : dim);
    return result;
  }

  // The Graph looks through all its symbols; files may have many.
  Dim symbol(const std::string& name) {
    const auto found = symbols_.find(name);
    if (found != symbols_.end()) return found->second;
    return symbols_[name] = graph_.symbol(name);
  }

  std::optional<Shape> shape_of(const onnx::ValueInfo& info) {
    if (!info.shape.has_value()) return std::nullopt;
    if (info.shape->size() > kMaximumRank) {
      fail(state_, "value '" + std::string(info.name) + "' has " + std::to_string(info.shape->size()) +
                       " dimensions; at most 8 are supported");
    }
    Shape shape;
    for (const onnx::Dim& dim : *info.shape) {
      if (!dim.parameter.empty()) {
        shape.push_back(symbol(std::string(dim.parameter)));
      } else if (!dim.value.has_value() || *dim.value == -1) {
        shape.push_back(Dim());  // -1 is how some exporters write "unknown"
      } else if (*dim.value < 0 || *dim.value > kMaximumExtent) {
        fail(state_, "value '" + std::string(info.name) + "' has an extent of " + std::to_string(*dim.value) +
                         ", expected 0 to 2^40");
      } else {
        shape.push_back(Dim(*dim.value));
      }
    }
    return shape;
  }

  ElementType type_of(const onnx::ValueInfo& info) const {
    const bool in_range = info.element_type > 0 && info.element_type < 256;
    const auto type = in_range ? static_cast<ElementType>(info.element_type) : ElementType::undefined;
    const bool known = element_bits(type) > 0 || type == ElementType::string;
    if (info.is_tensor && info.element_type != 0 && !known) {
      fail(state_, "value '" + std::string(info.name) + "' has element type " + std::to_string(info.element_type) +
                       ", which is not supported");
    }
    return known ? type : ElementType::undefined;
  }

  void read_initializer_names() {
    for (const onnx::Tensor& tensor : source_.initializers) {
      if (tensor.name.empty()) fail(state_, "an initializer without a name");
      initializer_names_.insert(tensor.name);
    }
  }

  // Before IR version 4 initializers were listed among the inputs, as defaults.
  void read_input(const onnx::ValueInfo& input) {
    if (initializer_names_.contains(input.name)) return;
    const bool outermost = outer_ == nullptr;
    if (outermost && (!input.is_tensor || type_of(input) == ElementType::undefined)) {
      fail(state_, "input '" + std::string(input.name) +
                       "' is no tensor of a known type; sequences, maps and optionals are not supported");
    }
    const ValueId id = graph_.add_value(
        {.name = std::string(input.name), .type = type_of(input), .shape = shape_of(input), .format = ""});
    graph_.inputs.push_back(id);
    bind(input.name, id, "an input");
  }

  void read_initializer(const onnx::Tensor& tensor) {
    const ElementType type = state_.tensors.type_of(tensor);
    const Shape shape = state_.tensors.shape_of(tensor);
    std::optional<Tensor> data = state_.tensors.read(tensor);
    const ValueId id = graph_.add_parameter(std::string(tensor.name), type, shape, {}, false);
    if (data.has_value())
      graph_.initializer(graph_.value(id).initializer).data = std::make_shared<const Tensor>(std::move(*data));
    bind(tensor.name, id, "an initializer");
  }

  // --- order
  std::vector<size_t> sorted_nodes() {
    std::unordered_map<std::string_view, size_t> producer;
    for (size_t i = 0; i < source_.nodes.size(); ++i) {
      for (const std::string_view output : source_.nodes[i].outputs) {
        if (!output.empty() && !producer.emplace(output, i).second) {
          fail(state_, "two nodes write '" + std::string(output) + "'; the second is " + place(source_.nodes[i]));
        }
      }
    }
    std::vector<std::vector<size_t>> readers(source_.nodes.size());
    std::vector<size_t> missing(source_.nodes.size(), 0);
    for (size_t i = 0; i < source_.nodes.size(); ++i) {
      for (const std::string_view name : names_read(source_.nodes[i])) {
        const auto found = producer.find(name);
        if (found == producer.end()) continue;
        readers[found->second].push_back(i);
        ++missing[i];
      }
    }
    std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
    for (size_t i = 0; i < missing.size(); ++i) {
      if (missing[i] == 0) ready.push(i);
    }
    std::vector<size_t> order;
    while (!ready.empty()) {
      order.push_back(ready.top());
      ready.pop();
      for (const size_t reader : readers[order.back()]) {
        if (--missing[reader] == 0) ready.push(reader);
      }
    }
    if (order.size() != source_.nodes.size()) {
      const auto stuck = std::ranges::find_if(missing, [](size_t count) { return count > 0; });
      fail(state_, place(source_.nodes[static_cast<size_t>(stuck - missing.begin())]) +
                       " reads its own result: the graph has a cycle");
    }
    return order;
  }

  static std::vector<std::string_view> names_read(const onnx::Node& node) {
    std::vector<std::string_view> names = node.inputs;
    for (const onnx::Attribute& attribute : node.attributes) {
      if (attribute.graph != nullptr) collect_free_names(*attribute.graph, names);
    }
    return names;
  }

  // --- nodes
  void read_node(const onnx::Node& source) {
    if (source.op.empty()) fail(state_, place(source) + " has no operator");
    graph_.current_scope = scope(scope_of_name(source.name));
    if (source.op == "Constant" && source.domain.empty()) return read_constant(source);
    NodeDraft draft{std::string(source.op), std::string(source.domain), std::string(source.name), {}, {}, {}};
    draft.outputs.assign(source.outputs.begin(), source.outputs.end());
    for (const std::string_view name : source.inputs) draft.inputs.push_back(read_reference(source, name));
    for (const onnx::Attribute& attribute : source.attributes) read_attribute(source, attribute, draft.attributes);
    const UpgradeContext context = context_of(source, draft);
    std::optional<std::vector<ValueId>> results;
    const auto first = static_cast<NodeId>(graph_.nodes().size());
    try {
      upgrade_node(context, draft);
      if (is_decomposed(draft)) {
        const int32_t outer = graph_.current_scope;
        graph_.current_scope = scope(draft.name.empty() ? draft.outputs.at(0) : draft.name);
        results = decompose_node(context, draft);
        if (!results.has_value()) graph_.current_scope = outer;
      }
    } catch (const UserError& error) {
      rethrow(error, source);
    }
    if (results.has_value()) return bind_results(source, draft, *results, first);
    while (!draft.outputs.empty() && draft.outputs.back().empty()) draft.outputs.pop_back();
    if (draft.outputs.empty()) fail(state_, place(source) + " has no outputs");
    const NodeId id = graph_.add_node(draft.op, std::move(draft.inputs), static_cast<int>(draft.outputs.size()),
                                      std::move(draft.attributes), draft.domain);
    graph_.node(id).name = draft.name;
    for (size_t i = 0; i < draft.outputs.size(); ++i) declare_output(id, i, draft.outputs[i]);
    for (const onnx::Attribute& attribute : source.attributes) {
      if (attribute.graph != nullptr) read_body(id, source, attribute);
    }
    infer(id, source);
  }

  ValueId read_reference(const onnx::Node& source, std::string_view name) {
    if (name.empty()) return kNone;
    const ValueId id = find(name);
    if (id == kNone) fail(state_, place(source) + " reads '" + std::string(name) + "', which nothing writes");
    return id;
  }

  void read_attribute(const onnx::Node& source, const onnx::Attribute& attribute, Attributes& result) {
    const std::string name(attribute.name);
    if (name.empty()) fail(state_, place(source) + " has an attribute without a name");
    if (!attribute.reference.empty())
      fail(state_, place(source) + ": attribute '" + name + "' refers to a function's attribute outside a function");
    if (result.has(name)) fail(state_, place(source) + ": attribute '" + name + "' is given twice");
    switch (attribute.type) {
      case onnx::AttributeType::real: result.set(name, attribute.real); return;
      case onnx::AttributeType::integer: result.set(name, attribute.integer); return;
      case onnx::AttributeType::text: result.set(name, std::string(attribute.text)); return;
      case onnx::AttributeType::reals: result.set(name, attribute.reals); return;
      case onnx::AttributeType::integers: result.set(name, attribute.integers); return;
      case onnx::AttributeType::texts:
        result.set(name, std::vector<std::string>(attribute.texts.begin(), attribute.texts.end()));
        return;
      case onnx::AttributeType::tensor: {
        std::optional<Tensor> data = state_.tensors.read(*attribute.tensor);
        if (!data.has_value()) fail(state_, place(source) + ": the tensor of attribute '" + name + "' has no data");
        result.set(name, std::move(*data));
        return;
      }
      case onnx::AttributeType::graph: return;  // see read_body
      case onnx::AttributeType::undefined: break;
    }
    fail(state_, place(source) + ": attribute '" + name + "' has type " + std::to_string(attribute.declared_type) +
                     ", which is not supported");
  }

  UpgradeContext context_of(const onnx::Node& source, const NodeDraft& draft) {
    const std::string stem = draft.outputs.empty() ? std::string("constant") : draft.outputs[0];
    return {
        .graph = graph_,
        .opset = state_.opset,
        .add_constant =
            [this, stem](std::string_view suffix, Tensor value) {
              return graph_.add_initializer(state_.taken.make(stem + "/" + std::string(suffix)), std::move(value));
            },
        .add_node =
            [this, stem, &source](std::string_view op, std::vector<ValueId> inputs, Attributes attributes) {
              const NodeId id = graph_.add_node(op, std::move(inputs), 1, std::move(attributes));
              const ValueId output = graph_.node(id).outputs[0];
              graph_.value(output).name = state_.taken.make(stem + "/" + std::string(op));
              graph_.node(id).name = graph_.value(output).name;
              infer(id, source);
              return output;
            },
        .fail = [this, &source](const std::string& message) { fail(state_, place(source) + " " + message); },
    };
  }

  // The outputs of a node that was taken apart get its names; a result that is no new value of its own gets an Identity.
  void bind_results(const onnx::Node& source, const NodeDraft& draft, const std::vector<ValueId>& results,
                    NodeId first) {
    std::set<ValueId> bound;
    for (size_t i = 0; i < draft.outputs.size(); ++i) {
      const std::string& name = draft.outputs[i];
      if (name.empty()) continue;
      ValueId id = results.at(i);
      NACRE_CHECK(id != kNone, name);
      if (graph_.value(id).producer < first || !bound.insert(id).second) {
        const NodeId identity = graph_.add_node("Identity", {id});
        infer(identity, source);
        id = graph_.node(identity).outputs[0];
        bound.insert(id);
      }
      graph_.value(id).name = name;
      bind(name, id, "an output");
      const auto declared = declared_.find(name);
      if (declared == declared_.end()) continue;
      const std::optional<Shape> shape = shape_of(*declared->second);
      const ElementType type = type_of(*declared->second);
      Value& value = graph_.value(id);
      if (value.type == ElementType::undefined) value.type = type;
      if (!shape.has_value()) continue;
      if (!value.shape.has_value()) value.shape = shape;
      for (int axis = 0; axis < value.shape->rank() && value.shape->rank() == shape->rank(); ++axis) {
        if ((*value.shape)[axis].is_unknown()) (*value.shape)[axis] = (*shape)[axis];
      }
    }
  }

  // Inference calls a nameless node after its position; in the file it is found by its result.
  [[noreturn]] void rethrow(const UserError& error, const onnx::Node& source) const {
    std::string message = error.what();
    if (message.starts_with(state_.origin)) throw error;
    const size_t end = message.find("): ");
    if (message.starts_with("node '") && end != std::string::npos) message.erase(0, end + 3);
    fail(state_, place(source) + ": " + message);
  }

  void declare_output(NodeId id, size_t index, const std::string& name) {
    const ValueId output = graph_.node(id).outputs[index];
    Value& value = graph_.value(output);
    value.type = ElementType::undefined;
    if (name.empty()) return;
    value.name = name;
    bind(name, output, "an output");
    const auto declared = declared_.find(name);
    if (declared == declared_.end()) return;
    const ElementType type = type_of(*declared->second);
    std::optional<Shape> shape = shape_of(*declared->second);
    graph_.value(output).type = type;
    graph_.value(output).shape = shape;
  }

  void infer(NodeId id, const onnx::Node& source) {
    if (!state_.infer || graph_.node(id).is_opaque()) return;
    try {
      infer_node(graph_, id);
    } catch (const UserError& error) {
      rethrow(error, source);
    }
  }

  // A Constant node is an initializer that is never trained.
  void read_constant(const onnx::Node& source) {
    if (source.outputs.size() != 1)
      fail(state_, place(source) + " has " + std::to_string(source.outputs.size()) + " outputs, expected 1");
    if (source.attributes.size() != 1)
      fail(state_, place(source) + " has " + std::to_string(source.attributes.size()) + " attributes, expected 1");
    Attributes attributes;
    read_attribute(source, source.attributes[0], attributes);
    if (attributes.empty()) fail(state_, place(source) + " holds no tensor");
    const auto& [name, attribute] = *attributes.begin();
    const auto list_extents = [](const auto& list) { return std::vector<int64_t>{static_cast<int64_t>(list.size())}; };
    Tensor value;
    if (const auto* tensor = std::get_if<Tensor>(&attribute)) value = *tensor;
    if (const auto* integer = std::get_if<int64_t>(&attribute)) value = Tensor::scalar(*integer);
    if (const auto* real = std::get_if<float>(&attribute)) value = Tensor::scalar(*real);
    if (const auto* text = std::get_if<std::string>(&attribute)) value = Tensor::of_strings({}, {*text});
    if (const auto* list = std::get_if<std::vector<int64_t>>(&attribute))
      value = Tensor::of<int64_t>(list_extents(*list), *list);
    if (const auto* list = std::get_if<std::vector<float>>(&attribute))
      value = Tensor::of<float>(list_extents(*list), *list);
    if (const auto* list = std::get_if<std::vector<std::string>>(&attribute))
      value = Tensor::of_strings(list_extents(*list), *list);
    const ValueId id = graph_.add_initializer(std::string(source.outputs[0]), std::move(value));
    constants_.insert(id);
    bind(source.outputs[0], id, "a constant");
  }

  void read_body(NodeId id, const onnx::Node& source, const onnx::Attribute& attribute) {
    Body body;
    body.name = std::string(attribute.name);
    if (body.name.empty()) fail(state_, place(source) + " has a nested graph without a name");
    body.graph = std::make_shared<const Graph>(GraphReader(state_, *attribute.graph, this).run(&body.captures));
    graph_.node(id).bodies.push_back(std::move(body));
  }

  // The Graph looks through all its scopes; files may have many.
  int32_t scope(std::string_view path) {
    const auto found = scopes_.find(std::string(path));
    if (found != scopes_.end()) return found->second;
    return scopes_[std::string(path)] = graph_.add_scope(path);
  }

  void read_outputs() {
    const size_t formal = graph_.inputs.size();
    for (const onnx::ValueInfo& output : source_.outputs) {
      const ValueId id = find(output.name);
      if (id == kNone) fail(state_, "output '" + std::string(output.name) + "' is written by nothing");
      graph_.outputs.push_back(id);
    }
    if (outer_ == nullptr && graph_.outputs.empty()) fail(state_, "the model has no outputs");
    NACRE_CHECK(outer_ != nullptr || graph_.inputs.size() == formal);
  }

  void assign_roles() {
    const std::vector<ParameterRole> roles = infer_parameter_roles(graph_);
    for (size_t i = 0; i < roles.size(); ++i) {
      Initializer& initializer = graph_.initializer(static_cast<int32_t>(i));
      if (constants_.contains(initializer.value)) continue;
      initializer.trainable = roles[i].trainable;
      initializer.distribution = roles[i].distribution;
    }
  }

  ReadState& state_;
  const onnx::Graph& source_;
  GraphReader* outer_;
  Graph graph_;
  std::vector<ValueId>* captures_ = nullptr;
  std::unordered_map<std::string, ValueId> values_;
  std::unordered_map<std::string_view, const onnx::ValueInfo*> declared_;
  std::unordered_set<std::string_view> initializer_names_;
  std::unordered_map<std::string, int32_t> scopes_;
  std::unordered_map<std::string, Dim> symbols_;
  std::set<ValueId> constants_;
};

int opset_of(const onnx::Model& model, const std::string& origin) {
  int64_t opset = 0;
  for (const auto& [domain, version] : model.opsets) {
    if (domain.empty()) opset = std::max(opset, version);
  }
  if (opset == 0) throw UserError(origin + ": the model names no opset; nacre reads opsets 1 to 21");
  if (opset < kOldestOpset || opset > kOpset) {
    throw UserError(origin + ": opset " + std::to_string(opset) +
                    " is not supported; nacre reads opsets 1 to 21 (onnx.version_converter converts)");
  }
  return static_cast<int>(opset);
}

}  // namespace

Graph read_onnx_bytes(std::string_view bytes, const std::string& origin, const OnnxReadOptions& options) {
  onnx::Model model = onnx::decode_model(bytes, origin);
  onnx::inline_functions(model, origin);
  ReadState state{origin,
                  opset_of(model, origin),
                  options.infer,
                  onnx::TensorReader(origin, options.folder, options.allow_absent_weights),
                  {}};
  collect_names(model.graph, state.taken);
  Graph graph = GraphReader(state, model.graph, nullptr).run(nullptr);
  for (const auto& [domain, version] : model.opsets) {
    if (!domain.empty()) graph.opset_imports[std::string(domain)] = version;
  }
  std::string annotation;
  for (const auto& [key, value] : model.metadata) {
    if (key == kAnnotationKey) {
      annotation = value;
    } else {
      graph.metadata[std::string(key)] = value;
    }
  }
  if (!model.doc_string.empty() && !graph.metadata.contains("description"))
    graph.metadata["description"] = model.doc_string;
  if (!annotation.empty()) apply_annotation(graph, annotation, origin);
  return graph;
}

Graph read_onnx(const std::filesystem::path& path) { return read_onnx(path, OnnxReadOptions{}); }

Graph read_onnx(const std::filesystem::path& path, OnnxReadOptions options) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  options.folder = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
  return read_onnx_bytes(file->bytes(), path.string(), options);
}

}  // namespace nacre
