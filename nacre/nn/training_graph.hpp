// The graph that is trained: the network with what its recipe adds for the time of training, at the places that its space tagged
// (ir/training_tags.hpp). What is exported, counted and measured is the network without it.
//
//   drop_path_keep, drop_path_by   ScheduledDropPath (Zoph et al., arXiv 1707.07012, section 4.1, and the released code): the value of
//                                  each tagged edge is kept for an example with probability p and divided by it, else 0.
//                                  keep k of the recipe, cell number c of C, training t from 0 to 1:
//                                    depth  p = 1 - (1 - k) (c + 1) / C
//                                    time   p = 1 - t (1 - k)
//                                    both   p = 1 - t (1 - k) (c + 1) / C
//                                    neither  p = k: DropPath at a fixed rate (Larsson et al., FractalNet, ICLR 2017)
//                                  A node of operator nacre.DropPath, the identity outside training; t is a tensor of the store.
//   auxiliary_weight               A second classifier on the tagged cell (Szegedy et al., arXiv 1512.00567; NASNet's form): ReLU,
//                                  average of 5 x 5 in steps of 3, 1x1 to 128, all places to 768, linear; its loss is added
//                                  with this weight.
#pragma once

#include <string_view>

#include "nacre/design/recipe.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

inline constexpr std::string_view kAuxiliaryOutput = "auxiliary";
inline constexpr std::string_view kTrainingProgress =
    "drop_path/progress";  // a parameter of the graph, where t is needed

// `prediction` is the position of the output that the loss reads; the auxiliary output comes last. UserError when the recipe asks
// for what the network has no place for.
Graph training_graph(const Graph& graph, const Recipe& recipe, size_t prediction);

}  // namespace nacre
