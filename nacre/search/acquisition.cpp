#include "nacre/search/acquisition.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kSqrtTwoPi = 2.5066282746310005;

}  // namespace

double normal_density(double z) { return std::exp(-z * z / 2) / kSqrtTwoPi; }

double normal_probability(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double expected_improvement(const NormalBelief& belief, double bound) {
  const double z = (bound - belief.mean) / belief.deviation;
  return std::max(0.0, belief.deviation * (z * normal_probability(z) + normal_density(z)));
}

double log_expected_improvement(const NormalBelief& belief, double bound) {
  const double z = (bound - belief.mean) / belief.deviation;
  if (z > -5) return std::log(expected_improvement(belief, bound));
  // z P(z) + density(z) = density(z) / z^2 (1 - 3 / z^2 + 15 / z^4 - ...), the tail of Mills' ratio.
  const double inverse = 1 / (z * z);
  const double tail = inverse * (1 - 3 * inverse + 15 * inverse * inverse - 105 * inverse * inverse * inverse);
  return std::log(belief.deviation) - z * z / 2 - std::log(kSqrtTwoPi) + std::log(tail);
}

double expected_improvement_of_gap(const NormalBelief& belief, double best, double gap, double bound) {
  const double strike = (bound - best) / gap + 1;
  if (!(strike > 0)) return 0;
  const double d = (std::log(strike) - belief.mean) / belief.deviation;
  const double variance = belief.deviation * belief.deviation;
  return gap * std::max(0.0, strike * normal_probability(d) -
                                 std::exp(belief.mean + variance / 2) * normal_probability(d - belief.deviation));
}

ExpectedHypervolumeImprovement::ExpectedHypervolumeImprovement(std::span<const Point> points, const Point& reference) {
  NACRE_CHECK(reference.size() == 2);
  std::vector<Point> front;
  for (const size_t i : pareto_front(points)) {
    if (points[i][0] < reference[0] && points[i][1] < reference[1]) front.push_back(points[i]);
  }
  std::ranges::sort(front);
  front.erase(std::ranges::unique(front).begin(), front.end());
  second_.push_back(reference[1]);
  for (const Point& point : front) {
    first_.push_back(point[0]);
    second_.push_back(point[1]);
  }
  first_.push_back(reference[0]);
}

double ExpectedHypervolumeImprovement::operator()(const NormalBelief& first, const NormalBelief& second) const {
  return of([&](double bound) { return expected_improvement(first, bound); },
            [&](double bound) { return expected_improvement(second, bound); });
}

}  // namespace nacre
