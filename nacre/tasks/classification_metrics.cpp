#include "nacre/tasks/classification_metrics.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int64_t kTop = 5;

class ClassificationAccumulator : public MetricAccumulator {
 public:
  ClassificationAccumulator(int64_t classes, std::string prediction, std::string target)
      : prediction_(std::move(prediction)),
        target_(std::move(target)),
        seen_(static_cast<size_t>(classes), 0),
        right_(seen_) {}

  void add(const NamedTensors& predictions, const Batch& batch) override {
    const auto found = predictions.find(prediction_);
    NACRE_CHECK(found != predictions.end(), "no prediction '" + prediction_ + "'");
    const Tensor logits =
        found->second.type() == ElementType::float32 ? found->second : found->second.cast(ElementType::float32);
    const auto labels = batch.tensors.at(target_).values<int64_t>();
    const size_t classes = seen_.size();
    NACRE_CHECK(
        logits.elements() == static_cast<int64_t>(classes * labels.size()),
        "logits of shape " + std::to_string(logits.elements()) + " for " + std::to_string(labels.size()) + " labels");
    for (size_t i = 0; i < labels.size(); ++i) {
      add_sample(logits.values<float>().subspan(i * classes, classes), static_cast<size_t>(labels[i]));
    }
  }

  Metrics result() const override {
    Metrics metrics;
    const auto metric = [&](double value) {
      return Metric{
          .value = count_ > 0 ? std::optional(value) : std::nullopt, .origin = Origin::trained, .count = count_};
    };
    const auto count = static_cast<double>(count_);
    int64_t right = 0;
    double recalls = 0;
    int64_t present = 0;
    for (size_t k = 0; k < seen_.size(); ++k) {
      right += right_[k];
      if (seen_[k] == 0) continue;
      recalls += static_cast<double>(right_[k]) / static_cast<double>(seen_[k]);
      ++present;
    }
    metrics["accuracy"] = metric(static_cast<double>(right) / count);
    metrics["balanced_accuracy"] = metric(recalls / static_cast<double>(present));
    if (static_cast<int64_t>(seen_.size()) > kTop)
      metrics["top5_accuracy"] = metric(static_cast<double>(right_in_top_) / count);
    metrics["loss"] = metric(loss_ / count);
    if (!std::isfinite(loss_)) metrics["loss"].value = std::nullopt;
    return metrics;
  }

 private:
  void add_sample(std::span<const float> logits, size_t label) {
    NACRE_CHECK(label < logits.size());
    ++count_;
    ++seen_[label];
    const bool finite = std::ranges::all_of(logits, [](float x) { return std::isfinite(x); });
    if (!finite) {
      loss_ = std::nan("");
      return;
    }
    int64_t ahead = 0;  // classes that rank before the label
    double largest = logits[0];
    for (size_t k = 0; k < logits.size(); ++k) {
      if (logits[k] > logits[label] || (logits[k] == logits[label] && k < label)) ++ahead;
      largest = std::max(largest, static_cast<double>(logits[k]));
    }
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
    loss_ += std::log(sum) + largest - static_cast<double>(logits[label]);
    if (ahead == 0) ++right_[label];
    if (ahead < kTop) ++right_in_top_;
  }

  std::string prediction_;
  std::string target_;
  std::vector<int64_t> seen_;   // samples by class
  std::vector<int64_t> right_;  // of these, rightly classified
  int64_t right_in_top_ = 0;
  int64_t count_ = 0;
  double loss_ = 0;
};

}  // namespace

std::vector<MetricSpec> classification_metrics(int64_t classes) {
  std::vector<MetricSpec> metrics = {
      {"accuracy", Direction::maximize, "", "share of samples whose largest logit is their class"},
      {"balanced_accuracy", Direction::maximize, "", "accuracy of each class, averaged over classes"},
      {"loss", Direction::minimize, "", "mean cross-entropy in nats"}};
  if (classes > kTop)
    metrics.push_back(
        {"top5_accuracy", Direction::maximize, "", "share of samples whose class is among the five largest logits"});
  return metrics;
}

std::unique_ptr<MetricAccumulator> make_classification_accumulator(int64_t classes, std::string prediction,
                                                                   std::string target) {
  return std::make_unique<ClassificationAccumulator>(classes, std::move(prediction), std::move(target));
}

}  // namespace nacre
