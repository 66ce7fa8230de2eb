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

// E[max(0, bound - F)] of F = best + gap (exp(Y) - 1), Y of the given belief: what is expected of a value whose logarithm of
// (1 + gap to the best) is normal. In closed form, as the price of an option (Black and Scholes 1973).
double expected_improvement_of_gap(const NormalBelief& belief, double best, double gap, double bound);

// Expected growth of the hypervolume that `front` dominates within `reference` when a point with two independent
// coordinates is added. Exact, O(front): the region that is not dominated falls into strips between neighboring points, and
// the expected width and height of the part of a strip that the new point dominates multiply (Emmerich, Yang, Deutz et al.,
// A multicriteria generalization of Bayesian global optimization, 2016).
class ExpectedHypervolumeImprovement {
 public:
  // Of any set of points with two coordinates; those outside the reference count for nothing.
  ExpectedHypervolumeImprovement(std::span<const Point> points, const Point& reference);
  double operator()(const NormalBelief& first, const NormalBelief& second) const;
  // Of coordinates of any distribution: `first(bound)` and `second(bound)` give E[max(0, bound - Y)].
  template <class First, class Second>
  double of(const First& first, const Second& second) const {
    double sum = 0, left = 0;  // E[max(0, a - U)] at the strip's left side a
    for (size_t i = 0; i < first_.size(); ++i) {
      const double right = first(first_[i]);
      if (right > left) sum += (right - left) * second(second_[i]);
      left = right;
    }
    return sum;
  }

 private:
  // Strip i lies between first_[i - 1] (minus infinity for 0) and first_[i], below second_[i].
  std::vector<double> first_, second_;
};

}  // namespace nacre
