// What an evaluation is expected to bring, given a normal belief about its outcome. Everything is minimized.
#pragma once

#include <span>

#include "nacre/search/pareto.hpp"

namespace nacre {

// A normal distribution; the deviation is positive.
struct NormalBelief {
  double mean = 0;
  double deviation = 1;
};

double normal_density(double z);
double normal_probability(double z);  // of less than z

// E[max(0, bound - Y)] (Jones, Schonlau and Welch, Journal of Global Optimization 13, 1998).
double expected_improvement(const NormalBelief& belief, double bound);
// Its logarithm, also where the improvement itself is below the smallest number.
double log_expected_improvement(const NormalBelief& belief, double bound);

// Expected growth of the hypervolume that `front` dominates within `reference` when a point with two independent
// coordinates is added. Exact, O(front): the region that is not dominated falls into strips between neighboring points, and
// the expected width and height of the part of a strip that the new point dominates multiply (Emmerich, Yang, Deutz et al.,
// A multicriteria generalization of Bayesian global optimization, 2016).
class ExpectedHypervolumeImprovement {
 public:
  // Of any set of points with two coordinates; those outside the reference count for nothing.
  ExpectedHypervolumeImprovement(std::span<const Point> points, const Point& reference);
  double operator()(const NormalBelief& first, const NormalBelief& second) const;

 private:
  // Strip i lies between first_[i - 1] (minus infinity for 0) and first_[i], below second_[i].
  std::vector<double> first_, second_;
};

}  // namespace nacre
