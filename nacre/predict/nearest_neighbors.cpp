// `nearest_neighbors`: the mean of the most similar networks known, nearer ones counting more.
//
// Distance is Euclidean; on one-hot rows its square is twice the number of decisions that differ. Weights are 1 / (d^2 + 1).
// The number of neighbors is chosen by the leave-one-out error unless given. Deviation: that of the neighbors' mean.
#include <numeric>

#include "nacre/predict/linear_algebra.hpp"
#include "nacre/predict/predictors.hpp"

namespace nacre {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

class NearestNeighbors final : public Predictor {
 public:
  explicit NearestNeighbors(const Options& options) : fixed_(options.has("neighbors")) {
    if (fixed_) neighbors_ = static_cast<size_t>(options.integer("neighbors"));
  }

  void fit(const Examples& examples, std::span<const double> values, Random&) override {
    check_examples(examples, values);
    features_ = examples.features;
    values_.assign(values.begin(), values.end());
    norms_ = rows_of(features_).rowwise().squaredNorm();
    const size_t n = values.size();
    // What each of the accepted numbers of neighbors gets wrong when a row may not use itself.
    std::vector<size_t> counts =
        fixed_ ? std::vector<size_t>{neighbors_} : std::vector<size_t>{1, 2, 3, 5, 8, 12, 20, 32};
    std::vector<double> errors(counts.size(), 0.0), spreads(counts.size(), 0.0);
    if (!fixed_) neighbors_ = 1;
    for_nearest(features_, counts.back() + 1, [&](size_t row, std::vector<Near>& near) {
      std::erase_if(near, [&](const Near& other) { return other.row == row; });
      for (size_t c = 0; c < counts.size(); ++c) {
        const Prediction answer = mean_of(near, counts[c]);
        errors[c] += (answer.mean - values_[row]) * (answer.mean - values_[row]);
        spreads[c] += answer.deviation * answer.deviation;
      }
    });
    noise_ = leave_one_out_ = 0;
    if (n < 2) return;
    const size_t best = static_cast<size_t>(std::ranges::min_element(errors) - errors.begin());
    neighbors_ = counts[best];
    leave_one_out_ = std::sqrt(errors[best] / static_cast<double>(n));
    noise_ = std::sqrt(std::max(0.0, errors[best] - spreads[best]) / static_cast<double>(n));
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    NACRE_CHECK(!values_.empty(), "predict() comes after fit()");
    NACRE_CHECK(examples.size() == 0 || examples.features.columns == features_.columns, "as many features as in fit()");
    std::vector<Prediction> result(examples.size());
    for_nearest(examples.features, neighbors_, [&](size_t row, std::vector<Near>& near) {
      result[row] = mean_of(near, neighbors_);
      result[row].noise = noise_;
    });
    return result;
  }

  Json statistics() const override { return {{"neighbors", neighbors_}, {"leave_one_out_error", leave_one_out_}}; }

 private:
  struct Near {
    float distance;  // squared
    size_t row;
    auto operator<=>(const Near&) const = default;
  };

  static Eigen::Map<const Rows> rows_of(const FeatureMatrix& features) {
    return {features.values.data(), static_cast<Eigen::Index>(features.rows()),
            static_cast<Eigen::Index>(features.columns)};
  }

  // Calls visit(row, its `count` nearest in order) for each row of `features`. Of equals the earlier known one is nearer.
  template <class Visit>
  void for_nearest(const FeatureMatrix& features, size_t count, const Visit& visit) const {
    constexpr size_t kChunk = 256;
    count = std::min(count, values_.size());
    std::vector<Near> near(values_.size());
    std::vector<size_t> rows;
    for (size_t begin = 0; begin < features.rows(); begin += kChunk) {
      rows.resize(std::min(kChunk, features.rows() - begin));
      std::iota(rows.begin(), rows.end(), begin);
      const FeatureMatrix chunk = features.pick(rows);
      const Eigen::MatrixXf products = rows_of(features_) * rows_of(chunk).transpose();
      for (size_t i = 0; i < rows.size(); ++i) {
        const float norm = rows_of(chunk).row(static_cast<Eigen::Index>(i)).squaredNorm();
        near.resize(values_.size());
        for (size_t k = 0; k < near.size(); ++k) {
          const auto known = static_cast<Eigen::Index>(k);
          near[k] = {std::max(0.0F, norms_[known] + norm - 2 * products(known, static_cast<Eigen::Index>(i))), k};
        }
        const auto end = near.begin() + static_cast<std::ptrdiff_t>(count);
        std::ranges::nth_element(near, end);
        near.resize(count);
        std::ranges::sort(near);
        visit(begin + i, near);
      }
    }
  }

  Prediction mean_of(const std::vector<Near>& near, size_t count) const {
    double weights = 0, sum = 0, squares = 0;
    count = std::min(count, near.size());
    if (count == 0) return {.mean = values_[0]};
    for (size_t i = 0; i < count; ++i) {
      const double weight = 1 / (1 + static_cast<double>(near[i].distance));
      weights += weight;
      sum += weight * values_[near[i].row];
      squares += weight * weight;
    }
    const double mean = sum / weights;
    double spread = 0;
    for (size_t i = 0; i < count; ++i) {
      const double weight = 1 / (1 + static_cast<double>(near[i].distance));
      spread += weight * std::pow(values_[near[i].row] - mean, 2);
    }
    const double effective = weights * weights / squares;
    const double variance = effective > 1 ? spread / weights / (effective - 1) : 0;
    return {.mean = mean, .deviation = std::sqrt(variance)};
  }

  const bool fixed_;
  size_t neighbors_ = 1;
  FeatureMatrix features_;
  std::vector<double> values_;
  Eigen::VectorXf norms_;
  double noise_ = 0, leave_one_out_ = 0;
};

}  // namespace

void add_nearest_neighbors(Registry<PredictorFactory>& registry) {
  registry.add({.name = "nearest_neighbors",
                .summary = "weighted mean of the most similar networks known",
                .source = "Cover and Hart, Nearest neighbor pattern classification, IEEE TIT 13, 1967",
                .parameters = {{.name = "neighbors",
                                .type = ParameterType::integer,
                                .description = "that count; left out: 1 to 32, by the leave-one-out error",
                                .minimum = 1,
                                .maximum = 1e6}},
                .example = "kind: nearest_neighbors\nneighbors: 8"},
               [](const Options& options) { return std::make_unique<NearestNeighbors>(options); });
}

}  // namespace nacre
