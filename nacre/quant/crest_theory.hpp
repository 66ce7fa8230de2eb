// What error a block format makes, from one number of the block: the crest factor kappa = max |x| / sigma, for normal values. In closed
// form, so that formats can be chosen without trying them. Source: INT v.s. FP (arXiv 2510.25602), theorems on QSNR; QSNR is
// -10 log10(|x - Q(x)|^2 / |x|^2), in dB.
#pragma once

#include <optional>

#include "nacre/quant/format.hpp"

namespace nacre {

inline constexpr double kPowerOfTwoOverhead =
    1.5;                                       // rho of E8M0: how much larger the scale is than it need be, in the mean
inline constexpr double kE4m3Overhead = 1.05;  // of E4M3

// 4.78 + 6.02 b - 20 log10(rho) - 20 log10(kappa); `exact_of` elements one of which, the largest, has no error (nv), 0 for none.
double integer_qsnr_db(int bits, double kappa, double rho, int64_t exact_of = 0);
// -10 log10(alpha w_norm + beta (rho kappa)^2 p_sub + w_zero) with alpha = 1 / (24 2^2M), beta = 2^(2 (1 - B - M)) / (12 Qmax^2).
double float_qsnr_db(const ElementGrid& grid, double kappa, double rho, int64_t exact_of = 0);

// By the family of the format; nothing where the theory has no formula: grids other than integers and floats, families other than
// mx and nv.
std::optional<double> predicted_qsnr_db(const Format& format, double kappa);

// The kappa at which two formats have equal predicted QSNR; below it the first is better when `first` falls faster. Nothing when
// they do not cross between 1.01 and 50.
std::optional<double> crossover_kappa(const Format& first, const Format& second);

}  // namespace nacre
