#include "nacre/bench/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> result(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) result[order[i]] = static_cast<double>(begin + end - 1) / 2;
    begin = end;
  }
  return result;
}

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

double spearman(std::span<const double> x, std::span<const double> y) {
  NACRE_CHECK(x.size() == y.size() && x.size() >= 2);
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double ma = mean(a), mb = mean(b);
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
    ab += (a[i] - ma) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

namespace {

// Pairs among equal values of a sorted sequence.
template <class Equal>
double tied_pairs(size_t count, const Equal& equal) {
  double pairs = 0;
  for (size_t begin = 0, end = 0; begin < count; begin = end) {
    end = begin + 1;
    while (end < count && equal(begin, end)) ++end;
    pairs += static_cast<double>(end - begin) * static_cast<double>(end - begin - 1) / 2;
  }
  return pairs;
}

// Sorts by merging and counts the exchanges that bubble sort would have needed.
double sort_counting(std::vector<double>& values) {
  std::vector<double> merged(values.size());
  double exchanges = 0;
  for (size_t width = 1; width < values.size(); width *= 2) {
    for (size_t begin = 0; begin < values.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, values.size()), end = std::min(begin + 2 * width, values.size());
      size_t left = begin, right = middle;
      for (size_t at = begin; at < end; ++at) {
        if (left < middle && (right == end || values[left] <= values[right])) {
          merged[at] = values[left++];
        } else {
          exchanges += static_cast<double>(middle - left);
          merged[at] = values[right++];
        }
      }
    }
    values.swap(merged);
  }
  return exchanges;
}

}  // namespace

double kendall(std::span<const double> x, std::span<const double> y) {
  NACRE_CHECK(x.size() == y.size() && x.size() >= 2);
  std::vector<size_t> order(x.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return std::pair(x[i], y[i]); });
  const auto same_x = [&](size_t a, size_t b) { return x[order[a]] == x[order[b]]; };
  const auto same = [&](size_t a, size_t b) { return same_x(a, b) && y[order[a]] == y[order[b]]; };
  std::vector<double> sorted;
  for (const size_t i : order) sorted.push_back(y[i]);
  const double discordant = sort_counting(sorted);
  const auto n = static_cast<double>(x.size());
  const double pairs = n * (n - 1) / 2, in_x = tied_pairs(x.size(), same_x), in_both = tied_pairs(x.size(), same);
  const double in_y = tied_pairs(x.size(), [&](size_t a, size_t b) { return sorted[a] == sorted[b]; });
  const double scale = std::sqrt((pairs - in_x) * (pairs - in_y));
  return scale > 0 ? (pairs - in_x - in_y + in_both - 2 * discordant) / scale : 0;
}

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
