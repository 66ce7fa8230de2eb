#include "nacre/bench/interval.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kConfidence = 0.95;

}  // namespace

double student_probability(double t, int64_t degrees) {
  NACRE_CHECK(degrees >= 1);
  const double n = static_cast<double>(degrees);
  const double theta = std::atan(t / std::sqrt(n));
  const double sine = std::sin(theta), cosine = std::cos(theta);
  double term = 1, sum = 0;
  if (degrees % 2 == 0) {  // sin (1 + 1/2 cos^2 + 1 3 / (2 4) cos^4 + ... cos^(n-2))
    for (int64_t k = 0; k <= degrees - 2; k += 2) {
      if (k > 0) term *= static_cast<double>(k - 1) / static_cast<double>(k) * cosine * cosine;
      sum += term;
    }
    return sine * sum;
  }
  // 2/pi (theta + sin (cos + 2/3 cos^3 + ... cos^(n-2)))
  term = cosine;
  for (int64_t k = 1; k <= degrees - 2; k += 2) {
    if (k > 1) term *= static_cast<double>(k - 1) / static_cast<double>(k) * cosine * cosine;
    sum += term;
  }
  return 2 / std::numbers::pi * (theta + sine * sum);
}

double student_quantile(double probability, int64_t degrees) {
  NACRE_CHECK(probability > 0 && probability < 1);
  double low = 0, high = 1;
  while (student_probability(high, degrees) < probability) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-12 * high; ++i) {
    const double middle = (low + high) / 2;
    (student_probability(middle, degrees) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

MeanInterval mean_interval(std::span<const double> values) {
  NACRE_CHECK(!values.empty());
  MeanInterval result;
  result.count = static_cast<int64_t>(values.size());
  result.least = *std::ranges::min_element(values);
  result.most = *std::ranges::max_element(values);
  const auto n = static_cast<double>(values.size());
  double offsets = 0;  // from the first value, so that equal values have exactly that mean and no spread
  for (const double value : values) offsets += value - values[0];
  result.mean = values[0] + offsets / n;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  const double deviation = std::sqrt(squares / (n - 1));
  result.half_width = student_quantile(kConfidence, result.count - 1) * deviation / std::sqrt(n);
  return result;
}

}  // namespace nacre
