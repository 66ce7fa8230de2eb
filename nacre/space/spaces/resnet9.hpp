// ResNet-9 as NASAIC searches it (Yang et al., arXiv 2002.04116, section 4 and figure 5): a stem convolution, three residual blocks
// that each halve the image, and a classifier. Of each block the number of filters (FN) and of convolutions with a shortcut (SK).
//
// Decisions, where more than one alternative is given: "stem/filters", "block1/filters", "block1/skips", ...
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord resnet9_record();
std::unique_ptr<Space> make_resnet9_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
