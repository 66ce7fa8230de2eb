// Growing one tree leaf by leaf on histograms: for boosting, whose rows carry derivatives of a loss, and for forests, whose
// gradient is minus the value and whose hessian is 1, so that a leaf answers with the mean of its rows.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "nacre/base/random.hpp"
#include "nacre/predict/feature_bins.hpp"
#include "nacre/predict/regression_tree.hpp"

namespace nacre {

struct TreeGrowth {
  int64_t leaves = std::numeric_limits<int64_t>::max();
  int64_t min_leaf = 1;
  double min_hessian = 0;
  double l2 = 0;
  double min_gain = 0;
  double scale = 1;                // a leaf answers -scale x G / (H + l2)
  int64_t features_per_split = 0;  // drawn anew at each split among those that vary there; 0: all
  bool random_thresholds = false;  // one drawn threshold per feature instead of the best
};

// `rows` may repeat; `features` vary over all rows. Draws from `random` only where the growth says so.
RegressionTree grow_tree(const TreeGrowth& growth, const FeatureBins& bins, std::span<const double> gradients,
                         std::span<const double> hessians, std::span<const uint32_t> rows,
                         std::span<const size_t> features, Random& random);

}  // namespace nacre
