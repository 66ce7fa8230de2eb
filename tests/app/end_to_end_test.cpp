// The main job on real input, small: search, files, resume, evaluate, report; limits that nothing keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "nacre/base/json.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/study/sqlite_database.hpp"
#include "tests/app/program.hpp"
#include "tests/app/small_search.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::Outcome;
using test::run_program;
using test::Scratch;
using test::small_search;
using testing::HasSubstr;

Json front_of(const std::filesystem::path& folder) {
  return parse_json(file_text(folder / "front.json"), "front.json");
}

TEST(EndToEnd, SearchLeavesEverythingPromised) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome = run_program(small_search(folder));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("report: "));
  for (const char* file : {"study.sqlite", "configuration.yaml", "front.csv", "front.json", "report.html"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / file)) << file;
  }
  const Json front = front_of(folder);
  ASSERT_GT(front["networks"].size(), 0u);
  for (const Json& network : front["networks"]) {
    const Graph graph = read_onnx(folder / network["model"].get<std::string>());
    EXPECT_EQ(structure_hash(graph).hex(), network["structure_hash"].get<std::string>());
    EXPECT_TRUE(graph.metadata.contains("nacre.configuration"));
    EXPECT_TRUE(network["metrics"].contains("test_accuracy"));
    EXPECT_LE(network["metrics"]["params"]["value"].get<double>(), 60000);
    // The file predicts what the network in memory predicted.
    EXPECT_NEAR(network["metrics"]["exported_accuracy"]["value"].get<double>(),
                network["metrics"]["accuracy"]["value"].get<double>(), 0.01);
  }
  const std::string report = file_text(folder / "report.html");
  EXPECT_THAT(report, HasSubstr("</html>"));
}

// An evaluator that judges structures: nothing is trained, the models say so.
TEST(EndToEnd, DesignsWithoutDataOrTraining) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome = run_program(
      "search examples/deepmad.yaml --set 'task.inputs={image: [3, 32, 32]}' --set space.preset=small_resnet --set "
      "'limits={params: 100000}' --set search.effectiveness=[0.8] --set search.evaluations=3000 --set search.trials=2 "
      "--set "
      "output_dir='" +
      folder.string() + "'");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json network = front_of(folder)["networks"].at(0);
  EXPECT_LE(network["metrics"]["effectiveness"]["value"].get<double>(), 0.8);
  EXPECT_FALSE(network["metrics"].contains("exported_accuracy"));
  const std::string model = (folder / network["model"].get<std::string>()).string();
  EXPECT_THAT(read_onnx(model).metadata.at("nacre.weights"), HasSubstr("not trained"));
  const Outcome inspected = run_program("inspect '" + model + "' --entropy --json");
  EXPECT_NEAR(parse_json(inspected.out, "inspect")["entropy"]["weighted"].get<double>(),
              network["metrics"]["entropy"]["value"].get<double>(), 1e-6);
}

TEST(EndToEnd, ResumingAFinishedSearchChangesNothing) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  ASSERT_EQ(run_program(small_search(folder)).exit_code, 0);
  const std::string before = run_program("study '" + folder.string() + "' --json").out;
  const Json front = front_of(folder);
  ASSERT_EQ(run_program("resume '" + folder.string() + "'").exit_code, 0);
  EXPECT_EQ(run_program("study '" + folder.string() + "' --json").out, before);
  EXPECT_EQ(front_of(folder)["networks"].size(), front["networks"].size());
  // Longer is allowed, other searches are not.
  const Outcome other = run_program(small_search(folder, "--set search.seed=9"));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("search.seed"));
}

TEST(EndToEnd, LimitsThatNothingKeepsGiveTheNearestAndSayWhichLimitBinds) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome =
      run_program(small_search(folder, "--set limits='{params: 10}' --set search.limit_handling=epsilon_constraint"));
  EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("params"));
  const Json front = front_of(folder);
  EXPECT_FALSE(front["limits_met"].get<bool>());
  ASSERT_GT(front["networks"].size(), 0u);
  EXPECT_TRUE(std::filesystem::exists(folder / front["networks"][0]["model"].get<std::string>()));
}

TEST(EndToEnd, VerbsWorkOnWhatASearchLeft) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  ASSERT_EQ(run_program(small_search(folder)).exit_code, 0);
  const Json network = front_of(folder)["networks"][0];
  const std::string model = (folder / network["model"].get<std::string>()).string();
  const Outcome inspected = run_program("inspect '" + model + "' --json");
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_EQ(parse_json(inspected.out, "stdout")["macs"].get<double>(),
            network["metrics"]["macs"]["value"].get<double>());
  const Outcome evaluated = run_program("evaluate '" + model + "' --config examples/digits.yaml --split test --json");
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_NEAR(parse_json(evaluated.out, "stdout")["metrics"]["accuracy"]["value"].get<double>(),
              network["metrics"]["test_accuracy"]["value"].get<double>(), 1e-9);
  const std::string trained = (scratch.path() / "trained.onnx").string();
  const Outcome trained_outcome = run_program(
      "train --model '" + model + "' --config examples/digits.yaml --set train.epochs=1 -o '" + trained + "'");
  ASSERT_EQ(trained_outcome.exit_code, 0) << trained_outcome.err;
  EXPECT_EQ(structure_hash(read_onnx(trained)), structure_hash(read_onnx(model)));
  EXPECT_EQ(run_program("study '" + folder.string() + "' --trial 0").exit_code, 0);
  EXPECT_EQ(run_program("report '" + folder.string() + "'").exit_code, 0);
}

TEST(EndToEnd, AStudySaysAfterHowManyEpochsNetworksRankAsInTheEnd) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "s";
  const std::string ask = "study '" + folder.string() + "' --stopping 0.9";
  ASSERT_EQ(run_program(small_search(folder,
                                     "--set search.trials=8 --set train.epochs=2 --set search.epochs=2 --set "
                                     "final.networks=1"))
                .exit_code,
            0);
  const Json said = parse_json(run_program(ask + " --json").out, "stdout");
  EXPECT_EQ(said["metric"], "accuracy");
  EXPECT_EQ(said["curves"], 8);
  ASSERT_EQ(said["by_epoch"].size(), 2u);
  EXPECT_EQ(said["by_epoch"][1]["held_out"], 1) << "the last epoch ranks as itself";
  EXPECT_EQ(said["epoch"].get<int>() == 1, said["by_epoch"][0]["correlation"].get<double>() >= 0.9);
  EXPECT_THAT(run_program(ask).out, HasSubstr("8 curves of accuracy: after"));
  const std::filesystem::path short_one = scratch.path() / "short";
  ASSERT_EQ(run_program(small_search(short_one)).exit_code, 0);
  const Outcome refused = run_program("study '" + short_one.string() + "' --stopping 0.9");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("0 training curves of accuracy over two and more epochs; expected at least 8"));
}

TEST(EndToEnd, RandomSearchRunsBesideTheSearchAndTellsItNothing) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  ASSERT_EQ(run_program(small_search(folder)).exit_code, 0);
  EXPECT_THAT(file_text(folder / "report.html"), HasSubstr("With search.random_baseline: true"));
  const std::string before = run_program("study '" + folder.string() + "' --json").out;
  const Outcome outcome = run_program("resume '" + folder.string() + "' --set search.random_baseline=true");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(run_program("study '" + folder.string() + "' --json").out, before);
  EXPECT_THAT(file_text(folder / "report.html"), HasSubstr("drawn uniformly at random"));
  SqliteDatabase baseline(folder / "random_baseline.sqlite", SqliteDatabase::Mode::read_only, "baseline");
  EXPECT_EQ(baseline.integer("SELECT count(*) FROM trials WHERE cached_from < 0 AND status = 'ok'"), 4);
  EXPECT_EQ(baseline.integer("SELECT count(*) FROM trials WHERE made_by <> 'random'"), 0);
}

TEST(EndToEnd, RandomSearchOfAnotherStudyIsNoComparison) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  ASSERT_EQ(run_program(small_search(folder, "--set search.random_baseline=true")).exit_code, 0);
  {
    SqliteDatabase baseline(folder / "random_baseline.sqlite", SqliteDatabase::Mode::read_write, "baseline");
    baseline.execute("UPDATE study SET config = json_set(config, '$.configuration.train.epochs', 7)");
  }
  for (const char* verb : {"report", "resume"}) {
    const Outcome outcome = run_program(verb + (" '" + folder.string() + "'"));
    EXPECT_EQ(outcome.exit_code, 2) << verb;
    EXPECT_THAT(outcome.err, HasSubstr("belongs to another study: its train.epochs differs; remove the file"));
  }
}

TEST(EndToEnd, ReportOfASearchThatWasStoppedShowsItsFront) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  ASSERT_EQ(run_program(small_search(folder)).exit_code, 0);
  const size_t networks = front_of(folder)["networks"].size();
  {  // as a study is when the process ends before the front was trained and exported
    SqliteDatabase study(folder / "study.sqlite", SqliteDatabase::Mode::read_write, "study");
    study.execute("DELETE FROM followups");
  }
  ASSERT_EQ(run_program("report '" + folder.string() + "'").exit_code, 0);
  const std::string report = file_text(folder / "report.html");
  EXPECT_THAT(report, HasSubstr("The search was stopped before its end"));
  EXPECT_THAT(report, HasSubstr("not trained in full and not exported"));
  for (size_t i = 1; i <= networks; ++i) EXPECT_THAT(report, HasSubstr("<details id=network-" + std::to_string(i)));
}

TEST(EndToEnd, ExportsEveryFormat) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  ASSERT_EQ(run_program(small_search(folder)).exit_code, 0);
  const Outcome csv = run_program("export '" + folder.string() + "'");
  ASSERT_EQ(csv.exit_code, 0) << csv.err;
  EXPECT_THAT(file_text(folder / "trials.csv"), HasSubstr("trial,status,"));
  for (const char* format : {"json", "optuna", "tensorboard"}) {
    const Outcome outcome = run_program("export '" + folder.string() + "' --json --format " + format);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const Json json = parse_json(outcome.out, "stdout");
    EXPECT_GE(json["trials"].get<int>(), 4);
    EXPECT_TRUE(std::filesystem::exists(json["written"].get<std::string>()));
  }
  EXPECT_EQ(run_program("export '" + folder.string() + "' --format excel").exit_code, 2);
}

TEST(EndToEnd, DryRunForecastsAndLeavesNothing) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study";
  const Outcome outcome = run_program(small_search(folder, "--dry-run --json"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_GT(json["search_s"].get<double>(), 0);
  EXPECT_EQ(json["configuration"]["search"]["trials"], 4);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace nacre
