// Distributions of values for which errors are expected: drawn from, and integrated over intervals in closed form.
#pragma once

#include <string>
#include <string_view>

#include "nacre/base/random.hpp"

namespace nacre {

// Of the numbers below a bound: how many (a share), and their sums of first and second powers.
struct PartialMoments {
  double mass = 0, first = 0, second = 0;
};

// Symmetric about zero: uniform on (-1, 1), normal with sigma 1, Laplace with scale 1, Student's t with `degrees` > 2.
class ValueDistribution {
 public:
  enum class Kind { uniform, gauss, laplace, student };

  explicit ValueDistribution(Kind kind, double degrees = 0) : kind_(kind), degrees_(degrees) {}
  std::string name() const;  // as parse_distribution reads it
  double draw(Random& random) const;
  PartialMoments below(double bound) const;
  double power() const;  // E[x^2]
  // P(|x| < bound).
  double mass_within(double bound) const { return 1 - 2 * below(-bound).mass; }
  // The bound of a share in [0, 1).
  double bound_of(double share) const;

 private:
  Kind kind_;
  double degrees_;
};

// "uniform", "gauss", "laplace", "t:3". UserError for others.
ValueDistribution parse_distribution(std::string_view text);

}  // namespace nacre
