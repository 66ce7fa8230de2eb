#include "nacre/hw/scheduling/heterogeneous.hpp"

#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/base/options.hpp"

namespace nacre {

HeterogeneousModel::HeterogeneousModel(std::vector<NetworkLayers> networks, TemplateConstants constants)
    : networks_(std::move(networks)), constants_(constants) {
  int groups = 0;  // layers of one shape of a network cost the same everywhere
  for (size_t n = 0; n < networks_.size(); ++n) {
    const auto first = static_cast<int>(tasks_.size());
    for (size_t l = 0; l < networks_[n].layers.size(); ++l) {
      const NetworkLayer& layer = networks_[n].layers[l];
      SchedulingProblem::Task task{.name = networks_.size() > 1 ? networks_[n].network + "/" + layer.name : layer.name,
                                   .network = static_cast<int>(n),
                                   .predecessors = layer.predecessors,
                                   .group = groups + static_cast<int>(layer.shape)};
      for (int& p : task.predecessors) p += first;
      tasks_.push_back(std::move(task));
      places_.emplace_back(n, l);
    }
    groups += static_cast<int>(networks_[n].shapes.size());
  }
}

SchedulingProblem HeterogeneousModel::problem(const HeterogeneousAccelerator& accelerator) const {
  SchedulingProblem problem;
  std::vector<const SubAccelerator*> used;
  for (const SubAccelerator& instance : accelerator) {
    if (!instance.used()) continue;
    used.push_back(&instance);
    problem.cores.push_back(text_of(instance));
  }
  if (used.empty()) throw UserError("no sub-accelerator is used; expected at least one with PEs and bandwidth above 0");
  problem.tasks = tasks_;
  std::vector<std::vector<std::vector<std::optional<TaskCost>>>> by_shape;  // network, shape, core
  for (const NetworkLayers& network : networks_) {
    auto& rows = by_shape.emplace_back();
    for (const LayerShape& shape : network.shapes) {
      auto& row = rows.emplace_back();
      for (const SubAccelerator* instance : used) {
        const std::optional<TemplateCost> cost = template_cost(shape, *instance, constants_);
        row.emplace_back(TaskCost{.cycles = cost->cycles, .energy_j = cost->energy_j});
      }
    }
  }
  for (const auto& [network, layer] : places_)
    problem.costs.push_back(by_shape[network][networks_[network].layers[layer].shape]);
  return problem;
}

HeterogeneousCost HeterogeneousModel::cost(const HeterogeneousAccelerator& accelerator, const HeterogeneousGoal& goal,
                                           const ScheduleOptions& options) const {
  ScheduleGoal cycles;
  if (goal.latency_limit_s) cycles.makespan_limit = *goal.latency_limit_s * constants_.clock_hz;
  HeterogeneousCost cost;
  cost.result = schedule_tasks(problem(accelerator), cycles, options);
  cost.latency_s = cost.result.schedule.makespan / constants_.clock_hz;
  cost.energy_j = cost.result.schedule.energy_j;
  cost.area_mm2 = area_mm2(accelerator);
  cost.within_latency = cost.result.feasible;
  cost.proved = cost.result.proved;
  return cost;
}

double HeterogeneousModel::area_mm2(const HeterogeneousAccelerator& accelerator) const {
  double sum = 0;
  for (const SubAccelerator& instance : accelerator) sum += template_area(instance, constants_).total_mm2();
  return sum;
}

std::string text_of(const SubAccelerator& instance) {
  return fmt::format("{} {} PEs {} GB/s", instance.dataflow, instance.pe, instance.bandwidth_gb_per_s);
}

HeterogeneousAccelerator sub_accelerators_from_config(const ConfigNode& node, const std::string& what) {
  if (node.kind != ConfigNode::Kind::sequence || node.items.empty())
    throw UserError(node.position, what + ": expected a list of {dataflow, pe, bandwidth_gb_per_s}");
  static const std::vector<Parameter> kParameters = {{.name = "dataflow",
                                                      .type = ParameterType::text,
                                                      .description = "template",
                                                      .required = true,
                                                      .choices = template_names()},
                                                     {.name = "pe",
                                                      .type = ParameterType::integer,
                                                      .description = "processing elements",
                                                      .required = true,
                                                      .minimum = 0,
                                                      .maximum = 1 << 20},
                                                     {.name = "bandwidth_gb_per_s",
                                                      .type = ParameterType::real,
                                                      .description = "share of the network on chip",
                                                      .required = true,
                                                      .minimum = 0,
                                                      .maximum = 1e9}};
  HeterogeneousAccelerator accelerator;
  bool used = false;
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Options options = resolve_options(node.items[i], kParameters, fmt::format("{}[{}]", what, i));
    accelerator.push_back({options.text("dataflow"), options.integer("pe"), options.real("bandwidth_gb_per_s")});
    used = used || accelerator.back().used();
  }
  if (!used) throw UserError(node.position, what + ": expected at least one instance with PEs and bandwidth above 0");
  return accelerator;
}

}  // namespace nacre
