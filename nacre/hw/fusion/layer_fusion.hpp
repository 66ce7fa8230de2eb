// Layers fused across a buffer: chains of products run depth first in tiles of rows (fusion_chain.hpp), and what one hands to the
// next stays on the chip.
//
// The fusion level is the outermost memory on the chip of which there is one instance and which may hold inputs and outputs. Of the
// chain's input and of every tensor between it holds the rows that are needed at a time, halos included; of the weights all, or
// they are fetched anew for every tile, whichever is better. What is left of it serves the mappings as before.
//
// How a tile is costed: its layer is mapped to the chip with one more level, the home of what stays, right below the outermost memory:
// of unlimited size, with the energies and bandwidths of the fusion level, whose own capacity is less by what stays. No loops in time
// stand above the home. Then its accesses are counted with those of the fusion level, at one port, and what passed between
// the outermost memory and the home is left out. The chain's input and weights that stay are fetched once.
//
// Not modelled: fusing across branches and pooling, tiles of columns, halos that are computed again instead of kept.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "nacre/hw/fusion/fusion_chain.hpp"
#include "nacre/hw/mapper/mapping_plan.hpp"

namespace nacre {

// One way of running a chain, or a part of it.
struct FusionChoice {
  int64_t tile_rows = 1;  // of the last output
  bool weights_stay = false;
};

struct FusedGroup {
  std::vector<NodeId> nodes;
  FusionChoice choice;
  int64_t tiles = 0;
  std::string level;                   // where it stays
  double held_bits = 0;                // of it, at most
  std::vector<ProductMapping> mapped;  // by node: costs on the accelerator's own levels, summed over the tiles
};

// Costs a chain that runs so; nothing when it does not fit. UserError when the accelerator has no fusion level.
std::optional<FusedGroup> fused_group(std::span<const FusibleLayer> layers, const AcceleratorDescription& accelerator,
                                      const MappingPlan& plan, const FusionChoice& choice, MappingCache& cache);

struct NetworkFusion {
  std::vector<FusedGroup> groups;
  std::map<NodeId, ProductMapping> decided;  // for network_cost
};

// Cuts every chain into groups of at most `most_layers` and single layers so that the plan's objective (of a dataflow: energy times
// delay where all energies are known, else latency) is least, energies and cycles counted against those of `separate`.
NetworkFusion fuse_layers(const Graph& graph, const AcceleratorDescription& accelerator, const MappingPlan& plan,
                          const NetworkCost& separate, MappingCache& cache, std::size_t most_layers = 4);

// A network as the plan says: layer by layer, and, where it fuses layers, with groups of them where that is better.
struct PlannedCost {
  NetworkCost cost;
  std::optional<NetworkCost> separate = {};  // layer by layer, where layers may be fused
  std::vector<FusedGroup> groups = {};
};
PlannedCost planned_cost(const Graph& graph, const AcceleratorDescription& accelerator, const MappingPlan& plan,
                         const ProductMapper& mapper, MappingCache& cache);

// The level where fused layers keep what stays. UserError when there is none.
std::size_t fusion_level(const AcceleratorDescription& accelerator);
// The accelerator with a home for tensors of these roles, as a tile is mapped to it (above).
AcceleratorDescription with_home(const AcceleratorDescription& accelerator, const std::vector<TensorRole>& roles,
                                 double held_bits);

}  // namespace nacre
