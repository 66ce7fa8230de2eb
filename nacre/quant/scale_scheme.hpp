// Which elements share a scale, and how the scale is kept. An element x is stored as round(x / scale) on the grid.
//
// Rules for power-of-two scales s' of a unit whose largest magnitude is amax, for a grid whose largest number is Qmax:
//
//   ceil   the least power of two >= amax / Qmax: nothing is clipped (INT v.s. FP, arXiv 2510.25602, equation for E8M0)
//   floor  2^(floor(log2 amax) - floor(log2 Qmax)): OCP MX v1.0; the largest elements may be clipped
//   round  the power of two nearest to amax / Qmax; for Qmax = 1 the exponent of INQ, floor(log2(4 amax / 3))
//
// All three are exact: they compare bits, and no logarithm is taken.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "nacre/base/options.hpp"
#include "nacre/base/registry.hpp"

namespace nacre {

enum class Granularity {
  none,     // no scale: the grid as it is
  tensor,   // one scale
  channel,  // one for each index of the axis
  token,    // one for each row along the axis
  block,    // one for each `block` neighbors along the axis; the last may be shorter
};

enum class ScaleCodec {
  fp32,
  fp16,
  bf16,
  e8m0,  // 2^(code - 127), code 255 is not-a-number
  nv,    // E4M3 for each block, times one fp32 for the tensor
};

enum class ScaleRule { ceil, floor, round };

struct ScaleScheme {
  Granularity granularity = Granularity::tensor;
  int64_t block = 0;  // elements, of Granularity::block
  ScaleCodec codec = ScaleCodec::fp32;
  ScaleRule rule = ScaleRule::ceil;  // of e8m0
  bool affine = false;               // with a zero point: x = scale (q - zero)
};

int scale_bits(ScaleCodec codec);  // of one scale; of nv without the tensor's
const std::string& scale_codec_name(ScaleCodec codec);
const std::string& scale_rule_name(ScaleRule rule);

inline constexpr int kE8m0Bias = 127;
inline constexpr uint8_t kE8m0NotANumber = 255;

// The exponent of the power-of-two scale, within [-127, 127]. Precondition: amax and largest are finite and above 0.
int scale_exponent(float amax, float largest, ScaleRule rule);

using ScaleSchemeFactory = std::function<ScaleScheme(const Options& options)>;
using ScaleSchemeRegistry = Registry<ScaleSchemeFactory>;
const ScaleSchemeRegistry& scale_scheme_registry();

// Called by register.cpp only.
void register_scale_schemes(ScaleSchemeRegistry& registry);

}  // namespace nacre
