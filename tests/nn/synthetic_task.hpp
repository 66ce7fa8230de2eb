// A small classification task made of numbers: images whose class is the quadrant that is bright. Learned in a few epochs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nacre/design/recipe.hpp"
#include "nacre/design/task.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre::test {

class CountingAccuracy : public MetricAccumulator {
 public:
  void add(const NamedTensors& predictions, const Batch& batch) override {
    const Tensor& logits = predictions.at("logits");
    const std::vector<int64_t> labels = batch.tensors.at("label").integers();
    const int64_t classes = logits.extents()[1];
    for (size_t i = 0; i < labels.size(); ++i) {
      int64_t best = 0;
      for (int64_t c = 1; c < classes; ++c) {
        if (logits.values<float>()[i * 4 + static_cast<size_t>(c)] >
            logits.values<float>()[i * 4 + static_cast<size_t>(best)])
          best = c;
      }
      right_ += best == labels[i];
      ++count_;
    }
  }
  Metrics result() const override {
    return {{"accuracy",
             {.value = static_cast<double>(right_) / static_cast<double>(count_),
              .unit = "",
              .origin = Origin::trained,
              .source = "",
              .count = count_}}};
  }

 private:
  int64_t right_ = 0, count_ = 0;
};

class QuadrantTask : public Task {
 public:
  explicit QuadrantTask(double noise = 0.5) : noise_(noise) {
    signature_.inputs = {{"image", ElementType::float32, {3, 8, 8}}};
    signature_.outputs = {{"logits", ElementType::float32, {4}}};
  }
  const std::string& name() const override { return name_; }
  const TaskSignature& signature() const override { return signature_; }
  const LossSpec& loss() const override { return loss_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  int64_t size(Split split) const override { return split == Split::train ? 256 : 64; }
  Batch load(Split split, std::span<const int64_t> indices, const Recipe* augment, Random& random) const override {
    if (split == Split::test) ++test_reads_;
    Batch batch;
    batch.size = static_cast<int64_t>(indices.size());
    Tensor images(ElementType::float32, {batch.size, 3, 8, 8});
    Tensor labels(ElementType::int64, {batch.size});
    const std::span<float> pixels = images.mutable_values<float>();
    for (size_t i = 0; i < indices.size(); ++i) {
      Random sample = Random::stream(7, split_name(split), static_cast<uint64_t>(indices[i]));
      const int64_t label = indices[i] % 4;
      labels.mutable_values<int64_t>()[i] = label;
      for (int64_t p = 0; p < 3 * 64; ++p) {
        const int64_t y = p / 8 % 8, x = p % 8;
        const bool bright = y / 4 * 2 + x / 4 == label;
        pixels[i * 192 + static_cast<size_t>(p)] = static_cast<float>((bright ? 1.0 : 0.0) + noise_ * sample.normal());
      }
      if (augment != nullptr && augment->horizontal_flip)
        pixels[i * 192] += static_cast<float>(random.uniform());  // draws, as an augmentation does
    }
    batch.tensors["image"] = images;
    batch.tensors["label"] = labels;
    return batch;
  }
  std::unique_ptr<MetricAccumulator> accumulator() const override { return std::make_unique<CountingAccuracy>(); }
  std::string identity() const override { return "quadrants"; }
  int64_t test_reads() const override { return test_reads_; }

 private:
  std::string name_ = "quadrants";
  TaskSignature signature_;
  LossSpec loss_{"cross_entropy", "logits", "label"};
  std::vector<MetricSpec> metrics_ = {{"accuracy", Direction::maximize, "", ""}};
  double noise_;
  mutable int64_t test_reads_ = 0;
};

inline Graph small_network(int64_t width = 8, float dropout = 0) {
  GraphBuilder builder("small");
  ValueId x = builder.input("image", ElementType::float32, {builder.graph().symbol("batch"), 3, 8, 8});
  x = builder.convolution_norm_activation("stem", x, width, {.kernel = 3}, Activation::relu);
  const ValueId y = builder.convolution_norm_activation("block", x, width, {.kernel = 3}, Activation::none);
  x = builder.activation(builder.add(y, x), Activation::hard_swish);
  x = builder.convolution_norm_activation("down", x, 2 * width, {.kernel = 3, .stride = 2}, Activation::swish);
  x = builder.flatten(builder.average_pool(x, 2, 2, 0));
  if (dropout > 0) x = builder.dropout(x, dropout);
  builder.output(builder.linear("head", x, 4), "logits");
  return builder.take();
}

inline Recipe quick_recipe(double epochs = 3) {
  Recipe recipe;
  recipe.epochs = epochs;
  recipe.batch_size = 32;
  recipe.learning_rate = 0.05;
  recipe.warmup_epochs = 0.5;
  return recipe;
}

}  // namespace nacre::test
