// One network under training: executor, store, loss, optimizer and what belongs to a step. Internal.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/recipe.hpp"
#include "nacre/design/task.hpp"
#include "nacre/nn/batch_source.hpp"
#include "nacre/nn/losses.hpp"
#include "nacre/nn/optimizer.hpp"
#include "nacre/nn/parameter_store.hpp"
#include "nacre/nn/teacher.hpp"
#include "nacre/nn/torch_executor.hpp"

namespace nacre {

class TrainingStep {
 public:
  TrainingStep(const Graph& graph, const TaskSignature& signature, const LossSpec& loss, const Recipe& recipe,
               const Numerics& numerics, uint64_t seed);

  // Forward, backward and update on one batch. `step` numbers it: mixing and dropout draw from its stream. Returns the loss
  // as a tensor on the device, so that nobody waits for it.
  at::Tensor run(TorchBatch batch, int64_t step, double rate);

  // How far training is, 0 to 1: what dropped paths grow with.
  void set_progress(double progress);

  // Predictions by name without gradients, with the averaged weights where there are some.
  std::vector<at::Tensor> predict(const TorchBatch& batch);
  // Evaluations stand between these two.
  void begin_evaluation();
  void end_evaluation();

  PlainStore& store() { return store_; }
  WeightAverage* average() { return average_.get(); }
  Optimizer& optimizer() { return *optimizer_; }
  // What a network is judged and exported with: the average where there is one.
  Weights final_weights() const;
  const std::vector<std::string>& inputs() const { return inputs_; }
  size_t output() const { return output_; }
  const Graph& graph() const { return executor_.graph(); }

 private:
  void mix(TorchBatch& batch, int64_t step);
  at::Tensor loss_of(const TorchBatch& batch, const at::Tensor& prediction) const;

  const Recipe recipe_;
  const LossSpec spec_;
  const uint64_t seed_;
  TorchExecutor executor_;
  PlainStore store_;
  std::vector<std::string> inputs_;
  size_t output_;
  std::optional<size_t> auxiliary_;  // position of an auxiliary head's output
  std::optional<size_t> progress_;   // position among the store's tensors
  std::unique_ptr<Loss> loss_;
  TrainableSet set_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<WeightAverage> average_;
  std::unique_ptr<Teacher> teacher_;
  at::Generator generator_;
};

}  // namespace nacre
