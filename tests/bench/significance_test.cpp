#include "nacre/bench/significance.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/random.hpp"
#include "nacre/bench/statistics.hpp"

namespace nacre {
namespace {

TEST(Ranks, EqualValuesShareTheirMean) {
  EXPECT_EQ(ranks_of(std::vector<double>{3, 1, 3, INFINITY}), (std::vector<double>{2.5, 1, 2.5, 4}));
}

// Hollander and Wolfe's rounding times of base runners: 22 players, three methods; S = 11.14, p = 0.0038 (also R's
// friedman.test).
TEST(Friedman, EqualsThePublishedExample) {
  const std::vector<std::vector<double>> times = {
      {5.40, 5.50, 5.55}, {5.85, 5.70, 5.75}, {5.20, 5.60, 5.50}, {5.55, 5.50, 5.40}, {5.90, 5.85, 5.70},
      {5.45, 5.55, 5.60}, {5.40, 5.40, 5.35}, {5.45, 5.50, 5.35}, {5.25, 5.15, 5.00}, {5.85, 5.80, 5.70},
      {5.25, 5.20, 5.10}, {5.65, 5.55, 5.45}, {5.60, 5.35, 5.45}, {5.05, 5.00, 4.95}, {5.50, 5.50, 5.40},
      {5.45, 5.55, 5.50}, {5.55, 5.55, 5.35}, {5.45, 5.50, 5.55}, {5.50, 5.45, 5.25}, {5.65, 5.60, 5.40},
      {5.70, 5.65, 5.55}, {6.30, 6.30, 6.25}};
  const FriedmanTest test = friedman_test(times);
  EXPECT_NEAR(test.statistic, 11.1429, 1e-4);
  EXPECT_NEAR(test.p, 0.003805, 1e-6);
}

TEST(Friedman, AllAlikeIsNoFinding) { EXPECT_EQ(friedman_test({{1, 1, 1}, {2, 2, 2}}).p, 1); }

// Hollander and Wolfe's depression scores: V = 40, two-sided p = 0.03906 (R's wilcox.test).
TEST(Wilcoxon, EqualsThePublishedExample) {
  const std::vector<double> x = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  const std::vector<double> y = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  const WilcoxonTest test = wilcoxon_signed_rank(x, y);
  EXPECT_EQ(test.losses, 40);
  EXPECT_EQ(test.wins, 5);
  EXPECT_NEAR(test.p, 0.0390625, 1e-12);
}

TEST(Wilcoxon, ExactCountAgreesWithAllSignsTriedOneByOne) {
  const std::vector<double> x = {1, 2, 2, -3, 4, 4, -1, 5}, zero(8, 0.0);  // ties among the sizes
  const WilcoxonTest test = wilcoxon_signed_rank(x, zero);
  std::vector<double> sizes;
  for (const double value : x) sizes.push_back(std::abs(value));
  const std::vector<double> ranks = ranks_of(sizes);
  const double smaller = std::min(test.wins, test.losses);
  int as_extreme = 0;
  for (int signs = 0; signs < 256; ++signs) {
    double sum = 0;
    for (size_t i = 0; i < 8; ++i) sum += (signs >> i & 1) != 0 ? ranks[i] : 0;
    as_extreme += sum <= smaller ? 1 : 0;
  }
  EXPECT_NEAR(test.p, 2.0 * as_extreme / 256, 1e-12);
}

TEST(Wilcoxon, NormalBranchContinuesTheExactOne) {
  Random random(3);
  std::vector<double> x, y;
  for (int i = 0; i < 51; ++i) x.push_back(random.normal() + 0.3), y.push_back(random.normal());
  const double p = wilcoxon_signed_rank(x, y).p;
  x.pop_back(), y.pop_back();
  EXPECT_NEAR(p, wilcoxon_signed_rank(x, y).p, 0.05);
  EXPECT_EQ(wilcoxon_signed_rank(x, x).p, 1);
}

// Under no difference p is uniform: a test at 5 % errs in 5 % of cases.
TEST(Wilcoxon, ErrsAsOftenAsItSays) {
  int found = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Random random = Random::stream(7, seed);
    std::vector<double> x, y;
    for (int i = 0; i < 80; ++i) x.push_back(random.normal()), y.push_back(random.normal());
    found += wilcoxon_signed_rank(x, y).p < 0.05 ? 1 : 0;
  }
  EXPECT_NEAR(found / 1000.0, 0.05, 0.02);
}

TEST(Holm, StepsDown) {
  const std::vector<double> p = {0.01, 0.04, 0.03, 0.005};
  const std::vector<double> adjusted = holm_adjusted(p);
  const std::vector<double> expected = {0.03, 0.06, 0.06, 0.02};
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-12);
}

TEST(Quantile, IsLinearBetweenValues) {
  EXPECT_EQ(quantile_of({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile_of({1, 2, 3}, 1), 3);
  EXPECT_EQ(quantile_of({1, INFINITY, INFINITY}, 0.5), INFINITY);
}

TEST(Kendall, AgreesWithAllPairsTriedOneByOne) {
  Random random(11);
  std::vector<double> x, y;
  for (int i = 0; i < 60; ++i)
    x.push_back(static_cast<double>(random.below(12))),
        y.push_back(x.back() / 3 + static_cast<double>(random.below(9)));
  double agree = 0, in_x = 0, in_y = 0, pairs = 0;
  for (size_t i = 0; i < 60; ++i) {
    for (size_t j = 0; j < i; ++j) {
      ++pairs;
      if (x[i] == x[j]) ++in_x;
      if (y[i] == y[j]) ++in_y;
      const double product = (x[i] - x[j]) * (y[i] - y[j]);
      agree += product > 0 ? 1 : product < 0 ? -1 : 0;
    }
  }
  EXPECT_NEAR(kendall(x, y), agree / std::sqrt((pairs - in_x) * (pairs - in_y)), 1e-12);
  EXPECT_EQ(kendall(std::vector<double>{1, 1}, std::vector<double>{1, 2}), 0);
}

}  // namespace
}  // namespace nacre
