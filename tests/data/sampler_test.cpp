#include "nacre/data/sampler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "tests/data/data_test_support.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;

Dataset random_images(int64_t n, int64_t channels, int64_t height, int64_t width, uint64_t seed) {
  Dataset dataset;
  dataset.features = Tensor(ElementType::uint8, {n, channels, height, width});
  Random random(seed);
  for (uint8_t& pixel : dataset.features.mutable_values<uint8_t>()) pixel = static_cast<uint8_t>(random.below(256));
  dataset.labels = Tensor(ElementType::int64, {n});
  return dataset;
}

Dataset as_float(Dataset dataset) {
  dataset.features = dataset.features.cast(ElementType::float32);
  return dataset;
}

std::vector<int64_t> all_indices(const Dataset& dataset) {
  std::vector<int64_t> indices(static_cast<size_t>(dataset.size()));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

// The definition, pixel by pixel: pad with raw zeros, crop, mirror, normalize.
std::vector<float> reference_augment(const Dataset& dataset, int64_t sample, const AugmentationDraw& draw,
                                     const Normalization& n) {
  const std::vector<int64_t> e = dataset.sample_extents();
  std::vector<float> result;
  for (int64_t c = 0; c < e[0]; ++c) {
    for (int64_t y = 0; y < e[1]; ++y) {
      for (int64_t x = 0; x < e[2]; ++x) {
        const int64_t sy = y + draw.dy;
        const int64_t sx = (draw.flip ? e[2] - 1 - x : x) + draw.dx;
        const bool inside = sy >= 0 && sy < e[1] && sx >= 0 && sx < e[2];
        const double raw = inside ? dataset.features.number_at(((sample * e[0] + c) * e[1] + sy) * e[2] + sx) : 0;
        const auto k = static_cast<size_t>(c);
        result.push_back(static_cast<float>(raw) * n.scale[k] + n.shift[k]);
      }
    }
  }
  return result;
}

TEST(Normalization, StandardGivesZeroMeanUnitDeviationOnTrain) {
  for (const bool bytes : {true, false}) {
    const Dataset dataset = bytes ? random_images(40, 3, 5, 7, 1) : as_float(random_images(40, 3, 5, 7, 1));
    const std::vector<int64_t> train = {0, 3, 5, 11, 12, 30, 39};
    const Normalization n = measure_normalization(dataset, train, NormalizationKind::standard);
    Random random(0);
    const Tensor batch = gather_features(dataset, train, n, {}, random);
    for (int64_t c = 0; c < 3; ++c) {
      double sum = 0;
      double squares = 0;
      for (size_t s = 0; s < train.size(); ++s) {
        for (int64_t p = 0; p < 35; ++p) {
          const double value = batch.number_at((static_cast<int64_t>(s) * 3 + c) * 35 + p);
          sum += value;
          squares += value * value;
        }
      }
      const double count = 35.0 * static_cast<double>(train.size());
      EXPECT_NEAR(sum / count, 0, 1e-6);
      EXPECT_NEAR(squares / count, 1, 1e-5);
    }
  }
}

TEST(Normalization, ValidationSamplesCannotChangeIt) {
  Dataset dataset = random_images(10, 1, 4, 4, 2);
  const std::vector<int64_t> train = {0, 1, 2, 3};
  const Normalization before = measure_normalization(dataset, train, NormalizationKind::standard);
  auto pixels = dataset.features.mutable_values<uint8_t>();
  for (size_t i = 4 * 16; i < pixels.size(); ++i) pixels[i] = 255;
  EXPECT_EQ(measure_normalization(dataset, train, NormalizationKind::standard), before);
  pixels[0] = static_cast<uint8_t>(pixels[0] ^ 0xff);
  EXPECT_NE(measure_normalization(dataset, train, NormalizationKind::standard), before);
}

TEST(Normalization, RangeConstantColumnsAndMissingValues) {
  Dataset table;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  table.features = Tensor::of<float>({4, 3}, {1, 5, 2, 3, 5, nan, 2, 5, 6, 100, 5, nan});
  table.labels = Tensor(ElementType::int64, {4});
  table.has_missing = true;
  const std::vector<int64_t> train = {0, 1, 2};
  const Normalization range = measure_normalization(table, train, NormalizationKind::range);
  Random random(0);
  const Tensor batch = gather_features(table, std::vector<int64_t>{0, 1, 2}, range, {}, random);
  EXPECT_THAT(batch.numbers(), ElementsAre(0, 0, 0, 1, 0, 0.5, 0.5, 0, 1));  // the missing one is the mean, 4 of 2..6
  const Normalization standard = measure_normalization(table, train, NormalizationKind::standard);
  EXPECT_EQ(standard.scale[1], 1);
  EXPECT_EQ(standard.shift[1], -5);
  EXPECT_NEAR(gather_features(table, std::vector<int64_t>{3}, standard, {}, random).number_at(2), 0, 1e-7);
  const Normalization none = measure_normalization(table, train, NormalizationKind::none);
  EXPECT_THAT(gather_features(table, std::vector<int64_t>{1}, none, {}, random).numbers(), ElementsAre(3, 5, 4));
}

TEST(Sampler, EveryDrawEqualsTheDefinition) {
  const Dataset bytes = random_images(3, 2, 5, 6, 3);
  const Dataset floats = as_float(bytes);
  const Normalization n = measure_normalization(bytes, all_indices(bytes), NormalizationKind::standard);
  const Augmentation augmentation{.crop_padding = 7,
                                  .horizontal_flip = true};  // beyond the image: windows of padding alone
  std::set<std::tuple<int64_t, int64_t, bool>> seen;
  for (uint64_t seed = 0; seed < 800; ++seed) {
    Random draws(seed);
    const AugmentationDraw draw = draw_augmentation(augmentation, draws);
    seen.emplace(draw.dy, draw.dx, draw.flip);
    const std::vector<int64_t> sample = {static_cast<int64_t>(seed % 3)};
    const std::vector<float> expected = reference_augment(bytes, sample[0], draw, n);
    for (const Dataset* dataset : {&bytes, &floats}) {
      Random random(seed);
      const Tensor batch = gather_features(*dataset, sample, n, augmentation, random);
      const auto values = batch.values<float>();
      ASSERT_TRUE(std::equal(values.begin(), values.end(), expected.begin(), expected.end()))
          << "dy " << draw.dy << " dx " << draw.dx << " flip " << draw.flip;
    }
  }
  EXPECT_GT(seen.size(), 300U);  // of 450
}

TEST(Sampler, BatchesAreTheRowsOfSingleLoads) {
  const Dataset dataset = random_images(20, 3, 4, 4, 4);
  const Normalization n = measure_normalization(dataset, all_indices(dataset), NormalizationKind::range);
  const std::vector<int64_t> indices = {4, 4, 19, 0};
  Random random(0);
  const Tensor batch = gather_features(dataset, indices, n, {}, random);
  EXPECT_THAT(batch.extents(), ElementsAre(4, 3, 4, 4));
  for (size_t i = 0; i < indices.size(); ++i) {
    const Tensor one = gather_features(dataset, std::vector<int64_t>{indices[i]}, n, {}, random);
    EXPECT_EQ(std::memcmp(one.data(), batch.data() + i * 48 * 4, 48 * 4), 0);
  }
}

TEST(Sampler, NoAugmentationDrawsNothing) {
  const Dataset dataset = random_images(4, 1, 4, 4, 5);
  const Normalization n = measure_normalization(dataset, all_indices(dataset), NormalizationKind::none);
  Random random(7);
  Random untouched(7);
  gather_features(dataset, all_indices(dataset), n, {}, random);
  EXPECT_EQ(random.next(), untouched.next());
}

TEST(Sampler, ShiftsAreUniformAndFlipsHalf) {
  Random random(11);
  std::map<int64_t, int> shifts;
  int flips = 0;
  constexpr int kDraws = 90000;
  for (int i = 0; i < kDraws; ++i) {
    const AugmentationDraw draw = draw_augmentation({.crop_padding = 4, .horizontal_flip = true}, random);
    ++shifts[draw.dy];
    flips += draw.flip ? 1 : 0;
  }
  ASSERT_EQ(shifts.size(), 9U);
  for (const auto& [shift, count] : shifts) EXPECT_NEAR(count, kDraws / 9, 5 * 95);  // binomial deviation 94
  EXPECT_NEAR(flips, kDraws / 2, 5 * 150);
}

TEST(Sampler, LabelsFollowTheirSamples) {
  Dataset dataset = random_images(3, 1, 1, 1, 0);
  dataset.labels = Tensor::of<int64_t>({3}, {7, 8, 9});
  EXPECT_THAT(gather_labels(dataset, std::vector<int64_t>{2, 0, 2}).integers(), ElementsAre(9, 7, 9));
  dataset.labels = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(gather_labels(dataset, std::vector<int64_t>{1}).numbers(), ElementsAre(3, 4));
}

}  // namespace
}  // namespace nacre
