#include "nacre/hw/mapper/mapper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "nacre/base/error.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"

namespace nacre {
namespace {

constexpr std::array<std::pair<std::string_view, MappingObjective>, 3> kObjectives = {
    {{"latency", MappingObjective::latency}, {"energy", MappingObjective::energy}, {"edp", MappingObjective::edp}}};

}  // namespace

std::string_view mapping_objective_name(MappingObjective objective) {
  for (const auto& [name, value] : kObjectives)
    if (value == objective) return name;
  return "";
}

MappingObjective mapping_objective(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& [known, value] : kObjectives) {
    if (known == name) return value;
    names.emplace_back(known);
  }
  throw UserError(unknown_name_message("objective of a mapping", name, names));
}

double mapping_objective_value(MappingObjective objective, double cycles, double energy_j) {
  switch (objective) {
    case MappingObjective::latency: return cycles;
    case MappingObjective::energy: return energy_j;
    case MappingObjective::edp: return cycles * energy_j;
  }
  return 0;
}

std::optional<Misfit> mapspace_misfit(const Mapspace& space) {
  const auto& accelerator = space.accelerator();
  std::optional<Misfit> least;
  // Outputs that are finished where they are kept need no room for partial sums.
  Workload workload = space.workload();
  for (const WorkloadTensor& tensor : workload.tensors)
    if (tensor.role == TensorRole::outputs)
      workload.partial_sum_bits = std::min(workload.partial_sum_bits, tensor.bits);
  for (const auto& keeps : space.keep_patterns()) {
    const auto slots = space.slots(keeps);
    Mapping mapping;
    mapping.levels.resize(accelerator.levels.size());
    std::vector<int64_t> steps;
    for (std::size_t l = 0; l < keeps.size(); ++l) mapping.levels[l].keeps = keeps[l];
    for (const LoopDimension& dimension : space.workload().dimensions) steps.push_back(dimension.size);
    for (std::size_t k = 0; k < slots.size(); ++k)
      for (std::size_t d = 0; d < steps.size(); ++d) {
        const auto factors = space.factors(slots[k], d, steps[d], k + 1 == slots.size());
        if (factors.empty() || factors.front() == 1) continue;
        const int64_t factor = factors.front();
        auto& loops = mapping.levels[slots[k].level].loops;
        const LoopKind kind = !slots[k].spatial                                          ? LoopKind::temporal
                              : space.may_spread(slots[k].level, d, LoopKind::spatial_x) ? LoopKind::spatial_x
                                                                                         : LoopKind::spatial_y;
        const MappedLoop loop{.dimension = int(d), .factor = factor, .kind = kind};
        // Slots come from the inside: time after space of the same level, and so before it in the list.
        slots[k].spatial ? loops.push_back(loop) : void(loops.insert(loops.begin(), loop));
        steps[d] = (steps[d] + factor - 1) / factor;
      }
    bool covered = true;
    for (int64_t left : steps) covered = covered && left == 1;
    if (!covered) continue;
    const auto misfit = mapping_misfit(workload, accelerator, mapping);
    if (!misfit) return std::nullopt;
    if (!least || misfit->missing_bits < least->missing_bits) least = misfit;
  }
  return least;
}

namespace {

// What the energy of a mapping of the space may need and the description does not tell; "" for nothing.
std::string missing_energies(const Mapspace& space) {
  const AcceleratorDescription& accelerator = space.accelerator();
  std::vector<bool> used(accelerator.levels.size());
  for (const auto& keeps : space.keep_patterns())
    for (std::size_t level = 0; level < keeps.size(); ++level)
      used[level] = used[level] || std::ranges::find(keeps[level], true) != keeps[level].end();
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < accelerator.levels.size(); ++i) {
    const MemoryLevel& level = accelerator.levels[i];
    if (!used[i]) continue;
    if (!level.read_energy_j) missing.push_back(fmt::format("read_energy_pj of level '{}'", level.name));
    const bool written = i > 0 || std::ranges::find(level.holds, TensorRole::outputs) != level.holds.end();
    if (written && !level.write_energy_j) missing.push_back(fmt::format("write_energy_pj of level '{}'", level.name));
  }
  const std::string format = operand_format(space.workload());
  if (!accelerator.compute.energy_j.contains(format))
    missing.push_back(fmt::format("the energy of a multiply-accumulate in {}", format));
  const auto leaks = [](const MemoryLevel& level) { return level.leakage_w.has_value(); };
  if (!accelerator.clock_hz && std::ranges::any_of(accelerator.levels, leaks))
    missing.emplace_back("clock_mhz, which leakage needs");
  return fmt::format("{}", fmt::join(missing, ", "));
}

}  // namespace

const Registry<MapperMethod>& mapper_registry() {
  static const Registry<MapperMethod> registry = [] {
    Registry<MapperMethod> made("mapper", "mappers");
    made.add({.name = "exact",
              .summary = "branch and bound over all factors, orders and bypasses; proves the optimum or states the gap",
              .source = "bounds: nacre/hw/mapper/nest_bound.hpp"},
             exact_search);
    made.add({.name = "lattice",
              .summary = "annealed walks over the lattice of factors, orders and bypasses",
              .source = "simulated annealing"},
             lattice_search);
    made.add(
        {.name = "genetic",
         .summary = "a population of mappings: crossover by dimension and level, tournament, replacement of the worst",
         .source = "after GAMMA (Kao and Krishna, ICCAD 2020)"},
        genetic_search);
    made.add({.name = "random_pruned",
              .summary = "uniform draws (in the logarithm of factors), dropped where they do not fit",
              .source = "after Timeloop (Parashar et al., ISPASS 2019)"},
             random_pruned_search);
    return made;
  }();
  return registry;
}

MappingResult find_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                           const MapperOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Mapspace space(workload, accelerator, options.constraints);
  const auto& method = mapper_registry().get(options.method);
  if (const auto misfit = mapspace_misfit(space))
    throw NoMappingError("'" + workload.name + "' cannot be mapped on '" + accelerator.name +
                         "', not even with the smallest tiles: " + misfit->reason);
  if (options.objective != MappingObjective::latency)
    if (const std::string missing = missing_energies(space); !missing.empty())
      throw UserError(fmt::format("'{}' does not tell all energies ({}); map for latency, or complete its description",
                                  accelerator.name, missing));
  MappingResult result = method.make({space, options});
  result.cost = evaluate_mapping(workload, accelerator, result.mapping, options.rules);
  result.mapspace = space.size();
  result.method = options.method;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace nacre
