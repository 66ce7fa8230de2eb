// The error a format makes on values of a distribution: by integrals over the grid's cells, and by drawing.
//
// One scale: E[(s Q(x / s) - x)^2] is a sum over the cells of the grid of partial moments, and the scale is the best one
// (FP8 versus INT8, arXiv 2303.17951). Blocks: the expectation over the block's largest magnitude a, whose distribution is
// P(|x| < a)^g; given a the scale is known, the others are the distribution cut at a, and the largest has an error of its own.
#pragma once

#include <cstdint>
#include <optional>

#include "nacre/quant/distribution.hpp"
#include "nacre/quant/format.hpp"

namespace nacre {

// E[(s Q(x / s) - x)^2 ; |x| < limit], nearest rounding.
double expected_square_error(const ElementGrid& grid, const ValueDistribution& distribution, double scale,
                             double limit);

struct ExpectedSqnr {
  double sqnr_db = 0;
  std::optional<double> clip;  // of one scale: the largest number that is not clipped, for which the error is least
};

// Nothing where there is no formula: nv scales (they depend on the tensor's largest number), zero points, roundings other than
// to the nearest, codecs of 16 bits, grids of more than 4096 numbers, and ranges of blocks other than minmax. A rotation is not
// seen. Formats with one scale for tensor or channel have the best scale, whatever their range estimator, without a scale 1.
std::optional<ExpectedSqnr> expected_sqnr(const Format& format, const ValueDistribution& distribution);

// Of `samples` numbers drawn and quantized as one row. 10 log10(sum x^2 / sum (x - Q(x))^2).
double drawn_sqnr_db(const Format& format, const ValueDistribution& distribution, int64_t samples, uint64_t seed);

}  // namespace nacre
