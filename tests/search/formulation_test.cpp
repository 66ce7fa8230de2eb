// The formulations of the survey of Benmeziane et al. (arXiv 2101.09336, section 5): values by hand, dual ascent, and which
// points of a front each can reach.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/search/lagrangian.hpp"
#include "nacre/search/pareto.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

Metrics at(double accuracy, double latency) {
  Metrics metrics;
  metrics["accuracy"].value = accuracy;
  metrics["latency_s"].value = latency;
  return metrics;
}

ObjectiveSet scalarized(Scalarization scalarization, double weight, double weight_beyond) {
  ObjectiveSet set{{{"accuracy", Direction::maximize}}, {{"latency_s", 0.02}}, LimitHandling::none};
  set.scalarization = scalarization;
  set.terms = {{.metric = "accuracy", .direction = Direction::maximize},
               {.metric = "latency_s", .reference = 0.02, .weight = weight, .weight_beyond = weight_beyond}};
  return set;
}

TEST(Scalarization, WeightedSumEqualsTheHandValue) {
  const ObjectiveSet set = scalarized(Scalarization::weighted_sum, 0.1, 0.1);
  // f - w g / T = 0.9 - 0.1 * 0.03 / 0.02 = 0.75; minimized: its negative
  EXPECT_DOUBLE_EQ(set.scalar(at(0.9, 0.03)), -0.75);
  EXPECT_DOUBLE_EQ(set.scalar(at(0.9, 0.01)), -0.85);
}

TEST(Scalarization, WeightedProductEqualsTheHandValues) {
  const ObjectiveSet soft = scalarized(Scalarization::weighted_product, -0.07, -0.07);
  EXPECT_DOUBLE_EQ(soft.scalar(at(0.75, 0.04)), -0.75 * std::pow(2.0, -0.07));
  EXPECT_NEAR(soft.scalar(at(0.75, 0.04)), -0.714478, 1e-6);  // MnasNet: twice the latency for 5 % more accuracy
  EXPECT_NEAR(soft.scalar(at(0.75 * 1.05, 0.04)), soft.scalar(at(0.75, 0.02)), 1e-3);
  EXPECT_DOUBLE_EQ(soft.scalar(at(0.75, 0.01)), -0.75 * std::pow(0.5, -0.07))
      << "soft: faster than asked is worth something";
  const ObjectiveSet hard = scalarized(Scalarization::weighted_product, 0, -1);
  EXPECT_DOUBLE_EQ(hard.scalar(at(0.75, 0.04)), -0.375);
  EXPECT_DOUBLE_EQ(hard.scalar(at(0.75, 0.01)), -0.75) << "hard: faster than asked is worth nothing";
  EXPECT_DOUBLE_EQ(hard.scalar(at(0.75, 0.02)), -0.75);
  EXPECT_TRUE(std::isinf(hard.scalar(at(0, 0.02)))) << "no product of what is not positive";
}

TEST(Scalarization, ProductOfALossIsMinimized) {
  ObjectiveSet set{{{"loss", Direction::minimize}}, {}};
  set.scalarization = Scalarization::weighted_product;
  set.terms = {{.metric = "loss"}, {.metric = "latency_s", .reference = 2, .weight = 0.5, .weight_beyond = 0.5}};
  Metrics metrics;
  metrics["loss"].value = 3;
  metrics["latency_s"].value = 8;
  EXPECT_DOUBLE_EQ(set.scalar(metrics), 3 * 2);
}

TEST(Scalarization, ExponentialSumAndMinMaxEqualTheHandValues) {
  ObjectiveSet set = scalarized(Scalarization::exponential_sum, 0.5, 0.5);
  set.exponent = 2;
  // (1 - 0.8)^2 + 0.5 (0.03 / 0.02)^2
  EXPECT_DOUBLE_EQ(set.scalar(at(0.8, 0.03)), 0.04 + 0.5 * 2.25);
  set.exponent = 1;
  EXPECT_DOUBLE_EQ(set.scalar(at(0.8, 0.03)), 0.2 + 0.75);
  const ObjectiveSet largest = scalarized(Scalarization::min_max, 0.5, 0.5);
  EXPECT_DOUBLE_EQ(largest.scalar(at(0.8, 0.03)), 0.75 + 1e-3 * 0.95);
  EXPECT_NEAR(largest.scalar(at(0.1, 0.004)), 0.9 + 1e-3 * 1.0, 1e-12);
}

TEST(Scalarization, UnknownPartsAndLimits) {
  const ObjectiveSet set = scalarized(Scalarization::weighted_sum, 0.1, 0.1);
  Metrics unknown = at(0.9, 0.01);
  unknown["latency_s"].value.reset();
  EXPECT_FALSE(set.goal(unknown));
  Trial trial;
  trial.status = TrialStatus::ok;
  trial.metrics = unknown;
  EXPECT_FALSE(set.fitness(trial).usable() && set.fitness(trial).tier == Fitness::Tier::good);
  // `none`: beyond the limit competes by its scalar; the others rank it behind.
  trial.metrics = at(0.99, 0.03);
  Trial inside = trial;
  inside.metrics = at(0.5, 0.02);
  EXPECT_LT(set.fitness(trial), set.fitness(inside));
  EXPECT_FALSE(set.feasible(trial.metrics)) << "which does not make it a result";
  ObjectiveSet ranked = set;
  ranked.handling = LimitHandling::epsilon_constraint;
  EXPECT_LT(ranked.fitness(inside), ranked.fitness(trial));
  EXPECT_EQ(ranked.fitness(inside).value, ranked.scalar(inside.metrics))
      << "among feasible ones the scalarization decides";
}

TEST(Scalarization, NamesReadBack) {
  for (const std::string& name : scalarization_names())
    EXPECT_EQ(scalarization_name(scalarization_from_name(name)), name);
  for (const std::string& name : limit_handling_names())
    EXPECT_EQ(limit_handling_name(limit_handling_from_name(name)), name);
  EXPECT_THROW(scalarization_from_name("weighted"), UserError);
}

// --- the Lagrangian ----------------------------------------------------------------------------------------------------

ObjectiveSet under_lagrangian(double weight = 1) {
  return {{{"accuracy", Direction::maximize}}, {{"latency_s", 0.02}}, LimitHandling::lagrangian, weight};
}

TEST(Lagrangian, ValueEqualsTheAugmentedLagrangian) {
  ObjectiveSet set = under_lagrangian(2);
  // multiplier 0: m + |m| r d^2 / 2 beyond the limit, m inside
  EXPECT_NEAR(set.scalar(at(0.8, 0.03)), -0.8 + 0.8 * (2 * 0.5 * 0.5 / 2), 1e-12);
  EXPECT_DOUBLE_EQ(set.scalar(at(0.8, 0.01)), -0.8);
  set.multipliers = std::make_shared<std::vector<double>>(1, 0.6);
  // ((0.6 + 2 * 0.5)^2 - 0.36) / 4 and, 0.6 - 2 * 0.25 = 0.1 inside, (0.01 - 0.36) / 4
  EXPECT_NEAR(set.scalar(at(0.8, 0.03)), -0.8 + 0.8 * (1.6 * 1.6 - 0.36) / 4, 1e-12);
  EXPECT_NEAR(set.scalar(at(0.8, 0.015)), -0.8 + 0.8 * (0.01 - 0.36) / 4, 1e-12);
  // What searches for a front see: every objective worsened alike.
  EXPECT_DOUBLE_EQ(set.minimized_with_limits(at(0.8, 0.03))->at(0), set.scalar(at(0.8, 0.03)));
}

Trial told(double accuracy, double latency) {
  Trial trial;
  trial.status = TrialStatus::ok;
  trial.metrics = at(accuracy, latency);
  return trial;
}

TEST(Lagrangian, MultiplierRisesUntilTheLimitIsWorthKeeping) {
  const ObjectiveSet objectives = under_lagrangian();
  DualAscent ascent(objectives);
  ObjectiveSet set = objectives;
  set.multipliers = ascent.multipliers();
  ascent.tell(told(0.9, 0.03));
  EXPECT_DOUBLE_EQ(ascent.multipliers()->at(0), 0.5) << "one step of 1 / sqrt(1) by the distance 0.5";
  ascent.tell(told(0.7, 0.02));
  for (int i = 0; i < 200; ++i) ascent.tell(told(0.5, 0.06));
  EXPECT_LT(set.scalar(at(0.7, 0.02)), set.scalar(at(0.9, 0.03)));
  EXPECT_LT(set.scalar(at(0.7, 0.02)), set.scalar(at(0.5, 0.06)));
}

TEST(Lagrangian, MultiplierStaysAtZeroWhereTheLimitDoesNotBind) {
  DualAscent ascent(under_lagrangian());
  for (int i = 0; i < 50; ++i) ascent.tell(told(0.5 + 0.005 * i, 0.01));
  EXPECT_EQ(ascent.multipliers()->at(0), 0);
  EXPECT_EQ(ascent.moves(), 50);
}

TEST(Lagrangian, FailedAndUnknownTrialsMoveNothing) {
  DualAscent ascent(under_lagrangian());
  Trial trial = told(0.9, 0.03);
  trial.status = TrialStatus::failed;
  ascent.tell(trial);
  trial.status = TrialStatus::ok;
  trial.metrics.erase("latency_s");
  ascent.tell(trial);
  EXPECT_EQ(ascent.moves(), 0);
}

// Accuracy grows with cost: without a multiplier every search ends beyond the limit.
Trial priced(const Decisions& decisions) {
  double cost = 0;
  for (const Decision& decision : decisions.items()) cost += static_cast<double>(decision.index);
  return synthetic::trial_of({{"accuracy", cost / 60}, {"cost", cost}});
}

TEST(Lagrangian, IsReplayedByTheSameTells) {
  const Trace trace = synthetic::flat_trace(20, 4);
  const ObjectiveSet objectives{{{"accuracy", Direction::maximize}}, {{"cost", 24}}, LimitHandling::lagrangian, 1};
  const auto first = synthetic::make_strategy("regularized_evolution", {trace, objectives, 0});
  const auto again = synthetic::make_strategy("regularized_evolution", {trace, objectives, 0});
  const auto one = synthetic::run(*first, priced, 300, 5, 3), two = synthetic::run(*again, priced, 300, 5, 3);
  ASSERT_EQ(one.size(), two.size());
  for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].candidate.hash(), two[i].candidate.hash());
  EXPECT_EQ(first->statistics(), again->statistics());
  EXPECT_GT(first->statistics().at("multipliers").at(0).get<double>(), 0);
  EXPECT_EQ(first->statistics().at("multiplier_moves"), 300);
}

// --- who reaches which point of a front --------------------------------------------------------------------------------

// The middle of three points lies above the line through the others: no weighted sum prefers it to both, whatever its weights.
TEST(Formulations, WeightedSumMissesWhatEpsilonConstraintAndMinMaxReach) {
  const std::vector<Metrics> front = {at(0.90, 0.010), at(0.91, 0.024), at(0.95, 0.030)};
  std::vector<Point> points;
  ObjectiveSet both{{{"accuracy", Direction::maximize}, {"latency_s", Direction::minimize}}, {}};
  for (const Metrics& metrics : front) points.push_back(*both.minimized(metrics));
  ASSERT_EQ(pareto_front(points).size(), 3u) << "all three are on the front";
  for (double weight = 0; weight < 5; weight += 1e-3) {
    const ObjectiveSet set = scalarized(Scalarization::weighted_sum, weight, weight);
    EXPECT_GT(set.scalar(front[1]), std::min(set.scalar(front[0]), set.scalar(front[2]))) << "weight " << weight;
  }
  ObjectiveSet epsilon{{{"accuracy", Direction::maximize}}, {{"latency_s", 0.025}}, LimitHandling::epsilon_constraint};
  Trial trials[3];
  for (int i = 0; i < 3; ++i) trials[i].status = TrialStatus::ok, trials[i].metrics = front[static_cast<size_t>(i)];
  EXPECT_LT(epsilon.fitness(trials[1]), epsilon.fitness(trials[0]));
  EXPECT_LT(epsilon.fitness(trials[1]), epsilon.fitness(trials[2]));
  bool reached = false;
  for (double weight = 0; weight < 1; weight += 1e-4) {
    const ObjectiveSet set = scalarized(Scalarization::min_max, weight, weight);
    reached = reached || set.scalar(front[1]) < std::min(set.scalar(front[0]), set.scalar(front[2]));
  }
  EXPECT_TRUE(reached);
}

}  // namespace
}  // namespace nacre
