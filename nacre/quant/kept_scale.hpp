// Scales as they are kept: coded, and what the codes mean. A unit with a number that is infinite or none has the scale
// not-a-number, and all of it decodes to not-a-number; a unit of zeros has the lowest scale and decodes to zeros.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/quant/format.hpp"

namespace nacre {

struct KeptScale {
  uint32_t code = 0;  // scale_bits() of the codec
  float scale = 0;  // what elements are divided by and multiplied with; of nv with the tensor's. 0: all elements are 0
};

// The scale of a code. `tensor_scale` is used by nv.
float scale_of_code(ScaleCodec codec, uint32_t code, float tensor_scale);
// The scale nearest to `wanted` >= 0, at most the largest whose product with `largest` is finite; not of e8m0 and nv.
KeptScale keep_scale(ScaleCodec codec, float wanted, float largest);
KeptScale keep_exponent(int exponent);  // e8m0
KeptScale not_a_number_scale(ScaleCodec codec);

// nv: the tensor's scale, so that the largest block has the largest E4M3 scale, and a block's.
float nv_tensor_scale(float tensor_amax, float largest);
KeptScale nv_block_scale(float block_amax, float largest, float tensor_scale);

// The scale of one unit by the format's range estimator. `tensor_scale` is nv's.
KeptScale unit_scale(const Format& format, std::span<const float> values, float tensor_scale);

}  // namespace nacre
