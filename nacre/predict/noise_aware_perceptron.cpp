#include "nacre/predict/noise_aware_perceptron.hpp"

#include <Eigen/Dense>
#include <array>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

MatrixXd silu(const MatrixXd& z) { return (z.array() / (1 + (-z.array()).exp())).matrix(); }
ArrayXXd silu_slope(const MatrixXd& z) {
  const ArrayXXd gate = 1 / (1 + (-z.array()).exp());
  return gate * (1 + z.array() * (1 - gate));
}

}  // namespace

struct NoiseAwarePerceptron::Network {
  // a W + b, silu; a W + b, silu; a w + b. The last input is the noise.
  std::array<MatrixXd, 3> weights;
  std::array<VectorXd, 3> biases;
  Index inputs = 0;

  struct Pass {
    std::array<MatrixXd, 3> inputs, sums;
  };

  // Rows of noisy inputs, each with its sigma.
  MatrixXd scaled(const MatrixXd& x, const VectorXd& sigmas) const {
    MatrixXd a(x.rows(), inputs + 1);
    a.leftCols(inputs) = x.array().colwise() / (1 + sigmas.array().square()).sqrt();
    a.col(inputs) = sigmas.array().log();
    return a;
  }

  VectorXd forward(MatrixXd a, Pass& pass) const {
    for (size_t l = 0; l < 3; ++l) {
      pass.sums[l] = (a * weights[l]).rowwise() + biases[l].transpose();
      pass.inputs[l] = std::move(a);
      a = l < 2 ? silu(pass.sums[l]) : pass.sums[l];
    }
    return a.col(0);
  }

  // `pull`: derivative by the outputs [rows, 1]. Calls `take(l, by weights, by biases)` and returns that by the inputs.
  template <class Take>
  MatrixXd backward(const Pass& pass, MatrixXd pull, const Take& take) const {
    for (size_t l = 3; l-- > 0;) {
      if (l < 2) pull = (pull.array() * silu_slope(pass.sums[l])).matrix();
      take(l, pass.inputs[l], pull);
      pull = (pull * weights[l].transpose()).eval();
    }
    return pull;
  }
};

NoiseAwarePerceptron::NoiseAwarePerceptron(int64_t inputs, const NoiseAwareSettings& settings, Random& random)
    : network_(std::make_unique<Network>()), settings_(settings) {
  NACRE_CHECK(inputs >= 1 && settings.hidden >= 1 && settings.least_sigma > 0);
  network_->inputs = inputs;
  const std::array<Index, 4> sizes = {inputs + 1, settings.hidden, settings.hidden, 1};
  for (size_t l = 0; l < 3; ++l) {
    network_->weights[l] = MatrixXd(sizes[l], sizes[l + 1]);
    const double scale = std::sqrt((l < 2 ? 2.0 : 1.0) / static_cast<double>(sizes[l]));
    for (Index i = 0; i < network_->weights[l].size(); ++i) network_->weights[l].data()[i] = scale * random.normal();
    network_->biases[l] = VectorXd::Zero(sizes[l + 1]);
  }
}

NoiseAwarePerceptron::~NoiseAwarePerceptron() = default;
NoiseAwarePerceptron::NoiseAwarePerceptron(NoiseAwarePerceptron&&) noexcept = default;
NoiseAwarePerceptron& NoiseAwarePerceptron::operator=(NoiseAwarePerceptron&&) noexcept = default;

void NoiseAwarePerceptron::fit(const FeatureMatrix& inputs, std::span<const double> values, Random& random) {
  Network& n = *network_;
  NACRE_CHECK(!values.empty() && inputs.rows() == values.size() && static_cast<Index>(inputs.columns) == n.inputs);
  // Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), the rate falling to 0 by a cosine.
  std::array<MatrixXd, 3> first, second;
  std::array<VectorXd, 3> first_bias, second_bias;
  for (size_t l = 0; l < 3; ++l) {
    first[l] = second[l] = MatrixXd::Zero(n.weights[l].rows(), n.weights[l].cols());
    first_bias[l] = second_bias[l] = VectorXd::Zero(n.biases[l].size());
  }
  MatrixXd x(settings_.batch_size, n.inputs);
  VectorXd y(settings_.batch_size), sigmas(settings_.batch_size);
  const double low = std::log(settings_.least_sigma), high = std::log(settings_.largest_sigma);
  Network::Pass pass;
  for (int64_t step = 1; step <= settings_.steps; ++step) {
    for (Index i = 0; i < x.rows(); ++i) {
      const size_t row = random.below(values.size());
      sigmas[i] = std::exp(random.uniform(low, high));
      for (Index j = 0; j < n.inputs; ++j)
        x(i, j) = static_cast<double>(inputs.row(row)[static_cast<size_t>(j)]) + sigmas[i] * random.normal();
      y[i] = values[row];
    }
    const VectorXd off = n.forward(n.scaled(x, sigmas), pass) - y;
    const auto t = static_cast<double>(step);
    const double rate =
        settings_.learning_rate * 0.5 * (1 + std::cos(3.141592653589793 * t / static_cast<double>(settings_.steps)));
    const double correction = std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t));
    const auto move = [&](auto& parameter, auto& m, auto& v, const auto& gradient, double decay) {
      m = 0.9 * m + 0.1 * gradient;
      v = 0.999 * v + 0.001 * gradient.cwiseProduct(gradient);
      parameter.array() -= rate * (correction * m.array() / (v.array().sqrt() + 1e-8) + decay * parameter.array());
    };
    std::array<MatrixXd, 3> by_weights;
    std::array<VectorXd, 3> by_biases;
    n.backward(pass, off / static_cast<double>(off.size()), [&](size_t l, const MatrixXd& a, const MatrixXd& pull) {
      by_weights[l] = a.transpose() * pull;
      by_biases[l] = pull.colwise().sum().transpose();
    });
    for (size_t l = 0; l < 3; ++l) {
      move(n.weights[l], first[l], second[l], by_weights[l], settings_.weight_decay);
      move(n.biases[l], first_bias[l], second_bias[l], by_biases[l], 0);
    }
  }
}

std::vector<double> NoiseAwarePerceptron::predict(std::span<const double> inputs, double sigma,
                                                  std::vector<double>* gradient) const {
  const Network& n = *network_;
  const auto rows = static_cast<Index>(inputs.size()) / n.inputs;
  NACRE_CHECK(rows * n.inputs == static_cast<Index>(inputs.size()));
  const MatrixXd x = Eigen::Map<const RowMajor>(inputs.data(), rows, n.inputs);
  Network::Pass pass;
  const VectorXd values = n.forward(n.scaled(x, VectorXd::Constant(rows, sigma)), pass);
  if (gradient != nullptr) {
    const MatrixXd by_input =
        n.backward(pass, MatrixXd::Ones(rows, 1), [](size_t, const MatrixXd&, const MatrixXd&) {});
    gradient->resize(inputs.size());
    Eigen::Map<RowMajor>(gradient->data(), rows, n.inputs) = by_input.leftCols(n.inputs) / std::sqrt(1 + sigma * sigma);
  }
  return {values.data(), values.data() + rows};
}

}  // namespace nacre
