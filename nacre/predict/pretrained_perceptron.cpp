#include "nacre/predict/pretrained_perceptron.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/base/error.hpp"
#include "nacre/predict/dense_network.hpp"
#include "nacre/predict/linear_algebra.hpp"

namespace nacre {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Also of features without columns.
MatrixXd recipes_of(const FeatureMatrix& features, Index rows) {
  return features.columns == 0 ? MatrixXd(rows, 0) : matrix_of(features);
}

MatrixXd beside(const MatrixXd& left, const MatrixXd& right) {
  MatrixXd both(left.rows(), left.cols() + right.cols());
  both << left, right;
  return both;
}

}  // namespace

struct PretrainedPerceptron::Network {
  Index architecture_inputs = 0, recipe_inputs = 0, proxies = 0;
  DenseStack encoder, proxy_head, accuracy_head;  // in this order among the parameters
  VectorXd parameters;
  VectorXd pretrained;  // what a fit starts from
  std::vector<Standard> proxy_standard;
  Standard value_standard;

  // Mean Huber loss on standardized values.
  double accuracy_loss(const MatrixXd& x, const MatrixXd& recipe, const VectorXd& y, double huber, bool into_encoder,
                       VectorXd* gradient) const {
    DenseStack::Tape encoder_tape, head_tape;
    const bool back = gradient != nullptr;
    const MatrixXd code = encoder.forward(parameters, x, back ? &encoder_tape : nullptr);
    const VectorXd off =
        accuracy_head.forward(parameters, beside(code, recipe), back ? &head_tape : nullptr).col(0) - y;
    const auto n = static_cast<double>(off.size());
    double loss = 0;
    MatrixXd pull(off.size(), 1);
    for (Index i = 0; i < off.size(); ++i) {
      const double size = std::abs(off[i]);
      loss += (size <= huber ? 0.5 * size * size : huber * (size - 0.5 * huber)) / n;
      pull(i, 0) = std::clamp(off[i], -huber, huber) / n;
    }
    if (back) {
      *gradient = VectorXd::Zero(parameters.size());
      const MatrixXd inner = accuracy_head.backward(parameters, head_tape, pull, gradient, into_encoder);
      if (into_encoder) encoder.backward(parameters, encoder_tape, inner.leftCols(code.cols()), gradient, false);
    }
    return loss;
  }

  double proxy_loss(const MatrixXd& x, const MatrixXd& y, VectorXd& gradient) const {
    DenseStack::Tape encoder_tape, head_tape;
    const MatrixXd code = encoder.forward(parameters, x, &encoder_tape);
    const MatrixXd off = proxy_head.forward(parameters, code, &head_tape) - y;
    const auto n = static_cast<double>(off.size());
    gradient = VectorXd::Zero(parameters.size());
    encoder.backward(parameters, encoder_tape, proxy_head.backward(parameters, head_tape, off / n, &gradient),
                     &gradient, false);
    return 0.5 * off.squaredNorm() / n;
  }
};

PretrainedPerceptron::PretrainedPerceptron(int64_t architecture_inputs, int64_t recipe_inputs, int64_t proxies,
                                           const PretrainedPerceptronSettings& settings, Random& random)
    : network_(std::make_unique<Network>()), settings_(settings) {
  NACRE_CHECK(architecture_inputs >= 1 && recipe_inputs >= 0 && proxies >= 0 && settings.hidden >= 1);
  Network& n = *network_;
  n.architecture_inputs = architecture_inputs;
  n.recipe_inputs = recipe_inputs;
  n.proxies = proxies;
  using Sizes = std::vector<int64_t>;
  const int64_t hidden = settings.hidden;
  n.encoder = DenseStack(Sizes{architecture_inputs, hidden, hidden}, 0, true);
  if (proxies > 0) n.proxy_head = DenseStack(Sizes{hidden, proxies}, n.encoder.end());
  const Index rest = proxies > 0 ? n.proxy_head.end() : n.encoder.end();
  n.accuracy_head = DenseStack(Sizes{hidden + recipe_inputs, hidden, 1}, rest);
  n.parameters.resize(n.accuracy_head.end());
  for (const DenseStack* stack : {&n.encoder, &n.proxy_head, &n.accuracy_head}) stack->draw(n.parameters, random);
  n.pretrained = n.parameters;
  n.proxy_standard.resize(static_cast<size_t>(proxies));
}

PretrainedPerceptron::~PretrainedPerceptron() = default;
PretrainedPerceptron::PretrainedPerceptron(PretrainedPerceptron&&) noexcept = default;
PretrainedPerceptron& PretrainedPerceptron::operator=(PretrainedPerceptron&&) noexcept = default;

void PretrainedPerceptron::pretrain(const FeatureMatrix& architectures, std::span<const double> proxies,
                                    Random& random) {
  Network& n = *network_;
  const auto rows = static_cast<Index>(architectures.rows());
  NACRE_CHECK(n.proxies > 0 && rows > 0 && static_cast<Index>(proxies.size()) == rows * n.proxies);
  const MatrixXd x = matrix_of(architectures);
  MatrixXd y(rows, n.proxies);
  for (Index i = 0; i < y.size(); ++i) y(i / n.proxies, i % n.proxies) = proxies[static_cast<size_t>(i)];
  for (Index j = 0; j < n.proxies; ++j) {
    Standard& standard = n.proxy_standard[static_cast<size_t>(j)] = standard_of(y.col(j));
    y.col(j) = ((y.col(j).array() - standard.mean) / standard.scale).matrix();
  }
  Adam adam(n.parameters.size());
  std::vector<int64_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), int64_t{0});
  VectorXd gradient;
  const int64_t epochs = settings_.pretraining_epochs;
  const auto batch = static_cast<size_t>(4 * settings_.batch_size);
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    random.shuffle(std::span(order));
    const double rate = cosine_rate(settings_.learning_rate, epoch, epochs);
    for (size_t begin = 0; begin < order.size(); begin += batch) {
      const std::span<const int64_t> some = std::span(order).subspan(begin, std::min(batch, order.size() - begin));
      n.proxy_loss(rows_of(x, some), rows_of(y, some), gradient);
      adam.begin_step();
      adam.move(n.parameters, gradient, rate, 0, n.proxy_head.end());
    }
  }
  n.pretrained = n.parameters;
}

void PretrainedPerceptron::fit(const FeatureMatrix& architectures, const FeatureMatrix& recipes,
                               std::span<const double> values, Random& random) {
  Network& n = *network_;
  const auto rows = static_cast<Index>(values.size());
  NACRE_CHECK(rows > 0 && static_cast<Index>(architectures.rows()) == rows);
  n.parameters = n.pretrained;
  const MatrixXd x = matrix_of(architectures), recipe = recipes_of(recipes, rows);
  VectorXd y = Eigen::Map<const VectorXd>(values.data(), rows);
  n.value_standard = standard_of(y);
  y = ((y.array() - n.value_standard.mean) / n.value_standard.scale).matrix();
  std::vector<int64_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), int64_t{0});
  VectorXd gradient;
  const auto phase = [&](int64_t epochs, double rate, bool joint) {
    Adam adam(n.parameters.size());
    const auto batch = static_cast<size_t>(settings_.batch_size);
    const auto steps_an_epoch = static_cast<int64_t>((order.size() + batch - 1) / batch);
    // Few examples are shown more often, many less: between 100 and 400 steps.
    const int64_t steps = epochs == 0 ? 0 : std::clamp<int64_t>(epochs * steps_an_epoch, 100, 400);
    for (int64_t step = 0; step < steps; ++step) {
      const auto place = static_cast<size_t>(step % steps_an_epoch);
      if (place == 0) random.shuffle(std::span(order));
      const auto some =
          std::span<const int64_t>(order).subspan(place * batch, std::min(batch, order.size() - place * batch));
      n.accuracy_loss(rows_of(x, some), rows_of(recipe, some), rows_of(y, some).col(0), settings_.huber, joint,
                      &gradient);
      adam.begin_step();
      if (joint) adam.move(n.encoder, n.parameters, gradient, rate, 0);
      adam.move(n.accuracy_head, n.parameters, gradient, rate, 0);
    }
  };
  phase(settings_.frozen_epochs, settings_.learning_rate, false);
  phase(settings_.joint_epochs, settings_.learning_rate / 10, true);
}

std::vector<double> PretrainedPerceptron::predict(const FeatureMatrix& architectures,
                                                  const FeatureMatrix& recipes) const {
  const Network& n = *network_;
  const auto rows = static_cast<Index>(architectures.rows());
  const MatrixXd code = n.encoder.forward(n.parameters, matrix_of(architectures));
  const VectorXd y = n.accuracy_head.forward(n.parameters, beside(code, recipes_of(recipes, rows))).col(0);
  std::vector<double> values(static_cast<size_t>(rows));
  for (Index i = 0; i < rows; ++i)
    values[static_cast<size_t>(i)] = y[i] * n.value_standard.scale + n.value_standard.mean;
  return values;
}

std::vector<double> PretrainedPerceptron::predict_proxies(const FeatureMatrix& architectures) const {
  const Network& n = *network_;
  const auto rows = static_cast<Index>(architectures.rows());
  const MatrixXd code = n.encoder.forward(n.parameters, matrix_of(architectures));
  const MatrixXd y = n.proxy_head.forward(n.parameters, code);
  std::vector<double> values;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < n.proxies; ++j) {
      const Standard& standard = n.proxy_standard[static_cast<size_t>(j)];
      values.push_back(y(i, j) * standard.scale + standard.mean);
    }
  }
  return values;
}

std::vector<double> PretrainedPerceptron::encoder_parameters() const {
  return {network_->parameters.data(), network_->parameters.data() + network_->encoder.end()};
}

std::vector<double> PretrainedPerceptron::parameters() const {
  return {network_->parameters.data(), network_->parameters.data() + network_->parameters.size()};
}

void PretrainedPerceptron::set_parameters(std::span<const double> parameters) {
  NACRE_CHECK(static_cast<Index>(parameters.size()) == network_->parameters.size());
  network_->parameters = Eigen::Map<const VectorXd>(parameters.data(), network_->parameters.size());
}

double PretrainedPerceptron::accuracy_loss(const FeatureMatrix& architectures, const FeatureMatrix& recipes,
                                           std::span<const double> values, std::vector<double>* gradient) const {
  const auto rows = static_cast<Index>(values.size());
  VectorXd slope;
  const double loss = network_->accuracy_loss(matrix_of(architectures), recipes_of(recipes, rows),
                                              Eigen::Map<const VectorXd>(values.data(), rows), settings_.huber, true,
                                              gradient != nullptr ? &slope : nullptr);
  if (gradient != nullptr) gradient->assign(slope.data(), slope.data() + slope.size());
  return loss;
}

}  // namespace nacre
