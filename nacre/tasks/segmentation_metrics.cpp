#include "nacre/tasks/segmentation_metrics.hpp"

#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

class SegmentationAccumulator : public MetricAccumulator {
 public:
  SegmentationAccumulator(int64_t classes, std::string prediction, std::string target)
      : classes_(static_cast<size_t>(classes)),
        prediction_(std::move(prediction)),
        target_(std::move(target)),
        wanted_(classes_, 0),
        given_(classes_, 0),
        right_(classes_, 0) {}

  void add(const NamedTensors& predictions, const Batch& batch) override {
    const auto found = predictions.find(prediction_);
    NACRE_CHECK(found != predictions.end(), "no prediction '" + prediction_ + "'");
    const Tensor logits =
        found->second.type() == ElementType::float32 ? found->second : found->second.cast(ElementType::float32);
    const Tensor& target = batch.tensors.at(target_);
    NACRE_CHECK(target.rank() == 3 && logits.elements() == target.elements() * static_cast<int64_t>(classes_),
                "logits and masks of different sizes");
    const auto plane = static_cast<size_t>(target.extents()[1] * target.extents()[2]);
    const auto labels = target.values<int64_t>();
    const float* values = logits.values<float>().data();
    for (size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] < 0) continue;
      add_pixel(values + (i / plane) * classes_ * plane + i % plane, plane, static_cast<size_t>(labels[i]));
    }
  }

  Metrics result() const override {
    double unions = 0, dices = 0;
    int64_t present = 0, right = 0;
    for (size_t k = 0; k < classes_; ++k) {
      right += right_[k];
      const int64_t either = wanted_[k] + given_[k] - right_[k];
      if (either == 0) continue;
      ++present;
      unions += static_cast<double>(right_[k]) / static_cast<double>(either);
      dices += 2 * static_cast<double>(right_[k]) / static_cast<double>(wanted_[k] + given_[k]);
    }
    const auto metric = [&](double value) {
      return Metric{.value = pixels_ > 0 && std::isfinite(value) ? std::optional(value) : std::nullopt,
                    .origin = Origin::trained,
                    .count = pixels_};
    };
    return {{"mean_iou", metric(unions / static_cast<double>(present))},
            {"dice", metric(dices / static_cast<double>(present))},
            {"pixel_accuracy", metric(static_cast<double>(right) / static_cast<double>(pixels_))},
            {"loss", metric(loss_ / static_cast<double>(pixels_))}};
  }

 private:
  // `logits` of the pixel, `step` apart.
  void add_pixel(const float* logits, size_t step, size_t label) {
    NACRE_CHECK(label < classes_);
    ++pixels_;
    ++wanted_[label];
    size_t best = 0;
    for (size_t k = 0; k < classes_; ++k) {
      if (!std::isfinite(logits[k * step])) {
        loss_ = std::nan("");
        return;
      }
      if (logits[k * step] > logits[best * step]) best = k;
    }
    const double largest = logits[best * step];
    double sum = 0;
    for (size_t k = 0; k < classes_; ++k) sum += std::exp(static_cast<double>(logits[k * step]) - largest);
    loss_ += std::log(sum) + largest - static_cast<double>(logits[label * step]);
    ++given_[best];
    if (best == label) ++right_[label];
  }

  size_t classes_;
  std::string prediction_;
  std::string target_;
  std::vector<int64_t> wanted_;  // pixels by class of the target
  std::vector<int64_t> given_;   // by predicted class
  std::vector<int64_t> right_;
  int64_t pixels_ = 0;
  double loss_ = 0;
};

}  // namespace

std::vector<MetricSpec> segmentation_metrics() {
  return {{"mean_iou", Direction::maximize, "",
           "intersection over union of each class over all pixels, averaged over classes"},
          {"dice", Direction::maximize, "",
           "2 |A and B| / (|A| + |B|) of each class over all pixels, averaged over classes"},
          {"pixel_accuracy", Direction::maximize, "", "share of pixels whose largest logit is their class"},
          {"loss", Direction::minimize, "", "mean cross-entropy of a pixel in nats"}};
}

std::unique_ptr<MetricAccumulator> make_segmentation_accumulator(int64_t classes, std::string prediction,
                                                                 std::string target) {
  return std::make_unique<SegmentationAccumulator>(classes, std::move(prediction), std::move(target));
}

}  // namespace nacre
