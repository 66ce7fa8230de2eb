// The space of Accel-NASBench (Ahmad et al., arXiv 2404.08005): EfficientNet-like networks of seven blocks, each with its expansion
// (1, 4, 6), kernel (3, 5), number of layers (1 .. 3, in the sixth to 4) and squeeze-and-excitation.
//
//   stem 3x3 /2, 32 ─ blocks of 16, 24, 40, 80, 112, 192, 320 channels, halving in the 2nd, 3rd, 4th and 6th ─ 1x1, 1280 ─ average ─ linear
//
// Decisions per block: "block1/expansion", "block1/kernel", "block1/layers", "block1/squeeze_excite". With 1,000 classes parameters
// are those of the published table. Its activation is not published: swish as in EfficientNet.
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord accel_nasbench_record();
std::unique_ptr<Space> make_accel_nasbench_space(const Options& options, const SpaceContext& context);

// From the benchmark's text, "e6k3l1s0|e4k5l2s0|...". UserError when malformed.
Decisions accel_nasbench_decisions(const std::string& architecture);

}  // namespace nacre
