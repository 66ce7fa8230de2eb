// Tensors in a number format: encoded to packed bytes, decoded, or rounded in place.
//
// `axis` (counted from the end when negative) is what blocks and tokens run along, the summed axis of a product, and whose indices
// channels are. Rounding is to the grid of x / scale, both 32-bit floats; decoding is one multiplication.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/quant/format.hpp"

namespace nacre {

struct QuantizedTensor {
  Format format;
  std::vector<int64_t> shape;
  int axis = -1;
  uint64_t seed = 0;                       // of the rotation and of stochastic rounding
  std::vector<uint8_t> codes = {};         // packed (bit_packing.hpp) in the order of the elements
  std::vector<uint8_t> scales = {};        // one after the other in the order of units (scale_unit.hpp), little-endian
  std::vector<uint16_t> zero_points = {};  // of affine formats: codes, one for each scale
  float tensor_scale = 1;                  // of nv
};

// `values` in row-major order. UserError for a format without codes, an axis that is none, or a shape of another size.
QuantizedTensor quantize(std::span<const float> values, std::span<const int64_t> shape, int axis, const Format& format,
                         uint64_t seed = 0);
std::vector<float> dequantize(const QuantizedTensor& tensor);
// dequantize(quantize(values)), without the bytes: bit for bit the same. `out` may be `values`.
void fake_quantize(std::span<const float> values, std::span<float> out, std::span<const int64_t> shape, int axis,
                   const Format& format, uint64_t seed = 0);

// Bits of codes, scales and zero points, without padding. 0 for an empty tensor.
int64_t storage_bits(std::span<const int64_t> shape, int axis, const Format& format);

}  // namespace nacre
