// Learners beside trees and Gaussian processes: what is known of each of them.
#include <gtest/gtest.h>

#include <cmath>

#include "encoded_networks.hpp"
#include "nacre/predict/multilayer_perceptron.hpp"

namespace nacre {
namespace {

std::vector<Prediction> answers(const std::string& name, const Json& options, const Examples& known,
                                const std::vector<double>& values, const Examples& fresh) {
  const auto predictor = make_predictor(name, options);
  Random random(1);
  predictor->fit(known, values, random);
  return predictor->predict(fresh);
}

double error(const std::vector<Prediction>& found, const std::vector<double>& truth) {
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) sum += std::pow(found[i].mean - truth[i], 2);
  return std::sqrt(sum / static_cast<double>(truth.size()));
}

TEST(MultilayerPerceptron, GradientAgainstFiniteDifferences) {
  const FeatureMatrix rows = encoded::real_rows(7, 4, 3);
  const std::vector<double> values = encoded::values_of(rows, 3);
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{4, 1}, std::vector<int64_t>{4, 5, 1}, std::vector<int64_t>{4, 6, 3, 1}}) {
    Random random(2);
    MultilayerPerceptron network = MultilayerPerceptron::draw(sizes, random);
    for (double& parameter : network.parameters) parameter += 0.1 * random.normal();
    std::vector<double> gradient;
    network.loss(rows, values, &gradient);
    ASSERT_EQ(gradient.size(), network.parameters.size());
    for (size_t i = 0; i < gradient.size(); ++i) {
      constexpr double kStep = 1e-6;
      MultilayerPerceptron more = network, less = network;
      more.parameters[i] += kStep;
      less.parameters[i] -= kStep;
      const double difference = (more.loss(rows, values, nullptr) - less.loss(rows, values, nullptr)) / (2 * kStep);
      EXPECT_NEAR(gradient[i], difference, 1e-7 * (1 + std::abs(difference)));
    }
  }
}

TEST(Ridge, WithoutPenaltyItSolvesTheNormalEquations) {
  const Examples known{encoded::real_rows(60, 5, 3)};
  std::vector<double> values;
  for (size_t i = 0; i < 60; ++i) {
    const auto row = known.features.row(i);
    values.push_back(3 + 2.0 * row[0] - 1.5 * row[1] + 0.25 * row[4]);
  }
  const auto found = answers("ridge", {{"penalty", 1e-9}}, known, values, known);
  for (size_t i = 0; i < 60; ++i) EXPECT_NEAR(found[i].mean, values[i], 1e-6);
}

// (X'X + p) w = X'y on centered columns, also where there are more columns than rows.
TEST(Ridge, EqualsItsDefinitionOnBothSidesOfSquare) {
  for (const size_t rows : {6, 40}) {
    const Examples known{encoded::real_rows(rows, 12, 3)};
    const std::vector<double> values = encoded::values_of(known.features, 3);
    const double penalty = 2.5;
    const auto found = answers("ridge", {{"penalty", penalty}}, known, values, known);
    // The gradient of |y - Xw|^2 + p |w|^2 vanishes: residuals projected on each centered column equal p w; w is read off
    // answers to shifted rows.
    Examples base{}, shifted{};
    base.features.add(std::vector<float>(12, 0.0F));
    for (size_t j = 0; j < 12; ++j) {
      std::vector<float> row(12, 0.0F);
      row[j] = 1;
      shifted.features.add(row);
    }
    const double zero = answers("ridge", {{"penalty", penalty}}, known, values, base)[0].mean;
    const auto ones = answers("ridge", {{"penalty", penalty}}, known, values, shifted);
    for (size_t j = 0; j < 12; ++j) {
      double mean = 0, projected = 0;
      for (size_t i = 0; i < rows; ++i) mean += known.features.row(i)[j] / static_cast<double>(rows);
      for (size_t i = 0; i < rows; ++i) projected += (known.features.row(i)[j] - mean) * (values[i] - found[i].mean);
      EXPECT_NEAR(projected, penalty * (ones[j].mean - zero), 1e-8);
    }
  }
}

TEST(Ridge, PairsSeeWhatSingleFeaturesCannot) {
  const Examples known{encoded::one_hot_rows(500, 5, 3, 1)}, fresh{encoded::one_hot_rows(200, 5, 3, 2)};
  const std::vector<double> values = encoded::values_of(known.features, 5, 1),
                            truth = encoded::values_of(fresh.features, 5, 1);
  EXPECT_LT(error(answers("ridge", {{"pairs", true}}, known, values, fresh), truth),
            0.3 * error(answers("ridge", Json::object(), known, values, fresh), truth));
}

TEST(NearestNeighbors, OneNeighborAnswersKnownNetworksExactly) {
  const Examples known{encoded::all_one_hot_rows(4, 3)};
  const std::vector<double> values = encoded::values_of(known.features, 5);
  const auto found = answers("nearest_neighbors", {{"neighbors", 1}}, known, values, known);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(found[i].mean, values[i]);
}

TEST(TreeEnsemble, DeepTreesOnAllRowsLearnThemByHeart) {
  const Examples known{encoded::all_one_hot_rows(4, 3)};
  const std::vector<double> values = encoded::values_of(known.features, 5);
  for (const char* name : {"random_forest", "extra_trees"}) {
    const auto found = answers(name, {{"trees", 5}, {"min_leaf", 1}, {"bootstrap", false}}, known, values, known);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(found[i].mean, values[i], 1e-9) << name;
      EXPECT_NEAR(found[i].deviation, 0, 1e-6) << name;
    }
  }
}

TEST(TreeEnsemble, IsLessSureWhereItKnowsLess) {
  Examples known{}, fresh{};
  Random random(2);
  std::vector<double> values;
  for (int i = 0; i < 200; ++i) {
    const auto x = static_cast<float>(random.uniform());
    known.features.add(std::vector<float>{x < 0.7F ? x : 0.7F + (x - 0.7F) * 10, 1});
    values.push_back(std::sin(3.0 * known.features.row(static_cast<size_t>(i))[0]));
  }
  fresh.features.add(std::vector<float>{0.4F, 1});
  fresh.features.add(std::vector<float>{2.6F, 1});
  for (const char* name : {"random_forest", "extra_trees"}) {
    const auto found = answers(name, Json::object(), known, values, fresh);
    EXPECT_LT(found[0].deviation, found[1].deviation) << name;
  }
}

TEST(Bagged, ChecksItsBase) {
  EXPECT_THROW(make_predictor("bagged", {{"base", "gbtd"}}), UserError);
  EXPECT_THROW(make_predictor("bagged", {{"base", "bagged"}}), UserError);
  EXPECT_THROW(make_predictor("bagged", {{"options", {{"round", 3}}}}), UserError);
}

TEST(Bagged, GivesADeviationToTreesAndAnswersAtLeastAsWell) {
  const Examples known{encoded::one_hot_rows(150, 6, 4, 1)}, fresh{encoded::one_hot_rows(300, 6, 4, 2)};
  const std::vector<double> values = encoded::values_of(known.features, 5, 0.5, 0.2),
                            truth = encoded::values_of(fresh.features, 5);
  const auto bagged = answers("bagged", {{"members", 12}}, known, values, fresh);
  for (const Prediction& answer : bagged) EXPECT_GT(answer.deviation, 0);
  EXPECT_LT(error(bagged, truth), 1.05 * error(answers("gbdt", Json::object(), known, values, fresh), truth));
}

}  // namespace
}  // namespace nacre
