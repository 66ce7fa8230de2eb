// The vector kernels against the plain codec, bit for bit: ten million numbers of every magnitude, and all that is special.
#include "nacre/quant/block_kernel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "nacre/base/random.hpp"
#include "nacre/quant/kernel_codec.hpp"
#include "nacre/quant/quantize.hpp"
#include "nacre/quant/reference_codec.hpp"

namespace nacre {
namespace {

// Any bit pattern: every exponent is as likely as any other.
std::vector<float> any_floats(size_t count, uint64_t seed, bool finite) {
  Random random(seed);
  std::vector<float> values;
  while (values.size() < count) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random.next()));
    if (!finite || std::isfinite(value)) values.push_back(value);
  }
  return values;
}

std::vector<float> special_floats() {
  const float infinity = std::numeric_limits<float>::infinity(), least = std::numeric_limits<float>::denorm_min();
  return {0.0f,
          -0.0f,
          infinity,
          -infinity,
          std::numeric_limits<float>::quiet_NaN(),
          least,
          -least,
          std::numeric_limits<float>::max(),
          std::numeric_limits<float>::min(),
          1.0f,
          -1.0f,
          0x1p-127f,
          0x1.fffffep127f};
}

const std::vector<std::string>& grids() {
  static const std::vector<std::string> names = {
      "int8",     "int4",     "int2",     "int8:clip=asym", "int16",    "uint8",    "uint4",    "fp4",
      "fp6_e2m3", "fp6_e3m2", "fp8_e4m3", "fp8_e5m2",       "fp8_e3m4", "fp8_e2m5", "fp8_e1m6", "fp16"};
  return names;
}

// 10^7 numbers over all grids, and every tie with its neighbors.
TEST(BlockKernel, RunsAreTheReferenceBitForBit) {
  for (const std::string& name : grids()) {
    const Format format = parse_format(name + ":direct");
    const ElementGrid& element = *format.grid;
    const std::optional<KernelGrid> grid = kernel_grid(format);
    ASSERT_TRUE(grid) << name;
    std::vector<float> values = any_floats(400000, 1, true);
    Random random(2);
    for (int i = 0; i < 200000; ++i) values.push_back(static_cast<float>(random.normal() * element.largest / 2));
    for (size_t i = 0; i + 1 < element.levels.size() && i < 3000; ++i) {
      const float tie = (element.levels[i].value + element.levels[i + 1].value) / 2;
      for (const float value : {element.levels[i].value, tie, std::nextafter(tie, -1e30f), std::nextafter(tie, 1e30f)})
        values.push_back(value);
    }
    std::vector<float> out(values.size());
    round_run(*grid, values, out, 1);
    std::vector<uint8_t> codes(values.size());
    if (element.bits <= 8) encode_run(*grid, values, codes, 1);
    for (size_t i = 0; i < values.size(); ++i) {
      const uint16_t expected = element.encode(values[i], Rounding::nearest_even);
      ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(element.values[expected]))
          << name << " " << values[i];
      if (element.bits > 8) continue;
      ASSERT_EQ(codes[i], expected) << name << " " << values[i];
    }
  }
}

void expect_reference(const std::string& text, const std::vector<float>& values, const std::vector<int64_t>& shape,
                      int axis) {
  const Format format = parse_format(text);
  const ScaleUnits units(shape, axis, format.scale);
  const UnpackedTensor expected = reference_encode(values, units, format, 0);
  std::vector<float> decoded(values.size()), out(values.size());
  reference_decode(expected, units, format, decoded);
  fake_quantize(values, out, shape, axis, format);
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(decoded[i]) && std::isnan(out[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(decoded[i])) << text << " at " << i;
  }
  const QuantizedTensor tensor = quantize(values, shape, axis, format);
  const std::vector<float> again = dequantize(tensor);
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(decoded[i]) && std::isnan(again[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(again[i]), std::bit_cast<uint32_t>(decoded[i])) << text << " at " << i;
  }
  EXPECT_EQ(tensor.tensor_scale, expected.tensor_scale) << text;
}

const std::vector<std::string>& block_formats() {
  static const std::vector<std::string> names = {"mxint8",
                                                 "mxint6",
                                                 "mxint4",
                                                 "mxfp8",
                                                 "mxfp8_e5m2",
                                                 "mxfp6",
                                                 "mxfp6_e3m2",
                                                 "mxfp4",
                                                 "mxfp8:scale=floor",
                                                 "mxint8:scale=floor",
                                                 "mxfp4:scale=round",
                                                 "mxint8:g16",
                                                 "mxfp4:g64",
                                                 "nvfp4",
                                                 "nvint4",
                                                 "nvfp4:g32",
                                                 "int4:g128",
                                                 "int8:g32",
                                                 "int8:token",
                                                 "fp8_e4m3:g32",
                                                 "uint8:g32",
                                                 "int4:g32:scales=fp16",
                                                 "int4:g32:scales=bf16"};
  return names;
}

TEST(BlockKernel, BlocksAreTheReferenceBitForBit) {
  for (const std::string& text : block_formats()) {
    Random random(3);
    std::vector<float> normal(3 * 1280), scaled = any_floats(3 * 1280, 4, true);
    for (float& value : normal) value = static_cast<float>(random.normal());
    // Blocks of every size of number, at both ends of what floats hold.
    for (size_t i = 0; i < scaled.size(); ++i) scaled[i] = std::ldexp(normal[i], static_cast<int>(i / 16 % 280) - 150);
    for (const std::vector<float>& values :
         {normal, scaled, any_floats(3 * 1280, 5, true), any_floats(3 * 1280, 6, false)}) {
      expect_reference(text, values, {3, 1280}, -1);
      expect_reference(text, values, {1280, 3}, 0);  // blocks are strided
    }
    std::vector<float> odd(normal.begin(), normal.begin() + 3 * 77);  // with tails
    expect_reference(text, odd, {3, 77}, -1);
    for (const float special : special_floats()) {
      odd[100] = special;
      expect_reference(text, odd, {3, 77}, -1);
      expect_reference(text, odd, {231}, 0);
    }
    expect_reference(text, std::vector<float>(640, 0.0f), {640}, 0);
  }
}

TEST(BlockKernel, TensorsAndChannelsAreTheReferenceBitForBit) {
  for (const std::string& name : grids())
    for (const char* scheme : {":direct", ":tensor", ":channel", ":tensor:scales=e8m0", ":channel:scales=fp16"}) {
      const std::string text = name + scheme;
      std::vector<float> values = any_floats(40 * 33, 7, true);
      for (const std::vector<int64_t>& shape : {std::vector<int64_t>{40, 33}, {33, 40}, {2, 33, 20}}) {
        expect_reference(text, values, shape, 0);
        expect_reference(text, values, shape, 1);
      }
      for (const float special : special_floats()) {
        values[7] = special;
        expect_reference(text, values, {40, 33}, 0);
      }
    }
}

TEST(BlockKernel, InPlaceIsTheSame) {
  Random random(8);
  std::vector<float> values(4096), out(4096);
  for (float& value : values) value = static_cast<float>(random.normal());
  for (const char* text : {"mxfp8", "nvfp4", "int4:g128", "int8"}) {
    std::vector<float> place = values;
    fake_quantize(values, out, std::vector<int64_t>{4096}, 0, parse_format(text));
    fake_quantize(place, place, std::vector<int64_t>{4096}, 0, parse_format(text));
    EXPECT_EQ(place, out) << text;
  }
}

// What only the reference knows is left to it.
TEST(BlockKernel, OthersAreRefused) {
  for (const char* text :
       {"int8:round=half_away", "pow2:3", "nf4", "uint8:affine", "fp8_e4m3fnuz", "fp5_e4m0", "bf16", "fp32", "ternary"})
    EXPECT_FALSE(kernel_grid(parse_format(text))) << text;
  std::vector<float> values(64, 1.0f), out(64);
  const Format searched = parse_format("int4:mse");
  EXPECT_FALSE(kernel_round(values, out, ScaleUnits(std::vector<int64_t>{64}, 0, searched.scale), searched));
}

}  // namespace
}  // namespace nacre
