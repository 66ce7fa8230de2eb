#include "nacre/predict/stopping_epoch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

// Ends are 0, 1, 2, ...; until `settles` epochs the ranks are those of noise, from then on of the end.
std::vector<TrainingCurve> curves_that_settle(size_t networks, size_t epochs, size_t settles, uint64_t seed) {
  Random random = Random::stream(seed, "curves");
  std::vector<TrainingCurve> curves;
  for (size_t i = 0; i < networks; ++i) {
    TrainingCurve curve;
    for (size_t epoch = 1; epoch <= epochs; ++epoch)
      curve.push_back(epoch < settles ? random.uniform(0, 1) : static_cast<double>(i) + random.uniform(0, 0.4));
    curves.push_back(std::move(curve));
  }
  return curves;
}

TEST(StoppingEpoch, IsTheFirstThatRanksAsTheEnd) {
  for (const size_t settles : {1, 3, 7, 10}) {
    const auto curves = curves_that_settle(50, 10, settles, settles);
    const StoppingEpoch chosen = stopping_epoch(curves, 0.92);
    EXPECT_EQ(chosen.epoch, settles);
    EXPECT_DOUBLE_EQ(chosen.correlation, 1);
    EXPECT_DOUBLE_EQ(rank_correlation_with_end(curves_that_settle(50, 10, settles, 99), chosen.epoch), 1)
        << "other networks of the same kind";
  }
}

TEST(StoppingEpoch, EarlierEpochsAreAlwaysBelowTheThreshold) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Random random = Random::stream(seed, "walks");
    std::vector<TrainingCurve> curves(30, TrainingCurve(12));
    for (TrainingCurve& curve : curves) {
      double at = 0;
      for (double& value : curve) value = at += random.uniform(-1, 1);
    }
    const StoppingEpoch chosen = stopping_epoch(curves, 0.8);
    for (size_t epoch = 1; epoch < chosen.epoch; ++epoch) EXPECT_LT(rank_correlation_with_end(curves, epoch), 0.8);
    EXPECT_GE(rank_correlation_with_end(curves, chosen.epoch), 0.8);
    EXPECT_GE(stopping_epoch(curves, 0.9).epoch, chosen.epoch);
  }
}

TEST(StoppingEpoch, CurvesThatSayNothing) {
  const std::vector<TrainingCurve> one(1, {1, 2}), uneven = {{1, 2}, {1}};
  EXPECT_THAT([&] { stopping_epoch(one, 0.9); },
              testing::ThrowsMessage<UserError>("expected at least two training curves, found 1"));
  EXPECT_THAT([&] { stopping_epoch(uneven, 0.9); },
              testing::ThrowsMessage<UserError>("training curves of 2 and 1 epochs cannot be ranked together"));
  const std::vector<TrainingCurve> constant(5, TrainingCurve(4, 0.5));
  EXPECT_EQ(stopping_epoch(constant, 0.9).epoch, 4u) << "no ranks: nothing is shortened";
}

}  // namespace
}  // namespace nacre
