// Gaussian process regression (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapters 2, 4 and 5).
//
// y = mean + f(x) + noise, f ~ GP(0, s^2 k). The kernel sees a distance r of two rows:
//
//   rbf       exp(-r^2 / 2)                           r^2 = sum_j (x_j - x'_j)^2 / length_j^2
//   matern32  (1 + sqrt(3) r) exp(-sqrt(3) r)
//   matern52  (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)
//   hamming   exp(-r^2)                               r^2 = sum_j [x_j != x'_j] / length_j^2
//
// On one-hot rows r^2 of the first three is twice the number of decisions in which the networks differ, so that rbf and hamming
// agree up to the length; on codes of decisions only hamming makes sense. One length for all features, or one each (`ard`).
//
// Length(s) and the ratio of noise to signal maximize the marginal likelihood (5.8) with s^2 at its optimum for them, times
// wide log-normal priors that keep few data from absurd answers; by L-BFGS on the analytic gradient (5.9), from fixed starts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nacre/predict/predictor.hpp"

namespace nacre {

enum class Kernel { rbf, matern32, matern52, hamming };

struct GaussianProcessOptions {
  Kernel kernel = Kernel::matern52;
  bool ard = false;
  double length = 0;            // fixed; 0: learned
  double noise = -1;            // standard deviation relative to the signal's, fixed; < 0: learned
  int64_t iterations = 30;      // of each start
  int64_t learning_rows = 200;  // rows that the hyper-parameters are learned from at most; drawn
};

struct GaussianProcessParameters {
  std::vector<double> lengths;  // one, or one per feature
  double noise_ratio = 0.1;     // variance of the noise relative to the signal's
};

class GaussianProcessRegression {
 public:
  explicit GaussianProcessRegression(GaussianProcessOptions options = {});
  ~GaussianProcessRegression();
  GaussianProcessRegression(GaussianProcessRegression&&) noexcept;
  GaussianProcessRegression& operator=(GaussianProcessRegression&&) noexcept;

  // As Predictor::fit.
  void fit(const FeatureMatrix& features, std::span<const double> values, Random& random);
  // With lengths and noise of the last fit (InternalError where there is none): one factorization, for whoever learns again
  // after every few new values.
  void refit(const FeatureMatrix& features, std::span<const double> values);
  std::vector<Prediction> predict(const FeatureMatrix& features) const;

  const GaussianProcessParameters& parameters() const;
  double signal_deviation() const;  // s, in the values' unit
  double noise_deviation() const;
  double log_marginal_likelihood() const;  // of the standardized values, without the priors

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// log p(y) of values as they are (no standardization) with the best s^2, and its derivatives by the logarithms of the lengths and
// of the noise ratio, in this order. For tests and tools.
struct MarginalLikelihood {
  double value = 0;
  std::vector<double> gradient;
};
MarginalLikelihood marginal_likelihood(const FeatureMatrix& features, std::span<const double> values, Kernel kernel,
                                       const GaussianProcessParameters& parameters);

}  // namespace nacre
