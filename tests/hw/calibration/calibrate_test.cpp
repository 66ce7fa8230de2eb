// Constants found again from measurements made with them; measurements that cannot be used, refused.
#include "nacre/hw/calibration/calibrate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "nacre/base/file.hpp"
#include "nacre/base/random.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

namespace nacre {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

AcceleratorDescription chip() {
  return accelerator_from_config(
      parse_config("name: chip\n"
                   "levels:\n"
                   "  - {name: DRAM, shared_bits_per_cycle: 64}\n"
                   "  - {name: pad, holds: [weights, inputs], fanout: {x: 8}}\n"
                   "  - {name: sum, holds: [outputs], fanout: {x: 8}}\n"
                   "commands: {level: pad, rows: 8, issue_cycles: 100, load_request_cycles: 1,\n"
                   "           store_request_cycles: 1}\n",
                   "chip.yaml"),
      {});
}

// Layers of many shapes, each with several tilings.
std::string layers_csv() {
  Random random(5);
  std::string text = "C,K,P,Q,R,S,mapping,cycles\n";
  for (int layer = 0; layer < 30; ++layer) {
    const int64_t c = random.integer(1, 8), k = random.integer(1, 8), p = random.integer(1, 3),
                  q = random.integer(2, 4), r = random.integer(0, 1) * 2 + 1;
    for (int tiling = 0; tiling < 4; ++tiling) {
      const int64_t c0 = random.integer(1, 4), k0 = random.integer(1, 4), p0 = random.integer(1, 4),
                    q0 = random.integer(1, 4);
      text += fmt::format(
          "{},{},{},{},{},{},DRAM[WIO] C{} K{} P{} Q{} | pad[WI] K8:X | sum[O] C{} K{} P{} Q{} R{} S{} C8:X,1\n",
          8 * c * c0, 8 * k * k0, p * p0, q * q0, r, r, c0, k0, p0, q0, c, k, p, q, r, r);
    }
  }
  return text;
}

class Calibrate : public testing::Test {
 protected:
  std::vector<MeasuredLayer> read(const std::string& text, const MeasuredLayerOptions& options = {}) {
    const std::filesystem::path path = folder_.path() / "rtl.csv";
    write_file_atomically(path, text);
    return read_measured_layers(path, chip(), options);
  }
  std::string error_of(const std::string& text, const MeasuredLayerOptions& options = {}) {
    try {
      read(text, options);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }
  // Rows as a chip of these constants would have them.
  std::vector<MeasuredLayer> measured_on(const AcceleratorDescription& truth) {
    std::vector<MeasuredLayer> rows = read(layers_csv());
    const std::vector<double> cycles = predicted_cycles(rows, truth);
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].cycles = cycles[i];
    return rows;
  }
  static std::string fit_error_of(const std::vector<MeasuredLayer>& rows, const CalibrationOptions& options) {
    try {
      calibrate(rows, chip(), options);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
};

TEST_F(Calibrate, FindsConstantsAgain) {
  AcceleratorDescription truth = chip();
  truth.commands->issue_cycles = 230;
  truth.commands->load.request_cycles = 2.5;
  truth.commands->row_cycles = 1.25;
  const ConstantFit found =
      calibrate(measured_on(truth), chip(), {.free = {"issue_cycles", "load_request_cycles", "row_cycles"}});
  ASSERT_EQ(found.constants.size(), 3u);
  EXPECT_NEAR(found.constants[0].after, 230, 0.5);
  EXPECT_NEAR(found.constants[1].after, 2.5, 0.01);
  EXPECT_NEAR(found.constants[2].after, 1.25, 0.01);
  EXPECT_EQ(found.constants[0].before, 100);
  EXPECT_GT(found.before.mean.value, 0.1);
  EXPECT_LT(found.kept_aside.mean.value, 0.005);
  EXPECT_GT(found.kept_aside.spearman.value, 0.999);
  EXPECT_LE(found.before.mean.low, found.before.mean.value);
  EXPECT_GE(found.before.mean.high, found.before.mean.value);
}

// Noise and a few rows that are off by a factor of a hundred move the constants by a few hundredths.
TEST_F(Calibrate, IsRobust) {
  AcceleratorDescription truth = chip();
  truth.commands->issue_cycles = 230;
  truth.commands->load.request_cycles = 2.5;
  std::vector<MeasuredLayer> rows = measured_on(truth);
  Random random(3);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].cycles *= i % 20 == 7 ? 100 : std::exp(0.03 * random.normal());
  const ConstantFit found = calibrate(rows, chip(), {.free = {"issue_cycles", "load_request_cycles"}});
  EXPECT_NEAR(found.constants[0].after / 230, 1, 0.03);
  EXPECT_NEAR(found.constants[1].after / 2.5, 1, 0.03);
  EXPECT_LT(found.kept_aside.median.value, 0.04);
}

TEST_F(Calibrate, FindsBandwidths) {
  AcceleratorDescription plain = chip(), truth = chip();
  plain.commands.reset();
  truth.commands.reset();
  truth.levels[0].shared_bits_per_cycle = 23;
  EXPECT_THAT(calibratable_constants(plain), ElementsAre("DRAM.shared_bits_per_cycle"));
  const ConstantFit found = calibrate(measured_on(truth), plain, {});
  EXPECT_NEAR(found.constants[0].after, 23, 0.05);
}

TEST_F(Calibrate, RefusesWhatCannotBeFitted) {
  const std::vector<MeasuredLayer> rows = measured_on(chip());
  EXPECT_THAT(fit_error_of(rows, {.free = {"issue_cycle"}}), HasSubstr("did you mean 'issue_cycles'"));
  EXPECT_THAT(fit_error_of(rows, {.free = {"issue_cycles", "issue_cycles"}}), HasSubstr("named twice"));
  EXPECT_THAT(fit_error_of({rows.begin(), rows.begin() + 8},
                           {.free = {"issue_cycles", "row_cycles", "layer_cycles"}, .folds = 2}),
              HasSubstr("8 rows are too few for 3 free constants"));
  std::vector<MeasuredLayer> few(rows.begin(), rows.begin() + 8);
  for (std::size_t i = 0; i < few.size(); ++i) few[i].layer = i % 2 == 0 ? "a" : "b";
  EXPECT_THAT(fit_error_of(few, {.free = {"issue_cycles"}}), HasSubstr("2 layers are too few for 5 folds"));
  EXPECT_THAT(fit_error_of(rows, {.free = {"issue_cycles"}, .folds = 1}), HasSubstr("--folds: expected at least 2"));
  std::vector<MeasuredLayer> windows;
  std::ranges::copy_if(rows, std::back_inserter(windows),
                       [](const MeasuredLayer& row) { return row.workload.dimensions[5].size > 1; });
  EXPECT_THAT(fit_error_of(windows, {.free = {"issue_cycles", "window_issue_cycles"}}),
              AllOf(HasSubstr("cannot tell apart"), HasSubstr("issue_cycles, window_issue_cycles")));
  EXPECT_THAT(fit_error_of(rows, {.free = {"issue_cycles", "overlap"}}), HasSubstr("unknown constant 'overlap'"));
}

TEST_F(Calibrate, AConstantWithoutEffectIsNamed) {
  std::vector<MeasuredLayer> rows = measured_on(chip());
  AcceleratorDescription slow = chip();
  slow.commands->issue_cycles = 1e7;  // hides all else
  try {
    calibrate(rows, slow, {.free = {"issue_cycles", "row_cycles"}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--free: row_cycles changes none of the 120 rows"));
  }
}

// DOSA's measurements of Gemmini's RTL, as the measured programs ran them: better than a fifth unfitted, and calibration helps on
// layers that it has not seen.
TEST_F(Calibrate, PredictsTheRtlOfGemmini) {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  const std::filesystem::path table = std::filesystem::path(data ? data : ".") / "gemmini-rtl" / "gemmini_rtl.csv";
  if (!std::filesystem::exists(table)) GTEST_SKIP() << "no " << table << " (set NACRE_DATA)";
  const std::filesystem::path root = source ? source : ".";
  const std::filesystem::path script = root / "benchmarks" / "gemmini_as_run.py";
  const std::filesystem::path as_run = folder_.path() / "as_run.csv";
  const std::string command = fmt::format("python3 '{}' '{}' >'{}'", script.string(), table.string(), as_run.string());
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "python3 cannot run " << script;
  const AcceleratorDescription gemmini = read_accelerator(root / "examples" / "accelerators" / "gemmini_commands.yaml");
  const std::vector<MeasuredLayer> rows = read_measured_layers(as_run, gemmini, {.where = {{"consistent", "1"}}});
  ASSERT_EQ(rows.size(), 1049u);
  const PredictionError error = prediction_error(rows, predicted_cycles(rows, gemmini), {});
  EXPECT_LT(error.mean.value, 0.20);
  EXPECT_GT(error.spearman.value, 0.975);
}

TEST_F(Calibrate, RowsMaySetConstants) {
  const std::string head = "C,K,P,Q,R,S,issue_cycles,rows,layer,mapping,cycles\n";
  const std::string mapping = "DRAM[WIO] K4 | pad[WI] K8:X | sum[O] P16 C8:X";
  const std::vector<MeasuredLayer> rows =
      read(head + "8,32,16,1,1,1,500,8,a," + mapping + ",7\n8,32,16,1,1,1,1000,4,b,\"" + mapping + "\",9\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].layer, "a");
  EXPECT_EQ(rows[1].cycles, 9);
  EXPECT_EQ(rows[1].settings.at("rows"), 4);
  EXPECT_THAT(predicted_cycles(rows, chip()), ElementsAre(4 * 500, 4 * 1000));
  EXPECT_THAT(fit_error_of(rows, {.free = {"issue_cycles"}, .folds = 2}), HasSubstr("is a column of the file"));
}

TEST_F(Calibrate, SaysWhereTheFileIsWrong) {
  EXPECT_THAT(error_of(""), HasSubstr("rtl.csv:1:1: an empty file"));
  EXPECT_THAT(error_of("C,K,cycle\n1,1,1\n"),
              AllOf(HasSubstr("rtl.csv:1:1: no column 'cycles'"), HasSubstr("'cycle'")));
  EXPECT_THAT(error_of("name,cycles\na,1\n"), HasSubstr("no column of a layer's shape"));
  EXPECT_THAT(error_of("C,C,cycles\n1,1,1\n"), HasSubstr("rtl.csv:1:3: column 'C' stands here twice"));
  EXPECT_THAT(error_of("C,cycles\n1\n"), HasSubstr("rtl.csv:2:1: 1 fields, the header has 2"));
  EXPECT_THAT(error_of("C,cycles\n1,ten\n"),
              HasSubstr("rtl.csv:2:3: cycles: expected a finite number of at least 0, found 'ten'"));
  EXPECT_THAT(error_of("C,cycles\n1,0\n"), HasSubstr("rtl.csv:2:3: cycles: expected above 0"));
  EXPECT_THAT(error_of("C,cycles\n1.5,3\n"), HasSubstr("rtl.csv:2:1: C: expected a whole number"));
  EXPECT_THAT(error_of("C,cycles,mapping\n8,3,\"DRAM\n"), HasSubstr("rtl.csv:2:5: a quoted field that does not end"));
  EXPECT_THAT(error_of("C,cycles,mapping\n8,3,DRAM[WIO] Z4 | pad[] | sum[]\n"),
              HasSubstr("rtl.csv:2:5: mapping, column 11"));
  EXPECT_THAT(error_of("C,cycles\n1,3\n", {.where = {{"god", "1"}}}), HasSubstr("unknown column 'god'"));
  EXPECT_THAT(error_of("C,cycles\n1,3\n", {.where = {{"C", "2"}}}), HasSubstr("no rows that were asked for"));
}

}  // namespace
}  // namespace nacre
