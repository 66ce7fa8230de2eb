// The size space of NATS-Bench (Dong et al., arXiv 2009.00437): one cell of NAS-Bench-201 is given, the widths of five parts are
// searched, each one of 8, 16 .. 64 channels (others by `widths`); 32,768 networks.
//
//   stem 3x3 (c1) ─ cell (c1) ─ residual block /2 (c2) ─ cell (c3) ─ residual block /2 (c4) ─ cell (c5) ─ norm, relu ─ average ─ linear
//
// The cell is |nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|; where its input has
// other channels the skip is a 1x1 convolution with batch-norm. Decisions: "width1" .. "width5".
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord nats_size_record();
std::unique_ptr<Space> make_nats_size_space(const Options& options, const SpaceContext& context);

// From the benchmark's text, "8:16:24:64:8". UserError when malformed.
Decisions nats_size_decisions(const std::string& widths);

}  // namespace nacre
