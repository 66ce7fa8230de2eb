// nacre generate: networks from what a study or a published table says of others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using test::Scratch;
using testing::HasSubstr;

// A search whose evaluation is a count: nothing is trained.
std::string study_in(const Scratch& scratch) {
  const std::string folder = (scratch.path() / "study").string();
  const Outcome outcome = run_program(
      "search examples/digits.yaml --json --set 'evaluator={kind: zero_cost, proxy: params}' --set "
      "search.strategy=random "
      "--set search.trials=40 --set search.workers=1 --set final.train=never --set final.networks=1 --set limits={} "
      "--set output_dir='" +
      folder + "'");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return folder;
}

TEST(GenerateVerb, GeneratesSmallNetworksFromAStudyAndWritesThem) {
  const Scratch scratch;
  const std::string study = study_in(scratch), output = (scratch.path() / "generated").string();
  const Outcome outcome =
      run_program("generate " + study + " --minimize params -n 4 --pool 32 --steps 40 --json -o '" + output + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "generate");
  EXPECT_EQ(json["examples"], 40);
  ASSERT_EQ(json["networks"].size(), 4u);
  std::set<std::string> texts;
  for (const Json& network : json["networks"]) {
    EXPECT_TRUE(texts.insert(network["network"].get<std::string>()).second);
    const Outcome inspected = run_program("inspect --json '" + network["model"].get<std::string>() + "'");
    ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
    EXPECT_EQ(parse_json(inspected.out, "inspect")["params"], network["counted"]["params"]);
  }
  EXPECT_EQ(parse_json(read_file(std::filesystem::path(output) / "generated.json"), "file"), json);
  // Guided, they are smaller than without guidance.
  const auto mean_size = [&](const std::string& arguments) {
    const Outcome run =
        run_program("generate " + study + " --minimize params -n 12 --pool 16 --steps 40 --json " + arguments);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const Json networks = parse_json(run.out, "generate")["networks"];
    double sum = 0;
    for (const Json& network : networks)
      sum += network["counted"]["params"].get<double>() / static_cast<double>(networks.size());
    return sum;
  };
  EXPECT_LT(mean_size("--kappa 5"), mean_size("--kappa 0"));
}

TEST(GenerateVerb, LimitsAreKeptByWhatIsCounted) {
  const Scratch scratch;
  const std::string study = study_in(scratch);
  const Outcome outcome = run_program("generate " + study +
                                      " --maximize params -n 3 --pool 32 --steps 40 --limits '{params: 20000}' --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const Json& network : parse_json(outcome.out, "generate")["networks"])
    EXPECT_LE(network["counted"]["params"].get<double>(), 20000);
  const Outcome none =
      run_program("generate " + study + " --maximize params --pool 16 --steps 20 --limits '{params: 1}'");
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.err, HasSubstr("nothing new was generated within the limits"));
  const Outcome wrong = run_program("generate " + study + " --maximize parms");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("unknown metric 'parms'"));
  EXPECT_THAT(run_program("generate " + study + " --maximize params=-1").err, HasSubstr("expected a weight above 0"));
}

TEST(GenerateVerb, WhatIsMissingIsNamed) {
  const Outcome outcome = run_program("generate");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--benchmark NAME"));
  EXPECT_EQ(run_program("generate study --maximize accuracy --judged-on cifar100").exit_code, 2);
}

TEST(GenerateVerb, ShowsPublishedValuesBesidePredictions) {
  const char* given = std::getenv("NACRE_DATA");
  const std::filesystem::path root = given != nullptr ? given : test::source_dir() / ".." / "shared" / "data";
  if (!std::filesystem::exists(root / "nasbench201"))
    GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  const Outcome outcome = run_program(
      "generate --benchmark nasbench201 --dataset cifar100 --maximize valid_accuracy -n 10 --pool 64 --steps 60 "
      "--json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  double sum = 0;
  const Json json = parse_json(outcome.out, "generate");
  ASSERT_EQ(json["networks"].size(), 10u);
  for (const Json& network : json["networks"]) sum += network["evaluated"]["valid_accuracy"].get<double>() / 10;
  EXPECT_GT(sum, 0.66) << "the mean of all cells is 0.61";

  // Learned on one data set, judged on another: the same networks, other values.
  const std::string learned =
      "generate --benchmark nasbench201 --dataset cifar10 --maximize valid_accuracy -n 5 --json";
  const Json here = parse_json(run_program(learned).out, "generate"),
             there = parse_json(run_program(learned + " --judged-on cifar100").out, "generate");
  ASSERT_EQ(there["networks"].size(), 5u);
  double best = 0;
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(there["networks"][i]["network"], here["networks"][i]["network"]);
    best = std::max(best, there["networks"][i]["evaluated"]["test_accuracy"].get<double>());
    EXPECT_GT(here["networks"][i]["evaluated"]["valid_accuracy"].get<double>(), 0.8);
  }
  EXPECT_EQ(there["evaluated"]["test_accuracy"]["most"], best);
  EXPECT_GT(best, 0.68);
}

}  // namespace
}  // namespace nacre
