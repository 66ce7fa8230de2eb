// The grammar of cells, and what spaces of stacked cells share (Zoph et al., Learning transferable architectures for scalable
// image recognition, CVPR 2018, arXiv 1707.07012, section 3). Two cells are decided, a normal one and a reduction cell of
// stride 2, and stacked into networks of any size: nasnet.hpp, darts.hpp, eeea.hpp.
//
//   states      0 and 1: the outputs of the two cells before, brought to the cell's channels; then one per block
//   block       two states, each through an operator, added (or put side by side and brought back by a 1x1 convolution)
//   output      the states that no block reads, or all blocks, side by side
//
// Operators have the stride of the reduction cell where they read state 0 or 1. Decisions, of "normal" and "reduction" alike:
//
//   pairs       "normal/node1/inputs": which two different states; "normal/node1/from0/op" per chosen one (DARTS)
//   free        "normal/block1/in1", "in2": a state each; "op1", "op2"; "combine" where there are several
//
// Which states are read is seen in the graph, not decided: a search never sees a concatenation that its cell does not have.
#pragma once

#include <string>
#include <vector>

#include "nacre/space/network_space.hpp"
#include "nacre/space/spaces/cell_operators.hpp"

namespace nacre {

struct CellGrammar {
  // pairs: two different states; any: each side any state; earlier: each side one of the states 0 .. block number, so that
  // the first block reads state 0 twice (EEEA-Net).
  enum class Inputs { pairs, any, earlier };
  // all: every block; unused: what no block reads; released: as unused, and as the released NASNet-A also the older input in
  // normal cells and the second block in reduction cells, read or not.
  enum class Output { all, unused, released };

  int64_t blocks = 5;
  std::vector<std::string> operators;
  std::vector<std::string> combine = {"add"};  // add, concat
  Inputs inputs = Inputs::any;
  Output output = Output::unused;
  bool inputs_may_leave = false;  // states 0 and 1 are among the unused ones
  bool newer_first = false;       // state 0 is the output of the last cell, not of the one before it
  CellStyle style = CellStyle::darts;

  int64_t states_of(int64_t block) const { return inputs == Inputs::earlier ? block + 1 : block + 2; }  // it may read
  std::string block_name(int64_t block) const;
  // States, ascending, that a cell puts side by side, given which ones (of blocks + 2) its blocks read.
  std::vector<int64_t> output_states(const std::vector<bool>& read, bool reduction) const;
};

// One cell of a network.
struct CellPlace {
  int64_t channels = 0;
  bool reduction = false;
};

class CellSpace : public NetworkSpace {
 public:
  CellSpace(std::string name, const Options& options, const SpaceContext& context, CellGrammar grammar);
  const CellGrammar& grammar() const { return grammar_; }

 protected:
  // The cell on its two inputs, each [N, *, H, W]; [N, k channels, H, W], a reduction cell halves the sides.
  ValueId cell(Chooser& choose, GraphBuilder& builder, ValueId older, ValueId newer, const CellPlace& place) const;
  // Notes what training may do (ir/training_tags.hpp) in a network of these cells, by their scopes: every edge with an operator
  // may be dropped, but for identities; the auxiliary head sits on the cell `auxiliary`.
  void tag(GraphBuilder& builder, const std::vector<std::string>& cells, const std::string& auxiliary) const;

 private:
  ValueId pair_node(Chooser& choose, GraphBuilder& builder, const std::vector<ValueId>& states,
                    const CellPlace& place) const;
  ValueId block(Chooser& choose, GraphBuilder& builder, const std::vector<ValueId>& states, int64_t number,
                const CellPlace& place) const;
  ValueId side(Chooser& choose, GraphBuilder& builder, const std::vector<ValueId>& states, const std::string& number,
               int64_t readable, const CellPlace& place) const;
  ValueId edge(Chooser& choose, GraphBuilder& builder, const std::string& decision, ValueId x, int64_t from,
               const CellPlace& place) const;
  ValueId output(GraphBuilder& builder, std::vector<ValueId> states, size_t first_node, const CellPlace& place) const;

  const CellGrammar grammar_;
};

// The grammar of a space; UserError for a space without cells.
const CellGrammar& cell_grammar_of(const Space& space);

// Records of `operators` with these defaults, and its value checked. UserError for an unknown operator.
Parameter cell_operators_parameter(std::vector<std::string> defaults);
std::vector<std::string> cell_operators_from(const Options& options);

}  // namespace nacre
