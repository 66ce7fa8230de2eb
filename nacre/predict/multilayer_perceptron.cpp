#include "nacre/predict/multilayer_perceptron.hpp"

#include "nacre/predict/dense_network.hpp"
#include "nacre/predict/linear_algebra.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Half the mean squared error; the gradient is overwritten.
double loss_of(const DenseStack& stack, const VectorXd& parameters, const MatrixXd& x, const VectorXd& y,
               VectorXd* gradient) {
  DenseStack::Tape tape;
  const VectorXd off = stack.forward(parameters, x, gradient != nullptr ? &tape : nullptr).col(0) - y;
  const auto n = static_cast<double>(x.rows());
  if (gradient != nullptr) {
    gradient->setZero(parameters.size());
    stack.backward(parameters, tape, off / n, gradient, false);
  }
  return off.squaredNorm() / (2 * n);
}

}  // namespace

MultilayerPerceptron MultilayerPerceptron::draw(std::vector<int64_t> sizes, Random& random) {
  NACRE_CHECK(sizes.size() >= 2 && sizes.back() == 1);
  const DenseStack stack(sizes);
  VectorXd parameters(stack.end());
  stack.draw(parameters, random);
  return {.sizes = std::move(sizes), .parameters = {parameters.begin(), parameters.end()}};
}

std::vector<double> MultilayerPerceptron::predict(const FeatureMatrix& features) const {
  if (features.rows() == 0) return {};
  const VectorXd answers = DenseStack(sizes).forward(vector_of(parameters), matrix_of(features)).col(0);
  return {answers.begin(), answers.end()};
}

double MultilayerPerceptron::loss(const FeatureMatrix& features, std::span<const double> values,
                                  std::vector<double>* gradient) const {
  VectorXd slope;
  const double loss = loss_of(DenseStack(sizes), vector_of(parameters), matrix_of(features), vector_of(values),
                              gradient == nullptr ? nullptr : &slope);
  if (gradient != nullptr) gradient->assign(slope.begin(), slope.end());
  return loss;
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
    stack_ = DenseStack(sizes);
    theta_.resize(stack_.end());
    stack_.draw(theta_, random);
    if (spread_ > 0) train(x, y, random);
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    NACRE_CHECK(!stack_.layers().empty(), "predict() comes after fit()");
    const FeatureMatrix& features = examples.features;
    std::vector<Prediction> result(features.rows(), {.mean = center_});
    if (features.rows() == 0) return result;
    NACRE_CHECK(static_cast<Eigen::Index>(features.columns) == shift_.size(), "as many features as in fit()");
    if (spread_ == 0) return result;
    const MatrixXd x = (matrix_of(features).rowwise() - shift_.transpose()) * scale_.cwiseInverse().asDiagonal();
    const VectorXd answers = stack_.forward(theta_, x).col(0);
    for (Eigen::Index i = 0; i < answers.size(); ++i)
      result[static_cast<size_t>(i)].mean = center_ + spread_ * answers[i];
    return result;
  }

  Json statistics() const override {
    return {{"parameters", stack_.end()}, {"training_error", spread_ * std::sqrt(2 * training_loss_)}};
  }

 private:
  void train(const MatrixXd& x, const VectorXd& y, Random& random) {
    const auto n = static_cast<size_t>(x.rows());
    const size_t batch = std::min(batch_, n), batches = n / batch;
    const int64_t steps = epochs_ * static_cast<int64_t>(batches);
    Adam adam(theta_.size());
    VectorXd gradient;
    int64_t step = 0;
    for (int64_t epoch = 0; epoch < epochs_; ++epoch) {
      const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(n));
      for (size_t b = 0; b < batches; ++b) {
        const auto rows = std::span(order).subspan(b * batch, batch);
        loss_of(stack_, theta_, rows_of(x, rows), rows_of(y, rows).col(0), &gradient);
        adam.begin_step();
        adam.move(stack_, theta_, gradient, cosine_rate(learning_rate_, step++, steps), weight_decay_);
      }
    }
    training_loss_ = loss_of(stack_, theta_, x, y, nullptr);
  }

  const std::vector<int64_t> hidden_;
  const int64_t epochs_;
  const size_t batch_;
  const double learning_rate_, weight_decay_;
  DenseStack stack_;
  VectorXd theta_;
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
