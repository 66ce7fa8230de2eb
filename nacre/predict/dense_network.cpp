#include "nacre/predict/dense_network.hpp"

#include <cmath>
#include <numbers>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;

ArrayXXd gate_of(const MatrixXd& z) { return 1 / (1 + (-z.array()).exp()); }

}  // namespace

DenseStack::DenseStack(std::span<const int64_t> sizes, Index begin, bool last_activated) : begin_(begin), end_(begin) {
  NACRE_CHECK(sizes.size() >= 2, "inputs and outputs");
  for (size_t l = 0; l + 1 < sizes.size(); ++l) {
    const Layer layer{.inputs = sizes[l],
                      .outputs = sizes[l + 1],
                      .weights = end_,
                      .biases = end_ + sizes[l] * sizes[l + 1],
                      .activated = l + 2 < sizes.size() || last_activated};
    end_ = layer.biases + layer.outputs;
    layers_.push_back(layer);
  }
}

void DenseStack::draw(Eigen::Ref<VectorXd> parameters, Random& random) const {
  for (const Layer& layer : layers_) {
    const double deviation =
        std::sqrt((layer.activated ? 2.0 : 1.0) / static_cast<double>(std::max<Index>(layer.inputs, 1)));
    for (Index i = layer.weights; i < layer.biases; ++i) parameters[i] = deviation * random.normal();
    parameters.segment(layer.biases, layer.outputs).setZero();
  }
}

MatrixXd DenseStack::forward(const Eigen::Ref<const VectorXd>& parameters, MatrixXd a, Tape* tape) const {
  if (tape != nullptr) *tape = {};
  for (const Layer& layer : layers_) {
    const Map<const MatrixXd> weights(parameters.data() + layer.weights, layer.inputs, layer.outputs);
    MatrixXd z = (a * weights).rowwise() + parameters.segment(layer.biases, layer.outputs).transpose();
    if (tape != nullptr) {
      tape->inputs.push_back(std::move(a));
      tape->sums.push_back(z);
    }
    a = layer.activated ? MatrixXd(z.array() * gate_of(z)) : std::move(z);
  }
  return a;
}

MatrixXd DenseStack::backward(const Eigen::Ref<const VectorXd>& parameters, const Tape& tape, MatrixXd pull,
                              VectorXd* gradient, bool by_inputs) const {
  for (size_t l = layers_.size(); l-- > 0;) {
    const Layer& layer = layers_[l];
    if (layer.activated) {
      const ArrayXXd gate = gate_of(tape.sums[l]);
      pull = (pull.array() * gate * (1 + tape.sums[l].array() * (1 - gate))).matrix();
    }
    if (gradient != nullptr) {
      Map<MatrixXd>(gradient->data() + layer.weights, layer.inputs, layer.outputs).noalias() +=
          tape.inputs[l].transpose() * pull;
      gradient->segment(layer.biases, layer.outputs) += pull.colwise().sum().transpose();
    }
    if (l == 0 && !by_inputs) return {};
    const Map<const MatrixXd> weights(parameters.data() + layer.weights, layer.inputs, layer.outputs);
    pull = (pull * weights.transpose()).eval();
  }
  return pull;
}

void Adam::move(Eigen::Ref<VectorXd> parameters, const VectorXd& gradient, double rate, Index begin, Index end) {
  const auto t = static_cast<double>(steps_);
  const double scale = 1 - std::pow(0.9, t), root = std::sqrt(1 - std::pow(0.999, t));
  auto m = first_.segment(begin, end - begin);
  auto v = second_.segment(begin, end - begin);
  const auto g = gradient.segment(begin, end - begin);
  m = 0.9 * m + 0.1 * g;
  v = 0.999 * v + 0.001 * g.cwiseAbs2();
  parameters.segment(begin, end - begin).array() -= rate * (m.array() / scale) / (v.array().sqrt() / root + 1e-8);
}

void Adam::move(const DenseStack& stack, Eigen::Ref<VectorXd> parameters, const VectorXd& gradient, double rate,
                double decay) {
  for (const DenseStack::Layer& layer : stack.layers())
    parameters.segment(layer.weights, layer.biases - layer.weights) *= 1 - rate * decay;
  move(parameters, gradient, rate, stack.begin(), stack.end());
}

double cosine_rate(double rate, int64_t step, int64_t steps) {
  return rate * 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps)));
}

MatrixXd rows_of(const MatrixXd& all, std::span<const int64_t> rows) {
  MatrixXd some(static_cast<Index>(rows.size()), all.cols());
  for (size_t i = 0; i < rows.size(); ++i) some.row(static_cast<Index>(i)) = all.row(rows[i]);
  return some;
}

Standard standard_of(const Eigen::Ref<const VectorXd>& values) {
  const double mean = values.mean();
  const double deviation = std::sqrt((values.array() - mean).square().mean());
  return {mean, deviation > 1e-12 ? deviation : 1};
}

}  // namespace nacre
