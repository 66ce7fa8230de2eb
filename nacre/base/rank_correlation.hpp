// Correlations of two columns of numbers, of their ranks and of themselves. The only ones in nacre.
#pragma once

#include <span>
#include <vector>

namespace nacre {

// From 1, in ascending order; equal values share the mean of their ranks.
std::vector<double> ranks(std::span<const double> values);

// Spearman's rho: the correlation of the ranks. Of at least two values; 0 when one side is constant.
double spearman(std::span<const double> x, std::span<const double> y);

// Kendall's tau-b, which takes ties into account, in O(n log n) (Knight, Journal of the American Statistical Association 61,
// 1966). Of at least two values; 0 when one side is constant.
double kendall(std::span<const double> x, std::span<const double> y);

// Pearson's r: the correlation of the values. Of at least two; 0 when one side is constant.
double pearson(std::span<const double> x, std::span<const double> y);

}  // namespace nacre
