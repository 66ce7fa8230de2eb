#include "nacre/bench/table_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/run/formulation.hpp"
#include "small_table.hpp"

namespace nacre {
namespace {

using test::small_benchmark;
using test::small_strategy;
using test::small_table;

const std::string kSearched = "objectives: [valid_accuracy]\njudge: [test_accuracy]\n";

TEST(TableProblem, FindsTheOptimumAndTheFloorByEnumeration) {
  const TableProblem problem(small_benchmark(kSearched), small_table());
  EXPECT_EQ(problem.facts().optimum_key, "row100");
  EXPECT_DOUBLE_EQ(problem.facts().optimum, 0.95);
  EXPECT_EQ(problem.facts().usable, 256);
  EXPECT_EQ(problem.full_epochs(), 16);
  // The best by validation is the last row: test = validation - 0.02.
  const double best_valid = *small_table()->value(255, *small_table()->find_column("valid_accuracy"));
  EXPECT_NEAR(problem.facts().floor, 100 * (0.95 - (best_valid - 0.02)), 1e-9);
  EXPECT_EQ(problem.regret_unit(), "points");
}

TEST(TableProblem, LimitsAndUnknownValuesBoundTheOptimum) {
  const TableProblem problem(small_benchmark(kSearched + "limits: {latency_s: 0.01}"), small_table());
  EXPECT_EQ(problem.facts().usable, 255) << "one latency is unknown";
  EXPECT_EQ(problem.facts().feasible, 1 + 4 + 10 + 20) << "sums 0 to 3: 1 + 9 = 10 ms";
  const TableProblem kept(small_benchmark(kSearched + "keep: {latency_s: 0.002}"), small_table());
  EXPECT_EQ(kept.facts().usable, 4);
}

TEST(TableProblem, HypervolumeOfTheTable) {
  const TableProblem problem(
      small_benchmark(
          "objectives: [valid_accuracy, latency_s]\nreference: {valid_accuracy: 0.4, latency_s: {percentile: 50}}"),
      small_table());
  std::vector<Point> points;
  std::vector<double> latencies;
  for (int64_t row = 0; row < 255; ++row) {
    points.push_back(problem.judged_point(row));
    latencies.push_back(points.back()[1]);
  }
  std::ranges::sort(latencies);
  EXPECT_DOUBLE_EQ(problem.facts().reference[0], -0.4);
  EXPECT_DOUBLE_EQ(problem.facts().reference[1], latencies[127]);
  EXPECT_DOUBLE_EQ(problem.facts().hypervolume, hypervolume(points, problem.facts().reference));
}

TEST(TableProblem, ErrorsNameThePlaceAndWhatThereIs) {
  const auto error_of = [](const std::string& yaml) {
    return user_error([&] { TableProblem problem(small_benchmark(yaml), small_table()); });
  };
  using testing::HasSubstr;
  EXPECT_THAT(error_of("objectives: [valid_acuracy]"),
              HasSubstr("suite.yaml:1:13: unknown metric of small in objectives"));
  EXPECT_THAT(error_of("objectives: [valid_acuracy]"), HasSubstr("did you mean 'valid_accuracy'?"));
  EXPECT_THAT(error_of("objectives: [valid_accuracy]\nepochs: 5"),
              HasSubstr("suite.yaml:2:9: epochs: small holds valid_accuracy after 4, 16 epochs, not after 5"));
  EXPECT_THAT(error_of("objectives: [valid_accuracy]\nepochs: 4\njudge: [test_accuracy]"),
              HasSubstr("does not hold test_accuracy after 4 epochs"));
  EXPECT_THAT(error_of("objectives: [valid_accuracy]\nreference: {latency_s: 1}"),
              HasSubstr("missing key reference.valid_accuracy"));
  EXPECT_THAT(error_of("objectives: [valid_accuracy]\nlimits: {latency_s: 0.0001}"),
              HasSubstr("no row of 256 keeps the limits"));
  EXPECT_THAT(error_of("objectives: [valid_accuracy]\nreference: {valid_accuracy: 2}"), HasSubstr("no row is better"));
}

TEST(TableRun, GridSeesEveryRowOnceAndEndsAtTheFloor) {
  const TableProblem problem(small_benchmark(kSearched), small_table());
  const TableRun run = run_on_table(problem, small_strategy("grid"), {.budget = 1000});
  EXPECT_EQ(run.asked, 256);
  EXPECT_EQ(run.unique, 256);
  EXPECT_EQ(run.duplicates, 0);
  EXPECT_TRUE(run.exhausted);
  EXPECT_NEAR(run.regret.back().value, problem.facts().floor, 1e-9) << "best by validation, judged by test";
  EXPECT_EQ(run.chosen, "row255");
  double sum = 0;
  for (int64_t row = 0; row < 256; ++row)
    sum += *small_table()->value(row, *small_table()->find_column("train_time_s"));
  EXPECT_NEAR(run.time_s, sum, 1e-6);
}

// The small table with its rows in pairs that are one network: two decision sets lead to each row.
class PairedTable final : public TabularBenchmark {
 public:
  const std::string& name() const override { return table_->name(); }
  const std::string& dataset() const override { return table_->dataset(); }
  const std::string& identity() const override { return table_->identity(); }
  const Space& space() const override { return table_->space(); }
  int64_t rows() const override { return table_->rows() / 2; }
  std::optional<int64_t> row_of(const Decisions& decisions) const override { return *table_->row_of(decisions) / 2; }
  Decisions decisions_of(int64_t row) const override { return table_->decisions_of(2 * row); }
  std::string key_of(int64_t row) const override { return table_->key_of(2 * row); }
  const std::vector<TableColumn>& columns() const override { return table_->columns(); }
  std::optional<double> value(int64_t row, size_t column) const override { return table_->value(2 * row, column); }

 private:
  std::shared_ptr<const TabularBenchmark> table_ = small_table();
};

TEST(TableRun, DuplicatesAreCountedByTheKeyOfTheTable) {
  const TableProblem problem(small_benchmark(kSearched), std::make_shared<PairedTable>());
  const TableRun run = run_on_table(problem, small_strategy("grid"), {.budget = 1000});
  EXPECT_EQ(run.asked, 256);
  EXPECT_EQ(run.unique, 128);
  EXPECT_EQ(run.duplicates, 128);
  EXPECT_EQ(run.same_structure, 0);
}

// A table of few rows of its space: every proposal is one of them, and the whole of it is found.
TEST(TableRun, HeldRowsOnlyWhereAsked) {
  const TableProblem problem(small_benchmark(kSearched + "propose: held"), small_table(40));
  for (const char* const name : {"random", "local_search", "regularized_evolution", "tpe", "grid"}) {
    const TableRun run = run_on_table(problem, small_strategy(name), {.budget = 1000, .seed = 4});
    EXPECT_EQ(run.asked, 40) << name;
    EXPECT_EQ(run.unique, 40) << name;
    EXPECT_EQ(run.not_held, 0) << name;
    EXPECT_EQ(run.duplicates, 0) << name;
    EXPECT_TRUE(run.exhausted) << name;
  }
}

TEST(TableRun, IsTheSameAgainAndAStudyWouldAskTheSame) {
  const TableProblem problem(small_benchmark(kSearched), small_table());
  const SuiteStrategy strategy = small_strategy("regularized_evolution", "population_size: 8");
  Json first = to_json(run_on_table(problem, strategy, {.budget = 60, .seed = 3, .lookahead = 4}));
  Json again = to_json(run_on_table(problem, strategy, {.budget = 60, .seed = 3, .lookahead = 4}));
  first.erase("strategy_s"), again.erase("strategy_s");
  EXPECT_EQ(first, again);
  EXPECT_EQ(first.at("asked"), 60);
  const TableRun read = table_run_from_json(to_json(run_on_table(problem, strategy, {.budget = 60, .seed = 3})));
  EXPECT_EQ(read.queries, 60);
  EXPECT_FALSE(read.regret.empty());
}

TEST(TableRun, ResultsKeepTheLimitsUnderEveryFormulation) {
  const std::string settings = "objectives: [valid_accuracy]\nlimits: {latency_s: 0.01}\n";
  const auto table = small_table();
  const TableProblem problem(small_benchmark(settings), table);
  const std::vector<std::string> formulations = {
      "limit_handling: rejection",
      "limit_handling: penalty",
      "limit_handling: epsilon_constraint",
      "limit_handling: lagrangian",
      "{limit_handling: none, scalarization: weighted_sum, weights: {latency_s: 0.3}}",
      "{limit_handling: none, scalarization: weighted_product, weights: {latency_s: [0, -1]}}",
      "{limit_handling: none, scalarization: exponential_sum, weights: {latency_s: 0.3}}",
      "{limit_handling: none, scalarization: min_max, weights: {latency_s: 0.3}}"};
  for (const std::string& formulation : formulations) {
    for (const char* name : {"regularized_evolution", "local_search"}) {
      const SuiteStrategy strategy = small_strategy(name, "{}", formulation);
      const TableRun run = run_on_table(problem, strategy, {.budget = 150, .seed = 1});
      ASSERT_FALSE(run.chosen.empty()) << formulation;
      const int64_t row = std::stoll(run.chosen.substr(3));
      EXPECT_LE(*table->value(row, *table->find_column("latency_s")), 0.01) << formulation << " " << name;
      EXPECT_LE(run.regret.back().value, 3) << formulation << " " << name;
      for (const TableStep& step : run.regret) EXPECT_GE(step.value, -1e-9) << "nothing is better than the optimum";
    }
  }
}

TEST(TableRun, HypervolumeGrowsToTheWhole) {
  const TableProblem problem(
      small_benchmark("objectives: [valid_accuracy, latency_s]\nreference: {valid_accuracy: 0.4, latency_s: 0.2}"),
      small_table());
  const TableRun run = run_on_table(problem, small_strategy("grid"), {.budget = 1000});
  ASSERT_FALSE(run.hypervolume.empty());
  for (size_t i = 1; i < run.hypervolume.size(); ++i) EXPECT_GT(run.hypervolume[i].value, run.hypervolume[i - 1].value);
  EXPECT_NEAR(run.hypervolume.back().value, 1, 1e-12);
  EXPECT_EQ(run.failed, 1) << "the row without a latency";
  EXPECT_EQ(run.not_held, 0);
  EXPECT_EQ(value_after(run.hypervolume, 0, 0), 0);
}

TEST(TableRun, WhatTheTableDoesNotHoldCostsNothing) {
  const TableProblem problem(small_benchmark(kSearched), small_table(128));
  const TableRun run = run_on_table(problem, small_strategy("random"), {.budget = 40, .seed = 2});
  EXPECT_EQ(run.queries, 40);
  EXPECT_GT(run.not_held, 15);
  EXPECT_EQ(run.asked, 40 + run.not_held);
}

TEST(TableRun, MergedStructuresAnswerAgainAtNoCost) {
  const TableProblem problem(small_benchmark(kSearched + "identity: structure"), small_table());
  const TableRun run = run_on_table(problem, small_strategy("grid"), {.budget = 1000});
  EXPECT_EQ(run.asked, 256);
  EXPECT_EQ(run.queries, 81) << "three different layers at four places";
  EXPECT_EQ(run.same_structure, 256 - 81);
}

TEST(TableRun, WorkersReplayTheTableTimes) {
  const TableProblem problem(small_benchmark(kSearched), small_table());
  const SuiteStrategy grid = small_strategy("grid");
  const TableRun one = run_on_table(problem, grid, {.budget = 40, .workers = 1});
  const TableRun four = run_on_table(problem, grid, {.budget = 40, .workers = 4});
  const TableRun strict = run_on_table(problem, grid, {.budget = 40});
  EXPECT_EQ(one.asked, 40);
  EXPECT_EQ(four.asked, 40);
  EXPECT_DOUBLE_EQ(one.time_s, strict.time_s) << "grid does not look at results";
  EXPECT_NEAR(four.time_s, one.time_s / 4, 120) << "within one training of an even share";
  EXPECT_EQ(one.regret.back().value, four.regret.back().value);
  const SuiteStrategy evolution = small_strategy("regularized_evolution", "population_size: 8");
  const TableRun asynchronous =
      run_on_table(problem, evolution, {.budget = 60, .time_budget_s = 10, .seed = 1, .workers = 8});
  EXPECT_EQ(asynchronous.queries, 60);
  for (size_t i = 1; i < asynchronous.regret.size(); ++i)
    EXPECT_GE(asynchronous.regret[i].time_s, asynchronous.regret[i - 1].time_s);
}

TEST(TableProblem, ShorterTrainingsAreRoundedUpToOneThatIsHeld) {
  const TableProblem problem(small_benchmark(kSearched), small_table());
  EXPECT_EQ(problem.held_epochs(0), 16);
  EXPECT_EQ(problem.held_epochs(3), 4);
  EXPECT_EQ(problem.held_epochs(4.5), 16);
  EXPECT_EQ(problem.held_epochs(400), 16);
}

}  // namespace
}  // namespace nacre
