#include "nacre/search/known_limits.hpp"

#include <algorithm>

namespace nacre {

bool KnownLimits::misses(const Decisions& decisions) {
  if (objectives_.limits.empty() || objectives_.trades_limits() || !build_ || !costs_) return false;
  const auto [place, fresh] = known_.try_emplace(decisions.hash(), false);
  if (fresh) {
    const Metrics metrics = costs_(build_(decisions));
    place->second = std::ranges::any_of(objectives_.limits, [&](const Limit& limit) {
      return metric_value(metrics, limit.metric).has_value() && limit.relative_excess(metrics) > 0;
    });
  }
  return place->second;
}

}  // namespace nacre
