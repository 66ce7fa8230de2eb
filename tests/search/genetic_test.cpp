// Reference directions of NSGA-III and the early exit of EEEA-Net. NSGA-II has its tests in strategy_quality_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "nacre/search/reference_directions.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;
using synthetic::run;
using synthetic::Step;

TEST(ReferenceDirections, LieEvenlyOnTheSimplex) {
  EXPECT_EQ(reference_directions(3, 91).size(), 91u) << "12 divisions";
  EXPECT_EQ(reference_directions(3, 90).size(), 78u);
  EXPECT_EQ(reference_directions(2, 24).size(), 24u);
  EXPECT_EQ(reference_directions(5, 2).size(), 5u) << "at least the axes";
  for (const Point& direction : reference_directions(4, 60)) {
    EXPECT_NEAR(std::accumulate(direction.begin(), direction.end(), 0.0), 1, 1e-12);
  }
}

TEST(ReferenceDirections, PointsServeTheDirectionTheyLieOn) {
  const std::vector<Point> directions = reference_directions(3, 15);
  // Points on the plane of the directions, in units of their own: scaling finds the plane again.
  std::vector<Point> points;
  for (const Point& direction : directions) {
    points.push_back({5 + 100 * direction[0], -3 + 0.1 * direction[1], 7 * direction[2]});
  }
  const std::vector<Association> associations = associate(points, directions);
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(associations[i].direction, i);
    EXPECT_NEAR(associations[i].distance, 0, 1e-6);
  }
}

TEST(ReferenceDirections, OnePointAndEqualPointsAreServed) {
  const std::vector<Point> directions = reference_directions(2, 5);
  EXPECT_EQ(associate({{1, 2}}, directions).size(), 1u);
  EXPECT_EQ(associate({{1, 2}, {1, 2}, {1, 2}}, directions).size(), 3u);
  EXPECT_TRUE(associate({}, directions).empty());
}

TEST(Nsga3, CoversAFrontOfThreeBetterThanRandom) {
  const Trace trace = synthetic::flat_trace(15, 4);
  const auto evaluate = [](const Decisions& decisions) {
    std::array<double, 3> sums{};
    for (size_t i = 0; i < decisions.size(); ++i) {
      const auto index = static_cast<double>(decisions.items()[i].index);
      sums[i % 3] += 3 - index;
      sums[(i + 1) % 3] += index * index / 3;
    }
    return synthetic::trial_of({{"first", sums[0]}, {"second", sums[1]}, {"third", sums[2]}});
  };
  const ObjectiveSet objectives{
      {{"first", Direction::minimize}, {"second", Direction::minimize}, {"third", Direction::minimize}}, {}};
  const auto volume = [&](const char* name) {
    double sum = 0;
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const auto strategy = make_strategy(
          name, {trace, objectives, 0}, name == std::string("random") ? Json::object() : Json{{"population_size", 40}});
      std::vector<Point> points;
      for (const Step& step : run(*strategy, evaluate, 1500, seed))
        points.push_back(*objectives.minimized(step.trial.metrics));
      sum += hypervolume(points, Point{31, 31, 31});
    }
    return sum;
  };
  const double nsga3 = volume("nsga3");
  EXPECT_GT(nsga3, 1.1 * volume("random"));
  EXPECT_GT(nsga3, 0.95 * volume("nsga2"));
}

// The number of a design stands in its recipe's epochs, so that a cost is known of it.
StrategyContext with_costs(const Trace& trace) {
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.build = [](const Decisions& decisions) {
    Design design;
    for (const Decision& decision : decisions.items()) design.recipe.epochs += static_cast<double>(decision.index);
    return design;
  };
  context.costs = [](const Design& design) {
    Metrics metrics;
    metrics["params"].value = design.recipe.epochs - Design{}.recipe.epochs;
    return metrics;
  };
  return context;
}

double params_of(const Decisions& decisions) {
  double sum = 0;
  for (const Decision& decision : decisions.items()) sum += static_cast<double>(decision.index);
  return sum;
}

TEST(Eeea, FirstPopulationKeepsTheBoundAndTheShareOfExitsIsThatOfTheSpace) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("eeea", with_costs(trace), {{"exit_bound", 7}, {"population_size", 400}});
  int64_t within = 0;
  for (Count i = 0; i < trace.count(); ++i) within += params_of(trace.at(i)) <= 7;
  const double share = static_cast<double>(within) / 4096;
  for (const Step& step : run(
           *strategy,
           [](const Decisions&) {
             return synthetic::trial_of({{"accuracy", 1}});
           },
           400, 1)) {
    EXPECT_LE(params_of(step.candidate.decisions), 7);
  }
  // 400 were found in 400 + exits + repeats draws, each within the bound with `share`.
  const Json statistics = strategy->statistics();
  const auto found = 400 + statistics.at("repeats_avoided").get<double>();
  const auto draws = found + statistics.at("early_exits").get<double>();
  EXPECT_NEAR(found / draws, share, 3 * std::sqrt(share * (1 - share) / draws));
}

TEST(Eeea, ChildrenMayLeaveTheBound) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("eeea", with_costs(trace), {{"exit_bound", 5}, {"population_size", 20}});
  double largest = 0;
  for (const Step& step : run(
           *strategy,
           [](const Decisions& decisions) {
             return synthetic::trial_of({{"accuracy", params_of(decisions)}});
           },
           300, 1)) {
    largest = std::max(largest, params_of(step.candidate.decisions));
  }
  EXPECT_GT(largest, 12);
}

TEST(Eeea, ImpossibleBoundAndMissingNetworksAreRefused) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("eeea", with_costs(trace), {{"exit_bound", -1}, {"exit_redraws", 50}});
  Random random(1);
  try {
    strategy->ask(0, random);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("none of 50 samples has params <= -1; the smallest has"));
  }
  try {
    make_strategy("eeea", {trace, synthetic::maximize_accuracy(), 0}, {{"exit_bound", 5}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no cost is known before a trial"));
  }
  const auto other = make_strategy("eeea", with_costs(trace), {{"exit_bound", 5}, {"exit_metric", "latency_s"}});
  try {
    other->ask(0, random);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'latency_s' is not known of a network before it is evaluated"));
  }
}

}  // namespace
}  // namespace nacre
