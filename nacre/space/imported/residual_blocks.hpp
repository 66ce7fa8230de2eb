// Residual blocks of a given network that can be left out: where a value is added to what follows from it alone, the sum
// may be replaced by the value (Huang et al., Deep Networks with Stochastic Depth, arXiv 1603.09382).
#pragma once

#include <string>
#include <vector>

#include "nacre/ir/graph.hpp"

namespace nacre {

struct RemovableBlock {
  std::string name;           // the scope or the name of the addition
  ValueId source = kNone;     // x of x + f(x)
  NodeId sum = kNone;         // the addition
  std::vector<NodeId> nodes;  // f, ascending, without the addition; nobody else reads what they make
};

// By the position of their sums. A block lies inside another one or shares no node with it. Parameters read in a block are
// read nowhere else.
std::vector<RemovableBlock> residual_blocks(const Graph& graph);

}  // namespace nacre
