// Searches with shared weights as a user runs them: examples/fbnet_digits.yaml, examples/bossnas_digits.yaml and
// examples/ofa_digits.yaml in short form, stopped and gone on with, specialized, and refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::Outcome;
using test::run_program;
using testing::HasSubstr;

Json json_file(const std::filesystem::path& path) { return parse_json(test::file_text(path), path.string()); }

std::string output(const std::filesystem::path& folder) { return " --set output_dir='" + folder.string() + "'"; }

TEST(SupernetSearch, FbnetTrainsWhatItsSupernetProposes) {
  const test::Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const std::string command =
      "search examples/fbnet_digits.yaml --set search.supernet_epochs=2 --set search.architecture_from=0 --set "
      "train.epochs=1"
      " --set search.workers=1 --set train.precision=fp32 --set search.trials=";
  const Outcome outcome = run_program(command + "3" + output(folder));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json record = json_file(folder / "supernet" / "supernet.json");
  EXPECT_EQ(record.at("epochs").size(), 2U);
  EXPECT_EQ(record.at("decisions").size(), 6U);
  EXPECT_GE(record.at("networks").size(), 3U);
  EXPECT_TRUE(record.at("networks")[0].contains("shared_accuracy"));
  EXPECT_GT(record.at("networks")[0].at("cost").get<double>(), 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "supernet" / "state.safetensors"));
  const std::string report = test::file_text(folder / "report.html");
  EXPECT_THAT(report, HasSubstr("id=shared-weights"));
  EXPECT_THAT(report, HasSubstr("stage2/1/op"));
  // More trials: the supernet is not trained again, its next proposals are.
  const Outcome more = run_program(command + "4" + output(folder));
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_THAT(more.err, testing::Not(HasSubstr("epoch 1: loss")));
  EXPECT_THAT(outcome.err, HasSubstr("shared weights rank 3 networks"));
}

TEST(SupernetSearch, SizesThatAMethodDoesNotSearchAreNamed) {
  const test::Scratch scratch;
  const Outcome outcome = run_program(
      "search examples/segmentation_digits.yaml --set train.epochs=1 --set train.precision=fp32 --set "
      "task.split.subset=200 --set "
      "'space.heights=[1, 2]' --set 'search={strategy: fbnet, supernet_epochs: 1, trials: 1, workers: 1}' --set "
      "limits={}" +
      output(scratch.path() / "study"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err,
              HasSubstr("strategy fbnet does not search sizes: level0/filters, level1/filters, level2/filters stay"));
}

TEST(SupernetSearch, OnceForAllIsSearchedAndSpecializedWithoutTraining) {
  const test::Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome = run_program(
      "search examples/ofa_digits.yaml --set evaluator.supernet_epochs=6 --set evaluator.ranking_networks=3 --set "
      "train.epochs=1"
      " --set search.trials=4 --set 'space.depths=[1, 2]' --set 'evaluator.calibration_samples=128'"
      " --set 'targets={large: {limits: {macs: 9000000}, trials: 3}, counted: {target: macs, trials: 2}}'" +
      output(folder));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  // A front per target, from the one set of weights; what is there already is not looked at again.
  for (const char* target : {"large", "counted"})
    EXPECT_FALSE(json_file(folder / "targets" / target / "front.json").at("networks").empty()) << target;
  EXPECT_TRUE(json_file(folder / "targets" / "large" / "front.json").at("limits").contains("macs"));
  const Outcome again = run_program("resume '" + folder.string() + "' --json");
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, testing::Not(HasSubstr("epoch 1: loss")));
  EXPECT_EQ(parse_json(again.out, "resume").at("targets").size(), 2U);
  EXPECT_THAT(outcome.err, HasSubstr("shared weights rank 3 networks"));
  const std::string weights = test::file_text(folder / "supernet" / "state.safetensors");

  const std::filesystem::path other = scratch.path() / "small";
  const Outcome small = run_program("specialize '" + folder.string() + "' --limits '{macs: 250000}' --trials 4 -o '" +
                                    other.string() + "'");
  ASSERT_EQ(small.exit_code, 0) << small.err;
  EXPECT_THAT(small.err, testing::Not(HasSubstr("epoch 1: loss")));
  EXPECT_EQ(test::file_text(other / "supernet" / "state.safetensors"), weights);
  for (const Json& network : json_file(other / "front.json").at("networks"))
    EXPECT_LE(network.at("metrics").at("macs").at("value").get<double>(), 250000);

  const std::filesystem::path third = scratch.path() / "third";
  const Outcome wrong =
      run_program("specialize '" + folder.string() + "' --set train.epochs=2 -o '" + third.string() + "'");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("has another train"));
  EXPECT_FALSE(std::filesystem::exists(third));
}

TEST(SupernetSearch, SinglePathTrainsWhatItsThresholdsLeave) {
  const test::Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome = run_program(
      "search examples/single_path_digits.yaml --set search.supernet_epochs=2 --set search.architecture_from=1 --set "
      "train.epochs=1 --set search.workers=1 --set train.precision=fp32 --set search.trials=1" +
      output(folder));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json record = json_file(folder / "supernet" / "supernet.json");
  EXPECT_EQ(record.at("decisions").size(), 21U);  // 8 layers: kernel and expansion, 5 of them may be skipped
  EXPECT_EQ(record.at("method"), "single_path");
  EXPECT_EQ(json_file(folder / "front.json").at("networks").size(), 1U);
}

TEST(SupernetSearch, TargetsNeedSharedWeights) {
  const test::Scratch scratch;
  const auto refusal = [&](const std::string& arguments) {
    const Outcome outcome = run_program("search examples/" + arguments + output(scratch.path() / "a"));
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / "a"));
    return outcome.err;
  };
  EXPECT_THAT(refusal("fbnet_digits.yaml --set 'targets={a: {limits: {macs: 3}}}'"), HasSubstr("same shared weights"));
  EXPECT_THAT(refusal("ofa_digits.yaml --set 'evaluator={kind: trained}'"), HasSubstr("strategy ofa"));
  EXPECT_THAT(refusal("ofa_digits.yaml --set targets.b.limit=3"), HasSubstr("did you mean 'limits'"));
  EXPECT_THAT(refusal("ofa_digits.yaml --set targets.b.target=hots"), HasSubstr("did you mean 'host'"));
  EXPECT_THAT(refusal("fbnet_digits.yaml --set search.strategy=single_path"), HasSubstr("nest"));
}

TEST(SupernetSearch, BossnasRatesBlocksAndTrainsNetworksInTheirOrder) {
  const test::Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const std::string command =
      "search examples/bossnas_digits.yaml --set search.supernet_epochs=1 --set search.neck_hidden=32 --set "
      "'space.candidates=[k3_e1, k3_e3, skip]' --set train.epochs=1 --set search.workers=1 --set train.precision=fp32 "
      "--set search.trials=";
  const Outcome outcome = run_program(command + "3" + output(folder));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json record = json_file(folder / "supernet" / "supernet.json");
  ASSERT_EQ(record.at("blocks").size(), 3U);
  EXPECT_EQ(record.at("epochs").size(), 3U);
  double best = 0;
  size_t paths = 0;
  for (const Json& block : record.at("blocks")) {
    paths += block.at("paths").size();
    best += block.at("paths")[block.at("best").get<size_t>()].at("score").get<double>();
  }
  EXPECT_EQ(paths, 27U);
  EXPECT_NEAR(record.at("networks")[0].at("score").get<double>(), best, 1e-9);
  const std::string table = test::file_text(folder / "supernet" / "block_scores.csv");
  EXPECT_THAT(table, testing::StartsWith("block,choice,score,params,macs\n0,00,"));
  EXPECT_EQ(std::ranges::count(table, '\n'), 28);
  EXPECT_THAT(outcome.err, HasSubstr("shared weights rank 3 networks"));
  EXPECT_FALSE(std::filesystem::exists(folder / "supernet" / "state.safetensors"));
  // More trials: the next networks in the order of the scores, without another training of blocks.
  const Outcome more = run_program(command + "4" + output(folder));
  EXPECT_EQ(more.exit_code, 0) << more.err;
  EXPECT_THAT(more.err, testing::Not(HasSubstr("epoch 1: loss")));
  // Within a limit, and on a space of convolution and attention.
  const std::filesystem::path hybrid = scratch.path() / "hybrid";
  const Outcome mini = run_program(
      "search examples/bossnas_digits.yaml --set 'space={kind: hytra, channels: [8, 16, 32], layers: 4, head_width: 4, "
      "start: "
      "one}' --set search.paths_per_step=4 --set 'search.blocks=[2, 2]' --set search.supernet_epochs=1 --set "
      "search.neck_hidden=32 --set train.epochs=1 --set search.trials=2 --set search.workers=1 --set "
      "train.precision=fp32 --set "
      "limits.macs=300000" +
      output(hybrid));
  ASSERT_EQ(mini.exit_code, 0) << mini.err;
  for (const Json& network : json_file(hybrid / "front.json").at("networks"))
    EXPECT_LE(network.at("metrics").at("macs").at("value").get<double>(), 300000);
}

TEST(SupernetSearch, WhatWouldBeIgnoredIsRefused) {
  const test::Scratch scratch;
  for (const char* setting : {"indicator_keep=0.5", "cost_separable=true", "macs_share=0.5"}) {
    const Outcome outcome = run_program(std::string("search examples/fbnet_digits.yaml --set search.") + setting +
                                        output(scratch.path() / "a"));
    EXPECT_EQ(outcome.exit_code, 2) << setting;
    EXPECT_THAT(outcome.err, HasSubstr("means nothing without"));
  }
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "a"));
  // The targets of a search are looked at before it begins, in a dry run, too.
  const Outcome outcome = run_program("search examples/ofa_digits.yaml --dry-run --set targets.b.target=hots");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'host'"));
}

TEST(SupernetSearch, WhatCannotBeIsRefusedByName) {
  const test::Scratch scratch;
  Outcome outcome = run_program("search examples/fbnet_digits.yaml --set search.supernet_recipe.teacher=t.onnx" +
                                output(scratch.path() / "a"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("supernet_recipe.teacher"));
  outcome = run_program("search examples/fbnet_digits.yaml --set target.kind=host" + output(scratch.path() / "b"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("cost of each operator"));
  outcome = run_program("search examples/ofa_digits.yaml --set search.strategy=fbnet" + output(scratch.path() / "c"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("trains a supernet of its own"));
  outcome = run_program(
      "search examples/fbnet_digits.yaml --set search.strategy=rarts --set search.zero_operator=false"
      " --set search.architecture_paths=two" +
      output(scratch.path() / "e"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("architecture_paths: all"));
  outcome =
      run_program("search examples/fbnet_digits.yaml --set search.strategy=fbnett" + output(scratch.path() / "d"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("fbnet"));
  // Nothing is left that the mended configuration would stumble over.
  for (const char* name : {"a", "b", "c", "d", "e"})
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / name)) << name;
}

}  // namespace
}  // namespace nacre
