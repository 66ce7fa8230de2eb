// The costs that follow from a graph by counting: every target gives them beside what it measures or models.
//
//   macs               multiply-accumulates of convolutions and matrix products on one run, bias not counted
//   flops              all arithmetic operations of one run, a MAC as two
//   params             trainable elements, shared ones once
//   model_bytes        weights and constants, which is what a model file carries
//   peak_memory_bytes  largest sum of activations alive at once, inputs and outputs included, over the graph's order of
//                      nodes; weights are not part of it
#pragma once

#include <span>
#include <string>
#include <vector>

#include "nacre/design/cost.hpp"
#include "nacre/design/target.hpp"

namespace nacre {

std::vector<MetricSpec> counted_metric_specs();

// The graph as it is run: symbols bound ("batch" and those of the deployment). UserError when the model has a fixed batch
// that is not the deployment's, or a symbol has no value.
Graph deployed_graph(const Graph& graph, const Deployment& deployment);

// Totals over all graphs of the design (memory: the largest), and one item per node. Operators that cannot be counted are
// listed in not_covered; the source of the totals then says that they are lower bounds.
Cost counted_cost(const Design& design, const Deployment& deployment);

}  // namespace nacre
