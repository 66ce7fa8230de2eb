// Compute cycles of a mapping, by walking the loops of each dimension: the judge of what makes mappings.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "nacre/hw/loopnest/mapping.hpp"
#include "nacre/hw/loopnest/workload.hpp"

namespace nacre::test {

struct ChainLink {
  int64_t factor;
  bool temporal;
};

// Time of a chain of loops over one dimension, walked by its definition: the last step may be shorter, children work at once.
inline int64_t time_of(const std::vector<ChainLink>& chain, size_t at, int64_t extent) {
  if (at == chain.size()) return 1;
  int64_t inside = 1;
  for (size_t i = at + 1; i < chain.size(); ++i) inside *= chain[i].factor;
  if (!chain[at].temporal) return time_of(chain, at + 1, std::min(extent, inside));
  const int64_t full = extent / inside;
  return full * time_of(chain, at + 1, inside) + (extent % inside != 0 ? time_of(chain, at + 1, extent % inside) : 0);
}

inline int64_t cycles_of(const Workload& workload, const Mapping& mapping) {
  int64_t cycles = 1;
  for (size_t d = 0; d < workload.dimensions.size(); ++d) {
    std::vector<ChainLink> chain;
    int64_t covered = 1;
    for (const LevelMapping& level : mapping.levels) {
      for (const MappedLoop& loop : level.loops) {
        if (loop.dimension != static_cast<int>(d)) continue;
        chain.push_back({loop.factor, loop.kind == LoopKind::temporal});
        covered *= loop.factor;
      }
    }
    EXPECT_GE(covered, workload.dimensions[d].size) << workload.name << ": " << workload.dimensions[d].name;
    cycles *= time_of(chain, 0, workload.dimensions[d].size);
  }
  return cycles;
}

}  // namespace nacre::test
