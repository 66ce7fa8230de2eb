#include "nacre/search/objective.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array<std::string_view, 3> kHandlingNames = {"rejection", "penalty", "epsilon_constraint"};

std::optional<double> known_value(const Metrics& metrics, std::string_view name) {
  const auto found = metrics.find(name);
  if (found == metrics.end() || !found->second.value || !std::isfinite(*found->second.value)) return std::nullopt;
  return found->second.value;
}

std::optional<double> minimized_value(const Objective& objective, const Metrics& metrics) {
  const std::optional<double> value = known_value(metrics, objective.metric);
  if (!value) return std::nullopt;
  return objective.direction == Direction::maximize ? -*value : *value;
}

}  // namespace

std::string_view limit_handling_name(LimitHandling handling) {
  return kHandlingNames.at(static_cast<size_t>(handling));
}

LimitHandling limit_handling_from_name(std::string_view name) {
  for (size_t i = 0; i < kHandlingNames.size(); ++i) {
    if (kHandlingNames[i] == name) return static_cast<LimitHandling>(i);
  }
  const std::vector<std::string> names(kHandlingNames.begin(), kHandlingNames.end());
  throw UserError(unknown_name_message("limit handling", name, names));
}

double Limit::relative_excess(const Metrics& metrics) const {
  const std::optional<double> value = known_value(metrics, metric);
  if (!value) return kInfinity;
  const double excess = at_least ? bound - *value : *value - bound;
  if (excess <= 0) return 0;
  return bound == 0 ? excess : excess / std::abs(bound);
}

std::string Limit::text() const { return fmt::format("{} {} {}", metric, at_least ? ">=" : "<=", bound); }

std::optional<std::vector<double>> ObjectiveSet::minimized(const Metrics& metrics) const {
  std::vector<double> values;
  values.reserve(objectives.size());
  for (const Objective& objective : objectives) {
    const std::optional<double> value = minimized_value(objective, metrics);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

double ObjectiveSet::violation(const Metrics& metrics) const {
  double sum = 0;
  for (const Limit& limit : limits) sum += limit.relative_excess(metrics);
  return sum;
}

const Limit* ObjectiveSet::binding_limit(const Metrics& metrics) const {
  const Limit* binding = nullptr;
  double largest = 0;
  for (const Limit& limit : limits) {
    const double excess = limit.relative_excess(metrics);
    if (excess > largest) {
      largest = excess;
      binding = &limit;
    }
  }
  return binding;
}

double ObjectiveSet::scalar(const Metrics& metrics) const {
  NACRE_CHECK(!objectives.empty(), "a search needs an objective");
  const std::optional<double> main = minimized_value(objectives.front(), metrics);
  if (!main) return kInfinity;
  const double excess = violation(metrics);
  if (excess == 0) return *main;
  if (handling != LimitHandling::penalty || !std::isfinite(excess)) return kInfinity;
  return *main + penalty_weight * excess * std::abs(*main);
}

Fitness ObjectiveSet::fitness(const Trial& trial) const {
  using Tier = Fitness::Tier;
  if (!trial.is_complete() || trial.status == TrialStatus::failed) return {Tier::unusable, 0};
  const double excess = violation(trial.metrics);
  const bool infeasible = trial.status == TrialStatus::infeasible || excess > 0;
  const double value = scalar(trial.metrics);
  if (handling == LimitHandling::penalty && std::isfinite(value)) {
    return {trial.status == TrialStatus::pruned ? Tier::pruned : Tier::good, value};
  }
  if (infeasible) {
    // A trial called infeasible although its metrics keep the limits (or say nothing) is the worst of the infeasible.
    if (handling == LimitHandling::rejection) return {Tier::infeasible, 0};
    return {Tier::infeasible, excess > 0 ? excess : kInfinity};
  }
  if (!std::isfinite(value)) return trial.status == TrialStatus::pruned ? Fitness{Tier::pruned, kInfinity} : Fitness{};
  return {trial.status == TrialStatus::pruned ? Tier::pruned : Tier::good, value};
}

}  // namespace nacre
