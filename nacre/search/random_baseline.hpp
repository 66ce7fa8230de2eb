// What random search would have found with k of N uniform trials, exactly: the expected best of k draws without
// replacement from the N results at hand, and what they cost. For the comparison in reports: no extrapolation beyond N.
//
// With the results in order of quality, the best of k draws is the r-th worst with probability C(r-1, k-1) / C(N, k).
// Draws without a usable result (infeasible, failed) count as draws and cost their price, and are the worst of all.
// Compare Dodge et al., Show your work, EMNLP 2019, who draw with replacement.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nacre/design/metrics.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre {

struct RandomResult {
  std::optional<double> value;  // nothing: infeasible, failed or unknown
  double cost = 0;              // what the trial cost, e.g. seconds
};

struct ExpectedBest {
  int64_t draws = 0;
  double probability_usable = 0;  // that at least one draw has a usable result
  std::optional<double> mean;     // of the best draw's value, given that one is usable; nothing when none can be
  double spread = 0;              // its standard deviation
  double worse = 0;   // its quantiles on the worse and the better side: it lies between them, ends included,
  double better = 0;  //   in at least 80 % of cases (one in ten may be worse than `worse`, one in ten better)
  double cost = 0;    // expected cost of all draws: draws x mean cost
};

// 0 < draws <= results.size().
ExpectedBest expected_best(std::span<const RandomResult> results, Direction direction, int64_t draws);

// For 1, 2, ... N draws; at most `points` of them, evenly spaced, the first and the last included (points >= 2).
std::vector<ExpectedBest> expected_best_curve(std::span<const RandomResult> results, Direction direction,
                                              int64_t points = 200);

// The same for several objectives: the expected hypervolume of k of the N draws, one point each (minimized; an unusable draw
// is an empty point). With two objectives exactly, cell by cell of the grid that the points span: a cell that j of the N
// points dominate counts with the probability 1 - C(N-j, k) / C(N, k) that one of them is drawn; O(N^2). With another number
// of objectives only for k = N, else nothing.
std::optional<double> expected_hypervolume(std::span<const Point> points, std::span<const double> reference,
                                           int64_t draws);

}  // namespace nacre
