#include "nacre/run/front.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/search/pareto.hpp"

namespace nacre {
namespace {

double main_value(const ObjectiveSet& objectives, const Trial& trial) {
  const Objective& main = objectives.objectives.front();
  const std::optional<double> value = metric_value(trial.metrics, main.metric);
  if (!value || !std::isfinite(*value)) return std::numeric_limits<double>::infinity();
  return main.direction == Direction::maximize ? -*value : *value;
}

// The trials of `candidates` that no other dominates; of equal points the first.
std::vector<Trial> pareto_members(const std::vector<const Trial*>& candidates, const ObjectiveSet& objectives) {
  std::vector<Point> points;
  for (const Trial* trial : candidates) points.push_back(objectives.minimized(trial->metrics).value_or(Point{}));
  std::vector<Trial> members;
  std::vector<Point> taken;
  for (const size_t index : pareto_front(points)) {
    if (std::ranges::find(taken, points[index]) != taken.end()) continue;
    taken.push_back(points[index]);
    members.push_back(*candidates[index]);
  }
  std::ranges::stable_sort(members, {}, [&](const Trial& trial) { return main_value(objectives, trial); });
  return members;
}

std::string binding_text(const Trial& trial, const ObjectiveSet& objectives) {
  const Limit* limit = objectives.binding_limit(trial.metrics);
  if (limit == nullptr) return "";
  const std::optional<double> value = metric_value(trial.metrics, limit->metric);
  return fmt::format("{}: the nearest candidate {}", limit->text(),
                     value ? fmt::format("has {:.6g}", *value) : "does not know it");
}

}  // namespace

Front extract_front(const std::vector<Trial>& trials, const ObjectiveSet& objectives, size_t nearest) {
  Front front;
  std::vector<const Trial*> feasible;
  std::vector<const Trial*> outside;
  for (const Trial& trial : trials) {
    if (trial.cached_from >= 0) continue;
    if (trial.status == TrialStatus::ok && objectives.feasible(trial.metrics)) {
      feasible.push_back(&trial);
    } else if (trial.status == TrialStatus::ok || trial.status == TrialStatus::infeasible) {
      outside.push_back(&trial);
    }
  }
  front.members = pareto_members(feasible, objectives);
  if (!front.members.empty() || objectives.limits.empty()) return front;

  front.limits_met = false;
  std::ranges::stable_sort(outside, [&](const Trial* a, const Trial* b) {
    const double first = objectives.violation(a->metrics);
    const double second = objectives.violation(b->metrics);
    return first != second ? first < second : main_value(objectives, *a) < main_value(objectives, *b);
  });
  for (size_t i = 0; i < std::min(nearest, outside.size()); ++i) front.members.push_back(*outside[i]);
  if (!front.members.empty()) front.binding = binding_text(front.members.front(), objectives);
  return front;
}

}  // namespace nacre
