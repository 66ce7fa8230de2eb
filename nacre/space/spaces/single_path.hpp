// The space of Single-Path NAS (Stamoulis et al., arXiv 1904.02877, section 3): stages of inverted residuals, where kernel,
// expansion and presence of a layer are decisions of their own, so that every network is a slice of the largest one.
//
//   stage1/1/layer          block or skip; where a skip keeps the shape
//   stage1/1/kernel         of the layer's depthwise convolution
//   stage1/1/expansion      of its middle channels over its input
//
// On the skeleton of MnasNet: 5 stages of 4 layers, kernels 3 and 5, expansions 3 and 6: 4^5 5^15 networks, about 3e13.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord single_path_record();
std::unique_ptr<Space> make_single_path_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
