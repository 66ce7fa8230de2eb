// A network as work for an accelerator: each node is one or more iteration spaces for the multiplier array, operations for the
// vector unit, data that only move, or nothing.
//
// Dimension names are those of the field's tables, so that one dataflow serves all operators: N batch, G groups, K output and
// C input channels, P Q (U) output and R S (V) kernel positions. A matrix product has C for the summed axis, K for the columns,
// P for the rows; products of two activations (attention) have G for the axes that both share. Padding counts as input: a model
// of accelerators that skip it would be a lower cost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/hw/loopnest/workload.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

// Bits of one element of a number format (docs/formats.md: int8, fp8_e4m3, mxfp4, pow2:3, ...) or an element type. The scales of
// blocks, 0.125 to 0.5 bits an element, are not counted: loop nests move whole bits. UserError for others.
int64_t format_bits(const std::string& format);

struct NodeWork {
  enum class Kind { product, vector, movement, free };

  NodeId node = kNone;
  Kind kind = Kind::free;
  std::vector<Workload> products = {};  // one for each product: two for a recurrent layer
  int64_t vector_operations = 0;        // an element-wise operation, comparison or addition is one
  int64_t read_bits = 0;                // of all inputs that are not constants of shape, and weights
  int64_t written_bits = 0;
  NodeId fused_into = kNone;  // element-wise work on the way out of that node: reads and writes nothing itself
};

struct NetworkWork {
  std::vector<NodeWork> nodes;           // alive nodes, in the graph's order
  std::vector<std::string> not_covered;  // operators without a model: sums are lower bounds
};

struct NetworkWorkOptions {
  // Of values that have no format of their own: a value's annotation (Value::format) goes first, then these, then the element type.
  OperandFormats formats = {};
  // Element-wise nodes (activation, folded normalization, residual sum) run while their producer's results pass by. A residual's
  // other operand is read still.
  bool fuse_elementwise = true;
};

// Precondition: symbols bound, shapes inferred (deployed_graph). UserError when a shape is not fixed.
NetworkWork network_work(const Graph& graph, const NetworkWorkOptions& options = {});

}  // namespace nacre
