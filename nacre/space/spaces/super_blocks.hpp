// The spaces of DeepMAD (Shen et al., CVPR 2023, arXiv 2303.02165): a stem and super-blocks, each a number of equal blocks with
// its own channels, bottleneck channels and kernel. What there is to decide are sizes, so that a network can be judged and
// designed by formulas alone (ir/entropy.hpp, strategy deepmad).
//
//   stem ─ super-block 1 ─ ... ─ super-block 5 ─ (1x1 head) ─ global average ─ linear
//
//   residual   1x1 to the bottleneck, k x k there, 1x1 to the channels, shortcut; ReLU
//   inverted   1x1 to the (wider) bottleneck, k x k depthwise, squeeze-and-excitation, 1x1 to the channels; SiLU
//
// A shortcut pools where the image is halved and projects where the channels change; an inverted block that changes the
// channels has none. Decisions: "stem/channels" and of each super-block "blockN/channels", "/bottleneck", "/kernel", "/depth".
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord super_blocks_record();
std::unique_ptr<Space> make_super_blocks_space(const Options& options, const SpaceContext& context);

// From "stem; channels,bottleneck,kernel,depth channels,..." as in "32; 96,40,5,1 384,40,5,6 384,64,5,9". UserError when
// malformed or when the space does not offer a number.
Decisions super_block_decisions(const Space& space, const std::string& text);

}  // namespace nacre
