#include "nacre/search/random_baseline.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

// All subsets of k results, one by one.
ExpectedBest reference_best(const std::vector<RandomResult>& results, Direction direction, int64_t draws) {
  ExpectedBest expected;
  expected.draws = draws;
  std::vector<double> all;
  double subsets = 0, usable = 0, sum = 0, squares = 0, cost = 0;
  for (uint64_t subset = 0; subset < uint64_t{1} << results.size(); ++subset) {
    if (__builtin_popcountll(subset) != draws) continue;
    ++subsets;
    std::optional<double> best;
    for (size_t i = 0; i < results.size(); ++i) {
      if ((subset >> i & 1) == 0) continue;
      cost += results[i].cost;
      if (!results[i].value) continue;
      const double value = *results[i].value;
      if (!best || (direction == Direction::maximize ? value > *best : value < *best)) best = value;
    }
    if (!best) continue;
    ++usable;
    all.push_back(*best);
    sum += *best;
    squares += *best * *best;
  }
  expected.probability_usable = usable / subsets;
  expected.cost = cost / subsets;
  if (usable > 0) {
    std::ranges::sort(all);
    if (direction == Direction::maximize) std::ranges::reverse(all);
    const auto quantile = [&](double share) { return all[static_cast<size_t>(std::ceil(share * usable - 1e-9)) - 1]; };
    expected.better = quantile(0.1);
    expected.worse = quantile(0.9);
    expected.mean = sum / usable;
    expected.spread = std::sqrt(std::max(0.0, squares / usable - *expected.mean * *expected.mean));
  }
  return expected;
}

TEST(RandomBaseline, EqualsTheMeanOverAllSubsets) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    std::vector<RandomResult> results(1 + random.below(10));
    for (RandomResult& result : results) {
      result.cost = random.uniform();
      if (!random.bernoulli(0.3)) result.value = random.bernoulli(0.3) ? 0.5 : random.normal();
    }
    const Direction direction = round % 2 == 0 ? Direction::maximize : Direction::minimize;
    for (int64_t draws = 1; draws <= static_cast<int64_t>(results.size()); ++draws) {
      const ExpectedBest found = expected_best(results, direction, draws);
      const ExpectedBest expected = reference_best(results, direction, draws);
      EXPECT_NEAR(found.probability_usable, expected.probability_usable, 1e-12);
      EXPECT_NEAR(found.cost, expected.cost, 1e-9);
      ASSERT_EQ(found.mean.has_value(), expected.mean.has_value());
      if (!found.mean) continue;
      EXPECT_NEAR(*found.mean, *expected.mean, 1e-12);
      EXPECT_NEAR(found.spread, expected.spread, 1e-7);
      EXPECT_EQ(found.better, expected.better);
      EXPECT_EQ(found.worse, expected.worse);
    }
  }
}

TEST(RandomBaseline, EndsAreTheMeanAndTheBest) {
  std::vector<RandomResult> results;
  for (int i = 0; i < 5000; ++i) results.push_back({1000.0 + i, 2});
  const std::vector<ExpectedBest> curve = expected_best_curve(results, Direction::maximize, 50);
  ASSERT_EQ(curve.size(), 50u);
  EXPECT_EQ(curve.front().draws, 1);
  EXPECT_NEAR(*curve.front().mean, 1000 + 4999 / 2.0, 1e-6);
  EXPECT_EQ(curve.back().draws, 5000);
  EXPECT_NEAR(*curve.back().mean, 5999, 1e-9);
  EXPECT_NEAR(curve.back().spread, 0, 1e-6);
  EXPECT_EQ(curve.back().cost, 10000);
  for (size_t i = 1; i < curve.size(); ++i) {
    EXPECT_GT(*curve[i].mean, *curve[i - 1].mean);
    EXPECT_GT(curve[i].draws, curve[i - 1].draws);
    // The largest of k of 1..N is on average k (N+1) / (k+1).
    const double k = static_cast<double>(curve[i].draws);
    EXPECT_NEAR(*curve[i].mean, 999 + k * 5001 / (k + 1), 1e-6);
  }
}

TEST(RandomBaseline, NothingUsableHasNoBest) {
  const std::vector<RandomResult> results = {{std::nullopt, 1}, {std::nullopt, 3}};
  const ExpectedBest best = expected_best(results, Direction::maximize, 2);
  EXPECT_FALSE(best.mean);
  EXPECT_EQ(best.probability_usable, 0);
  EXPECT_EQ(best.cost, 4);
  EXPECT_TRUE(expected_best_curve({}, Direction::maximize).empty());
}

TEST(RandomBaseline, ExpectedHypervolumeIsTheMeanOverAllSubsets) {
  Random random(2);
  const Point reference = {1, 1};
  for (int round = 0; round < 40; ++round) {
    std::vector<Point> points(1 + random.below(9));
    for (Point& point : points) {
      if (random.bernoulli(0.2)) continue;  // unusable
      // Ties, and some beyond the reference.
      point = {random.bernoulli(0.3) ? 0.5 : 1.2 * random.uniform(),
               random.bernoulli(0.3) ? 0.25 : 1.2 * random.uniform()};
    }
    for (int64_t draws = 1; draws <= static_cast<int64_t>(points.size()); ++draws) {
      double sum = 0, subsets = 0;
      for (uint64_t subset = 0; subset < uint64_t{1} << points.size(); ++subset) {
        if (__builtin_popcountll(subset) != draws) continue;
        std::vector<Point> drawn;
        for (size_t i = 0; i < points.size(); ++i) {
          if ((subset >> i & 1) != 0) drawn.push_back(points[i]);
        }
        sum += hypervolume(drawn, reference);
        ++subsets;
      }
      const std::optional<double> found = expected_hypervolume(points, reference, draws);
      ASSERT_TRUE(found);
      EXPECT_NEAR(*found, sum / subsets, 1e-12) << points.size() << " points, " << draws << " drawn";
    }
  }
}

TEST(RandomBaseline, HypervolumeOfThreeObjectivesIsKnownForAllDrawsOnly) {
  const std::vector<Point> points = {{0, 1, 1}, {1, 0, 1}, {}};
  const Point reference = {2, 2, 2};
  EXPECT_FALSE(expected_hypervolume(points, reference, 2));
  EXPECT_EQ(expected_hypervolume(points, reference, 3), hypervolume(points, reference));
}

}  // namespace
}  // namespace nacre
