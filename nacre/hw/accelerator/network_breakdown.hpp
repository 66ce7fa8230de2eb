// Where time and energy of a network on an accelerator go, one row for each node that runs: for tables, files and pages.
//
// Element-wise nodes that run inside another one (NodeWork::fused_into) are part of its row: "Conv+Relu". Components of the energy are
// the levels (accesses, their wires, their leakage while products run; of the outermost also what other operators transfer),
// the multipliers and the vector unit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nacre/hw/accelerator/network_cost.hpp"

namespace nacre {

struct LayerBreakdown {
  NodeId node = kNone;
  std::string name;
  std::string op;                        // "Conv+Relu"
  std::vector<std::string> shapes = {};  // of each product: "K64 C64 P56 Q56 R3 S3", sizes of 1 left out
  int64_t multiply_accumulates = 0;
  double cycles = 0;
  double utilization = 0;   // multiply-accumulates over what the array could do in these cycles
  std::string bound_by;     // "compute", a level's name, "vector unit", "transfers"
  std::string misfit = {};  // why it cannot run; nothing below is known then
  std::optional<double> energy_j = {};
  std::vector<std::optional<double>> parts_j = {};  // by component
  std::vector<double> level_bits = {};     // that are read and written at each level, all its instances together
  double peak_macs_per_cycle = 0;          // of the array in its format; 0: no multiply-accumulates
  bool proved = false;                     // of all its products
  std::optional<double> gap = {};          // the largest of its products
  std::vector<std::string> mappings = {};  // of each product
};

struct NetworkBreakdown {
  std::vector<std::string> components;  // the levels by name, "compute", "vector unit"
  std::vector<LayerBreakdown> layers;
  std::vector<std::optional<double>> parts_j;  // sums by component
  std::optional<double> idle_leakage_j = {};   // of the levels while no product runs; nothing: no leakage is stated
  std::vector<std::string> levels;             // names, outermost first
  std::vector<std::optional<double>>
      level_bits_per_cycle;  // all instances together, both directions; nothing: not limited
};

NetworkBreakdown network_breakdown(const Graph& graph, const AcceleratorDescription& accelerator,
                                   const NetworkCost& cost);

// "K64 C64 P56 Q56 R3 S3": the dimensions of more than one step; "1" when there is none.
std::string workload_shape_text(const Workload& workload);

}  // namespace nacre
