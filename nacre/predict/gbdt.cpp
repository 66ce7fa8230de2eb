// `gbdt`: gradient-boosted trees on features (boosted_trees.hpp), with the settings of GBDT-NAS (Luo et al., Accuracy
// prediction with non-neural model for neural architecture search, arXiv 2007.04785).
#include <cmath>

#include "nacre/predict/boosted_trees.hpp"
#include "nacre/predict/predictors.hpp"
#include "nacre/predict/tree_parameters.hpp"

namespace nacre {
namespace {

class Gbdt final : public Predictor {
 public:
  explicit Gbdt(const BoostedTreesOptions& options) : trees_(options) {}

  void fit(const Examples& examples, std::span<const double> values, Random& random) override {
    trees_.fit(examples.features, values, random);
    double sum = 0;
    const std::vector<double> fitted = trees_.predict(examples.features);
    for (size_t i = 0; i < fitted.size(); ++i) sum += (fitted[i] - values[i]) * (fitted[i] - values[i]);
    training_error_ = std::sqrt(sum / static_cast<double>(values.size()));
  }

  std::vector<Prediction> predict(const Examples& examples) const override {
    std::vector<Prediction> result;
    for (const double mean : trees_.predict(examples.features)) result.push_back({.mean = mean});
    return result;
  }

  bool only_ranks() const override { return trees_.options().objective == BoostingObjective::ranking; }

  Json statistics() const override {
    int64_t leaves = 0;
    for (const RegressionTree& tree : trees_.trees()) leaves += tree.leaves();
    Json json = {{"trees", trees_.trees().size()}, {"leaves", leaves}, {"min_leaf", trees_.min_leaf()}};
    if (!only_ranks()) json["training_error"] = training_error_;
    return json;
  }

 private:
  BoostedTrees trees_;
  double training_error_ = 0;
};

}  // namespace

const std::vector<Parameter>& boosted_trees_parameters() {
  static const std::vector<Parameter> parameters = {
      {.name = "objective",
       .type = ParameterType::text,
       .description = "squared error, or the order alone by logistic loss on pairs",
       .default_value = "regression",
       .choices = {"regression", "ranking"}},
      {.name = "rounds",
       .type = ParameterType::integer,
       .description = "trees",
       .default_value = 100,
       .minimum = 1,
       .maximum = 1e5},
      {.name = "learning_rate",
       .type = ParameterType::real,
       .description = "share of a tree's answer that counts",
       .default_value = 0.05,
       .minimum = 1e-6,
       .maximum = 1},
      {.name = "leaves",
       .type = ParameterType::integer,
       .description = "of a tree at most",
       .default_value = 31,
       .minimum = 2,
       .maximum = 1e5},
      {.name = "min_leaf",
       .type = ParameterType::integer,
       .description = "training rows in a leaf at least; 0: a twentieth of all, but 3 to 20",
       .default_value = 0,
       .minimum = 0,
       .maximum = 1e6},
      {.name = "l2",
       .type = ParameterType::real,
       .description = "penalty on the squares of leaf values",
       .default_value = 0.0,
       .minimum = 0},
      {.name = "feature_fraction",
       .type = ParameterType::real,
       .description = "share of the features drawn for each tree",
       .default_value = 0.9,
       .minimum = 1e-6,
       .maximum = 1},
      {.name = "bagging_fraction",
       .type = ParameterType::real,
       .description = "share of the rows that a tree sees",
       .default_value = 0.8,
       .minimum = 1e-6,
       .maximum = 1},
      {.name = "bagging_every",
       .type = ParameterType::integer,
       .description = "trees that see the same rows; 0: all",
       .default_value = 5,
       .minimum = 0,
       .maximum = 1e6},
      {.name = "max_bins",
       .type = ParameterType::integer,
       .description = "steps into which the values of a feature are cut at most",
       .default_value = 255,
       .minimum = 2,
       .maximum = 65535},
      {.name = "pairs",
       .type = ParameterType::integer,
       .description = "partners that a network meets a round under the ranking objective",
       .default_value = 16,
       .minimum = 1,
       .maximum = 1e5}};
  return parameters;
}

BoostedTreesOptions boosted_trees_options(const Options& options) {
  BoostedTreesOptions result;
  result.objective =
      options.text("objective") == "ranking" ? BoostingObjective::ranking : BoostingObjective::regression;
  result.rounds = options.integer("rounds");
  result.learning_rate = options.real("learning_rate");
  result.leaves = options.integer("leaves");
  result.min_leaf = options.integer("min_leaf");
  result.l2 = options.real("l2");
  result.feature_fraction = options.real("feature_fraction");
  result.bagging_fraction = options.real("bagging_fraction");
  result.bagging_every = options.integer("bagging_every");
  result.max_bins = options.integer("max_bins");
  result.pairs = options.integer("pairs");
  return result;
}

void add_gbdt(Registry<PredictorFactory>& registry) {
  registry.add(
      {.name = "gbdt",
       .summary = "gradient-boosted trees, grown leaf by leaf on histograms; says nothing of its own certainty",
       .source = "Ke et al., LightGBM, NeurIPS 2017; settings of Luo et al., GBDT-NAS, arXiv 2007.04785",
       .parameters = boosted_trees_parameters(),
       .example = "kind: gbdt\nrounds: 50\nobjective: ranking"},
      [](const Options& options) { return std::make_unique<Gbdt>(boosted_trees_options(options)); });
}

}  // namespace nacre
