// What a mapping costs: exact accesses of every tensor at every level, cycles, energy. Derived from the loop bounds, never by
// walking points; `reference_simulation.hpp` walks them and must agree.
//
// A level's instance holds one tile of each tensor that it keeps. When a temporal loop outside advances, the tile changes: the new
// one is filled from the nearest level outside that keeps the tensor, a changed tile of outputs is written there first. Multipliers
// hold nothing: they read their operands in every step and update the innermost kept outputs in every step. What children of one
// instance want in the same step travels once where the fan-out can multicast; partial sums that they give back in the same step
// are added on the way where it can reduce.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/accelerator.hpp"
#include "nacre/hw/loopnest/mapping.hpp"
#include "nacre/hw/loopnest/workload.hpp"

namespace nacre {

// What stays in a buffer when the next tile of a level overlaps the one before (the halo of a window).
enum class HaloRule {
  kept,          // what is in both, where the tile has moved along one axis of the tensor; else the tile comes anew
  discarded,     // nothing: a tile that differs comes anew
  timeloop_3_0,  // Timeloop 3.0.3: the overlap along the innermost temporal loop only
  timeloop_head  // Timeloop of March 2025: along the innermost temporal loop that moves the tile
};

// How is counted. The defaults are what the hardware can do; `timeloop()` is the way of Timeloop 3.0.3, to be compared with.
struct CountingRules {
  HaloRule halos = HaloRule::kept;
  bool exact_windows =
      true;  // the elements that a window touches; otherwise all between its first and last, and a multicast serves
             // equal tiles only
  bool zero_first_reads = true;   // a partial sum's first read is a zero that nobody fetches
  bool read_when_evicted = true;  // outputs that leave a level are read there
  bool stall_on_exchange = true;  // a level that is not double buffered does not work while its tile is exchanged

  static CountingRules timeloop();
  static CountingRules timeloop_head();
};

// All instances of the level together, in elements. For outputs: `updates` come from below, `fills` are partial sums that come
// back from above, `reads` go up (when evicted) and serve the additions on arrival.
struct TensorTraffic {
  bool kept = false;
  int64_t tile_elements = 0;  // of the largest tile of one instance
  int64_t instances = 0;      // used
  int64_t reads = 0;
  int64_t fills = 0;
  int64_t updates = 0;
  int64_t reductions = 0;  // additions on arrival
  // Through the fan-out below this level, whether the level keeps the tensor or only hands it on: what leaves (or, of outputs,
  // reaches) the level's instances, and what reaches (leaves) the children. The ratio is the multicast, or the spatial reduction.
  int64_t sent = 0;
  int64_t delivered = 0;
  double bits = 0;                      // of one element stored here, times its density
  double bits_below = 0;                // of one element on the way below
  std::optional<double> energy_j = {};  // of reads, fills, updates; zero where not kept
  std::optional<double> network_energy_j = {};
};

struct LevelCost {
  std::vector<TensorTraffic> tensors;  // by tensor of the workload
  double cycles = 0;                   // the level's own time at its bandwidth
  double stall_cycles = 0;             // of them while nobody works: exchanging tiles without a second buffer
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
  double cycles = 0;       // the slowest of compute, levels and commands
  std::string bottleneck;  // "compute", "commands" or the level's name
  double utilization = 0;  // multiply-accumulates over units * lanes * cycles
  int64_t units_used = 0;
  std::optional<double> compute_energy_j = {};
  std::optional<double> energy_j = {};  // unknown when any part is
};

// Nothing when it fits. UserError when the mapping is none of this workload and accelerator (levels, dimensions, a bound that does
// not cover its dimension, an outermost level that does not keep all tensors).
std::optional<Misfit> mapping_misfit(const Workload& workload, const AcceleratorDescription& accelerator,
                                     const Mapping& mapping);
// UserError (Misfit's reason) when it does not fit.
MappingCost evaluate_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                             const Mapping& mapping, const CountingRules& rules = {});

}  // namespace nacre
