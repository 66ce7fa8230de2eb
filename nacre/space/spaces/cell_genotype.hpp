// Cells as text, node by node the two edges as operator and input, the normal cell and the reduction cell:
//
//   "sep5 0, sep3 1 | sep5 1, sep3 1 | avg 0, skip 1 -> 2 3 4 / sep5 0, sep7 1 | max 0, sep7 1 | ..."
//
// Inputs are states as the space numbers them (cell_space.hpp). A third word of a block is how it combines, "concat", where it
// does not add. "-> ..." names the states that a cell puts side by side; they follow from the space's rule, so it may be left
// out, and what differs from the rule is refused. Released cells have names: nacre::genotype_names().
#pragma once

#include <string>
#include <vector>

#include "nacre/design/candidate.hpp"
#include "nacre/space/spaces/cell_space.hpp"

namespace nacre {

// From a name or a text. UserError when malformed, when a cell has not the grammar's blocks or operators, when it reads what it
// may not.
Decisions genotype_decisions(const CellGrammar& grammar, const std::string& genotype);
// The text of complete decisions, with what is put side by side.
std::string genotype_text(const CellGrammar& grammar, const Decisions& decisions);

struct NamedGenotype {
  std::string name;
  std::string space;  // nasnet, darts, eeea
  std::string source;
  std::string text;
  std::string options = "";  // of the space, where its own do not hold the network
};
const std::vector<NamedGenotype>& named_genotypes();

}  // namespace nacre
