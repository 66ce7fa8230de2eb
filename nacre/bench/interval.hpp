// The mean of a few repetitions and how far it can be trusted: Student's 95 % interval, mean +- t(n - 1) s / sqrt(n).
// Repetitions of a training with different seeds are few and nearly normal, which is what the interval assumes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace nacre {

struct MeanInterval {
  double mean = 0;
  int64_t count = 0;
  std::optional<double> half_width;  // of the 95 % interval; nothing for a single value
  double least = 0;
  double most = 0;
};

// Of at least one value.
MeanInterval mean_interval(std::span<const double> values);

// P(|T| <= t) for Student's t with `degrees` >= 1 degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).
double student_probability(double t, int64_t degrees);
// The t with P(|T| <= t) = probability, 0 < probability < 1.
double student_quantile(double probability, int64_t degrees);

}  // namespace nacre
