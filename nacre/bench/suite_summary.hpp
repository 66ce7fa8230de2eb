// What the runs of a suite come to: values at the named budgets with intervals over seeds, counts, curves, ranks and tests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/bench/interval.hpp"
#include "nacre/bench/suite_run.hpp"

namespace nacre {

struct BudgetValue {
  double budget = 0;
  MeanInterval value;  // over seeds
  double median = 0;
};

struct GoalValue {
  double goal = 0;               // regret
  std::optional<double> median;  // queries to reach it; nothing when fewer than half of the seeds did
  std::optional<double> mean;    // nothing unless all did
  int64_t reached = 0;           // seeds
};

// One point of a curve over queries (or simulated time): mean over seeds and its 95 % interval.
struct CurveValue {
  double at = 0;
  double mean = 0, low = 0, high = 0;
};

struct StrategySummary {
  std::string name;
  int64_t seeds = 0;
  std::vector<BudgetValue> regret, regret_by_time;
  std::vector<BudgetValue> hypervolume, hypervolume_by_time;  // empty without a reference
  std::vector<GoalValue> goals;
  std::vector<CurveValue> regret_curve, hypervolume_curve;
  double asked = 0, unique = 0;  // means over seeds
  double same_structure = 0, infeasible = 0, not_held = 0, failed = 0;
  int64_t duplicates = 0;  // summed over seeds: expected to be 0
  int64_t exhausted = 0;   // seeds in which it had nothing more to propose
  double trial_s = 0;      // of its own, ask and tell together
};

struct BenchmarkSummary {
  SuiteBenchmarkFacts facts;
  std::vector<StrategySummary> strategies;  // without those that have no run yet
  bool by_hypervolume = false;              // judged by it rather than by regret
};

// Over all benchmarks, at one budget.
struct RankSummary {
  struct Row {
    std::string strategy;
    double mean_rank = 0;         // over benchmarks, of the mean over seeds
    double mean_block_rank = 0;   // over benchmarks and seeds
    int64_t first = 0;            // benchmarks on which it is the best (or shares it)
    double wins = 0, losses = 0;  // blocks in which it is better and worse than the best strategy
    std::optional<double> p;      // Wilcoxon's against the best one, by Holm; nothing for the best itself
  };
  double budget = 0;
  int64_t benchmarks = 0;
  int64_t blocks = 0;     // benchmark and seed, where every strategy has a run
  double friedman_p = 1;  // that all are alike
  double statistic = 0;
  std::vector<Row> rows;  // best mean rank first
};

struct SuiteSummary {
  const SuiteOutcome* outcome = nullptr;
  std::vector<BenchmarkSummary> benchmarks;
  std::vector<RankSummary> ranks;  // one per budget; empty for a single strategy
};

// `outcome` must outlive the result.
SuiteSummary summarize(const SuiteOutcome& outcome);

Json to_json(const SuiteSummary& summary);
// One line per benchmark, strategy and budget; and the curves.
std::string summary_csv(const SuiteSummary& summary);
std::string curves_csv(const SuiteSummary& summary);
// One line per run: what it had at each budget, and its counts.
std::string runs_csv(const SuiteOutcome& outcome);

}  // namespace nacre
