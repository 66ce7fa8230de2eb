#include "nacre/predict/tree_grower.hpp"

#include <algorithm>

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
  TreeGrower(const TreeGrowth& growth, const FeatureBins& bins, std::span<const double> gradients,
             std::span<const double> hessians, Random& random)
      : growth_(growth), bins_(bins), gradients_(gradients), hessians_(hessians), random_(random) {}

  RegressionTree grow(std::span<const uint32_t> rows, std::span<const size_t> features) {
    rows_.assign(rows.begin(), rows.end());
    features_.assign(features.begin(), features.end());
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
    while (static_cast<int64_t>(leaves.size()) < growth_.leaves) {
      const auto best = std::ranges::max_element(leaves, {}, [](const Leaf& leaf) { return leaf.split.gain; });
      if (!(best->split.gain > 0)) break;
      leaves.push_back(divide(tree, *best, length));
    }
    for (const Leaf& leaf : leaves) {
      RegressionTree::Node& node = tree.nodes[static_cast<size_t>(leaf.node)];
      const double weight = leaf.sums.hessian + growth_.l2;
      node.value = weight > 0 ? -growth_.scale * leaf.sums.gradient / weight : 0;
      node.cover = static_cast<double>(leaf.sums.rows);
    }
    return tree;
  }

 private:
  double score(const Sums& sums) const { return sums.gradient * sums.gradient / (sums.hessian + growth_.l2); }
  bool large_enough(const Sums& sums) const {
    return sums.rows >= growth_.min_leaf && sums.hessian >= growth_.min_hessian;
  }

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

  void find_split(Leaf& leaf) {
    leaf.split = {};
    best_ = growth_.min_gain;
    const auto all = static_cast<int64_t>(features_.size());
    const bool draws = growth_.features_per_split > 0 && growth_.features_per_split < all;
    if (!draws) {
      for (size_t f = 0; f < features_.size(); ++f) look_at(leaf, f);
    } else {
      // Features that are constant here do not count among the drawn.
      int64_t seen = 0;
      for (const int64_t f : random_.permutation(all)) {
        if (look_at(leaf, static_cast<size_t>(f)) && ++seen == growth_.features_per_split) break;
      }
    }
    if (!(leaf.split.gain > 0)) leaf.histogram = {};  // stays a leaf
  }

  // Keeps the feature's best split when it is the best so far. False where the feature is constant in the leaf.
  bool look_at(Leaf& leaf, size_t f) {
    const Sums* const histogram = leaf.histogram.data() + offsets_[f];
    const size_t bins = bins_.bins(features_[f]);
    size_t first = 0, last = bins - 1;
    while (first < last && histogram[first].rows == 0) ++first;
    while (first < last && histogram[last].rows == 0) --last;
    if (first == last) return false;
    if (growth_.random_thresholds) {
      const size_t bin = first + random_.below(last - first);
      Sums left;
      for (size_t i = first; i <= bin; ++i) left += histogram[i];
      consider(leaf, f, bin, left);
      return true;
    }
    Sums left;
    for (size_t bin = first; bin < last; ++bin) {
      left += histogram[bin];
      consider(leaf, f, bin, left);
    }
    return true;
  }

  void consider(Leaf& leaf, size_t f, size_t bin, const Sums& left) {
    const Sums right = leaf.sums - left;
    if (!large_enough(left) || !large_enough(right)) return;
    const double after = score(left) + score(right);
    const double gain = after - score(leaf.sums);
    // What rounding could have made is neither a gain nor a better one: a leaf of equal residuals stays whole, and of two
    // features that split alike the first is taken whatever the values' unit.
    if (!(gain > best_ * (1 + 1e-9) && gain > 1e-12 * after)) return;
    best_ = gain;
    leaf.split = {gain, features_[f], bin, left};
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

  const TreeGrowth& growth_;
  const FeatureBins& bins_;
  const std::span<const double> gradients_;
  const std::span<const double> hessians_;
  Random& random_;
  double best_ = 0;  // gain of the leaf that is looked at
  std::vector<uint32_t> rows_;
  std::vector<size_t> features_;
  std::vector<size_t> offsets_;  // of a feature's bins in a histogram
};

}  // namespace

RegressionTree grow_tree(const TreeGrowth& growth, const FeatureBins& bins, std::span<const double> gradients,
                         std::span<const double> hessians, std::span<const uint32_t> rows,
                         std::span<const size_t> features, Random& random) {
  return TreeGrower(growth, bins, gradients, hessians, random).grow(rows, features);
}

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

}  // namespace nacre
