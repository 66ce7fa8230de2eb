// What a search optimizes and what it must keep: objectives with direction, limits, and how limits act.
//
// A value that is not finite counts as unknown. Strategies never look at metrics themselves: they compare the Fitness of
// trials (one objective) or sort their minimized values (several), so that each LimitHandling and each Scalarization is
// written once. The formulations are those of the survey of Benmeziane et al. (arXiv 2101.09336, section 5).
#pragma once

#include <compare>
#include <memory>
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
  // The same with the sign kept: negative by how far inside. Nothing when the metric is unknown.
  std::optional<double> relative_distance(const Metrics& metrics) const;
  std::string text() const;  // "latency_s <= 0.002"
};

// rejection: an infeasible candidate is never evaluated for quality and always ranks behind feasible ones, all
//   infeasible ones alike;
// penalty: every objective gets worse in proportion to the violation, m + weight x violation x |m| in minimized form, so
//   that its unit does not matter; all are evaluated;
// epsilon_constraint: among infeasible ones the smaller violation ranks first (Deb et al. 2002, section VI), all are
//   evaluated;
// lagrangian: as penalty, with m + |m| x sum over limits of (max(0, l + r d)^2 - l^2) / (2 r), d the signed relative distance
//   from the limit, r the penalty weight and l a multiplier that dual ascent moves (search/lagrangian.hpp): the augmented
//   Lagrangian for inequalities (Rockafellar, SIAM Journal on Control 12(2), 1974);
// none: limits do not act on the search, only on what is taken from it. For scalarizations that weigh the costs themselves.
// Whatever the handling, the result of a search keeps the limits (run/front.hpp).
enum class LimitHandling { rejection, penalty, epsilon_constraint, lagrangian, none };

std::string_view limit_handling_name(LimitHandling handling);
LimitHandling limit_handling_from_name(std::string_view name);  // UserError with the accepted words
const std::vector<std::string>& limit_handling_names();

// How several metrics become the one number that a single-objective search optimizes. With values z, references T, weights w
// of the terms (the main objective is the first):
//   none               the main objective alone
//   weighted_sum       sum of w z / T, costs subtracted:        f - sum w g / T
//   weighted_product   product of (z / T)^w, all z positive:    f x product (g / T)^w (MnasNet: Tan et al., CVPR 2019; w
//                      below 0 for costs, -0.07 on both sides of T or 0 and -1)
//   exponential_sum    sum of w F^p to be minimized, F = z / T of costs, max(0, 1 - z / T) of what is maximized (Yu and
//                      Leitmann, J. Optimization Theory and Applications 13, 1974)
//   min_max            the largest w F to be minimized, plus a thousandth of their sum, so that of equals the one that is
//                      nowhere worse wins (Steuer and Choo, Mathematical Programming 26, 1983): it reaches points of a front
//                      that no weighted sum does
enum class Scalarization { none, weighted_sum, weighted_product, exponential_sum, min_max };

std::string_view scalarization_name(Scalarization scalarization);
Scalarization scalarization_from_name(std::string_view name);  // UserError with the accepted words
const std::vector<std::string>& scalarization_names();

struct ScalarTerm {
  std::string metric;
  Direction direction = Direction::minimize;
  double reference = 1;      // T, not 0
  double weight = 1;         // w
  double weight_beyond = 1;  // of a product: w where the value is beyond its reference (above, of costs)
};

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
  Scalarization scalarization = Scalarization::none;
  std::vector<ScalarTerm> terms = {};  // of a scalarization; the main objective is the first
  double exponent = 2;                 // p of the exponential sum
  // Of the Lagrangian: one per limit, kept up to date by whoever drives the strategy; null: all 0.
  std::shared_ptr<const std::vector<double>> multipliers = nullptr;

  // The objectives' values in order, negated where larger is better; nothing when one is unknown. Limits play no part.
  std::optional<std::vector<double>> minimized(const Metrics& metrics) const;
  // The same with what limits add to each under `penalty` and `lagrangian`: what searches for a front sort.
  std::optional<std::vector<double>> minimized_with_limits(const Metrics& metrics) const;
  // The main objective or the scalarization's value, negated where larger is better, without limits; nothing when a part is
  // unknown (or, of a product, not positive).
  std::optional<double> goal(const Metrics& metrics) const;
  // Sum over limits of the relative excess, 0 when all are kept; infinity when a limited metric is unknown.
  double violation(const Metrics& metrics) const;
  bool feasible(const Metrics& metrics) const { return violation(metrics) == 0; }
  // The limit with the largest relative excess (the first of equals), or null when all are kept.
  const Limit* binding_limit(const Metrics& metrics) const;
  // One number to be minimized: the goal, under `penalty` and `lagrangian` with what limits add; infinity when it is unknown
  // or, under `rejection` and `epsilon_constraint`, when a limit is not kept.
  double scalar(const Metrics& metrics) const;
  // The goal, the trial's status and the limits in one order, for single-objective strategies.
  Fitness fitness(const Trial& trial) const;
  // True when a trial that breaks a limit competes with the others by its scalar.
  bool trades_limits() const;

 private:
  std::optional<double> burden(const Metrics& metrics) const;  // what limits add, relative to the goal's magnitude
};

}  // namespace nacre
