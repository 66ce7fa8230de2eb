#include "nacre/bench/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

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

}  // namespace
}  // namespace nacre
