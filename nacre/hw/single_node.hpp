// One node of a graph as a graph of its own, so that it can be measured alone.
#pragma once

#include <optional>

#include "nacre/ir/graph.hpp"

namespace nacre {

// Inputs are the activations that the node reads, with their types and shapes; constants and parameters come along with
// their data. Nothing for nodes with nested graphs, opaque ones, and those whose shapes are not fixed.
std::optional<Graph> single_node_graph(const Graph& graph, NodeId id);

}  // namespace nacre
