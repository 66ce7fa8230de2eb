#include "nacre/predict/gaussian_process.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "encoded_networks.hpp"
#include "nacre/predict/minimize.hpp"

namespace nacre {
namespace {

constexpr Kernel kKernels[] = {Kernel::rbf, Kernel::matern32, Kernel::matern52, Kernel::hamming};

TEST(GaussianProcess, GradientOfTheMarginalLikelihoodAgainstFiniteDifferences) {
  const FeatureMatrix rows = encoded::real_rows(25, 4, 3);
  const std::vector<double> values = encoded::values_of(rows, 3, 0.5, 0.3);
  for (const Kernel kernel : kKernels) {
    for (const size_t lengths : {size_t{1}, size_t{4}}) {
      std::vector<double> theta;
      for (size_t j = 0; j < lengths; ++j) theta.push_back(0.2 + 0.3 * static_cast<double>(j));
      theta.push_back(-1.5);
      const auto at = [&](const std::vector<double>& logarithms) {
        GaussianProcessParameters parameters;
        for (size_t j = 0; j < lengths; ++j) parameters.lengths.push_back(std::exp(logarithms[j]));
        parameters.noise_ratio = std::exp(logarithms.back());
        return marginal_likelihood(rows, values, kernel, parameters);
      };
      const MarginalLikelihood found = at(theta);
      for (size_t j = 0; j < theta.size(); ++j) {
        constexpr double kStep = 1e-5;
        std::vector<double> more = theta, less = theta;
        more[j] += kStep;
        less[j] -= kStep;
        const double difference = (at(more).value - at(less).value) / (2 * kStep);
        EXPECT_NEAR(found.gradient[j], difference, 1e-6 * (1 + std::abs(difference)))
            << "kernel " << static_cast<int>(kernel) << ", coordinate " << j << " of " << theta.size();
      }
    }
  }
}

// Two points by hand: k(x, x') = rho between them.
TEST(GaussianProcess, TwoPointsByHand) {
  const FeatureMatrix rows{1, {0, 1}};
  GaussianProcessOptions options;
  options.kernel = Kernel::rbf;
  options.length = 1;
  options.noise = 0.5;
  GaussianProcessRegression process(options);
  Random random(1);
  process.fit(rows, std::vector<double>{1, 3}, random);
  // Standardized values -1, 1; K = [[1.25, rho], [rho, 1.25]], so alpha = -+1 / (1.25 - rho).
  const double rho = std::exp(-0.5);
  const double alpha = 1 / (1.25 - rho);
  const double signal = alpha;  // y . alpha / 2
  const std::vector<Prediction> answers = process.predict(rows);
  EXPECT_NEAR(answers[1].mean, 2 + alpha * (1 - rho), 1e-12);
  EXPECT_NEAR(answers[0].mean, 2 - alpha * (1 - rho), 1e-12);
  const double determinant = 1.25 * 1.25 - rho * rho;
  const double explained = (1.25 - 2 * rho * rho + 1.25 * rho * rho) / determinant;
  EXPECT_NEAR(answers[0].deviation, std::sqrt(signal * (1 - explained)), 1e-12);
  EXPECT_NEAR(answers[0].noise, std::sqrt(signal * 0.25), 1e-12);
  EXPECT_NEAR(process.log_marginal_likelihood(), -0.5 * (2 * std::log(2 * M_PI * signal) + std::log(determinant) + 2),
              1e-12);
}

TEST(GaussianProcess, WithoutNoiseItGoesThroughTheValues) {
  const FeatureMatrix rows = encoded::one_hot_rows(40, 8, 3, 2);
  const std::vector<double> values = encoded::values_of(rows, 2);
  for (const Kernel kernel : kKernels) {
    GaussianProcessOptions options;
    options.kernel = kernel;
    options.noise = 0;
    GaussianProcessRegression process(options);
    Random random(1);
    process.fit(rows, values, random);
    const std::vector<Prediction> answers = process.predict(rows);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(answers[i].mean, values[i], 0.02);
      EXPECT_LT(answers[i].deviation, 0.02);
    }
  }
}

TEST(GaussianProcess, FarFromAllDataItKnowsThePriorAlone) {
  FeatureMatrix rows = encoded::real_rows(30, 2, 2);
  const std::vector<double> values = encoded::values_of(rows, 2);
  GaussianProcessRegression process;
  Random random(1);
  process.fit(rows, values, random);
  FeatureMatrix far;
  far.add(std::vector<float>{1e6F, -1e6F});
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  const Prediction answer = process.predict(far)[0];
  EXPECT_NEAR(answer.mean, mean, 1e-9);
  EXPECT_NEAR(answer.deviation, process.signal_deviation(), 1e-9);
}

TEST(GaussianProcess, LearnsTheNoiseThatWasPutIn) {
  const FeatureMatrix rows = encoded::one_hot_rows(300, 5, 3, 2);
  for (const double noise : {0.1, 0.5}) {
    GaussianProcessRegression process;
    Random random(1);
    process.fit(rows, encoded::values_of(rows, 2, 0.3, noise), random);
    EXPECT_NEAR(process.noise_deviation(), noise, 0.35 * noise);
  }
}

TEST(GaussianProcess, ArdGivesIdleFeaturesLongLengths) {
  FeatureMatrix rows = encoded::real_rows(120, 6, 4);
  std::vector<double> values;
  for (size_t i = 0; i < rows.rows(); ++i) values.push_back(std::sin(rows.row(i)[0]) + 0.5 * rows.row(i)[3]);
  GaussianProcessOptions options;
  options.ard = true;
  options.kernel = Kernel::rbf;
  GaussianProcessRegression process(options);
  Random random(1);
  process.fit(rows, values, random);
  const std::vector<double>& lengths = process.parameters().lengths;
  ASSERT_EQ(lengths.size(), 6u);
  for (const size_t idle : {size_t{1}, size_t{2}, size_t{4}, size_t{5}}) EXPECT_GT(lengths[idle], 2 * lengths[0]);
}

TEST(GaussianProcess, LearningFromADrawOfTheRowsIsAlmostAsGood) {
  const FeatureMatrix rows = encoded::one_hot_rows(400, 6, 4, 2), fresh = encoded::one_hot_rows(200, 6, 4, 3);
  const std::vector<double> values = encoded::values_of(rows, 2, 0.5, 0.3), truth = encoded::values_of(fresh, 2);
  const auto error = [&](int64_t learning_rows) {
    GaussianProcessOptions options;
    options.learning_rows = learning_rows;
    GaussianProcessRegression process(options);
    Random random(1);
    process.fit(rows, values, random);
    double sum = 0;
    const std::vector<Prediction> answers = process.predict(fresh);
    for (size_t i = 0; i < truth.size(); ++i) sum += std::pow(answers[i].mean - truth[i], 2);
    return std::sqrt(sum / static_cast<double>(truth.size()));
  };
  EXPECT_LT(error(100), 1.3 * error(400) + 1e-3);
}

TEST(GaussianProcess, RefitKeepsTheHyperParameters) {
  const FeatureMatrix rows = encoded::one_hot_rows(60, 6, 4, 2);
  const std::vector<double> values = encoded::values_of(rows, 2, 0.5, 0.1);
  GaussianProcessRegression process;
  EXPECT_THROW(process.refit(rows, values), InternalError);
  Random random(1);
  process.fit(rows, values, random);
  const std::vector<double> lengths = process.parameters().lengths;
  const double answer = process.predict(rows)[7].mean;
  const FeatureMatrix more = encoded::one_hot_rows(80, 6, 4, 5);
  process.refit(more, encoded::values_of(more, 2));
  EXPECT_EQ(process.parameters().lengths, lengths);
  EXPECT_NE(process.predict(rows)[7].mean, answer);
  process.refit(rows, values);
  EXPECT_NEAR(process.predict(rows)[7].mean, answer, 1e-12);
}

TEST(GaussianProcess, RepeatedRowsAndConstantValuesAreAnswered) {
  FeatureMatrix rows;
  for (int i = 0; i < 20; ++i) rows.add(std::vector<float>{1, 0});
  GaussianProcessRegression process;
  Random random(1);
  std::vector<double> values(20, 3.0);
  process.fit(rows, values, random);
  EXPECT_EQ(process.predict(rows)[0].mean, 3);
  for (size_t i = 0; i < 20; ++i) values[i] = static_cast<double>(i % 2);
  process.fit(rows, values, random);
  EXPECT_NEAR(process.predict(rows)[0].mean, 0.5, 1e-9);
}

TEST(Minimize, FindsTheValleyOfRosenbrock) {
  const Minimum found = minimize(
      [](const std::vector<double>& x, std::vector<double>& gradient) {
        const double a = 1 - x[0], b = x[1] - x[0] * x[0];
        gradient[0] = -2 * a - 400 * x[0] * b;
        gradient[1] = 200 * b;
        return a * a + 100 * b * b;
      },
      {-1.2, 1}, 500);
  EXPECT_NEAR(found.x[0], 1, 2e-2);
  EXPECT_NEAR(found.x[1], 1, 4e-2);
}

}  // namespace
}  // namespace nacre
