#include "nacre/search/random_baseline.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// Usable values, best first.
std::vector<double> sorted_values(std::span<const RandomResult> results, Direction direction) {
  std::vector<double> values;
  for (const RandomResult& result : results) {
    if (result.value && std::isfinite(*result.value)) values.push_back(*result.value);
  }
  std::ranges::sort(values);
  if (direction == Direction::maximize) std::ranges::reverse(values);
  return values;
}

double mean_cost(std::span<const RandomResult> results) {
  double sum = 0;
  for (const RandomResult& result : results) sum += result.cost;
  return sum / static_cast<double>(results.size());
}

ExpectedBest expected_best_of(const std::vector<double>& values, size_t total, double cost, int64_t draws) {
  NACRE_CHECK(draws > 0 && static_cast<size_t>(draws) <= total);
  ExpectedBest result{.draws = draws, .mean = std::nullopt, .cost = cost * static_cast<double>(draws)};
  const double n = static_cast<double>(total), k = static_cast<double>(draws);
  double probability = k / n;  // that the very best is drawn; then C(r-1, k-1) / C(r, k-1) = (r-k+1) / r
  double sum = 0, squares = 0;
  std::vector<double> as_good;  // that the best drawn is the i-th of all or better
  for (size_t i = 0; i < values.size() && probability > 0; ++i) {
    result.probability_usable += probability;
    as_good.push_back(result.probability_usable);
    const double offset = values[i] - values[0];  // keeps the variance from cancelling
    sum += probability * offset;
    squares += probability * offset * offset;
    const double r = n - 1 - static_cast<double>(i);
    probability *= r > 0 ? std::max(0.0, r - k + 1) / r : 0;
  }
  if (values.empty()) return result;
  result.probability_usable = std::min(1.0, result.probability_usable);
  sum /= result.probability_usable;
  squares /= result.probability_usable;
  result.mean = values[0] + sum;
  result.spread = std::sqrt(std::max(0.0, squares - sum * sum));
  const auto quantile = [&](double share) {
    const auto found = std::ranges::lower_bound(as_good, share * as_good.back() * (1 - 1e-12));
    return values[static_cast<size_t>(found - as_good.begin())];
  };
  result.better = quantile(0.1);
  result.worse = quantile(0.9);
  return result;
}

}  // namespace

ExpectedBest expected_best(std::span<const RandomResult> results, Direction direction, int64_t draws) {
  return expected_best_of(sorted_values(results, direction), results.size(), results.empty() ? 0 : mean_cost(results),
                          draws);
}

std::vector<ExpectedBest> expected_best_curve(std::span<const RandomResult> results, Direction direction,
                                              int64_t points) {
  NACRE_CHECK(points >= 2);
  std::vector<ExpectedBest> curve;
  if (results.empty()) return curve;
  const std::vector<double> values = sorted_values(results, direction);
  const double cost = mean_cost(results);
  const int64_t total = static_cast<int64_t>(results.size());
  const int64_t steps = std::min(points, total);
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t draws = steps == 1 ? 1 : 1 + i * (total - 1) / (steps - 1);
    curve.push_back(expected_best_of(values, results.size(), cost, draws));
  }
  return curve;
}

std::optional<double> expected_hypervolume(std::span<const Point> points, std::span<const double> reference,
                                           int64_t draws) {
  const auto total = static_cast<int64_t>(points.size());
  NACRE_CHECK(draws > 0 && draws <= total);
  if (draws == total) return hypervolume(points, reference);
  if (reference.size() != 2) return std::nullopt;
  // By number of points that dominate a cell: the probability that one of them is drawn.
  std::vector<double> drawn = {0};
  double none = 1;
  for (int64_t j = 0; j < total; ++j) {
    none *= std::max(0.0, static_cast<double>(total - draws - j) / static_cast<double>(total - j));
    drawn.push_back(1 - none);
  }
  std::vector<Point> inside;
  for (const Point& point : points) {
    if (is_known(point) && point[0] < reference[0] && point[1] < reference[1]) inside.push_back(point);
  }
  std::ranges::sort(inside);
  double volume = 0;
  std::vector<double> heights;  // second objective of the points so far, ascending
  for (size_t i = 0; i < inside.size(); ++i) {
    heights.insert(std::ranges::upper_bound(heights, inside[i][1]), inside[i][1]);
    const double width = (i + 1 < inside.size() ? inside[i + 1][0] : reference[0]) - inside[i][0];
    if (width == 0) continue;
    double column = 0;
    for (size_t j = 0; j < heights.size(); ++j) {
      const double top = j + 1 < heights.size() ? heights[j + 1] : reference[1];
      column += (top - heights[j]) * drawn[j + 1];
    }
    volume += width * column;
  }
  return volume;
}

}  // namespace nacre
