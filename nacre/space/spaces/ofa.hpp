// The space of Once-for-All (Cai et al., arXiv 1908.09791, section 3.2): units of inverted residuals whose depth, kernels and
// expansions are numbers, so that every network is a slice of the largest one.
//
//   resolution              side that images are resized to, where there are several (section 3.2)
//   unit1/depth             layers of the unit: its first so many
//   unit1/0/kernel          of a layer's depthwise convolution
//   unit1/0/expansion       of its middle channels over its input
//
// On the skeleton of MobileNetV3-Large: 5 units, depth 2 to 4, kernels 3, 5, 7, expansions 3, 4, 6: ((3 3)^2 + (3 3)^3 + (3 3)^4)^5
// networks, about 2e19.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord ofa_record();
std::unique_ptr<Space> make_ofa_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
