// A whole network on an accelerator: one layer after the other, each product mapped to the multiplier array, everything else on the
// vector unit or as movement through the outermost memory.
//
//   latency of a node   the slowest of its product's cycles, its vector operations, and its extra transfers (a residual's other
//                       operand); nodes fused into it (network_workloads.hpp) work while it does
//   energy of a node    the product's (compute and all levels), vector operations, and transfers of the outermost memory
//
// What no description tells is unknown, not zero: without a vector unit the operators that need one are in `not_covered`, and the
// sums are lower bounds; without one level's energy there is no energy at all.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/accelerator.hpp"
#include "nacre/hw/loopnest/evaluate.hpp"
#include "nacre/hw/loopnest/network_workloads.hpp"

namespace nacre {

// How a product runs.
struct ProductMapping {
  Mapping mapping;
  MappingCost cost;
  std::string misfit = {};         // why nothing fits; mapping and cost are empty then
  bool proved = false;             // no mapping of the space that was asked for is better
  std::optional<double> gap = {};  // share by which a better one might be, when not proved and a bound is known
  std::string method;              // "exhaustive", "dataflow dla", ...
  std::string text = {};           // of a mapping to another chip than the one it is costed on (hw/fusion): for people
};

// Answers for one product. When nothing fits (it says which tensor on which level): UserError, or an answer with `misfit` where the
// network's other nodes are wanted still.
using ProductMapper = std::function<ProductMapping(const Workload&)>;

struct ProductCost {
  Workload workload;
  ProductMapping mapped;
};

struct NodeCost {
  NodeWork work;
  std::vector<ProductCost> products = {};
  int64_t vector_operations = 0;        // its own, and those of what is fused into it
  double read_bits = 0;                 // from the outermost memory, beside the products' own; of fused nodes too
  double written_bits = 0;              // to it
  double cycles = 0;                    // 0 for a fused node: its host's cycles hold it
  std::string misfit = {};              // why it cannot run: it has no cycles then and its energy is unknown
  std::string bottleneck = {};          // "compute", a level's name, "vector unit", "transfers"; "" for nothing to do
  std::optional<double> energy_j = {};  // of a fused node: its own operations and transfers
};

struct NetworkCost {
  std::vector<NodeCost> nodes;
  double cycles = 0;
  int64_t infeasible = 0;                 // nodes that cannot run; latency and energy of the network are unknown then
  std::optional<double> latency_s;        // unknown without a clock
  std::optional<double> energy_j;         // dynamic and static; unknown when a part is
  std::optional<double> static_energy_j;  // of leakage, within energy_j; where all levels state one
  int64_t multiply_accumulates = 0;
  double utilization = 0;  // multiply-accumulates over what the array could do in all cycles
  std::vector<std::string> not_covered;
};

// Products of nodes in `decided` are taken as they stand there (fused layers). Equal products are mapped once. The mapper may throw; the message then names the node.
NetworkCost network_cost(const Graph& graph, const AcceleratorDescription& accelerator, const ProductMapper& mapper,
                         const NetworkWorkOptions& options = {}, const std::map<NodeId, ProductMapping>& decided = {});

// `options` with the accelerator's own formats where they name none.
NetworkWorkOptions with_native_formats(NetworkWorkOptions options, const AcceleratorDescription& accelerator);

// The whole chip; nothing when a part has no area.
std::optional<double> accelerator_area_mm2(const AcceleratorDescription& accelerator);

// Key under which equal products share a mapping: dimensions, projections, formats, densities; not the name.
std::string workload_key(const Workload& workload);

}  // namespace nacre
