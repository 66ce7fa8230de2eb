// The grid of sharpDARTS's differentiable hyperparameter search (Hundt et al., arXiv 1903.09900, section 4): pairs of layers of stride
// 1 and 2, the channels after each and its operator decided one by one. A network is a path (space/lattice.hpp).
//
//   grid/start              channels of the first convolution
//   grid/1a/state           channels after the first layer of stride 1; 1b: of stride 2
//   grid/1a/op              its operator
//
// The instance of the paper for CIFAR-10: channels 32 to 256, four pairs, sharp3 and max: 4^9 2^8 networks.
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord hypercuboid_record();
std::unique_ptr<Space> make_hypercuboid_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
