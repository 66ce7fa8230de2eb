#include "nacre/quant/distribution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// The regularized incomplete beta function I_x(a, b) by its continued fraction (modified Lentz), to double precision for the
// arguments of Student's t.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double front =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x)) / a;
  constexpr double kTiny = 1e-300;
  double c = 1, d = 1 / std::max(1 - (a + b) * x / (a + 1), kTiny), fraction = d;
  for (int m = 1; m < 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
      c = 1 + term / c;
      if (std::fabs(c) < kTiny) c = kTiny;
      change = c * d;
      fraction *= change;
    }
    if (std::fabs(change - 1) < 1e-16) break;
  }
  return front * fraction;
}

double student_mass(double t, double degrees) {
  const double tail = 0.5 * incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
  return t < 0 ? tail : 1 - tail;
}

double student_density(double t, double degrees) {
  return std::exp(std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2) -
                  (degrees + 1) / 2 * std::log1p(t * t / degrees)) /
         std::sqrt(degrees * std::numbers::pi);
}

// The second moment from that of two degrees less: (1 + x^2 / n) f_n(x) is a t density of n - 2 degrees at x sqrt((n - 2) / n).
PartialMoments student_below(double x, double n) {
  const double mass = student_mass(x, n);
  const double narrower = student_mass(x * std::sqrt((n - 2) / n), n - 2);
  return {mass, -n / (n - 1) * student_density(x, n) * (1 + x * x / n), n * ((n - 1) / (n - 2) * narrower - mass)};
}

PartialMoments laplace_below(double x) {
  const double half = 0.5 * std::exp(-std::fabs(x));
  if (x < 0) return {half, half * (x - 1), half * (x * x - 2 * x + 2)};
  return {1 - half, -half * (x + 1), 2 - half * (x * x + 2 * x + 2)};
}

// Marsaglia and Tsang, ACM TOMS 26, 2000; shape >= 1.
double draw_gamma(double shape, Random& random) {
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = random.normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

std::string ValueDistribution::name() const {
  switch (kind_) {
    case Kind::uniform: return "uniform";
    case Kind::gauss: return "gauss";
    case Kind::laplace: return "laplace";
    case Kind::student: return fmt::format("t:{}", degrees_);
  }
  throw InternalError("a distribution without a name");
}

double ValueDistribution::draw(Random& random) const {
  switch (kind_) {
    case Kind::uniform: return random.uniform(-1, 1);
    case Kind::gauss: return random.normal();
    case Kind::laplace: {
      const double size = -std::log(1 - random.uniform());
      return random.bernoulli(0.5) ? size : -size;
    }
    case Kind::student: return random.normal() / std::sqrt(2 * draw_gamma(degrees_ / 2, random) / degrees_);
  }
  throw InternalError("a distribution without numbers");
}

PartialMoments ValueDistribution::below(double x) const {
  if (x == -std::numeric_limits<double>::infinity()) return {};
  if (x == std::numeric_limits<double>::infinity()) return {1, 0, power()};
  switch (kind_) {
    case Kind::uniform: {
      const double u = std::clamp(x, -1.0, 1.0);
      return {(u + 1) / 2, (u * u - 1) / 4, (u * u * u + 1) / 6};
    }
    case Kind::gauss: {
      const double mass = 0.5 * std::erfc(-x / std::numbers::sqrt2);
      const double density = std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
      return {mass, -density, mass - x * density};
    }
    case Kind::laplace: return laplace_below(x);
    case Kind::student: return student_below(x, degrees_);
  }
  throw InternalError("a distribution without moments");
}

double ValueDistribution::power() const {
  switch (kind_) {
    case Kind::uniform: return 1.0 / 3;
    case Kind::gauss: return 1;
    case Kind::laplace: return 2;
    case Kind::student: return degrees_ / (degrees_ - 2);
  }
  throw InternalError("a distribution without power");
}

double ValueDistribution::bound_of(double share) const {
  double low = 0, high = 1;
  while (mass_within(high) < share && high < 1e12) high *= 2;
  for (int step = 0; step < 80; ++step) {
    const double middle = (low + high) / 2;
    (mass_within(middle) < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

ValueDistribution parse_distribution(std::string_view text) {
  if (text == "uniform") return ValueDistribution(ValueDistribution::Kind::uniform);
  if (text == "gauss") return ValueDistribution(ValueDistribution::Kind::gauss);
  if (text == "laplace") return ValueDistribution(ValueDistribution::Kind::laplace);
  if (text.starts_with("t:")) {
    double degrees = 0;
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), degrees);
    if (error != std::errc() || end != text.data() + text.size() || !(degrees >= 2.1 && degrees <= 1000))
      throw UserError(fmt::format("distribution '{}': expected t:N with N from 2.1 to 1000 degrees of freedom", text));
    return ValueDistribution(ValueDistribution::Kind::student, degrees);
  }
  const std::vector<std::string> names = {"uniform", "gauss", "laplace", "t:3"};
  throw UserError(unknown_name_message("distribution", text, names));
}

}  // namespace nacre
