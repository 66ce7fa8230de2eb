// `random_forest` and `extra_trees`: means of deep trees, each grown on its own draw of the rows, with features (and, of extra
// trees, thresholds) drawn at every split. How much the trees disagree is the deviation; what the trees that did not see a row
// miss beyond that is the noise.
#include <cmath>
#include <numeric>

#include "nacre/predict/out_of_bag.hpp"
#include "nacre/predict/predictors.hpp"
#include "nacre/predict/tree_grower.hpp"

namespace nacre {
namespace {

class TreeEnsemble final : public Predictor {
 public:
  TreeEnsemble(const Options& options, bool random_thresholds)
      : count_(static_cast<size_t>(options.integer("trees"))),
        feature_fraction_(options.real("feature_fraction")),
        bootstrap_(options.boolean("bootstrap")) {
    growth_.min_leaf = options.integer("min_leaf");
    growth_.random_thresholds = random_thresholds;
  }

  void fit(const Examples& examples, std::span<const double> values, Random& random) override {
    const FeatureMatrix& features = examples.features;
    const size_t n = features.rows();
    NACRE_CHECK(n > 0 && values.size() == n, "a value for each example");
    for (const double value : values) NACRE_CHECK(std::isfinite(value), "values are finite");
    columns_ = features.columns;
    trees_.clear();
    center_ = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(n);
    const FeatureBins bins(features, 255);
    std::vector<size_t> useful;
    for (size_t feature = 0; feature < columns_; ++feature) {
      if (bins.bins(feature) > 1) useful.push_back(feature);
    }
    TreeGrowth growth = growth_;
    growth.features_per_split =
        std::max<int64_t>(1, std::llround(feature_fraction_ * static_cast<double>(useful.size())));
    std::vector<double> gradients(n), hessians(n, 1.0);
    for (size_t i = 0; i < n; ++i) gradients[i] = center_ - values[i];
    OutOfBag unseen(n);
    for (size_t k = 0; k < count_; ++k) {
      const std::vector<uint32_t> rows = draw_rows(n, n, bootstrap_, random);
      RegressionTree tree;
      if (useful.empty()) {
        tree.nodes.emplace_back();
      } else {
        tree = grow_tree(growth, bins, gradients, hessians, rows, useful, random);
      }
      for (size_t i = 0, next = 0; i < n; ++i) {
        bool seen = false;
        for (; next < rows.size() && rows[next] == i; ++next) seen = true;
        if (!seen) unseen.add(i, center_ + tree.predict(features.row(i)));
      }
      trees_.push_back(std::move(tree));
    }
    noise_ = unseen.noise(values);
    error_ = unseen.error(values);
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    NACRE_CHECK(!trees_.empty(), "predict() comes after fit()");
    const FeatureMatrix& features = examples.features;
    NACRE_CHECK(features.rows() == 0 || features.columns == columns_, "as many features as in fit()");
    std::vector<double> sums(features.rows(), 0.0), squares(features.rows(), 0.0);
    for (const RegressionTree& tree : trees_) {
      for (size_t i = 0; i < sums.size(); ++i) {
        const double answer = tree.predict(features.row(i));  // about the center: squares do not cancel
        sums[i] += answer;
        squares[i] += answer * answer;
      }
    }
    const auto count = static_cast<double>(trees_.size());
    std::vector<Prediction> result;
    for (size_t i = 0; i < sums.size(); ++i) {
      const double mean = sums[i] / count;
      const double variance = count > 1 ? std::max(0.0, (squares[i] - count * mean * mean) / (count - 1)) : 0;
      result.push_back({center_ + mean, std::sqrt(variance), noise_});
    }
    return result;
  }

  Json statistics() const override {
    int64_t leaves = 0;
    for (const RegressionTree& tree : trees_) leaves += tree.leaves();
    return {{"trees", trees_.size()}, {"leaves", leaves}, {"out_of_bag_error", error_}};
  }

 private:
  const size_t count_;
  const double feature_fraction_;
  const bool bootstrap_;
  TreeGrowth growth_;
  size_t columns_ = 0;
  double center_ = 0, noise_ = 0, error_ = 0;
  std::vector<RegressionTree> trees_;  // answer with the distance from the center
};

std::vector<Parameter> parameters(double feature_fraction) {
  return {{.name = "trees",
           .type = ParameterType::integer,
           .description = "in the ensemble",
           .default_value = 100,
           .minimum = 1,
           .maximum = 1e5},
          {.name = "min_leaf",
           .type = ParameterType::integer,
           .description = "training rows in a leaf at least",
           .default_value = 2,
           .minimum = 1,
           .maximum = 1e6},
          {.name = "feature_fraction",
           .type = ParameterType::real,
           .description = "share of the features drawn at each split",
           .default_value = feature_fraction,
           .minimum = 1e-6,
           .maximum = 1},
          {.name = "bootstrap",
           .type = ParameterType::boolean,
           .description = "each tree sees as many rows as there are, drawn with replacement; false: all rows, and no "
                          "estimate of the noise",
           .default_value = true}};
}

}  // namespace

void add_random_forest(Registry<PredictorFactory>& registry) {
  registry.add({.name = "random_forest",
                .summary = "mean of deep trees on drawn rows and features; deviation from their disagreement",
                .source = "Breiman, Random forests, Machine Learning 45, 2001",
                .parameters = parameters(0.5),
                .example = "kind: random_forest\ntrees: 50"},
               [](const Options& options) { return std::make_unique<TreeEnsemble>(options, false); });
}

void add_extra_trees(Registry<PredictorFactory>& registry) {
  registry.add({.name = "extra_trees",
                .summary = "mean of deep trees with drawn thresholds, too: smoother than random_forest",
                .source = "Geurts et al., Extremely randomized trees, Machine Learning 63, 2006",
                .parameters = parameters(0.5),
                .example = "kind: extra_trees\ntrees: 50"},
               [](const Options& options) { return std::make_unique<TreeEnsemble>(options, true); });
}

}  // namespace nacre
