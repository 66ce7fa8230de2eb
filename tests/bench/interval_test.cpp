#include "nacre/bench/interval.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

// Tables of the t distribution, two-sided 95 %.
TEST(Interval, StudentQuantilesAreThoseOfTheTables) {
  EXPECT_NEAR(student_quantile(0.95, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_quantile(0.95, 2), 4.30265, 1e-5);
  EXPECT_NEAR(student_quantile(0.95, 3), 3.18245, 1e-5);
  EXPECT_NEAR(student_quantile(0.95, 9), 2.26216, 1e-5);
  EXPECT_NEAR(student_quantile(0.95, 10), 2.22814, 1e-5);
  EXPECT_NEAR(student_quantile(0.99, 29), 2.75639, 1e-5);
  EXPECT_NEAR(student_quantile(0.95, 100000), 1.95998, 1e-3);
}

TEST(Interval, QuantileInvertsProbability) {
  for (const int64_t degrees : {1, 2, 3, 4, 7, 20, 31}) {
    for (const double probability : {0.1, 0.5, 0.95, 0.999})
      EXPECT_NEAR(student_probability(student_quantile(probability, degrees), degrees), probability, 1e-9);
  }
}

TEST(Interval, OfEqualValuesIsTheValue) {
  const std::vector<double> values = {0.1, 0.1, 0.1};
  const MeanInterval interval = mean_interval(values);
  EXPECT_EQ(interval.mean, 0.1);
  EXPECT_EQ(interval.half_width, 0.0);
  EXPECT_FALSE(mean_interval(std::vector<double>{3.0}).half_width.has_value());
}

TEST(Interval, CoversTheTrueMeanAsOftenAsItSays) {
  Random random(3);
  int covered = 0;
  constexpr int kRepeats = 4000;
  for (int i = 0; i < kRepeats; ++i) {
    std::vector<double> values;
    for (int j = 0; j < 4; ++j) values.push_back(5 + 2 * random.normal());
    const MeanInterval interval = mean_interval(values);
    covered += std::abs(interval.mean - 5) <= *interval.half_width;
  }
  const double share = covered / static_cast<double>(kRepeats);
  EXPECT_NEAR(share, 0.95, 4 * std::sqrt(0.95 * 0.05 / kRepeats));
}

}  // namespace
}  // namespace nacre
