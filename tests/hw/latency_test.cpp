#include "nacre/hw/latency.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

// A clock and an action on simulated time. The clock moves in steps; each reading costs a little, as in life.
class Simulation {
 public:
  explicit Simulation(std::function<double(int64_t)> run_time_s, double step_s = 1e-8)
      : run_time_s_(std::move(run_time_s)), step_s_(step_s) {}

  Clock clock() {
    return [this] {
      now_s_ += 2e-9;
      return std::floor(now_s_ / step_s_) * step_s_;
    };
  }
  std::function<void()> action() {
    return [this] { now_s_ += run_time_s_(runs_++); };
  }
  int64_t runs() const { return runs_; }
  double now_s() const { return now_s_; }

 private:
  std::function<double(int64_t)> run_time_s_;
  double step_s_;
  double now_s_ = 1;
  int64_t runs_ = 0;
};

Latency measure(Simulation& simulation, const LatencyOptions& options = {}) {
  return measure_latency(simulation.action(), options, simulation.clock());
}

TEST(Latency, ConstantTimeComesOutExactly) {
  for (const double time_s : {3e-9, 1e-6, 2.5e-4, 0.3}) {
    Simulation simulation([&](int64_t) { return time_s; });
    const Latency latency = measure(simulation);
    EXPECT_NEAR(latency.median_s, time_s, 0.002 * time_s + 1e-11) << time_s;
    EXPECT_TRUE(latency.steady);
    EXPECT_EQ(latency.rounds, 2);
    EXPECT_EQ(latency.outliers, 0);
  }
}

TEST(Latency, ShortRunsAreGroupedAgainstACoarseClock) {
  Simulation simulation([](int64_t) { return 1e-6; }, 1e-5);  // ten runs per step of the clock
  const Latency latency = measure(simulation);
  EXPECT_GE(latency.runs_per_sample, 9000);  // a sample takes 1000 steps
  EXPECT_NEAR(latency.median_s, 1e-6, 2e-9);
}

TEST(Latency, WarmUpIsNotCounted) {
  Simulation simulation([](int64_t run) { return run < 3 ? 1.0 : 1e-3; });
  EXPECT_NEAR(measure(simulation).median_s, 1e-3, 1e-5);
}

TEST(Latency, OutliersDoNotMoveTheMedian) {
  Random random(1);
  Simulation simulation([&](int64_t) { return random.bernoulli(0.1) ? 2e-2 : 1e-3 * (1 + 0.01 * random.normal()); });
  const Latency latency = measure(simulation);
  EXPECT_NEAR(latency.median_s, 1e-3, 1e-5);
  EXPECT_GT(latency.outliers, 0);
  EXPECT_LT(latency.spread_s, 5e-5);
}

TEST(Latency, ANeighbourInOneRoundIsOutvoted) {
  double until_s = 1.35;  // twice as slow for the first quarter second
  Simulation* self = nullptr;
  Simulation simulation([&](int64_t) { return self->now_s() < until_s ? 2e-3 : 1e-3; });
  self = &simulation;
  const Latency latency = measure(simulation, {.round_s = 0.25});
  EXPECT_NEAR(latency.median_s, 1e-3, 1e-5);
  EXPECT_TRUE(latency.steady);
  EXPECT_GE(latency.rounds, 3);
}

TEST(Latency, UnsteadyTimesSaySo) {
  Simulation simulation([](int64_t run) { return 1e-3 * (1.0 + 0.01 * static_cast<double>(run)); });
  const Latency latency = measure(simulation);
  EXPECT_FALSE(latency.steady);
  EXPECT_EQ(latency.rounds, LatencyOptions{}.maximum_rounds);
  EXPECT_GT(latency.spread_s, 0.1 * latency.median_s);
  EXPECT_THAT(latency.metric("host, 1 thread").source, HasSubstr("unsteady over 6 rounds"));
}

TEST(Latency, SlowRunsAreFew) {
  Simulation simulation([](int64_t) { return 1.0; });
  const Latency latency = measure(simulation);
  EXPECT_EQ(latency.samples, LatencyOptions{}.fewest_samples);
  EXPECT_LE(simulation.runs(), 3 + 2 * 5);
}

TEST(Latency, MetricCarriesItsOrigin) {
  Simulation simulation([](int64_t) { return 1e-3; });
  const Metric metric = measure(simulation).metric("host, 1 thread");
  EXPECT_EQ(metric.origin, Origin::measured);
  EXPECT_EQ(metric.unit, "s");
  EXPECT_GE(metric.count, 31);
  EXPECT_TRUE(metric.spread.has_value());
  EXPECT_THAT(metric.source, testing::StartsWith("host, 1 thread, median of "));
}

TEST(Latency, CanBeInterrupted) {
  Simulation simulation([](int64_t) { return 1e-3; });
  int asked = 0;
  EXPECT_THROW(measure_latency(simulation.action(), {}, simulation.clock(), [&] { return ++asked > 10; }), Interrupted);
}

TEST(Latency, TheRealClockMoves) {
  const double step = clock_step_s(monotonic_clock());
  EXPECT_GT(step, 0);
  EXPECT_LT(step, 1e-3);
}

}  // namespace
}  // namespace nacre
