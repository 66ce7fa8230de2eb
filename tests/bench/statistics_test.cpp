#include "nacre/bench/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

std::vector<std::vector<std::string>> random_codes(Random& random, int rows, int length, int alternatives) {
  std::vector<std::vector<std::string>> codes;
  for (int i = 0; i < rows; ++i) {
    codes.emplace_back();
    for (int p = 0; p < length; ++p) codes.back().push_back(std::to_string(random.integer(0, alternatives - 1)));
  }
  return codes;
}

TEST(AdditiveFit, FindsATableExactlyAndSeesWhatIsNone) {
  Random random(2);
  const auto codes = random_codes(random, 400, 6, 5);
  double table[6][5];
  for (auto& row : table) {
    for (double& entry : row) entry = random.uniform(1, 10);
  }
  std::vector<double> sums, products;
  for (const auto& code : codes) {
    double sum = 100, product = 1;
    for (size_t p = 0; p < 6; ++p) {
      const double entry = table[p][std::stoi(code[p])];
      sum += entry;
      product *= entry;
    }
    sums.push_back(sum);
    products.push_back(product);
  }
  const AdditiveFit exact = fit_additive(codes, sums);
  EXPECT_NEAR(exact.r2, 1, 1e-12);
  EXPECT_LT(exact.largest_error, 1e-8);
  EXPECT_EQ(exact.coefficients, 1 + 6 * 5);
  EXPECT_LT(fit_additive(codes, products).r2, 0.99);
}

// Adding any per-position table to the values changes no residual.
TEST(AdditiveFit, ResidualsAreBlindToTables) {
  Random random(4);
  const auto codes = random_codes(random, 200, 3, 4);
  std::vector<double> noise, shifted;
  for (const auto& code : codes) {
    noise.push_back(random.normal());
    shifted.push_back(noise.back() + 7.0 * std::stoi(code[0]) - 2.0 * std::stoi(code[2]));
  }
  EXPECT_NEAR(fit_additive(codes, noise).largest_error, fit_additive(codes, shifted).largest_error, 1e-8);
}

// The corners are exactly the points that win under some of many weights.
TEST(SupportedPoints, AreThoseThatSomeWeightedSumPrefers) {
  Random random(9);
  std::vector<std::vector<double>> points;
  for (int i = 0; i < 60; ++i) points.push_back({random.uniform(), random.uniform()});
  std::vector<size_t> winners;
  for (int step = 1; step < 20000; ++step) {
    const double angle = step * 1.5707963267948966 / 20000, a = std::cos(angle), b = std::sin(angle);
    size_t best = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      if (a * points[i][0] + b * points[i][1] < a * points[best][0] + b * points[best][1]) best = i;
    }
    if (std::ranges::find(winners, best) == winners.end()) winners.push_back(best);
  }
  std::ranges::sort(winners);
  EXPECT_EQ(supported_points(points), winners);
  const std::vector<std::vector<double>> bent = {{0, 2}, {1, 1.5}, {2, 0}};
  EXPECT_EQ(supported_points(bent), (std::vector<size_t>{0, 2})) << "the middle one is on the front, above the line";
}

}  // namespace
}  // namespace nacre
