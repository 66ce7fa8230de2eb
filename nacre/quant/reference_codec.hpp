// The codec element by element, by search in the grid's list: plain and right, for every format. It judges block_kernel.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/quant/format.hpp"
#include "nacre/quant/scale_unit.hpp"

namespace nacre {

struct UnpackedTensor {
  std::vector<uint16_t> codes;        // of elements
  std::vector<uint32_t> scale_codes;  // of units; empty without scales
  std::vector<uint16_t> zero_points;  // codes of the zero points of units; empty unless affine
  float tensor_scale = 1;
};

// Without rotation. Preconditions: the format has codes, and `units` are of its scheme and the values.
UnpackedTensor reference_encode(std::span<const float> values, const ScaleUnits& units, const Format& format,
                                uint64_t seed);
void reference_decode(const UnpackedTensor& tensor, const ScaleUnits& units, const Format& format,
                      std::span<float> out);

}  // namespace nacre
