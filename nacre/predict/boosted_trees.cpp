#include "nacre/predict/boosted_trees.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/predict/feature_bins.hpp"
#include "nacre/predict/tree_grower.hpp"

namespace nacre {
namespace {

// First and second derivatives of the pairwise logistic loss.
void rank_derivatives(std::span<const double> values, std::span<const double> scores, int64_t pairs, Random& random,
                      std::vector<double>& gradients, std::vector<double>& hessians) {
  const size_t n = values.size();
  std::ranges::fill(gradients, 0.0);
  std::ranges::fill(hessians, 0.0);
  const auto meet = [&](size_t i, size_t j) {
    if (values[i] == values[j]) return;
    const size_t better = values[i] > values[j] ? i : j;
    const size_t worse = better == i ? j : i;
    const double doubt = 1 / (1 + std::exp(scores[better] - scores[worse]));
    gradients[better] -= doubt;
    gradients[worse] += doubt;
    const double curvature = doubt * (1 - doubt);
    hessians[better] += curvature;
    hessians[worse] += curvature;
  };
  if (static_cast<int64_t>(n) - 1 <= 2 * pairs) {
    for (size_t i = 0; i < n; ++i)
      for (size_t j = i + 1; j < n; ++j) meet(i, j);
    return;
  }
  for (size_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < pairs; ++k) meet(i, random.below(n));
}

// `count` of 0 .. n-1 in ascending order.
template <class Index>
std::vector<Index> draw(size_t n, double fraction, Random& random) {
  std::vector<Index> all(n);
  std::iota(all.begin(), all.end(), Index{0});
  const auto count = static_cast<size_t>(std::clamp(std::round(fraction * static_cast<double>(n)), 1.0, double(n)));
  if (count == n) return all;
  for (size_t i = 0; i < count; ++i) std::swap(all[i], all[i + random.below(n - i)]);
  all.resize(count);
  std::ranges::sort(all);
  return all;
}

}  // namespace

void BoostedTrees::fit(const FeatureMatrix& features, std::span<const double> values, Random& random) {
  const size_t n = features.rows();
  NACRE_CHECK(n > 0 && values.size() == n, "a value for each example");
  for (const double value : values) NACRE_CHECK(std::isfinite(value), "values are finite");
  columns_ = features.columns;
  trees_.clear();
  const bool ranking = options_.objective == BoostingObjective::ranking;
  start_ = ranking ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(n);
  min_leaf_ = options_.min_leaf > 0 ? options_.min_leaf : std::clamp<int64_t>(static_cast<int64_t>(n) / 20, 3, 20);
  const FeatureBins bins(features, options_.max_bins);
  std::vector<size_t> useful;
  for (size_t feature = 0; feature < columns_; ++feature) {
    if (bins.bins(feature) > 1) useful.push_back(feature);
  }
  if (useful.empty()) return;
  TreeGrowth growth;
  growth.leaves = options_.leaves;
  growth.min_leaf = min_leaf_;
  growth.min_hessian = options_.min_hessian;
  growth.l2 = options_.l2;
  growth.min_gain = options_.min_gain;
  growth.scale = options_.learning_rate;
  std::vector<double> scores(n, start_), gradients(n), hessians(n, 1.0);
  std::vector<uint32_t> bag;
  for (int64_t round = 0; round < options_.rounds; ++round) {
    if (ranking) {
      rank_derivatives(values, scores, options_.pairs, random, gradients, hessians);
    } else {
      for (size_t i = 0; i < n; ++i) gradients[i] = scores[i] - values[i];
    }
    if (bag.empty() || (options_.bagging_every > 0 && round % options_.bagging_every == 0))
      bag = draw<uint32_t>(n, options_.bagging_fraction, random);
    std::vector<size_t> chosen = draw<size_t>(useful.size(), options_.feature_fraction, random);
    for (size_t& feature : chosen) feature = useful[feature];
    RegressionTree tree = grow_tree(growth, bins, gradients, hessians, bag, chosen, random);
    if (tree.nodes.size() == 1 && !ranking && chosen.size() == useful.size() && bag.size() == n) break;  // learned all
    for (size_t i = 0; i < n; ++i) scores[i] += tree.predict(features.row(i));
    trees_.push_back(std::move(tree));
  }
}

double BoostedTrees::predict(std::span<const float> row) const {
  double sum = start_;
  for (const RegressionTree& tree : trees_) sum += tree.predict(row);
  return sum;
}

std::vector<double> BoostedTrees::predict(const FeatureMatrix& features) const {
  NACRE_CHECK(columns_ > 0, "predict() comes after fit()");
  NACRE_CHECK(features.rows() == 0 || features.columns == columns_, "as many features as in fit()");
  std::vector<double> result(features.rows(), start_);
  // Tree by tree, so that a tree stays in the cache.
  for (const RegressionTree& tree : trees_) {
    for (size_t i = 0; i < result.size(); ++i) result[i] += tree.predict(features.row(i));
  }
  return result;
}

std::vector<double> BoostedTrees::gains() const {
  std::vector<double> result(columns_, 0.0);
  for (const RegressionTree& tree : trees_) {
    for (const RegressionTree::Node& node : tree.nodes) {
      if (node.feature >= 0) result[static_cast<size_t>(node.feature)] += node.gain;
    }
  }
  return result;
}

}  // namespace nacre
