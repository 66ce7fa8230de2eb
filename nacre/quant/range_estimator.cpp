#include "nacre/quant/range_estimator.hpp"

#include <algorithm>
#include <cmath>

namespace nacre {
namespace {

constexpr int kCandidates = 120;  // of the grid search: clips at 1 % to 120 % of the largest magnitude

float minmax(const RangeQuestion& question) { return largest_magnitude(question.values) / question.grid.largest; }

float percentile(const RangeQuestion& question) {
  std::vector<float> sizes;
  sizes.reserve(question.values.size());
  for (const float value : question.values) sizes.push_back(std::fabs(value));
  const double place = question.argument / 100 * static_cast<double>(sizes.size());
  const size_t at = std::min(sizes.size() - 1, static_cast<size_t>(std::max(0.0, std::ceil(place) - 1)));
  std::ranges::nth_element(sizes, sizes.begin() + static_cast<std::ptrdiff_t>(at));
  // Where most are zero the largest speaks.
  return sizes[at] > 0 ? sizes[at] / question.grid.largest : minmax(question);
}

float absmean(const RangeQuestion& question) {
  double sum = 0;
  for (const float value : question.values) sum += std::fabs(value);
  return static_cast<float>(sum / static_cast<double>(question.values.size()));
}

// The grid search of FP8 versus INT8 (arXiv 2303.17951): of clips at 1 %, 2 %, .. of the largest magnitude the one of least
// squared error.
float least_squares(const RangeQuestion& question) {
  const float widest = minmax(question);
  float best = widest;
  double least = question.error(widest);
  for (int step = 1; step <= kCandidates; ++step) {
    const float scale = widest * static_cast<float>(step) / 100;
    if (!(scale > 0) || !std::isfinite(scale)) continue;
    const double error = question.error(scale);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

}  // namespace

float largest_magnitude(std::span<const float> values) {
  float largest = 0;
  for (const float value : values)
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  return largest;
}

void register_range_estimators(RangeEstimatorRegistry& registry) {
  registry.add({.name = "minmax", .summary = "the largest magnitude is the grid's largest number", .source = ""},
               minmax);
  registry.add({.name = "percentile",
                .summary = "the largest but for a share of outliers: percentile=99.9",
                .source = "arXiv 2205.07877, section B",
                .parameters = {{.name = "percentile",
                                .type = ParameterType::real,
                                .description = "share of magnitudes within the range",
                                .default_value = 99.99,
                                .minimum = 50,
                                .maximum = 100,
                                .unit = "%"}},
                .example = "nacre formats sqnr int4:tensor:percentile=99.9"},
               percentile);
  registry.add({.name = "mse",
                .summary = "the scale of least squared error, by grid search",
                .source = "arXiv 2303.17951",
                .example = "nacre formats sqnr int4:channel:mse"},
               least_squares);
  registry.add({.name = "absmean",
                .summary = "the mean of the magnitudes: least squares for binary, BitNet's for ternary",
                .source = "XNOR-Net, arXiv 1603.05279; BitNet b1.58, arXiv 2402.17764",
                .example = "nacre formats sqnr ternary:absmean"},
               absmean);
}

}  // namespace nacre
