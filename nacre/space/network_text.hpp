// A network of a space as people write it.
//
//   labels      "stage1/0/op=k3_e1 stage2/0/op=skip ..."    what Trace::text prints; any order
//   indices     "7_8_1_8"                                   of the alternatives, in the order of the space's decisions
//   notation    mbconv: "3/1 | 3/6 - 3/1g2 | ..."           tables of FBNet (mbconv.hpp)
//               nasbench201: "012340", "|none~0|+|...|"     code or string of the benchmark (nasbench201.hpp)
//               darts, nasnet, eeea: "sep3 1, skip 0 | ... / ..."  genotype: normal / reduction cell, or the name of a
//                                                           released one, "nasnet-a" (cell_genotype.hpp)
//               fbnetv3: "16 | 3,3 16 2 1,1 | 5,5 24 4 4,2 | ... | 6"  (fbnetv3.hpp)
//               hytra: "5544..." codes, or "1|1|11101|000100000", operators per scale (hytra.hpp)
//               super_blocks: "32; 96,40,5,1 384,40,5,6 ..."  stem; channels, bottleneck, kernel, depth (super_blocks.hpp)
#pragma once

#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

// Complete decisions of `space`. UserError when the text is none of these, names what the space does not have, or leaves
// a decision open.
Decisions decisions_from_text(const Space& space, const std::string& text);

// The genotype where the space has cells, else labels; what decisions_from_text reads back (recipe decisions aside).
std::string text_of_network(const Space& space, const Decisions& decisions);

}  // namespace nacre
