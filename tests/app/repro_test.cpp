// nacre repro: the experiments of the project in their quick form, as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using test::Scratch;
using testing::HasSubstr;

bool has_tables(const std::string& folder = "nasbench201") {
  const char* given = std::getenv("NACRE_DATA");
  const std::filesystem::path root = given != nullptr ? given : test::source_dir() / ".." / "shared" / "data";
  return std::filesystem::exists(root / "hwnasbench") && std::filesystem::exists(root / folder);
}

void expect_all_reached(const std::string& name) {
  const Scratch scratch;
  const std::string output = (scratch.path() / "out").string();
  const Outcome outcome = run_program("repro run " + name + " --quick --json -o '" + output + "'");
  const Json json = parse_json(outcome.out, "stdout");
  for (const Json& gate : json["gates"]) EXPECT_EQ(gate["state"], "reached") << gate.dump();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(json["form"], "quick");
  EXPECT_THAT(test::file_text(scratch.path() / "out" / "outcome.md"), HasSubstr("gates reached**"));
  // Again: nothing is measured anew.
  const Outcome again = run_program("repro run " + name + " --quick --json -o '" + output + "'");
  EXPECT_EQ(parse_json(again.out, "stdout")["measurements"], json["measurements"]);
}

TEST(Repro, ListsEveryExperiment) {
  const Outcome outcome = run_program("repro list --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::vector<std::string> names;
  for (const Json& row : parse_json(outcome.out, "stdout")) names.push_back(row["name"]);
  EXPECT_THAT(names, testing::IsSupersetOf(
                         {"04", "05", "25", "31", "39", "42", "47", "main_job_optdigits", "main_job_fashion_mnist"}));
}

TEST(Repro, NasnetCounts) { expect_all_reached("03"); }
TEST(Repro, PcDartsCounts) { expect_all_reached("39"); }
TEST(Repro, MaxWeightingOnAGridInItsQuickForm) { expect_all_reached("06"); }
TEST(Repro, ThresholdsInTheirQuickForm) { expect_all_reached("28"); }
TEST(Repro, SharedWeightsInTheirQuickForm) { expect_all_reached("27"); }
TEST(Repro, DeepmadScoresAndDesigns) { expect_all_reached("42"); }

TEST(Repro, PretrainingNeedsFewerTrainedNetworks) {
  if (!has_tables()) GTEST_SKIP() << "nasbenchmacro is not in NACRE_DATA or ../shared/data";
  expect_all_reached("04");
}

TEST(Repro, GeneratedCellsAreAsGoodAsManyRandomOnes) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  expect_all_reached("31");
}

TEST(Repro, TreesFindTheBestNetworkInFewQueries) {
  if (!has_tables())
    GTEST_SKIP() << "nasbench101, nasbench201 and nasbenchmacro are not in NACRE_DATA or ../shared/data";
  expect_all_reached("47");
}

TEST(Repro, LearningCurvesSaveEpochsAtNoLoss) {
  if (!has_tables("spikenas")) GTEST_SKIP() << "spikenas is not in NACRE_DATA or ../shared/data";
  expect_all_reached("learning_curves");
}

TEST(Repro, ZeroCostProxiesRankAsPublished) {
  if (!has_tables() || !has_tables("cifar10_jpeg"))
    GTEST_SKIP() << "nasbench201 and cifar10_jpeg are not in NACRE_DATA or ../shared/data";
  expect_all_reached("zero_cost");
}

TEST(Repro, EarlyExitSavesCostAndKeepsTheFront) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  expect_all_reached("32");
}

TEST(Repro, FbnetCountsAndTables) {
  if (!has_tables()) GTEST_SKIP() << "hwnasbench is not in NACRE_DATA or ../shared/data";
  expect_all_reached("05");
}

TEST(Repro, SurveyTables) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 and hwnasbench are not in NACRE_DATA or ../shared/data";
  expect_all_reached("25");
}

TEST(Repro, BossnasScoresAndCounts) {
  if (!has_tables("nats_size")) GTEST_SKIP() << "nats_size is not in NACRE_DATA or ../shared/data";
  expect_all_reached("36");
}

TEST(Repro, MainJobInItsQuickForm) { expect_all_reached("main_job_optdigits"); }

TEST(Repro, MissedGatesAreExitCodeThree) {
  const Scratch scratch;
  const auto folder = scratch.path() / "repro" / "wrong";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "experiment.yaml")
      << "title: t\nsource: s\nmeasurements:\n  m: {probe: networks, space: nasbench201, input: [3, 32, 32]}\n"
         "gates:\n  - {what: cells, of: m, value: /count, equals: \"15624\"}\n";
  const Outcome outcome = run_program("repro --folder '" + (scratch.path() / "repro").string() + "' run wrong -o '" +
                                      (scratch.path() / "out").string() + "'");
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("missed"));
  EXPECT_THAT(outcome.out, HasSubstr("15625"));
}

TEST(Repro, UnknownExperimentIsBadInput) {
  const Outcome outcome = run_program("repro run 5");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("unknown experiment '5'"));
}

}  // namespace
}  // namespace nacre
