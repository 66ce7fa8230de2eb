// Batches of a task as libtorch tensors on the training's device. A split that fits is loaded once and indexed; where the
// recipe augments samples, each batch goes through Task::load. Internal.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nacre/design/recipe.hpp"
#include "nacre/design/task.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

struct TorchBatch {
  std::map<std::string, at::Tensor, std::less<>> tensors;
  int64_t size = 0;

  const at::Tensor& at(std::string_view name) const;  // UserError with the names there are
};

class BatchSource {
 public:
  // `augment` null: samples as they are. `resolution` below 1 shrinks images (inputs of rank 4) by area averaging.
  BatchSource(const Task& task, Split split, const Recipe* augment, double resolution, at::Device device);

  // Samples by index within the split. Augmentation draws from `random`.
  TorchBatch load(std::span<const int64_t> indices, Random& random) const;
  // As above, with the task's own tensors beside for its metrics (never shrunk).
  TorchBatch load_with_host(std::span<const int64_t> indices, Random& random, Batch& host) const;
  int64_t size() const { return size_; }

 private:
  TorchBatch convert(const Batch& batch) const;
  at::Tensor shrink(at::Tensor tensor, std::string_view name) const;

  const Task& task_;
  Split split_;
  const Recipe* augment_;
  double resolution_;
  at::Device device_;
  int64_t size_;
  std::unique_ptr<TorchBatch> whole_;  // the split, when it was loaded at once
};

}  // namespace nacre
