#include "nacre/bench/significance.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int64_t kExactPairs = 50;

// Sum of t^3 - t over groups of equal values.
double tie_sum(std::vector<double> values) {
  std::ranges::sort(values);
  double sum = 0;
  for (size_t begin = 0, end = 0; begin < values.size(); begin = end) {
    while (end < values.size() && values[end] == values[begin]) ++end;
    const auto size = static_cast<double>(end - begin);
    sum += size * size * size - size;
  }
  return sum;
}

// P(the rank sum of one sign <= smaller) under random signs, by counting; ranks are multiples of 1/2.
double exact_tail(const std::vector<double>& ranks, double smaller) {
  size_t total = 0;
  std::vector<double> probability = {1};  // of each doubled sum
  for (const double rank : ranks) {
    const auto doubled = static_cast<size_t>(std::lround(2 * rank));
    total += doubled;
    std::vector<double> next(total + 1, 0.0);
    for (size_t sum = 0; sum < probability.size(); ++sum) {
      next[sum] += probability[sum] / 2;
      next[sum + doubled] += probability[sum] / 2;
    }
    probability = std::move(next);
  }
  const auto last = static_cast<size_t>(std::lround(2 * smaller));
  return std::accumulate(probability.begin(), probability.begin() + static_cast<std::ptrdiff_t>(last) + 1, 0.0);
}

}  // namespace

std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end + 1) / 2;
  }
  return ranks;
}

FriedmanTest friedman_test(const std::vector<std::vector<double>>& blocks) {
  NACRE_CHECK(!blocks.empty() && blocks[0].size() >= 2, "Friedman's test needs two treatments");
  const auto n = static_cast<double>(blocks.size()), k = static_cast<double>(blocks[0].size());
  FriedmanTest test;
  test.mean_ranks.assign(blocks[0].size(), 0.0);
  double ties = 0;
  for (const std::vector<double>& block : blocks) {
    NACRE_CHECK(block.size() == blocks[0].size());
    const std::vector<double> ranks = ranks_of(block);
    for (size_t i = 0; i < ranks.size(); ++i) test.mean_ranks[i] += ranks[i] / n;
    ties += tie_sum(block);
  }
  double squares = 0;
  for (const double rank : test.mean_ranks) squares += (rank - (k + 1) / 2) * (rank - (k + 1) / 2);
  const double correction = 1 - ties / (n * k * (k * k - 1));
  if (correction <= 0) return test;  // every block is one tie
  test.statistic = 12 * n / (k * (k + 1)) * squares / correction;
  test.p = boost::math::cdf(boost::math::complement(boost::math::chi_squared(k - 1), test.statistic));
  return test;
}

WilcoxonTest wilcoxon_signed_rank(std::span<const double> first, std::span<const double> second) {
  NACRE_CHECK(first.size() == second.size());
  std::vector<double> sizes;
  std::vector<bool> first_smaller;
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i] == second[i]) continue;
    sizes.push_back(std::abs(first[i] - second[i]));
    first_smaller.push_back(first[i] < second[i]);
  }
  WilcoxonTest test;
  test.differing = static_cast<int64_t>(sizes.size());
  if (sizes.empty()) return test;
  const std::vector<double> ranks = ranks_of(sizes);
  for (size_t i = 0; i < ranks.size(); ++i) (first_smaller[i] ? test.wins : test.losses) += ranks[i];
  const double smaller = std::min(test.wins, test.losses);
  if (test.differing <= kExactPairs) {
    test.p = std::min(1.0, 2 * exact_tail(ranks, smaller));
    return test;
  }
  const auto n = static_cast<double>(sizes.size());
  const double mean = n * (n + 1) / 4, variance = n * (n + 1) * (2 * n + 1) / 24 - tie_sum(sizes) / 48;
  const double z = std::min(0.0, smaller - mean + 0.5) / std::sqrt(variance);
  test.p = std::min(1.0, 2 * boost::math::cdf(boost::math::normal(), z));
  return test;
}

std::vector<double> holm_adjusted(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return p[i]; });
  std::vector<double> adjusted(p.size());
  double least = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    least = std::max(least, std::min(1.0, static_cast<double>(order.size() - i) * p[order[i]]));
    adjusted[order[i]] = least;
  }
  return adjusted;
}

double quantile_of(std::vector<double> values, double share) {
  NACRE_CHECK(!values.empty());
  std::ranges::sort(values);
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const double rest = place - static_cast<double>(below);
  if (rest == 0 || below + 1 == values.size()) return values[below];
  return values[below] + rest * (values[below + 1] - values[below]);  // infinity above gives infinity
}

}  // namespace nacre
