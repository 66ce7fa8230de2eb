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

}  // namespace nacre::rewrites
