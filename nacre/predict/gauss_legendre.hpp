// Gauss-Legendre quadrature on [0, 1]: exact for polynomials up to degree 2 n - 1.
#pragma once

#include <cstddef>
#include <vector>

namespace nacre {

struct QuadratureRule {
  std::vector<double> points;   // ascending, inside (0, 1)
  std::vector<double> weights;  // positive, sum 1
};

// Of n >= 1 points. Kept after the first call; threads may call it.
const QuadratureRule& gauss_legendre(size_t n);

}  // namespace nacre
