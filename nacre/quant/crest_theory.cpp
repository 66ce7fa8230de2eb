#include "nacre/quant/crest_theory.hpp"

#include <cmath>
#include <numbers>

namespace nacre {
namespace {

double normal_density(double t) { return std::exp(-t * t / 2) / std::sqrt(2 * std::numbers::pi); }
double normal_mass(double t) { return 0.5 * std::erfc(-t / std::numbers::sqrt2); }

}  // namespace

double integer_qsnr_db(int bits, double kappa, double rho, int64_t exact_of) {
  const double others = exact_of > 1 ? 10 * std::log10(static_cast<double>(exact_of) / (exact_of - 1)) : 0;
  return 4.78 + 6.02 * bits - 20 * std::log10(rho) - 20 * std::log10(kappa) + others;
}

double float_qsnr_db(const ElementGrid& grid, double kappa, double rho, int64_t exact_of) {
  const int m = grid.mantissa_bits, b = 1 - grid.minimum_exponent;
  const double largest = grid.largest, peak = rho * kappa;
  const double alpha = std::ldexp(1.0 / 24, -2 * m), beta = std::ldexp(1.0 / 12, 2 * (1 - b - m)) / (largest * largest);
  const double t0 = peak / largest * std::ldexp(1.0, -b - m), t1 = peak / largest * std::ldexp(1.0, 1 - b);
  const double normal = 2 * (t1 * normal_density(t1) + 1 - normal_mass(t1));
  const double subnormal = 2 * (normal_mass(t1) - normal_mass(t0));
  const double zero = 2 * normal_mass(t0) - 1 - 2 * t0 * normal_density(t0);
  const double exact = exact_of > 1 ? kappa * kappa / static_cast<double>(exact_of) : 0;
  return -10 * std::log10(alpha * (normal - exact) + beta * peak * peak * subnormal + zero);
}

std::optional<double> predicted_qsnr_db(const Format& format, double kappa) {
  const bool nv = format.family == "nv";
  if ((!nv && format.family != "mx") || !(kappa >= 1)) return std::nullopt;
  const ElementGrid& grid = *format.grid;
  const double rho = nv ? kE4m3Overhead : kPowerOfTwoOverhead;
  const int64_t exact_of = nv ? format.scale.block : 0;
  double qsnr = 0;
  if (grid.arithmetic == GridArithmetic::uniform && grid.is_signed())
    qsnr = integer_qsnr_db(grid.bits, kappa, rho, exact_of);
  else if (grid.arithmetic == GridArithmetic::floating)
    qsnr = float_qsnr_db(grid, kappa, rho, exact_of);
  else
    return std::nullopt;
  return std::isfinite(qsnr) ? std::optional(qsnr) : std::nullopt;
}

std::optional<double> crossover_kappa(const Format& first, const Format& second) {
  const auto difference = [&](double kappa) -> std::optional<double> {
    const auto a = predicted_qsnr_db(first, kappa), b = predicted_qsnr_db(second, kappa);
    return a && b ? std::optional(*a - *b) : std::nullopt;
  };
  std::optional<double> before;
  for (double kappa = 1.01, last = kappa; kappa <= 50; last = kappa, kappa += 0.01) {
    const auto here = difference(kappa);
    if (before && here && (*before > 0) != (*here > 0)) {
      double low = last, high = kappa;
      for (int step = 0; step < 60; ++step) {
        const double middle = (low + high) / 2;
        const auto value = difference(middle);
        if (!value) break;
        ((*value > 0) == (*before > 0) ? low : high) = middle;
      }
      return (low + high) / 2;
    }
    before = here;
  }
  return std::nullopt;
}

}  // namespace nacre
