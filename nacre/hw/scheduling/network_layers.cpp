#include "nacre/hw/scheduling/network_layers.hpp"

#include <algorithm>

#include "nacre/hw/loopnest/network_workloads.hpp"

namespace nacre {
namespace {

void merge(std::vector<int>& into, const std::vector<int>& other) {
  std::vector<int> both;
  std::ranges::set_union(into, other, std::back_inserter(both));
  into = std::move(both);
}

}  // namespace

int64_t NetworkLayers::macs() const {
  int64_t sum = 0;
  for (const NetworkLayer& layer : layers) sum += shapes[layer.shape].macs();
  return sum;
}

NetworkLayers network_layers(const std::string& network, const Graph& graph) {
  NetworkLayers result{.network = network, .layers = {}, .shapes = {}, .not_covered = {}};
  const NetworkWork work = network_work(graph);
  result.not_covered = work.not_covered;
  std::vector<std::vector<int>> reaching(graph.values().size());  // by value: the last products before it
  for (const NodeWork& one : work.nodes) {
    const Node& node = graph.node(one.node);
    std::vector<int> before;
    for (const ValueId input : node.inputs)
      if (input != kNone) merge(before, reaching[static_cast<size_t>(input)]);
    for (const Workload& product : one.products) {
      const LayerShape shape = layer_shape(product);
      auto found = std::ranges::find(result.shapes, shape);
      if (found == result.shapes.end()) found = result.shapes.insert(found, shape);
      result.layers.push_back({.name = product.name,
                               .node = one.node,
                               .shape = static_cast<size_t>(found - result.shapes.begin()),
                               .predecessors = before});
      before = {static_cast<int>(result.layers.size()) - 1};
    }
    if (one.kind == NodeWork::Kind::vector && one.fused_into == kNone) result.not_covered.push_back(node.op);
    for (const ValueId output : node.outputs)
      if (output != kNone) reaching[static_cast<size_t>(output)] = before;
  }
  std::ranges::sort(result.not_covered);
  const auto rest = std::ranges::unique(result.not_covered);
  result.not_covered.erase(rest.begin(), rest.end());
  return result;
}

}  // namespace nacre
