#include "nacre/search/objective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kAugmentation = 1e-3;  // of min_max

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

size_t position_of(std::string_view name, const std::vector<std::string>& names, const char* what) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) throw UserError(unknown_name_message(what, name, names));
  return static_cast<size_t>(found - names.begin());
}

// A term's values one by one, in the order of the terms; nothing when one is unknown.
std::optional<std::vector<double>> values_of(const std::vector<ScalarTerm>& terms, const Metrics& metrics) {
  std::vector<double> values;
  for (const ScalarTerm& term : terms) {
    const std::optional<double> value = known_value(metrics, term.metric);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

double weighted_sum(const std::vector<ScalarTerm>& terms, const std::vector<double>& values) {
  double sum = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const double part = terms[i].weight * values[i] / terms[i].reference;
    sum += terms[i].direction == Direction::maximize ? -part : part;
  }
  return sum;
}

std::optional<double> weighted_product(const std::vector<ScalarTerm>& terms, const std::vector<double>& values) {
  double product = 1;
  for (size_t i = 0; i < terms.size(); ++i) {
    const double ratio = values[i] / terms[i].reference;
    if (ratio <= 0) return std::nullopt;
    const bool kept = terms[i].direction == Direction::maximize ? ratio >= 1 : ratio <= 1;
    product *= std::pow(ratio, kept ? terms[i].weight : terms[i].weight_beyond);
  }
  return terms.front().direction == Direction::maximize ? -product : product;
}

// How far a value is from its ideal, relative to its reference: F above.
double shortfall(const ScalarTerm& term, double value) {
  const double ratio = value / term.reference;
  return term.direction == Direction::maximize ? std::max(0.0, 1 - ratio) : std::max(0.0, ratio);
}

}  // namespace

const std::vector<std::string>& limit_handling_names() {
  static const std::vector<std::string> kNames = {"rejection", "penalty", "epsilon_constraint", "lagrangian", "none"};
  return kNames;
}

std::string_view limit_handling_name(LimitHandling handling) {
  return limit_handling_names().at(static_cast<size_t>(handling));
}

LimitHandling limit_handling_from_name(std::string_view name) {
  return static_cast<LimitHandling>(position_of(name, limit_handling_names(), "limit handling"));
}

const std::vector<std::string>& scalarization_names() {
  static const std::vector<std::string> kNames = {"none", "weighted_sum", "weighted_product", "exponential_sum",
                                                  "min_max"};
  return kNames;
}

std::string_view scalarization_name(Scalarization scalarization) {
  return scalarization_names().at(static_cast<size_t>(scalarization));
}

Scalarization scalarization_from_name(std::string_view name) {
  return static_cast<Scalarization>(position_of(name, scalarization_names(), "scalarization"));
}

std::optional<double> Limit::relative_distance(const Metrics& metrics) const {
  const std::optional<double> value = known_value(metrics, metric);
  if (!value) return std::nullopt;
  const double distance = at_least ? bound - *value : *value - bound;
  return bound == 0 ? distance : distance / std::abs(bound);
}

double Limit::relative_excess(const Metrics& metrics) const {
  const std::optional<double> distance = relative_distance(metrics);
  return distance ? std::max(0.0, *distance) : kInfinity;
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

std::optional<double> ObjectiveSet::goal(const Metrics& metrics) const {
  NACRE_CHECK(!objectives.empty(), "a search needs an objective");
  if (scalarization == Scalarization::none) return minimized_value(objectives.front(), metrics);
  NACRE_CHECK(!terms.empty(), "a scalarization needs terms");
  const std::optional<std::vector<double>> values = values_of(terms, metrics);
  if (!values) return std::nullopt;
  if (scalarization == Scalarization::weighted_sum) return weighted_sum(terms, *values);
  if (scalarization == Scalarization::weighted_product) return weighted_product(terms, *values);
  double sum = 0, most = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const double distance = shortfall(terms[i], (*values)[i]);
    if (scalarization == Scalarization::exponential_sum) {
      sum += terms[i].weight * std::pow(distance, exponent);
    } else {
      sum += terms[i].weight * distance;
      most = std::max(most, terms[i].weight * distance);
    }
  }
  return scalarization == Scalarization::exponential_sum ? sum : most + kAugmentation * sum;
}

bool ObjectiveSet::trades_limits() const {
  return handling == LimitHandling::penalty || handling == LimitHandling::lagrangian || handling == LimitHandling::none;
}

std::optional<double> ObjectiveSet::burden(const Metrics& metrics) const {
  if (handling == LimitHandling::penalty) {
    const double excess = violation(metrics);
    return std::isfinite(excess) ? std::optional(penalty_weight * excess) : std::nullopt;
  }
  if (handling != LimitHandling::lagrangian) return 0;
  double sum = 0;
  for (size_t i = 0; i < limits.size(); ++i) {
    const std::optional<double> distance = limits[i].relative_distance(metrics);
    if (!distance) return std::nullopt;
    const double multiplier = multipliers ? multipliers->at(i) : 0;
    const double pull = std::max(0.0, multiplier + penalty_weight * *distance);
    sum += (pull * pull - multiplier * multiplier) / (2 * penalty_weight);
  }
  return sum;
}

double ObjectiveSet::scalar(const Metrics& metrics) const {
  const std::optional<double> main = goal(metrics);
  if (!main) return kInfinity;
  if (!trades_limits()) return feasible(metrics) ? *main : kInfinity;
  const std::optional<double> added = burden(metrics);
  if (!added || !std::isfinite(*main)) return kInfinity;
  return *added == 0 ? *main : *main + *added * std::abs(*main);
}

std::optional<std::vector<double>> ObjectiveSet::minimized_with_limits(const Metrics& metrics) const {
  std::optional<std::vector<double>> values = minimized(metrics);
  const std::optional<double> added = burden(metrics);
  if (!values || !added) return std::nullopt;
  for (double& value : *values) value += *added * std::abs(value);
  return values;
}

Fitness ObjectiveSet::fitness(const Trial& trial) const {
  using Tier = Fitness::Tier;
  if (!trial.is_complete() || trial.status == TrialStatus::failed) return {Tier::unusable, 0};
  const double excess = violation(trial.metrics);
  const bool infeasible = trial.status == TrialStatus::infeasible || excess > 0;
  const double value = scalar(trial.metrics);
  if (trades_limits() && std::isfinite(value)) {
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
