// Reference directions, scales of objectives, and that NSGA-III covers fronts of three and four objectives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "nacre/search/reference_directions.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;
using synthetic::run;
using synthetic::Step;

TEST(ReferenceDirections, AreAllMultiplesOfOneShare) {
  EXPECT_EQ(reference_directions(1, 10), (std::vector<Point>{{1}}));
  EXPECT_EQ(reference_directions(2, 24).size(), 24u);
  EXPECT_EQ(reference_directions(3, 91).size(), 91u) << "12 divisions, as in the paper";
  EXPECT_EQ(reference_directions(3, 90).size(), 78u);
  EXPECT_EQ(reference_directions(5, 210).size(), 210u) << "6 divisions, as in the paper";
  EXPECT_EQ(reference_directions(8, 156).size(), 156u) << "3 and 2 divisions in two layers, as in the paper";
  EXPECT_EQ(reference_directions(5, 2).size(), 5u) << "at least the axes";
  for (const size_t objectives : {2, 3, 4, 6}) {
    bool has_inner = false;
    for (const Point& direction : reference_directions(objectives, 30)) {
      EXPECT_NEAR(std::accumulate(direction.begin(), direction.end(), 0.0), 1, 1e-12);
      has_inner = has_inner || std::ranges::min(direction) > 0;
    }
    EXPECT_TRUE(has_inner) << "of " << objectives;
  }
}

TEST(ReferenceDirections, PointsServeTheDirectionTheyLieOnWhateverTheUnits) {
  const std::vector<Point> directions = reference_directions(3, 15);
  std::vector<Point> points;
  for (const Point& direction : directions)
    points.push_back({5 + 100 * direction[0], -3 + 1e-9 * direction[1], 7e6 * direction[2]});
  ObjectiveScale scale;
  scale.include(points, pareto_front(points));
  for (size_t i = 0; i < points.size(); ++i) {
    const Association found = nearest_direction(scale.scaled(points[i]), directions);
    EXPECT_EQ(found.direction, i);
    EXPECT_NEAR(found.distance, 0, 1e-6);
  }
}

// Dominated points far away, one point, equal points, an objective that is constant: always finite, the front within 0 .. 1.
TEST(ReferenceDirections, ScalesAreFiniteForDegenerateFronts) {
  const std::vector<std::vector<Point>> cases = {
      {{1, 2, 3}},
      {{1, 2, 3}, {1, 2, 3}},
      {{0, 5, 1}, {5, 0, 1}, {3, 3, 1}},
      {{0, 0, 0}, {1, 1, 1}},
      {{0, 1, 0}, {1, 0, 0}, {1e9, 1e9, 1e9}},
  };
  for (const std::vector<Point>& points : cases) {
    ObjectiveScale scale;
    const std::vector<size_t> front = pareto_front(points);
    scale.include(points, front);
    for (const size_t i : front) {
      for (const double value : scale.scaled(points[i])) {
        EXPECT_GE(value, 0);
        EXPECT_LE(value, 1 + 1e-9);
      }
    }
  }
}

// DTLZ2 (Deb, Thiele, Laumanns and Zitzler, CEC 2002) on decisions of 21 values: the front is the part of the unit sphere
// with no negative coordinate, and a point's distance from it is its length less 1.
constexpr int64_t kValues = 21, kDistanceDecisions = 8;

Point dtlz2(const Decisions& decisions, size_t objectives) {
  std::vector<double> x;
  for (const Decision& decision : decisions.items())
    x.push_back(static_cast<double>(decision.index) / static_cast<double>(kValues - 1));
  double radius = 1;
  for (size_t i = objectives - 1; i < x.size(); ++i) radius += (x[i] - 0.5) * (x[i] - 0.5);
  Point point(objectives, radius);
  for (size_t i = 0; i < objectives; ++i) {
    for (size_t j = 0; j + i + 1 < objectives; ++j) point[i] *= std::cos(x[j] * std::numbers::pi / 2);
    if (i > 0) point[i] *= std::sin(x[objectives - 1 - i] * std::numbers::pi / 2);
  }
  return point;
}

struct Cover {
  double distance = 0;  // mean over the front that was found, of the distance from the true one
  double gap = 0;  // mean over even directions, of the distance from the true front's point there to the nearest found
};

Cover cover(const std::string& name, size_t objectives, int64_t trials, double unit = 1) {
  constexpr int kSeeds = 3;
  const Trace trace = synthetic::flat_trace(static_cast<int64_t>(objectives) - 1 + kDistanceDecisions, kValues);
  ObjectiveSet set;
  for (size_t i = 0; i < objectives; ++i) set.objectives.push_back({"f" + std::to_string(i), Direction::minimize});
  std::vector<Point> wanted = reference_directions(objectives, 100);
  for (Point& point : wanted) {
    const double length = std::sqrt(std::inner_product(point.begin(), point.end(), point.begin(), 0.0));
    for (double& value : point) value /= length;
  }
  Cover sum;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Json options = name == "random" ? Json::object() : Json{{"population_size", 92}};
    const auto strategy = make_strategy(name, {trace, set, 0}, options);
    std::vector<Point> points;
    run(
        *strategy,
        [&](const Decisions& decisions) {
          points.push_back(dtlz2(decisions, objectives));
          Trial trial;
          trial.status = TrialStatus::ok;
          for (size_t i = 0; i < objectives; ++i)
            trial.metrics[set.objectives[i].metric].value = points.back()[i] * (i == 0 ? unit : 1);
          return trial;
        },
        trials, seed);
    const std::vector<size_t> front = pareto_front(points);
    for (const size_t i : front) {
      const double length = std::inner_product(points[i].begin(), points[i].end(), points[i].begin(), 0.0);
      sum.distance += (std::sqrt(length) - 1) / static_cast<double>(front.size()) / kSeeds;
    }
    for (const Point& target : wanted) {
      double nearest = 1e300;
      for (const size_t i : front) {
        double squares = 0;
        for (size_t k = 0; k < objectives; ++k) squares += std::pow(points[i][k] - target[k], 2);
        nearest = std::min(nearest, squares);
      }
      sum.gap += std::sqrt(nearest) / static_cast<double>(wanted.size()) / kSeeds;
    }
  }
  return sum;
}

class Nsga3Cover : public testing::TestWithParam<size_t> {};

TEST_P(Nsga3Cover, IsNearerToTheFrontAndMoreEvenThanTheOthers) {
  const int64_t trials = 6000;
  const Cover random = cover("random", GetParam(), trials);
  const Cover nsga2 = cover("nsga2", GetParam(), trials);
  const Cover nsga3 = cover("nsga3", GetParam(), trials);
  RecordProperty("distance", std::to_string(random.distance) + " " + std::to_string(nsga2.distance) + " " +
                                 std::to_string(nsga3.distance));
  RecordProperty("gap", std::to_string(random.gap) + " " + std::to_string(nsga2.gap) + " " + std::to_string(nsga3.gap));
  EXPECT_LT(nsga3.distance, 0.5 * random.distance);
  EXPECT_LT(nsga3.gap, 0.6 * random.gap);
  EXPECT_LE(nsga3.distance, nsga2.distance);
  EXPECT_LE(nsga3.gap, nsga2.gap);
}

INSTANTIATE_TEST_SUITE_P(OfObjectives, Nsga3Cover, testing::Values(3, 4), testing::PrintToStringParamName());

TEST(Nsga3, DoesNotCareForUnits) {
  const Cover one = cover("nsga3", 3, 2000), million = cover("nsga3", 3, 2000, 1048576);
  EXPECT_EQ(one.gap, million.gap) << "scaling by a power of two changes no rounding";
}

}  // namespace
}  // namespace nacre
