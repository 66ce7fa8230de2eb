// TransNAS-Bench-101 (Duan et al., arXiv 2105.11871): networks for images of 256 x 256 on several tasks, from two sides.
//
//   stem (3x3 /2 to 32, 3x3 /2 to 64) ─ modules of two blocks ─ average ─ linear
//
// `transnas101_micro`: five modules, 64-128-128-256-256-512 channels, the sides halved in the first, third and fifth; a block is a
// cell of four nodes as in NAS-Bench-201, each of six edges one of four operators: 4,096 cells. Decisions "cell/0-1" .. "cell/2-3",
// their indices the digits of the code.
// `transnas101_macro`: blocks are residual, 4 to 6 modules, each plain, of twice the channels, of half the side, or both. Decisions
// "modules" and "module1" .. "module6". Of the 5,376 networks the benchmark has those that double one to three times and
// halve one to four times, 3,256.
//
// With a classification head parameters are those of the published scores. The image decoders of the tasks autoencoder and
// normal and the nine-piece head of jigsaw are not part of these spaces.
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord transnas101_micro_record();
std::unique_ptr<Space> make_transnas101_micro_space(const Options& options, const SpaceContext& context);
// From six digits in the order 0-1; 0-2, 1-2; 0-3, 1-3, 2-3: 0 none, 1 skip, 2 conv1x1, 3 conv3x3. UserError when malformed.
Decisions transnas101_micro_decisions(const std::string& code);

RegistryRecord transnas101_macro_record();
std::unique_ptr<Space> make_transnas101_macro_space(const Options& options, const SpaceContext& context);
// From four to six digits: 1 plain, 2 twice the channels, 3 half the side, 4 both. UserError when malformed.
Decisions transnas101_macro_decisions(const std::string& code);

}  // namespace nacre
