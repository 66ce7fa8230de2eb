// NAS-Bench-Macro (Su et al., arXiv 2103.11922, section 4): eight layers of a chain, each the identity or one of two inverted
// residuals; 6,561 networks.
//
//   stem 3x3, 32 ─ 2 layers (64, /2) ─ 3 layers (128, /2) ─ 3 layers (256, /2) ─ 1x1, 1280 ─ average ─ linear
//
// Where the size changes the identity is a strided 1x1 convolution with batch-norm. Decisions: "layer1" .. "layer8", their
// indices the digits of the benchmark's code; parameters and MACs are those of its table.
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord nasbench_macro_record();
std::unique_ptr<Space> make_nasbench_macro_space(const Options& options, const SpaceContext& context);

// From eight digits, 0 identity, 1 MB3_K3, 2 MB6_K5. UserError when malformed.
Decisions nasbench_macro_decisions(const std::string& code);

}  // namespace nacre
