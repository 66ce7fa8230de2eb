// A network as graph networks read it: operators with their sizes, and who reads whom.
//
// Operators that only change numbers one by one (batch norm, activations) are part of the operator that they follow or precede, so
// that a step of message passing goes from one operator with work to the next. What a vertex says depends on the network alone,
// not on the order or the names of its nodes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct OperatorGraph {
  static constexpr size_t kSizes = 9;

  struct Vertex {
    std::map<std::string, int64_t> operators;  // by name, how often: {Conv: 1, BatchNormalization: 1, Relu: 1}
    // Logarithms log(1 + x) of parameters, work (multiply-accumulates of one sample), output elements of one sample, channels,
    // output positions, kernel elements, stride, groups; the ninth: 1 for outputs of the network.
    std::array<double, kSizes> sizes{};
    std::vector<int32_t> inputs, outputs;  // neighbors, one entry for each value that is read
  };

  std::vector<Vertex> vertices;
};

// Symbolic dimensions count as one, so that the batch does not matter. Nested bodies are one operator with their owner.
OperatorGraph operator_graph(const Graph& graph);

}  // namespace nacre
