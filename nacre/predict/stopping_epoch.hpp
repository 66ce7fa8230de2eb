// After how many epochs networks rank as they will in the end: trained to the end, a first batch of candidates says where later
// ones may stop (Dai et al., FBNetV3, CVPR 2021, arXiv 2006.02049, section 3.2: the first epoch whose accuracies correlate with
// the final ones by 0.92).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace nacre {

// Values after each epoch, of one network.
using TrainingCurve = std::vector<double>;

// Spearman's correlation of the values after `epoch` (from 1) with the last ones. Of at least two curves of equal length.
double rank_correlation_with_end(std::span<const TrainingCurve> curves, size_t epoch);

struct StoppingEpoch {
  size_t epoch = 0;        // from 1; the last where no earlier one does
  double correlation = 0;  // there; 1 at the last
};
// The first epoch whose values correlate with the last ones by at least `threshold`. UserError for fewer than two curves or
// curves of different lengths.
StoppingEpoch stopping_epoch(std::span<const TrainingCurve> curves, double threshold);

}  // namespace nacre
