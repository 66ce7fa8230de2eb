#include "nacre/search/pareto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Coordinates on a coarse grid, so that ties and repeated points are common; some points unknown.
std::vector<Point> random_points(Random& random, size_t count, size_t objectives, int64_t grid, bool unknowns = true) {
  std::vector<Point> points(count);
  for (Point& point : points) {
    if (unknowns && random.bernoulli(0.05)) continue;  // empty
    for (size_t i = 0; i < objectives; ++i)
      point.push_back(static_cast<double>(random.integer(0, grid)) / static_cast<double>(grid));
    if (unknowns && random.bernoulli(0.05)) point[random.below(objectives)] = kNaN;
  }
  return points;
}

bool reference_dominates(const Point& a, const Point& b) {
  if (!is_known(a) || !is_known(b)) return false;
  bool nowhere_worse = true, somewhere_better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    nowhere_worse = nowhere_worse && a[i] <= b[i];
    somewhere_better = somewhere_better || a[i] < b[i];
  }
  return nowhere_worse && somewhere_better;
}

std::vector<std::vector<size_t>> reference_sort(const std::vector<Point>& points) {
  std::vector<size_t> left;
  for (size_t i = 0; i < points.size(); ++i) {
    if (is_known(points[i])) left.push_back(i);
  }
  std::vector<std::vector<size_t>> fronts;
  while (!left.empty()) {
    std::vector<size_t> front, rest;
    for (const size_t i : left) {
      const bool dominated =
          std::ranges::any_of(left, [&](size_t j) { return reference_dominates(points[j], points[i]); });
      (dominated ? rest : front).push_back(i);
    }
    fronts.push_back(front);
    left = rest;
  }
  return fronts;
}

// Inclusion and exclusion over all subsets: exact, exponential.
double reference_hypervolume(const std::vector<Point>& points, const Point& reference) {
  double volume = 0;
  for (uint64_t subset = 1; subset < uint64_t{1} << points.size(); ++subset) {
    Point corner(reference.size(), -kInfinity);
    for (size_t i = 0; i < points.size(); ++i) {
      if ((subset >> i & 1) == 0) continue;
      for (size_t j = 0; j < corner.size(); ++j) corner[j] = std::max(corner[j], points[i][j]);
    }
    double box = 1;
    for (size_t j = 0; j < corner.size(); ++j) box *= std::max(0.0, reference[j] - corner[j]);
    volume += __builtin_popcountll(subset) % 2 == 1 ? box : -box;
  }
  return volume;
}

// Front of a convex or concave surface, without dominated points.
std::vector<Point> simplex_points(Random& random, size_t count, size_t objectives) {
  std::vector<Point> points(count, Point(objectives));
  for (Point& point : points) {
    double sum = 0;
    for (double& value : point) sum += value = -std::log(1 - random.uniform());
    for (double& value : point) value /= sum;
  }
  return points;
}

TEST(Pareto, DominanceKnowsTiesAndUnknowns) {
  EXPECT_TRUE(dominates(Point{1, 2}, Point{1, 3}));
  EXPECT_FALSE(dominates(Point{1, 2}, Point{1, 2}));
  EXPECT_FALSE(dominates(Point{1, 3}, Point{2, 2}));
  EXPECT_FALSE(dominates(Point{1, kNaN}, Point{2, 2}));
  EXPECT_FALSE(dominates(Point{1, 1}, Point{2, kNaN}));
  EXPECT_FALSE(dominates(Point{}, Point{2, 2}));
  EXPECT_TRUE(dominates(Point{-kInfinity, 0}, Point{0, kInfinity}));
  EXPECT_THROW(dominates(Point{1}, Point{1, 2}), InternalError);
}

TEST(Pareto, FrontAndSortEqualTheReference) {
  Random random(1);
  for (int round = 0; round < 400; ++round) {
    const size_t objectives = 1 + round % 5;
    const std::vector<Point> points =
        random_points(random, random.below(40), objectives, random.bernoulli(0.5) ? 4 : 1000);
    const auto expected = reference_sort(points);
    EXPECT_EQ(non_dominated_sort(points), expected) << "round " << round;
    EXPECT_EQ(pareto_front(points), expected.empty() ? std::vector<size_t>{} : expected[0]) << "round " << round;
  }
}

TEST(Pareto, SortFollowsAPermutation) {
  Random random(2);
  for (int round = 0; round < 50; ++round) {
    const std::vector<Point> points = random_points(random, 60, 2 + round % 2, 8);
    const std::vector<int64_t> order = random.permutation(60);
    std::vector<Point> shuffled;
    for (const int64_t i : order) shuffled.push_back(points[static_cast<size_t>(i)]);
    auto fronts = non_dominated_sort(shuffled);
    for (auto& front : fronts) {
      for (size_t& index : front) index = static_cast<size_t>(order[index]);
      std::ranges::sort(front);
    }
    EXPECT_EQ(fronts, non_dominated_sort(points));
  }
}

TEST(Pareto, SortOfManyPointsInTwoObjectivesIsFast) {
  // Quadratic work would be 4e10 comparisons; n log n is well under a second.
  Random random(3);
  const std::vector<Point> points = random_points(random, 200'000, 2, 1 << 30, false);
  const auto fronts = non_dominated_sort(points);
  const size_t total =
      std::accumulate(fronts.begin(), fronts.end(), size_t{0}, [](size_t n, const auto& f) { return n + f.size(); });
  EXPECT_EQ(total, points.size());
  EXPECT_EQ(fronts[0], pareto_front(points));
}

TEST(Pareto, CrowdingIsTheGapBetweenNeighbors) {
  const std::vector<Point> points = {{0, 10}, {1, 6}, {4, 4}, {10, 0}, {1, 6}};
  const std::vector<double> distances = crowding_distances(points, std::vector<size_t>{0, 1, 2, 3, 4});
  EXPECT_EQ(distances[0], kInfinity);
  EXPECT_EQ(distances[3], kInfinity);
  EXPECT_DOUBLE_EQ(distances[1], 0.4 + 0.6);
  EXPECT_DOUBLE_EQ(distances[2], 0.9 + 0.6);
  EXPECT_EQ(distances[4], 0) << "a copy adds no diversity";
  EXPECT_EQ(crowding_distances(points, std::vector<size_t>{}).size(), 0u);
  EXPECT_EQ(crowding_distances(points, std::vector<size_t>{2})[0], kInfinity);
}

TEST(Hypervolume, KnownVolumes) {
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Point>{{3}, {5}}, Point{10}), 7);
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Point>{{1, 3}, {2, 2}, {3, 1}}, Point{4, 4}), 6);
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Point>{{0, 0, 0}}, Point{2, 3, 4}), 24);
  EXPECT_EQ(hypervolume(std::vector<Point>{}, Point{1, 1}), 0);
  EXPECT_EQ(hypervolume(std::vector<Point>{{1, 0}, {0, 1}, {2, -5}}, Point{1, 1}), 0)
      << "not better than the reference";
  // The corner points of a cube cut: 1 - (1/2)^m for the point at the center and m on the faces.
  EXPECT_DOUBLE_EQ(hypervolume(std::vector<Point>{{0, .5, .5, .5}, {.5, 0, .5, .5}, {.5, .5, 0, .5}, {.5, .5, .5, 0}},
                               Point{1, 1, 1, 1}),
                   5.0 / 16);
}

TEST(Hypervolume, EqualsInclusionAndExclusion) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    const size_t objectives = 1 + round % 6;
    const std::vector<Point> points =
        random_points(random, 1 + random.below(9), objectives, round % 2 == 0 ? 4 : 1000, false);
    const Point reference(objectives, random.bernoulli(0.5) ? 1.0 : 0.8);
    EXPECT_NEAR(hypervolume(points, reference), reference_hypervolume(points, reference), 1e-12) << "round " << round;
  }
}

TEST(Hypervolume, AgreesWithSampling) {
  Random random(5);
  for (size_t objectives = 2; objectives <= 6; ++objectives) {
    const std::vector<Point> points = simplex_points(random, 40, objectives);
    int inside = 0;
    constexpr int kSamples = 40'000;
    for (int i = 0; i < kSamples; ++i) {
      Point sample(objectives);
      for (double& value : sample) value = random.uniform();
      inside += std::ranges::any_of(points, [&](const Point& p) { return reference_dominates(p, sample); });
    }
    const double share = inside / double{kSamples};
    const double tolerance = 4 * std::sqrt(share * (1 - share) / kSamples);  // four standard errors
    EXPECT_NEAR(hypervolume(points, Point(objectives, 1.0)), share, tolerance) << objectives << " objectives";
  }
}

TEST(Hypervolume, DoesNotDependOnOrderOrDominatedPoints) {
  Random random(6);
  for (size_t objectives = 1; objectives <= 5; ++objectives) {
    std::vector<Point> points = simplex_points(random, 25, objectives);
    const Point reference(objectives, 1.5);
    const double volume = hypervolume(points, reference);
    for (size_t i = 0; i < 25; ++i) {
      Point worse = points[i];
      worse[random.below(objectives)] += random.uniform();
      points.push_back(worse);
      points.push_back(points[i]);
    }
    points.push_back({});
    points.push_back(Point(objectives, kNaN));
    random.shuffle(std::span(points));
    EXPECT_NEAR(hypervolume(points, reference), volume, 1e-12);
  }
}

TEST(Hypervolume, ScalesWithEachObjective) {
  Random random(7);
  for (size_t objectives = 2; objectives <= 5; ++objectives) {
    std::vector<Point> points = simplex_points(random, 20, objectives);
    Point reference(objectives, 1.1);
    const double volume = hypervolume(points, reference);
    double factor = 1;
    for (size_t i = 0; i < objectives; ++i) {
      const double scale = std::exp(random.normal()), shift = random.normal();
      factor *= scale;
      for (Point& point : points) point[i] = point[i] * scale + shift;
      reference[i] = reference[i] * scale + shift;
    }
    EXPECT_NEAR(hypervolume(points, reference) / factor, volume, 1e-10);
  }
}

TEST(Hypervolume, ContributionIsWhatRemovalTakesAway) {
  Random random(8);
  for (int round = 0; round < 60; ++round) {
    const size_t objectives = 1 + round % 5;
    const std::vector<Point> points = random_points(random, 15, objectives, 12);
    const Point reference(objectives, 1.05);
    const double volume = hypervolume(points, reference);
    const std::vector<double> contributions = hypervolume_contributions(points, reference);
    for (size_t i = 0; i < points.size(); ++i) {
      std::vector<Point> rest = points;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_NEAR(contributions[i], volume - hypervolume(rest, reference), 1e-12)
          << "round " << round << ", point " << i;
    }
  }
}

TEST(Hypervolume, RefusesAReferenceOfAnotherLength) {
  EXPECT_THROW(hypervolume(std::vector<Point>{{1, 2}}, Point{3}), InternalError);
}

TEST(ReferencePoint, LiesBehindTheFront) {
  const std::vector<Point> points = {{0, 10}, {5, 0}, {100, 100}, {}};
  EXPECT_EQ(reference_point(points, 0.1), (Point{5.5, 11}));  // the dominated point plays no part
  EXPECT_EQ(reference_point(std::vector<Point>{{2, 4}}, 0.5), (Point{3, 6}));
  EXPECT_TRUE(reference_point(std::vector<Point>{{}}).empty());
  Random random(9);
  const std::vector<Point> front = simplex_points(random, 20, 3);
  for (const double contribution : hypervolume_contributions(front, reference_point(front))) EXPECT_GT(contribution, 0);
}

TEST(KneePoint, IsTheBulgeOfTheFront) {
  EXPECT_EQ(knee_point(std::vector<Point>{{0, 1}, {0.2, 0.2}, {1, 0}, {0.9, 0.9}}), 1u);
  EXPECT_EQ(knee_point(std::vector<Point>{{}, {1, 1}}), 1u);
  EXPECT_EQ(knee_point(std::vector<Point>{{}}), std::nullopt);
}

}  // namespace
}  // namespace nacre
