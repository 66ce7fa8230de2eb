// Which nodes of a graph a batch norm can be run together with: a residual sum behind it and the activation behind that.
#pragma once

#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/nn/kernels/norm_activation.hpp"

namespace nacre {

struct NormFusion {
  NodeId norm = kNone;
  ValueId residual = kNone;  // the other operand of the sum, kNone without one
  kernels::FusedActivation activation = kernels::FusedActivation::none;
  NodeId last = kNone;  // where the fused step stands: its inputs are ready there
  ValueId output = kNone;
  std::vector<NodeId> covered;  // all of them, norm first
};

// One per BatchNormalization of one output; activation none and no residual where nothing follows.
std::vector<NormFusion> find_norm_fusions(const Graph& graph);

}  // namespace nacre
