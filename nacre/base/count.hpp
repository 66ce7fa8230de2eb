// Exact counts of search spaces: 9^22 networks do not fit 64 bits.
#pragma once

#include <gmpxx.h>

#include <string>

#include "nacre/base/random.hpp"

namespace nacre {

using Count = mpz_class;

// Uniform in [0, bound), bound >= 1.
Count random_below(const Count& bound, Random& random);

// Exact below a million ("15,625"), otherwise "9.85e20".
std::string count_text(const Count& count);

}  // namespace nacre
