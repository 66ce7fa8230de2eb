#include "nacre/predict/judgement.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "encoded_networks.hpp"

namespace nacre {
namespace {

TEST(Judgement, RegretIsWhatTheTopMisses) {
  std::vector<double> truth;
  std::vector<Prediction> answers;
  for (int i = 0; i < 200; ++i) {
    truth.push_back(i);
    answers.push_back({.mean = static_cast<double>(i < 150 ? i : i - 300)});  // the best fifty seem the worst
  }
  const Judgement judgement = judge_answers(answers, truth, false);
  EXPECT_EQ(judgement.regret_1, 50);
  EXPECT_EQ(judgement.regret_10, 50);
  EXPECT_EQ(judgement.regret_100, 50);
  EXPECT_FALSE(judgement.calibration) << "no deviations were given";
}

TEST(Judgement, AnHonestPredictorIsCalibratedAndABoasterIsNot) {
  Random random(4);
  std::vector<double> truth;
  std::vector<Prediction> honest, boasting;
  for (int i = 0; i < 20000; ++i) {
    const double mean = random.normal(), deviation = 0.5 + random.uniform();
    truth.push_back(mean + deviation * random.normal());
    honest.push_back({mean, 0.6 * deviation, 0.8 * deviation});
    boasting.push_back({mean, 0.1 * deviation, 0});
  }
  const Judgement good = judge_answers(honest, truth, false), bad = judge_answers(boasting, truth, false);
  ASSERT_TRUE(good.calibration && bad.calibration);
  EXPECT_NEAR(good.calibration->coverage_50, 0.5, 0.02);
  EXPECT_NEAR(good.calibration->coverage_95, 0.95, 0.01);
  EXPECT_NEAR(good.calibration->sharpness, 1, 0.02);
  EXPECT_LT(bad.calibration->coverage_95, 0.3);
  EXPECT_GT(good.calibration->log_likelihood, bad.calibration->log_likelihood + 1);
}

TEST(Judgement, RankersHaveNoError) {
  const std::vector<double> truth{1, 2, 3};
  const std::vector<Prediction> answers{{.mean = 10}, {.mean = 20}, {.mean = 30}};
  const Judgement judgement = judge_answers(answers, truth, true);
  EXPECT_EQ(judgement.kendall, 1);
  EXPECT_FALSE(judgement.error);
  EXPECT_TRUE(to_json(judgement)["error"].is_null());
}

// Where noise was put in, intervals of the predictors that give them hold about what they should.
TEST(Judgement, PredictorsWithDeviationsAreRoughlyCalibrated) {
  const Examples known{encoded::one_hot_rows(300, 6, 4, 1)}, fresh{encoded::one_hot_rows(1000, 6, 4, 2)};
  const std::vector<double> values = encoded::values_of(known.features, 5, 0.5, 0.3);
  std::vector<double> truth = encoded::values_of(fresh.features, 5, 0.5);
  Random noise(7);
  for (double& value : truth) value += 0.3 * noise.normal();
  for (const std::string& name : predictor_registry().names()) {
    if (name == "xgboost") continue;  // not in every build, and without deviations
    const auto predictor = make_predictor(name);
    if (predictor->reads_graphs()) continue;  // graph_network_test.cpp
    Random random(1);
    const Judgement judgement = judge(*predictor, known, values, fresh, truth, random);
    EXPECT_GE(judgement.fit_s, 0);
    if (!judgement.calibration) {
      EXPECT_TRUE(name == "gbdt" || name == "multilayer_perceptron") << name;
      continue;
    }
    EXPECT_NEAR(judgement.calibration->coverage_95, 0.95, 0.04) << name;
    EXPECT_NEAR(judgement.calibration->coverage_50, 0.5, 0.12) << name;
  }
}

}  // namespace
}  // namespace nacre
