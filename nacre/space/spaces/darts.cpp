#include "nacre/space/spaces/darts.hpp"

#include "nacre/space/spaces/stacked_cells.hpp"

namespace nacre {

RegistryRecord darts_record() {
  return {.name = "darts",
          .summary = "a normal and a reduction cell, each node the sum of two edges with one of seven operators",
          .source = "DARTS, Liu et al. 2018, arXiv 1806.09055; PC-DARTS, Xu et al. 2019, arXiv 1907.05737",
          .parameters = stacked_cells_parameters(
              {{.name = "nodes",
                .type = ParameterType::integer,
                .description = "of a cell",
                .default_value = 4,
                .minimum = 1,
                .maximum = 8},
               cell_operators_parameter({"max", "avg", "skip", "sep3", "sep5", "dil3", "dil5"})}),
          .example = "space:\n  kind: darts\n  channels: 4\n  cells: 3\n  nodes: 2\n"};
}

std::unique_ptr<Space> make_darts_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<StackedCells>("darts", options, context,
                                        CellGrammar{.blocks = options.integer("nodes"),
                                                    .operators = cell_operators_from(options),
                                                    .inputs = CellGrammar::Inputs::pairs,
                                                    .output = CellGrammar::Output::all});
}

}  // namespace nacre
