#include "nacre/predict/score_network.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "nacre/predict/dense_network.hpp"
#include "nacre/predict/linear_algebra.hpp"

namespace nacre {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kTimeFrequencies = 3;
constexpr Index kTimeFeatures = 1 + 2 * kTimeFrequencies;

MatrixXd matrix_from(std::span<const double> values, Index columns) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(values.data(), static_cast<Index>(values.size()) / columns, columns);
}

std::vector<double> row_major(const MatrixXd& matrix) {
  std::vector<double> values(static_cast<size_t>(matrix.size()));
  for (Index i = 0; i < matrix.rows(); ++i) {
    for (Index j = 0; j < matrix.cols(); ++j) values[static_cast<size_t>(i * matrix.cols() + j)] = matrix(i, j);
  }
  return values;
}

}  // namespace

struct ScoreNetwork::Network {
  struct Row {
    Index code = 0, classes = 0, count = 0;  // places in the code and among the classes; alternatives
  };
  std::vector<Row> rows;
  Index width = 0, classes = 0;
  VectorXd log_probability;  // of each class, on the examples
  DenseStack stack;
  VectorXd parameters;

  // x shrunk to about unit variance, and how far on the way from least to largest noise it is.
  MatrixXd inputs(const MatrixXd& x, const VectorXd& sigmas, const ScoreNetworkSettings& settings) const {
    MatrixXd result(x.rows(), width + kTimeFeatures);
    for (Index i = 0; i < x.rows(); ++i) {
      result.row(i).head(width) = x.row(i) / std::sqrt(1 + sigmas[i] * sigmas[i]);
      const double t =
          std::log(sigmas[i] / settings.least_sigma) / std::log(settings.largest_sigma / settings.least_sigma);
      result(i, width) = 2 * t - 1;
      for (int f = 0; f < kTimeFrequencies; ++f) {
        const double angle = std::numbers::pi * static_cast<double>(1 << f) * t;
        result(i, width + 1 + 2 * f) = std::cos(angle);
        result(i, width + 2 + 2 * f) = std::sin(angle);
      }
    }
    return result;
  }

  // Softmax over the classes of each decision: what independent decisions would give, and what the network adds.
  MatrixXd probabilities(const MatrixXd& x, const VectorXd& sigmas, const MatrixXd& added) const {
    MatrixXd result = added.rowwise() + log_probability.transpose();
    for (Index i = 0; i < x.rows(); ++i) {
      const double factor = 2 / (sigmas[i] * sigmas[i]);
      for (const Row& row : rows) {
        auto logits = result.row(i).segment(row.classes, row.count + 1);
        logits.head(row.count) += factor * x.row(i).segment(row.code, row.count);
        const double largest = logits.maxCoeff();
        logits = (logits.array() - largest).exp();
        logits /= logits.sum();
      }
    }
    return result;
  }

  // The class of each decision in clean codes.
  std::vector<Index> classes_of(const MatrixXd& codes) const {
    std::vector<Index> taken;
    for (Index i = 0; i < codes.rows(); ++i) {
      for (const Row& row : rows) {
        Index taken_class = row.count;
        for (Index a = 0; a < row.count; ++a) {
          if (codes(i, row.code + a) > 0) taken_class = a;
        }
        taken.push_back(row.classes + taken_class);
      }
    }
    return taken;
  }

  double loss(const MatrixXd& codes, const VectorXd& sigmas, const MatrixXd& noise,
              const ScoreNetworkSettings& settings, VectorXd* gradient) const {
    const MatrixXd x = codes + MatrixXd(noise.array().colwise() * sigmas.array());
    DenseStack::Tape tape;
    const MatrixXd added = stack.forward(parameters, inputs(x, sigmas, settings), gradient ? &tape : nullptr);
    MatrixXd probability = probabilities(x, sigmas, added);
    const std::vector<Index> taken = classes_of(codes);
    double sum = 0;
    size_t next = 0;
    for (Index i = 0; i < codes.rows(); ++i) {
      for (size_t r = 0; r < rows.size(); ++r) {
        const Index c = taken[next++];
        sum -= std::log(std::max(probability(i, c), 1e-300));
        probability(i, c) -= 1;
      }
    }
    const auto count = static_cast<double>(codes.rows());
    if (gradient != nullptr) stack.backward(parameters, tape, probability / count, gradient, false);
    return sum / count;
  }
};

ScoreNetwork::ScoreNetwork(std::vector<int64_t> alternatives, const ScoreNetworkSettings& settings, Random& random)
    : network_(std::make_unique<Network>()), settings_(settings) {
  NACRE_CHECK(!alternatives.empty() && settings.steps >= 1 && settings.batch_size >= 1 && settings.hidden >= 1);
  NACRE_CHECK(settings.least_sigma > 0 && settings.largest_sigma > settings.least_sigma);
  Network& n = *network_;
  for (const int64_t count : alternatives) {
    NACRE_CHECK(count >= 1);
    n.rows.push_back({n.width, n.classes, count});
    n.width += count;
    n.classes += count + 1;
  }
  n.log_probability = VectorXd::Zero(n.classes);
  n.stack = DenseStack(std::array<int64_t, 4>{n.width + kTimeFeatures, settings.hidden, settings.hidden, n.classes});
  n.parameters = VectorXd::Zero(n.stack.end());
  n.stack.draw(n.parameters, random);
}

ScoreNetwork::~ScoreNetwork() = default;
ScoreNetwork::ScoreNetwork(ScoreNetwork&&) noexcept = default;
ScoreNetwork& ScoreNetwork::operator=(ScoreNetwork&&) noexcept = default;

void ScoreNetwork::fit(const FeatureMatrix& codes, Random& random) {
  Network& n = *network_;
  const MatrixXd all = matrix_of(codes);
  NACRE_CHECK(all.rows() >= 1 && all.cols() == n.width, "codes of this width");
  VectorXd counts = VectorXd::Zero(n.classes);
  for (const Index c : n.classes_of(all)) counts[c] += 1;
  for (const Network::Row& row : n.rows) {
    for (Index c = row.classes; c <= row.classes + row.count; ++c) {
      // An alternative without an example is rare, not impossible; that a decision is not made is, where it always was.
      const bool never = c == row.classes + row.count && counts[c] == 0;
      n.log_probability[c] =
          never
              ? -1e3
              : std::log((counts[c] + 0.5) / (static_cast<double>(all.rows()) + 0.5 * static_cast<double>(row.count)));
    }
  }
  n.stack.draw(n.parameters, random);
  // Nothing is added before something is learned.
  const DenseStack::Layer& last = n.stack.layers().back();
  n.parameters.segment(last.weights, last.inputs * last.outputs).setZero();

  Adam adam(n.parameters.size());
  VectorXd mean = n.parameters;
  const Index batch = std::min<Index>(settings_.batch_size, std::max<Index>(all.rows(), 16));
  const double growth = std::log(settings_.largest_sigma / settings_.least_sigma);
  VectorXd gradient(n.parameters.size()), sigmas(batch);
  MatrixXd drawn(batch, n.width), noise(batch, n.width);
  for (int64_t step = 0; step < settings_.steps; ++step) {
    for (Index i = 0; i < batch; ++i) {
      drawn.row(i) = all.row(static_cast<Index>(random.below(static_cast<uint64_t>(all.rows()))));
      sigmas[i] = settings_.least_sigma * std::exp(growth * random.uniform());
      for (Index j = 0; j < n.width; ++j) noise(i, j) = random.normal();
    }
    gradient.setZero();
    n.loss(drawn, sigmas, noise, settings_, &gradient);
    adam.begin_step();
    adam.move(n.parameters, gradient, cosine_rate(settings_.learning_rate, step, settings_.steps), n.stack.begin(),
              n.stack.end());
    const double decay = std::min(settings_.average, static_cast<double>(step) / static_cast<double>(step + 10));
    mean += (1 - decay) * (n.parameters - mean);
  }
  n.parameters = mean;
}

std::vector<double> ScoreNetwork::posterior(std::span<const double> codes, double sigma) const {
  const Network& n = *network_;
  NACRE_CHECK(codes.size() % static_cast<size_t>(n.width) == 0 && sigma > 0);
  const MatrixXd x = matrix_from(codes, n.width);
  const VectorXd sigmas = VectorXd::Constant(x.rows(), sigma);
  return row_major(n.probabilities(x, sigmas, n.stack.forward(n.parameters, n.inputs(x, sigmas, settings_))));
}

std::vector<double> ScoreNetwork::score(std::span<const double> codes, double sigma) const {
  const Network& n = *network_;
  const std::vector<double> probability = posterior(codes, sigma);
  std::vector<double> result(codes.size());
  const auto width = static_cast<size_t>(n.width), classes = static_cast<size_t>(n.classes);
  for (size_t i = 0; i < codes.size() / width; ++i) {
    for (const Network::Row& row : n.rows) {
      for (Index a = 0; a < row.count; ++a) {
        const size_t place = i * width + static_cast<size_t>(row.code + a);
        const double expected = 2 * probability[i * classes + static_cast<size_t>(row.classes + a)] - 1;
        result[place] = (expected - codes[place]) / (sigma * sigma);
      }
    }
  }
  return result;
}

std::vector<double> ScoreNetwork::parameters() const {
  return {network_->parameters.begin(), network_->parameters.end()};
}

void ScoreNetwork::set_parameters(std::span<const double> parameters) {
  NACRE_CHECK(static_cast<Index>(parameters.size()) == network_->parameters.size());
  network_->parameters = vector_of(parameters);
}

double ScoreNetwork::loss(const FeatureMatrix& codes, std::span<const double> sigmas, std::span<const double> noise,
                          std::vector<double>* gradient) const {
  const Network& n = *network_;
  VectorXd by_parameters = VectorXd::Zero(n.parameters.size());
  const double value = n.loss(matrix_of(codes), vector_of(sigmas), matrix_from(noise, n.width), settings_,
                              gradient == nullptr ? nullptr : &by_parameters);
  if (gradient != nullptr) gradient->assign(by_parameters.begin(), by_parameters.end());
  return value;
}

}  // namespace nacre
