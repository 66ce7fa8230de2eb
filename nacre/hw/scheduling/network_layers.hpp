// The layers of a network as tasks: each product (convolution, matrix product) is one, waiting for the products whose results reach it.
// Work beside the multipliers (pooling, norms, sums) takes no time here; what is not fused into a product is named.
#pragma once

#include <string>
#include <vector>

#include "nacre/hw/accelerator/template_cost.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

struct NetworkLayer {
  std::string name;
  NodeId node = kNone;
  size_t shape = 0;               // index into NetworkLayers::shapes
  std::vector<int> predecessors;  // indices of layers, ascending
};

struct NetworkLayers {
  std::string network;
  std::vector<NetworkLayer> layers;      // predecessors first
  std::vector<LayerShape> shapes;        // different ones
  std::vector<std::string> not_covered;  // operators whose work is left out

  int64_t macs() const;
};

// Precondition: symbols bound, shapes inferred (deployed_graph). UserError as network_work.
NetworkLayers network_layers(const std::string& network, const Graph& graph);

}  // namespace nacre
