#include "nacre/run/recording_task.hpp"

#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/data/npy.hpp"

namespace nacre {
namespace {

// Samples are their own index; the accumulator counts what it is given.
class CountingTask final : public Task {
 public:
  const std::string& name() const override { return name_; }
  const TaskSignature& signature() const override { return signature_; }
  const LossSpec& loss() const override { return loss_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  int64_t size(Split) const override { return 5; }
  Batch load(Split, std::span<const int64_t> indices, const Recipe*, Random&) const override {
    Batch batch;
    batch.size = static_cast<int64_t>(indices.size());
    Tensor label(ElementType::int64, {batch.size});
    for (size_t i = 0; i < indices.size(); ++i) label.mutable_values<int64_t>()[i] = indices[i];
    batch.tensors["label"] = label;
    return batch;
  }
  std::unique_ptr<MetricAccumulator> accumulator() const override {
    struct Counter final : MetricAccumulator {
      void add(const NamedTensors&, const Batch& batch) override { samples += batch.size; }
      Metrics result() const override {
        Metrics metrics;
        metrics["samples"].value = static_cast<double>(samples);
        return metrics;
      }
      int64_t samples = 0;
    };
    return std::make_unique<Counter>();
  }
  std::string identity() const override { return "counting"; }
  int64_t test_reads() const override { return 0; }

 private:
  std::string name_ = "counting";
  TaskSignature signature_;
  LossSpec loss_;
  std::vector<MetricSpec> metrics_;
};

void evaluate_in_two_batches(const Task& task, MetricAccumulator& accumulator, const std::string& output) {
  Random random = Random::stream(0, 0);
  const std::vector<int64_t> batches[] = {{0, 1, 2}, {3, 4}};
  for (const std::vector<int64_t>& indices : batches) {
    const Batch batch = task.load(Split::test, indices, nullptr, random);
    NamedTensors predictions;
    predictions[output] =
        batch.tensors.at("label").cast(ElementType::float32).reshaped(std::vector<int64_t>{batch.size, 1});
    accumulator.add(predictions, batch);
  }
}

TEST(RecordingTask, JoinsBatchesInOrderAndChangesNoMetric) {
  const CountingTask inner;
  const RecordingTask task(inner);
  for (int round = 0; round < 2; ++round) {  // a second evaluation starts anew
    const auto accumulator = task.accumulator();
    evaluate_in_two_batches(task, *accumulator, "logits");
    EXPECT_EQ(accumulator->result().at("samples").value, 5.0);
    const NamedTensors recorded = task.recorded();
    ASSERT_EQ(recorded.size(), 2u);
    EXPECT_EQ(recorded.at("logits").extents(), (std::vector<int64_t>{5, 1}));
    EXPECT_EQ(recorded.at("logits").numbers(), (std::vector<double>{0, 1, 2, 3, 4}));
    EXPECT_EQ(recorded.at("label").integers(), (std::vector<int64_t>{0, 1, 2, 3, 4}));
  }
}

TEST(RecordingTask, WritesOneFileATensor) {
  const auto folder = std::filesystem::temp_directory_path() / "nacre_recording_task_test";
  write_npy_files(folder, {{"logits", Tensor::of<float>({2}, {1, 2})}});
  EXPECT_EQ(read_npy(folder / "logits.npy").numbers(), (std::vector<double>{1, 2}));
  std::filesystem::remove_all(folder);
}

TEST(RecordingTask, RefusesAPredictionNamedLikeATarget) {
  const CountingTask inner;
  const RecordingTask task(inner);
  try {
    evaluate_in_two_batches(task, *task.accumulator(), "label");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "cannot record: 'label' is the name of a prediction and of an input or target");
  }
}

}  // namespace
}  // namespace nacre
