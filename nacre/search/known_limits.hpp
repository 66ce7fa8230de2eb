// Limits that a network can be held against before anything is trained or measured: by counts, and by what the target looks up
// or models (StrategyContext::costs).
#pragma once

#include <unordered_map>

#include "nacre/search/strategy.hpp"

namespace nacre {

class KnownLimits {
 public:
  explicit KnownLimits(const StrategyContext& context)
      : objectives_(context.objectives), build_(context.build), costs_(context.costs) {}

  // True: beyond a limit, as far as is known. False where nothing is known, and where limits are traded, not kept. Remembered.
  bool misses(const Decisions& decisions);

 private:
  const ObjectiveSet objectives_;
  const std::function<Design(const Decisions&)> build_;
  const std::function<Metrics(const Design&)> costs_;
  std::unordered_map<Hash128, bool> known_;
};

}  // namespace nacre
