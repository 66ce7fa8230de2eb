// Residual networks (He et al., arXiv 1512.03385): stages of searched depth and width, blocks of searched kind and kernel.
//
// Decisions, where more than one alternative is given: "stage2/width_percent", "stage2/depth", "stage2/0/block",
// "stage2/0/kernel". Blocks beyond the chosen depth have no decisions.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord resnet_record();
std::unique_ptr<Space> make_resnet_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
