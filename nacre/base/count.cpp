#include "nacre/base/count.hpp"

#include <cmath>
#include <cstdio>

#include "nacre/base/error.hpp"

namespace nacre {

Count random_below(const Count& bound, Random& random) {
  NACRE_CHECK(bound >= 1);
  if (bound.fits_ulong_p()) return Count(static_cast<unsigned long>(random.below(bound.get_ui())));
  const size_t bits = mpz_sizeinbase(bound.get_mpz_t(), 2);
  for (;;) {  // rejection from the next power of two: under two rounds on average
    Count value = 0;
    for (size_t drawn = 0; drawn < bits; drawn += 64)
      value = (value << 64) + Count(static_cast<unsigned long>(random.next()));
    value >>= (64 - bits % 64) % 64;
    if (value < bound) return value;
  }
}

std::string count_text(const Count& count) {
  std::string digits = count.get_str();
  if (count < 1000000) {
    for (int i = static_cast<int>(digits.size()) - 3; i > (digits[0] == '-' ? 1 : 0); i -= 3)
      digits.insert(static_cast<size_t>(i), ",");
    return digits;
  }
  signed long exponent = 0;
  const double mantissa = mpz_get_d_2exp(&exponent, count.get_mpz_t());
  const double log10 = std::log10(mantissa) + static_cast<double>(exponent) * std::log10(2.0);
  double power = std::floor(log10 + 1e-12);
  char text[32];
  std::snprintf(text, sizeof text, "%.2fe%.0f", std::pow(10.0, log10 - power), power);
  return text;
}

}  // namespace nacre
