#include "nacre/bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Solves the symmetric system in place by elimination with the largest diagonal first; directions without weight get 0.
std::vector<double> solve_normal(std::vector<std::vector<double>> a, std::vector<double> b) {
  const size_t n = b.size();
  double scale = 0;
  for (size_t i = 0; i < n; ++i) scale = std::max(scale, a[i][i]);
  std::vector<size_t> pivots;
  std::vector<bool> used(n, false);
  for (size_t step = 0; step < n; ++step) {
    size_t pivot = n;
    for (size_t i = 0; i < n; ++i) {
      if (!used[i] && (pivot == n || a[i][i] > a[pivot][pivot])) pivot = i;
    }
    if (a[pivot][pivot] <= 1e-9 * scale) break;  // what is left repeats what was eliminated
    used[pivot] = true;
    pivots.push_back(pivot);
    for (size_t i = 0; i < n; ++i) {
      if (used[i] || a[i][pivot] == 0) continue;
      const double factor = a[i][pivot] / a[pivot][pivot];
      for (size_t j = 0; j < n; ++j) a[i][j] -= factor * a[pivot][j];
      b[i] -= factor * b[pivot];
    }
  }
  std::vector<double> x(n, 0.0);
  for (auto pivot = pivots.rbegin(); pivot != pivots.rend(); ++pivot) {
    double sum = b[*pivot];
    for (auto later = pivots.rbegin(); later != pivot; ++later) sum -= a[*pivot][*later] * x[*later];
    x[*pivot] = sum / a[*pivot][*pivot];
  }
  return x;
}

}  // namespace

std::vector<size_t> supported_points(std::span<const std::vector<double>> points) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return std::pair(points[i].at(0), points[i].at(1)); });
  // Andrew's monotone chain over the points of the front, in the order of the first objective.
  std::vector<size_t> hull;
  double least = std::numeric_limits<double>::infinity();
  for (const size_t i : order) {
    if (points[i][1] >= least) continue;
    least = points[i][1];
    const auto above_line = [&](size_t a, size_t b) {  // b lies on or above the line from a to i
      return (points[b][1] - points[a][1]) * (points[i][0] - points[a][0]) >=
             (points[i][1] - points[a][1]) * (points[b][0] - points[a][0]);
    };
    while (hull.size() >= 2 && above_line(hull[hull.size() - 2], hull.back())) hull.pop_back();
    hull.push_back(i);
  }
  std::ranges::sort(hull);
  return hull;
}

AdditiveFit fit_additive(const std::vector<std::vector<std::string>>& codes, std::span<const double> values) {
  NACRE_CHECK(codes.size() == values.size() && !codes.empty());
  const size_t length = codes[0].size();
  std::vector<std::map<std::string, size_t>> index(length);
  size_t columns = 1;  // the constant
  std::vector<std::vector<size_t>> active(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    NACRE_CHECK(codes[i].size() == length);
    active[i].push_back(0);
    for (size_t p = 0; p < length; ++p) {
      const auto [place, added] = index[p].emplace(codes[i][p], columns);
      columns += added;
      active[i].push_back(place->second);
    }
  }
  std::vector<std::vector<double>> normal(columns, std::vector<double>(columns, 0.0));
  std::vector<double> right(columns, 0.0);
  const double center = mean(values);  // keeps the sums from cancelling
  for (size_t i = 0; i < codes.size(); ++i) {
    for (const size_t a : active[i]) {
      right[a] += values[i] - center;
      for (const size_t b : active[i]) normal[a][b] += 1;
    }
  }
  const std::vector<double> x = solve_normal(std::move(normal), std::move(right));
  AdditiveFit fit;
  fit.coefficients = static_cast<int64_t>(columns);
  double residual = 0, total = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    double predicted = center;
    for (const size_t a : active[i]) predicted += x[a];
    residual += (values[i] - predicted) * (values[i] - predicted);
    total += (values[i] - center) * (values[i] - center);
    fit.largest_error = std::max(fit.largest_error, std::abs(values[i] - predicted));
  }
  fit.r2 = total > 0 ? 1 - residual / total : 1;
  return fit;
}

}  // namespace nacre
