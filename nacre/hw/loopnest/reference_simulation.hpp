// The judge of the cost engine: walks the loop nest point by point, gives every instance its buffers, and counts what moves. Slow
// and plain; shares nothing with the engine but the values.
#pragma once

#include "nacre/hw/loopnest/evaluate.hpp"

namespace nacre {

struct SimulatedTensor {
  bool kept = false;
  int64_t tile_elements = 0;
  int64_t reads = 0;
  int64_t fills = 0;
  int64_t updates = 0;
  int64_t reductions = 0;
  int64_t sent = 0;
  int64_t delivered = 0;
};

struct SimulatedLevel {
  std::vector<SimulatedTensor> tensors;
  int64_t instances = 0;  // that ever hold something
};

struct SimulatedCost {
  std::vector<SimulatedLevel> levels;
  int64_t multiply_accumulates = 0;
  int64_t steps = 0;  // in which a multiplier works
  int64_t units_used = 0;
};

// `rules`: halos kept or discarded, exact windows; InternalError for Timeloop's. UserError as of `evaluate_mapping`, but capacities
// are not looked at.
SimulatedCost simulate_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                               const Mapping& mapping, const CountingRules& rules = {});

}  // namespace nacre
