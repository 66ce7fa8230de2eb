// Runs a Graph plainly: one operator after the other by its reference kernel. Slow and right; folds constants, checks
// rewrites and judges faster executors.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

using NamedTensors = std::map<std::string, Tensor, std::less<>>;

// Where parameters come from. Weights are asked for by key, never read from the Graph by an executor: slices, masks,
// quantized views, adapters and device noise all enter here. The nn module has the same seam for libtorch tensors.
class ParameterSource {
 public:
  virtual ~ParameterSource() = default;
  // The tensor for the initialiser `key` (its value's name) of `graph`. UserError when there is none.
  virtual Tensor view(const Graph& graph, ValueId key) const = 0;
};

// The bytes the graph carries; absent parameters are drawn from their distribution with `seed`.
class GraphParameters : public ParameterSource {
 public:
  explicit GraphParameters(uint64_t seed = 0) : seed_(seed) {}
  Tensor view(const Graph& graph, ValueId key) const override;

 private:
  uint64_t seed_;
};

// Draws a tensor of that shape: fans follow libtorch's convention (dimension 0 out, 1 in, the rest receptive field).
Tensor draw_tensor(const Distribution& distribution, std::span<const int64_t> extents, uint64_t seed);

// Fills every absent parameter of the graph; the same seed gives the same weights.
void materialize_parameters(Graph& graph, uint64_t seed);

// Inputs by name; outputs by name. UserError for a missing or wrongly shaped input, or an operator without a kernel.
NamedTensors run_reference(const Graph& graph, const NamedTensors& inputs,
                           const ParameterSource& parameters = GraphParameters());

// One node, given its inputs; the result may not depend on the graph.
std::vector<Tensor> run_reference_node(const Node& node, std::span<const Tensor* const> inputs);

}  // namespace nacre
