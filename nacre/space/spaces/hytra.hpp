// HyTra (BossNAS, Li et al., arXiv 2103.12424, section 3.4): a fabric of convolution and attention with searched positions of
// down-sampling. A stem, then layers, each at one of a few scales (channels, side) that never goes up again:
//
//   stem ─ layer1 (256, 56) ─ layer2 (512, 28) ─ layer3 (512, 28) ─ layer4 (1024, 14) ... ─ average ─ linear
//
//   conv   1x1 to a quarter ─ position encoding (3x3 depthwise, strided going down) ─ norm, act ─ 3x3 ─ norm, act ─ 1x1 ─ norm
//   att    1x1 to a quarter ─ position encoding ─ norm, act ─ attention over all places ─ norm, act ─ 1x1 ─ norm
//
// each plus a shortcut, then the activation; the last norm's scale starts at 0. Attention is offered at the last scales only.
//
// Decisions: "layer1/channels", "layer2/channels_after_256" ... (the scale, where there are several to go to; structural), and
// "layer1/op" where there are two. In text also the codes of the release, from the last scale up: 0 att and 1 conv at the last,
// 2 and 3 at the one before, 4 and 5 conv above ("5544..."); or a genotype per scale, 0 att and 1 conv: "1|1|11101|000100000".
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord hytra_record();
std::unique_ptr<Space> make_hytra_space(const Options& options, const SpaceContext& context);

// From codes, or a genotype (above); `space` is a hytra. UserError when malformed or not in the space.
Decisions hytra_decisions(const Space& space, const std::string& text);

}  // namespace nacre
