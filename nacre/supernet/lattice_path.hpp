// The path that a lattice's weights prefer (space/lattice.hpp; sharpDARTS, Hundt et al., arXiv 1903.09900, section 4.2). Weights of a
// step: index (from * states + to) * operators + op.
#pragma once

#include <cstdint>
#include <vector>

#include "nacre/base/random.hpp"

namespace nacre {

struct LatticePath {
  std::vector<int64_t> states;     // one more than steps
  std::vector<int64_t> operators;  // per step
  double sum = 0;                  // of its weights
};

using LatticeWeights = std::vector<std::vector<double>>;  // by step

// The largest sum, by dynamic programming; of equal ones the first.
LatticePath longest_path(const LatticeWeights& weights, int64_t states, int64_t operators);
// The heaviest edge of the first step, then ever the heaviest from where it leads (down), or backwards from the last step (up).
LatticePath greedy_path(const LatticeWeights& weights, int64_t states, int64_t operators, bool down);
// Step by step in proportion to the weights of the edges from where the path stands.
LatticePath drawn_path(const LatticeWeights& weights, int64_t states, int64_t operators, Random& random);

}  // namespace nacre
