#include "nacre/hw/counted_cost.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

Metric counted(double value, const std::string& unit, const std::string& source) {
  return {.value = value, .unit = unit, .origin = Origin::counted, .source = source};
}

// "stage1/0/expand/Conv": what tables call a node.
std::string item_name(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.name.empty()) return node.name;
  const std::string& scope = graph.scope(node.scope);
  return scope.empty() ? node.op : scope + "/" + node.op;
}

CostItem make_item(const Graph& graph, const NodeStatistics& statistics) {
  const Node& node = graph.node(statistics.node);
  CostItem item{statistics.node, item_name(graph, statistics.node), node.op, graph.scope(node.scope), {}};
  if (node.is_opaque()) {
    for (const char* name : {"macs", "flops"})
      item.metrics[name] = {.value = std::nullopt, .source = "no such operator"};
  } else {
    item.metrics["macs"] = counted(static_cast<double>(statistics.macs), "", "graph");
    item.metrics["flops"] = counted(static_cast<double>(statistics.flops), "", "graph");
  }
  item.metrics["params"] = counted(static_cast<double>(statistics.parameters), "", "graph");
  item.metrics["model_bytes"] = counted(static_cast<double>(statistics.weight_bytes), "B", "graph");
  return item;
}

}  // namespace

std::vector<MetricSpec> counted_metric_specs() {
  return {{"macs", Direction::minimize, "",
           "multiply-accumulates of convolutions and matrix products per run, without bias"},
          {"flops", Direction::minimize, "", "arithmetic operations per run, a multiply-accumulate as two"},
          {"params", Direction::minimize, "", "trainable parameters"},
          {"model_bytes", Direction::minimize, "B", "weights and constants of the model"},
          {"peak_memory_bytes", Direction::minimize, "B",
           "largest sum of activations alive at once, weights not included"}};
}

Graph deployed_graph(const Graph& graph, const Deployment& deployment) {
  SymbolBindings bindings = deployment.symbols;
  bindings.emplace("batch", deployment.batch);
  if (deployment.batch > 1 && !graph.inputs.empty()) {
    const Value& input = graph.value(graph.inputs[0]);
    if (input.shape && input.shape->rank() > 0 && (*input.shape)[0].is_fixed() &&
        (*input.shape)[0].extent() != deployment.batch) {
      throw UserError("the model's input '" + value_text(graph, graph.inputs[0]) + "' has a fixed batch of " +
                      std::to_string((*input.shape)[0].extent()) + ", target.batch asks for " +
                      std::to_string(deployment.batch));
    }
  }
  const auto unbound = std::ranges::any_of(
      graph.inputs, [&](ValueId id) { return graph.value(id).shape && !graph.value(id).shape->is_fixed(); });
  Graph bound = graph;
  if (unbound || !bound.symbols().empty()) bound.bind_symbols(bindings);
  return bound;
}

Cost counted_cost(const Design& design, const Deployment& deployment) {
  Cost cost;
  double macs = 0, flops = 0, parameters = 0, weight_bytes = 0, peak_bytes = 0;  // whole numbers; counts may saturate
  for (const auto& [name, graph] : design.graphs) {
    const Graph bound = deployed_graph(graph, deployment);
    const GraphStatistics statistics = count_graph(bound);
    macs += static_cast<double>(statistics.macs);
    flops += static_cast<double>(statistics.flops);
    parameters += static_cast<double>(statistics.parameters);
    weight_bytes += static_cast<double>(statistics.weight_bytes);
    peak_bytes = std::max(peak_bytes, static_cast<double>(statistics.peak_activation_bytes));
    for (const NodeStatistics& node : statistics.nodes) cost.items.push_back(make_item(bound, node));
    cost.not_covered.insert(cost.not_covered.end(), statistics.opaque.begin(), statistics.opaque.end());
  }
  std::ranges::sort(cost.not_covered);
  cost.not_covered.erase(std::unique(cost.not_covered.begin(), cost.not_covered.end()), cost.not_covered.end());
  std::string source = "graph, batch " + std::to_string(deployment.batch);
  if (!cost.not_covered.empty()) {
    source += "; a lower bound, without";
    for (const std::string& op : cost.not_covered) source += " " + op;
  }
  cost.totals["macs"] = counted(macs, "", source);
  cost.totals["flops"] = counted(flops, "", source);
  cost.totals["params"] = counted(parameters, "", "graph");
  cost.totals["model_bytes"] = counted(weight_bytes, "B", "graph");
  cost.totals["peak_memory_bytes"] = counted(peak_bytes, "B", "graph, batch " + std::to_string(deployment.batch));
  return cost;
}

}  // namespace nacre
