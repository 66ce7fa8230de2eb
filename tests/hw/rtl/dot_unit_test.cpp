// Dot units: decoded elements against the formats' definitions, exact sums, rounding to float32, and the Verilog against the model.
#include "nacre/hw/rtl/dot_unit.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/random.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/rtl/rtl_tools.hpp"
#include "nacre/quant/format.hpp"

namespace nacre {
namespace {

DotUnit unit(const char* weights, const char* activations, int lanes, RtlScale scale = RtlScale::none,
             RtlAdders adders = RtlAdders::carry_save, bool float_result = false) {
  return {.weights = rtl_operand(weights),
          .activations = rtl_operand(activations),
          .lanes = lanes,
          .adders = adders,
          .scale = scale,
          .float_result = float_result};
}

double value_of(const char* format, uint32_t code) {
  const RtlNumber number = decode_element(rtl_operand(format), code);
  return std::ldexp(static_cast<double>(number.value), number.exponent);
}

TEST(RtlOperand, DecodesAsTheFormatsAreDefined) {
  EXPECT_EQ(value_of("int8", 0x80), -128);
  EXPECT_EQ(value_of("int8", 0x7f), 127);
  EXPECT_EQ(value_of("int4", 0xf), -1);
  EXPECT_EQ(value_of("fp8_e4m3", 0x7e), 448);  // OCP: the largest; 0x7f, its NaN, counts as 480 here
  EXPECT_EQ(value_of("fp8_e4m3", 0x01), std::ldexp(1, -9));
  EXPECT_EQ(value_of("fp8_e4m3", 0x88), -std::ldexp(1, -6));
  EXPECT_EQ(value_of("fp8_e5m2", 0x7b), 57344);
  EXPECT_EQ(value_of("fp8_e5m2", 0x01), std::ldexp(1, -16));
  EXPECT_EQ(value_of("fp6_e3m2", 0x1f), 28);
  EXPECT_EQ(value_of("fp6_e2m3", 0x1f), 7.5);
  const double e2m1[] = {0, .5, 1, 1.5, 2, 3, 4, 6};
  for (uint32_t code = 0; code < 8; ++code) {
    EXPECT_EQ(value_of("fp4_e2m1", code), e2m1[code]);
    EXPECT_EQ(value_of("fp4_e2m1", code + 8), -e2m1[code]);
  }
  const double pow2[] = {0, 1, 2, 4, 0, -1, -2, -4};  // sheet 35: n = 3
  for (uint32_t code = 0; code < 8; ++code) EXPECT_EQ(value_of("pow2:3", code), pow2[code]);
  EXPECT_EQ(value_of("ternary", 3), -1);
  EXPECT_EQ(value_of("binary", 0), 1);
  EXPECT_EQ(value_of("binary", 1), -1);
}

// The unit's arithmetic and the codec were written apart.
TEST(RtlOperand, EveryCodeIsWhatTheCodecDecodes) {
  for (const char* name : {"int2", "int4", "int8", "int13", "fp4_e2m1", "fp6_e2m3", "fp6_e3m2", "fp8_e4m3", "fp8_e5m2",
                           "fp8_e3m4", "fp8_e2m5", "pow2:2", "pow2:3", "pow2:5", "ternary", "binary"}) {
    const Format format = parse_format(name);
    const ElementGrid& grid = *format.grid;
    const RtlOperand operand = rtl_operand(name);
    ASSERT_EQ(operand.bits, grid.bits) << name;
    // A grid of powers of two ends at 1, the unit's begins there: one factor for all codes.
    double factor = 0;
    for (uint32_t code = 0; code < grid.values.size(); ++code) {
      if (!std::isfinite(grid.values[code])) continue;
      const double value = value_of(name, code);
      if (factor == 0 && value != 0) factor = grid.values[code] / value;
      EXPECT_EQ(static_cast<double>(grid.values[code]), factor * value) << name << " " << code;
    }
    EXPECT_EQ(std::exp2(std::round(std::log2(std::abs(factor)))), std::abs(factor)) << name;
  }
}

TEST(RtlOperand, OtherFormatsAreRefusedWithWhatIsAccepted) {
  for (const char* format : {"int1", "int17", "int", "fp8", "fp8_e4m4", "fp8_e0m7", "pow2:1", "pow2:9", "mxint8", ""}) {
    try {
      rtl_operand(format);
      ADD_FAILURE() << format;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("no dot unit for format '" + std::string(format) + "'"),
                std::string::npos);
      EXPECT_NE(std::string(error.what()).find("ternary or binary"), std::string::npos);
    }
  }
}

// Sheet 33, proof 4: 25, 31, 45, 75, 21, 27 and 17 bits with 8 guard bits.
TEST(DotUnit, ExactAccumulatorsHaveThePublishedWidths) {
  const auto width = [](const char* format) { return checked(unit(format, format, 4)).accumulator_bits; };
  EXPECT_EQ(width("fp8_e2m5"), 25);
  EXPECT_EQ(width("fp8_e3m4"), 31);
  EXPECT_EQ(width("fp8_e4m3"), 45);
  EXPECT_EQ(width("fp8_e5m2"), 75);
  EXPECT_EQ(width("fp6_e2m3"), 21);
  EXPECT_EQ(width("fp6_e3m2"), 27);
  EXPECT_EQ(width("fp4_e2m1"), 17);
  EXPECT_EQ(width("int8"), 24);
}

// Every product of two codes fits its width, and no narrower width would do.
TEST(DotUnit, ProductsNeedTheirWidth) {
  for (const auto& [weights, activations] :
       std::initializer_list<std::pair<const char*, const char*>>{{"int4", "int4"},
                                                                  {"int4", "fp4_e2m1"},
                                                                  {"fp4_e2m1", "fp6_e2m3"},
                                                                  {"pow2:3", "int4"},
                                                                  {"ternary", "int3"},
                                                                  {"binary", "int4"}}) {
    const DotUnit design = unit(weights, activations, 1);
    double largest = 0, least = 0;
    for (uint32_t w = 0; w < 1U << design.weights.bits; ++w) {
      for (uint32_t a = 0; a < 1U << design.activations.bits; ++a) {
        const auto product =
            static_cast<double>(decode_element(design.weights, w).value * decode_element(design.activations, a).value);
        largest = std::max(largest, product);
        least = std::min(least, product);
      }
    }
    // A sign that is applied by inversion is added elsewhere: -(-8) is 7 + 1.
    const double limit = std::ldexp(1, product_bits(design) - 1);
    EXPECT_LE(largest, limit) << weights << activations;
    EXPECT_GE(least, -limit);
    EXPECT_GT(std::max(largest, -least) * 2 + 1, limit / 2);
  }
}

TEST(RoundedFloat, EqualsTheConversionOfTheMachine) {
  Random random(3);
  for (int i = 0; i < 100000; ++i) {
    const auto value = static_cast<int64_t>(random()) >> random.below(63);
    // int64 -> float rounds once to nearest even.
    EXPECT_EQ(rounded_float(value, 0), static_cast<float>(value)) << value;
    // Through double nothing is lost for 53 bits, also where the float is subnormal.
    const int64_t narrow = value >> 11;
    const int exponent = static_cast<int>(random.below(400)) - 220;
    const auto expected = static_cast<float>(std::ldexp(static_cast<double>(narrow), exponent));
    EXPECT_EQ(rounded_float(narrow, exponent), expected) << narrow << " * 2^" << exponent;
  }
  EXPECT_EQ(rounded_float(1, 128), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::signbit(rounded_float(-1, -200)));
}

TEST(DotUnitModel, AccumulatesModuloItsWidth) {
  DotUnitModel model(
      {.weights = rtl_operand("int4"), .activations = rtl_operand("int4"), .lanes = 2, .accumulator_bits = 8});
  const DotUnitInput largest = {.weights = {8, 8}, .activations = {8, 8}};  // 2 * 64
  model.clock(largest);
  EXPECT_EQ(static_cast<int>(model.result()), 128);
  model.clock(largest);
  EXPECT_EQ(static_cast<int>(model.result()), 0);
  model.clock({.weights = {15, 0}, .activations = {1, 0}});
  EXPECT_EQ(static_cast<int>(model.result()), 255);
  model.clock({.clear = true, .weights = {1, 1}, .activations = {1, 1}});
  EXPECT_EQ(static_cast<int>(model.result()), 0);
}

TEST(DotUnitModel, BlockScalesOfNaNGiveNaN) {
  DotUnitModel model(unit("int4", "int4", 1, RtlScale::e8m0));
  model.clock({.weights = {3}, .activations = {2}, .weight_scale = 128, .activation_scale = 126});
  EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(model.result())), 6.0F);
  model.clock({.weights = {3}, .activations = {2}, .weight_scale = 255, .activation_scale = 126});
  EXPECT_EQ(static_cast<uint32_t>(model.result()), 0x7fc00000U);
  DotUnitModel nv(unit("fp4_e2m1", "fp4_e2m1", 1, RtlScale::e4m3));
  nv.clock({.weights = {7}, .activations = {7}, .weight_scale = 0x38, .activation_scale = 0x39});  // 1 and 1.125
  EXPECT_EQ(std::bit_cast<float>(static_cast<uint32_t>(nv.result())), 40.5F);
}

TEST(DotUnit, ImpossibleUnitsAreRefused) {
  const auto message = [](DotUnit design) {
    try {
      checked(design);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message({.weights = rtl_operand("int8"), .activations = rtl_operand("int8"), .lanes = 0}),
            "0 lanes; expected 1 .. 256");
  EXPECT_EQ(message({.weights = rtl_operand("int8"), .activations = rtl_operand("int8"), .accumulator_bits = 12}),
            "an accumulator of 12 bits for int8 x int8; one product has 16");
  EXPECT_NE(message(unit("fp9_e6m2", "fp9_e6m2", 4)).find("units have at most 120"), std::string::npos);
}

// Sheet 33, proof 4, and sheet 35, proof 4: the Verilog equals the arithmetic on corner codes and random ones.
class DotUnitRtl : public testing::TestWithParam<DotUnit> {};

RtlSimulation simulated(const DotUnit& design, int64_t count, bool broken) {
  const TemporaryFolder folder;
  RtlTestBench bench = dot_unit_test_bench(design, dot_unit_inputs(design, count, 7));
  if (broken) {  // the second result's lowest digit
    char& digit =
        bench.vectors[bench.vectors.find('\n') + static_cast<size_t>(DotUnitModel(design).result_bits() + 3) / 4];
    digit = digit == '0' ? '1' : '0';
  }
  write_file_atomically(folder.path() / "dot_unit.v", dot_unit_verilog(design));
  write_file_atomically(folder.path() / "testbench.v", bench.verilog);
  write_file_atomically(folder.path() / "vectors.hex", bench.vectors);
  return simulate_rtl(folder.path(), {"dot_unit.v", "testbench.v"});
}

TEST_P(DotUnitRtl, EqualsTheModelInSimulation) {
  if (!rtl_simulator_present()) GTEST_SKIP() << "needs Icarus Verilog (Debian package iverilog)";
  const int64_t count = GetParam().scale == RtlScale::none ? 10000 : 2000;
  const RtlSimulation simulation = simulated(GetParam(), count, false);
  EXPECT_EQ(simulation.vectors, count);
  EXPECT_EQ(simulation.mismatches, 0) << simulation.output;
  EXPECT_EQ(simulated(GetParam(), 10, true).mismatches, 1);  // the bench does find a wrong result
}

constexpr RtlAdders kChain = RtlAdders::carry_chain;
constexpr RtlAdders kSave = RtlAdders::carry_save;
INSTANTIATE_TEST_SUITE_P(
    Formats, DotUnitRtl,
    testing::Values(unit("int8", "int8", 4), unit("int4", "int8", 3), unit("int16", "int16", 2, RtlScale::none, kChain),
                    unit("fp8_e2m5", "fp8_e2m5", 4), unit("fp8_e3m4", "fp8_e3m4", 4), unit("fp8_e4m3", "fp8_e4m3", 4),
                    unit("fp8_e5m2", "fp8_e5m2", 4), unit("fp6_e2m3", "fp6_e2m3", 4), unit("fp6_e3m2", "fp6_e3m2", 4),
                    unit("fp4_e2m1", "fp4_e2m1", 4), unit("int4", "fp8_e4m3", 4),
                    unit("fp8_e4m3", "fp8_e5m2", 3, RtlScale::none, kChain),
                    unit("pow2:3", "int16", 8, RtlScale::none, kChain), unit("pow2:4", "pow2:3", 5),
                    unit("ternary", "int8", 7), unit("binary", "binary", 16),
                    unit("binary", "fp4_e2m1", 4, RtlScale::none, kChain),
                    unit("fp8_e4m3", "fp8_e4m3", 4, RtlScale::none, kSave, true),
                    unit("fp8_e5m2", "fp8_e5m2", 2, RtlScale::none, kSave, true),
                    unit("int8", "int8", 8, RtlScale::e8m0), unit("fp8_e4m3", "fp8_e4m3", 8, RtlScale::e8m0),
                    unit("fp4_e2m1", "fp4_e2m1", 16, RtlScale::e4m3),
                    unit("int4", "int4", 16, RtlScale::e4m3, kChain)));

// Sheet 35, proof 4: shifts equal multiplications for every code and the activations at the ends of their range.
TEST(DotUnitModel, ShiftsEqualMultiplications) {
  for (int bits = 2; bits <= 5; ++bits) {
    const RtlOperand weights = rtl_operand("pow2:" + std::to_string(bits));
    for (uint32_t code = 0; code < 1U << bits; ++code) {
      for (int32_t activation : {-32768, -32767, -1, 0, 1, 2, 32767}) {
        DotUnitModel model(
            {.weights = weights, .activations = rtl_operand("int16"), .lanes = 1, .accumulator_bits = 60});
        model.clock({.weights = {code}, .activations = {static_cast<uint32_t>(activation) & 0xffffU}});
        const uint32_t exponent = code & ((1U << (bits - 1)) - 1);
        const int64_t weight = exponent == 0 ? 0 : (code >> (bits - 1) ? -1 : 1) * (int64_t{1} << (exponent - 1));
        const auto expected = static_cast<uint64_t>(weight * activation) & ((uint64_t{1} << 60) - 1);
        EXPECT_EQ(static_cast<uint64_t>(model.result()), expected) << bits << " " << code << " " << activation;
      }
    }
  }
}

// Sheet 35, proof 5: no DSP slices, at most 90 look-up tables a lane at n = 3.
TEST(DotUnitRtl, ShiftsNeedNoMultiplierOnAnFpga) {
  if (!rtl_synthesizer_present()) GTEST_SKIP() << "needs Yosys (Debian package yosys)";
  const TemporaryFolder folder;
  DotUnit design = unit("pow2:3", "int16", 8, RtlScale::none, kChain);
  design.accumulator_bits = 40;
  write_file_atomically(folder.path() / "dot_unit.v", dot_unit_verilog(design));
  const RtlSynthesis synthesis = synthesize_rtl(folder.path() / "dot_unit.v", "dot_unit", RtlTechnology::xilinx);
  EXPECT_EQ(synthesis.dsp_slices, 0);
  EXPECT_LE(synthesis.look_up_tables, 90 * 8);
  EXPECT_EQ(synthesis.flip_flops, 40);
}

}  // namespace
}  // namespace nacre
