#include "nacre/base/rank_correlation.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// Pairs within runs of equals.
template <class Equal>
int64_t tied_pairs(size_t n, const Equal& equal) {
  int64_t pairs = 0;
  for (size_t begin = 0; begin < n;) {
    size_t end = begin + 1;
    while (end < n && equal(begin, end)) ++end;
    const auto run = static_cast<int64_t>(end - begin);
    pairs += run * (run - 1) / 2;
    begin = end;
  }
  return pairs;
}

// Sorts and counts the exchanges of neighbors that it would take.
int64_t sort_counting(std::span<double> values, std::span<double> space) {
  if (values.size() < 2) return 0;
  const size_t half = values.size() / 2;
  const std::span<double> left = values.first(half), right = values.subspan(half);
  int64_t exchanges = sort_counting(left, space.first(half)) + sort_counting(right, space.subspan(half));
  size_t i = 0, j = 0, k = 0;
  while (i < left.size() && j < right.size()) {
    if (right[j] < left[i]) {
      exchanges += static_cast<int64_t>(left.size() - i);
      space[k++] = right[j++];
    } else {
      space[k++] = left[i++];
    }
  }
  while (i < left.size()) space[k++] = left[i++];
  while (j < right.size()) space[k++] = right[j++];
  std::ranges::copy(space, values.begin());
  return exchanges;
}

}  // namespace

std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> result(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) result[order[i]] = static_cast<double>(begin + end + 1) / 2;
    begin = end;
  }
  return result;
}

double spearman(std::span<const double> x, std::span<const double> y) {
  NACRE_CHECK(x.size() == y.size() && x.size() >= 2);
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double mean = (static_cast<double>(x.size()) + 1) / 2;
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
    ab += (a[i] - mean) * (b[i] - mean);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

double kendall(std::span<const double> x, std::span<const double> y) {
  NACRE_CHECK(x.size() == y.size() && x.size() >= 2);
  const size_t n = x.size();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t i, size_t j) { return x[i] != x[j] ? x[i] < x[j] : y[i] < y[j]; });
  std::vector<double> sorted(n), space(n);
  for (size_t i = 0; i < n; ++i) sorted[i] = y[order[i]];
  const int64_t tied_x = tied_pairs(n, [&](size_t i, size_t j) { return x[order[i]] == x[order[j]]; });
  const int64_t tied_both =
      tied_pairs(n, [&](size_t i, size_t j) { return x[order[i]] == x[order[j]] && y[order[i]] == y[order[j]]; });
  const int64_t discordant = sort_counting(sorted, space);
  const int64_t tied_y = tied_pairs(n, [&](size_t i, size_t j) { return sorted[i] == sorted[j]; });
  const int64_t all = static_cast<int64_t>(n) * static_cast<int64_t>(n - 1) / 2;
  const int64_t difference = all - tied_x - tied_y + tied_both - 2 * discordant;
  const double norm = std::sqrt(static_cast<double>(all - tied_x) * static_cast<double>(all - tied_y));
  return norm > 0 ? static_cast<double>(difference) / norm : 0;
}

double pearson(std::span<const double> x, std::span<const double> y) {
  NACRE_CHECK(x.size() == y.size() && x.size() >= 2);
  const auto mean_of = [](std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  const double mean_x = mean_of(x), mean_y = mean_of(y);
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace nacre
