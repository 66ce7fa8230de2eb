// What a search optimizes and what it must keep: objectives with direction, limits, and how limits act.
//
// A value that is not finite counts as unknown. Strategies never look at metrics themselves: they compare the Fitness of
// trials (one objective) or sort their minimized values (several), so that each LimitHandling is written once.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/metrics.hpp"
#include "nacre/design/trial.hpp"

namespace nacre {

struct Objective {
  std::string metric;
  Direction direction = Direction::maximize;
};

// metric <= bound (or >= for at_least).
struct Limit {
  std::string metric;
  double bound = 0;
  bool at_least = false;

  // How far outside: (value - bound) / |bound| (by the bound's absolute excess where the bound is 0), 0 when kept,
  // infinity when the metric is unknown.
  double relative_excess(const Metrics& metrics) const;
  std::string text() const;  // "latency_s <= 0.002"
};

// rejection: an infeasible candidate is never evaluated for quality and always ranks behind feasible ones, all
//   infeasible ones alike;
// penalty: every objective gets worse in proportion to the violation, m + weight x violation x |m| in minimized form, so
//   that its unit does not matter; all are evaluated;
// epsilon_constraint: among infeasible ones the smaller violation ranks first (Deb et al. 2002, section VI), all are
//   evaluated.
enum class LimitHandling { rejection, penalty, epsilon_constraint };

std::string_view limit_handling_name(LimitHandling handling);
LimitHandling limit_handling_from_name(std::string_view name);  // UserError with the accepted words

// A trial's place in the order of a single-objective search; smaller is better.
struct Fitness {
  // good: feasible and known; pruned: feasible, stopped early; infeasible; unusable: failed, or its quality is unknown.
  enum class Tier { good, pruned, infeasible, unusable };

  Tier tier = Tier::unusable;
  double value = 0;  // never NaN

  std::partial_ordering operator<=>(const Fitness&) const = default;
  bool usable() const { return tier != Tier::unusable; }
};

struct ObjectiveSet {
  std::vector<Objective> objectives;  // the first is the main one
  std::vector<Limit> limits;
  LimitHandling handling = LimitHandling::rejection;
  double penalty_weight = 1;

  // The objectives' values in order, negated where larger is better; nothing when one is unknown. Limits play no part.
  std::optional<std::vector<double>> minimized(const Metrics& metrics) const;
  // Sum over limits of the relative excess, 0 when all are kept; infinity when a limited metric is unknown.
  double violation(const Metrics& metrics) const;
  bool feasible(const Metrics& metrics) const { return violation(metrics) == 0; }
  // The limit with the largest relative excess (the first of equals), or null when all are kept.
  const Limit* binding_limit(const Metrics& metrics) const;
  // One number to be minimized: the main objective, under `penalty` with the penalty added; infinity when it is unknown or,
  // under the other two, when a limit is not kept.
  double scalar(const Metrics& metrics) const;
  // The main objective, the trial's status and the limits in one order, for single-objective strategies.
  Fitness fitness(const Trial& trial) const;
};

}  // namespace nacre
