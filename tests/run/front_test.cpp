#include "nacre/run/front.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/random.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre {
namespace {

Trial trial_of(int64_t number, std::optional<double> accuracy, std::optional<double> latency_s,
               TrialStatus status = TrialStatus::ok) {
  Trial trial;
  trial.number = number;
  trial.status = status;
  if (accuracy) trial.metrics["accuracy"] = {accuracy, "", Origin::trained};
  trial.metrics["latency_s"] = {latency_s, "s", Origin::measured};
  return trial;
}

ObjectiveSet accuracy_and_latency(std::vector<Limit> limits = {}) {
  return {.objectives = {{"accuracy", Direction::maximize}, {"latency_s", Direction::minimize}},
          .limits = std::move(limits)};
}

std::vector<int64_t> numbers(const Front& front) {
  std::vector<int64_t> result;
  for (const Trial& trial : front.members) result.push_back(trial.number);
  return result;
}

TEST(Front, HoldsWhatNothingDominatesBestFirst) {
  std::vector<Trial> trials = {trial_of(0, 0.9, 3),
                               trial_of(1, 0.8, 1),
                               trial_of(2, 0.8, 2),
                               trial_of(3, 0.95, 9),
                               trial_of(4, std::nullopt, 0.1),
                               trial_of(5, 0.99, 1, TrialStatus::failed)};
  trials.push_back(trial_of(6, 0.9, 3));  // equal to trial 0: one of them is enough
  Trial cached = trial_of(7, 0.99, 0.5);
  cached.cached_from = 1;
  trials.push_back(cached);
  const Front front = extract_front(trials, accuracy_and_latency());
  EXPECT_THAT(numbers(front), testing::ElementsAre(3, 0, 1));
  EXPECT_TRUE(front.limits_met);
  EXPECT_EQ(front.binding, "");
}

TEST(Front, NoMemberDominatesAnotherAndEveryOtherIsCovered) {
  Random random(3);
  std::vector<Trial> trials;
  for (int64_t i = 0; i < 300; ++i) trials.push_back(trial_of(i, random.uniform(), random.uniform()));
  const ObjectiveSet objectives = accuracy_and_latency({{"latency_s", 0.7, false}});
  const Front front = extract_front(trials, objectives);
  ASSERT_GT(front.members.size(), 3u);
  for (const Trial& trial : trials) {
    if (*metric_value(trial.metrics, "latency_s") > 0.7) continue;
    const Point point = *objectives.minimized(trial.metrics);
    bool covered = false;
    for (const Trial& member : front.members) {
      const Point of_member = *objectives.minimized(member.metrics);
      EXPECT_FALSE(dominates(point, of_member));
      covered = covered || of_member == point || dominates(of_member, point);
    }
    EXPECT_TRUE(covered);
  }
}

TEST(Front, LimitsKeepOutWhatBreaksThem) {
  const std::vector<Trial> trials = {trial_of(0, 0.9, 3), trial_of(1, 0.8, 1), trial_of(2, 0.7, 0.5)};
  EXPECT_THAT(numbers(extract_front(trials, accuracy_and_latency({{"latency_s", 1, false}}))),
              testing::ElementsAre(1, 2));
  EXPECT_THAT(numbers(extract_front(trials, accuracy_and_latency({{"latency_s", 1, false}, {"accuracy", 0.75, true}}))),
              testing::ElementsAre(1));
}

TEST(Front, NamesTheNearestAndTheBindingLimitWhenNothingKeepsThem) {
  const std::vector<Trial> trials = {trial_of(0, 0.9, 0.006), trial_of(1, std::nullopt, 0.003, TrialStatus::infeasible),
                                     trial_of(2, std::nullopt, std::nullopt, TrialStatus::infeasible),
                                     trial_of(3, 0.5, 0.003)};
  const Front front = extract_front(trials, accuracy_and_latency({{"latency_s", 0.002, false}}), 3);
  EXPECT_FALSE(front.limits_met);
  EXPECT_THAT(numbers(front), testing::ElementsAre(3, 1, 0));
  EXPECT_EQ(front.binding, "latency_s <= 0.002: the nearest candidate has 0.003");
}

TEST(Front, IsEmptyWithoutTrials) {
  EXPECT_TRUE(extract_front({}, accuracy_and_latency()).members.empty());
  const Front limited = extract_front({}, accuracy_and_latency({{"latency_s", 1, false}}));
  EXPECT_TRUE(limited.members.empty());
  EXPECT_FALSE(limited.limits_met);
}

}  // namespace
}  // namespace nacre
