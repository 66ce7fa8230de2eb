// DARTS (Liu et al., ICLR 2019, arXiv 1806.09055): all alternatives mixed by soft-max, "none" among them; the architecture descends
// the loss on half of the data in turns with the weights on the other half. PC-DARTS (Xu et al., ICLR 2020, arXiv 1907.05737): the
// operators see a quarter of the channels, edges have weights of their own, and the architecture waits until the weights are warm.
// sharpDARTS (Hundt et al., arXiv 1903.09900): DARTS with weights 1 - max p + p, another schedule and other operators.
// RARTS (Xue et al., arXiv 2008.03901): two copies of the weights, one per half, that are held together; all by first derivatives.
#include "nacre/supernet/methods.hpp"

namespace nacre {
namespace {

using Defaults = std::vector<std::pair<std::string, Json>>;

Defaults with(Defaults common, const Defaults& own) {
  for (const auto& [name, value] : own) {
    const auto found = std::ranges::find(common, name, [](const auto& entry) { return entry.first; });
    if (found == common.end())
      common.emplace_back(name, value);
    else
      found->second = value;
  }
  return common;
}

const Defaults kCells = {{"supernet_epochs", 50},    {"weighting", "softmax"},  {"update", "first_order"},
                         {"zero_operator", true},    {"normalize_pools", true}, {"affine", false},
                         {"architecture_share", 0.5}};

}  // namespace

void add_darts(Registry<MethodFactory>& list) {
  list.add(
      {.name = "darts",
       .summary =
           "all alternatives mixed by soft-max, weights and architecture in turns on two halves of the data; orders 1 "
           "and 2 (update: second_order)",
       .source = "DARTS, Liu et al., arXiv 1806.09055",
       .parameters = method_parameters(kCells),
       .example = "search: {strategy: darts, trials: 1, supernet_epochs: 10}"},
      settings_from_options);
}

void add_pc_darts(Registry<MethodFactory>& list) {
  list.add(
      {.name = "pc_darts",
       .summary = "as darts with partial channels (1/K) and weights of edges: less memory and time, steadier choices",
       .source = "PC-DARTS, Xu et al., arXiv 1907.05737",
       .parameters = method_parameters(with(kCells, {{"partial_channels", 4},
                                                     {"edge_weights", true},
                                                     {"architecture_from", 15.0},
                                                     {"architecture_rate", 6e-4}})),
       .example = "search: {strategy: pc_darts, trials: 1, supernet_epochs: 10, architecture_from: 3}"},
      settings_from_options);
}

void add_sharpdarts(Registry<MethodFactory>& list) {
  list.add({.name = "sharpdarts",
            .summary =
                "as darts, the best alternative with weight 1 (max-W), weights by the cosine power schedule; made for "
                "space sharpdarts",
            .source = "sharpDARTS, Hundt et al., arXiv 1903.09900",
            .parameters = method_parameters(
                with(kCells, {{"supernet_epochs", 60},
                              {"weighting", "max_w"},
                              {"supernet_recipe", {{"schedule", "cosine_power"}, {"schedule_order", 2.0}}}})),
            .example = "search: {strategy: sharpdarts, trials: 1, supernet_epochs: 10}"},
           settings_from_options);
}

void add_rarts(Registry<MethodFactory>& list) {
  list.add(
      {.name = "rarts",
       .summary =
           "as darts with two copies of the weights, held together, one per half of the data; first derivatives only",
       .source = "RARTS, Xue et al., arXiv 2008.03901",
       .parameters = method_parameters(with(kCells, {{"update", "relaxed"}})),
       .example = "search: {strategy: rarts, trials: 1, supernet_epochs: 10}"},
      settings_from_options);
}

}  // namespace nacre
