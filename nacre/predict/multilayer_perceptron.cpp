#include "nacre/predict/multilayer_perceptron.hpp"

#include <numbers>
#include <numeric>

#include "nacre/predict/linear_algebra.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Where a layer's weights and biases lie among the parameters.
struct Layer {
  Eigen::Index inputs, outputs, weights, biases;
};

std::vector<Layer> layers_of(std::span<const int64_t> sizes) {
  std::vector<Layer> layers;
  Eigen::Index place = 0;
  for (size_t l = 0; l + 1 < sizes.size(); ++l) {
    layers.push_back({sizes[l], sizes[l + 1], place, place + sizes[l] * sizes[l + 1]});
    place = layers.back().biases + sizes[l + 1];
  }
  return layers;
}

MatrixXd silu(const MatrixXd& z) { return (z.array() / (1 + (-z.array()).exp())).matrix(); }
Eigen::ArrayXXd silu_slope(const MatrixXd& z) {
  const Eigen::ArrayXXd gate = 1 / (1 + (-z.array()).exp());
  return gate * (1 + z.array() * (1 - gate));
}

// Outputs; `sums` receives each layer's a W + b, `inputs` its a.
VectorXd forward(const std::vector<Layer>& layers, const double* parameters, const MatrixXd& x,
                 std::vector<MatrixXd>* inputs, std::vector<MatrixXd>* sums) {
  MatrixXd a = x;
  for (size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const Eigen::Map<const MatrixXd> weights(parameters + layer.weights, layer.inputs, layer.outputs);
    const Eigen::Map<const VectorXd> biases(parameters + layer.biases, layer.outputs);
    const MatrixXd z = (a * weights).rowwise() + biases.transpose();
    if (inputs != nullptr) inputs->push_back(a);
    if (sums != nullptr) sums->push_back(z);
    a = l + 1 < layers.size() ? silu(z) : z;
  }
  return a.col(0);
}

double loss_of(const std::vector<Layer>& layers, const double* parameters, const MatrixXd& x, const VectorXd& y,
               double* gradient) {
  std::vector<MatrixXd> inputs, sums;
  const VectorXd off =
      forward(layers, parameters, x, gradient != nullptr ? &inputs : nullptr, gradient != nullptr ? &sums : nullptr) -
      y;
  const auto n = static_cast<double>(x.rows());
  if (gradient != nullptr) {
    MatrixXd pull = off / n;  // of the loss by a layer's sums
    for (size_t l = layers.size(); l-- > 0;) {
      const Layer& layer = layers[l];
      Eigen::Map<MatrixXd>(gradient + layer.weights, layer.inputs, layer.outputs) = inputs[l].transpose() * pull;
      Eigen::Map<VectorXd>(gradient + layer.biases, layer.outputs) = pull.colwise().sum().transpose();
      if (l == 0) break;
      const Eigen::Map<const MatrixXd> weights(parameters + layer.weights, layer.inputs, layer.outputs);
      pull = ((pull * weights.transpose()).array() * silu_slope(sums[l - 1])).matrix();
    }
  }
  return off.squaredNorm() / (2 * n);
}

}  // namespace

int64_t MultilayerPerceptron::parameter_count(std::span<const int64_t> sizes) {
  int64_t count = 0;
  for (size_t l = 0; l + 1 < sizes.size(); ++l) count += (sizes[l] + 1) * sizes[l + 1];
  return count;
}

MultilayerPerceptron MultilayerPerceptron::draw(std::vector<int64_t> sizes, Random& random) {
  NACRE_CHECK(sizes.size() >= 2 && sizes.back() == 1);
  MultilayerPerceptron network;
  network.parameters.assign(static_cast<size_t>(parameter_count(sizes)), 0.0);
  for (const Layer& layer : layers_of(sizes)) {
    const double deviation = std::sqrt(2 / static_cast<double>(std::max<Eigen::Index>(layer.inputs, 1)));
    for (Eigen::Index i = layer.weights; i < layer.biases; ++i)
      network.parameters[static_cast<size_t>(i)] = deviation * random.normal();
  }
  network.sizes = std::move(sizes);
  return network;
}

std::vector<double> MultilayerPerceptron::predict(const FeatureMatrix& features) const {
  if (features.rows() == 0) return {};
  const VectorXd answers = forward(layers_of(sizes), parameters.data(), matrix_of(features), nullptr, nullptr);
  return {answers.begin(), answers.end()};
}

double MultilayerPerceptron::loss(const FeatureMatrix& features, std::span<const double> values,
                                  std::vector<double>* gradient) const {
  if (gradient != nullptr) gradient->assign(parameters.size(), 0.0);
  return loss_of(layers_of(sizes), parameters.data(), matrix_of(features), vector_of(values),
                 gradient == nullptr ? nullptr : gradient->data());
}

namespace {

// Features and values standardized; AdamW (Loshchilov and Hutter, ICLR 2019) with a cosine from the learning rate to 0.
class Perceptron final : public Predictor {
 public:
  explicit Perceptron(const Options& options)
      : hidden_(options.integers("hidden")),
        epochs_(options.integer("epochs")),
        batch_(static_cast<size_t>(options.integer("batch_size"))),
        learning_rate_(options.real("learning_rate")),
        weight_decay_(options.real("weight_decay")) {}

  void fit(const Examples& examples, std::span<const double> values, Random& random) override {
    check_examples(examples, values);
    MatrixXd x = matrix_of(examples.features);
    const Eigen::Index n = x.rows();
    shift_ = x.colwise().mean();
    x.rowwise() -= shift_.transpose();
    scale_ = (x.colwise().squaredNorm() / static_cast<double>(n)).cwiseSqrt().transpose();
    for (double& scale : scale_) scale = scale > 1e-12 ? scale : 1;
    x = x * scale_.cwiseInverse().asDiagonal();
    VectorXd y = vector_of(values);
    center_ = y.mean();
    y.array() -= center_;
    spread_ = std::sqrt(y.squaredNorm() / static_cast<double>(n));
    if (!(spread_ > 1e-14 * std::abs(center_))) spread_ = 0;
    if (spread_ > 0) y /= spread_;

    std::vector<int64_t> sizes = {x.cols()};
    sizes.insert(sizes.end(), hidden_.begin(), hidden_.end());
    sizes.push_back(1);
    network_ = MultilayerPerceptron::draw(std::move(sizes), random);
    if (spread_ > 0) train(x, y, random);
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    NACRE_CHECK(!network_.sizes.empty(), "predict() comes after fit()");
    const FeatureMatrix& features = examples.features;
    std::vector<Prediction> result(features.rows(), {.mean = center_});
    if (features.rows() == 0) return result;
    NACRE_CHECK(static_cast<int64_t>(features.columns) == network_.sizes[0], "as many features as in fit()");
    if (spread_ == 0) return result;
    const MatrixXd x = (matrix_of(features).rowwise() - shift_.transpose()) * scale_.cwiseInverse().asDiagonal();
    const VectorXd answers = forward(layers_of(network_.sizes), network_.parameters.data(), x, nullptr, nullptr);
    for (Eigen::Index i = 0; i < answers.size(); ++i)
      result[static_cast<size_t>(i)].mean = center_ + spread_ * answers[i];
    return result;
  }

  Json statistics() const override {
    return {{"parameters", network_.parameters.size()}, {"training_error", spread_ * std::sqrt(2 * training_loss_)}};
  }

 private:
  void train(const MatrixXd& x, const VectorXd& y, Random& random) {
    const std::vector<Layer> layers = layers_of(network_.sizes);
    Eigen::Map<VectorXd> theta(network_.parameters.data(), static_cast<Eigen::Index>(network_.parameters.size()));
    VectorXd gradient = VectorXd::Zero(theta.size()), first = gradient, second = gradient, decayed = gradient;
    for (const Layer& layer : layers) decayed.segment(layer.weights, layer.biases - layer.weights).setOnes();
    const auto n = static_cast<size_t>(x.rows());
    const size_t batch = std::min(batch_, n), batches = n / batch;
    const double steps = static_cast<double>(epochs_) * static_cast<double>(batches);
    double power_1 = 1, power_2 = 1, step = 0;
    for (int64_t epoch = 0; epoch < epochs_; ++epoch) {
      const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(n));
      for (size_t b = 0; b < batches; ++b) {
        const std::vector<int64_t> rows(order.begin() + static_cast<std::ptrdiff_t>(b * batch),
                                        order.begin() + static_cast<std::ptrdiff_t>((b + 1) * batch));
        loss_of(layers, theta.data(), x(rows, Eigen::all), y(rows), gradient.data());
        const double rate = learning_rate_ * (1 + std::cos(std::numbers::pi * step++ / steps)) / 2;
        first = 0.9 * first + 0.1 * gradient;
        second = 0.999 * second + 0.001 * gradient.cwiseAbs2();
        power_1 *= 0.9;
        power_2 *= 0.999;
        theta.array() -= rate * ((first.array() / (1 - power_1)) / ((second.array() / (1 - power_2)).sqrt() + 1e-8) +
                                 weight_decay_ * decayed.array() * theta.array());
      }
    }
    training_loss_ = loss_of(layers, theta.data(), x, y, nullptr);
  }

  const std::vector<int64_t> hidden_;
  const int64_t epochs_;
  const size_t batch_;
  const double learning_rate_, weight_decay_;
  MultilayerPerceptron network_;
  VectorXd shift_, scale_;  // of the features
  double center_ = 0, spread_ = 0;
  double training_loss_ = 0;
};

}  // namespace

void add_multilayer_perceptron(Registry<PredictorFactory>& registry) {
  registry.add(
      {.name = "multilayer_perceptron",
       .summary = "small fully connected network on features",
       .source = "White et al., BANANAS, AAAI 2021, section 4, uses such networks; AdamW: Loshchilov and Hutter, "
                 "ICLR 2019",
       .parameters = {{.name = "hidden",
                       .type = ParameterType::integer_list,
                       .description = "widths of the hidden layers",
                       .default_value = Json::array({32, 32}),
                       .minimum = 1,
                       .maximum = 1e5},
                      {.name = "epochs",
                       .type = ParameterType::integer,
                       .description = "passes over the examples",
                       .default_value = 150,
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "batch_size",
                       .type = ParameterType::integer,
                       .description = "examples of a step at most",
                       .default_value = 32,
                       .minimum = 1,
                       .maximum = 1e6},
                      {.name = "learning_rate",
                       .type = ParameterType::real,
                       .description = "of the first step; falls along a cosine",
                       .default_value = 0.01,
                       .minimum = 1e-9,
                       .maximum = 10},
                      {.name = "weight_decay",
                       .type = ParameterType::real,
                       .description = "share of the weights taken away at a step, times the rate",
                       .default_value = 0.1,
                       .minimum = 0,
                       .maximum = 1e3}},
       .example = "kind: multilayer_perceptron\nhidden: [64, 64]\nepochs: 100"},
      [](const Options& options) { return std::make_unique<Perceptron>(options); });
}

}  // namespace nacre
