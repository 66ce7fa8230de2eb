// The cell space of DARTS (Liu et al., arXiv 1806.09055) and its kin, PC-DARTS (arXiv 1907.05737) among them: a normal and a
// reduction cell, each four nodes that add two edges from earlier nodes, each edge one of seven operators; the cells are
// stacked. These are the networks that such a search derives and trains; its supernet is another thing.
//
//   stem ─ cells ─ reduction (at 1/3) ─ cells ─ reduction (at 2/3) ─ cells ─ global average ─ linear
//
//   cell: s0, s1 (the two cells before, brought to C channels) ─ node 0: 2 of {s0, s1} ─ node 1: 2 of {s0, s1, node 0} ─ ...
//         output: all nodes side by side (4C channels); C doubles at a reduction
//
// Decisions: "normal/node1/inputs" (which two), "normal/node1/from0/op" per chosen edge, and the same of "reduction": with
// the seven operators (prod C(n,2) 7^2)^2 = 1,037,664,180^2 networks. Parameters equal the reference code's, without its
// auxiliary head. DropPath, a recipe of that code, is not part of the space.
#pragma once

#include <memory>
#include <string>

#include "nacre/space/space.hpp"

namespace nacre {

RegistryRecord darts_record();
std::unique_ptr<Space> make_darts_space(const Options& options, const SpaceContext& context);

// From a genotype, node by node the two edges as operator and input, normal cell and reduction cell:
// "sep3 1, skip 0 | sep3 0, dil3 1 | sep5 0, sep3 1 | avg 0, dil3 1 / sep5 1, max 0 | ...". Inputs: 0 and 1 the two cells
// before, 2 .. the nodes. UserError when malformed or when two edges of a node have one input.
Decisions darts_decisions(const Space& space, const std::string& genotype);

}  // namespace nacre
