// What a mapping costs: exact accesses of every tensor at every level, cycles, energy. Derived from the loop bounds, never by
// walking points; `reference_simulation.hpp` walks them and must agree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/accelerator.hpp"
#include "nacre/hw/loopnest/mapping.hpp"
#include "nacre/hw/loopnest/workload.hpp"

namespace nacre {

// How is counted. The defaults are what the hardware can do best; `timeloop()` is the way of Timeloop 3.0.3, to be compared with.
struct CountingRules {
  bool keep_halos = true;  // of two successive tiles of a level the overlap stays; otherwise a changed tile comes anew
  bool zero_first_reads = true;  // a partial sum's first read is a zero that nobody fetches

  static CountingRules timeloop();
};

// All instances of the level together, in elements. For outputs: `updates` come from below, `fills` are partial sums that come
// back from above, `reads` go up (when evicted) and down (partial sums).
struct TensorTraffic {
  bool kept = false;
  int64_t tile_elements = 0;  // of the largest tile of one instance
  int64_t instances = 0;      // used
  int64_t reads = 0;
  int64_t fills = 0;
  int64_t updates = 0;
  int64_t reductions = 0;  // additions on arrival
  std::optional<double> energy_j = {};
};

struct LevelCost {
  std::vector<TensorTraffic> tensors;  // by tensor of the workload
  double cycles = 0;                   // the level's own time at its bandwidth
  std::optional<double> energy_j = {};
};

// A tile that its memory cannot hold, or loops that ask for more children than there are.
struct Misfit {
  std::size_t level = 0;
  int tensor = -1;  // -1: all kept tensors together, or a fan-out
  int64_t missing_bits = 0;
  std::string reason;  // for the user: level, tensor, needed and available
};

struct MappingCost {
  std::vector<LevelCost> levels;  // as the accelerator's
  int64_t multiply_accumulates = 0;
  int64_t compute_cycles = 0;
  double cycles = 0;       // the slowest of compute and levels
  std::string bottleneck;  // "compute" or the level's name
  double utilization = 0;  // multiply-accumulates over units * lanes * cycles
  int64_t units_used = 0;
  std::optional<double> compute_energy_j = {};
  std::optional<double> energy_j = {};  // unknown when any part is
};

// Nothing when it fits.
std::optional<Misfit> mapping_misfit(const Workload& workload, const AcceleratorDescription& accelerator,
                                     const Mapping& mapping);
// UserError (Misfit's reason) when it does not fit or does not cover the workload.
MappingCost evaluate_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                             const Mapping& mapping, const CountingRules& rules = {});

}  // namespace nacre
