// The cell space of EEEA-Net (Termritthikun et al., An early exit evolutionary neural architecture search, Engineering
// Applications of Artificial Intelligence 104, 2021, arXiv 2108.06156, section 3.1): two operators per block, each on one of the
// states 0 .. block number, so that the first block reads the older input twice; DARTS' skeleton.
//
// (prod_{b=1..B} (operators x b)^2)^2 networks: with nine operators and four blocks 9^16 x 24^4. Parameters equal the released
// networks' (genotypes ea-net, eeea-a, eeea-b, eeea-c; channels: 36, cells: 20), without their auxiliary head. The released
// decoder puts all blocks side by side (concat: all), the released networks those that are not read (concat: unused).
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord eeea_record();
std::unique_ptr<Space> make_eeea_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
