// nacre rtl: units and prices as a user asks for them.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/rtl/rtl_tools.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;

TEST(RtlVerb, WritesAUnitThatItsTestBenchAccepts) {
  const TemporaryFolder scratch;
  const std::string folder = (scratch.path() / "unit").string();
  const bool simulate = rtl_simulator_present();
  const Outcome outcome = run_program("rtl dot_unit --weights ternary --activations int8 --vectors 500 --json -o " +
                                      folder + (simulate ? " --simulate" : ""));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json["accumulator_bits"], 16);
  EXPECT_LT(json["price"]["relative"].get<double>(), 0.5);
  for (const char* name : {"dot_unit.v", "testbench.v", "vectors.hex"})
    EXPECT_TRUE(std::filesystem::exists(scratch.path() / "unit" / name)) << name;
  if (!simulate) GTEST_SKIP() << "not simulated: needs Icarus Verilog (Debian package iverilog)";
  EXPECT_EQ(json["simulation"]["vectors"], 500);
  EXPECT_EQ(json["simulation"]["mismatches"], 0);
}

TEST(RtlVerb, PricesAreListedAndWritten) {
  const TemporaryFolder scratch;
  const std::string file = (scratch.path() / "prices.csv").string();
  const Outcome outcome = run_program("rtl prices --json -o " + file);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json rows = parse_json(outcome.out, "stdout");
  EXPECT_GE(rows.size(), 40U);
  EXPECT_EQ(rows[0]["weights"], "int8");
  EXPECT_EQ(rows[0]["relative"], 1.0);
  EXPECT_NEAR(rows[0]["energy_pj_45nm"].get<double>(), 0.3, 1e-9);
  EXPECT_EQ(std::ranges::count(read_file(file), '\n'), static_cast<std::ptrdiff_t>(rows.size()) + 1);
  EXPECT_NE(run_program("rtl prices").out.find("fp8_e4m3"), std::string::npos);
}

TEST(RtlVerb, BadOptionsAreRefused) {
  const auto error_of = [](const std::string& arguments) {
    const Outcome outcome = run_program("rtl " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    return outcome.err;
  };
  EXPECT_NE(error_of("dot_units").find("did you mean 'dot_unit'"), std::string::npos);
  EXPECT_NE(error_of("dot_unit --weights fp9").find("no dot unit for format 'fp9'"), std::string::npos);
  EXPECT_NE(error_of("dot_unit --scale e8m1").find("--scale: unknown value 'e8m1'"), std::string::npos);
  EXPECT_NE(error_of("dot_unit --accumulator 10").find("one product has 16"), std::string::npos);
  EXPECT_NE(error_of("dot_unit --lanes 0").find("expected 1 .. 256"), std::string::npos);
  EXPECT_NE(error_of("dot_unit --vectors 1").find("--vectors"), std::string::npos);
  EXPECT_NE(error_of("dot_unit --synthesize vivado").find("--synthesize"), std::string::npos);
}

}  // namespace
}  // namespace nacre
