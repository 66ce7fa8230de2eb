#include "nacre/predict/gaussian_process.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "nacre/predict/linear_algebra.hpp"
#include "nacre/predict/minimize.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

using Eigen::ArrayXXd;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kSmallestNoise = 1e-6;  // ratio of variances; keeps repeated rows from being singular
constexpr double kUsualNoise = 0.05;

// What feature j adds to r^2, before its length.
double part(Kernel kernel, double a, double b) {
  if (kernel == Kernel::hamming) return a == b ? 0 : 1;
  return (a - b) * (a - b);
}

VectorXd inverse_squares(const std::vector<double>& lengths, Eigen::Index columns) {
  VectorXd result(columns);
  for (Eigen::Index j = 0; j < columns; ++j) {
    const double length = lengths[lengths.size() == 1 ? 0 : static_cast<size_t>(j)];
    result[j] = 1 / (length * length);
  }
  return result;
}

// r^2 of each row of `a` with each of `b`.
ArrayXXd squared_distances(Kernel kernel, const MatrixXd& a, const MatrixXd& b, const VectorXd& weights) {
  if (kernel == Kernel::hamming) {
    ArrayXXd result = ArrayXXd::Zero(a.rows(), b.rows());
    for (Eigen::Index j = 0; j < a.cols(); ++j) {
      for (Eigen::Index k = 0; k < b.rows(); ++k) {
        result.col(k) += (a.col(j).array() != b(k, j)).cast<double>() * weights[j];
      }
    }
    return result;
  }
  const MatrixXd scaled = a * weights.asDiagonal();
  ArrayXXd result = (scaled * b.transpose()).array() * -2;
  result.colwise() += (scaled.array() * a.array()).rowwise().sum();
  result.rowwise() += (b * weights.asDiagonal()).cwiseProduct(b).rowwise().sum().transpose().array();
  return result.max(0.0);
}

// The kernel, and where asked its derivative by r^2.
ArrayXXd kernel_of(Kernel kernel, const ArrayXXd& r2, ArrayXXd* slope = nullptr) {
  switch (kernel) {
    case Kernel::rbf: {
      ArrayXXd value = (r2 * -0.5).exp();
      if (slope != nullptr) *slope = value * -0.5;
      return value;
    }
    case Kernel::matern32: {
      const ArrayXXd r = (r2 * 3).sqrt();
      const ArrayXXd decay = (-r).exp();
      if (slope != nullptr) *slope = decay * -1.5;
      return (1 + r) * decay;
    }
    case Kernel::matern52: {
      const ArrayXXd r = (r2 * 5).sqrt();
      const ArrayXXd decay = (-r).exp();
      if (slope != nullptr) *slope = (1 + r) * decay * (-5.0 / 6);
      return (1 + r + r.square() / 3) * decay;
    }
    case Kernel::hamming: {
      ArrayXXd value = (-r2).exp();
      if (slope != nullptr) *slope = -value;
      return value;
    }
  }
  NACRE_CHECK(false, "a kernel");
  return {};
}

// One set of rows under changing hyper-parameters.
class Likelihood {
 public:
  Likelihood(Kernel kernel, MatrixXd x, VectorXd y) : kernel_(kernel), x_(std::move(x)), y_(std::move(y)) {}

  // By the logarithms of the lengths and of the noise ratio; -infinity where the kernel matrix is not positive.
  MarginalLikelihood at(const GaussianProcessParameters& parameters) const {
    const Eigen::Index n = x_.rows(), columns = x_.cols();
    const VectorXd weights = inverse_squares(parameters.lengths, columns);
    const ArrayXXd r2 = distances(parameters.lengths, weights);
    ArrayXXd slope;
    MatrixXd k = kernel_of(kernel_, r2, &slope).matrix();
    k.diagonal().array() += parameters.noise_ratio;
    const Eigen::LLT<MatrixXd> factor(k);
    MarginalLikelihood result;
    result.gradient.assign(parameters.lengths.size() + 1, 0.0);
    result.value = -std::numeric_limits<double>::infinity();
    if (factor.info() != Eigen::Success) return result;
    const VectorXd alpha = factor.solve(y_);
    const auto count = static_cast<double>(n);
    const double signal = std::max(y_.dot(alpha) / count, 1e-300);
    double log_determinant = 0;
    for (Eigen::Index i = 0; i < n; ++i) log_determinant += 2 * std::log(factor.matrixLLT()(i, i));
    result.value = -0.5 * (count * std::log(2 * std::numbers::pi * signal) + log_determinant + count);

    const MatrixXd inverse = factor.solve(MatrixXd::Identity(n, n));
    const MatrixXd outer = (alpha * alpha.transpose() / signal - inverse) / 2;
    const ArrayXXd pull = outer.array() * slope;  // by r^2 of each pair
    if (parameters.lengths.size() == 1) {
      result.gradient[0] = (pull * r2).sum() * -2;
    } else {
      for (Eigen::Index j = 0; j < columns; ++j)
        result.gradient[static_cast<size_t>(j)] = -2 * weights[j] * pull_of_feature(pull, j);
    }
    result.gradient.back() = parameters.noise_ratio * outer.trace();
    return result;
  }

  // Mean r^2 of two different rows at length 1.
  double mean_distance() const {
    const double rows = static_cast<double>(x_.rows());
    const double mean =
        squared_distances(kernel_, x_, x_, VectorXd::Ones(x_.cols())).sum() / std::max(1.0, rows * (rows - 1));
    return mean > 0 ? mean : 1;
  }

 private:
  ArrayXXd distances(const std::vector<double>& lengths, const VectorXd& weights) const {
    if (lengths.size() > 1) return squared_distances(kernel_, x_, x_, weights);
    if (plain_.size() == 0) plain_ = squared_distances(kernel_, x_, x_, VectorXd::Ones(x_.cols()));
    return plain_ / (lengths[0] * lengths[0]);
  }

  double pull_of_feature(const ArrayXXd& pull, Eigen::Index feature) const {
    const auto column = x_.col(feature);
    double sum = 0;
    for (Eigen::Index a = 0; a < x_.rows(); ++a) {
      for (Eigen::Index b = 0; b < a; ++b) sum += pull(b, a) * part(kernel_, column[a], column[b]);
    }
    return 2 * sum;
  }

  Kernel kernel_;
  MatrixXd x_;
  VectorXd y_;
  mutable ArrayXXd plain_;  // r^2 at length 1
};

// The best parameters for these rows under the priors.
GaussianProcessParameters learn(const GaussianProcessOptions& options, const MatrixXd& x, const VectorXd& y) {
  const Likelihood likelihood(options.kernel, x, y);
  const double usual_length = std::log(std::sqrt(likelihood.mean_distance()));
  const size_t lengths = options.ard ? static_cast<size_t>(x.cols()) : 1;
  const bool fixed_length = options.length > 0, fixed_noise = options.noise >= 0;
  const double noise = std::max(options.noise * options.noise, kSmallestNoise);
  const auto parameters_of = [&](const std::vector<double>& theta) {
    GaussianProcessParameters parameters;
    parameters.lengths.clear();
    for (size_t j = 0; j < lengths; ++j) parameters.lengths.push_back(std::exp(theta[j]));
    parameters.noise_ratio = fixed_noise ? noise : std::max(std::exp(theta[lengths]), kSmallestNoise);
    return parameters;
  };
  const auto function = [&](const std::vector<double>& theta, std::vector<double>& gradient) {
    for (const double value : theta) {
      if (std::abs(value) > 40) return std::numeric_limits<double>::infinity();
    }
    const MarginalLikelihood found = likelihood.at(parameters_of(theta));
    double value = -found.value;
    for (size_t j = 0; j <= lengths; ++j) {
      const bool is_noise = j == lengths;
      if (is_noise ? fixed_noise : fixed_length) {
        gradient[j] = 0;
        continue;
      }
      const double center = is_noise ? std::log(kUsualNoise) : usual_length, spread = is_noise ? 2 : 1;
      const double away = (theta[j] - center) / spread;
      value += away * away / 2;
      gradient[j] = -found.gradient[j] + away / spread;
    }
    return value;
  };
  std::optional<Minimum> best;
  for (const double factor : {0.7, 2.0}) {
    std::vector<double> start(lengths, fixed_length ? std::log(options.length) : usual_length + std::log(factor));
    start.push_back(std::log(kUsualNoise));
    Minimum found = minimize(function, start, fixed_length && fixed_noise ? 0 : options.iterations);
    if (!best || found.value < best->value) best = std::move(found);
    if (fixed_length) break;
  }
  return parameters_of(best->x);
}

}  // namespace

struct GaussianProcessRegression::State {
  GaussianProcessOptions options;
  GaussianProcessParameters parameters;
  double center = 0, scale = 0;  // of the values; scale 0: all are equal
  double signal = 0;             // s^2 of the standardized values
  double log_likelihood = 0;
  bool fitted = false;
  MatrixXd x;
  VectorXd weights;
  VectorXd alpha;
  Eigen::LLT<MatrixXd> factor;

  VectorXd take(const FeatureMatrix& features, std::span<const double> values);  // returns the standardized values
  void factorize(const VectorXd& y);
};

GaussianProcessRegression::GaussianProcessRegression(GaussianProcessOptions options)
    : state_(std::make_unique<State>()) {
  state_->options = options;
}
GaussianProcessRegression::~GaussianProcessRegression() = default;
GaussianProcessRegression::GaussianProcessRegression(GaussianProcessRegression&&) noexcept = default;
GaussianProcessRegression& GaussianProcessRegression::operator=(GaussianProcessRegression&&) noexcept = default;

const GaussianProcessParameters& GaussianProcessRegression::parameters() const { return state_->parameters; }
double GaussianProcessRegression::signal_deviation() const { return state_->scale * std::sqrt(state_->signal); }
double GaussianProcessRegression::noise_deviation() const {
  return signal_deviation() * std::sqrt(state_->parameters.noise_ratio);
}
double GaussianProcessRegression::log_marginal_likelihood() const { return state_->log_likelihood; }

VectorXd GaussianProcessRegression::State::take(const FeatureMatrix& features, std::span<const double> values) {
  const size_t n = features.rows();
  NACRE_CHECK(n > 0 && values.size() == n, "a value for each example");
  for (const double value : values) NACRE_CHECK(std::isfinite(value), "values are finite");
  fitted = true;
  x = matrix_of(features);
  VectorXd y = vector_of(values);
  center = y.mean();
  y.array() -= center;
  scale = std::sqrt(y.squaredNorm() / static_cast<double>(n));
  signal = 0;
  if (scale > 1e-14 * std::abs(center)) {
    y /= scale;
  } else {
    scale = 0;
  }
  return y;
}

void GaussianProcessRegression::State::factorize(const VectorXd& y) {
  weights = inverse_squares(parameters.lengths, x.cols());
  const MatrixXd k = kernel_of(options.kernel, squared_distances(options.kernel, x, x, weights));
  for (;; parameters.noise_ratio *= 10) {  // a kernel matrix that rounding made singular gets more noise
    MatrixXd noisy = k;
    noisy.diagonal().array() += parameters.noise_ratio;
    factor.compute(noisy);
    if (factor.info() == Eigen::Success) break;
    NACRE_CHECK(parameters.noise_ratio < 1e3, "a kernel matrix with noise is positive");
  }
  alpha = factor.solve(y);
  const auto n = static_cast<double>(y.size());
  signal = y.dot(alpha) / n;
  double log_determinant = 0;
  for (Eigen::Index i = 0; i < k.rows(); ++i) log_determinant += 2 * std::log(factor.matrixLLT()(i, i));
  log_likelihood = -0.5 * (n * (std::log(2 * std::numbers::pi * signal) + 1) + log_determinant);
}

void GaussianProcessRegression::fit(const FeatureMatrix& features, std::span<const double> values, Random& random) {
  State& state = *state_;
  const VectorXd y = state.take(features, values);
  state.parameters = {{1.0}, kUsualNoise};
  if (state.scale == 0) return;
  const auto few = static_cast<size_t>(state.options.learning_rows);
  if (values.size() <= few) {
    state.parameters = learn(state.options, state.x, y);
  } else {
    std::vector<int64_t> drawn = random.permutation(y.size());
    drawn.resize(few);
    std::ranges::sort(drawn);
    state.parameters = learn(state.options, state.x(drawn, Eigen::all), y(drawn));
  }
  state.factorize(y);
}

void GaussianProcessRegression::refit(const FeatureMatrix& features, std::span<const double> values) {
  State& state = *state_;
  NACRE_CHECK(state.fitted, "refit() comes after fit()");
  const VectorXd y = state.take(features, values);
  if (state.scale != 0) state.factorize(y);
}

std::vector<Prediction> GaussianProcessRegression::predict(const FeatureMatrix& features) const {
  const State& state = *state_;
  NACRE_CHECK(state.fitted, "predict() comes after fit()");
  std::vector<Prediction> result(features.rows(), Prediction{.mean = state.center});
  if (state.scale == 0) return result;
  NACRE_CHECK(features.rows() == 0 || static_cast<Eigen::Index>(features.columns) == state.x.cols(),
              "as many features as in fit()");
  const double signal = signal_deviation(), noise = noise_deviation();
  constexpr size_t kChunk = 256;
  std::vector<size_t> rows;
  for (size_t begin = 0; begin < result.size(); begin += kChunk) {
    rows.resize(std::min(kChunk, result.size() - begin));
    std::iota(rows.begin(), rows.end(), begin);
    const MatrixXd k =
        kernel_of(state.options.kernel,
                  squared_distances(state.options.kernel, state.x, matrix_of(features.pick(rows)), state.weights));
    const VectorXd mean = k.transpose() * state.alpha;
    const MatrixXd explained = state.factor.matrixL().solve(k);
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto column = static_cast<Eigen::Index>(i);
      Prediction& prediction = result[begin + i];
      prediction.mean = state.center + state.scale * mean[column];
      prediction.deviation = signal * std::sqrt(std::max(0.0, 1 - explained.col(column).squaredNorm()));
      prediction.noise = noise;
    }
  }
  return result;
}

MarginalLikelihood marginal_likelihood(const FeatureMatrix& features, std::span<const double> values, Kernel kernel,
                                       const GaussianProcessParameters& parameters) {
  NACRE_CHECK(parameters.lengths.size() == 1 || parameters.lengths.size() == features.columns);
  return Likelihood(kernel, matrix_of(features), vector_of(values)).at(parameters);
}

}  // namespace nacre
