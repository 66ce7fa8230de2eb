// A frozen network whose predictions a student imitates. Internal.
#pragma once

#include <memory>
#include <string>

#include "nacre/design/task.hpp"
#include "nacre/nn/batch_source.hpp"
#include "nacre/nn/parameter_store.hpp"
#include "nacre/nn/torch_executor.hpp"

namespace nacre {

// The positions of a task's tensors in a graph's signature: by name, or the only one.
std::vector<std::string> input_names_for(const Graph& graph, const TaskSignature& signature);
size_t output_position_for(const Graph& graph, const LossSpec& loss);

class Teacher {
 public:
  // An ONNX file with weights. UserError when it cannot be read, lacks weights, or does not fit the task.
  Teacher(const std::string& path, const TaskSignature& signature, const LossSpec& loss, const Numerics& numerics);
  Teacher(const Graph& graph, const TaskSignature& signature, const LossSpec& loss, const Numerics& numerics);

  // Predictions for the student's (mixed, augmented) inputs, without gradients.
  at::Tensor predict(const TorchBatch& batch) const;

 private:
  TorchExecutor executor_;
  std::unique_ptr<PlainStore> store_;
  std::vector<std::string> inputs_;
  size_t output_ = 0;
};

}  // namespace nacre
