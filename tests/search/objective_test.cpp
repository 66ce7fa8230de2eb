#include "nacre/search/objective.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Metrics metrics(std::initializer_list<std::pair<const char*, std::optional<double>>> values) {
  Metrics result;
  for (const auto& [name, value] : values) result[name].value = value;
  return result;
}

Trial trial(const Metrics& metrics, TrialStatus status = TrialStatus::ok) {
  Trial result;
  result.metrics = metrics;
  result.status = status;
  return result;
}

ObjectiveSet accuracy_under_limits(LimitHandling handling) {
  return {{{"accuracy", Direction::maximize}, {"latency_s", Direction::minimize}},
          {{"params", 1000}, {"latency_s", 0.5}},
          handling,
          2};
}

TEST(Objective, MinimizedTurnsMaximizedValues) {
  const ObjectiveSet set = accuracy_under_limits(LimitHandling::rejection);
  EXPECT_EQ(*set.minimized(metrics({{"accuracy", 0.9}, {"latency_s", 0.2}})), (std::vector<double>{-0.9, 0.2}));
  EXPECT_FALSE(set.minimized(metrics({{"accuracy", 0.9}})));
  EXPECT_FALSE(set.minimized(metrics({{"accuracy", 0.9}, {"latency_s", std::nullopt}})));
  EXPECT_FALSE(set.minimized(metrics({{"accuracy", std::nan("")}, {"latency_s", 0.2}})));
}

TEST(Objective, ViolationIsRelativeAndSummed) {
  const ObjectiveSet set = accuracy_under_limits(LimitHandling::rejection);
  EXPECT_EQ(set.violation(metrics({{"params", 1000}, {"latency_s", 0.5}})), 0);
  EXPECT_DOUBLE_EQ(set.violation(metrics({{"params", 1500}, {"latency_s", 1.0}})), 0.5 + 1.0);
  EXPECT_EQ(set.violation(metrics({{"params", 10}})), kInfinity) << "unknown is not kept";
  EXPECT_EQ((Limit{"x", 0}.relative_excess(metrics({{"x", 3}}))), 3);
  EXPECT_EQ((Limit{"x", -2}.relative_excess(metrics({{"x", -1}}))), 0.5);
  EXPECT_DOUBLE_EQ((Limit{"accuracy", 0.8, true}.relative_excess(metrics({{"accuracy", 0.6}}))), 0.25);
  EXPECT_EQ((Limit{"accuracy", 0.8, true}.relative_excess(metrics({{"accuracy", 0.8}}))), 0);
}

TEST(Objective, BindingLimitIsTheMostExceeded) {
  const ObjectiveSet set = accuracy_under_limits(LimitHandling::rejection);
  EXPECT_EQ(set.binding_limit(metrics({{"params", 1000}, {"latency_s", 0.1}})), nullptr);
  EXPECT_EQ(set.binding_limit(metrics({{"params", 1200}, {"latency_s", 0.7}}))->metric, "latency_s");
  EXPECT_EQ(set.binding_limit(metrics({{"params", 1400}, {"latency_s", 0.7}}))->metric, "params");
  EXPECT_EQ(set.binding_limit(metrics({{"params", 9000}}))->metric, "latency_s") << "unknown is the largest excess";
  EXPECT_EQ(set.limits[0].text(), "params <= 1000");
  EXPECT_EQ((Limit{"accuracy", 0.5, true}.text()), "accuracy >= 0.5");
}

TEST(Objective, ScalarUnderEachHandling) {
  const Metrics good = metrics({{"accuracy", 0.8}, {"latency_s", 0.1}, {"params", 100}});
  const Metrics heavy = metrics({{"accuracy", 0.8}, {"latency_s", 0.1}, {"params", 1100}});
  for (const LimitHandling handling :
       {LimitHandling::rejection, LimitHandling::penalty, LimitHandling::epsilon_constraint}) {
    EXPECT_EQ(accuracy_under_limits(handling).scalar(good), -0.8);
    EXPECT_EQ(accuracy_under_limits(handling).scalar(metrics({{"params", 1}, {"latency_s", 0.1}})), kInfinity);
  }
  EXPECT_EQ(accuracy_under_limits(LimitHandling::rejection).scalar(heavy), kInfinity);
  EXPECT_EQ(accuracy_under_limits(LimitHandling::epsilon_constraint).scalar(heavy), kInfinity);
  EXPECT_DOUBLE_EQ(accuracy_under_limits(LimitHandling::penalty).scalar(heavy), -0.8 + 2 * 0.1 * 0.8);
}

TEST(Objective, PenaltyDoesNotDependOnTheUnit) {
  // In seconds or microseconds, the order of the same trials is the same.
  const auto order = [](double unit) {
    const ObjectiveSet set = {{{"latency_s", Direction::minimize}}, {{"params", 100}}, LimitHandling::penalty, 1};
    const double fast = set.scalar(metrics({{"latency_s", 1.0 * unit}, {"params", 180}}));
    const double slow = set.scalar(metrics({{"latency_s", 1.5 * unit}, {"params", 100}}));
    return fast < slow;
  };
  EXPECT_EQ(order(1), order(1e6));
  EXPECT_EQ(order(1), order(1e-6));
}

TEST(Objective, FitnessRanksTiers) {
  const Metrics good = metrics({{"accuracy", 0.6}, {"latency_s", 0.1}, {"params", 100}});
  const Metrics better = metrics({{"accuracy", 0.7}, {"latency_s", 0.1}, {"params", 100}});
  const Metrics near = metrics({{"accuracy", 0.9}, {"latency_s", 0.1}, {"params", 1100}});
  const Metrics far = metrics({{"accuracy", 0.9}, {"latency_s", 0.1}, {"params", 2000}});
  for (const LimitHandling handling : {LimitHandling::rejection, LimitHandling::epsilon_constraint}) {
    const ObjectiveSet set = accuracy_under_limits(handling);
    EXPECT_LT(set.fitness(trial(better)), set.fitness(trial(good)));
    EXPECT_LT(set.fitness(trial(good)), set.fitness(trial(better, TrialStatus::pruned)));
    EXPECT_LT(set.fitness(trial(good, TrialStatus::pruned)), set.fitness(trial(near, TrialStatus::infeasible)));
    EXPECT_LT(set.fitness(trial(near)), set.fitness(trial(good, TrialStatus::failed)));
    EXPECT_FALSE(set.fitness(trial(good, TrialStatus::failed)).usable());
    EXPECT_FALSE(set.fitness(trial(good, TrialStatus::running)).usable());
    EXPECT_FALSE(set.fitness(trial(metrics({{"latency_s", 0.1}, {"params", 1}}))).usable()) << "quality unknown";
  }
  const ObjectiveSet rejection = accuracy_under_limits(LimitHandling::rejection);
  EXPECT_EQ(rejection.fitness(trial(near)), rejection.fitness(trial(far)));
  const ObjectiveSet epsilon = accuracy_under_limits(LimitHandling::epsilon_constraint);
  EXPECT_LT(epsilon.fitness(trial(near)), epsilon.fitness(trial(far)));
  // The target could not cost it: infeasible without a known excess is the worst of the infeasible.
  EXPECT_LT(epsilon.fitness(trial(far)), epsilon.fitness(trial(good, TrialStatus::infeasible)));
  const ObjectiveSet penalty = accuracy_under_limits(LimitHandling::penalty);
  EXPECT_LT(penalty.fitness(trial(near)), penalty.fitness(trial(better))) << "0.9 less 20 % is more than 0.7";
  EXPECT_LT(penalty.fitness(trial(better)), penalty.fitness(trial(far)));
}

TEST(Objective, HandlingNamesReadBack) {
  for (const LimitHandling handling :
       {LimitHandling::rejection, LimitHandling::penalty, LimitHandling::epsilon_constraint}) {
    EXPECT_EQ(limit_handling_from_name(limit_handling_name(handling)), handling);
  }
  try {
    limit_handling_from_name("penality");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("unknown limit handling 'penality'; did you mean 'penalty'?"));
  }
}

}  // namespace
}  // namespace nacre
