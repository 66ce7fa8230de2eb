#include "nacre/quant/block_kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/quant/kept_scale.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define NACRE_KERNEL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define NACRE_KERNEL_CLONES
#endif
#define NACRE_INLINE inline __attribute__((always_inline))

namespace nacre {
namespace {

constexpr uint32_t kInfinityBits = 0x7f800000u, kSignBit = 0x80000000u, kMantissaMask = 0x007fffffu;
constexpr uint32_t kLeastNormalBits = 0x00800000u;

NACRE_INLINE uint32_t bits_of(float value) { return std::bit_cast<uint32_t>(value); }
NACRE_INLINE float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }
NACRE_INLINE float clamped(float y, float low, float high) {
  y = y < low ? low : y;
  return y > high ? high : y;
}

template <bool kFloating>
NACRE_INLINE float rounded(const KernelGrid& grid, float y) {
  y = clamped(y, grid.lowest, grid.largest);
  if constexpr (!kFloating) return (y + grid.step_constant) - grid.step_constant;
  const uint32_t bits = bits_of(y);
  const auto own = static_cast<int32_t>((bits & ~kSignBit) >> 23);
  const int32_t exponent = (own > grid.least_exponent ? own : grid.least_exponent) + 23 - grid.mantissa_bits;
  const float constant = float_of((static_cast<uint32_t>(exponent) << 23) | 0x00400000u);
  const float result = (y + constant) - constant;
  return float_of((bits_of(result) & ~kSignBit) | (bits & kSignBit));  // what rounds to zero keeps its sign
}

template <bool kFloating>
NACRE_INLINE uint8_t code(const KernelGrid& grid, float y) {
  y = clamped(y, grid.lowest, grid.largest);
  if constexpr (!kFloating) {
    const uint32_t integer = bits_of(y + grid.step_constant) - bits_of(grid.step_constant);
    return static_cast<uint8_t>(integer & ((1u << grid.bits) - 1));
  }
  const uint32_t bits = bits_of(y), size = bits & ~kSignBit;
  const auto own = static_cast<int32_t>(size >> 23);
  const int32_t exponent = own > grid.least_exponent ? own : grid.least_exponent;
  const float constant = float_of(static_cast<uint32_t>(exponent + 23 - grid.mantissa_bits) << 23);
  const uint32_t steps = bits_of(float_of(size) + constant) - bits_of(constant);
  // Normal numbers have 2^M steps below them and one more exponent: both make up for each other.
  const uint32_t magnitude = steps + (static_cast<uint32_t>(exponent - grid.least_exponent) << grid.mantissa_bits);
  return static_cast<uint8_t>(magnitude | (bits >> 31) << (grid.bits - 1));
}

template <bool kFloating, bool kDivide>
NACRE_INLINE void round_all(const KernelGrid& grid, const float* x, float* out, int64_t count, float scale,
                            float inverse) {
  const KernelGrid local = grid;  // nothing that is written can be it
#pragma GCC ivdep                 // in place at most: no element is read after another was written
  for (int64_t i = 0; i < count; ++i) {
    const float y = kDivide ? x[i] / scale : x[i] * inverse;
    out[i] = rounded<kFloating>(local, y) * scale;
  }
}

template <bool kFloating, bool kDivide>
NACRE_INLINE void encode_all(const KernelGrid& grid, const float* x, uint8_t* codes, int64_t count, float scale,
                             float inverse) {
  const KernelGrid local = grid;
#pragma GCC ivdep
  for (int64_t i = 0; i < count; ++i) codes[i] = code<kFloating>(local, kDivide ? x[i] / scale : x[i] * inverse);
}

NACRE_INLINE uint32_t largest_bits(const float* x, int64_t count) {
  int32_t largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto size = static_cast<int32_t>(bits_of(x[i]) & ~kSignBit);
    largest = size > largest ? size : largest;
  }
  return static_cast<uint32_t>(largest);
}

// E4M3 as any float grid: 448 at most, exponents from -6, three bits.
constexpr KernelGrid kE4m3{
    .floating = true, .bits = 8, .mantissa_bits = 3, .least_exponent = 127 - 6, .lowest = 0, .largest = 448};

// How the scale of a block follows from the bits of its largest magnitude; what is rare goes the reference's way.
struct ScaleMaker {
  const Format& format;
  float tensor_scale;
  float largest = format.grid->largest;
  uint32_t largest_mantissa = bits_of(largest) & kMantissaMask;
  int largest_exponent = static_cast<int>(bits_of(largest) >> 23);

  KeptScale rare(uint32_t bits) const {
    const float amax = float_of(bits);
    return unit_scale(format, {&amax, 1}, tensor_scale);
  }

  NACRE_INLINE KeptScale power_of_two(uint32_t bits) const {
    if (bits == 0) return {};
    if (bits >= kInfinityBits || bits < kLeastNormalBits || format.scale.rule == ScaleRule::round) return rare(bits);
    int exponent = static_cast<int>(bits >> 23) - largest_exponent;
    if (format.scale.rule == ScaleRule::ceil && (bits & kMantissaMask) > largest_mantissa) ++exponent;
    exponent = exponent > kE8m0Bias ? kE8m0Bias : exponent;
    if (exponent <= -kE8m0Bias) return rare(bits);
    const auto coded = static_cast<uint32_t>(exponent + kE8m0Bias);
    return {coded, float_of(coded << 23)};
  }

  NACRE_INLINE KeptScale real(uint32_t bits) const {
    const float scale = float_of(bits) / largest;
    if (bits >= kInfinityBits || format.scale.codec != ScaleCodec::fp32 || !(scale * largest < kInfinity))
      return rare(bits);
    return {bits_of(scale), scale};
  }

  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
};

constexpr int64_t kChunk = 32;  // blocks whose scales are made together

struct ChunkScales {
  uint32_t bits[kChunk];  // of the largest magnitudes
  float scales[kChunk];
  uint32_t codes[kChunk];
};

// E4M3 scales are made of many blocks at once; the others cost a comparison or a division.
template <ScaleCodec kCodec>
NACRE_INLINE void make_scales(const ScaleMaker& maker, ChunkScales& chunk, int64_t blocks) {
  if constexpr (kCodec == ScaleCodec::nv) {
    uint32_t highest = 0;
    for (int64_t i = 0; i < blocks; ++i) highest = chunk.bits[i] > highest ? chunk.bits[i] : highest;
    if (highest < kInfinityBits && maker.tensor_scale > 0) {
      const float largest = maker.largest, tensor_scale = maker.tensor_scale;
      for (int64_t i = 0; i < kChunk; ++i) {
        const float wanted = float_of(chunk.bits[i]) / largest / tensor_scale;
        chunk.codes[i] = code<true>(kE4m3, wanted);
        chunk.scales[i] = rounded<true>(kE4m3, wanted) * tensor_scale;
      }
      return;
    }
  }
  for (int64_t i = 0; i < blocks; ++i) {
    const KeptScale kept = kCodec == ScaleCodec::e8m0 ? maker.power_of_two(chunk.bits[i])
                           : kCodec == ScaleCodec::nv ? maker.rare(chunk.bits[i])
                                                      : maker.real(chunk.bits[i]);
    chunk.codes[i] = kept.code;
    chunk.scales[i] = kept.scale;
  }
}

// `apply` does a block with its scale. kSize 0: not known when compiled.
template <ScaleCodec kCodec, int64_t kSize, class Apply>
NACRE_INLINE void for_each_block(const ScaleMaker& maker, int64_t block, const float* x, int64_t count, Apply apply) {
  ChunkScales chunk{};
  const int64_t step = kSize > 0 ? kSize : block;
  for (int64_t first = 0; first < count; first += kChunk * step) {
    const int64_t left = count - first, blocks = std::min(kChunk, (left + step - 1) / step);
    for (int64_t i = 0; i < blocks; ++i)
      chunk.bits[i] = largest_bits(x + first + i * step, kSize > 0 ? kSize : std::min(step, left - i * step));
    make_scales<kCodec>(maker, chunk, blocks);
    for (int64_t i = 0; i < blocks; ++i)
      apply(first + i * step, kSize > 0 ? kSize : std::min(step, left - i * step), chunk.scales[i], chunk.codes[i]);
  }
}

template <bool kFloating, ScaleCodec kCodec, int64_t kSize>
NACRE_INLINE void round_sized(const KernelGrid& grid, const ScaleMaker& maker, int64_t block, const float* x,
                              float* out, int64_t count) {
  constexpr bool kDivide = kCodec != ScaleCodec::e8m0;
  for_each_block<kCodec, kSize>(
      maker, block, x, count, [&](int64_t begin, int64_t size, float scale, uint32_t) __attribute__((always_inline)) {
        if (scale > 0)
          round_all<kFloating, kDivide>(grid, x + begin, out + begin, size, scale, 1 / scale);
        else
          std::fill_n(out + begin, size, scale * 0);  // zeros, or not-a-numbers
      });
}

template <bool kFloating, ScaleCodec kCodec, int64_t kSize>
NACRE_INLINE void encode_sized(const KernelGrid& grid, const ScaleMaker& maker, int64_t block, const float* x,
                               uint8_t* codes, uint32_t* scale_codes, int64_t count) {
  constexpr bool kDivide = kCodec != ScaleCodec::e8m0;
  for_each_block<kCodec, kSize>(
      maker, block, x,
      count, [&](int64_t begin, int64_t size, float scale, uint32_t scale_code) __attribute__((always_inline)) {
        *scale_codes++ = scale_code;
        if (scale > 0)
          encode_all<kFloating, kDivide>(grid, x + begin, codes + begin, size, scale, 1 / scale);
        else
          std::fill_n(codes + begin, size, uint8_t{0});
      });
}

// With the block's size as a constant for the usual ones, when none is shorter.
template <bool kFloating, ScaleCodec kCodec>
NACRE_INLINE void round_codec(const KernelGrid& grid, const ScaleMaker& maker, int64_t block, const float* x,
                              float* out, int64_t count) {
  const bool whole = count % block == 0;
  if (whole && block == 16) return round_sized<kFloating, kCodec, 16>(grid, maker, block, x, out, count);
  if (whole && block == 32) return round_sized<kFloating, kCodec, 32>(grid, maker, block, x, out, count);
  if (whole && block == 128) return round_sized<kFloating, kCodec, 128>(grid, maker, block, x, out, count);
  round_sized<kFloating, kCodec, 0>(grid, maker, block, x, out, count);
}

template <bool kFloating, ScaleCodec kCodec>
NACRE_INLINE void encode_codec(const KernelGrid& grid, const ScaleMaker& maker, int64_t block, const float* x,
                               uint8_t* codes, uint32_t* scale_codes, int64_t count) {
  const bool whole = count % block == 0;
  if (whole && block == 16)
    return encode_sized<kFloating, kCodec, 16>(grid, maker, block, x, codes, scale_codes, count);
  if (whole && block == 32)
    return encode_sized<kFloating, kCodec, 32>(grid, maker, block, x, codes, scale_codes, count);
  if (whole && block == 128)
    return encode_sized<kFloating, kCodec, 128>(grid, maker, block, x, codes, scale_codes, count);
  encode_sized<kFloating, kCodec, 0>(grid, maker, block, x, codes, scale_codes, count);
}

NACRE_KERNEL_CLONES
void round_kernel(const KernelGrid& grid, const ScaleMaker& maker, int64_t block, const float* x, float* out,
                  int64_t count) {
  switch (maker.format.scale.codec) {
    case ScaleCodec::e8m0:
      return grid.floating ? round_codec<true, ScaleCodec::e8m0>(grid, maker, block, x, out, count)
                           : round_codec<false, ScaleCodec::e8m0>(grid, maker, block, x, out, count);
    case ScaleCodec::nv:
      return grid.floating ? round_codec<true, ScaleCodec::nv>(grid, maker, block, x, out, count)
                           : round_codec<false, ScaleCodec::nv>(grid, maker, block, x, out, count);
    default:
      return grid.floating ? round_codec<true, ScaleCodec::fp32>(grid, maker, block, x, out, count)
                           : round_codec<false, ScaleCodec::fp32>(grid, maker, block, x, out, count);
  }
}

NACRE_KERNEL_CLONES
void encode_kernel(const KernelGrid& grid, const ScaleMaker& maker, int64_t block, const float* x, uint8_t* codes,
                   uint32_t* scale_codes, int64_t count) {
  switch (maker.format.scale.codec) {
    case ScaleCodec::e8m0:
      return grid.floating ? encode_codec<true, ScaleCodec::e8m0>(grid, maker, block, x, codes, scale_codes, count)
                           : encode_codec<false, ScaleCodec::e8m0>(grid, maker, block, x, codes, scale_codes, count);
    case ScaleCodec::nv:
      return grid.floating ? encode_codec<true, ScaleCodec::nv>(grid, maker, block, x, codes, scale_codes, count)
                           : encode_codec<false, ScaleCodec::nv>(grid, maker, block, x, codes, scale_codes, count);
    default:
      return grid.floating ? encode_codec<true, ScaleCodec::fp32>(grid, maker, block, x, codes, scale_codes, count)
                           : encode_codec<false, ScaleCodec::fp32>(grid, maker, block, x, codes, scale_codes, count);
  }
}

NACRE_KERNEL_CLONES
uint32_t magnitude_kernel(const float* x, int64_t count) { return largest_bits(x, count); }

NACRE_KERNEL_CLONES
void round_run_kernel(const KernelGrid& grid, const float* x, float* out, int64_t count, float scale) {
  if (grid.floating)
    round_all<true, true>(grid, x, out, count, scale, 0);
  else
    round_all<false, true>(grid, x, out, count, scale, 0);
}

NACRE_KERNEL_CLONES
void encode_run_kernel(const KernelGrid& grid, const float* x, uint8_t* codes, int64_t count, float scale) {
  if (grid.floating)
    encode_all<true, true>(grid, x, codes, count, scale, 0);
  else
    encode_all<false, true>(grid, x, codes, count, scale, 0);
}

NACRE_KERNEL_CLONES
void nibble_kernel(const uint8_t* codes, uint8_t* bytes, int64_t count) {
  for (int64_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(codes[2 * i] | codes[2 * i + 1] << 4);
}

}  // namespace

std::optional<KernelGrid> kernel_grid(const Format& format) {
  const ElementGrid& grid = *format.grid;
  if (!grid.coded() || grid.arithmetic == GridArithmetic::listed || format.rounding != Rounding::nearest_even ||
      format.scale.affine)
    return std::nullopt;
  KernelGrid result{.floating = grid.arithmetic == GridArithmetic::floating,
                    .bits = grid.bits,
                    .mantissa_bits = grid.mantissa_bits,
                    .least_exponent = grid.minimum_exponent + 127,
                    .step_constant = std::ldexp(1.5f, 23 + grid.step_exponent),
                    .lowest = grid.levels.front().value,
                    .largest = grid.levels.back().value};
  // The constants must be floats, and a negative zero a code. Without a mantissa even codes are not even multiples of the step.
  const bool small = std::ilogb(grid.largest) + 23 - grid.mantissa_bits <= 127;
  if (result.floating && (!small || grid.mantissa_bits == 0 || result.least_exponent < 1 || !grid.negative_zero))
    return std::nullopt;
  return result;
}

uint32_t magnitude_bits(std::span<const float> values) {
  return magnitude_kernel(values.data(), static_cast<int64_t>(values.size()));
}

void round_run(const KernelGrid& grid, std::span<const float> values, std::span<float> out, float scale) {
  NACRE_CHECK(values.size() == out.size());
  round_run_kernel(grid, values.data(), out.data(), static_cast<int64_t>(values.size()), scale);
}

void encode_run(const KernelGrid& grid, std::span<const float> values, std::span<uint8_t> codes, float scale) {
  NACRE_CHECK(values.size() == codes.size() && grid.bits <= 8);
  encode_run_kernel(grid, values.data(), codes.data(), static_cast<int64_t>(values.size()), scale);
}

void round_blocks(const KernelGrid& grid, const BlockScales& scales, std::span<const float> values,
                  std::span<float> out) {
  NACRE_CHECK(values.size() == out.size() && scales.block > 0);
  round_kernel(grid, {.format = scales.format, .tensor_scale = scales.tensor_scale}, scales.block, values.data(),
               out.data(), static_cast<int64_t>(values.size()));
}

void encode_blocks(const KernelGrid& grid, const BlockScales& scales, std::span<const float> values,
                   std::span<uint8_t> codes, std::span<uint32_t> scale_codes) {
  NACRE_CHECK(values.size() == codes.size() && scales.block > 0 && grid.bits <= 8);
  const auto count = static_cast<int64_t>(values.size());
  NACRE_CHECK(static_cast<int64_t>(scale_codes.size()) == (count + scales.block - 1) / scales.block);
  encode_kernel(grid, {.format = scales.format, .tensor_scale = scales.tensor_scale}, scales.block, values.data(),
                codes.data(), scale_codes.data(), count);
}

void pack_nibbles(std::span<const uint8_t> codes, std::span<uint8_t> bytes) {
  NACRE_CHECK(codes.size() == 2 * bytes.size());
  nibble_kernel(codes.data(), bytes.data(), static_cast<int64_t>(bytes.size()));
}

}  // namespace nacre
