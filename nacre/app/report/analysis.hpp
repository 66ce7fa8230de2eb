// What a report derives from its data before anything is drawn: running best, equal cost, counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/app/report/report_data.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/search/random_baseline.hpp"

namespace nacre {

// A trial that was paid for: complete, not a repeated result, and not turned away by its costs before it was evaluated.
bool is_evaluation(const Trial& trial, const std::string& quality);

// The value that counts for "best so far": the main objective of a trial within the limits (under `penalty` too).
std::optional<double> counted_quality(const Trial& trial, const ObjectiveSet& objectives);

// The state of the search after each evaluation.
struct ProgressPoint {
  int64_t trial = -1;
  int64_t evaluations = 0;      // so far, this one included
  double cost_s = 0;            // evaluation time so far, summed over trials
  std::optional<double> value;  // of this trial
  std::optional<double> best;   // so far
};
std::vector<ProgressPoint> progress_of(const std::vector<ReportTrial>& trials, const ObjectiveSet& objectives);

// Random trials as draws for expected_best(): one for each evaluation.
std::vector<RandomResult> random_results(const std::vector<ReportTrial>& random, const ObjectiveSet& objectives);

// With several objectives: how much of the box between the best values that this search or random search found and a reference
// (search/pareto.hpp: reference_point() of both together) a front dominates, a share from 0 to 1.
class FrontComparison {
 public:
  explicit FrontComparison(const ReportData& data);
  bool possible() const { return box_ > 0; }    // several objectives, and networks within the limits
  double of_search(int64_t evaluations) const;  // of the first so many
  std::optional<double> of_random_search(int64_t evaluations) const;  // expected; nothing where it is not known

 private:
  std::vector<Point> search_, random_;  // one for each evaluation, empty when it cannot be on a front
  Point reference_;
  double box_ = 0;
};

std::optional<double> best_after_evaluations(const std::vector<ProgressPoint>& progress, int64_t evaluations);
std::optional<double> best_after_cost(const std::vector<ProgressPoint>& progress, double cost_s);

struct TrialCounts {
  int64_t asked = 0, evaluated = 0, cached = 0, infeasible = 0, failed = 0, pruned = 0, running = 0;
  double evaluation_s = 0;    // summed over trials
  double cached_saved_s = 0;  // what the repeated results cost when they were first evaluated
};
TrialCounts count_trials(const ReportData& data);

// A final training of its own: not the curve of the search again.
bool was_trained_anew(const ReportData& data, const ReportNetwork& network);

// The index in data.front of a trial, or nothing.
std::optional<size_t> front_rank(const ReportData& data, int64_t trial);
const ReportTrial* find_trial(const ReportData& data, int64_t number);

}  // namespace nacre
