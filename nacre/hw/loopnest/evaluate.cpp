#include "nacre/hw/loopnest/evaluate.hpp"

#include "nacre/base/error.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"

namespace nacre {
namespace {

std::optional<double> sum(const std::optional<double>& a, const std::optional<double>& b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

LevelCost level_cost(const NestEvaluator& evaluator, std::size_t index, const NestLevelCost& counted, double cycles) {
  LevelCost result;
  result.cycles = counted.cycles;
  result.stall_cycles = counted.stall_cycles;
  result.energy_j = 0;
  for (std::size_t t = 0; t < evaluator.workload().tensors.size(); ++t) {
    const NestTensorCost& from = counted.tensors[t];
    TensorTraffic to{.kept = from.kept,
                     .tile_elements = from.tile_elements,
                     .instances = counted.instances,
                     .reads = from.reads,
                     .fills = from.fills,
                     .updates = from.updates,
                     .reductions = from.reductions,
                     .sent = from.sent,
                     .delivered = from.delivered,
                     .bits = from.bits,
                     .bits_below = from.bits_below,
                     .energy_j = evaluator.access_energy(index, from),
                     .network_energy_j = evaluator.network_energy(index, from)};
    result.energy_j = sum(result.energy_j, to.energy_j);
    if (to.network_energy_j) result.energy_j = sum(result.energy_j, to.network_energy_j);
    result.tensors.push_back(to);
  }
  if (evaluator.accelerator().levels[index].leakage_w)
    result.energy_j = sum(result.energy_j, evaluator.leakage_energy(index, cycles));
  return result;
}

}  // namespace

std::optional<Misfit> mapping_misfit(const Workload& workload, const AcceleratorDescription& accelerator,
                                     const Mapping& mapping) {
  check_mapping(workload, accelerator, mapping);
  const NestEvaluator evaluator(workload, accelerator);
  Nest nest;
  NestCost cost;
  evaluator.flatten(mapping, nest);
  evaluator.cost(nest, cost);
  return evaluator.misfit(nest, cost);
}

MappingCost evaluate_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                             const Mapping& mapping, const CountingRules& rules) {
  check_mapping(workload, accelerator, mapping);
  const NestEvaluator evaluator(workload, accelerator, rules);
  Nest nest;
  NestCost cost;
  evaluator.flatten(mapping, nest);
  evaluator.cost(nest, cost);
  if (const std::optional<Misfit> misfit = evaluator.misfit(nest, cost)) throw UserError("mapping: " + misfit->reason);

  MappingCost result;
  result.multiply_accumulates = cost.multiply_accumulates;
  result.compute_cycles = cost.compute_cycles;
  result.cycles = cost.cycles;
  result.units_used = cost.units_used;
  result.compute_energy_j = evaluator.compute_energy();
  if (cost.energy_known) result.energy_j = cost.energy_j;
  result.bottleneck = "compute";
  auto longest = static_cast<double>(cost.compute_cycles);
  for (std::size_t i = 0; i < accelerator.levels.size(); ++i) {
    result.levels.push_back(level_cost(evaluator, i, cost.levels[i], cost.cycles));
    const double own = std::max(cost.levels[i].cycles, cost.levels[i].stall_cycles);
    if (own <= longest) continue;
    longest = own;
    result.bottleneck = accelerator.levels[i].name;
  }
  if (cost.command_cycles > 0 && cost.command_cycles >= cost.cycles) result.bottleneck = "commands";
  result.utilization =
      static_cast<double>(cost.multiply_accumulates) /
      (static_cast<double>(accelerator.units()) * static_cast<double>(accelerator.compute.lanes) * cost.cycles);
  return result;
}

}  // namespace nacre
