// What nacre knows of an operator: one record per operator holds documentation, arity, attributes, shape inference, cost
// and the reference kernel. Families live in ir/operators/<family>.cpp; ir/operators/register.cpp lists them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

// Work of one node on one run. MACs count multiply-accumulates of convolution and matrix products only (the convention of
// the field's tables: no bias, no batch-norm, no pooling); `flops` counts every arithmetic operation, a MAC as two.
struct OperatorCost {
  int64_t macs = 0;
  int64_t flops = 0;
};

// What inference knows of a small tensor before anything runs: all of it, or, for integers, its elements one by one as
// expressions over symbols ("7", "past+1"; "" for unknown). Shape -> Gather -> Concat -> Reshape chains are computed on it.
struct KnownTensor {
  std::vector<int64_t> extents;
  std::optional<Tensor> tensor;          // all elements known
  std::vector<std::string> expressions;  // else: one per element
};

// By following the producers of `id` backwards; nothing when not even the number of elements is known.
std::optional<KnownTensor> known_tensor(const Graph& graph, ValueId id);

// Shape inference of one node: reads types and shapes of the inputs, writes those of the outputs. Inputs that hold
// constants can be read (the target of Reshape). UserError names node, expected and found.
class InferenceContext {
 public:
  InferenceContext(Graph& graph, NodeId node) : graph_(graph), node_(node) {}

  Graph& graph() const { return graph_; }
  const Node& node() const { return graph_.node(node_); }
  NodeId node_id() const { return node_; }
  const Attributes& attributes() const { return node().attributes; }
  int input_count() const { return static_cast<int>(node().inputs.size()); }
  int output_count() const { return static_cast<int>(node().outputs.size()); }
  bool has_input(int index) const {
    return index < input_count() && node().inputs[static_cast<size_t>(index)] != kNone;
  }
  ElementType input_type(int index) const { return input(index).type; }
  const std::optional<Shape>& input_shape(int index) const { return input(index).shape; }
  // The shape of an input, or null when its rank is unknown; UserError when its rank is outside [minimum, maximum].
  const Shape* ranked_input(int index, int minimum, int maximum = kMaximumRank) const;
  // The bytes of an input that is an initialiser, or null.
  const Tensor* input_constant(int index) const { return graph_.constant(node().inputs[static_cast<size_t>(index)]); }
  // What is known of a small input; nothing for an omitted one.
  std::optional<KnownTensor> known_input(int index) const;
  // All elements of a small integer input, when all are known numbers.
  std::optional<std::vector<int64_t>> known_integers(int index) const;
  // Writes type and shape of a result. Dimensions left unknown keep what an imported model declared for them.
  void set_output(int index, ElementType type, const std::optional<Shape>& shape);
  [[noreturn]] void fail(const std::string& message) const;  // UserError with the node's place

 private:
  const Value& input(int index) const { return graph_.value(node().inputs[static_cast<size_t>(index)]); }
  Graph& graph_;
  NodeId node_;
};

struct AttributeSchema {
  std::string name;
  std::string type;  // "int", "float", "string", "ints", "floats", "tensor"
  std::string description;
  bool required = false;
};

// Inputs are null for omitted optional ones. Returns the outputs. Plain and right, not fast.
using ReferenceKernel = std::vector<Tensor> (*)(const Node& node, std::span<const Tensor* const> inputs);

struct OperatorSchema {
  std::string name;
  std::string domain = "";  // or "nacre"
  std::string summary;      // one line
  int minimum_inputs = 1;
  int maximum_inputs = 1;  // INT_MAX: variadic
  int minimum_outputs = 1;
  int maximum_outputs = 1;
  std::vector<AttributeSchema> attributes = {};
  void (*infer)(InferenceContext&) = nullptr;
  OperatorCost (*cost)(const Graph&, const Node&) = nullptr;  // precondition: shapes are fixed; null: no arithmetic
  ReferenceKernel reference = nullptr;                        // null: the reference executor refuses it by name
  bool elementwise = false;  // unary or broadcast arithmetic: fusable, in-place capable
  // Bit i: elements of input i are only moved, copied or dropped, never computed with, so that number formats and
  // symbolic integers pass through. ~0u: all inputs.
  uint32_t moved_inputs = 0;
};

// Null when nacre has no such operator.
const OperatorSchema* find_operator(std::string_view op, std::string_view domain = "");
// All, in the order of families.
std::span<const OperatorSchema* const> all_operators();

// Fills types and shapes of all results, in order, bodies included. UserError where a node is inconsistent.
void infer_shapes(Graph& graph);
// Shapes of one node just added (incremental building).
void infer_node(Graph& graph, NodeId id);

}  // namespace nacre
