// U-Nets (Ronneberger et al., arXiv 1505.04597) of searched height and filters: each level convolves, halves the image and hands
// its features over to the way back, where a transposed convolution doubles it again. The segmentation backbone of NASAIC (Yang et
// al., arXiv 2002.04116, section 4).
//
// Decisions, where more than one alternative is given: "height", "level0/filters", "level1/filters", ... Levels beyond the chosen
// height have no decisions.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord unet_record();
std::unique_ptr<Space> make_unet_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
