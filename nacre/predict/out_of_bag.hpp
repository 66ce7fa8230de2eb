// What members of an ensemble say of rows that they did not learn from: how far off the ensemble really is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"

namespace nacre {

class OutOfBag {
 public:
  explicit OutOfBag(size_t rows) : sums_(rows, 0.0), squares_(rows, 0.0), counts_(rows, 0) {}

  // A member's answer for a row that it did not see.
  void add(size_t row, double answer);

  // Over rows with at least two answers: the part of the squared error that the members' disagreement does not explain, as a
  // standard deviation. The noise of a measurement and what all members miss alike. 0 where no row has two answers.
  double noise(std::span<const double> values) const;
  // Root mean square error of the mean answer; nothing known: 0.
  double error(std::span<const double> values) const;

 private:
  std::vector<double> sums_, squares_;
  std::vector<int64_t> counts_;
};

// `count` of 0 .. n-1, with replacement or without, in ascending order.
std::vector<uint32_t> draw_rows(size_t n, size_t count, bool replace, Random& random);

}  // namespace nacre
