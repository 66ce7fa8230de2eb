#include "nacre/quant/quantize.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "nacre/base/random.hpp"
#include "nacre/ir/tensor.hpp"
#include "nacre/quant/bit_packing.hpp"
#include "nacre/quant/scale_unit.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> normal_values(size_t count, uint64_t seed, double sigma = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal() * sigma);
  return values;
}

std::vector<float> rounded(const std::string& format, const std::vector<float>& values, std::vector<int64_t> shape = {},
                           int axis = -1, uint64_t seed = 0) {
  if (shape.empty()) shape = {static_cast<int64_t>(values.size())};
  std::vector<float> out(values.size());
  fake_quantize(values, out, shape, axis, parse_format(format), seed);
  return out;
}

// As bits: equal, the sign of zero included; all not-a-numbers are one.
std::vector<uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::isnan(value) ? 0x7fc00000u : std::bit_cast<uint32_t>(value));
  return bits;
}

const std::vector<std::string>& codecs() {
  static const std::vector<std::string> formats = {"int8",
                                                   "int4:g32",
                                                   "int8:channel",
                                                   "int8:token",
                                                   "uint8:affine",
                                                   "int4:g16:affine:scales=fp16",
                                                   "fp8_e4m3",
                                                   "fp8_e5m2:direct",
                                                   "fp16",
                                                   "mxint8",
                                                   "mxint8:scale=floor",
                                                   "mxint6",
                                                   "mxfp8",
                                                   "mxfp8:scale=round",
                                                   "mxfp6",
                                                   "mxfp6_e3m2",
                                                   "mxfp4",
                                                   "nvfp4",
                                                   "nvint4",
                                                   "pow2:3",
                                                   "pow2:4:channel",
                                                   "apot:5",
                                                   "ternary",
                                                   "binary:channel",
                                                   "nf4",
                                                   "int4:mse",
                                                   "int8:percentile=99",
                                                   "int3:g8:scales=bf16",
                                                   "int8:round=stochastic",
                                                   "int5:round=floor",
                                                   "mxfp4:round=half_away",
                                                   "nvint4:rotate=hadamard:16"};
  return formats;
}

// Lengths that blocks do not divide, axes that are not the last, and the numbers at the ends of 32-bit floats.
TEST(Quantize, DecodedBytesAreWhatIsRoundedInPlace) {
  for (const std::string& text : codecs()) {
    const Format format = parse_format(text);
    for (const auto& [shape, axis] : {std::pair<std::vector<int64_t>, int>{{96}, -1},
                                      {{3, 37}, 1},
                                      {{5, 33, 3}, 1},
                                      {{40, 2}, 0},
                                      {{1}, 0},
                                      {{}, 0}}) {
      int64_t count = 1;
      for (const int64_t extent : shape) count *= extent;
      for (const double sigma : {1.0, 1e-30, 1e30, 1e-42}) {
        const std::vector<float> values = normal_values(static_cast<size_t>(count), 1, sigma);
        const QuantizedTensor tensor = quantize(values, shape, axis, format, 9);
        std::vector<float> out(values.size());
        fake_quantize(values, out, shape, axis, format, 9);
        EXPECT_EQ(bits_of(dequantize(tensor)), bits_of(out)) << text << " " << count << " " << sigma;
        for (const float value : out) EXPECT_TRUE(std::isfinite(value)) << text;
        const auto bits = static_cast<int64_t>(8 * (tensor.codes.size() + tensor.scales.size())) +
                          static_cast<int64_t>(tensor.zero_points.size()) * format.grid->bits +
                          (format.scale.codec == ScaleCodec::nv ? 32 : 0);
        EXPECT_LT(std::abs(bits - storage_bits(shape, axis, format)), 8) << text;
      }
    }
  }
}

TEST(Quantize, RoundingTwiceIsRoundingOnce) {
  for (const char* text : {"mxint8", "mxfp8", "mxfp6", "mxfp4", "mxint4", "fp8_e4m3:direct", "fp16", "int8:direct",
                           "mxfp4:scale=floor", "mxint8:scale=floor"}) {
    const std::vector<float> once = rounded(text, normal_values(4096, 2));
    EXPECT_EQ(bits_of(rounded(text, once)), bits_of(once)) << text;
  }
}

// MX scales follow a power of two exactly; all symmetric formats a change of sign.
TEST(Quantize, PowersOfTwoAndSignsPassThrough) {
  const std::vector<float> values = normal_values(1024, 3);
  for (const char* text : {"mxint8", "mxfp8", "mxfp6", "mxfp4:scale=floor", "mxint4:scale=round", "int8", "nvfp4",
                           "pow2:3", "int4:g64", "ternary", "apot:5"}) {
    std::vector<float> scaled = values, negated = values;
    for (float& value : scaled) value *= 0x1p13f;
    for (float& value : negated) value = -value;
    std::vector<float> expected = rounded(text, values), mirrored = expected;
    for (float& value : expected) value *= 0x1p13f;
    EXPECT_EQ(rounded(text, scaled), expected) << text;
    for (float& value : mirrored) value = -value;
    EXPECT_EQ(rounded(text, negated), mirrored) << text;
  }
}

// INT: half a scale. FP: 2^(e - M - 1) scales for a number of exponent e, half a subnormal step below. The ceil rule never clips.
TEST(Quantize, ErrorsStayWithinHalfAStep) {
  const std::vector<float> values = normal_values(8192, 4, 3);
  for (const char* text : {"mxint8", "mxint6", "mxint4", "mxfp8", "mxfp6", "mxfp4", "mxfp8_e5m2", "mxfp6_e3m2"}) {
    const Format format = parse_format(text);
    const ElementGrid& grid = *format.grid;
    const std::vector<float> out = rounded(text, values);
    const QuantizedTensor tensor = quantize(values, std::vector<int64_t>{8192}, 0, format);
    for (size_t i = 0; i < values.size(); ++i) {
      const double scale = std::ldexp(1.0, tensor.scales[i / 32] - kE8m0Bias);
      const double ratio = std::fabs(values[i]) / scale;
      EXPECT_LE(ratio, grid.largest) << text;
      int step = grid.step_exponent;
      if (grid.arithmetic == GridArithmetic::floating && ratio > 0)
        step = std::max(step, std::ilogb(ratio) - grid.mantissa_bits);
      EXPECT_LE(std::fabs(out[i] - values[i]), std::ldexp(scale, step - 1)) << text << " " << values[i];
    }
  }
}

// The least power of two that does not clip; OCP's exponent; the power nearest to amax / Qmax. By exact arithmetic on doubles.
TEST(Quantize, ScaleRulesAreTheirDefinitions) {
  Random random(6);
  for (const float largest : {127.0f / 64, 448.0f, 7.5f, 6.0f, 1.0f, 57344.0f}) {
    std::vector<float> maxima;
    for (int i = 0; i < 2000; ++i) maxima.push_back(static_cast<float>(std::exp(random.normal() * 10)));
    for (int exponent = -30; exponent <= 30; ++exponent)
      for (const float factor : {1.0f, largest, 1.5f * largest}) {
        const float at = std::ldexp(factor, exponent);
        for (const float value : {at, std::nextafter(at, 0.0f), std::nextafter(at, 1e38f)}) maxima.push_back(value);
      }
    for (const float amax : maxima) {
      const double up = std::ldexp(1.0, scale_exponent(amax, largest, ScaleRule::ceil));
      EXPECT_GE(up * largest, amax);
      EXPECT_LT(up / 2 * largest, amax);
      EXPECT_EQ(scale_exponent(amax, largest, ScaleRule::floor), std::ilogb(amax) - std::ilogb(largest));
      const double near = std::ldexp(1.0, scale_exponent(amax, largest, ScaleRule::round)),
                   ratio = amax / (double)largest;
      EXPECT_LE(std::fabs(near - ratio), std::fabs(near * 2 - ratio)) << amax << " " << largest;
      EXPECT_LE(std::fabs(near - ratio), std::fabs(near / 2 - ratio)) << amax << " " << largest;
    }
  }
  EXPECT_EQ(scale_exponent(1e-45f, 448, ScaleRule::ceil), -127);
  EXPECT_EQ(scale_exponent(3e38f, 1, ScaleRule::ceil), 127);
}

TEST(Quantize, BytesAreThoseOfTheStandards) {
  const std::vector<float> block = [] {
    std::vector<float> values(32, 0.0f);
    values[0] = 1;
    values[1] = -0.5f;
    values[2] = 6;
    values[3] = -6;
    return values;
  }();
  const QuantizedTensor fp4 = quantize(block, std::vector<int64_t>{32}, 0, parse_format("mxfp4"));
  EXPECT_THAT(fp4.scales, ElementsAre(127));  // 2^0
  ASSERT_EQ(fp4.codes.size(), 16u);
  EXPECT_EQ(fp4.codes[0], 0x2 | 0x9 << 4);  // 1 is 0010, -0.5 is 1001; the first is the low nibble
  EXPECT_EQ(fp4.codes[1], 0x7 | 0xf << 4);
  const QuantizedTensor int8 = quantize(block, std::vector<int64_t>{32}, 0, parse_format("mxint8"));
  EXPECT_THAT(int8.scales, ElementsAre(129));  // 2^2: 6 / 4 = 1.5 = 96 / 64
  EXPECT_EQ(int8.codes[2], 96);
  EXPECT_EQ(int8.codes[3], 256 - 96);
  const QuantizedTensor nv = quantize(block, std::vector<int64_t>{32}, 0, parse_format("nvfp4"));
  EXPECT_THAT(nv.scales, ElementsAre(0x7e, 0));  // the largest block has 448, a block of zeros 0
  EXPECT_FLOAT_EQ(nv.tensor_scale, 1.0f / 448);
  const QuantizedTensor binary =
      quantize(std::vector<float>{1, -1, -3, 1, 0, -1, 1, 1, -1}, std::vector<int64_t>{9}, 0, parse_format("binary"));
  EXPECT_THAT(binary.codes, ElementsAre(0b00100110, 1));
}

// ONNX QuantizeLinear of a tensor's range: y = saturate(round(x / scale) + zero).
TEST(Quantize, AffineIsOnnxQuantizeLinear) {
  const std::vector<float> values = {-0.5f, 0, 0.25f, 1.5f, 0.7f};
  const QuantizedTensor tensor = quantize(values, std::vector<int64_t>{5}, 0, parse_format("uint8:affine"));
  const float scale = 2.0f / 255;
  EXPECT_EQ(tensor.zero_points[0], 64);
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(tensor.codes[i], std::clamp(std::nearbyint(values[i] / scale) + 64, 0.0f, 255.0f)) << i;
  EXPECT_EQ(dequantize(tensor)[1], 0);  // zero is exact
  // Numbers of one sign: the range is widened to zero.
  const std::vector<float> positive = rounded("int8:affine:clip=asym", {3, 4, 5.1f});
  EXPECT_NEAR(positive[0], 3, 0.5 * 5.1 / 255 + 1e-6);
}

TEST(Quantize, BlocksFollowTheAxis) {
  // Two columns of very different size: blocks along axis 0 keep the small ones.
  std::vector<float> values;
  for (int row = 0; row < 32; ++row) {
    values.push_back(static_cast<float>(row) * 1000);
    values.push_back(static_cast<float>(row) / 1000);
  }
  const std::vector<float> along = rounded("mxint8", values, {32, 2}, 0),
                           across = rounded("mxint8", values, {32, 2}, 1);
  EXPECT_NEAR(along[2 * 31 + 1], 0.031f, 0.031f / 64);
  EXPECT_EQ(across[2 * 31 + 1], 0);
  // A transposed tensor along the other axis is the transposed result.
  std::vector<float> transposed(values.size());
  for (size_t i = 0; i < 32; ++i)
    for (size_t j = 0; j < 2; ++j) transposed[j * 32 + i] = values[i * 2 + j];
  const std::vector<float> other = rounded("mxint8", transposed, {2, 32}, 1);
  for (size_t i = 0; i < 32; ++i)
    for (size_t j = 0; j < 2; ++j) EXPECT_EQ(other[j * 32 + i], along[i * 2 + j]);
}

TEST(Quantize, ATailIsABlockPaddedWithZeros) {
  std::vector<float> values = normal_values(45, 8), padded = values;
  padded.resize(64, 0.0f);
  for (const char* text : {"mxint8", "mxfp4", "nvfp4", "int4:g32"}) {
    std::vector<float> expected = rounded(text, padded);
    expected.resize(45);
    EXPECT_EQ(bits_of(rounded(text, values)), bits_of(expected)) << text;
  }
}

TEST(Quantize, WhatIsNoNumberStaysInItsUnit) {
  for (const char* text : {"mxint8", "mxfp4", "nvfp4", "int4:g32", "int4:g32:scales=fp16", "uint4:g32:affine"}) {
    for (const float special : {kNan, kInfinity, -kInfinity}) {
      std::vector<float> values = normal_values(96, 9);
      const std::vector<float> clean = rounded(text, values);
      values[40] = special;
      const std::vector<float> out = rounded(text, values);
      const size_t block = std::string_view(text) == "nvfp4" ? 16 : 32;
      for (size_t i = 0; i < values.size(); ++i) {
        const bool same_unit = i / block == 40 / block;
        EXPECT_EQ(std::isnan(out[i]), same_unit) << text << " " << i;
        // nv's tensor scale is that of the blocks of numbers.
        if (same_unit || block == 16) continue;
        EXPECT_EQ(out[i], clean[i]) << text << " " << i;
      }
    }
  }
  EXPECT_THAT(rounded("fp8_e4m3:direct", {kInfinity, -kInfinity, 1}), ElementsAre(448, -448, 1));
  EXPECT_TRUE(std::isnan(rounded("fp8_e4m3:direct", {kNan})[0]));
  EXPECT_THAT(rounded("int8:direct", {kNan, kInfinity, 2.5f}), ElementsAre(0, 127, 2));
}

TEST(Quantize, ZerosAndNothingAreThemselves) {
  for (const std::string& text : codecs()) {
    const std::vector<float> zeros = rounded(text, std::vector<float>(70, 0.0f));
    for (const float value : zeros) EXPECT_EQ(value, 0) << text;
    EXPECT_TRUE(rounded(text, {}, {0, 3}).empty());
    EXPECT_TRUE(quantize({}, std::vector<int64_t>{3, 0}, -1, parse_format(text)).codes.empty());
    EXPECT_EQ(storage_bits(std::vector<int64_t>{3, 0}, 1, parse_format(text)), 0);
  }
}

TEST(Quantize, StorageIsExact) {
  const auto bits = [](const char* text, std::vector<int64_t> shape, int axis) {
    return storage_bits(shape, axis, parse_format(text));
  };
  EXPECT_EQ(bits("mxint8", {4, 64}, -1), 4 * 64 * 8 + 8 * 8);
  EXPECT_EQ(bits("mxint8", {4, 65}, -1), 4 * 65 * 8 + 12 * 8);
  EXPECT_EQ(bits("nvfp4", {4, 64}, -1), 4 * 64 * 4 + 16 * 8 + 32);
  EXPECT_EQ(bits("int8:channel", {16, 9}, 0), 16 * 9 * 8 + 16 * 32);
  EXPECT_EQ(bits("ternary", {100}, 0), 200 + 32);
  EXPECT_EQ(bits("fp16", {100}, 0), 1600);
  EXPECT_EQ(bits("uint8:affine", {10}, 0), 80 + 32 + 8);
  for (const char* text : {"mxint8", "mxfp6", "mxfp4", "nvfp4", "int4:g128"}) {  // but for nv's one fp32
    const double each = static_cast<double>(bits(text, {1 << 20}, 0)) / (1 << 20);
    EXPECT_NEAR(each, bits_per_element(parse_format(text)), 1e-4) << text;
  }
}

TEST(Quantize, EachErrorSaysWhatIsWrong) {
  const std::vector<float> values(6, 1.0f);
  std::vector<float> out(6);
  const auto message = [&](const char* text, std::vector<int64_t> shape, int axis) -> std::string {
    try {
      fake_quantize(values, out, shape, axis, parse_format(text));
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message("int8", {2, 3}, 2), HasSubstr("axis 2 of a tensor of rank 2"));
  EXPECT_THAT(message("int8", {2, 3}, -3), HasSubstr("axis -3 of a tensor of rank 2"));
  EXPECT_THAT(message("int8", {2, 4}, 0), HasSubstr("6 numbers for a shape of 8 elements"));
  EXPECT_THAT(message("int8", {-2, -3}, 0), HasSubstr("a tensor of a negative extent, -2"));
  EXPECT_THAT(message("int8", {int64_t{1} << 40, int64_t{1} << 40}, 0), HasSubstr("more than 2^63 elements"));
  EXPECT_THAT(message("fp32", {6}, 0), HasSubstr("format fp32 has 32 bits; only formats of up to 16 bits are encoded"));
}

// bwn and BitNet: the mean magnitude is the least-squares scale of signs; of ternary a search must not find a better one by mse.
TEST(RangeEstimators, AreTheOptimaTheyClaim) {
  const std::vector<float> values = normal_values(4096, 10);
  const auto error = [&](const std::string& format) {
    const std::vector<float> out = rounded(format, values);
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += std::pow(static_cast<double>(out[i]) - values[i], 2);
    return sum;
  };
  double mean = 0;
  for (const float value : values) mean += std::fabs(value) / 4096.0;
  EXPECT_NEAR(std::fabs(rounded("binary", values)[0]), mean, 1e-6);
  double best = 1e30;  // least squares by hand
  for (double scale = 0.5; scale < 1.2; scale += 1e-4) {
    double sum = 0;
    for (const float value : values) sum += std::pow(std::fabs(value) - scale, 2);
    best = std::min(best, sum);
  }
  EXPECT_NEAR(error("binary"), best, 1e-3 * best);
  EXPECT_LT(error("int4:mse"), error("int4"));
  EXPECT_LE(error("int4:mse"), error("int4:percentile=99"));
  EXPECT_LE(error("ternary:mse"), error("ternary"));
  // n-BQ-NN: e_max within two of INQ's floor(log2(4 max / 3)), exhaustively.
  float amax = 0;
  for (const float value : values) amax = std::max(amax, std::fabs(value));
  const int inq = static_cast<int>(std::floor(std::log2(4 * amax / 3)));
  const QuantizedTensor rule = quantize(values, std::vector<int64_t>{4096}, 0, parse_format("pow2:3:minmax"));
  EXPECT_EQ(rule.scales[0] - kE8m0Bias, inq);
  double least = 1e30;
  int place = 0;
  for (int exponent = inq - 2; exponent <= inq + 2; ++exponent) {
    std::vector<float> scaled = values, out(values.size());
    for (float& value : scaled) value = std::ldexp(value, -exponent);
    fake_quantize(scaled, out, std::vector<int64_t>{4096}, 0, parse_format("pow2:3:direct"));
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += std::pow(std::ldexp(out[i], exponent) - values[i], 2);
    if (sum < least) place = exponent;
    least = std::min(least, sum);
  }
  const QuantizedTensor searched = quantize(values, std::vector<int64_t>{4096}, 0, parse_format("pow2:3"));
  EXPECT_EQ(searched.scales[0] - kE8m0Bias, place);
}

// INT v.s. FP, section on symmetric clipping: with bfloat16 scales and division, negative numbers fall on -128, the more the smaller
// the block; with power-of-two scales none. 0.07 % (block 256), 0.13 %, 0.18 %, 0.24 % (32).
TEST(Quantize, AsymmetricClippingIsBiasedWithRoundedScales) {
  const auto brain = [](float value) { return bfloat16_to_float(float_to_bfloat16(value)); };
  std::vector<float> values = normal_values(1 << 18, 11);
  for (float& value : values) value = brain(value);
  std::vector<double> shares;
  for (const size_t block : {256u, 128u, 64u, 32u}) {
    int64_t lowest = 0;
    for (size_t begin = 0; begin < values.size(); begin += block) {
      float amax = 0;
      for (size_t i = begin; i < begin + block; ++i) amax = std::max(amax, std::fabs(values[i]));
      const float scale = brain(amax / 127);
      const Format asymmetric = parse_format("int8:clip=asym");
      const ElementGrid& grid = *asymmetric.grid;
      for (size_t i = begin; i < begin + block; ++i)
        lowest += grid.levels[grid.round(brain(values[i] / scale), Rounding::nearest_even)].value == -128;
    }
    shares.push_back(100.0 * static_cast<double>(lowest) / static_cast<double>(values.size()));
  }
  EXPECT_NEAR(shares[0], 0.07, 0.04);
  EXPECT_NEAR(shares[3], 0.24, 0.08);
  EXPECT_TRUE(std::ranges::is_sorted(shares));
  const QuantizedTensor mx = quantize(values, std::vector<int64_t>{1 << 18}, 0, parse_format("mxint8:clip=asym"));
  EXPECT_EQ(std::ranges::count(mx.codes, 0x80), 0);
}

TEST(BitPacking, RoundTripsAtEveryWidth) {
  Random random(12);
  for (int bits = 1; bits <= 16; ++bits)
    for (const size_t count : {0u, 1u, 7u, 8u, 9u, 31u, 1000u}) {
      std::vector<uint16_t> codes(count);
      for (uint16_t& code : codes) code = static_cast<uint16_t>(random.below(1u << bits));
      const std::vector<uint8_t> bytes = pack_codes(codes, bits);
      EXPECT_EQ(static_cast<int64_t>(bytes.size()), packed_code_bytes(bits, static_cast<int64_t>(count)));
      EXPECT_EQ(bytes.size(), (count * static_cast<size_t>(bits) + 7) / 8);
      EXPECT_EQ(unpack_codes(bytes, bits, static_cast<int64_t>(count)), codes);
    }
}

// Every element belongs to exactly one unit.
TEST(ScaleUnits, CoverEveryElementOnce) {
  for (const char* text : {"int8", "int8:channel", "int8:token", "int4:g4", "int4:g64"})
    for (const auto& [shape, axis] :
         {std::pair<std::vector<int64_t>, int>{{3, 10, 2}, 1}, {{3, 10, 2}, 0}, {{3, 10, 2}, 2}, {{7}, 0}, {{}, 0}}) {
      const ScaleUnits units(shape, axis, parse_format(text).scale);
      std::vector<int> seen(static_cast<size_t>(units.elements()));
      for (int64_t i = 0; i < units.count(); ++i)
        units.unit(i).for_each([&](int64_t index) { ++seen.at(static_cast<size_t>(index)); });
      EXPECT_THAT(seen, testing::Each(1)) << text;
    }
}

}  // namespace
}  // namespace nacre
