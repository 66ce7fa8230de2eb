#include "nacre/base/rank_correlation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

// Tau-b by its definition, over all pairs.
double kendall_by_pairs(const std::vector<double>& x, const std::vector<double>& y) {
  const auto sign = [](double value) { return (value > 0) - (value < 0); };
  double sum = 0, different_x = 0, different_y = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const int a = sign(x[i] - x[j]), b = sign(y[i] - y[j]);
      sum += a * b;
      different_x += a != 0;
      different_y += b != 0;
    }
  }
  return sum / std::sqrt(different_x * different_y);
}

TEST(RankCorrelation, KendallEqualsCountingAllPairs) {
  Random random(3);
  for (const uint64_t distinct : {3, 10, 1000}) {
    for (const size_t n : {2, 3, 17, 200, 500}) {
      std::vector<double> x{0, 1}, y{1, 0};
      while (x.size() < n) {
        x.push_back(static_cast<double>(random.below(distinct)));
        y.push_back(x.back() + static_cast<double>(random.below(distinct)));
      }
      EXPECT_NEAR(kendall(x, y), kendall_by_pairs(x, y), 1e-12) << n << " values, " << distinct << " distinct";
      EXPECT_DOUBLE_EQ(kendall(x, y), kendall(y, x));
    }
  }
}

TEST(RankCorrelation, KnownValues) {
  const std::vector<double> up{1, 2, 3, 4}, down{4, 3, 2, 1}, mixed{1, 3, 2, 4}, constant{5, 5, 5, 5};
  EXPECT_DOUBLE_EQ(kendall(up, up), 1);
  EXPECT_DOUBLE_EQ(kendall(up, down), -1);
  EXPECT_DOUBLE_EQ(kendall(up, mixed), 2.0 / 3);
  EXPECT_DOUBLE_EQ(spearman(up, mixed), 0.8);
  EXPECT_EQ(kendall(up, constant), 0);
  EXPECT_EQ(spearman(up, constant), 0);
  EXPECT_EQ(ranks(std::vector<double>{10, 30, 20, 30}), (std::vector<double>{1, 3.5, 2, 3.5}));
}

TEST(RankCorrelation, TakesAHundredThousandValuesInAMoment) {
  Random random(1);
  std::vector<double> x, y;
  for (int i = 0; i < 100000; ++i) {
    x.push_back(random.normal());
    y.push_back(x.back() + random.normal());
  }
  EXPECT_NEAR(kendall(x, y), 0.5, 0.01);  // 2/pi asin(1/sqrt 2)
}

TEST(Spearman, IsOneForAnyIncreasingFunction) {
  Random random(1);
  std::vector<double> x, up, down;
  for (int i = 0; i < 50; ++i) {
    x.push_back(random.normal());
    up.push_back(std::exp(3 * x.back()));
    down.push_back(-std::atan(x.back()));
  }
  EXPECT_NEAR(spearman(x, up), 1, 1e-12);
  EXPECT_NEAR(spearman(x, down), -1, 1e-12);
}

TEST(Spearman, EqualValuesShareTheirRanks) {
  const std::vector<double> x = {1, 2, 2, 3}, y = {1, 3, 2, 4};
  // ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: sum of products of deviations 4.5, of squares 4.5 and 5
  EXPECT_NEAR(spearman(x, y), 4.5 / std::sqrt(4.5 * 5), 1e-12);
  EXPECT_EQ(spearman(std::vector<double>{1, 1}, std::vector<double>{1, 2}), 0);
}

TEST(RankCorrelation, PearsonIsSpearmanOfRanksAndKnowsNoScale) {
  Random random = Random::stream(3, "pearson");
  std::vector<double> x, y, scaled;
  for (int i = 0; i < 200; ++i) {
    x.push_back(static_cast<double>(random.below(40)));
    y.push_back(x.back() + static_cast<double>(random.below(30)));
    scaled.push_back(7 - 0.25 * y.back());
  }
  EXPECT_NEAR(pearson(ranks(x), ranks(y)), spearman(x, y), 1e-12);
  EXPECT_NEAR(pearson(x, scaled), -pearson(x, y), 1e-12);
  EXPECT_DOUBLE_EQ(pearson(x, x), 1);
  EXPECT_EQ(pearson(x, std::vector<double>(200, 3.0)), 0);
}

}  // namespace
}  // namespace nacre
