#include "nacre/space/spaces/eeea.hpp"

#include "nacre/space/spaces/stacked_cells.hpp"

namespace nacre {

RegistryRecord eeea_record() {
  return {.name = "eeea",
          .summary = "a normal and a reduction cell of blocks with two operators, one after the other in reach",
          .source = "EEEA-Net, Termritthikun et al. 2021, arXiv 2108.06156",
          .parameters = stacked_cells_parameters(
              {{.name = "blocks",
                .type = ParameterType::integer,
                .description = "of a cell (paper: searched with 4, released networks with 5)",
                .default_value = 5,
                .minimum = 1,
                .maximum = 8},
               cell_operators_parameter({"max", "avg", "skip", "sep3", "sep5", "dil3", "dil5", "inv3", "inv5"}),
               {.name = "concat",
                .type = ParameterType::text,
                .description = "blocks that a cell puts side by side: those that no other block reads, or all",
                .default_value = "unused",
                .choices = {"unused", "all"}}}),
          .example = "space:\n  kind: eeea\n  channels: 4\n  cells: 3\n  blocks: 2\n"};
}

std::unique_ptr<Space> make_eeea_space(const Options& options, const SpaceContext& context) {
  const bool all = options.text("concat") == "all";
  return std::make_unique<StackedCells>(
      "eeea", options, context,
      CellGrammar{.blocks = options.integer("blocks"),
                  .operators = cell_operators_from(options),
                  .inputs = CellGrammar::Inputs::earlier,
                  .output = all ? CellGrammar::Output::all : CellGrammar::Output::unused});
}

}  // namespace nacre
