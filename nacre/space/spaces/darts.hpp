// The cell space of DARTS (Liu et al., arXiv 1806.09055) and its kin, PC-DARTS (arXiv 1907.05737) among them: each of four
// nodes adds two edges from different earlier states, each edge one of seven operators; a cell puts all nodes side by side.
// These are the networks that such a search derives and trains; its supernet is another thing.
//
// With the seven operators (prod C(n,2) 7^2)^2 = 1,037,664,180^2 networks. Parameters equal the reference code's, without its
// auxiliary head. Cells are written as genotypes (cell_genotype.hpp): darts-v2, "sep3 0, sep3 1 | ... / ...".
#pragma once

#include <memory>

#include "nacre/space/space.hpp"

namespace nacre {

// The cells of sharpDARTS (Hundt et al., arXiv 1903.09900): the same grammar over its operators, in three sets.
RegistryRecord sharpdarts_record();
std::unique_ptr<Space> make_sharpdarts_space(const Options& options, const SpaceContext& context);

RegistryRecord darts_record();
std::unique_ptr<Space> make_darts_space(const Options& options, const SpaceContext& context);

}  // namespace nacre
