#include "nacre/tasks/classification_metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

Batch labels_of(std::vector<int64_t> labels) {
  Batch batch;
  batch.size = static_cast<int64_t>(labels.size());
  batch.tensors["label"] = Tensor::of<int64_t>(std::vector<int64_t>{batch.size}, labels);
  return batch;
}

NamedTensors logits_of(int64_t classes, std::vector<float> logits) {
  const int64_t n = static_cast<int64_t>(logits.size()) / classes;
  return {{"logits", Tensor::of<float>(std::vector<int64_t>{n, classes}, logits)}};
}

TEST(ClassificationMetrics, EqualHandComputedValues) {
  const auto accumulator = make_classification_accumulator(3, "logits", "label");
  // Right: samples 0, 1 and 3. Class 0: 2 of 2, class 1: 1 of 2, class 2: absent.
  accumulator->add(logits_of(3, {2, 0, 0, 1, 0, 0}), labels_of({0, 0}));
  accumulator->add(logits_of(3, {0, 0, 5, 0, 3, 0}), labels_of({1, 1}));
  const Metrics metrics = accumulator->result();
  EXPECT_DOUBLE_EQ(*metrics.at("accuracy").value, 0.75);
  EXPECT_DOUBLE_EQ(*metrics.at("balanced_accuracy").value, 0.75);
  const double expected = (std::log(1 + 2 * std::exp(-2.0)) + std::log(1 + 2 * std::exp(-1.0)) +
                           (5 + std::log(1 + 2 * std::exp(-5.0))) + std::log(1 + 2 * std::exp(-3.0))) /
                          4;
  EXPECT_NEAR(*metrics.at("loss").value, expected, 1e-12);
  EXPECT_EQ(metrics.at("accuracy").count, 4);
  EXPECT_EQ(metrics.at("accuracy").origin, Origin::trained);
  EXPECT_EQ(metrics.count("top5_accuracy"), 0U);
}

TEST(ClassificationMetrics, BalancedAccuracyWeighsClassesEqually) {
  const auto accumulator = make_classification_accumulator(2, "logits", "label");
  accumulator->add(logits_of(2, {1, 0, 1, 0, 1, 0, 1, 0}), labels_of({0, 0, 0, 1}));
  EXPECT_DOUBLE_EQ(*accumulator->result().at("accuracy").value, 0.75);
  EXPECT_DOUBLE_EQ(*accumulator->result().at("balanced_accuracy").value, 0.5);
}

TEST(ClassificationMetrics, TiesGoToTheLowerClassAndTopFiveCounts) {
  const auto accumulator = make_classification_accumulator(7, "logits", "label");
  accumulator->add(logits_of(7, std::vector<float>(14, 0.0F)), labels_of({0, 4}));
  accumulator->add(logits_of(7, std::vector<float>(14, 0.0F)), labels_of({5, 6}));
  const Metrics metrics = accumulator->result();
  EXPECT_DOUBLE_EQ(*metrics.at("accuracy").value, 0.25);
  EXPECT_DOUBLE_EQ(*metrics.at("top5_accuracy").value, 0.5);
  EXPECT_NEAR(*metrics.at("loss").value, std::log(7.0), 1e-12);
}

TEST(ClassificationMetrics, LargeLogitsDoNotOverflow) {
  const auto accumulator = make_classification_accumulator(2, "logits", "label");
  accumulator->add(logits_of(2, {3e38F, -3e38F, 1e30F, 0}), labels_of({0, 1}));
  EXPECT_NEAR(*accumulator->result().at("loss").value, 0.5 * static_cast<double>(1e30F), 1e23);
}

TEST(ClassificationMetrics, NonFiniteLogitsAreWrongAndTheirLossUnknown) {
  const auto accumulator = make_classification_accumulator(2, "logits", "label");
  accumulator->add(logits_of(2, {std::numeric_limits<float>::quiet_NaN(), 0, 1, 0}), labels_of({0, 0}));
  const Metrics metrics = accumulator->result();
  EXPECT_DOUBLE_EQ(*metrics.at("accuracy").value, 0.5);
  EXPECT_FALSE(metrics.at("loss").value.has_value());
}

TEST(ClassificationMetrics, NothingSeenIsUnknown) {
  const Metrics metrics = make_classification_accumulator(2, "logits", "label")->result();
  for (const auto& [name, metric] : metrics) EXPECT_FALSE(metric.value.has_value()) << name;
}

TEST(ClassificationMetrics, BatchingDoesNotMatter) {
  Random random(3);
  constexpr int64_t kClasses = 9;
  std::vector<float> logits(40 * kClasses);
  std::vector<int64_t> labels(40);
  for (float& logit : logits) logit = static_cast<float>(random.normal());
  for (int64_t& label : labels) label = random.integer(0, kClasses - 1);
  const auto whole = make_classification_accumulator(kClasses, "logits", "label");
  whole->add(logits_of(kClasses, logits), labels_of(labels));
  const auto pieces = make_classification_accumulator(kClasses, "logits", "label");
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto from = logits.begin() + static_cast<std::ptrdiff_t>(i * kClasses);
    pieces->add(logits_of(kClasses, {from, from + kClasses}), labels_of({labels[i]}));
  }
  const Metrics a = whole->result();
  const Metrics b = pieces->result();
  for (const auto& [name, metric] : a) EXPECT_DOUBLE_EQ(*metric.value, *b.at(name).value) << name;
}

}  // namespace
}  // namespace nacre
