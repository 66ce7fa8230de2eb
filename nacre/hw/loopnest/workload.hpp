// An operator as an iteration space: loop dimensions, and for each tensor an affine projection of them (an einsum with windows).
// Not a kind in a list: a new operator is data. Convolution: input row = stride * P + dilation * R.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/design/accelerator.hpp"

namespace nacre {

inline constexpr int kMaximumLoopDimensions = 12;
inline constexpr int kMaximumWorkloadTensors = 4;

struct LoopDimension {
  std::string name;  // "K"
  int64_t size = 1;
};

struct ProjectionTerm {
  int dimension = 0;
  int64_t coefficient = 1;
};

// One axis of a tensor: the sum of its terms. An axis of several terms is a window, whose successive tiles overlap.
struct TensorAxis {
  std::vector<ProjectionTerm> terms;
};

struct WorkloadTensor {
  std::string name;  // "Inputs"
  TensorRole role = TensorRole::inputs;
  std::vector<TensorAxis> axes = {};
  int64_t bits = 16;             // of one element where it is stored
  std::string format = "int16";  // number format
  double density = 1.0;          // share of elements that are not zero
};

struct Workload {
  std::string name;
  std::vector<LoopDimension> dimensions = {};
  std::vector<WorkloadTensor> tensors =
      {};                         // exactly one has the role outputs; dimensions that it lacks are reduced over
  int64_t partial_sum_bits = 16;  // of an output that is not finished

  int64_t points() const;  // product of the sizes: multiply-accumulates. UserError on overflow
};

}  // namespace nacre
