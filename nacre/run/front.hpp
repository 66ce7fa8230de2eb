// The result of a search: the Pareto front of what was evaluated within the limits, or, when nothing keeps them, the
// nearest candidates with the limit that binds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nacre/design/trial.hpp"
#include "nacre/search/objective.hpp"

namespace nacre {

struct Front {
  // Within the limits: the Pareto front, best main objective first. Otherwise the nearest candidates, nearest first.
  std::vector<Trial> members;
  bool limits_met = true;
  // When not met: "latency_s <= 0.002: the nearest candidate has 0.0031", of the nearest candidate's binding limit.
  std::string binding;
};

// Of trials that are ok and no cached repetition. When none keeps the limits: up to `nearest` trials (infeasible ones that
// were only costed included) by violation, then by the main objective.
Front extract_front(const std::vector<Trial>& trials, const ObjectiveSet& objectives, size_t nearest = 8);

}  // namespace nacre
