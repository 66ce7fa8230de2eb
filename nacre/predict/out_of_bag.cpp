#include "nacre/predict/out_of_bag.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace nacre {

void OutOfBag::add(size_t row, double answer) {
  sums_[row] += answer;
  squares_[row] += answer * answer;
  ++counts_[row];
}

double OutOfBag::noise(std::span<const double> values) const {
  double error = 0, disagreement = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (counts_[i] < 2) continue;
    const auto n = static_cast<double>(counts_[i]);
    const double mean = sums_[i] / n;
    const double variance = std::max(0.0, (squares_[i] - n * mean * mean) / (n - 1));
    error += (mean - values[i]) * (mean - values[i]);
    disagreement += variance * (1 + 1 / n);  // few members: their mean wanders, too
  }
  const auto rows = static_cast<double>(std::ranges::count_if(counts_, [](int64_t count) { return count >= 2; }));
  return rows > 0 ? std::sqrt(std::max(0.0, error - disagreement) / rows) : 0;
}

double OutOfBag::error(std::span<const double> values) const {
  double sum = 0, rows = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (counts_[i] == 0) continue;
    const double off = sums_[i] / static_cast<double>(counts_[i]) - values[i];
    sum += off * off;
    rows += 1;
  }
  return rows > 0 ? std::sqrt(sum / rows) : 0;
}

std::vector<uint32_t> draw_rows(size_t n, size_t count, bool replace, Random& random) {
  std::vector<uint32_t> rows(replace ? count : n);
  if (replace) {
    for (uint32_t& row : rows) row = static_cast<uint32_t>(random.below(n));
  } else {
    std::iota(rows.begin(), rows.end(), uint32_t{0});
    for (size_t i = 0; i < count; ++i) std::swap(rows[i], rows[i + random.below(n - i)]);
    rows.resize(count);
  }
  std::ranges::sort(rows);
  return rows;
}

}  // namespace nacre
