// All codes of all grids against the tables of the standards and papers, and rounding against a search of the list.
#include "nacre/quant/element_grid.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "nacre/base/random.hpp"
#include "nacre/ir/small_float.hpp"
#include "nacre/ir/tensor.hpp"
#include "nacre/quant/format.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;

const ElementGrid& grid_of(const std::string& text) {
  static std::map<std::string, Format> formats;
  auto found = formats.find(text);
  if (found == formats.end()) found = formats.emplace(text, parse_format(text)).first;
  return *found->second.grid;
}

std::vector<float> levels_of(const std::string& text) {
  std::vector<float> values;
  for (const GridLevel& level : grid_of(text).levels) values.push_back(level.value);
  return values;
}

// Formats of every grid, with and without special codes.
const std::vector<std::string>& some_of_every_grid() {
  static const std::vector<std::string> formats = {"int2",
                                                   "int4",
                                                   "int8",
                                                   "int8:clip=asym",
                                                   "mxint8",
                                                   "int16",
                                                   "uint1",
                                                   "uint8",
                                                   "fp4",
                                                   "fp6_e2m3",
                                                   "fp6_e3m2",
                                                   "fp8_e4m3",
                                                   "fp8_e5m2",
                                                   "fp8_e2m5",
                                                   "fp8_e3m4",
                                                   "fp8_e3m4:specials=ieee",
                                                   "fp8_e4m3fnuz",
                                                   "fp8_e5m2fnuz",
                                                   "fp8_e4m3b11fnuz",
                                                   "fp8_e1m6",
                                                   "fp5_e4m0",
                                                   "fp16",
                                                   "bf16",
                                                   "pow2:2",
                                                   "pow2:3",
                                                   "pow2:4",
                                                   "apot:5",
                                                   "apot:4:base=1",
                                                   "apot:7",
                                                   "ternary",
                                                   "binary",
                                                   "nf4",
                                                   "nf3",
                                                   "codebook:values=-3/-0.5/0.25/7",
                                                   "fp8_e4m3:specials=ieee"};
  return formats;
}

struct FloatTable {
  const char* format;
  double max_normal, min_normal, max_subnormal, min_subnormal;
};

// INT v.s. FP, table of element formats; the other 8-bit floats by their definitions.
TEST(ElementGrid, FloatsHaveTheirTables) {
  const FloatTable tables[] = {{"fp8_e5m2", 57344, 0x1p-14, 0.75 * 0x1p-14, 0x1p-16},
                               {"fp8_e4m3", 448, 0x1p-6, 0.875 * 0x1p-6, 0x1p-9},
                               {"fp6_e3m2", 28, 0.25, 0.1875, 0.0625},
                               {"fp6_e2m3", 7.5, 1, 0.875, 0.125},
                               {"fp4", 6, 1, 0.5, 0.5},
                               {"fp8_e4m3:specials=ieee", 240, 0x1p-6, 0.875 * 0x1p-6, 0x1p-9},
                               {"fp8_e3m4:specials=ieee", 15.5, 0.25, 0.25 * 15 / 16, 0x1p-6},
                               {"fp8_e4m3fnuz", 240, 0x1p-7, 0.875 * 0x1p-7, 0x1p-10},
                               {"fp8_e5m2fnuz", 57344, 0x1p-15, 0.75 * 0x1p-15, 0x1p-17},
                               {"fp8_e4m3b11fnuz", 30, 0x1p-10, 0.875 * 0x1p-10, 0x1p-13}};
  for (const FloatTable& table : tables) {
    const ElementGrid& grid = grid_of(table.format);
    std::vector<double> positive;
    for (const GridLevel& level : grid.levels)
      if (level.value > 0) positive.push_back(level.value);
    EXPECT_EQ(positive.back(), table.max_normal) << table.format;
    EXPECT_EQ(grid.largest, table.max_normal) << table.format;
    EXPECT_EQ(positive.front(), table.min_subnormal) << table.format;
    const auto normal = std::ranges::find(positive, table.min_normal);
    ASSERT_NE(normal, positive.end()) << table.format;
    EXPECT_EQ(normal[-1], table.max_subnormal) << table.format;
    EXPECT_EQ(grid.minimum_exponent, std::ilogb(table.min_normal)) << table.format;
    EXPECT_EQ(grid.step_exponent, std::ilogb(table.min_subnormal)) << table.format;
  }
}

// Bit for bit the small floats of ONNX, of which ir has an implementation of its own; half and bfloat16 likewise.
TEST(ElementGrid, CodesAreThoseOfOnnx) {
  const std::pair<const char*, ElementType> pairs[] = {{"float8_e4m3fn", ElementType::float8_e4m3fn},
                                                       {"float8_e4m3fnuz", ElementType::float8_e4m3fnuz},
                                                       {"float8_e5m2", ElementType::float8_e5m2},
                                                       {"float8_e5m2fnuz", ElementType::float8_e5m2fnuz},
                                                       {"float4_e2m1", ElementType::float4_e2m1}};
  Random random(7);
  for (const auto& [name, type] : pairs) {
    const ElementGrid& grid = grid_of(name);
    for (int code = 0; code < 1 << grid.bits; ++code) {
      const float expected = small_float_to_float(type, static_cast<uint8_t>(code));
      const float found = grid.values[static_cast<size_t>(code)];
      if (std::isnan(expected))
        EXPECT_TRUE(std::isnan(found)) << name << " " << code;
      else
        EXPECT_EQ(std::bit_cast<uint32_t>(found), std::bit_cast<uint32_t>(expected)) << name << " " << code;
    }
    for (int i = 0; i < 100000; ++i) {
      const float value = std::bit_cast<float>(static_cast<uint32_t>(random.next()));
      if (std::isnan(value)) continue;
      EXPECT_EQ(grid.encode(value, Rounding::nearest_even), float_to_small_float(type, value)) << name << " " << value;
    }
  }
  const ElementGrid &halves = grid_of("fp16"), &brains = grid_of("bf16");
  for (int code = 0; code < 65536; ++code) {
    const auto bits = static_cast<uint16_t>(code);
    const float half = half_to_float(bits), brain = bfloat16_to_float(bits);
    const float found_half = halves.values[bits], found_brain = brains.values[bits];
    EXPECT_TRUE(std::isnan(half) ? std::isnan(found_half) : half == found_half) << code;
    EXPECT_TRUE(std::isnan(brain) ? std::isnan(found_brain) : brain == found_brain) << code;
  }
}

TEST(ElementGrid, SmallGridsAreTheirLists) {
  EXPECT_THAT(levels_of("fp4"), ElementsAre(-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6));
  EXPECT_THAT(levels_of("int2"), ElementsAre(-1, 0, 1));
  EXPECT_THAT(levels_of("int2:clip=asym"), ElementsAre(-2, -1, 0, 1));
  EXPECT_THAT(levels_of("uint2"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(levels_of("ternary"), ElementsAre(-1, 0, 1));
  EXPECT_THAT(levels_of("binary"), ElementsAre(-1, 1));
  EXPECT_THAT(levels_of("pow2:2"), ElementsAre(-1, 0, 1));
  EXPECT_THAT(levels_of("pow2:3"), ElementsAre(-1, -0.5, -0.25, 0, 0.25, 0.5, 1));
  EXPECT_EQ(levels_of("pow2:4").size(), 15u);
  EXPECT_EQ(levels_of("pow2:4")[6], -0x1p-6);
  EXPECT_THAT(levels_of("mxint4"),
              ElementsAre(-1.75, -1.5, -1.25, -1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75));
  EXPECT_EQ(grid_of("mxint8").largest, 1 + 63.0f / 64);
  EXPECT_EQ(grid_of("mxint8").values[0x80], -2) << "legal in OCP's MXINT8, not produced";
  EXPECT_EQ(grid_of("mxint8").encode(-2, Rounding::nearest_even), 0x81);
  EXPECT_THAT(levels_of("codebook:values=1/-0.5/0.25"), ElementsAre(-0.5, 0.25, 1));
}

// apot:5 has 0, 1, 1/4, 1/16 plus 0, 1/2, 1/8, 1/32.
TEST(ElementGrid, AdditivePowersOfTwoAreSumsOfTheirTerms) {
  std::vector<float> expected;
  for (const double first : {0.0, 1.0, 0.25, 0.0625})
    for (const double second : {0.0, 0.5, 0.125, 0.03125}) expected.push_back(static_cast<float>(first + second));
  std::ranges::sort(expected);
  const std::vector<float> levels = levels_of("apot:5");
  ASSERT_EQ(levels.size(), 31u);
  EXPECT_EQ(std::vector<float>(levels.begin() + 15, levels.end()), expected);
  // Terms of one bit are the bits of an integer.
  EXPECT_THAT(levels_of("apot:4:base=1"), testing::Pointwise(testing::FloatEq(), [] {
                std::vector<float> sevenths;
                for (int i = -7; i <= 7; ++i) sevenths.push_back(static_cast<float>(i) / 4);
                return sevenths;
              }()));
}

// The table that QLoRA prints (appendix E), and an exact zero.
TEST(ElementGrid, NormalFloatsAreThoseOfQlora) {
  const std::vector<float> printed = {-1.0f,
                                      -0.6961928009986877f,
                                      -0.5250730514526367f,
                                      -0.39491748809814453f,
                                      -0.28444138169288635f,
                                      -0.18477343022823334f,
                                      -0.09105003625154495f,
                                      0.0f,
                                      0.07958029955625534f,
                                      0.16093020141124725f,
                                      0.24611230194568634f,
                                      0.33791524171829224f,
                                      0.44070982933044434f,
                                      0.5626170039176941f,
                                      0.7229568362236023f,
                                      1.0f};
  EXPECT_THAT(levels_of("nf4"), testing::Pointwise(testing::FloatNear(2e-6f), printed));
  EXPECT_EQ(levels_of("nf4")[7], 0);
}

// FP8 versus INT8: a float of one exponent bit is a uniform grid, that of integers but for the step.
TEST(ElementGrid, OneExponentBitIsAnIntegerGrid) {
  const std::vector<float> floats = levels_of("fp8_e1m6"), integers = levels_of("int8");
  ASSERT_EQ(floats.size(), integers.size());
  for (size_t i = 0; i < floats.size(); ++i) EXPECT_EQ(floats[i], integers[i] * 0x1p-5f);
}

// The closed form: largest = (2 - 2^-M) 2^(2^E - 1 - bias) when all codes are numbers.
TEST(ElementGrid, LargestNumberHasItsClosedForm) {
  for (int exponent = 1; exponent <= 6; ++exponent)
    for (int mantissa = 0; mantissa <= 6; ++mantissa)
      for (const int bias : {0, 3, 11}) {
        if (exponent + mantissa < 2) continue;
        const ElementGrid& grid = grid_of(
            fmt::format("fp{}_e{}m{}:specials=none:bias={}", 1 + exponent + mantissa, exponent, mantissa, bias));
        EXPECT_EQ(grid.largest, (2 - std::ldexp(1.0, -mantissa)) * std::ldexp(1.0, (1 << exponent) - 1 - bias));
        EXPECT_EQ(grid.levels.size(), (size_t{1} << grid.bits) - 1);
      }
}

TEST(ElementGrid, EncodingADecodedCodeGivesTheCode) {
  for (const std::string& format : some_of_every_grid()) {
    const ElementGrid& grid = grid_of(format);
    size_t other = 0;
    for (size_t code = 0; code < grid.values.size(); ++code) {
      const float value = grid.values[code];
      if (std::isnan(value) || std::isinf(value)) continue;
      const uint16_t again = grid.encode(value, grid.rounding);
      if (again == code) continue;
      ++other;
      // A number has one code that is produced; -2^(bits-1) of a symmetric range has none.
      const bool clipped = grid.arithmetic == GridArithmetic::uniform && value == 2 * value - value && grid.is_signed();
      EXPECT_TRUE(grid.values[again] == value || clipped) << format << " code " << code;
    }
    EXPECT_LE(other, 1u) << format;
  }
}

// The nearest of the whole list, by distance in a double; of two the one whose place counted from zero is even.
float nearest_by_search(const ElementGrid& grid, double value) {
  double best = std::numeric_limits<double>::infinity();
  std::vector<size_t> nearest;
  size_t zero = 0;
  for (size_t i = 0; i < grid.levels.size(); ++i) {
    if (grid.levels[i].value == 0) zero = i;
    const double distance = std::fabs(value - grid.levels[i].value);
    if (distance < best) nearest.clear();
    if (distance <= best) nearest.push_back(i);
    best = std::min(best, distance);
  }
  for (const size_t i : nearest)
    if (nearest.size() == 1 || (i + zero) % 2 == 0) return grid.levels[i].value;
  return std::numeric_limits<float>::quiet_NaN();
}

TEST(ElementGrid, RoundsToTheNearestTiesToEven) {
  Random random(11);
  for (const std::string& format : some_of_every_grid()) {
    const ElementGrid& grid = grid_of(format);
    if (grid.levels.size() > 300) continue;  // 16-bit floats are compared with ir's above
    std::vector<float> values = {0.0f,
                                 -0.0f,
                                 std::numeric_limits<float>::denorm_min(),
                                 1e30f,
                                 -1e30f,
                                 std::numeric_limits<float>::infinity(),
                                 -std::numeric_limits<float>::infinity()};
    for (size_t i = 0; i + 1 < grid.levels.size(); ++i) {  // ties and what is just beside them
      const float tie = static_cast<float>((static_cast<double>(grid.levels[i].value) + grid.levels[i + 1].value) / 2);
      for (const float value : {tie, std::nextafter(tie, -1e30f), std::nextafter(tie, 1e30f)}) values.push_back(value);
    }
    for (int i = 0; i < 3000; ++i) values.push_back(static_cast<float>(random.normal() * grid.largest / 2));
    for (const float value : values) {
      const float clamped = std::clamp(value, -2 * grid.largest, 2 * grid.largest);
      EXPECT_EQ(grid.levels[grid.round(value, Rounding::nearest_even)].value, nearest_by_search(grid, clamped))
          << format << " " << value;
    }
  }
}

TEST(ElementGrid, OtherRoundingsKeepTheirPromise) {
  const ElementGrid& grid = grid_of("int4");
  const auto rounded = [&](float value, Rounding rounding, double draw = 0) {
    return grid.levels[grid.round(value, rounding, draw)].value;
  };
  EXPECT_EQ(rounded(2.5f, Rounding::nearest_even), 2);
  EXPECT_EQ(rounded(2.5f, Rounding::half_away), 3);
  EXPECT_EQ(rounded(-2.5f, Rounding::half_away), -3);
  EXPECT_EQ(rounded(-2.1f, Rounding::floor), -3);
  EXPECT_EQ(rounded(2.9f, Rounding::floor), 2);
  EXPECT_EQ(rounded(2.25f, Rounding::stochastic, 0.2499), 3);
  EXPECT_EQ(rounded(2.25f, Rounding::stochastic, 0.25), 2);
  EXPECT_EQ(rounded(99, Rounding::floor), 7);
  EXPECT_EQ(rounded(-99, Rounding::stochastic, 0.9), -7);
  // n-BQ-NN: [0.75, 1.5) 2^k is 2^k, below half the least it is 0.
  const ElementGrid& powers = grid_of("pow2:3");
  for (const auto& [value, expected] : {std::pair{0.75f, 1.0f},
                                        {0.7499f, 0.5f},
                                        {0.375f, 0.5f},
                                        {0.3749f, 0.25f},
                                        {0.125f, 0.25f},
                                        {0.1249f, 0.0f},
                                        {5.0f, 1.0f},
                                        {-0.75f, -1.0f}})
    EXPECT_EQ(powers.levels[powers.round(value, powers.rounding)].value, expected) << value;
}

// E[round(x)] = x: within 4 sigma of the mean of a million draws.
TEST(ElementGrid, StochasticRoundingIsRightInTheMean) {
  Random random(3);
  const ElementGrid& grid = grid_of("fp4");
  for (const float value : {0.1f, 1.3f, -2.7f, 5.9f}) {
    double sum = 0, squares = 0;
    constexpr int kDraws = 1000000;
    for (int i = 0; i < kDraws; ++i) {
      const double level = grid.levels[grid.round(value, Rounding::stochastic, random.uniform())].value;
      sum += level;
      squares += level * level;
    }
    const double mean = sum / kDraws, sigma = std::sqrt((squares / kDraws - mean * mean) / kDraws);
    EXPECT_NEAR(mean, value, 4 * sigma) << value;
  }
}

TEST(ElementGrid, WhatIsNoNumberHasADefinedCode) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(grid_of("fp8_e4m3").encode(nan, Rounding::nearest_even), 0x7f);
  EXPECT_EQ(grid_of("fp8_e4m3fnuz").encode(nan, Rounding::nearest_even), 0x80);
  EXPECT_EQ(grid_of("int8").encode(nan, Rounding::nearest_even), 0);
  EXPECT_EQ(grid_of("fp8_e4m3").encode(-0.0f, Rounding::nearest_even), 0x80);
  EXPECT_EQ(grid_of("fp8_e4m3fnuz").encode(-0.0f, Rounding::nearest_even), 0);
  EXPECT_TRUE(std::isnan(grid_of("ternary").values[2]));
}

}  // namespace
}  // namespace nacre
