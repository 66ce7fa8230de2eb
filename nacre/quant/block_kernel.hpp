// The vector part of quantize.hpp: rounds and encodes runs of numbers with one scale, and rows of blocks with scales of their own, for
// grids whose rounding is arithmetic. Compiled for several instruction sets, of which the processor's is taken as the program
// starts; every one gives bit for bit what reference_codec.hpp gives.
//
// To round y to multiples of a step, a constant C = 1.5 * 2^23 steps is added and taken away: the sum has no room for less than a step
// and rounds to the nearest, ties to even. The step of a float grid is that of y's own exponent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "nacre/quant/format.hpp"

namespace nacre {

struct KernelGrid {
  bool floating = false;
  int bits = 0, mantissa_bits = 0;
  int32_t least_exponent = 0;  // floating: of the smallest normal number, with the bias of 32-bit floats
  float step_constant = 0;     // uniform: C
  float lowest = 0, largest = 0;
};

// Nothing for grids and roundings that only the reference knows.
std::optional<KernelGrid> kernel_grid(const Format& format);

// The bits of max |x|; at least those of infinity when a number is infinite or none.
uint32_t magnitude_bits(std::span<const float> values);

// out = scale * Q(x / scale). Preconditions: finite numbers, scale > 0 and finite. `out` may be `values`.
void round_run(const KernelGrid& grid, std::span<const float> values, std::span<float> out, float scale);
// One code of up to 8 bits to a byte.
void encode_run(const KernelGrid& grid, std::span<const float> values, std::span<uint8_t> codes, float scale);

// Blocks of `block` numbers, the last may be shorter; scales by `format`'s scheme and range minmax. `tensor_scale` is nv's.
struct BlockScales {
  const Format& format;
  int64_t block = 0;
  float tensor_scale = 1;
};
void round_blocks(const KernelGrid& grid, const BlockScales& scales, std::span<const float> values,
                  std::span<float> out);
// The scales' codes go to `scale_codes`, one for each block.
void encode_blocks(const KernelGrid& grid, const BlockScales& scales, std::span<const float> values,
                   std::span<uint8_t> codes, std::span<uint32_t> scale_codes);

// Two 4-bit codes to a byte, the first low; `codes` are of even number.
void pack_nibbles(std::span<const uint8_t> codes, std::span<uint8_t> bytes);

}  // namespace nacre
