// Experiments: declaration, gates, resuming.
#include "nacre/bench/experiment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "nacre/base/file.hpp"
#include "nacre/bench/experiment_document.hpp"
#include "nacre/bench/experiment_run.hpp"
#include "nacre/bench/probe.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class ExperimentTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "nacre-bench-XXXXXX").string();
    scratch_ = mkdtemp(pattern.data());
    fs::create_directories(folder());
  }
  void TearDown() override { fs::remove_all(scratch_); }

  fs::path folder() const { return scratch_ / "repro" / "claim"; }
  void declare(const std::string& yaml) const { std::ofstream(folder() / "experiment.yaml") << yaml; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder() / name) << text; }
  Experiment load(bool quick = false) const { return load_experiment(folder(), quick); }
  ExperimentOutcome run(bool quick = false) const {
    ExperimentRunOptions options;
    options.output = scratch_ / "output";
    options.program = "/bin/false";
    return run_experiment(load(quick), options);
  }
  std::string error(const std::string& yaml) const {
    declare(yaml);
    try {
      load();
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path scratch_;
};

const std::string kTable = "id,x,y\na,1,10\nb,2,30\nc,3,20\nd,4,40\n";
const std::string kMeasurements =
    "title: t\nmeasurements:\n  m:\n    probe: table\n    files: [table.csv]\n    facts: {s: {spearman: [x, y]}, "
    "f: {front: {maximize: y, minimize: x}}}\n    quick: {keep: {id: a}, facts: {n: {distinct: id}}}\n";

TEST_F(ExperimentTest, JudgesGatesOnWhatIsMeasured) {
  write("table.csv", kTable);
  declare(kMeasurements +
          "gates:\n"
          "  - {what: rows, of: m, value: /rows, equals: 4, quick: {equals: 1}}\n"
          "  - {what: order, of: m, value: /facts/s/spearman, at_least: 0.79, published: '0.8'}\n"
          "  - {what: too much, of: m, value: /facts/s/spearman, at_least: 0.81, quick: false}\n"
          "  - {what: front, of: m, value: /facts/f/size, between: [3, 3], quick: false}\n"
          "  - {what: relative, of: m, value: /rows, at_most: {of: m, value: /facts/f/size, times: 2, plus: -2}, "
          "quick: false}\n"
          "  - {what: nowhere, of: m, value: /facts/none, equals: 1, quick: false}\n");
  const ExperimentOutcome outcome = run();
  std::vector<GateState> states;
  for (const GateOutcome& gate : outcome.gates) states.push_back(gate.state);
  using enum GateState;
  EXPECT_EQ(states, (std::vector{reached, reached, missed, reached, reached, not_measured}));
  EXPECT_EQ(outcome.gates[4].bounds, (std::vector<double>{4}));
  EXPECT_THAT(outcome.gates[5].reason, HasSubstr("/facts/none"));
  EXPECT_EQ(outcome.count(reached), 4);
  const std::string page = experiment_markdown(outcome, {"2026-01-02", "nacre repro run claim"});
  EXPECT_THAT(page, HasSubstr("**4 of 6 gates reached**, 1 missed, 1 not measured"));
  EXPECT_THAT(page, HasSubstr("| order | reached | 0.8 | at least 0.79 | 0.8 |"));
  EXPECT_THAT(page, HasSubstr("nacre repro run claim"));
}

TEST_F(ExperimentTest, QuickFormReplacesKeysAndLeavesOut) {
  write("table.csv", kTable);
  declare(kMeasurements +
          "gates:\n  - {what: rows, of: m, value: /rows, equals: 4, quick: {at_most: 1}}\n"
          "  - {what: full only, of: m, value: /facts/s/spearman, at_least: 2, quick: false}\n");
  const ExperimentOutcome outcome = run(true);
  ASSERT_EQ(outcome.gates.size(), 1u);
  EXPECT_EQ(outcome.gates[0].state, GateState::reached);
  EXPECT_EQ(outcome.gates[0].gate.comparison, Gate::Comparison::at_most);
}

TEST_F(ExperimentTest, MeasuresOnlyWhatIsNotMeasured) {
  write("table.csv", kTable);
  declare(kMeasurements + "gates:\n  - {what: rows, of: m, value: /rows, equals: 4}\n");
  EXPECT_EQ(run().gates[0].state, GateState::reached);
  const fs::path result = scratch_ / "output" / "m" / "seed_0" / "result.json";
  Json stored = parse_json(read_file(result), "result");
  EXPECT_EQ(stored["output"]["rows"], 4);
  stored["output"]["rows"] = 5;  // as if something else had been measured
  write_file_atomically(result, stored.dump());
  EXPECT_EQ(run().gates[0].interval->mean, 5) << "read, not measured again";
  std::string yaml = kMeasurements;
  yaml.replace(yaml.find("[x, y]"), 6, "[y, x]");
  declare(yaml + "gates:\n  - {what: rows, of: m, value: /rows, equals: 4}\n");
  EXPECT_EQ(run().gates[0].interval->mean, 4) << "declared otherwise: measured again";
  EXPECT_TRUE(fs::exists(scratch_ / "output" / "m" / "seed_0_before_1" / "result.json")) << "what was paid for is kept";
}

TEST_F(ExperimentTest, FailuresAreSaidAndTriedAgain) {
  declare(kMeasurements + "gates:\n  - {what: rows, of: m, value: /rows, equals: 4}\n");
  const GateOutcome failed = run().gates[0];
  EXPECT_EQ(failed.state, GateState::not_measured);
  EXPECT_THAT(failed.reason, HasSubstr("cannot find 'table.csv'"));
  write("table.csv", kTable);
  EXPECT_EQ(run().gates[0].state, GateState::reached);
}

TEST_F(ExperimentTest, AnInterruptedRunGoesOn) {
  write("table.csv", kTable);
  declare("title: t\nseeds: [0, 1, 2]\n" + kMeasurements.substr(9) +
          "gates:\n  - {what: rows, of: m, value: /rows, equals: 4}\n");
  int seen = 0, known = 0;
  ExperimentRunOptions options;
  options.output = scratch_ / "output";
  options.interrupted = [&] { return seen >= 2; };
  options.progress = [&](const ExperimentProgress& progress) {
    ++seen;
    known += progress.known;
  };
  EXPECT_THROW(run_experiment(load(), options), Interrupted);
  options.interrupted = [] { return false; };
  const ExperimentOutcome outcome = run_experiment(load(), options);
  EXPECT_GE(known, 1);
  EXPECT_EQ(outcome.gates[0].interval->count, 3);
}

TEST_F(ExperimentTest, ErrorsSayWhere) {
  const std::string gates = "gates:\n  - {what: w, of: m, value: /rows, equals: 4}\n";
  EXPECT_THAT(error("title: t\n"), HasSubstr("missing key experiment.measurements"));
  EXPECT_THAT(error("title: t\nmeasurements: {m: {probe: tabel}}\n" + gates),
              HasSubstr("experiment.yaml:2:27: unknown probe 'tabel'; did you mean 'table'?"));
  EXPECT_THAT(error(kMeasurements + "gates:\n  - {what: w, of: n, value: /rows, equals: 4}\n"),
              HasSubstr("unknown measurement 'n'"));
  EXPECT_THAT(error(kMeasurements + "gates:\n  - {what: w, of: m, value: rows, equals: 4}\n"),
              HasSubstr("expected a JSON pointer"));
  EXPECT_THAT(error(kMeasurements + "gates:\n  - {what: w, of: m, value: /rows}\n"),
              HasSubstr("expected exactly one of equals, at_least, at_most, between"));
  EXPECT_THAT(error(kMeasurements + "gates:\n  - {what: w, of: m, value: /rows, at_least: many}\n"),
              HasSubstr("at_least: expected a number, found 'many'"));
  EXPECT_THAT(error(kMeasurements + "gates: []\n"), HasSubstr("expected a list of gates"));
}

MeasuredRuns runs_of(const std::vector<Json>& values) {
  MeasuredRuns runs{"m", {}};
  for (const Json& value : values) {
    MeasuredRun run;
    run.measured = true;
    run.output = {{"v", value}};
    runs.runs.push_back(std::move(run));
  }
  return runs;
}

GateState state(Gate::Comparison comparison, double bound, Gate::Judge judge, const std::vector<Json>& values) {
  Gate gate;
  gate.of = "m";
  gate.pointer = "/v";
  gate.comparison = comparison;
  gate.bounds = {GateBound{.constant = bound}};
  gate.judge = judge;
  return judge_gate(gate, {runs_of(values)}).state;
}

TEST(Gate, MeanEveryAndIntervalAreEverStricter) {
  using enum Gate::Judge;
  const auto at_least = Gate::Comparison::at_least;
  const std::vector<Json> close = {0.99, 1.00, 1.02};  // mean 1.0033, interval +- 0.038
  EXPECT_EQ(state(at_least, 1.0, mean, close), GateState::reached);
  EXPECT_EQ(state(at_least, 1.0, every, close), GateState::missed);
  EXPECT_EQ(state(at_least, 0.98, every, close), GateState::reached);
  EXPECT_EQ(state(at_least, 0.98, interval, close), GateState::missed);
  EXPECT_EQ(state(at_least, 0.96, interval, close), GateState::reached);
  EXPECT_EQ(state(Gate::Comparison::at_most, 1.0, mean, close), GateState::missed);
  EXPECT_EQ(state(Gate::Comparison::equals, 1.0, mean, {0.5, 1.5}), GateState::missed) << "equal means each seed";
}

TEST(Gate, MostComparesSeedBySeed) {
  const auto named = [](const std::string& name, const std::vector<Json>& values) {
    MeasuredRuns runs = runs_of(values);
    runs.name = name;
    for (size_t i = 0; i < values.size(); ++i) runs.runs[i].seed = i;
    return runs;
  };
  Gate gate;
  gate.of = "ours";
  gate.pointer = "/v";
  gate.comparison = Gate::Comparison::at_least;
  gate.judge = Gate::Judge::most;
  gate.bounds = {GateBound{.of = "theirs", .pointer = "/v", .times = 2, .plus = 1}};
  // Bounds 3, 5, 21: two seeds keep theirs, though the mean is far below the others' mean.
  GateOutcome outcome = judge_gate(gate, {named("ours", {3, 5, 0}), named("theirs", {1, 2, 10})});
  EXPECT_EQ(outcome.state, GateState::reached);
  EXPECT_EQ(outcome.seeds_kept, 2);
  EXPECT_THAT(value_text(outcome), HasSubstr("kept by 2 of 3"));
  outcome = judge_gate(gate, {named("ours", {3, 4, 100}), named("theirs", {2, 2, 10})});
  EXPECT_EQ(outcome.state, GateState::missed);
  EXPECT_EQ(outcome.seeds_kept, 1);
  outcome = judge_gate(gate, {named("ours", {3, 4}), named("theirs", {1, 2, 10})});
  EXPECT_EQ(outcome.state, GateState::not_measured);
  EXPECT_THAT(outcome.reason, HasSubstr("seed by seed"));
  EXPECT_EQ(state(Gate::Comparison::at_most, 1.0, Gate::Judge::most, {0, 1, 2}), GateState::reached);
  EXPECT_EQ(state(Gate::Comparison::at_most, 1.0, Gate::Judge::most, {0, 2, 2}), GateState::missed);
}

TEST(Gate, TextsAreComparedAsTexts) {
  Gate gate;
  gate.of = "m";
  gate.pointer = "/v";
  gate.bounds = {GateBound{.constant = "984770902183611232881"}};
  EXPECT_EQ(judge_gate(gate, {runs_of({"984770902183611232881"})}).state, GateState::reached);
  EXPECT_EQ(judge_gate(gate, {runs_of({"984770902183611232880"})}).state, GateState::missed);
  EXPECT_EQ(judge_gate(gate, {runs_of({1})}).state, GateState::not_measured);
}

TEST(Places, ArePutInAndUnknownOnesRefused) {
  EXPECT_EQ(with_places("{root}/a_{seed}{seed}", {{"root", "/r"}, {"seed", "7"}}), "/r/a_77");
  EXPECT_EQ(with_places("{kind: mbconv}/{seed}", {{"seed", "7"}}), "{kind: mbconv}/7");
  EXPECT_THROW(with_places("{rot}", {{"root", "/r"}}), UserError);
  EXPECT_THROW(with_places("{root", {{"root", "/r"}}), UserError);
}

TEST(Probes, ExamplesFitTheirRecords) {
  for (const auto& entry : probe_registry().entries()) {
    ASSERT_FALSE(entry.example.empty()) << entry.name;
    const ConfigNode root = parse_config(entry.example, "example");
    EXPECT_EQ(root.at("probe").as_text("probe"), entry.name);
    EXPECT_NO_THROW(resolve_options(root, entry.parameters, entry.name, {"probe"}));
  }
}

// Every declared experiment of the project is well-formed in both forms.
TEST(Experiments, AllLoad) {
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  const auto folders = find_experiments(fs::path(source == nullptr ? "." : source) / "repro");
  EXPECT_GE(folders.size(), 4u);
  for (const fs::path& folder : folders) {
    SCOPED_TRACE(folder.string());
    const Experiment full = load_experiment(folder, false), quick = load_experiment(folder, true);
    EXPECT_EQ(full.name, folder.filename().string());
    EXPECT_GE(full.gates.size(), quick.gates.size());
    EXPECT_FALSE(full.source.empty());
  }
}

}  // namespace
}  // namespace nacre
