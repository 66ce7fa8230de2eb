#include "nacre/predict/feature_bins.hpp"

#include <algorithm>

namespace nacre {
namespace {

// Midway, but below `high` also where nothing lies between.
float between(float low, float high) {
  const float middle = low + (high - low) / 2;
  return middle < high ? middle : low;
}

std::vector<float> thresholds_of(std::vector<float> sorted, size_t max_bins) {
  std::vector<float> distinct = sorted;
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<float> thresholds;
  if (distinct.size() <= max_bins) {
    for (size_t i = 0; i + 1 < distinct.size(); ++i) thresholds.push_back(between(distinct[i], distinct[i + 1]));
    return thresholds;
  }
  for (size_t bin = 1; bin < max_bins; ++bin) {
    const size_t place = bin * sorted.size() / max_bins;
    const auto next = std::ranges::upper_bound(sorted, sorted[place - 1]);
    if (next == sorted.end()) break;
    const float threshold = between(sorted[place - 1], *next);
    if (thresholds.empty() || threshold > thresholds.back()) thresholds.push_back(threshold);
  }
  return thresholds;
}

}  // namespace

FeatureBins::FeatureBins(const FeatureMatrix& features, int64_t max_bins) : rows_(features.rows()) {
  NACRE_CHECK(max_bins >= 2 && max_bins <= 65535);
  thresholds_.resize(features.columns);
  codes_.resize(features.columns * rows_);
  std::vector<float> column(rows_);
  for (size_t feature = 0; feature < features.columns; ++feature) {
    for (size_t row = 0; row < rows_; ++row) column[row] = features.values[row * features.columns + feature];
    std::vector<float> sorted = column;
    std::ranges::sort(sorted);
    thresholds_[feature] = thresholds_of(std::move(sorted), static_cast<size_t>(max_bins));
    const std::vector<float>& thresholds = thresholds_[feature];
    for (size_t row = 0; row < rows_; ++row) {
      codes_[feature * rows_ + row] =
          static_cast<uint16_t>(std::ranges::lower_bound(thresholds, column[row]) - thresholds.begin());
    }
  }
}

}  // namespace nacre
