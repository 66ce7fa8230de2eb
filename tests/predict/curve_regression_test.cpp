// The regression over finished curves: right on curves of one schedule, honest in what it is sure of, unmoved by failed trainings.
#include "nacre/predict/curve_regression.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

struct Curves {
  std::vector<double> levels, ends;
};

// The further behind, the more is gained until the end; some learn nothing.
Curves curves(int64_t count, uint64_t seed, double failed = 0) {
  Random random(seed);
  Curves result;
  for (int64_t i = 0; i < count; ++i) {
    if (random.bernoulli(failed)) {
      result.levels.push_back(0.1 + 0.0001 * random.normal());
      result.ends.push_back(0.1);
      continue;
    }
    const double level = 0.7 + 0.04 * random.normal();
    result.levels.push_back(level);
    result.ends.push_back(0.9 + 0.3 * (level - 0.7) + 0.005 * random.normal());
  }
  return result;
}

TEST(CurveRegression, FindsTheLineAndKnowsHowFarItIsOff) {
  const Curves known = curves(40, 1), asked = curves(400, 2);
  const CurveRegression regression(known.levels, known.ends);
  double squares = 0;
  int64_t inside = 0;
  for (size_t i = 0; i < asked.levels.size(); ++i) {
    const CurveForecast forecast = regression.forecast(asked.levels[i]);
    squares += std::pow(forecast.mean - asked.ends[i], 2) / 400;
    const double above = forecast.probability_above(asked.ends[i]);
    inside += above > 0.05 && above < 0.95;
  }
  EXPECT_LT(std::sqrt(squares), 0.0065);  // the noise alone is 0.005
  // Nine of ten, and a little more: the smoothing of so few errors widens their distribution.
  EXPECT_GE(inside, 0.87 * 400);
  EXPECT_LE(inside, 0.98 * 400);
}

TEST(CurveRegression, FailedTrainingsDoNotBendTheLine) {
  const Curves clean = curves(40, 3), mixed = curves(40, 3, 0.15);
  const CurveRegression plain(clean.levels, clean.ends), robust(mixed.levels, mixed.ends);
  // What a failed one missed by is a part of the mixture like any other: a training in the crowd fails with their share.
  const double learning =
      static_cast<double>(std::ranges::count_if(mixed.levels, [](double level) { return level > 0.3; }));
  for (const double value : {0.885, 0.9, 0.93}) {
    EXPECT_NEAR(robust.forecast(0.7).probability_above(value),
                plain.forecast(0.7).probability_above(value) * learning / 40, 0.15)
        << value;
  }
  EXPECT_LT(robust.forecast(0.7).probability_above(0.93), 0.02);
  EXPECT_LT(robust.forecast(0.1).probability_above(0.9), 0.02);
}

TEST(CurveRegression, FollowsUnitAndZero) {
  const Curves known = curves(20, 4);
  Curves scaled = known;
  for (double& level : scaled.levels) level = 100 * level - 7;
  for (double& end : scaled.ends) end = 100 * end - 7;
  const CurveForecast a = CurveRegression(known.levels, known.ends).forecast(0.72);
  const CurveForecast b = CurveRegression(scaled.levels, scaled.ends).forecast(100 * 0.72 - 7);
  EXPECT_NEAR(100 * a.mean - 7, b.mean, 1e-9);
  EXPECT_NEAR(100 * a.deviation, b.deviation, 1e-9);
}

TEST(CurveRegression, IsTheSameFromItsJson) {
  const Curves known = curves(12, 5);
  const CurveRegression regression(known.levels, known.ends);
  const CurveRegression again = CurveRegression::from_json(Json::parse(regression.to_json().dump()));
  for (const double level : {0.1, 0.65, 0.7, 0.9}) {
    EXPECT_EQ(regression.forecast(level).mean, again.forecast(level).mean);
    EXPECT_EQ(regression.forecast(level).probability_above(0.9), again.forecast(level).probability_above(0.9));
  }
}

TEST(CurveRegression, CurvesThatAreAllAlikeAndTooFewOfThem) {
  const std::vector<double> same(6, 0.5), few(4, 0.5);
  const CurveForecast forecast = CurveRegression(same, same).forecast(0.5);
  EXPECT_NEAR(forecast.mean, 0.5, 1e-12);
  EXPECT_LT(forecast.deviation, 1e-6);
  EXPECT_THROW(CurveRegression(few, few), InternalError);
}

TEST(CurveRegression, TheLevelIsTheMeanOfTheLastThree) {
  const std::vector<CurveObservation> curve = {{1, 0.1}, {2, 0.2}, {3, 0.6}, {4, 0.4}};
  EXPECT_DOUBLE_EQ(CurveRegression::level(curve), 0.4);
  EXPECT_DOUBLE_EQ(CurveRegression::level(std::span(curve).first(1)), 0.1);
}

}  // namespace
}  // namespace nacre
