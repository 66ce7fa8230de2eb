#include <algorithm>

#include "nacre/ir/rewrites/rewrites.hpp"

namespace nacre::rewrites {

int rewrite_bodies(Graph& graph, int (*rewrite)(Graph&)) {
  int count = 0;
  for (Node& node : graph.nodes()) {
    if (node.dead) continue;
    for (Body& body : node.bodies) {
      auto copy = std::make_shared<Graph>(*body.graph);
      const int applied = rewrite(*copy);
      if (applied == 0) continue;
      count += applied;
      copy->compact();
      body.graph = std::move(copy);
    }
  }
  return count;
}

bool replace_result(Graph& graph, ValueId result, ValueId source) {
  const Value& from = graph.value(result);
  const Value& to = graph.value(source);
  if (from.format != to.format) return false;
  if (from.type != ElementType::undefined && to.type != from.type) return false;
  const bool is_output = std::ranges::find(graph.outputs, result) != graph.outputs.end();
  if (is_output) {
    const bool source_is_output = std::ranges::find(graph.outputs, source) != graph.outputs.end();
    if (source_is_output || to.producer == kNone || from.shape != to.shape) return false;
    graph.value(source).name = from.name;
  }
  const NodeId node = from.producer;
  graph.replace_uses(result, source);
  graph.kill_node(node);
  return true;
}

void take_over(Graph& graph, ValueId result, ValueId source) {
  const Value& from = graph.value(result);
  const NodeId node = from.producer;
  graph.value(source).name = from.name;
  graph.value(source).format = from.format;
  graph.replace_uses(result, source);
  graph.kill_node(node);
}

ValueId replaced_parameter(Graph& graph, ValueId old, Tensor data, const std::vector<int32_t>& uses,
                           const std::string& name) {
  if (old == kNone) return graph.add_initializer(unused_name(graph, name), std::move(data), true);
  const bool trainable = graph.initializer_of(old)->trainable;
  const std::string own_name = graph.value(old).name;
  const bool is_shared = static_cast<size_t>(old) < uses.size() && uses[static_cast<size_t>(old)] > 1;
  if (!is_shared) graph.value(old).name.clear();
  return graph.add_initializer(unused_name(graph, own_name), std::move(data), trainable);
}

std::string unused_name(const Graph& graph, const std::string& wish) {
  std::string name = wish;
  const auto taken = [&](const std::string& candidate) {
    return std::ranges::any_of(graph.values(), [&](const Value& value) { return value.name == candidate; });
  };
  for (int i = 1; taken(name); ++i) name = wish + "_" + std::to_string(i);
  return name;
}

const Tensor* fixed_constant(const Graph& graph, ValueId id) {
  if (id == kNone) return nullptr;
  const Initializer* initializer = graph.initializer_of(id);
  if (initializer == nullptr || initializer->trainable || initializer->distribution.kind != Distribution::Kind::none)
    return nullptr;
  return initializer->data.get();
}

bool same_known_shape(const Graph& graph, ValueId a, ValueId b) {
  const std::optional<Shape>& left = graph.value(a).shape;
  const std::optional<Shape>& right = graph.value(b).shape;
  if (!left.has_value() || !right.has_value() || *left != *right) return false;
  return std::ranges::none_of(*left, [](Dim dim) { return dim.is_unknown(); });
}

std::vector<int32_t> count_uses(const Graph& graph) {
  std::vector<int32_t> uses(graph.values().size(), 0);
  const auto use = [&](ValueId id) {
    if (id != kNone) ++uses[static_cast<size_t>(id)];
  };
  for (const Node& node : graph.nodes()) {
    if (node.dead) continue;
    for (const ValueId id : node.inputs) use(id);
    for (const Body& body : node.bodies) {
      for (const ValueId id : body.captures) use(id);
    }
  }
  for (const ValueId id : graph.outputs) use(id);
  return uses;
}

NodeId private_producer(const Graph& graph, ValueId id, const std::vector<int32_t>& uses) {
  const Value& value = graph.value(id);
  if (value.producer == kNone || uses[static_cast<size_t>(id)] != 1 || !value.format.empty()) return kNone;
  if (graph.node(value.producer).dead || std::ranges::find(graph.outputs, id) != graph.outputs.end()) return kNone;
  return value.producer;
}

}  // namespace nacre::rewrites
