// One node of a graph, or a few that belong together, as a graph of its own, so that it can be measured alone.
#pragma once

#include <optional>
#include <span>

#include "nacre/ir/graph.hpp"

namespace nacre {

// Inputs are the activations that the nodes read from outside, with their types, shapes and formats; constants and parameters
// come along with their data. Results that somebody outside reads, or nobody, are outputs. Nothing when a node has nested
// graphs, is opaque, or has a shape that is not fixed. `ids` are in topological order.
std::optional<Graph> node_group_graph(const Graph& graph, std::span<const NodeId> ids);
std::optional<Graph> single_node_graph(const Graph& graph, NodeId id);

}  // namespace nacre
