// Counting a Graph without running it: parameters, MACs, bytes, and peak activation memory by liveness over the schedule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {

struct NodeStatistics {
  NodeId node = kNone;
  int64_t parameters = 0;  // trainable elements this node is the first to read
  int64_t macs = 0;
  int64_t flops = 0;
  int64_t weight_bytes = 0;  // initialisers this node is the first to read
  int64_t input_bytes = 0;
  int64_t output_bytes = 0;
};

struct GraphStatistics {
  int64_t parameters = 0;  // trainable elements, shared ones once (running statistics are not counted)
  int64_t macs = 0;        // convolution and matrix products, without bias
  int64_t flops = 0;
  int64_t weight_bytes = 0;           // all initialisers: what the model file carries
  int64_t peak_activation_bytes = 0;  // largest sum of values alive at once, inputs and outputs included, weights not
  int32_t peak_node = kNone;          // where the peak is reached
  std::vector<NodeStatistics> nodes;
  std::vector<std::string> opaque;  // operators that could not be counted: a sum that lacks them is a lower bound
};

// Precondition: shapes inferred. UserError when a dimension is not fixed (bind the symbols first) and names it.
GraphStatistics count_graph(const Graph& graph);

}  // namespace nacre
