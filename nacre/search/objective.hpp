// What a search optimises and what it must keep: objectives with direction, limits, and how limits act.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nacre/design/metrics.hpp"

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
};

// rejection: an infeasible candidate is never evaluated for quality and always ranks behind feasible ones;
// penalty: quality is reduced in proportion to the violation (weight x relative excess);
// epsilon_constraint: among infeasible ones the smaller violation ranks first (Deb's rules), all are evaluated.
enum class LimitHandling { rejection, penalty, epsilon_constraint };

struct ObjectiveSet {
  std::vector<Objective> objectives;  // the first is the main one
  std::vector<Limit> limits;
  LimitHandling handling = LimitHandling::rejection;
  double penalty_weight = 1;

  // Values to be minimised, in order; nothing when a metric is unknown.
  std::optional<std::vector<double>> minimized(const Metrics& metrics) const;
  // Sum over limits of the relative excess, 0 when all are kept; infinity when a limited metric is unknown.
  double violation(const Metrics& metrics) const;
  // The limit with the largest relative excess, or null.
  const Limit* binding_limit(const Metrics& metrics) const;
  // One number to be minimised for single-objective strategies: the main objective under `handling`; infinity when unknown.
  double scalar(const Metrics& metrics) const;
};

}  // namespace nacre
