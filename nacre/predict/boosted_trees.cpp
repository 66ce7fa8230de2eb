#include "nacre/predict/boosted_trees.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nacre/predict/feature_bins.hpp"

namespace nacre {
namespace {

struct Sums {
  double gradient = 0;
  double hessian = 0;
  int64_t rows = 0;

  Sums& operator+=(const Sums& other) {
    gradient += other.gradient, hessian += other.hessian, rows += other.rows;
    return *this;
  }
  Sums operator-(const Sums& other) const {
    return {gradient - other.gradient, hessian - other.hessian, rows - other.rows};
  }
};

using Histogram = std::vector<Sums>;  // the bins of all used features, one after the other

struct Split {
  double gain = 0;  // 0: none
  size_t feature = 0;
  size_t bin = 0;  // the last that goes left
  Sums left;
};

struct Leaf {
  int32_t node = 0;
  size_t begin = 0, end = 0;  // its part of the rows in order
  Sums sums;
  Histogram histogram;
  Split split;
};

// Grows one tree on some rows and features.
class TreeGrower {
 public:
  TreeGrower(const BoostedTreesOptions& options, int64_t min_leaf, const FeatureBins& bins,
             std::span<const double> gradients, std::span<const double> hessians)
      : options_(options), min_leaf_(min_leaf), bins_(bins), gradients_(gradients), hessians_(hessians) {}

  RegressionTree grow(std::vector<uint32_t> rows, const std::vector<size_t>& features) {
    rows_ = std::move(rows);
    features_ = features;
    offsets_.clear();
    size_t length = 0;
    for (const size_t feature : features_) {
      offsets_.push_back(length);
      length += bins_.bins(feature);
    }
    RegressionTree tree;
    tree.nodes.emplace_back();
    std::vector<Leaf> leaves(1);
    leaves[0].end = rows_.size();
    fill(leaves[0], length);
    for (const uint32_t row : rows_) leaves[0].sums += {gradients_[row], hessians_[row], 1};
    find_split(leaves[0]);
    while (static_cast<int64_t>(leaves.size()) < options_.leaves) {
      const auto best = std::ranges::max_element(leaves, {}, [](const Leaf& leaf) { return leaf.split.gain; });
      if (!(best->split.gain > 0)) break;
      leaves.push_back(divide(tree, *best, length));
    }
    for (const Leaf& leaf : leaves) {
      RegressionTree::Node& node = tree.nodes[static_cast<size_t>(leaf.node)];
      const double weight = leaf.sums.hessian + options_.l2;
      node.value = weight > 0 ? -options_.learning_rate * leaf.sums.gradient / weight : 0;
      node.cover = static_cast<double>(leaf.sums.rows);
    }
    return tree;
  }

 private:
  double score(const Sums& sums) const { return sums.gradient * sums.gradient / (sums.hessian + options_.l2); }
  bool large_enough(const Sums& sums) const { return sums.rows >= min_leaf_ && sums.hessian >= options_.min_hessian; }

  void fill(Leaf& leaf, size_t length) const {
    leaf.histogram.assign(length, {});
    for (size_t f = 0; f < features_.size(); ++f) {
      const std::span<const uint16_t> codes = bins_.column(features_[f]);
      Sums* const histogram = leaf.histogram.data() + offsets_[f];
      for (size_t i = leaf.begin; i < leaf.end; ++i) {
        const uint32_t row = rows_[i];
        histogram[codes[row]] += {gradients_[row], hessians_[row], 1};
      }
    }
  }

  void find_split(Leaf& leaf) const {
    leaf.split = {};
    const double parent = score(leaf.sums);
    double best = options_.min_gain;
    for (size_t f = 0; f < features_.size(); ++f) {
      Sums left;
      for (size_t bin = 0; bin + 1 < bins_.bins(features_[f]); ++bin) {
        left += leaf.histogram[offsets_[f] + bin];
        const Sums right = leaf.sums - left;
        if (!large_enough(left)) continue;
        if (!large_enough(right)) break;
        const double gain = score(left) + score(right) - parent;
        // What rounding could have made is neither a gain nor a better one: a leaf of equal residuals stays whole, and of
        // two features that split alike the first is taken whatever the values' unit.
        if (gain > best * (1 + 1e-9) && gain > 1e-12 * (score(left) + score(right))) {
          best = gain;
          leaf.split = {gain, features_[f], bin, left};
        }
      }
    }
  }

  // The leaf becomes the left child; returns the right one.
  Leaf divide(RegressionTree& tree, Leaf& leaf, size_t length) {
    const Split split = leaf.split;
    const auto left = static_cast<int32_t>(tree.nodes.size());
    tree.nodes.emplace_back();
    tree.nodes.emplace_back();
    RegressionTree::Node& node = tree.nodes[static_cast<size_t>(leaf.node)];
    node.feature = static_cast<int32_t>(split.feature);
    node.threshold = bins_.threshold(split.feature, split.bin);
    node.left = left;
    node.right = left + 1;
    node.gain = split.gain;
    node.cover = static_cast<double>(leaf.sums.rows);

    const std::span<const uint16_t> codes = bins_.column(split.feature);
    const auto begin = rows_.begin() + static_cast<std::ptrdiff_t>(leaf.begin);
    const auto end = rows_.begin() + static_cast<std::ptrdiff_t>(leaf.end);
    const auto middle = std::stable_partition(begin, end, [&](uint32_t row) { return codes[row] <= split.bin; });
    Leaf right;
    right.node = left + 1;
    right.begin = static_cast<size_t>(middle - rows_.begin());
    right.end = leaf.end;
    right.sums = leaf.sums - split.left;
    Histogram whole = std::move(leaf.histogram);
    leaf.node = left;
    leaf.end = right.begin;
    leaf.sums = split.left;
    // The smaller child is counted, the other is what remains.
    const bool left_is_smaller = leaf.end - leaf.begin <= right.end - right.begin;
    Leaf& smaller = left_is_smaller ? leaf : right;
    Leaf& larger = left_is_smaller ? right : leaf;
    fill(smaller, length);
    for (size_t i = 0; i < length; ++i) whole[i] = whole[i] - smaller.histogram[i];
    larger.histogram = std::move(whole);
    find_split(leaf);
    find_split(right);
    return right;
  }

  const BoostedTreesOptions& options_;
  const int64_t min_leaf_;
  const FeatureBins& bins_;
  const std::span<const double> gradients_;
  const std::span<const double> hessians_;
  std::vector<uint32_t> rows_;
  std::vector<size_t> features_;
  std::vector<size_t> offsets_;  // of a feature's bins in a histogram
};

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

double RegressionTree::predict(std::span<const float> row) const {
  const Node* node = nodes.data();
  while (node->feature >= 0) {
    node = &nodes[static_cast<size_t>(row[static_cast<size_t>(node->feature)] <= node->threshold ? node->left
                                                                                                 : node->right)];
  }
  return node->value;
}

int64_t RegressionTree::leaves() const {
  return std::ranges::count_if(nodes, [](const Node& node) { return node.feature < 0; });
}

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
    RegressionTree tree = TreeGrower(options_, min_leaf_, bins, gradients, hessians).grow(bag, chosen);
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
