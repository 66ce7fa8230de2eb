// Prices of formats: the stored table against sheet 33's synthesis, against a new synthesis, and against counting.
#include "nacre/hw/rtl/mac_price.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/accelerator/component_costs.hpp"
#include "nacre/hw/rtl/rtl_tools.hpp"

namespace nacre {
namespace {

MacPrice price_of(const char* formats, int accumulator_bits = 0) {
  DotUnit unit = dot_unit_of_formats(formats).value();
  if (accumulator_bits != 0) unit.accumulator_bits = accumulator_bits;
  return mac_price(unit);
}

// Proof 4 of sheet 33: measured there with the same release of Yosys on units of its own.
TEST(MacPrice, RelativeCountsAreThoseOfTheSheet) {
  const std::pair<const char*, double> expected[] = {{"int6", .57},     {"int4", .28},      {"fp8_e2m5", .94},
                                                     {"fp8_e3m4", .99}, {"fp8_e4m3", 1.22}, {"fp8_e5m2", 1.82},
                                                     {"fp6_e2m3", .55}, {"fp6_e3m2", .65},  {"fp4_e2m1", .28}};
  EXPECT_DOUBLE_EQ(price_of("int8").relative, 1);
  EXPECT_NEAR(price_of("int8", 24).relative, .98, .098);
  for (const auto& [format, relative] : expected) {
    EXPECT_NEAR(price_of(format).relative, relative, .1 * relative) << format;
    EXPECT_FALSE(price_of(format).counted) << format;
  }
}

// Proof 4 again, and the whitepaper's setting: results that leave as float32.
TEST(MacPrice, FloatingElementsCostMoreThanIntegersOfTheirWidth) {
  EXPECT_GT(price_of("fp8_e4m3").relative, 1);
  EXPECT_GT(price_of("fp8_e5m2").relative, 1.7);
  DotUnit e4m3 = dot_unit_of_formats("fp8_e4m3").value();
  e4m3.float_result = true;
  EXPECT_GE(mac_price(e4m3).relative, 1.4);
  EXPECT_FALSE(mac_price(e4m3).counted);
  // Paper 13: integers under block scales are cheaper than floats of their width.
  EXPECT_LT(price_of("mxint8").relative, price_of("mxfp8_e4m3").relative);
  EXPECT_LT(price_of("nvint4").relative, price_of("nvfp4").relative);
}

TEST(MacPrice, WiderOperandsCostMore) {
  for (const auto& [less, more] :
       std::initializer_list<std::pair<const char*, const char*>>{{"int2", "int3"},
                                                                  {"int4", "int5"},
                                                                  {"int8*int16", "int16"},
                                                                  {"int4*int8", "int8"},
                                                                  {"ternary*int8", "int2*int8"},
                                                                  {"binary*int8", "ternary*int8"},
                                                                  {"pow2:3*int8", "int4*int8"},
                                                                  {"mxint4", "mxint6"},
                                                                  {"mxfp4", "mxfp6"}})
    EXPECT_LT(price_of(less).relative, price_of(more).relative) << less << " " << more;
}

// What is not in the table is counted; on the table, counting is off by less than a quarter, by a tenth in the mean.
TEST(MacPrice, CountingIsNearSynthesis) {
  double sum = 0;
  for (const PricedUnit& row : priced_units()) {
    const double ratio = counted_transistors(row.unit) / static_cast<double>(row.transistors);
    EXPECT_NEAR(ratio, 1, .25) << row.unit.weights.format << " x " << row.unit.activations.format;
    sum += std::abs(ratio - 1);
  }
  ASSERT_GE(priced_units().size(), 30U);
  EXPECT_LT(sum / static_cast<double>(priced_units().size()), .1);
  const MacPrice counted = price_of("int7*int9");
  EXPECT_TRUE(counted.counted);
  EXPECT_GT(counted.relative, price_of("int6").relative);
  EXPECT_LT(counted.relative, price_of("int10").relative);
}

TEST(MacPrice, TheStoredTableIsWhatSynthesisGives) {
  if (!rtl_synthesizer_present()) GTEST_SKIP() << "needs Yosys (Debian package yosys)";
  const TemporaryFolder folder;
  for (const char* formats : {"int8", "fp4_e2m1", "ternary*int8"}) {
    const DotUnit unit = dot_unit_of_formats(formats).value();
    write_file_atomically(folder.path() / "dot_unit.v", dot_unit_verilog(unit));
    const RtlSynthesis synthesis = synthesize_rtl(folder.path() / "dot_unit.v", "dot_unit", RtlTechnology::generic);
    const double stored = mac_price(unit).transistors * unit.lanes;
    // Another release of Yosys may optimize otherwise.
    EXPECT_NEAR(static_cast<double>(synthesis.transistors.value()), stored,
                synthesis.tool == "Yosys 0.23" ? .5 : .1 * stored);
  }
}

TEST(MacPrice, TheTableIsWrittenAsItWasRead) {
  const std::string text = priced_units_csv(priced_units());
  EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<std::ptrdiff_t>(priced_units().size()) + 1);
  EXPECT_EQ(priced_units().size(), units_to_price().size());
  for (const DotUnit& unit : units_to_price()) EXPECT_FALSE(mac_price(unit).counted) << unit.weights.format;
}

// Components: a format that nobody published takes the multiplier of int8 times its price.
TEST(MacPrice, ComponentsOfOtherFormatsCostTheirPrice) {
  const auto cost = [](const char* format) {
    return estimate_component({.component = "mac", .format = format, .node_nm = 45});
  };
  for (const char* format : {"fp8_e4m3", "mxfp4", "ternary*int8", "int12"}) {
    const double relative = price_of(format).relative;
    EXPECT_NEAR(*cost(format).energy_j, *cost("int8").energy_j * relative, 1e-18) << format;
    EXPECT_NEAR(*cost(format).area_mm2, *cost("int8").area_mm2 * relative, 1e-12) << format;
    EXPECT_NE(cost(format).source.find("dot unit"), std::string::npos) << cost(format).source;
  }
  EXPECT_THROW(cost("int77"), UserError);
}

}  // namespace
}  // namespace nacre
