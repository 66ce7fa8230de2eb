// nacre calibrate as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using testing::HasSubstr;

constexpr const char* kChip =
    "name: chip\nlevels:\n  - {name: DRAM}\n  - {name: pad, holds: [weights, inputs], fanout: {x: 8}}\n"
    "  - {name: sum, holds: [outputs], fanout: {x: 8}}\ncommands: {level: pad, rows: 8, issue_cycles: 50}\n";

// A product of 8 k filters, each block of 8 a command that streams 16 rows: 100 cycles to issue, or 16 k to compute.
std::string product_csv() {
  std::string text = "C,K,P,mapping,cycles\n";
  for (int k = 1; k <= 6; ++k) {
    for (const int rows : {16, 480}) {
      text += "8," + std::to_string(8 * k) + "," + std::to_string(rows) + ",DRAM[WIO] K" + std::to_string(k) +
              " | pad[WI] K8:X | sum[O] P" + std::to_string(rows) + " C8:X," + std::to_string(k * std::max(100, rows)) +
              "\n";
    }
  }
  return text;
}

TEST(CalibrateVerb, FitsStatesTheErrorAndWritesTheDescription) {
  const test::Scratch scratch;
  const std::string folder = scratch.path().string();
  write_file_atomically(scratch.path() / "chip.yaml", kChip);
  write_file_atomically(scratch.path() / "rtl.csv", product_csv());
  const std::string arguments = folder + "/rtl.csv --accelerator " + folder + "/chip.yaml --free issue_cycles";
  const Outcome outcome = run_program("--json calibrate " + arguments + " -o " + folder + "/out.yaml");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json["rows"], 12);
  EXPECT_EQ(json["layers"], 12);
  EXPECT_EQ(json["constants"][0]["name"], "issue_cycles");
  EXPECT_NEAR(json["constants"][0]["after"].get<double>(), 100, 0.1);
  EXPECT_NEAR(json["before"]["mean"]["value"].get<double>(), 0.25, 1e-9);
  EXPECT_LT(json["kept_aside"]["mean"]["value"].get<double>(), 1e-3);
  const std::string written = test::file_text(scratch.path() / "out.yaml");
  EXPECT_THAT(written, HasSubstr("issue_cycles calibrated to rtl.csv ("));
  EXPECT_THAT(written, HasSubstr("12 rows"));
  // What was written predicts what was measured.
  const Outcome again =
      run_program("--json calibrate " + folder + "/rtl.csv --free issue_cycles --accelerator " + folder + "/out.yaml");
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_LT(Json::parse(again.out)["before"]["mean"]["value"].get<double>(), 1e-3);

  const Outcome text = run_program("calibrate " + arguments);
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_THAT(text.out, HasSubstr("12 rows, 12 layers, 5 folds that split by layer"));
  EXPECT_THAT(text.out, HasSubstr("calibrated, layers kept aside"));
}

TEST(CalibrateVerb, BadInputIsNamedAndNothingIsWritten) {
  const test::Scratch scratch;
  const std::string folder = scratch.path().string();
  write_file_atomically(scratch.path() / "chip.yaml", kChip);
  write_file_atomically(scratch.path() / "rtl.csv", "C,K,cycles\n8,8,many\n");
  const std::string arguments = folder + "/rtl.csv --accelerator " + folder + "/chip.yaml -o " + folder + "/out.yaml";
  const Outcome outcome = run_program("calibrate " + arguments);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("rtl.csv:2:5: cycles: expected a finite number of at least 0, found 'many'"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "out.yaml"));
  const Outcome where = run_program("calibrate " + arguments + " --where rows");
  EXPECT_EQ(where.exit_code, 2);
  EXPECT_THAT(where.err, HasSubstr("--where: expected COLUMN=TEXT, found 'rows'"));
  const Outcome chip = run_program("calibrate " + folder + "/rtl.csv --accelerator gemini");
  EXPECT_EQ(chip.exit_code, 2);
  EXPECT_THAT(chip.err, HasSubstr("did you mean 'gemmini'"));
}

}  // namespace
}  // namespace nacre
