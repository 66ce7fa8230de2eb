// Axes that no closed form of traffic.hpp covers: windows whose children share reads while their fan-out does not divide the
// dimension. Child by child, with sets; exact, and some microseconds a loop instead of nanoseconds.
#pragma once

#include "nacre/hw/loopnest/traffic.hpp"

namespace nacre {

struct UnevenMoment {
  enum class Kind { first, step, all };
  Kind kind = Kind::first;
  int loop = -1;  // that advances, of `step`
};

AxisCounts uneven_axis_counts(const Nest& nest, const CountedAxis& axis, const TrafficRequest& request,
                              const UnevenMoment& moment);

// Different elements of one axis over the whole run, for each instance of `request.node` (and each child that does not share).
int64_t distinct_on_axis(const Nest& nest, const CountedAxis& axis, const TrafficRequest& request);

}  // namespace nacre
