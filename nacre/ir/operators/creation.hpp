// What Constant and Range mean, for inference, kernels and partial evaluation.
#pragma once

#include "nacre/ir/graph.hpp"

namespace nacre::operators {

// The tensor of a Constant node, whichever attribute holds it. UserError when none does.
Tensor constant_value(const Node& node);

// Elements of Range: max(0, ceil((limit - start) / delta)). UserError for a delta of 0.
int64_t range_length(double start, double limit, double delta);

}  // namespace nacre::operators
