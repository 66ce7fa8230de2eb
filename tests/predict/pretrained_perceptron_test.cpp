// The predictor of FBNetV3: gradients, phases, pre-training on free statistics.
#include "nacre/predict/pretrained_perceptron.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace nacre {
namespace {

FeatureMatrix draw(size_t rows, size_t columns, Random& random) {
  FeatureMatrix features;
  for (size_t i = 0; i < rows; ++i) {
    std::vector<float> row;
    for (size_t j = 0; j < columns; ++j) row.push_back(random.bernoulli(0.5) ? 1.0F : 0.0F);
    features.add(row);
  }
  return features;
}

// A free statistic: a product of sums, as MACs are.
std::vector<double> statistics_of(const FeatureMatrix& x) {
  std::vector<double> values;
  for (size_t i = 0; i < x.rows(); ++i) {
    double a = 1, b = 1;
    for (size_t j = 0; j < x.columns; ++j) (j % 2 == 0 ? a : b) += static_cast<double>(1 + j) * x.row(i)[j];
    values.push_back(std::log(a * b));
  }
  return values;
}

TEST(PretrainedPerceptron, GradientsEqualFiniteDifferences) {
  Random random(1);
  PretrainedPerceptron network(5, 3, 1, {.hidden = 4, .huber = 0.3}, random);
  const FeatureMatrix x = draw(7, 5, random), recipe = draw(7, 3, random);
  std::vector<double> y;
  for (int i = 0; i < 7; ++i) y.push_back(random.normal());
  std::vector<double> gradient;
  network.accuracy_loss(x, recipe, y, &gradient);
  std::vector<double> parameters = network.parameters();
  ASSERT_EQ(gradient.size(), parameters.size());
  constexpr double kStep = 1e-6;
  for (size_t i = 0; i < parameters.size(); ++i) {
    std::vector<double> moved = parameters;
    moved[i] += kStep;
    network.set_parameters(moved);
    const double above = network.accuracy_loss(x, recipe, y, nullptr);
    moved[i] -= 2 * kStep;
    network.set_parameters(moved);
    const double below = network.accuracy_loss(x, recipe, y, nullptr);
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-7) << "parameter " << i;
  }
}

// Far outliers pull no harder than near ones: the gradient of the Huber loss ends at its bound.
TEST(PretrainedPerceptron, OutliersPullNoHarderThanTheBound) {
  Random random(2);
  const PretrainedPerceptron network(3, 0, 0, {.hidden = 4, .huber = 1}, random);
  const FeatureMatrix x = draw(1, 3, random);
  const auto pull = [&](double value) {
    std::vector<double> gradient;
    network.accuracy_loss(x, {}, std::vector<double>{value}, &gradient);
    return gradient.back();  // of the last bias: the slope of the loss itself
  };
  EXPECT_NEAR(pull(100), -1, 1e-12);
  EXPECT_NEAR(pull(1e6), -1, 1e-12);
  EXPECT_NEAR(pull(-1e6), 1, 1e-12);
}

TEST(PretrainedPerceptron, TheFrozenPhaseLeavesTheEncoderAsItIs) {
  Random random(3);
  const FeatureMatrix x = draw(30, 6, random), recipe = draw(30, 2, random);
  const std::vector<double> y = statistics_of(x);
  PretrainedPerceptron frozen(6, 2, 1, {.hidden = 8, .joint_epochs = 0}, random);
  frozen.pretrain(x, y, random);
  const std::vector<double> before = frozen.encoder_parameters();
  frozen.fit(x, recipe, y, random);
  EXPECT_EQ(frozen.encoder_parameters(), before);
  PretrainedPerceptron joint(6, 2, 1, {.hidden = 8}, random);
  joint.pretrain(x, y, random);
  const std::vector<double> encoder = joint.encoder_parameters();
  joint.fit(x, recipe, y, random);
  EXPECT_NE(joint.encoder_parameters(), encoder);
}

TEST(PretrainedPerceptron, LearnsFreeStatisticsOfArchitecturesItNeverSaw) {
  Random random(4);
  const FeatureMatrix x = draw(2000, 16, random), unseen = draw(500, 16, random);
  PretrainedPerceptron network(16, 0, 1, {.pretraining_epochs = 100}, random);
  network.pretrain(x, statistics_of(x), random);
  const std::vector<double> truth = statistics_of(unseen), said = network.predict_proxies(unseen);
  double mean = 0, residual = 0, total = 0;
  for (const double value : truth) mean += value / static_cast<double>(truth.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    residual += (truth[i] - said[i]) * (truth[i] - said[i]);
    total += (truth[i] - mean) * (truth[i] - mean);
  }
  EXPECT_GT(1 - residual / total, 0.99);
}

// What was learned for free helps where few values are known.
TEST(PretrainedPerceptron, PretrainingHelpsWithFewExamples) {
  double scratch = 0, pretrained = 0;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Random random(seed);
    const FeatureMatrix x = draw(1500, 16, random), few = draw(20, 16, random), unseen = draw(300, 16, random);
    const auto accuracy = [](double statistic) { return std::tanh(statistic - 7); };
    std::vector<double> y;
    for (const double statistic : statistics_of(few)) y.push_back(accuracy(statistic));
    const auto error = [&](bool pretrain) {
      Random stream(seed + 100);
      PretrainedPerceptron network(16, 0, 1, {}, stream);
      if (pretrain) network.pretrain(x, statistics_of(x), stream);
      network.fit(few, {}, y, stream);
      const std::vector<double> said = network.predict(unseen, {}), truth = statistics_of(unseen);
      double sum = 0;
      for (size_t i = 0; i < said.size(); ++i) sum += std::abs(said[i] - accuracy(truth[i]));
      return sum;
    };
    scratch += error(false);
    pretrained += error(true);
  }
  EXPECT_LT(pretrained, 0.8 * scratch);
}

}  // namespace
}  // namespace nacre
