#include "nacre/hw/mapper/mapping_record.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/json.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"

namespace nacre {
namespace {

template <class Value>
Json known(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json layer_record(const Workload& workload) {
  Json tensors = Json::array(), dimensions = Json::object();
  for (const LoopDimension& dimension : workload.dimensions) dimensions[dimension.name] = dimension.size;
  for (const WorkloadTensor& tensor : workload.tensors) {
    Json axes = Json::array();
    for (const TensorAxis& axis : tensor.axes) {
      if (axis.terms.empty()) continue;
      Json terms = Json::object();
      for (const ProjectionTerm& term : axis.terms)
        terms[workload.dimensions[static_cast<std::size_t>(term.dimension)].name] = term.coefficient;
      axes.push_back(terms);
    }
    tensors.push_back({{"name", tensor.name},
                       {"role", tensor.role == TensorRole::outputs ? "outputs" : "operand"},
                       {"bits", tensor.bits},
                       {"density", tensor.density},
                       {"axes", axes}});
  }
  return {{"name", workload.name},
          {"dimensions", dimensions},
          {"tensors", tensors},
          {"partial_sum_bits", workload.partial_sum_bits}};
}

Json machine_record(const Workload& workload, const AcceleratorDescription& accelerator,
                    const NestEvaluator& known_by) {
  Json levels = Json::array();
  for (const MemoryLevel& level : accelerator.levels) {
    Json holds = Json::array();
    for (const WorkloadTensor& tensor : workload.tensors)
      if (std::find(level.holds.begin(), level.holds.end(), tensor.role) != level.holds.end())
        holds.push_back(tensor.name);
    levels.push_back({{"name", level.name},
                      {"capacity_bits", known(level.capacity_bits)},
                      {"access_bits", level.access_bits},
                      {"read_bits_per_cycle", known(level.read_bits_per_cycle)},
                      {"write_bits_per_cycle", known(level.write_bits_per_cycle)},
                      {"shared_bits_per_cycle", known(level.shared_bits_per_cycle)},
                      {"read_energy_j", known(level.read_energy_j)},
                      {"write_energy_j", known(level.write_energy_j)},
                      {"leakage_w", known(level.leakage_w)},
                      {"double_buffered", level.double_buffered},
                      {"holds", holds},
                      {"x", level.fanout.x},
                      {"y", level.fanout.y},
                      {"multicast", level.fanout.multicast},
                      {"reduction", level.fanout.reduction},
                      {"wire_energy_j", known(level.fanout.energy_per_bit_j)}});
  }
  double density = 1;
  for (const WorkloadTensor& tensor : workload.tensors)
    if (tensor.role != TensorRole::outputs) density *= tensor.density;
  const std::optional<double> one = known_by.energy_of_one();  // at the operands' density
  return {{"lanes", accelerator.compute.lanes},
          {"rate", known_by.rate()},
          {"mac_energy_j", one ? Json(density > 0 ? *one / density : 0.0) : Json()},
          {"clock_hz", known(accelerator.clock_hz)},
          {"levels", levels}};
}

}  // namespace

std::string mapping_record(const Workload& workload, const AcceleratorDescription& accelerator, const Mapping& mapping,
                           const MappingCost& cost, const CountingRules& rules) {
  NACRE_CHECK(rules.exact_windows && (rules.halos == HaloRule::kept || rules.halos == HaloRule::discarded),
              "the recounter does not know this rule");
  Json traffic = Json::array(), keeps = Json::array();
  for (std::size_t l = 0; l < cost.levels.size(); ++l)
    for (std::size_t t = 0; t < workload.tensors.size(); ++t)
      if (const TensorTraffic& here = cost.levels[l].tensors[t]; here.kept)
        traffic.push_back({{"level", accelerator.levels[l].name},
                           {"tensor", workload.tensors[t].name},
                           {"reads", here.reads},
                           {"fills", here.fills},
                           {"updates", here.updates}});
  for (const LevelMapping& level : mapping.levels) {
    keeps.push_back(Json::array());
    for (std::size_t t = 0; t < workload.tensors.size(); ++t)
      if (level.keeps[t]) keeps.back().push_back(workload.tensors[t].name);
  }
  const Json record = {
      {"layer", layer_record(workload)},
      {"machine", machine_record(workload, accelerator, NestEvaluator(workload, accelerator, rules))},
      {"rules",
       {{"keep_halos", rules.halos == HaloRule::kept},
        {"zero_first_reads", rules.zero_first_reads},
        {"read_when_evicted", rules.read_when_evicted},
        {"stall_on_exchange", rules.stall_on_exchange}}},
      {"mapping", mapping_text(mapping, workload, accelerator)},
      {"keeps", keeps},
      {"claimed", {{"cycles", cost.cycles}, {"energy_j", known(cost.energy_j)}, {"traffic", traffic}}}};
  return record.dump();
}

}  // namespace nacre
