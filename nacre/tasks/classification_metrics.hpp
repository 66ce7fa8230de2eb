// Metrics of classification from logits: accuracy, accuracy averaged over classes, top-5 accuracy, mean cross-entropy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nacre/design/task.hpp"

namespace nacre {

// The metrics that make sense for so many classes; top-5 only where there are more than five.
std::vector<MetricSpec> classification_metrics(int64_t classes);

// Reads `prediction` [n, classes] and `target` [n]. A logit that is not finite makes its sample wrong and the loss unknown.
// Equal logits: the lower class index ranks first. Balanced accuracy is the mean recall over classes that occur.
std::unique_ptr<MetricAccumulator> make_classification_accumulator(int64_t classes, std::string prediction,
                                                                   std::string target);

}  // namespace nacre
