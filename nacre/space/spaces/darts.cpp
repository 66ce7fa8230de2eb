#include "nacre/space/spaces/darts.hpp"

#include "nacre/space/spaces/stacked_cells.hpp"

namespace nacre {
namespace {

std::unique_ptr<Space> cells_of(const char* name, const Options& options, const SpaceContext& context,
                                std::vector<std::string> operators) {
  return std::make_unique<StackedCells>(name, options, context,
                                        CellGrammar{.blocks = options.integer("nodes"),
                                                    .operators = std::move(operators),
                                                    .inputs = CellGrammar::Inputs::pairs,
                                                    .output = CellGrammar::Output::all});
}

Parameter nodes_parameter() {
  return {.name = "nodes",
          .type = ParameterType::integer,
          .description = "of a cell",
          .default_value = 4,
          .minimum = 1,
          .maximum = 8};
}

const std::vector<std::string> kSharp = {"max",    "skip",      "sharp3", "dilsharp3",
                                         "flood3", "dilflood3", "choke3", "dilchoke3"};
const std::vector<std::string> kSharper = {"max",       "avg",       "skip",   "sharp3", "sharp5",   "sharp7",
                                           "dilsharp3", "dilsharp5", "flood3", "flood5", "dilflood3"};
const std::vector<std::string> kDarts = {"max", "avg", "skip", "sharp3", "sharp5", "dilsharp3", "dilsharp5"};

Parameter listed_operators() {
  Parameter listed = cell_operators_parameter({});
  listed.default_value = Json();
  listed.description += "; instead of the set";
  return listed;
}

}  // namespace

RegistryRecord darts_record() {
  return {.name = "darts",
          .summary = "a normal and a reduction cell, each node the sum of two edges with one of seven operators",
          .source = "DARTS, Liu et al. 2018, arXiv 1806.09055; PC-DARTS, Xu et al. 2019, arXiv 1907.05737",
          .parameters = stacked_cells_parameters(
              {nodes_parameter(), cell_operators_parameter({"max", "avg", "skip", "sep3", "sep5", "dil3", "dil5"})}),
          .example = "space:\n  kind: darts\n  channels: 4\n  cells: 3\n  nodes: 2\n"};
}

std::unique_ptr<Space> make_darts_space(const Options& options, const SpaceContext& context) {
  return cells_of("darts", options, context, cell_operators_from(options));
}

RegistryRecord sharpdarts_record() {
  return {
      .name = "sharpdarts",
      .summary = "cells as in darts over balanced separable convolutions, wide and narrow in the middle",
      .source = "sharpDARTS, Hundt et al., arXiv 1903.09900",
      .parameters = stacked_cells_parameters(
          {nodes_parameter(),
           {.name = "set",
            .type = ParameterType::text,
            .description = "operators: sharp (with flooded and choked ones), sharper (larger kernels), darts (those "
                           "of DARTS, balanced)",
            .default_value = "sharp",
            .choices = {"sharp", "sharper", "darts"}},
           listed_operators()}),
      .example = "space:\n  kind: sharpdarts\n  set: darts\n  channels: 4\n  cells: 3\n  nodes: 2\n"};
}

std::unique_ptr<Space> make_sharpdarts_space(const Options& options, const SpaceContext& context) {
  const std::string set = options.text("set");
  return cells_of("sharpdarts", options, context,
                  options.has("operators") ? cell_operators_from(options)
                  : set == "sharper"       ? kSharper
                  : set == "darts"         ? kDarts
                                           : kSharp);
}

}  // namespace nacre
