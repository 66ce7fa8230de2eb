#include "nacre/quant/kept_scale.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/ir/small_float.hpp"
#include "nacre/ir/tensor.hpp"
#include "nacre/quant/range_estimator.hpp"

namespace nacre {
namespace {

constexpr float kNotANumber = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargestE4m3 = 448;
constexpr uint32_t kE4m3NotANumber = 0x7f;
constexpr int kExponentWindow = 2;  // around the rule's, searched by range mse (n-BQ-NN)

uint32_t code_of(ScaleCodec codec, float scale) {
  if (codec == ScaleCodec::fp32) return std::bit_cast<uint32_t>(scale);
  return codec == ScaleCodec::fp16 ? float_to_half(scale) : float_to_bfloat16(scale);
}

double squared_error(const Format& format, std::span<const float> values, float scale) {
  const ElementGrid& grid = *format.grid;
  double sum = 0;
  for (const float value : values) {
    const float level = scale > 0 ? grid.levels[grid.round(value / scale, grid.rounding)].value : 0;
    const double error = static_cast<double>(scale) * level - value;
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

KeptScale exponent_scale(const Format& format, std::span<const float> values, float amax) {
  const float largest = format.grid->largest;
  if (format.range == "minmax") return keep_exponent(scale_exponent(amax, largest, format.scale.rule));
  if (format.range == "mse") {
    const int middle = scale_exponent(amax, largest, format.scale.rule);
    KeptScale best = keep_exponent(middle);
    double least = squared_error(format, values, best.scale);
    for (int step = -kExponentWindow; step <= kExponentWindow; ++step) {
      const KeptScale kept = keep_exponent(middle + step);
      const double error = squared_error(format, values, kept.scale);
      if (error < least) {
        least = error;
        best = kept;
      }
    }
    return best;
  }
  const RangeQuestion question{.values = values, .grid = *format.grid, .argument = format.percentile, .error = nullptr};
  const float scale = range_estimator_registry().get(format.range).make(question);
  return keep_exponent(scale > 0 ? scale_exponent(scale, 1, format.scale.rule) : -kE8m0Bias);
}

}  // namespace

float scale_of_code(ScaleCodec codec, uint32_t code, float tensor_scale) {
  switch (codec) {
    case ScaleCodec::fp32: return std::bit_cast<float>(code);
    case ScaleCodec::fp16: return half_to_float(static_cast<uint16_t>(code));
    case ScaleCodec::bf16: return bfloat16_to_float(static_cast<uint16_t>(code));
    case ScaleCodec::e8m0:
      return code == kE8m0NotANumber ? kNotANumber : std::ldexp(1.0f, static_cast<int>(code) - kE8m0Bias);
    case ScaleCodec::nv:
      return small_float_to_float(ElementType::float8_e4m3fn, static_cast<uint8_t>(code)) * tensor_scale;
  }
  throw InternalError("a codec of scales without a meaning");
}

KeptScale keep_scale(ScaleCodec codec, float wanted, float largest) {
  wanted = std::min(wanted, std::numeric_limits<float>::max());
  const bool half = codec == ScaleCodec::fp16;
  if (half) wanted = std::min(wanted, 65504.0f);
  KeptScale kept{.code = code_of(codec, wanted)};
  kept.scale = scale_of_code(codec, kept.code, 1);
  // Rounding up must not carry the largest number beyond what floats hold.
  while (kept.scale > 0 && !std::isfinite(kept.scale * largest)) kept.scale = scale_of_code(codec, --kept.code, 1);
  return kept;
}

KeptScale keep_exponent(int exponent) {
  const auto code = static_cast<uint32_t>(std::clamp(exponent, -kE8m0Bias, kE8m0Bias) + kE8m0Bias);
  return {code, scale_of_code(ScaleCodec::e8m0, code, 1)};
}

KeptScale not_a_number_scale(ScaleCodec codec) {
  if (codec == ScaleCodec::e8m0) return {kE8m0NotANumber, kNotANumber};
  if (codec == ScaleCodec::nv) return {kE4m3NotANumber, kNotANumber};
  return {code_of(codec, kNotANumber), kNotANumber};
}

float nv_tensor_scale(float tensor_amax, float largest) { return tensor_amax / largest / kLargestE4m3; }

KeptScale nv_block_scale(float block_amax, float largest, float tensor_scale) {
  if (!(tensor_scale > 0)) return {};
  const uint32_t code = float_to_small_float(ElementType::float8_e4m3fn, block_amax / largest / tensor_scale);
  return {code, scale_of_code(ScaleCodec::nv, code, tensor_scale)};
}

KeptScale unit_scale(const Format& format, std::span<const float> values, float tensor_scale) {
  const ScaleCodec codec = format.scale.codec;
  float amax = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) return not_a_number_scale(codec);
    amax = std::max(amax, std::fabs(value));
  }
  if (amax == 0) return {};
  const float largest = format.grid->largest;
  if (codec == ScaleCodec::nv) return nv_block_scale(amax, largest, tensor_scale);
  if (codec == ScaleCodec::e8m0) return exponent_scale(format, values, amax);
  const RangeQuestion question{
      .values = values, .grid = *format.grid, .argument = format.percentile, .error = [&](float scale) {
        return squared_error(format, values, keep_scale(codec, scale, largest).scale);
      }};
  return keep_scale(codec, range_estimator_registry().get(format.range).make(question), largest);
}

}  // namespace nacre
