// The learned score: its gradient, and equality with scores that are known.
#include "nacre/predict/score_network.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace nacre {
namespace {

FeatureMatrix codes_of(std::initializer_list<std::vector<float>> rows) {
  FeatureMatrix codes;
  for (const std::vector<float>& row : rows) codes.add(row);
  return codes;
}

std::vector<double> noised(const FeatureMatrix& codes, size_t row, double sigma, Random& random) {
  std::vector<double> x;
  for (const float value : codes.row(row)) x.push_back(value + sigma * random.normal());
  return x;
}

// By its definition, for equally likely codes: sum of softmax weights times codes, less x, over sigma^2.
std::vector<double> exact_score(const FeatureMatrix& codes, const std::vector<double>& x, double sigma) {
  std::vector<double> weights;
  double largest = -INFINITY;
  for (size_t row = 0; row < codes.rows(); ++row) {
    double squares = 0;
    for (size_t j = 0; j < x.size(); ++j) squares += std::pow(x[j] - codes.row(row)[j], 2);
    weights.push_back(-squares / (2 * sigma * sigma));
    largest = std::max(largest, weights.back());
  }
  double total = 0;
  for (double& weight : weights) total += weight = std::exp(weight - largest);
  std::vector<double> score(x.size(), 0.0);
  for (size_t j = 0; j < x.size(); ++j) {
    for (size_t row = 0; row < codes.rows(); ++row) score[j] += weights[row] / total * codes.row(row)[j];
    score[j] = (score[j] - x[j]) / (sigma * sigma);
  }
  return score;
}

// Over codes of the examples seen through noise.
double relative_error(const ScoreNetwork& network, const FeatureMatrix& codes, double sigma, Random& random) {
  double difference = 0, size = 0;
  for (int i = 0; i < 200; ++i) {
    const std::vector<double> x = noised(codes, random.below(codes.rows()), sigma, random);
    const std::vector<double> truth = exact_score(codes, x, sigma), said = network.score(x, sigma);
    for (size_t j = 0; j < x.size(); ++j) {
      difference += std::pow(said[j] - truth[j], 2);
      size += truth[j] * truth[j];
    }
  }
  return std::sqrt(difference / size);
}

TEST(ScoreNetwork, GradientsEqualFiniteDifferences) {
  Random random(1);
  ScoreNetwork network({2, 3}, {.hidden = 5}, random);
  const FeatureMatrix codes = codes_of({{1, -1, -1, 1, -1}, {-1, 1, -1, -1, -1}});
  const std::vector<double> sigmas = {0.4, 2.5};
  std::vector<double> noise;
  for (int i = 0; i < 10; ++i) noise.push_back(random.normal());
  std::vector<double> gradient;
  network.loss(codes, sigmas, noise, &gradient);
  std::vector<double> parameters = network.parameters();
  ASSERT_EQ(gradient.size(), parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double at = parameters[i];
    parameters[i] = at + kStep;
    network.set_parameters(parameters);
    const double above = network.loss(codes, sigmas, noise, nullptr);
    parameters[i] = at - kStep;
    network.set_parameters(parameters);
    const double below = network.loss(codes, sigmas, noise, nullptr);
    parameters[i] = at;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-6) << i;
  }
}

// Every set of three decisions of three alternatives: independent, so that nothing has to be learned.
TEST(ScoreNetwork, IsExactForIndependentDecisions) {
  FeatureMatrix codes;
  for (int i = 0; i < 27; ++i) {
    std::vector<float> row(9, -1.0F);
    row[static_cast<size_t>(i % 3)] = row[static_cast<size_t>(3 + i / 3 % 3)] = row[static_cast<size_t>(6 + i / 9)] = 1;
    codes.add(row);
  }
  Random random(2);
  ScoreNetwork network({3, 3, 3}, {.steps = 1500}, random);
  network.fit(codes, random);
  for (const double sigma : {0.2, 0.5, 1.0, 2.0})
    EXPECT_LE(relative_error(network, codes, sigma, random), 0.1) << sigma;
}

// The second decision repeats the first, the third is made only where the first says so.
TEST(ScoreNetwork, LearnsWhatDecisionsTellOfEachOther) {
  const FeatureMatrix codes = codes_of({{1, -1, -1, 1, -1, -1, -1, -1},
                                        {-1, 1, -1, -1, 1, -1, 1, -1},
                                        {-1, 1, -1, -1, 1, -1, -1, 1},
                                        {-1, -1, 1, -1, -1, 1, 1, -1},
                                        {-1, -1, 1, -1, -1, 1, -1, 1}});
  Random random(3);
  ScoreNetwork network({3, 3, 2}, {}, random);
  network.fit(codes, random);
  ScoreNetwork unlearned({3, 3, 2}, {.steps = 1, .learning_rate = 1e-12}, random);
  unlearned.fit(codes, random);
  for (const double sigma : {0.2, 0.5, 1.0, 2.0}) {
    EXPECT_LE(relative_error(network, codes, sigma, random), 0.1) << sigma;
    if (sigma >= 0.5) {
      EXPECT_GT(relative_error(unlearned, codes, sigma, random), 0.1) << sigma;
    }
  }
  // What is read off a posterior is a probability.
  const std::vector<double> posterior = network.posterior(noised(codes, 0, 1, random), 1);
  ASSERT_EQ(posterior.size(), 11u);
  EXPECT_NEAR(posterior[0] + posterior[1] + posterior[2] + posterior[3], 1, 1e-12);
}

}  // namespace
}  // namespace nacre
