// Metrics of segmentation from logits per pixel: intersection over union averaged over classes, Dice, pixel accuracy, mean
// cross-entropy. Counted over all pixels of a split together, not image by image.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nacre/design/task.hpp"

namespace nacre {

std::vector<MetricSpec> segmentation_metrics();

// Reads `prediction` [n, classes, height, width] and `target` int64 [n, height, width]; negative targets are not counted. A pixel's
// class is the lowest index of the largest logit; where a logit is not finite it is none, and the loss is unknown. Means are over
// the classes that occur in the target or the prediction.
std::unique_ptr<MetricAccumulator> make_segmentation_accumulator(int64_t classes, std::string prediction,
                                                                 std::string target);

}  // namespace nacre
