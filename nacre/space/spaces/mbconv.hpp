// Layer-wise space of inverted residuals after FBNet (Wu et al., arXiv 1812.03443): a fixed skeleton of stages, each layer
// one of nine blocks: kernel 3 or 5, expansion 1, 3 or 6, two groups with expansion 1, or a skip.
//
//   stem 3x3 ─ stage 1 ─ ... ─ stage n ─ head 1x1 ─ global average ─ dropout ─ linear
//              └ layer 0 .. L-1, each: op one of the candidates
//
// Decisions: "stage2/1/op" per layer; "width_percent" where several width multipliers are given; "stage2/1/se" per layer
// with squeeze_excite: choose. With the preset fbnet_imagenet the space is the paper's: 9^22 networks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord mbconv_record();
std::unique_ptr<Space> make_mbconv_space(const Options& options, const SpaceContext& context);

// Decisions of a network written as in the paper's tables: "3/1 | 3/6 5/1 - 3/1g2 | ...", kernel/expansion, "-" for a skip.
// UserError when an operator is not among the space's candidates or the number of layers differs.
Decisions mbconv_decisions(const Space& space, const std::string& layers);

}  // namespace nacre
