// Operators of opset 21, written in the form of an older opset. Internal to the ONNX sources.
#pragma once

#include <string>

#include "nacre/ir/graph.hpp"

namespace nacre {

// The oldest opset, 17 or later, in which the node can be said and read back as itself. UserError for what opset 21 has
// no way to say.
int required_opset(const Graph& graph, const Node& node);
// Operator, inputs and attributes as `opset` (>= required_opset) writes them.
Node lowered(const Graph& graph, const Node& node, int opset);

}  // namespace nacre
