#include "nacre/ir/graph.hpp"

#include <algorithm>

#include "nacre/ir/schema.hpp"

namespace nacre {

// --- attributes ---------------------------------------------------------------------------------------------------

const Attribute* Attributes::find(std::string_view name) const {
  for (const auto& [key, value] : entries_) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Attributes::set(std::string_view name, Attribute value) {
  for (auto& [key, existing] : entries_) {
    if (key == name) {
      existing = std::move(value);
      return;
    }
  }
  entries_.emplace_back(std::string(name), std::move(value));
}

void Attributes::erase(std::string_view name) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first == name; });
}

namespace {

template <class T>
const T* typed(const Attributes& attributes, std::string_view name, const char* expected) {
  const Attribute* attribute = attributes.find(name);
  if (attribute == nullptr) return nullptr;
  const T* value = std::get_if<T>(attribute);
  if (value == nullptr) throw UserError("attribute '" + std::string(name) + "' has another type, expected " + expected);
  return value;
}

}  // namespace

int64_t Attributes::integer(std::string_view name, int64_t fallback) const {
  const int64_t* value = typed<int64_t>(*this, name, "an integer");
  return value == nullptr ? fallback : *value;
}

float Attributes::real(std::string_view name, float fallback) const {
  const float* value = typed<float>(*this, name, "a float");
  return value == nullptr ? fallback : *value;
}

std::string_view Attributes::text(std::string_view name, std::string_view fallback) const {
  const std::string* value = typed<std::string>(*this, name, "a string");
  return value == nullptr ? fallback : std::string_view(*value);
}

std::span<const int64_t> Attributes::integers(std::string_view name) const {
  const auto* value = typed<std::vector<int64_t>>(*this, name, "a list of integers");
  return value == nullptr ? std::span<const int64_t>{} : std::span<const int64_t>(*value);
}

std::span<const float> Attributes::reals(std::string_view name) const {
  const auto* value = typed<std::vector<float>>(*this, name, "a list of floats");
  return value == nullptr ? std::span<const float>{} : std::span<const float>(*value);
}

const Tensor* Attributes::tensor(std::string_view name) const { return typed<Tensor>(*this, name, "a tensor"); }

// --- building -----------------------------------------------------------------------------------------------------

Graph::Graph() : scopes_{""} {}

void Graph::fail_id(int32_t id, size_t size) {
  throw InternalError("internal error: id " + std::to_string(id) + " of " + std::to_string(size) + " in a graph");
}

const Initializer* Graph::initializer_of(ValueId id) const {
  const int32_t index = value(id).initializer;
  return index == kNone ? nullptr : &initializers_[static_cast<size_t>(index)];
}

const Tensor* Graph::constant(ValueId id) const {
  const Initializer* initializer = id == kNone ? nullptr : initializer_of(id);
  return initializer == nullptr ? nullptr : initializer->data.get();
}

bool Graph::is_input(ValueId id) const { return std::ranges::find(inputs, id) != inputs.end(); }

ValueId Graph::add_value(Value value) {
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId Graph::add_input(std::string name, ElementType type, Shape shape) {
  const ValueId id = add_value({.name = std::move(name), .type = type, .shape = shape, .format = ""});
  inputs.push_back(id);
  return id;
}

ValueId Graph::add_initializer(std::string name, Tensor data, bool trainable) {
  return add_initializer(std::move(name), std::make_shared<const Tensor>(std::move(data)), trainable);
}

ValueId Graph::add_initializer(std::string name, std::shared_ptr<const Tensor> data, bool trainable) {
  const ValueId id = add_value({.name = std::move(name), .type = data->type(), .shape = data->shape()});
  values_.back().initializer = static_cast<int32_t>(initializers_.size());
  initializers_.push_back({.value = id, .data = std::move(data), .distribution = {}, .trainable = trainable});
  return id;
}

ValueId Graph::add_parameter(std::string name, ElementType type, const Shape& shape, Distribution distribution,
                             bool trainable) {
  const auto id = static_cast<ValueId>(values_.size());
  Value& value = values_.emplace_back();
  value.name = std::move(name);
  value.type = type;
  value.shape.emplace(shape);
  value.initializer = static_cast<int32_t>(initializers_.size());
  initializers_.push_back({.value = id, .data = nullptr, .distribution = distribution, .trainable = trainable});
  return id;
}

void Graph::reserve(size_t node_count, size_t value_count) {
  nodes_.reserve(node_count);
  values_.reserve(value_count);
  initializers_.reserve(value_count);
}

NodeId Graph::add_node(std::string_view op, std::vector<ValueId> node_inputs, int output_count, Attributes attributes,
                       std::string_view domain) {
  for (const ValueId input : node_inputs) {
    if (input != kNone) check(input, values_.size());
  }
  const auto id = static_cast<NodeId>(nodes_.size());
  Node& node = nodes_.emplace_back();
  node.schema = find_operator(op, domain);
  node.op = op;
  node.domain = domain;
  node.inputs = std::move(node_inputs);
  node.attributes = std::move(attributes);
  node.scope = current_scope;
  node.outputs.reserve(static_cast<size_t>(output_count));
  for (int i = 0; i < output_count; ++i) {
    Value& value = values_.emplace_back();
    value.producer = id;
    value.output_index = i;
    node.outputs.push_back(static_cast<ValueId>(values_.size() - 1));
  }
  return id;
}

void Graph::add_output(ValueId id, std::string output_name) {
  if (!output_name.empty()) value(id).name = std::move(output_name);
  outputs.push_back(id);
}

// --- scopes and symbols -------------------------------------------------------------------------------------------

int32_t Graph::add_scope(std::string_view path) {
  // The newest scope is nearly always the one asked for again.
  for (size_t i = scopes_.size(); i-- > 0;) {
    if (scopes_[i] == path) return static_cast<int32_t>(i);
  }
  scopes_.emplace_back(path);
  return static_cast<int32_t>(scopes_.size() - 1);
}

Dim Graph::symbol(std::string_view symbol_name) {
  for (size_t i = 0; i < symbols_.size(); ++i) {
    if (symbols_[i] == symbol_name) return Dim::symbol(static_cast<int32_t>(i));
  }
  symbols_.emplace_back(symbol_name);
  return Dim::symbol(static_cast<int32_t>(symbols_.size() - 1));
}

const std::string& Graph::symbol_name(Dim dim) const { return symbols_[check(dim.symbol_index(), symbols_.size())]; }

std::string Graph::dim_text(Dim dim) const {
  if (dim.is_fixed()) return std::to_string(dim.extent());
  return dim.is_symbol() ? symbol_name(dim) : "?";
}

std::string Graph::shape_text(const Shape& shape) const {
  std::string text = "[";
  for (int axis = 0; axis < shape.rank(); ++axis) text += (axis == 0 ? "" : ",") + dim_text(shape[axis]);
  return text + "]";
}

// --- editing ------------------------------------------------------------------------------------------------------

void Graph::replace_uses(ValueId from, ValueId to) {
  for (Node& node : nodes_) {
    if (node.dead) continue;
    std::ranges::replace(node.inputs, from, to);
    for (Body& body : node.bodies) std::ranges::replace(body.captures, from, to);
  }
  std::ranges::replace(outputs, from, to);
  for (State& state : states) {
    if (state.output == from) state.output = to;
  }
}

std::vector<std::vector<NodeId>> Graph::consumers() const {
  std::vector<std::vector<NodeId>> result(values_.size());
  const auto note = [&](ValueId id, NodeId reader) {
    if (id == kNone) return;
    auto& readers = result[static_cast<size_t>(id)];
    if (readers.empty() || readers.back() != reader) readers.push_back(reader);
  };
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].dead) continue;
    for (const ValueId id : nodes_[i].inputs) note(id, static_cast<NodeId>(i));
    for (const Body& body : nodes_[i].bodies) {
      for (const ValueId id : body.captures) note(id, static_cast<NodeId>(i));
    }
  }
  return result;
}

void Graph::compact() {
  std::vector<char> used(values_.size(), 0);
  const auto use = [&](ValueId id) {
    if (id != kNone) used[static_cast<size_t>(id)] = 1;
  };
  for (const ValueId id : inputs) use(id);
  for (const ValueId id : outputs) use(id);
  for (const State& state : states) use(state.input), use(state.output);
  for (const Node& node : nodes_) {
    if (node.dead) continue;
    for (const ValueId id : node.inputs) use(id);
    for (const ValueId id : node.outputs) use(id);
    for (const Body& body : node.bodies) std::ranges::for_each(body.captures, use);
  }
  std::vector<NodeId> new_node(nodes_.size(), kNone);
  std::vector<Node> nodes;
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].dead) continue;
    new_node[i] = static_cast<NodeId>(nodes.size());
    nodes.push_back(std::move(nodes_[i]));
  }
  std::vector<ValueId> new_value(values_.size(), kNone);
  std::vector<Value> values;
  std::vector<Initializer> initializers;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (used[i] == 0) continue;
    new_value[i] = static_cast<ValueId>(values.size());
    Value& value = values_[i];
    if (value.producer != kNone) value.producer = new_node[static_cast<size_t>(value.producer)];
    if (value.initializer != kNone) {
      initializers.push_back(std::move(initializers_[static_cast<size_t>(value.initializer)]));
      initializers.back().value = new_value[i];
      value.initializer = static_cast<int32_t>(initializers.size() - 1);
    }
    values.push_back(std::move(value));
  }
  const auto renumber = [&](ValueId& id) {
    if (id != kNone) id = new_value[static_cast<size_t>(id)];
  };
  for (Node& node : nodes) {
    std::ranges::for_each(node.inputs, renumber);
    std::ranges::for_each(node.outputs, renumber);
    for (Body& body : node.bodies) std::ranges::for_each(body.captures, renumber);
  }
  std::ranges::for_each(inputs, renumber);
  std::ranges::for_each(outputs, renumber);
  for (State& state : states) renumber(state.input), renumber(state.output);
  values_ = std::move(values);
  nodes_ = std::move(nodes);
  initializers_ = std::move(initializers);
}

void Graph::sort() {
  // Kahn's algorithm over the original order: the first ready node in the old order comes first.
  const auto readers = consumers();
  std::vector<int> missing(nodes_.size(), 0);
  for (size_t v = 0; v < values_.size(); ++v) {
    if (values_[v].producer == kNone || nodes_[static_cast<size_t>(values_[v].producer)].dead) continue;
    for (const NodeId reader : readers[v]) ++missing[static_cast<size_t>(reader)];
  }
  std::vector<NodeId> order;
  std::vector<NodeId> heap;
  const auto later = std::greater<NodeId>{};
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (missing[i] == 0) heap.push_back(static_cast<NodeId>(i));
  }
  std::ranges::make_heap(heap, later);
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, later);
    const NodeId id = heap.back();
    heap.pop_back();
    order.push_back(id);
    if (node(id).dead) continue;
    for (const ValueId output : node(id).outputs) {
      for (const NodeId reader : readers[static_cast<size_t>(output)]) {
        if (--missing[static_cast<size_t>(reader)] == 0) {
          heap.push_back(reader);
          std::ranges::push_heap(heap, later);
        }
      }
    }
  }
  if (order.size() != nodes_.size()) {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (missing[i] > 0) throw UserError(node_text(*this, static_cast<NodeId>(i)) + " is part of a cycle");
    }
  }
  std::vector<NodeId> position(nodes_.size());
  std::vector<Node> nodes;
  nodes.reserve(nodes_.size());
  for (size_t i = 0; i < order.size(); ++i) {
    position[static_cast<size_t>(order[i])] = static_cast<NodeId>(i);
    nodes.push_back(std::move(nodes_[static_cast<size_t>(order[i])]));
  }
  nodes_ = std::move(nodes);
  for (Value& value : values_) {
    if (value.producer != kNone) value.producer = position[static_cast<size_t>(value.producer)];
  }
}

Graph::Checkpoint Graph::checkpoint() const {
  return {values_.size(),  nodes_.size(),  initializers_.size(), scopes_.size(),
          symbols_.size(), outputs.size(), inputs.size(),        current_scope};
}

void Graph::rollback(const Checkpoint& mark) {
  NACRE_CHECK(mark.values <= values_.size() && mark.nodes <= nodes_.size());
  values_.resize(mark.values);
  nodes_.resize(mark.nodes);
  initializers_.resize(mark.initializers);
  scopes_.resize(mark.scopes);
  symbols_.resize(mark.symbols);
  outputs.resize(mark.outputs);
  inputs.resize(mark.inputs);
  current_scope = mark.current_scope;
}

// --- texts --------------------------------------------------------------------------------------------------------

std::string node_text(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::string place = node.name;
  if (place.empty()) {
    const std::string& scope = graph.scope(node.scope);
    place = (scope.empty() ? "" : scope + "/") + node.op + "_" + std::to_string(id);
  }
  return "node '" + place + "' (" + (node.domain.empty() ? "" : node.domain + ".") + node.op + ")";
}

std::string value_text(const Graph& graph, ValueId id) {
  if (id == kNone) return "nothing";
  const Value& value = graph.value(id);
  if (!value.name.empty()) return value.name;
  if (value.producer == kNone) return "value_" + std::to_string(id);
  const Node& node = graph.node(value.producer);
  const std::string& scope = graph.scope(node.scope);
  return (scope.empty() ? "" : scope + "/") + node.op + "_" + std::to_string(value.producer) +
         (value.output_index == 0 ? "" : "_" + std::to_string(value.output_index));
}

}  // namespace nacre
