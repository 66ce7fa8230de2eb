// Removes nodes from which no output can be reached, and parameters nobody reads.
#include <vector>

#include "nacre/ir/rewrites/rewrites.hpp"

namespace nacre::rewrites {

int remove_dead_code(Graph& graph) {
  std::vector<char> live(graph.values().size(), 0);
  const auto use = [&](ValueId id) {
    if (id != kNone) live[static_cast<size_t>(id)] = 1;
  };
  for (const ValueId id : graph.inputs) use(id);
  for (const ValueId id : graph.outputs) use(id);
  for (const State& state : graph.states) use(state.input), use(state.output);
  int count = 0;
  for (size_t i = graph.nodes().size(); i-- > 0;) {
    Node& node = graph.nodes()[i];
    if (node.dead) continue;
    bool needed = false;
    for (const ValueId id : node.outputs) needed = needed || (id != kNone && live[static_cast<size_t>(id)] != 0);
    if (!needed) {
      node.dead = true;
      ++count;
      continue;
    }
    for (const ValueId id : node.inputs) use(id);
    for (const Body& body : node.bodies) {
      for (const ValueId id : body.captures) use(id);
    }
  }
  for (const Initializer& initializer : graph.initializers()) {
    if (live[static_cast<size_t>(initializer.value)] == 0) ++count;  // dropped by compact()
  }
  return count + rewrite_bodies(graph, remove_dead_code);
}

}  // namespace nacre::rewrites
