// Multi-layer perceptrons for any input, which is flattened: tables, signals, small images.
//
// Decisions, where more than one alternative is given: "depth"; "0/width" per layer; "activation" and "normalization",
// one for all layers.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord mlp_record();
std::unique_ptr<Space> make_mlp_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
