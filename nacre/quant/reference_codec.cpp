#include "nacre/quant/reference_codec.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/random.hpp"
#include "nacre/quant/kept_scale.hpp"
#include "nacre/quant/range_estimator.hpp"

namespace nacre {
namespace {

// In [0, 1), of the element alone: the order of the work does not matter.
double draw_of(uint64_t seed, int64_t index) {
  return static_cast<double>(mix_seed(seed, static_cast<uint64_t>(index)) >> 11) * 0x1p-53;
}

struct AffineRange {
  KeptScale scale;
  int zero = 0;  // an integer of the grid
};

// Survey of quantization, arXiv 2205.07877, section A: s = (beta - alpha) / (2^b - 1), the range widened to hold 0.
AffineRange affine_range(const Format& format, std::span<const float> values) {
  float low = 0, high = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) return {not_a_number_scale(format.scale.codec), 0};
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low == high) return {};
  const float first = format.grid->levels.front().value, last = format.grid->levels.back().value;
  const double steps = static_cast<double>(last) - first;
  AffineRange range;
  range.scale = keep_scale(format.scale.codec, static_cast<float>((static_cast<double>(high) - low) / steps),
                           static_cast<float>(steps));
  if (range.scale.scale > 0)
    range.zero = static_cast<int>(std::clamp(first - std::nearbyint(low / range.scale.scale), first, last));
  return range;
}

class Encoder {
 public:
  Encoder(std::span<const float> values, const ScaleUnits& units, const Format& format, uint64_t seed)
      : values_(values), units_(units), format_(format), seed_(seed) {
    result_.codes.resize(values.size());
  }

  UnpackedTensor encode() {
    if (format_.scale.granularity == Granularity::none) {
      for (size_t i = 0; i < values_.size(); ++i) put(static_cast<int64_t>(i), values_[i]);
      return std::move(result_);
    }
    if (format_.scale.codec == ScaleCodec::nv) result_.tensor_scale = tensor_scale();
    for (int64_t i = 0; i < units_.count(); ++i) format_.scale.affine ? encode_affine(i) : encode_unit(i);
    return std::move(result_);
  }

 private:
  void put(int64_t index, float scaled) {
    const double draw = format_.rounding == Rounding::stochastic ? draw_of(seed_, index) : 0;
    result_.codes[static_cast<size_t>(index)] = format_.grid->encode(scaled, format_.rounding, draw);
  }

  const std::vector<float>& gather(const ScaleUnit& unit) {
    gathered_.clear();
    unit.for_each([&](int64_t index) { gathered_.push_back(values_[static_cast<size_t>(index)]); });
    return gathered_;
  }

  // Over the blocks that hold numbers only.
  float tensor_scale() {
    float amax = 0;
    for (int64_t i = 0; i < units_.count(); ++i) {
      const std::vector<float>& values = gather(units_.unit(i));
      if (std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
        amax = std::max(amax, largest_magnitude(values));
    }
    return nv_tensor_scale(amax, format_.grid->largest);
  }

  void encode_unit(int64_t index) {
    const ScaleUnit unit = units_.unit(index);
    const KeptScale kept = unit_scale(format_, gather(unit), result_.tensor_scale);
    result_.scale_codes.push_back(kept.code);
    const bool numbers = kept.scale > 0;
    unit.for_each([&](int64_t i) { put(i, numbers ? values_[static_cast<size_t>(i)] / kept.scale : 0.0f); });
  }

  // The sum of quotient and zero point is rounded, so that ties are those of ONNX: round(x / s) + zero.
  void encode_affine(int64_t index) {
    const ScaleUnit unit = units_.unit(index);
    const auto [kept, zero] = affine_range(format_, gather(unit));
    result_.scale_codes.push_back(kept.code);
    result_.zero_points.push_back(format_.grid->encode(static_cast<float>(zero), Rounding::nearest_even));
    const bool numbers = kept.scale > 0;
    const bool even = format_.rounding == Rounding::nearest_even;
    unit.for_each([&](int64_t i) {
      const float quotient = numbers ? values_[static_cast<size_t>(i)] / kept.scale : 0.0f;
      put(i, (even ? std::nearbyint(quotient) : quotient) + static_cast<float>(zero));
    });
  }

  std::span<const float> values_;
  const ScaleUnits& units_;
  const Format& format_;
  uint64_t seed_;
  UnpackedTensor result_;
  std::vector<float> gathered_;
};

}  // namespace

UnpackedTensor reference_encode(std::span<const float> values, const ScaleUnits& units, const Format& format,
                                uint64_t seed) {
  return Encoder(values, units, format, seed).encode();
}

void reference_decode(const UnpackedTensor& tensor, const ScaleUnits& units, const Format& format,
                      std::span<float> out) {
  const std::vector<float>& values = format.grid->values;
  if (tensor.scale_codes.empty()) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = values[tensor.codes[i]];
    return;
  }
  for (int64_t i = 0; i < units.count(); ++i) {
    const auto at = static_cast<size_t>(i);
    const float scale = scale_of_code(format.scale.codec, tensor.scale_codes[at], tensor.tensor_scale);
    const float zero = tensor.zero_points.empty() ? 0 : values[tensor.zero_points[at]];
    units.unit(i).for_each([&](int64_t index) {
      const auto element = static_cast<size_t>(index);
      out[element] = (values[tensor.codes[element]] - zero) * scale;
    });
  }
}

}  // namespace nacre
