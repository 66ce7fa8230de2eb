// TrafficCounter::moved for mappings whose bounds divide: all tiles of a level are alike, so that one advancing loop is one shift,
// times how often it advances.
#pragma once

#include "nacre/hw/loopnest/traffic.hpp"

namespace nacre::loopnest {

// Precondition: nest.uneven == 0.
int64_t moved_evenly(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request,
                     const CountingRules& rules);

}  // namespace nacre::loopnest
