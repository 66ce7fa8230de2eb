// Whole tensors by the vector kernels of block_kernel.hpp, where scales lie so that these can run: one scale, channels of long runs,
// rows, and blocks along the last axis, found by minmax. Everything else is left to the reference.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nacre/quant/format.hpp"
#include "nacre/quant/scale_unit.hpp"

namespace nacre {

// Whether it was done. `out` may be `values`.
bool kernel_round(std::span<const float> values, std::span<float> out, const ScaleUnits& units, const Format& format);

struct KernelEncoded {
  std::vector<uint8_t> codes;  // packed
  std::vector<uint32_t> scale_codes;
  float tensor_scale = 1;
};

// Of formats of at most 8 bits.
std::optional<KernelEncoded> kernel_encode(std::span<const float> values, const ScaleUnits& units,
                                           const Format& format);

}  // namespace nacre
