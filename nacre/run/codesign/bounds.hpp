// The bounds of the penalty: what the largest networks cost on accelerators that use the whole budget, at worst (Yang et al., DAC
// 2020, section 4: upper bounds obtained by exploring hardware for the largest networks). Found once for a study and kept in it.
#pragma once

#include <cstdint>
#include <vector>

#include "nacre/run/codesign/costs.hpp"

namespace nacre {

// The network of a space with the most multiply-accumulates that changing one decision at a time leads to, from a few starts.
Decisions largest_network(const Space& space, uint64_t seed);

// An accelerator on the whole budget, at random.
HeterogeneousAccelerator whole_budget_accelerator(const HardwareDecisions& hardware, Random& random);

DesignCost cost_bounds(CodesignCosts& costs, const JointSpace& space, int64_t designs, uint64_t seed);

}  // namespace nacre
