// The skeleton of DARTS (Liu et al., arXiv 1806.09055), which EEEA-Net shares:
//
//   stem ─ cells ─ reduction (at 1/3) ─ cells ─ reduction (at 2/3) ─ cells ─ global average ─ linear
//
// Both inputs of a cell are brought to its channels by a 1x1 convolution, the older one by a factorized reduction after a
// reduction cell; channels double at reductions. State 0 is the older input. The auxiliary head of the released codes, after the
// second reduction, is no part of the network; training adds it on demand (train.auxiliary_weight).
#pragma once

#include "nacre/space/spaces/cell_space.hpp"

namespace nacre {

class StackedCells : public CellSpace {
 public:
  // Reads the options channels, cells and stem (stacked_cells_parameters). UserError for images that cannot be halved so often.
  StackedCells(std::string name, const Options& options, const SpaceContext& context, CellGrammar grammar);

 protected:
  ValueId network(Chooser& choose, GraphBuilder& builder, ValueId x, const Recipe& recipe) const override;

 private:
  std::pair<ValueId, ValueId> stem(GraphBuilder& builder, ValueId x) const;

  const int64_t channels_;
  const int64_t cells_;
  const bool large_stem_;
};

// channels, cells; what a space adds; stem.
std::vector<Parameter> stacked_cells_parameters(std::vector<Parameter> own);

}  // namespace nacre
