// How many elements of a tensor move between two levels, from the loop bounds alone.
//
// Steps are sorted by the loop that advances: all loops inside it go from their last index to the first. For one advancing loop the
// old and the new tile differ by the same shift in every step, but for first and last tiles of uneven dimensions. A tile is a
// product of its axes, and what happens on one axis does not depend on the others; so with, for each axis, over all steps,
//   a  elements of an axis that has not moved,
//   c  elements of a moved axis that are new,
//   b  elements of a moved axis that are old,
// the elements that come are  prod(a+b+c) - prod(a) - sum_k b_k prod_{j != k} a_j : all, without those of steps in which nothing
// moved, and without the overlap where one axis moved alone. Sums over instances, prefixes and remainders go into a, b, c of each
// axis; dimensions that the tensor lacks count their steps. Children that share a read count once: sets of one axis are joined
// before they are counted.
#pragma once

#include <array>
#include <cstdint>

#include "nacre/hw/loopnest/nest.hpp"

namespace nacre {

struct CountedAxis {
  int terms = 0;
  std::array<int, kMaximumLoopDimensions> dimensions;
  std::array<int64_t, kMaximumLoopDimensions> coefficients;
};

struct CountedTensor {
  bool output = false;
  uint32_t dimensions = 0;  // that it has, as bits
  int axis_count = 0;
  std::array<CountedAxis, kMaximumLoopDimensions> axes;
  std::array<int, kMaximumLoopDimensions> axis_of;          // of a dimension; -1: none
  std::array<int64_t, kMaximumLoopDimensions> coefficient;  // of a dimension
};

struct AxisCounts {
  int64_t still = 0;     // a
  int64_t overlap = 0;   // b
  int64_t arriving = 0;  // c
};

// What is asked: tiles of a level (or, with child = levels, of the multipliers), counted where they leave the instances of
// `node`; children below one of these share where their fan-out is among `merging`.
struct TrafficRequest {
  int child = 0;
  int node = 0;
  uint32_t merging = ~0u;  // levels, as bits
  bool evictions = false;  // what goes, instead of what comes
};

namespace loopnest {

inline std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Whether children along a fan-out loop count apart for what is asked.
inline bool is_label(const NestLoop& loop, const TrafficRequest& request) {
  return loop.level < request.node || !(request.merging >> loop.level & 1u);
}

}  // namespace loopnest

class TrafficCounter {
 public:
  TrafficCounter(const Workload& workload, const CountingRules& rules);

  const CountedTensor& tensor(int index) const { return tensors_[static_cast<std::size_t>(index)]; }
  // Over the whole run, all instances of `node`.
  int64_t moved(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request) const;
  // Different elements that ever were there, for each instance of `node` by itself.
  int64_t distinct(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request) const;
  // Of the largest tile of one instance of a level.
  int64_t tile_elements(const Nest& nest, const CountedTensor& tensor, int level) const;

 private:
  CountingRules rules_;
  std::array<CountedTensor, kMaximumWorkloadTensors> tensors_;
};

// Instances of a level that ever work; of the multipliers with level = levels.
int64_t used_instances(const Nest& nest, int level);
// Steps of the busiest instance of that level's tile: of the multipliers the time without stalls.
int64_t temporal_steps(const Nest& nest, int level);
// Outputs leave that level's tile before they are finished, and come back.
bool outputs_return(const Nest& nest, const CountedTensor& output, int level);

}  // namespace nacre
