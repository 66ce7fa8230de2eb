// One workload on one accelerator, for many mappings: what does not depend on the mapping is looked up once, nothing is allocated
// per mapping. `evaluate_mapping` is this and names; a search uses this.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "nacre/hw/loopnest/command_time.hpp"
#include "nacre/hw/loopnest/evaluate.hpp"
#include "nacre/hw/loopnest/nest.hpp"
#include "nacre/hw/loopnest/traffic.hpp"

namespace nacre {

// What a multiply-accumulate is called in the description's tables: the format of the wider operand.
std::string operand_format(const Workload& workload);

struct NestTensorCost {
  bool kept = false;
  int64_t tile_elements = 0;
  int64_t reads = 0;
  int64_t fills = 0;
  int64_t updates = 0;
  int64_t reductions = 0;
  int64_t evicted = 0;  // of the reads: on the way up
  int64_t sent = 0;
  int64_t delivered = 0;
  int64_t returned = 0;  // partial sums through this fan-out on the way down
  double bits = 0;
  double bits_below = 0;
};

struct NestLevelCost {
  std::array<NestTensorCost, kMaximumWorkloadTensors> tensors;
  int64_t instances = 0;  // used
  double cycles = 0;
  double stall_cycles = 0;
};

struct NestCost {
  std::array<NestLevelCost, kMaximumMemoryLevels> levels;
  int64_t multiply_accumulates = 0;
  int64_t compute_cycles = 0;
  int64_t units_used = 0;
  double command_cycles = 0;  // of the stream of commands; 0 without one
  double cycles = 0;
  double energy_j = 0;
  bool energy_known = true;
};

class NestEvaluator {
 public:
  // UserError for a workload or accelerator that is none.
  NestEvaluator(const Workload& workload, const AcceleratorDescription& accelerator, const CountingRules& rules = {});

  // Precondition of all: a mapping that `check_mapping` accepts. Const and thread-safe.
  void flatten(const Mapping& mapping, Nest& nest) const { flatten_mapping(workload_, mapping, nest); }
  // All accesses and their cost; tells nothing about whether it fits.
  void cost(const Nest& nest, NestCost& result) const;
  // Before counting: false when tiles (their elements at the fewest bits), tensors or fan-outs cannot fit.
  bool may_fit(const Nest& nest) const;
  // Of a counted nest.
  bool fits(const Nest& nest, const NestCost& cost) const;
  std::optional<Misfit> misfit(const Nest& nest, const NestCost& cost) const;

  const Workload& workload() const { return workload_; }
  const AcceleratorDescription& accelerator() const { return accelerator_; }

  // Joules; nothing when not known. `element_energy` of one level and tensor.
  std::optional<double> access_energy(std::size_t level, const NestTensorCost& tensor) const;
  std::optional<double> network_energy(std::size_t level, const NestTensorCost& tensor) const;
  std::optional<double> compute_energy() const;
  std::optional<double> energy_of_one() const;  // of one multiply-accumulate with operands of their densities
  double rate() const { return rate_; }         // multiply-accumulates of a lane and cycle
  std::optional<double> leakage_energy(std::size_t level, double cycles) const;

 private:
  void count_tensor(const Nest& nest, int tensor, NestCost& result) const;
  void check_conservation(const Nest& nest, TrafficRequest request, const CountedTensor& tensor,
                          std::span<const int64_t> through) const;
  void count_output_node(NestTensorCost& parent, NestTensorCost* child, int64_t at_parent, int64_t distinct_parent,
                         int64_t at_child, int64_t distinct_child) const;
  void time(const Nest& nest, NestCost& result) const;
  void energy(NestCost& result) const;

  Workload workload_;
  AcceleratorDescription accelerator_;
  CountingRules rules_;
  TrafficCounter counter_;
  int64_t points_ = 0;
  uint32_t multicast_ = 0, reduction_ = 0;  // levels, as bits
  double rate_ = 1;
  std::optional<double> mac_energy_j_;
  std::optional<CommandCounter> commands_;
};

}  // namespace nacre
