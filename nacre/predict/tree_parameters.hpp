// The parameters of boosted trees as records, for everything that grows them: the predictor `gbdt`, the strategy `gbdt_nas`.
#pragma once

#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/predict/boosted_trees.hpp"

namespace nacre {

const std::vector<Parameter>& boosted_trees_parameters();
BoostedTreesOptions boosted_trees_options(const Options& options);

}  // namespace nacre
