// Features cut into bins: what histograms of trees are made over.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/predict/predictor.hpp"

namespace nacre {

// A bin per distinct value where there are at most `max_bins`, else bins of about equally many rows. Values of one bin are
// never told apart; thresholds lie midway between neighboring bins.
class FeatureBins {
 public:
  FeatureBins(const FeatureMatrix& features, int64_t max_bins);

  size_t rows() const { return rows_; }
  size_t columns() const { return thresholds_.size(); }
  // Bins of a feature; 1: it is constant.
  size_t bins(size_t feature) const { return thresholds_[feature].size() + 1; }
  // Rows in bins 0 .. bin satisfy x <= threshold.
  float threshold(size_t feature, size_t bin) const { return thresholds_[feature][bin]; }
  // Of one feature, by row.
  std::span<const uint16_t> column(size_t feature) const { return {codes_.data() + feature * rows_, rows_}; }

 private:
  size_t rows_ = 0;
  std::vector<std::vector<float>> thresholds_;
  std::vector<uint16_t> codes_;  // by feature, then row
};

}  // namespace nacre
