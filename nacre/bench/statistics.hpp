// Facts of columns of numbers: supported points, and how well a cost is a sum over the layers of a network.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/rank_correlation.hpp"

namespace nacre {

// Of points with two minimized objectives those that some weighted sum of both prefers to all others: the corners of the lower
// convex hull. Points of the Pareto front that are not among them are what no weighted sum finds, whatever its weights.
std::vector<size_t> supported_points(std::span<const std::vector<double>> points);

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
