// A path through a lattice: from one of several states (numbers of channels, say) step by step to another, each time by one of the
// operators of that edge (the HyperCuboid of sharpDARTS, Hundt et al., arXiv 1903.09900, section 4).
//
//   enter 8 ─┬─ 8 ─┬─ 8 ─ leave          decisions   <name>/start          a state
//            x  operators  x                          <name>/<step>/state   the state after the step
//   enter 16 ┴─ 16 ┴─ 16 ─ leave                      <name>/<step>/op      the operator of the edge taken
//
// A network is one path. A chooser that can hold all paths at once says so (LatticeChooser); any other builds the one of its
// decisions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/space/chooser.hpp"

namespace nacre {

struct LatticeStep {
  std::string name;
  // The same labels for every edge; results of one state have one shape.
  std::function<std::vector<Branch>(int64_t from, int64_t to)> operators;
};

struct Lattice {
  std::vector<int64_t> states;  // at least one
  std::function<ValueId(GraphBuilder&, ValueId, int64_t state)> enter, leave;
  std::vector<LatticeStep> steps;
};

// Enters the scope `name`. UserError for a lattice without states, steps or operators.
ValueId lattice_path(std::string_view name, Chooser& choose, GraphBuilder& builder, ValueId x, const Lattice& lattice);

// Implemented by choosers that build every path: what all lead to is the sum over the states of what leaves them.
class LatticeChooser {
 public:
  virtual ~LatticeChooser() = default;
  // False: it is to be the path of decisions after all.
  virtual bool holds_lattice(const std::string& scope_path, const Lattice& lattice) = 0;
  virtual ValueId whole_lattice(GraphBuilder& builder, ValueId x, const Lattice& lattice) = 0;
  // Where the parts of the one path are built: names as in the whole.
  virtual ValueId lattice_part(GraphBuilder& builder, const std::string& label,
                               const std::function<ValueId(GraphBuilder&)>& build) = 0;
};

}  // namespace nacre
