// nacre codesign, as a user runs it: on published tables, with networks that are trained, gone on with, and with faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/file.hpp"
#include "nacre/base/json.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;
using test::file_text;
using test::Outcome;
using test::run_program;
using testing::HasSubstr;

bool has_tables() {
  const char* given = std::getenv("NACRE_DATA");
  const fs::path data = given != nullptr ? fs::path(given) : test::source_dir() / ".." / "shared" / "data";
  return fs::exists(data / "nasbench201");
}

std::string on_tables(const fs::path& folder, const std::string& more) {
  return "codesign examples/codesign_nasbench201.yaml --set search.episodes=6 --set search.bound_designs=20 --set "
         "output_dir='" +
         folder.string() + "' " + more;
}

// What leads to the trained networks of two kinds of task in a few seconds.
std::string trained(const fs::path& folder, const std::string& more) {
  return "codesign examples/codesign_digits.yaml --set search.episodes=2 --set search.hardware_steps=3 --set "
         "search.bound_designs=20 --set tasks.digits.train.epochs=1 --set tasks.masks.train.epochs=1 --set "
         "tasks.digits.train.precision=fp32 --set tasks.masks.train.precision=fp32 --set "
         "'limits={latency_s: 1, energy_j: 1, area_mm2: 1e6}' --set 'search.bounds={latency_s: 2, energy_j: 2, "
         "area_mm2: 2e6}' "
         "--set output_dir='" +
         folder.string() + "' " + more;
}

TEST(CodesignVerb, SearchesTablesWithBothBaselinesAndGoesOnWhereItWas) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  const test::Scratch scratch;
  const fs::path whole = scratch.path() / "whole", parts = scratch.path() / "parts";
  const Outcome outcome = run_program(on_tables(whole, "--json"));
  ASSERT_TRUE(outcome.exit_code == 0 || outcome.exit_code == 3) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  ASSERT_EQ(json["methods"].size(), 3U);
  EXPECT_EQ(json["methods"][0]["name"], "nasaic");
  EXPECT_EQ(json["methods"][1]["name"], "nas_then_asic");
  EXPECT_EQ(json["methods"][2]["name"], "asic_then_nas");
  for (const Json& method : json["methods"]) {
    EXPECT_LE(method["cost_evaluations"], 66 + 66);
    const bool kept = method["metrics"]["penalty"]["value"] == 0;
    EXPECT_EQ(method["within_limits"], kept);
    EXPECT_EQ(method["metrics"]["accuracy"]["origin"], "table");
    EXPECT_EQ(method["metrics"]["latency_s"]["origin"], "modelled");
  }
  for (const char* metric : {"latency_s", "energy_j", "area_mm2"})
    EXPECT_GT(json["specifications"][metric]["bound"], json["specifications"][metric]["limit"]);
  EXPECT_EQ(outcome.exit_code == 0, json["methods"][0]["within_limits"].get<bool>());
  for (const char* file : {"accelerator.yaml", "schedule.json", "front.csv", "pruned.csv", "codesign.json",
                           "report.html", "models/cifar10.onnx", "models/cifar100.onnx"})
    EXPECT_TRUE(fs::exists(whole / file)) << file;
  const std::string page = file_text(whole / "report.html");
  EXPECT_THAT(page, HasSubstr("<svg class=schedule"));
  EXPECT_THAT(page, HasSubstr("class=limit"));
  // A record of the same search is taken up: nothing is asked again, and the outcome is the same.
  const Outcome again = run_program(on_tables(whole, "--json"));
  EXPECT_THAT(again.err, HasSubstr("resuming the study"));
  EXPECT_EQ(parse_json(again.out, "stdout")["methods"], json["methods"]);
  const Outcome other = run_program(on_tables(whole, "--set hardware.pe=512"));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("was made with another configuration"));
}

TEST(CodesignVerb, AnotherStrategySearchesTheSameSpace) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  const test::Scratch scratch;
  for (const char* strategy : {"random", "regularized_evolution"}) {
    const Outcome outcome =
        run_program("codesign examples/codesign_nasbench201.yaml --set search=null --set 'search={strategy: " +
                    std::string(strategy) +
                    ", cost_evaluations: 40, bound_designs: 10}' --set baselines=null --json --set output_dir='" +
                    (scratch.path() / strategy).string() + "'");
    ASSERT_TRUE(outcome.exit_code == 0 || outcome.exit_code == 3) << outcome.err;
    const Json json = parse_json(outcome.out, "stdout");
    EXPECT_EQ(json["methods"][0]["name"], strategy);
    EXPECT_LE(json["methods"][0]["cost_evaluations"], 40);
    EXPECT_GE(json["methods"][0]["cost_evaluations"], 30);
  }
}

TEST(CodesignVerb, TrainsTwoKindsOfTaskAndWritesModelsThatKeepTheirQuality) {
  const test::Scratch scratch;
  const Outcome outcome = run_program(trained(scratch.path() / "out", "--json"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  ASSERT_EQ(json["models"].size(), 2U);
  for (const Json& model : json["models"]) {
    EXPECT_TRUE(model["trained"]);
    EXPECT_NEAR(model["exported"].get<double>(), model["searched"].get<double>(), 2e-3);
    EXPECT_TRUE(model["test"].is_number());
  }
  EXPECT_LE(json["methods"][0]["network_evaluations"], 4)
      << "accelerators share the trainings of an episode's networks";
  const Outcome measured = run_program("measure '" + (scratch.path() / "out/models/digits.onnx").string() +
                                       "' --target '" + (scratch.path() / "out/accelerator.yaml").string() + "'");
  EXPECT_EQ(measured.exit_code, 0) << measured.err;
  EXPECT_THAT(measured.out, HasSubstr("latency"));
}

TEST(CodesignVerb, SaysWhatIsWrong) {
  const test::Scratch scratch;
  const auto message = [&](const std::string& text) {
    write_file_atomically(scratch.path() / "c.yaml", text);
    const Outcome outcome = run_program("codesign '" + (scratch.path() / "c.yaml").string() + "' --dry-run");
    EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
    return outcome.err;
  };
  const std::string task =
      "{task: {kind: external, inputs: {image: [3, 32, 32]}, outputs: {logits: [10]}, metrics: "
      "{valid_accuracy: maximize}}, space: nasbench201, evaluator: {kind: command, command: 'true'}}";
  const std::string good = "tasks:\n  a: " + task + "\nlimits: {latency_s: 1}\n";
  EXPECT_THAT(message("limits: {latency_s: 1}\n"), HasSubstr("tasks: expected names, each with"));
  EXPECT_THAT(message("task: 1\n"), HasSubstr("c.yaml:1:1: unknown section 'task'; did you mean 'tasks'?"));
  EXPECT_THAT(message("tasks:\n  a: 5\n"), HasSubstr("c.yaml:2:6: tasks.a: expected a map"));
  EXPECT_THAT(message("tasks:\n  hardware: " + task + "\n"), HasSubstr("a task cannot be named 'hardware'"));
  EXPECT_THAT(message("tasks:\n  a: {spaec: 1}\n"), HasSubstr("unknown key 'spaec'; did you mean 'space'?"));
  EXPECT_THAT(message("tasks:\n  a: " + task + "\n"), HasSubstr("limits: expected at least one of latency_s"));
  EXPECT_THAT(message("tasks:\n  a: " + task + "\nlimits: {latency: 1}\n"), HasSubstr("did you mean 'latency_s'?"));
  EXPECT_THAT(message("tasks:\n  a: " + task + "\nlimits: {latency_s: -1}\n"),
              HasSubstr("limits.latency_s: expected a number above 0"));
  EXPECT_THAT(message(good + "hardware: {dataflows: [dlb]}\n"), HasSubstr("did you mean 'dla'?"));
  EXPECT_THAT(message(good + "hardware: {pe: 16}\n"),
              HasSubstr("steps of processing elements from 1 to the budget of 16"));
  EXPECT_THAT(message(good + "search: {strategy: nasaik}\n"), HasSubstr("did you mean 'nasaic'?"));
  EXPECT_THAT(message(good + "search: {bounds: {latency_s: 0.5}}\n"),
              HasSubstr("bounds.latency_s: expected more than the limit of 1"));
  EXPECT_THAT(message(good + "baselines: [nas_then_asics]\n"), HasSubstr("did you mean 'nas_then_asic'?"));
  EXPECT_THAT(message("tasks:\n  a: {weight: 0, " + task.substr(1) + "\nlimits: {latency_s: 1}\n"),
              HasSubstr("weight: expected a number above 0"));
}

TEST(CodesignVerb, RefusesALimitThatNothingPasses) {
  if (!has_tables()) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  const test::Scratch scratch;
  const Outcome outcome = run_program(on_tables(scratch.path() / "out", "--set limits.latency_s=1000"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("latency_s: expected a specification below its bound"));
}

}  // namespace
}  // namespace nacre
