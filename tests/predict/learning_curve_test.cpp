// Forecasts of training curves: exact on curves of the families, honest on real ones.
#include "nacre/predict/learning_curve.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

template <class Function>
std::vector<CurveObservation> observed(int64_t count, const Function& function, double noise = 0, uint64_t seed = 1) {
  Random random(seed);
  std::vector<CurveObservation> curve;
  for (int64_t t = 1; t <= count; ++t)
    curve.push_back({static_cast<double>(t), function(static_cast<double>(t)) + noise * random.normal()});
  return curve;
}

TEST(LearningCurve, EndsOfCurvesOfTheFamiliesAreFound) {
  const auto power = [](double t) { return 0.9 - 0.6 / t; };
  const auto exponential = [](double t) { return 0.8 - 0.5 * std::exp(-0.08 * t); };
  const auto janoschek = [](double t) { return 0.7 - 0.4 * std::exp(-8 * std::sqrt(t / 100)); };
  const auto loss = [](double t) { return 0.2 + 2 * std::exp(-0.04 * t); };
  EXPECT_NEAR(forecast_curve(observed(30, power), 100).mean, power(100), 0.004);
  EXPECT_NEAR(forecast_curve(observed(30, exponential), 100).mean, exponential(100), 0.01);
  EXPECT_NEAR(forecast_curve(observed(30, janoschek), 100).mean, janoschek(100), 0.005);
  EXPECT_NEAR(forecast_curve(observed(60, loss), 100).mean, loss(100), 0.05);
}

TEST(LearningCurve, FollowsUnitAndZeroOfTheValues) {
  const auto curve = observed(
      20, [](double t) { return 0.9 - 0.6 / t; }, 0.01);
  std::vector<CurveObservation> scaled = curve;
  for (CurveObservation& point : scaled) point.value = 3 + 100 * point.value;
  const CurveForecast plain = forecast_curve(curve, 100), other = forecast_curve(scaled, 100);
  EXPECT_NEAR(other.mean, 3 + 100 * plain.mean, 1e-6);
  EXPECT_NEAR(other.deviation, 100 * plain.deviation, 1e-6);
  EXPECT_NEAR(other.probability_above(93), plain.probability_above(0.9), 1e-6);
}

TEST(LearningCurve, IsSurerTheMoreItHasSeen) {
  double before = 1;
  for (const int64_t seen : {5, 15, 40, 80}) {
    const double deviation = forecast_curve(observed(
                                                seen, [](double t) { return 0.9 - 0.6 / t; }, 0.01),
                                            100)
                                 .deviation;
    EXPECT_LT(deviation, before) << seen;
    before = deviation;
  }
}

TEST(LearningCurve, ProbabilitiesAreThoseOfTheMixture) {
  const CurveForecast forecast = forecast_curve(observed(
                                                    20, [](double t) { return 0.9 - 0.6 / t; }, 0.02),
                                                100);
  EXPECT_NEAR(forecast.probability_above(forecast.mean - 10), 1, 1e-6);
  EXPECT_NEAR(forecast.probability_above(forecast.mean + 10), 0, 1e-6);
  double weight = 0, area = 0;
  for (const auto& [family, share] : forecast.families) weight += share;
  EXPECT_NEAR(weight, 1, 1e-6);
  EXPECT_EQ(forecast.families.size(), 4U);
  // The mean is the integral of the probabilities.
  constexpr int kSteps = 20000;
  for (int i = 0; i < kSteps; ++i) area += forecast.probability_above(-1 + 3.0 * (i + 0.5) / kSteps) * 3.0 / kSteps;
  EXPECT_NEAR(area - 1, forecast.mean, 1e-3);
}

TEST(LearningCurve, FlatCurvesStayWhereTheyAre) {
  const CurveForecast forecast = forecast_curve(observed(10, [](double) { return 0.1; }), 100);
  EXPECT_NEAR(forecast.mean, 0.1, 1e-6);
  EXPECT_LT(forecast.deviation, 1e-6);
}

// Curves that all rise once more at the end, as a schedule's small steps make them: calibration learns that from five of them.
TEST(LearningCurve, CalibrationLearnsWhatAllCurvesDoAtTheEnd) {
  std::vector<std::vector<CurveObservation>> finished;
  const auto curve = [](uint64_t seed) {
    Random random(seed);
    const double end = random.uniform(0.6, 0.9);
    return observed(
        100, [&](double t) { return end - 0.4 / t + (t > 80 ? 0.05 * (t - 80) / 20 : 0); }, 0.002, seed);
  };
  for (uint64_t seed = 0; seed < 20; ++seed) finished.push_back(curve(seed));
  const CurveCalibration calibration(finished, 30, 100);
  EXPECT_EQ(calibration.curves(), 20);
  double plain = 0, corrected = 0;
  int64_t inside = 0;
  for (uint64_t seed = 100; seed < 140; ++seed) {
    const auto whole = curve(seed);
    const CurveForecast forecast = forecast_curve(std::span(whole).first(30), 100),
                        better = calibration.corrected(forecast);
    const double truth = whole.back().value;
    plain += std::abs(forecast.mean - truth);
    corrected += std::abs(better.mean - truth);
    inside += std::abs(better.mean - truth) < 1.96 * better.deviation;
  }
  EXPECT_LT(corrected, 0.3 * plain);
  EXPECT_GE(inside, 34);
  const auto four = std::span(finished).first(4);
  const CurveCalibration none(four, 30, 100);
  const CurveForecast same = forecast_curve(std::span(finished[0]).first(30), 100);
  EXPECT_EQ(none.corrected(same).mean, same.mean);
}

}  // namespace
}  // namespace nacre
