// First-order cost of a layer on an instance of a template, by closed forms: no mapping is searched.
//
//   dla  NVDLA-like: channels over the PEs in clusters of 64, weights stay        ceil(K / (P/64)) ceil(C / 64) R S E F cycles
//   shi  ShiDianNao-like: output positions over the PEs, outputs stay             ceil(E / Py) ceil(F / Px) K C R S
//   rs   Eyeriss-like: sets of filter rows by output rows, rows stay in a PE      ceil(K C / max(1, P / (R E))) max(1, ceil(R E / P)) S F
//
// K output and C input channels, R x S the kernel, E x F the output, P the PEs, Py Px <= P the arrangement with the fewest cycles.
// The dataflows are those of MAESTRO's mapping files (Kwon et al., MICRO 2019); the reduction to closed forms is ours. A layer takes the
// longer of its arithmetic and its transfers between the shared buffer (L2) and the PEs' own (L1), which overlap.
//
// Energies are in units of a multiply-accumulate: 1.68 for an access of L1, 18.61 of L2, whatever their size, and no DRAM, as in
// MAESTRO. Areas are MAESTRO's at 28 nm, with a matrix arbiter over the PEs of an instance, whose area grows with their square.
// With 768 bytes of L1 for each PE (the only number that was fitted) the six areas that the paper publishes come out within 1.1 %.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/sub_accelerator.hpp"
#include "nacre/hw/loopnest/workload.hpp"

namespace nacre {

// What the closed forms see of a layer.
struct LayerShape {
  int64_t batch = 1, groups = 1;
  int64_t outputs = 1, inputs = 1;  // K and C, of one group
  int64_t rows = 1, columns = 1;    // R and S
  int64_t height = 1, width = 1;    // E and F
  int64_t stride_rows = 1, stride_columns = 1, dilation_rows = 1, dilation_columns = 1;

  int64_t macs() const { return batch * groups * outputs * inputs * rows * columns * height * width; }
  bool operator==(const LayerShape&) const = default;
};

// From a product's iteration space (loopnest/network_workloads.hpp). A third spatial axis counts as batch. UserError for a dimension that
// the templates do not know.
LayerShape layer_shape(const Workload& workload);

struct TemplateConstants {
  double mac_energy_j = 0.23e-12;  // MAESTRO, BASE_constants.hpp
  double l1_access = 1.68;         // of one element, in energies of a multiply-accumulate
  double l2_access = 18.61;
  int64_t element_bits = 8;
  double clock_hz = 1e9;      // 1 GB/s is a byte a cycle
  int64_t l1_bytes = 768;     // of each PE
  int64_t l2_bytes = 524288;  // of each instance
};

// Elements between the buffers, all PEs together.
struct TemplateTraffic {
  double weight_reads = 0, input_reads = 0;         // of L2
  double output_writes = 0, partial_sum_reads = 0;  // of L2
  double l1_reads = 0, l1_writes = 0;

  double l2() const { return weight_reads + input_reads + output_writes + partial_sum_reads; }
};

struct TemplateCost {
  double compute_cycles = 0;
  double transfer_cycles = 0;
  double cycles = 0;  // the longer of the two
  double energy_j = 0;
  TemplateTraffic traffic;
  double utilization = 0;  // multiply-accumulates over PEs and compute cycles
};

const std::vector<std::string>& template_names();
// Nothing where the instance is left out (no PEs or no bandwidth). UserError for a template that is not known.
std::optional<TemplateCost> template_cost(const LayerShape& shape, const SubAccelerator& instance,
                                          const TemplateConstants& constants);

struct TemplateArea {
  double pe_mm2 = 0;  // multipliers and L1
  double l2_mm2 = 0;
  double bus_mm2 = 0;
  double arbiter_mm2 = 0;
  double total_mm2() const { return pe_mm2 + l2_mm2 + bus_mm2 + arbiter_mm2; }
};
TemplateArea template_area(const SubAccelerator& instance, const TemplateConstants& constants);

}  // namespace nacre
