// Inputs that say how an operator computes (axes, pads, sizes, ratios) and that ONNX lets be computed: read once while the
// kernel is made where they are constants, else from the tensor at each run.
#pragma once

#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {

class LateIntegers {
 public:
  LateIntegers(const NodeContext& context, size_t input) : input_(input) {
    const Tensor* constant = context.constant_input(input);
    if (constant != nullptr || !context.has_input(input))
      known_ = constant == nullptr ? std::vector<int64_t>() : constant->integers();
  }

  // Empty when the input is absent.
  std::vector<int64_t> of(const NodeRun& run) const {
    if (known_.has_value()) return *known_;
    return run.has(input_) ? host_integers(run.in(input_).reshape({-1})) : std::vector<int64_t>();
  }

 private:
  size_t input_;
  std::optional<std::vector<int64_t>> known_;
};

class LateNumbers {
 public:
  LateNumbers(const NodeContext& context, size_t input) : input_(input) {
    const Tensor* constant = context.constant_input(input);
    if (constant != nullptr || !context.has_input(input))
      known_ = constant == nullptr ? std::vector<double>() : constant->numbers();
  }

  // Empty when the input is absent.
  std::vector<double> of(const NodeRun& run) const {
    if (known_.has_value()) return *known_;
    if (!run.has(input_)) return {};
    const at::Tensor host = run.in(input_).detach().to(at::kCPU, at::kDouble).reshape({-1}).contiguous();
    return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
  }

 private:
  size_t input_;
  std::optional<std::vector<double>> known_;
};

// The one integer of an input (K, an axis); UserError at `place` when it has another number of them.
inline int64_t single(const std::vector<int64_t>& integers, const std::string& place) {
  if (integers.size() != 1)
    throw UserError(place + " must be one integer, but has " + std::to_string(integers.size()) + " elements");
  return integers[0];
}

}  // namespace nacre::torch_operators
