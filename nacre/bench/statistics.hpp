// Facts of columns of numbers: rank correlation, and how well a cost is a sum over the layers of a network.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nacre {

// Spearman's rank correlation, equal values sharing the mean of their ranks. Of at least two values; 0 when one side is
// constant.
double spearman(std::span<const double> x, std::span<const double> y);

// Least squares of `values` on which alternative stands at which position (one coefficient each and a constant): 1 - residual
// variance / variance, and the largest absolute residual. A look-up table per layer is exactly such a model.
struct AdditiveFit {
  double r2 = 0;
  double largest_error = 0;
  int64_t coefficients = 0;
};
// codes[i][p]: the alternative of network i at position p; all of one length.
AdditiveFit fit_additive(const std::vector<std::vector<std::string>>& codes, std::span<const double> values);

}  // namespace nacre
