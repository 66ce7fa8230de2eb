// How accuracy and cost become a problem for a search: the keys that say so, in a configuration and in a suite of benchmarks.
#pragma once

#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/search/objective.hpp"

namespace nacre {

// objectives, limit_handling, penalty_weight, scalarization, weights, references, exponent.
const std::vector<Parameter>& formulation_parameters();

// `known` are the metrics that trials carry; `usual` the objectives where the options name none. UserError with the position
// for an unknown metric, a weight without a reference, a zero reference, a Lagrangian without a step.
ObjectiveSet formulation_from_options(const Options& options, const std::vector<MetricSpec>& known,
                                      const std::vector<Limit>& limits, const std::vector<std::string>& usual);

}  // namespace nacre
