#include "nacre/quant/hadamard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

std::vector<float> normal_values(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

TEST(Hadamard, ProductsOfRotatedOperandsAreProductsOfTheOperands) {
  for (const int64_t size : {2, 16, 32, 128}) {
    const HadamardRotation rotation(size, 4);
    for (uint64_t seed = 0; seed < 20; ++seed) {
      std::vector<float> x = normal_values(256, 2 * seed), w = normal_values(256, 2 * seed + 1);
      const double before = dot(x, w), norm = std::sqrt(dot(x, x) * dot(w, w));
      rotation.apply(x);
      rotation.apply(w);
      EXPECT_NEAR(dot(x, w), before, 1e-6 * norm) << size;
    }
  }
}

TEST(Hadamard, UndoingGivesTheValuesBack) {
  const std::vector<float> values = normal_values(100, 5);  // with a tail
  std::vector<float> rotated = values;
  const HadamardRotation rotation(16, 1);
  rotation.apply(rotated);
  EXPECT_EQ(rotated[97], values[97]);
  EXPECT_NE(rotated[3], values[3]);
  rotation.undo(rotated);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(rotated[i], values[i], 1e-6);
}

// A single outlier is spread evenly, by magnitude, over its block.
TEST(Hadamard, AnOutlierIsSpreadOverTheBlock) {
  std::vector<float> values(32, 0.0f);
  values[5] = 8;
  HadamardRotation(32, 2).apply(values);
  for (const float value : values) EXPECT_NEAR(std::fabs(value), 8 / std::sqrt(32.0), 1e-6);
}

TEST(Hadamard, SizesOtherThanPowersOfTwoAreRefused) {
  for (const int64_t size : {0, 1, 3, 24, 8192}) EXPECT_THROW(HadamardRotation(size, 0), UserError) << size;
}

}  // namespace
}  // namespace nacre
