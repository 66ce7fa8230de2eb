// Counts from the mapping alone, by walking every step of the loops outside each tile. Where children stand, what each of them
// holds and wants is listed one by one along every axis of a tensor; only equal situations of an axis are not listed twice.
#pragma once

#include <vector>

#include "recount/record.hpp"

namespace recount {

struct TensorCount {
  bool kept = false;
  int64_t tile = 0;  // elements of the largest tile
  int64_t reads = 0, fills = 0, updates = 0;
  int64_t evicted = 0;                  // of the reads: on the way up
  double bits = 0;                      // of an element that comes and goes
  int64_t delivered = 0, returned = 0;  // through the fan-out below, at the children; partial sums on the way down
  double bits_below = 0;
};

struct Count {
  std::vector<std::vector<TensorCount>> levels;  // by level and tensor
  std::vector<int64_t> instances;                // by level: that ever work
  int64_t steps = 0;                             // of the busiest multiplier
};

Count count(const Record& record);

}  // namespace recount
