// A task that remembers what a network answered: wraps another task, and its accumulator keeps every batch and every
// prediction on the way to the metrics. For comparing a model in another runtime (scripts/check_onnxruntime).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nacre/design/task.hpp"

namespace nacre {

class RecordingTask final : public Task {
 public:
  // `task` must outlive this.
  explicit RecordingTask(const Task& task);
  ~RecordingTask() override;

  const std::string& name() const override { return task_.name(); }
  const TaskSignature& signature() const override { return task_.signature(); }
  const LossSpec& loss() const override { return task_.loss(); }
  const std::vector<MetricSpec>& metrics() const override { return task_.metrics(); }
  int64_t size(Split split) const override { return task_.size(split); }
  Batch load(Split split, std::span<const int64_t> indices, const Recipe* augment, Random& random) const override {
    return task_.load(split, indices, augment, random);
  }
  // One evaluation at a time.
  std::unique_ptr<MetricAccumulator> accumulator() const override;
  std::string identity() const override { return task_.identity(); }
  int64_t test_reads() const override { return task_.test_reads(); }

  // Inputs, targets and predictions of all batches in their order, joined along the first axis, by name. UserError when a
  // prediction has the name of an input or target.
  NamedTensors recorded() const;

 private:
  struct Record;
  const Task& task_;
  std::shared_ptr<Record> record_;
};

// Each as <name>.npy in `folder`.
void write_npy_files(const std::filesystem::path& folder, const NamedTensors& tensors);

}  // namespace nacre
