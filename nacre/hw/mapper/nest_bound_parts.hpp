// Small words that the sources of NestBound share.
#pragma once

#include <cstddef>
#include <cstdint>

#include "nacre/hw/loopnest/evaluate.hpp"

namespace nacre::nest_bound_parts {

inline std::size_t at(int index) { return static_cast<std::size_t>(index); }
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline bool is_timeloop(const CountingRules& rules) {
  return rules.halos == HaloRule::timeloop_3_0 || rules.halos == HaloRule::timeloop_head;
}

inline constexpr int kNever = 1 << 20;

}  // namespace nacre::nest_bound_parts
