// What a family of torch operators registers: a maker per ONNX operator, which reads the node once and returns its kernel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nacre/nn/torch_executor.hpp"

namespace nacre::torch_operators {

// In which arithmetic an operator computes when the network is trained in bf16.
enum class Precision {
  follow,  // as its inputs come
  narrow,  // bfloat16: convolutions, matrix products
  wide,    // float: soft-max, norms over features, sums, exponentials
};

// The node while its kernel is made.
class NodeContext {
 public:
  NodeContext(const Graph& graph, NodeId id, const Numerics& numerics) : graph_(graph), id_(id), numerics_(numerics) {}

  const Graph& graph() const { return graph_; }
  const Node& node() const { return graph_.node(id_); }
  NodeId id() const { return id_; }
  const Numerics& numerics() const { return numerics_; }
  const Attributes& attributes() const { return node().attributes; }
  size_t input_count() const { return node().inputs.size(); }
  bool has_input(size_t i) const { return i < node().inputs.size() && node().inputs[i] != kNone; }
  size_t output_count() const { return node().outputs.size(); }
  ElementType input_type(size_t i) const { return graph_.value(node().inputs[i]).type; }
  // The rank of input i; UserError when not known.
  int input_rank(size_t i) const;
  // The shape of input i; UserError when not known.
  const Shape& input_shape(size_t i) const;
  // The bytes of a constant input, null when it is absent or computed.
  const Tensor* constant_input(size_t i) const;
  // An optional input that must be constant: its numbers, empty when absent. late_input.hpp reads what may be computed.
  std::vector<double> constant_numbers(size_t i) const;
  // Attribute of that name as a vector with one entry per item, `fallback` when absent.
  std::vector<int64_t> integers(std::string_view name, size_t count, int64_t fallback) const;
  [[noreturn]] void fail(const std::string& message) const;

 private:
  const Graph& graph_;
  NodeId id_;
  const Numerics& numerics_;
};

struct TorchOperator {
  std::string name;
  Precision precision = Precision::follow;
  TorchKernel (*make)(const NodeContext& context) = nullptr;
  // Inputs that `make` reads as constants when they are: the executor then does not ask the store for them.
  std::vector<size_t> constant_inputs = {};
  std::string domain = "";
};

// A kernel of one input and one output without attributes.
template <at::Tensor (*F)(const at::Tensor&)>
TorchKernel make_unary(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, F(run.in(0))); };
}

// The elements of an integer tensor (a shape, axes), copied to the host.
std::vector<int64_t> host_integers(const at::Tensor& tensor);

std::vector<TorchOperator> convolution_operators();
std::vector<TorchOperator> pooling_operators();
std::vector<TorchOperator> normalization_operators();
std::vector<TorchOperator> activation_operators();
std::vector<TorchOperator> arithmetic_operators();
std::vector<TorchOperator> logic_operators();
std::vector<TorchOperator> matrix_product_operators();
std::vector<TorchOperator> softmax_operators();
std::vector<TorchOperator> reduction_operators();
std::vector<TorchOperator> ordering_operators();
std::vector<TorchOperator> layout_operators();
std::vector<TorchOperator> slicing_operators();
std::vector<TorchOperator> gather_operators();
std::vector<TorchOperator> resize_operators();
std::vector<TorchOperator> creation_operators();
std::vector<TorchOperator> selection_operators();
std::vector<TorchOperator> recurrent_operators();
std::vector<TorchOperator> quantization_operators();
std::vector<TorchOperator> mixture_operators();

// Null when there is none.
const TorchOperator* find_torch_operator(std::string_view op, std::string_view domain);
const std::vector<TorchOperator>& all_torch_operators();

}  // namespace nacre::torch_operators
