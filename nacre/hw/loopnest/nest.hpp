// A mapping flattened for counting: all loops that do something, from outer to inner, with the steps that they make on the way to
// the last iteration. Fixed size, so that a search evaluates without allocating.
//
// With t the product of the factors inside a loop, the coordinate of a dimension is sum(index * t). Its last value has the digits
// q: loop i steps to q_i on the "last path" and to factor - 1 everywhere else. So a dimension has two kinds of tiles, full ones and
// one remainder, and all counting below is sums over these two.
#pragma once

#include <array>
#include <cstdint>

#include "nacre/hw/loopnest/evaluate.hpp"

namespace nacre {

inline constexpr int kMaximumMemoryLevels = 10;
inline constexpr int kMaximumNestLoops = 96;
inline constexpr int kMaximumChain = 24;  // loops of one dimension

struct NestLoop {
  int dimension = 0;
  int level = 0;
  bool spatial = false;
  int64_t factor = 1;  // the outermost of a dimension: what is used of it
  int64_t last = 0;    // q
  int64_t step = 1;    // t
};

struct NestDimension {
  int64_t size = 1;
  int count = 0;
  std::array<int, kMaximumChain> loops;               // indices into Nest::loops, outer to inner
  int even_from = 0;                                  // from this place of `loops` on, q = factor - 1
  uint32_t fanouts = 0;                               // places of `loops` that are spatial, as bits
  std::array<int, kMaximumMemoryLevels + 1> outside;  // of `loops`, those of the levels before a level
};

struct Nest {
  uint64_t stamp = 0;  // different for each flattening: what is derived from a nest is kept by it
  int levels = 0;
  int dimension_count = 0;
  int loop_count = 0;
  std::array<NestLoop, kMaximumNestLoops> loops;
  std::array<int, kMaximumMemoryLevels + 1> level_begin;  // first loop of a level
  std::array<NestDimension, kMaximumLoopDimensions> dimensions;
  std::array<uint32_t, kMaximumWorkloadTensors> keeps;  // bit per level
  std::array<int64_t, kMaximumMemoryLevels> spatial_x, spatial_y;
  // Size of a full tile outside which are the loops of the levels before.
  std::array<std::array<int64_t, kMaximumLoopDimensions>, kMaximumMemoryLevels + 1> tile;
  uint32_t uneven = 0;  // dimensions, as bits, with a tile that is not full
};

// UserError for sizes, tensors or projections that cannot be.
void check_workload(const Workload& workload);
// UserError when the mapping is none of this workload and accelerator.
void check_mapping(const Workload& workload, const AcceleratorDescription& accelerator, const Mapping& mapping);
// Precondition: checked.
void flatten_mapping(const Workload& workload, const Mapping& mapping, Nest& nest);

}  // namespace nacre
