// If, Loop and Scan on libtorch: each body is an executor of its own, called with the values that the node gives it and those
// it captures. Gradients flow through both. Parameters inside a body keep the values of the graph; to train them, put them
// into the graph around, where the body captures them. Internal.
#pragma once

#include "nacre/nn/torch_executor.hpp"

namespace nacre {

bool is_control_flow(const Node& node);

// The kernel takes the node's inputs, then the captures of its bodies, in order. UserError that names what a body cannot run.
TorchKernel make_control_flow(const Graph& graph, NodeId id, const Numerics& numerics);

// Node inputs and captures, as the kernel takes them.
std::vector<ValueId> control_flow_inputs(const Node& node);

}  // namespace nacre
