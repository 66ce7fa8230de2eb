#include "nacre/predict/noise_aware_perceptron.hpp"

#include <array>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/predict/dense_network.hpp"

namespace nacre {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

struct NoiseAwarePerceptron::Network {
  DenseStack stack;  // the last input is the noise
  VectorXd parameters;
  Index inputs = 0;

  // Rows of noisy inputs, each with its sigma.
  MatrixXd scaled(const MatrixXd& x, const VectorXd& sigmas) const {
    MatrixXd a(x.rows(), inputs + 1);
    a.leftCols(inputs) = x.array().colwise() / (1 + sigmas.array().square()).sqrt();
    a.col(inputs) = sigmas.array().log();
    return a;
  }
};

NoiseAwarePerceptron::NoiseAwarePerceptron(int64_t inputs, const NoiseAwareSettings& settings, Random& random)
    : network_(std::make_unique<Network>()), settings_(settings) {
  NACRE_CHECK(inputs >= 1 && settings.hidden >= 1 && settings.least_sigma > 0);
  network_->inputs = inputs;
  network_->stack = DenseStack(std::array<int64_t, 4>{inputs + 1, settings.hidden, settings.hidden, 1});
  network_->parameters.resize(network_->stack.end());
  network_->stack.draw(network_->parameters, random);
}

NoiseAwarePerceptron::~NoiseAwarePerceptron() = default;
NoiseAwarePerceptron::NoiseAwarePerceptron(NoiseAwarePerceptron&&) noexcept = default;
NoiseAwarePerceptron& NoiseAwarePerceptron::operator=(NoiseAwarePerceptron&&) noexcept = default;

void NoiseAwarePerceptron::fit(const FeatureMatrix& inputs, std::span<const double> values, Random& random) {
  Network& n = *network_;
  NACRE_CHECK(!values.empty() && inputs.rows() == values.size() && static_cast<Index>(inputs.columns) == n.inputs);
  Adam adam(n.parameters.size());
  MatrixXd x(settings_.batch_size, n.inputs);
  VectorXd y(settings_.batch_size), sigmas(settings_.batch_size);
  const double low = std::log(settings_.least_sigma), high = std::log(settings_.largest_sigma);
  DenseStack::Tape tape;
  VectorXd gradient;
  for (int64_t step = 1; step <= settings_.steps; ++step) {
    for (Index i = 0; i < x.rows(); ++i) {
      const size_t row = random.below(values.size());
      sigmas[i] = std::exp(random.uniform(low, high));
      for (Index j = 0; j < n.inputs; ++j)
        x(i, j) = static_cast<double>(inputs.row(row)[static_cast<size_t>(j)]) + sigmas[i] * random.normal();
      y[i] = values[row];
    }
    const VectorXd off = n.stack.forward(n.parameters, n.scaled(x, sigmas), &tape).col(0) - y;
    gradient.setZero(n.parameters.size());
    n.stack.backward(n.parameters, tape, off / static_cast<double>(off.size()), &gradient, false);
    adam.begin_step();
    adam.move(n.stack, n.parameters, gradient, cosine_rate(settings_.learning_rate, step, settings_.steps),
              settings_.weight_decay);
  }
}

std::vector<double> NoiseAwarePerceptron::predict(std::span<const double> inputs, double sigma,
                                                  std::vector<double>* gradient) const {
  const Network& n = *network_;
  const auto rows = static_cast<Index>(inputs.size()) / n.inputs;
  NACRE_CHECK(rows * n.inputs == static_cast<Index>(inputs.size()));
  const MatrixXd x = Eigen::Map<const RowMajor>(inputs.data(), rows, n.inputs);
  DenseStack::Tape tape;
  const VectorXd values =
      n.stack.forward(n.parameters, n.scaled(x, VectorXd::Constant(rows, sigma)), gradient != nullptr ? &tape : nullptr)
          .col(0);
  if (gradient != nullptr) {
    const MatrixXd by_input = n.stack.backward(n.parameters, tape, MatrixXd::Ones(rows, 1), nullptr);
    gradient->resize(inputs.size());
    Eigen::Map<RowMajor>(gradient->data(), rows, n.inputs) = by_input.leftCols(n.inputs) / std::sqrt(1 + sigma * sigma);
  }
  return {values.data(), values.data() + rows};
}

}  // namespace nacre
