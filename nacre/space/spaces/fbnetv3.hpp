// The space of FBNetV3 (Dai et al., CVPR 2021, arXiv 2006.02049, section 3.1): stages of inverted residual blocks whose first
// block has a kernel and an expansion of its own.
//
//   stem 3x3 ─ stage 1 ─ ... ─ stage 7 ─ 1x1 expansion ─ global average ─ 1x1 to 1984 ─ classifier
//
//   block: 1x1 expansion (where it widens), k x k depthwise, squeeze-and-excitation in some stages, 1x1 projection; the input is
//          added where shapes agree; hard swish
//
// Decisions: "stem/channels", of each stage "/channels", "/depth", "/kernel_first", "/kernel", "/expansion_first", "/expansion", and
// "head/expansion". The exact ranges of the paper are not public; those of the preset enclose the released networks A to
// G. The input resolution, which the paper decides too, is the task's here. Recipe decisions stand beside (key `recipe`).
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord fbnetv3_record();
std::unique_ptr<Space> make_fbnetv3_space(const Options& options, const SpaceContext& context);

// From "stem | kernel_first,kernel channels depth expansion_first,expansion | ... | head expansion", as in
// "16 | 3,3 16 2 1,1 | 5,5 24 4 4,2 | ... | 6". UserError when malformed or when the space does not offer a number.
Decisions fbnetv3_decisions(const Space& space, const std::string& text);

}  // namespace nacre
