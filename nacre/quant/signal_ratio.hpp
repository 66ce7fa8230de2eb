// How much of a signal an error is, and how spread a signal is within blocks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nacre {

// 10 log10(sum x^2 / sum (x - y)^2) in dB; infinite for equal ones, NaN where one has a number that is none.
double sqnr_db(std::span<const float> signal, std::span<const float> changed);

// kappa = max |x| / sqrt(mean x^2) of every block of `block` neighbors along the axis that is not all zero (arXiv 2510.25602).
std::vector<double> crest_factors(std::span<const float> values, std::span<const int64_t> shape, int axis,
                                  int64_t block);

// The least value that a share of the values does not exceed; NaN for none.
double share_quantile(std::vector<double> values, double share);

}  // namespace nacre
