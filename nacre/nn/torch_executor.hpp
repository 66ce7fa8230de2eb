// Runs a Graph on libtorch: compiled once into a list of steps over slots, then run with weights from a ParameterStore.
// The one public header of this module that includes libtorch; trainers and evaluators have headers without it.
//
//   Graph -> fusion (batch norm + residual sum + activation) -> steps in topological order -> slots freed after last use
//
// Casts are the executor's own, so that they are the same with every libtorch: in bf16 arithmetic `narrow` operators
// (convolutions, matrix products) read bfloat16, `wide` ones (soft-max, reductions, exponentials) read float, and the others
// take what they get. Gradients flow wherever the store's tensors require them.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/nn/parameter_store.hpp"
#include "nacre/nn/torch_headers.hpp"

namespace nacre {

struct RunMode {
  bool training = false;  // batch statistics, dropout
  // Of dropout; needed when training a network that has it.
  std::optional<at::Generator> generator = std::nullopt;
  // Batch-norm statistics are updated when training, unless this is off (recomputation, gradient checks).
  bool update_statistics = true;
};

// One node as its kernel sees it during a run.
class NodeRun {
 public:
  NodeRun(const RunMode& mode, std::span<const at::Tensor> inputs, std::span<at::Tensor> outputs)
      : mode_(mode), inputs_(inputs), outputs_(outputs) {}

  const RunMode& mode() const { return mode_; }
  size_t input_count() const { return inputs_.size(); }
  bool has(size_t i) const { return i < inputs_.size() && inputs_[i].defined(); }
  const at::Tensor& in(size_t i) const { return inputs_[i]; }
  std::span<const at::Tensor> inputs() const { return inputs_; }
  // Undefined when absent, as libtorch's optional arguments take it.
  at::Tensor optional_in(size_t i) const { return has(i) ? inputs_[i] : at::Tensor(); }
  void out(size_t i, at::Tensor value) { outputs_[i] = std::move(value); }
  size_t output_count() const { return outputs_.size(); }

 private:
  const RunMode& mode_;
  std::span<const at::Tensor> inputs_;
  std::span<at::Tensor> outputs_;
};

using TorchKernel = std::function<void(NodeRun&)>;

struct ExecutorStep;

class TorchExecutor {
 public:
  // Compiles. UserError that names every node it cannot run. The graph is kept (copies are cheap).
  TorchExecutor(const Graph& graph, const Numerics& numerics);
  ~TorchExecutor();
  TorchExecutor(TorchExecutor&&) noexcept;
  TorchExecutor& operator=(TorchExecutor&&) noexcept;

  // Inputs in the order of graph().inputs (missing batch extents may differ from run to run); outputs in the order of
  // graph().outputs, in the arithmetic they were computed in. Floating inputs are brought to the device, arithmetic and
  // memory order of `numerics`.
  std::vector<at::Tensor> run(std::span<const at::Tensor> inputs, ParameterStore& store, const RunMode& mode) const;

  const Graph& graph() const { return graph_; }
  const Numerics& numerics() const { return numerics_; }
  // For people and tests: "conv1 Conv", "bn1 BatchNormalization+Add+Relu" ...
  std::vector<std::string> describe_steps() const;

 private:
  at::Tensor prepare_input(const at::Tensor& given, ValueId id) const;
  Graph graph_;
  Numerics numerics_;
  std::vector<ExecutorStep> steps_;
  std::vector<int32_t> input_slots_, output_slots_;
  int32_t slot_count_ = 0;
};

// Operators that the torch executor can run, for tables of support: "Conv", "nacre.Something".
std::vector<std::string> torch_operator_names();

}  // namespace nacre
