// Gradient-boosted regression trees, grown leaf by leaf on histograms: the learner behind the predictor `gbdt`.
//
// The parameters mean what they mean in LightGBM (Ke et al., NeurIPS 2017), whose growth is followed: a tree starts as one
// leaf; the leaf whose best split gains most is split, until there are `leaves` of them or nothing is gained. With G and H
// the sums of first and second derivatives of the loss over the rows of a leaf, a split gains
//
//   G_l^2 / (H_l + l2)  +  G_r^2 / (H_r + l2)  -  G^2 / (H + l2)
//
// and a leaf answers -learning_rate x G / (H + l2). Sums are in double precision. Of equal gains the split of the first
// feature, the lowest threshold and the oldest leaf is taken, so that a fit repeats bit for bit.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/predict/predictor.hpp"
#include "nacre/predict/regression_tree.hpp"

namespace nacre {

// regression: squared error. ranking: logistic loss on pairs, so that only the order of the values counts (Burges et al.,
// Learning to rank using gradient descent, ICML 2005); every row meets up to `pairs` drawn partners a round.
enum class BoostingObjective { regression, ranking };

struct BoostedTreesOptions {
  BoostingObjective objective = BoostingObjective::regression;
  int64_t rounds = 100;
  double learning_rate = 0.05;
  int64_t leaves = 31;
  int64_t min_leaf = 0;           // rows in a leaf; 0: a twentieth of all rows, but 3 to 20
  double min_hessian = 1e-3;      // sum of second derivatives in a leaf
  double l2 = 0;                  // on leaf values
  double min_gain = 0;            // a split gains more than this
  double feature_fraction = 0.9;  // drawn for each tree
  double bagging_fraction = 0.8;  // of the rows, without replacement
  int64_t bagging_every = 5;      // trees between two draws of the rows
  int64_t max_bins = 255;         // of a feature; 2 to 65,535
  int64_t pairs = 16;             // of the ranking objective
};

class BoostedTrees {
 public:
  explicit BoostedTrees(BoostedTreesOptions options = {}) : options_(options) {}

  // As Predictor::fit.
  void fit(const FeatureMatrix& features, std::span<const double> values, Random& random);
  // After fit.
  double predict(std::span<const float> row) const;
  std::vector<double> predict(const FeatureMatrix& features) const;

  double start() const { return start_; }  // what a sum of no trees answers: the mean, 0 of a ranking
  const std::vector<RegressionTree>& trees() const { return trees_; }
  size_t columns() const { return columns_; }
  int64_t min_leaf() const { return min_leaf_; }  // that was used
  const BoostedTreesOptions& options() const { return options_; }
  // By feature: sum of the gains of its splits.
  std::vector<double> gains() const;

 private:
  BoostedTreesOptions options_;
  int64_t min_leaf_ = 0;
  size_t columns_ = 0;
  double start_ = 0;
  std::vector<RegressionTree> trees_;
};

}  // namespace nacre
