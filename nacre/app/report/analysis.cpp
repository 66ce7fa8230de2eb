#include "nacre/app/report/analysis.hpp"

#include <algorithm>
#include <cmath>

namespace nacre {

bool is_evaluation(const Trial& trial, const std::string& quality) {
  if (!trial.is_complete() || trial.cached_from >= 0) return false;
  return trial.status != TrialStatus::infeasible || metric_value(trial.metrics, quality).has_value();
}

std::optional<double> counted_quality(const Trial& trial, const ObjectiveSet& objectives) {
  if (trial.status != TrialStatus::ok || !objectives.feasible(trial.metrics)) return std::nullopt;
  const std::optional<double> value = metric_value(trial.metrics, objectives.objectives.front().metric);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::vector<ProgressPoint> progress_of(const std::vector<ReportTrial>& trials, const ObjectiveSet& objectives) {
  std::vector<ProgressPoint> points;
  const Objective& main = objectives.objectives.front();
  ProgressPoint point;
  for (const ReportTrial& row : trials) {
    if (!is_evaluation(row.trial, main.metric)) continue;
    point.trial = row.trial.number;
    point.evaluations += 1;
    point.cost_s += row.trial.time_s;
    point.value = counted_quality(row.trial, objectives);
    const bool better =
        point.value && (!point.best || (main.direction == Direction::maximize ? *point.value > *point.best
                                                                              : *point.value < *point.best));
    if (better) point.best = point.value;
    points.push_back(point);
  }
  return points;
}

std::vector<RandomResult> random_results(const std::vector<ReportTrial>& random, const ObjectiveSet& objectives) {
  std::vector<RandomResult> results;
  for (const auto& [trial, text, drawing] : random) {
    if (!is_evaluation(trial, objectives.objectives.front().metric)) continue;
    results.push_back({counted_quality(trial, objectives), trial.time_s});
  }
  return results;
}

namespace {

std::vector<Point> evaluated_points(const std::vector<ReportTrial>& trials, const ObjectiveSet& objectives) {
  std::vector<Point> points;
  for (const auto& [trial, text, drawing] : trials) {
    if (!is_evaluation(trial, objectives.objectives.front().metric)) continue;
    const bool counts = counted_quality(trial, objectives).has_value();
    points.push_back(counts ? objectives.minimized(trial.metrics).value_or(Point{}) : Point{});
  }
  return points;
}

}  // namespace

FrontComparison::FrontComparison(const ReportData& data)
    : search_(evaluated_points(data.trials, data.objectives)), random_(evaluated_points(data.random, data.objectives)) {
  if (data.objectives.objectives.size() < 2) return;
  std::vector<Point> all = search_;
  all.insert(all.end(), random_.begin(), random_.end());
  std::erase_if(all, [](const Point& point) { return !is_known(point); });
  reference_ = reference_point(all);
  if (reference_.empty()) return;
  box_ = 1;
  for (size_t i = 0; i < reference_.size(); ++i)
    box_ *= reference_[i] - std::ranges::min(all, {}, [i](const Point& point) { return point[i]; })[i];
}

double FrontComparison::of_search(int64_t evaluations) const {
  const size_t count = std::min(search_.size(), static_cast<size_t>(std::max<int64_t>(0, evaluations)));
  return hypervolume(std::span(search_).first(count), reference_) / box_;
}

std::optional<double> FrontComparison::of_random_search(int64_t evaluations) const {
  if (evaluations < 1 || evaluations > static_cast<int64_t>(random_.size())) return std::nullopt;
  const std::optional<double> volume = expected_hypervolume(random_, reference_, evaluations);
  return volume ? std::optional(*volume / box_) : std::nullopt;
}

std::optional<double> best_after_evaluations(const std::vector<ProgressPoint>& progress, int64_t evaluations) {
  std::optional<double> best;
  for (const ProgressPoint& point : progress) {
    if (point.evaluations <= evaluations) best = point.best;
  }
  return best;
}

std::optional<double> best_after_cost(const std::vector<ProgressPoint>& progress, double cost_s) {
  std::optional<double> best;
  for (const ProgressPoint& point : progress) {
    if (point.cost_s <= cost_s * (1 + 1e-9)) best = point.best;
  }
  return best;
}

TrialCounts count_trials(const ReportData& data) {
  TrialCounts counts;
  for (const ReportTrial& row : data.trials) {
    const Trial& trial = row.trial;
    ++counts.asked;
    if (is_evaluation(trial, data.quality.name)) {
      ++counts.evaluated;
      counts.evaluation_s += trial.time_s;
    }
    if (trial.cached_from >= 0) {
      ++counts.cached;
      if (const ReportTrial* first = find_trial(data, trial.cached_from)) counts.cached_saved_s += first->trial.time_s;
    }
    counts.infeasible += trial.status == TrialStatus::infeasible;
    counts.failed += trial.status == TrialStatus::failed;
    counts.pruned += trial.status == TrialStatus::pruned;
    counts.running += !trial.is_complete();
  }
  return counts;
}

bool was_trained_anew(const ReportData& data, const ReportNetwork& network) {
  if (network.final_curve.empty()) return false;
  const ReportTrial* row = find_trial(data, network.trial);
  const auto same = [](const CurvePoint& a, const CurvePoint& b) {
    return a.epoch == b.epoch && a.metrics == b.metrics;
  };
  return row == nullptr || !std::ranges::equal(row->trial.curve, network.final_curve, same);
}

std::optional<size_t> front_rank(const ReportData& data, int64_t trial) {
  const auto found = std::ranges::find(data.front, trial, &ReportNetwork::trial);
  if (found == data.front.end()) return std::nullopt;
  return static_cast<size_t>(found - data.front.begin());
}

const ReportTrial* find_trial(const ReportData& data, int64_t number) {
  const auto by_number = [](const ReportTrial& row) { return row.trial.number; };
  const auto found = std::ranges::lower_bound(data.trials, number, {}, by_number);
  return found != data.trials.end() && found->trial.number == number ? &*found : nullptr;
}

}  // namespace nacre
