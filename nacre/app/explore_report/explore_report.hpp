// The page of `nacre explore`: plots of every pair of objectives with the front, tables of the front and of all accelerators.
#pragma once

#include <string>

#include "nacre/run/accelerator_exploration.hpp"

namespace nacre {

// Pure: the same result gives the same bytes.
std::string render_explore_report(const ExplorationPlan& plan, const ExplorationResult& result);

}  // namespace nacre
