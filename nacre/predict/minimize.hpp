// Minimizing a smooth function of a few variables: L-BFGS with backtracking (Nocedal and Wright, Numerical Optimization, 2006,
// algorithms 3.1 and 7.4).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace nacre {

struct Minimum {
  std::vector<double> x;
  double value = 0;
  int64_t evaluations = 0;
};

// The function returns its value and fills the gradient; a value that is not finite means: too far. `steps` bounds the
// iterations; ends earlier where an iteration gains less than 1e-6 of the value's size. No coordinate moves by more than
// `largest_move` in one iteration.
Minimum minimize(const std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>& function,
                 std::vector<double> start, int64_t steps, double largest_move = 1);

}  // namespace nacre
