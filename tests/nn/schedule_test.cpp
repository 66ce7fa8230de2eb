#include "nacre/nn/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "nacre/nn/throughput_probe.hpp"
#include "synthetic_task.hpp"

namespace nacre {
namespace {

Recipe recipe_with(const std::string& schedule, double warmup_epochs) {
  Recipe recipe;
  recipe.schedule = schedule;
  recipe.warmup_epochs = warmup_epochs;
  recipe.learning_rate = 2;
  return recipe;
}

TEST(Schedule, FollowsItsShape) {
  const Schedule cosine(recipe_with("cosine", 0), 10, 100);
  EXPECT_DOUBLE_EQ(cosine.rate(0), 2);
  EXPECT_NEAR(cosine.rate(50), 1, 1e-12);
  EXPECT_NEAR(cosine.rate(25), 1 + std::sqrt(0.5), 1e-12);
  EXPECT_GT(cosine.rate(99), 0);
  const Schedule linear(recipe_with("linear", 0), 10, 100);
  EXPECT_NEAR(linear.rate(75), 0.5, 1e-12);
  EXPECT_EQ(Schedule(recipe_with("constant", 0), 10, 100).rate(99), 2);
}

TEST(Schedule, WarmsUpFromZeroButNeverMoreThanAQuarter) {
  const Schedule schedule(recipe_with("cosine", 1), 9, 90);
  EXPECT_EQ(schedule.warmup_steps(), 9);
  EXPECT_NEAR(schedule.rate(0), 0.2, 1e-12);
  EXPECT_NEAR(schedule.rate(8), 1.8, 1e-12);
  EXPECT_NEAR(schedule.rate(9), 2, 1e-12);
  EXPECT_EQ(Schedule(recipe_with("cosine", 5), 9, 20).warmup_steps(), 5);
}

// Rates of epochs as the reference code of sharpDARTS gives them.
TEST(Schedule, CosinePowerHasItsPublishedValues) {
  constexpr int64_t kSteps = 7;  // of an epoch; nothing depends on it
  Recipe recipe = recipe_with("cosine_power", 0);
  recipe.learning_rate = 0.025;
  recipe.final_learning_rate = 1e-4;
  recipe.schedule_order = 2;
  const Schedule fifty(recipe, kSteps, 50 * kSteps);
  const auto at = [](const Schedule& schedule, int64_t epoch) { return schedule.rate((epoch - 1) * kSteps + 3); };
  EXPECT_NEAR(at(fifty, 1), 0.025, 1e-12);
  EXPECT_NEAR(at(fifty, 12), 0.02056313, 1e-8);
  EXPECT_NEAR(at(fifty, 25), 0.01042804, 1e-8);
  EXPECT_NEAR(at(fifty, 37), 0.00298058, 1e-8);
  EXPECT_NEAR(at(fifty, 50), 1e-4, 1e-12);
  for (int64_t epoch = 2; epoch <= 50; ++epoch) EXPECT_LT(at(fifty, epoch), at(fifty, epoch - 1));

  recipe.learning_rate = 0.1;
  recipe.final_learning_rate = 7.5e-4;
  recipe.schedule_order = 10;
  const Schedule long_one(recipe, kSteps, 300 * kSteps);
  EXPECT_NEAR(at(long_one, 75), 0.06843905, 1e-8);
  EXPECT_NEAR(at(long_one, 150), 0.02459679, 1e-8);
  EXPECT_NEAR(at(long_one, 225), 0.00517275, 1e-8);

  // Order 1 is the cosine between the first and the last epoch; five epochs of warm-up take their part of the axis.
  recipe.schedule_order = 1;
  recipe.warmup_epochs = 5;
  const Schedule warm(recipe, kSteps, 25 * kSteps);
  for (int64_t epoch = 1; epoch <= 6; ++epoch)
    EXPECT_NEAR(at(warm, epoch), 0.1 * static_cast<double>(epoch) / 6, 1e-12);
  const auto c = [](int64_t epoch) { return 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(epoch) / 20)); };
  EXPECT_NEAR(at(warm, 15), 7.5e-4 + (0.1 - 7.5e-4) * c(10) / c(1), 1e-12);
  EXPECT_EQ(Schedule(recipe, kSteps, kSteps).rate(3), 0.1);
}

TEST(Schedule, UnknownShapeNamesTheNearest) {
  try {
    const Schedule schedule(recipe_with("cosin", 0), 1, 1);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "unknown schedule 'cosin'; did you mean 'cosine'? (nacre list schedules)");
  }
}

TEST(ThroughputProbe, DecidesByItsMeasurementsAndTravelsAsJson) {
  const test::QuadrantTask task;
  const Recipe recipe = test::quick_recipe();
  const Graph graph = test::small_network();
  ProbeRequest request{.graph = graph, .signature = task.signature(), .loss = task.loss(), .recipe = recipe};
  request.cores = 2;
  request.time_s = 0.2;
  request.device = "cpu";
  const ProbeDecision decision = probe_throughput(request);
  EXPECT_EQ(decision.workers * decision.numerics.threads, 2);
  EXPECT_FALSE(decision.reason.empty());
  double apart = 0, together = 0;
  for (const ProbeMeasurement& m : decision.measurements) {
    EXPECT_GT(m.images_per_s, 0);
    if (m.workers == 2) apart = m.images_per_s;
    if (m.numerics.threads == 2) together = m.images_per_s;
  }
  EXPECT_EQ(decision.workers == 2, apart >= together);
  EXPECT_EQ(to_json(probe_decision_from_json(to_json(decision))), to_json(decision));

  request.precision = "bf16";
  request.workers = 1;
  const ProbeDecision given = probe_throughput(request);
  EXPECT_EQ(given.numerics.arithmetic, Arithmetic::bf16);
  EXPECT_EQ(given.numerics.threads, 1);  // results do not depend on the number of workers
  EXPECT_TRUE(given.measurements.empty());
}

TEST(Numerics, NamesAreChecked) {
  try {
    arithmetic_from_name("fp23");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "unknown arithmetic 'fp23'; did you mean 'fp32'?");
  }
}

}  // namespace
}  // namespace nacre
