#include "nacre/predict/pretrained_perceptron.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Where a layer's weights [in, out] and biases lie among the parameters.
struct Layer {
  Index inputs = 0, outputs = 0, weights = 0, biases = 0;
  bool activated = false;
};

ArrayXXd gate_of(const MatrixXd& z) { return 1 / (1 + (-z.array()).exp()); }

MatrixXd matrix_of(const FeatureMatrix& features, Index rows) {
  MatrixXd matrix(rows, static_cast<Index>(features.columns));
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < matrix.cols(); ++j)
      matrix(i, j) = features.values[static_cast<size_t>(i * matrix.cols() + j)];
  }
  return matrix;
}

MatrixXd rows_of(const MatrixXd& all, std::span<const int64_t> rows) {
  MatrixXd some(static_cast<Index>(rows.size()), all.cols());
  for (size_t i = 0; i < rows.size(); ++i) some.row(static_cast<Index>(i)) = all.row(rows[i]);
  return some;
}

// Mean and scale by which a column is brought to mean 0 and deviation 1.
struct Standard {
  double mean = 0, scale = 1;
};

Standard standard_of(const VectorXd& column) {
  const double mean = column.mean();
  const double deviation = std::sqrt((column.array() - mean).square().mean());
  return {mean, deviation > 1e-12 ? deviation : 1};
}

// Kingma and Ba, ICLR 2015.
class Adam {
 public:
  explicit Adam(Index size) : first_(VectorXd::Zero(size)), second_(VectorXd::Zero(size)) {}
  void begin_step() { ++steps_; }
  // Moves the parameters in [begin, end).
  void move(VectorXd& parameters, const VectorXd& gradient, double rate, Index begin, Index end) {
    const double correction = std::sqrt(1 - std::pow(0.999, steps_)) / (1 - std::pow(0.9, steps_));
    const Index count = end - begin;
    auto m = first_.segment(begin, count);
    auto v = second_.segment(begin, count);
    const auto g = gradient.segment(begin, count);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g.cwiseProduct(g);
    parameters.segment(begin, count).array() -= rate * correction * m.array() / (v.array().sqrt() + 1e-8);
  }

 private:
  VectorXd first_, second_;
  int steps_ = 0;
};

}  // namespace

struct PretrainedPerceptron::Network {
  Index architecture_inputs = 0, recipe_inputs = 0, proxies = 0;
  std::vector<Layer> encoder, proxy_head, accuracy_head;
  VectorXd parameters;  // encoder, then proxy head, then accuracy head
  VectorXd pretrained;  // what a fit starts from
  Index encoder_end = 0, proxy_end = 0;
  std::vector<Standard> proxy_standard;
  Standard value_standard;

  // What a pass through layers leaves for the way back.
  struct Tape {
    std::vector<MatrixXd> inputs, sums;
  };

  MatrixXd forward(const std::vector<Layer>& layers, MatrixXd a, Tape* tape) const {
    for (const Layer& layer : layers) {
      const Eigen::Map<const MatrixXd> weights(parameters.data() + layer.weights, layer.inputs, layer.outputs);
      const Eigen::Map<const VectorXd> biases(parameters.data() + layer.biases, layer.outputs);
      MatrixXd z = (a * weights).rowwise() + biases.transpose();
      if (tape != nullptr) {
        tape->inputs.push_back(std::move(a));
        tape->sums.push_back(z);
      }
      a = layer.activated ? MatrixXd(z.array() * gate_of(z)) : std::move(z);
    }
    return a;
  }

  // Gradient of the parameters, added; returns that of the inputs.
  MatrixXd backward(const std::vector<Layer>& layers, const Tape& tape, MatrixXd pull, VectorXd& gradient) const {
    for (size_t l = layers.size(); l-- > 0;) {
      const Layer& layer = layers[l];
      if (layer.activated) {
        const ArrayXXd gate = gate_of(tape.sums[l]);
        pull = (pull.array() * gate * (1 + tape.sums[l].array() * (1 - gate))).matrix();
      }
      Eigen::Map<MatrixXd>(gradient.data() + layer.weights, layer.inputs, layer.outputs) +=
          tape.inputs[l].transpose() * pull;
      Eigen::Map<VectorXd>(gradient.data() + layer.biases, layer.outputs) += pull.colwise().sum().transpose();
      const Eigen::Map<const MatrixXd> weights(parameters.data() + layer.weights, layer.inputs, layer.outputs);
      pull = (pull * weights.transpose()).eval();
    }
    return pull;
  }

  static MatrixXd beside(const MatrixXd& left, const MatrixXd& right) {
    MatrixXd both(left.rows(), left.cols() + right.cols());
    both << left, right;
    return both;
  }

  // Mean Huber loss on standardized values.
  double accuracy_loss(const MatrixXd& x, const MatrixXd& recipe, const VectorXd& y, double huber, bool into_encoder,
                       VectorXd* gradient) const {
    Tape encoder_tape, head_tape;
    const bool back = gradient != nullptr;
    const MatrixXd code = forward(encoder, x, back ? &encoder_tape : nullptr);
    const VectorXd off = forward(accuracy_head, beside(code, recipe), back ? &head_tape : nullptr).col(0) - y;
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
      const MatrixXd inner = backward(accuracy_head, head_tape, pull, *gradient);
      if (into_encoder) backward(encoder, encoder_tape, inner.leftCols(code.cols()), *gradient);
    }
    return loss;
  }

  double proxy_loss(const MatrixXd& x, const MatrixXd& y, VectorXd& gradient) const {
    Tape encoder_tape, head_tape;
    const MatrixXd code = forward(encoder, x, &encoder_tape);
    const MatrixXd off = forward(proxy_head, code, &head_tape) - y;
    const auto n = static_cast<double>(off.size());
    gradient = VectorXd::Zero(parameters.size());
    backward(encoder, encoder_tape, backward(proxy_head, head_tape, off / n, gradient), gradient);
    return 0.5 * off.squaredNorm() / n;
  }

  void draw(const std::vector<Layer>& layers, Random& random) {
    for (const Layer& layer : layers) {
      const double scale = std::sqrt((layer.activated ? 2.0 : 1.0) / static_cast<double>(layer.inputs));
      for (Index i = 0; i < layer.inputs * layer.outputs; ++i) parameters[layer.weights + i] = scale * random.normal();
      parameters.segment(layer.biases, layer.outputs).setZero();
    }
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
  Index place = 0;
  const auto add = [&](std::vector<Layer>& layers, Index inputs, Index outputs, bool activated) {
    layers.push_back({inputs, outputs, place, place + inputs * outputs, activated});
    place = layers.back().biases + outputs;
  };
  const Index hidden = settings.hidden;
  add(n.encoder, architecture_inputs, hidden, true);
  add(n.encoder, hidden, hidden, true);
  n.encoder_end = place;
  if (proxies > 0) add(n.proxy_head, hidden, proxies, false);
  n.proxy_end = place;
  add(n.accuracy_head, hidden + recipe_inputs, hidden, true);
  add(n.accuracy_head, hidden, 1, false);
  n.parameters = VectorXd::Zero(place);
  for (const std::vector<Layer>* layers : {&n.encoder, &n.proxy_head, &n.accuracy_head}) n.draw(*layers, random);
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
  const MatrixXd x = matrix_of(architectures, rows);
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
    const double share = static_cast<double>(epoch) / static_cast<double>(epochs);
    const double rate = settings_.learning_rate * 0.5 * (1 + std::cos(3.141592653589793 * share));
    for (size_t begin = 0; begin < order.size(); begin += batch) {
      const std::span<const int64_t> some = std::span(order).subspan(begin, std::min(batch, order.size() - begin));
      n.proxy_loss(rows_of(x, some), rows_of(y, some), gradient);
      adam.begin_step();
      adam.move(n.parameters, gradient, rate, 0, n.proxy_end);
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
  const MatrixXd x = matrix_of(architectures, rows), recipe = matrix_of(recipes, rows);
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
      if (joint) adam.move(n.parameters, gradient, rate, 0, n.encoder_end);
      adam.move(n.parameters, gradient, rate, n.proxy_end, n.parameters.size());
    }
  };
  phase(settings_.frozen_epochs, settings_.learning_rate, false);
  phase(settings_.joint_epochs, settings_.learning_rate / 10, true);
}

std::vector<double> PretrainedPerceptron::predict(const FeatureMatrix& architectures,
                                                  const FeatureMatrix& recipes) const {
  const Network& n = *network_;
  const auto rows = static_cast<Index>(architectures.rows());
  const MatrixXd code = n.forward(n.encoder, matrix_of(architectures, rows), nullptr);
  const VectorXd y = n.forward(n.accuracy_head, Network::beside(code, matrix_of(recipes, rows)), nullptr).col(0);
  std::vector<double> values(static_cast<size_t>(rows));
  for (Index i = 0; i < rows; ++i)
    values[static_cast<size_t>(i)] = y[i] * n.value_standard.scale + n.value_standard.mean;
  return values;
}

std::vector<double> PretrainedPerceptron::predict_proxies(const FeatureMatrix& architectures) const {
  const Network& n = *network_;
  const auto rows = static_cast<Index>(architectures.rows());
  const MatrixXd y = n.forward(n.proxy_head, n.forward(n.encoder, matrix_of(architectures, rows), nullptr), nullptr);
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
  return {network_->parameters.data(), network_->parameters.data() + network_->encoder_end};
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
  const double loss = network_->accuracy_loss(matrix_of(architectures, rows), matrix_of(recipes, rows),
                                              Eigen::Map<const VectorXd>(values.data(), rows), settings_.huber, true,
                                              gradient != nullptr ? &slope : nullptr);
  if (gradient != nullptr) gradient->assign(slope.data(), slope.data() + slope.size());
  return loss;
}

}  // namespace nacre
