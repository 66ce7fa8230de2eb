#include "nacre/run/drive_progress.hpp"

#include <algorithm>
#include <utility>

namespace nacre {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

void ProgressCounter::begin(double spent_before_s) {
  spent_before_s_ = spent_before_s;
  start_ = work_start_ = last_report_ = std::chrono::steady_clock::now();
}

void ProgressCounter::replayed() {
  evaluated_before_ = progress_.evaluated;
  work_start_ = std::chrono::steady_clock::now();
}

double ProgressCounter::spent_s() const { return spent_before_s_ + seconds_since(start_); }

void ProgressCounter::finished(const Trial& trial) {
  has_news_ = true;
  if (trial.cached_from >= 0) {
    ++progress_.cached;
    return;
  }
  if (trial.status == TrialStatus::infeasible) {
    ++progress_.infeasible;
    return;
  }
  ++progress_.evaluated;
  if (trial.status == TrialStatus::failed) ++progress_.failed;
  if (trial.status == TrialStatus::pruned) ++progress_.pruned;
  if (trial.status == TrialStatus::ok && settings_.objectives.feasible(trial.metrics)) add_to_front(trial);
}

void ProgressCounter::add_to_front(const Trial& trial) {
  std::optional<Point> point = settings_.objectives.minimized(trial.metrics);
  if (!point) return;
  const Objective& main = settings_.objectives.objectives.front();
  const double value = *metric_value(trial.metrics, main.metric);
  const bool better =
      !progress_.best || (main.direction == Direction::maximize ? value > *progress_.best : value < *progress_.best);
  if (better) {
    progress_.best = value;
    progress_.best_trial = trial.number;
  }
  const auto covers = [&](const Point& other) { return other == *point || dominates(other, *point); };
  if (std::ranges::any_of(front_, covers)) return;
  std::erase_if(front_, [&](const Point& other) { return dominates(*point, other); });
  front_.push_back(std::move(*point));
}

Progress ProgressCounter::now() const {
  Progress result = progress_;
  result.front_size = static_cast<int64_t>(front_.size());
  result.spent_s = spent_s();
  const double worked_s = seconds_since(work_start_);
  const int64_t here = result.evaluated - evaluated_before_;
  if (worked_s > 0) result.rate_per_s = static_cast<double>(here) / worked_s;
  if (result.planned > 0 && result.rate_per_s > 0) {
    result.left_s = static_cast<double>(std::max<int64_t>(0, result.planned - result.evaluated)) / result.rate_per_s;
  }
  if (settings_.time_s > 0) {
    const double until_limit_s = std::max(0.0, settings_.time_s - result.spent_s);
    result.left_s = std::min(result.left_s.value_or(until_limit_s), until_limit_s);
  }
  return result;
}

bool ProgressCounter::is_due() {
  const double since_s = seconds_since(last_report_);
  if (since_s < (has_news_ ? 0.05 : 0.5)) return false;
  has_news_ = false;
  last_report_ = std::chrono::steady_clock::now();
  return true;
}

}  // namespace nacre
