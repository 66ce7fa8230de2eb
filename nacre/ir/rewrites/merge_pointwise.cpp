// Merges two linear operators of which one is pointwise (1x1) into one.
//
//   V (W x + a) + b = (V W) x + (V a + b)
//
// Conv after Conv, Gemm and MatMul after Gemm and MatMul. Where the second is 1x1 the window is the first's (and strides
// multiply); where the first is 1x1 the window is the second's, and then a bias in the middle forbids padding: the border
// would see less of it (Chen et al., VanillaNet, arXiv 2305.12972, section 3.1). A pair that is cheaper than its product, as a
// bottleneck or a depthwise convolution before a 1x1, is left as it is: no rewrite here adds multiplications.
#include <numeric>

#include "nacre/ir/rewrites/kernel.hpp"
#include "nacre/ir/rewrites/rewrites.hpp"

namespace nacre::rewrites {
namespace {

// Positions at which a kernel is applied, where they are known.
std::optional<double> positions(const Graph& graph, ValueId result) {
  const std::optional<Shape>& shape = graph.value(result).shape;
  if (!shape.has_value()) return std::nullopt;
  double product = 1;
  for (int axis = 2; axis < shape->rank(); ++axis) {
    if (!(*shape)[axis].is_fixed()) return std::nullopt;
    product *= static_cast<double>((*shape)[axis].extent());
  }
  return product;
}

// The product has no more multiplications than the pair: where the second has strides, the first runs at more positions.
bool costs_no_more(const Graph& graph, const Node& node, const Kernel& first, const Kernel& second) {
  const std::optional<double> inner = positions(graph, node.inputs[0]);
  const std::optional<double> outer = positions(graph, node.outputs[0]);
  const bool counted = !second.axes.empty() && inner.has_value() && outer.has_value() && *outer > 0;
  const double ratio = counted ? *inner / *outer : 1;
  const int64_t groups = std::gcd(first.groups, second.groups);
  const int64_t merged = second.outputs * (first.inputs / groups) * first.taps() * second.taps();
  return static_cast<double>(merged) <=
         static_cast<double>(first.weight.size()) * ratio + static_cast<double>(second.weight.size());
}

bool merge(Graph& graph, NodeId id, const std::vector<int32_t>& uses) {
  const Node& node = graph.node(id);
  if (node.inputs.empty() || node.inputs[0] == kNone) return false;
  const NodeId producer = private_producer(graph, node.inputs[0], uses);
  if (producer == kNone) return false;
  const std::optional<Kernel> first = read_kernel(graph, graph.node(producer));
  if (!first.has_value()) return false;
  const std::optional<Kernel> second = read_kernel(graph, node);
  if (!second.has_value() || !costs_no_more(graph, node, *first, *second)) return false;
  const std::optional<Kernel> merged = composition_of(*first, *second);
  if (!merged.has_value() || !can_hold(graph, node, *merged)) return false;
  write_kernel(graph, id, *merged, uses);
  graph.node(id).inputs[0] = graph.node(producer).inputs[0];
  graph.kill_node(producer);
  return true;
}

}  // namespace

int merge_pointwise(Graph& graph) {
  int count = 0;
  std::vector<int32_t> uses = count_uses(graph);
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    // The same node may take in one after the other.
    while (!graph.nodes()[i].dead && merge(graph, static_cast<NodeId>(i), uses)) {
      ++count;
      uses = count_uses(graph);
    }
  }
  return count + rewrite_bodies(graph, merge_pointwise);
}

}  // namespace nacre::rewrites
