// `ridge`: a weight for each feature, shrunk (Hoerl and Kennard, Technometrics 12, 1970). On one-hot rows a look-up table of
// what each alternative adds; the yardstick for everything that claims to see interactions. Where `pairs` is set, products of
// two features are features, too.
//
// With the columns centered and X = U S V', the shrinkage is chosen among powers of ten by the leave-one-out error, which for a
// linear smoother follows from one fit: e_i = (y_i - yhat_i) / (1 - h_ii). Deviations are those of Bayesian linear regression.
#include "nacre/predict/linear_algebra.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

class Ridge final : public Predictor {
 public:
  explicit Ridge(const Options& options) : pairs_(options.boolean("pairs")) {
    if (options.has("penalty")) fixed_penalty_ = options.real("penalty");
  }

  void fit(const Examples& examples, std::span<const double> values, Random&) override {
    check_examples(examples, values);
    columns_ = examples.features.columns;
    MatrixXd x = expand(examples.features);
    const auto n = static_cast<double>(x.rows());
    means_ = x.colwise().mean();
    x.rowwise() -= means_.transpose();
    VectorXd y = vector_of(values);
    center_ = y.mean();
    y.array() -= center_;
    // Of the smaller of X'X and XX': squares of the singular values, and the left singular vectors.
    const bool wide = x.cols() > x.rows();
    const MatrixXd gram = wide ? MatrixXd(x * x.transpose()) : MatrixXd(x.transpose() * x);
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(gram);
    const double largest = std::max(solver.eigenvalues().maxCoeff(), 1e-300);
    std::vector<Eigen::Index> kept;
    for (Eigen::Index i = 0; i < gram.rows(); ++i) {
      if (solver.eigenvalues()[i] > 1e-10 * largest) kept.push_back(i);
    }
    squares_ = solver.eigenvalues()(kept);
    const VectorXd scale = squares_.cwiseSqrt().cwiseInverse();
    MatrixXd left;
    if (wide) {
      left = solver.eigenvectors()(Eigen::all, kept);
      right_ = x.transpose() * left * scale.asDiagonal();
    } else {
      right_ = solver.eigenvectors()(Eigen::all, kept);
      left = x * right_ * scale.asDiagonal();
    }
    const VectorXd projected = left.transpose() * y;
    double best = std::numeric_limits<double>::infinity();
    const auto consider = [&](double penalty) {
      const VectorXd kept_share = squares_.array() / (squares_.array() + penalty);
      const VectorXd fitted = left * (kept_share.asDiagonal() * projected);
      const VectorXd leverage = (left.array().square().matrix() * kept_share).array() + 1 / n;
      const double error = ((y - fitted).array() / (1 - leverage.array()).max(1e-6)).square().mean();
      if (error >= best) return;
      best = error;
      penalty_ = penalty;
    };
    if (fixed_penalty_) {
      consider(*fixed_penalty_);
    } else {
      for (double exponent = -4; exponent <= 4; exponent += 0.5) consider(std::pow(10.0, exponent));
    }
    leave_one_out_ = std::sqrt(best);
    weights_ = right_ * (squares_.cwiseSqrt().array() / (squares_.array() + penalty_) * projected.array()).matrix();
    const VectorXd kept_share = squares_.array() / (squares_.array() + penalty_);
    const double residual = (y - left * (kept_share.asDiagonal() * projected)).squaredNorm();
    noise_ = std::sqrt(residual / std::max(1.0, n - 1 - kept_share.sum()));
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    NACRE_CHECK(columns_ > 0, "predict() comes after fit()");
    const FeatureMatrix& features = examples.features;
    NACRE_CHECK(features.rows() == 0 || features.columns == columns_, "as many features as in fit()");
    std::vector<Prediction> result;
    if (features.rows() == 0) return result;
    const MatrixXd x = expand(features).rowwise() - means_.transpose();
    const VectorXd mean = x * weights_;
    // x' (X'X + penalty)^-1 x, with what lies outside the rows seen: (|x|^2 - |V'x|^2) / penalty.
    const MatrixXd inside = x * right_;
    const VectorXd known = inside.array().square().matrix() * (squares_.array() + penalty_).inverse().matrix();
    const VectorXd outside = (x.rowwise().squaredNorm() - inside.rowwise().squaredNorm()).cwiseMax(0.0) / penalty_;
    for (Eigen::Index i = 0; i < mean.size(); ++i)
      result.push_back({center_ + mean[i], noise_ * std::sqrt(known[i] + outside[i]), noise_});
    return result;
  }

  Json statistics() const override { return {{"penalty", penalty_}, {"leave_one_out_error", leave_one_out_}}; }

 private:
  MatrixXd expand(const FeatureMatrix& features) const {
    const MatrixXd x = matrix_of(features);
    if (!pairs_) return x;
    const Eigen::Index columns = x.cols();
    MatrixXd result(x.rows(), columns + columns * (columns - 1) / 2);
    result.leftCols(columns) = x;
    Eigen::Index next = columns;
    for (Eigen::Index i = 0; i < columns; ++i) {
      for (Eigen::Index j = i + 1; j < columns; ++j) result.col(next++) = x.col(i).cwiseProduct(x.col(j));
    }
    return result;
  }

  const bool pairs_;
  std::optional<double> fixed_penalty_;
  size_t columns_ = 0;
  double center_ = 0, penalty_ = 1, noise_ = 0, leave_one_out_ = 0;
  VectorXd means_, weights_, squares_;
  MatrixXd right_;
};

}  // namespace

void add_ridge(Registry<PredictorFactory>& registry) {
  registry.add({.name = "ridge",
                .summary = "a shrunk weight for each feature, and for each pair where asked",
                .source = "Hoerl and Kennard, Ridge regression, Technometrics 12, 1970",
                .parameters = {{.name = "penalty",
                                .type = ParameterType::real,
                                .description = "on the squares of the weights; left out: by the leave-one-out error",
                                .minimum = 1e-12},
                               {.name = "pairs",
                                .type = ParameterType::boolean,
                                .description = "products of two features are features, too",
                                .default_value = false}},
                .example = "kind: ridge\npairs: true"},
               [](const Options& options) { return std::make_unique<Ridge>(options); });
}

}  // namespace nacre
