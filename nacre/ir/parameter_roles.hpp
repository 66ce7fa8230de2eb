// What an initializer of a foreign model is to training: ONNX does not say whether a tensor is a weight, a running
// statistic or a constant, so it is read off the operators that use it.
#pragma once

#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct ParameterRole {
  bool trainable = false;
  Distribution distribution;
  bool operator==(const ParameterRole&) const = default;
};

// By initializer index. Trainable: floating point, not a scalar, and never read as a setting (the limits of Clip, the
// scales of Resize, the value of Pad) or as a running statistic of BatchNormalization. Absent weights get the usual
// distributions (Kaiming for matrices and kernels; 0 for vectors, 1 for the scale of a normalization).
std::vector<ParameterRole> infer_parameter_roles(const Graph& graph);

// From which a network of this structure would be trained from scratch, by initializer index: what an initializer says itself,
// else He's for matrices and kernels (He et al., ICCV 2015), 0 for vectors, 1 for the scale of a normalization, 0 and 1 for
// running statistics. None for what no training sets, and for factors, which keep their values.
std::vector<Distribution> fresh_distributions(const Graph& graph);

}  // namespace nacre
