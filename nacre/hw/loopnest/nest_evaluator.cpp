#include "nacre/hw/loopnest/nest_evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

double operand_density(const Workload& workload) {
  double density = 1;
  for (const WorkloadTensor& tensor : workload.tensors)
    if (tensor.role != TensorRole::outputs) density *= tensor.density;
  return density;
}

std::string amount(double bits) {
  const double bytes = bits / 8;
  if (bytes < 1024) return fmt::format("{:.4g} B", bytes);
  if (bytes < 1024.0 * 1024) return fmt::format("{:.4g} KiB", bytes / 1024);
  return fmt::format("{:.4g} MiB", bytes / (1024.0 * 1024));
}

}  // namespace

std::string operand_format(const Workload& workload) {
  const WorkloadTensor* widest = nullptr;
  for (const WorkloadTensor& tensor : workload.tensors)
    if (tensor.role != TensorRole::outputs && (!widest || tensor.bits > widest->bits)) widest = &tensor;
  return widest ? widest->format : "";
}

CountingRules CountingRules::timeloop() {
  return {.halos = HaloRule::timeloop_3_0,
          .exact_windows = false,
          .zero_first_reads = true,
          .read_when_evicted = false,
          .stall_on_exchange = false};
}

CountingRules CountingRules::timeloop_head() {
  CountingRules rules = timeloop();
  rules.halos = HaloRule::timeloop_head;
  return rules;
}

NestEvaluator::NestEvaluator(const Workload& workload, const AcceleratorDescription& accelerator,
                             const CountingRules& rules)
    : workload_(workload), accelerator_(accelerator), rules_(rules), counter_(workload, rules) {
  check_workload(workload);
  points_ = workload.points();
  for (std::size_t i = 0; i < accelerator.levels.size(); ++i) {
    if (accelerator.levels[i].fanout.multicast) multicast_ |= 1u << i;
    if (accelerator.levels[i].fanout.reduction) reduction_ |= 1u << i;
  }
  const std::string format = operand_format(workload);
  if (const auto found = accelerator.compute.energy_j.find(format); found != accelerator.compute.energy_j.end())
    mac_energy_j_ = found->second;
  if (const auto found = accelerator.compute.rate.find(format); found != accelerator.compute.rate.end())
    rate_ = found->second;
  if (accelerator.commands) commands_.emplace(workload, accelerator);
}

// --- counts -----------------------------------------------------------------------------------------------------------

void NestEvaluator::count_output_node(NestTensorCost& parent, NestTensorCost* child, int64_t at_parent,
                                      int64_t distinct_parent, int64_t at_child, int64_t distinct_child) const {
  const int64_t added = rules_.zero_first_reads ? at_parent - distinct_parent : at_parent;
  parent.updates = at_parent;
  parent.reads += added;
  parent.reductions = added;
  if (!child) return;
  child->fills = rules_.zero_first_reads ? at_child - distinct_child : at_child;
  if (rules_.read_when_evicted) {
    child->reads += at_child;
    child->evicted = at_child;
  }
}

namespace {

// Whether children below a level can want the same: they are spread along a dimension that the tensor lacks, or along a window.
bool shares(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request, int level) {
  if (!(request.merging >> level & 1u)) return false;
  for (int i = nest.level_begin[at(level)]; i < nest.level_begin[at(level + 1)]; ++i) {
    const NestLoop& loop = nest.loops[at(i)];
    if (!loop.spatial) continue;
    const int axis = tensor.axis_of[at(loop.dimension)];
    if (axis < 0 || tensor.axes[at(axis)].terms > 1) return true;
  }
  return false;
}

}  // namespace

void NestEvaluator::count_tensor(const Nest& nest, int index, NestCost& result) const {
  const CountedTensor& tensor = counter_.tensor(index);
  const WorkloadTensor& described = workload_.tensors[at(index)];
  std::array<int64_t, kMaximumMemoryLevels + 1> through;  // elements at the nodes of a level
  TrafficRequest request;
  request.merging = tensor.output ? reduction_ : multicast_;
  request.evictions = tensor.output;
  for (int child = nest.levels; child > 0;) {
    int parent = child - 1;
    while (!(nest.keeps[at(index)] >> parent & 1u)) --parent;
    request.child = child;
    request.node = child;
    through[at(child)] = child == nest.levels ? points_ : counter_.moved(nest, tensor, request);
    for (int level = child - 1; level >= parent; --level) {
      request.node = level;
      through[at(level)] =
          shares(nest, tensor, request, level) ? counter_.moved(nest, tensor, request) : through[at(level + 1)];
    }
#ifndef NDEBUG
    check_conservation(nest, request, tensor, through);
#endif
    NestTensorCost& outer = result.levels[at(parent)].tensors[at(index)];
    NestTensorCost* inner = child == nest.levels ? nullptr : &result.levels[at(child)].tensors[at(index)];
    outer.kept = true;
    outer.tile_elements = counter_.tile_elements(nest, tensor, parent);
    double bits = static_cast<double>(described.bits) * described.density;
    int64_t distinct_child = 0;
    if (tensor.output) {
      request.node = child;
      distinct_child = counter_.distinct(nest, tensor, request);
      request.node = parent;
      request.merging = ~0u;  // children that do not share still update the same element
      const int64_t distinct_parent = counter_.distinct(nest, tensor, request);
      request.merging = reduction_;
      bits = static_cast<double>(through[at(child)] > distinct_child ? workload_.partial_sum_bits : described.bits);
      count_output_node(outer, inner, through[at(parent)], distinct_parent, through[at(child)], distinct_child);
    } else {
      outer.reads = through[at(parent)];
      if (inner) inner->fills = through[at(child)];
    }
    outer.bits = bits;
    for (int level = parent; level < child; ++level) {
      NestTensorCost& link = result.levels[at(level)].tensors[at(index)];
      link.sent = through[at(level)];
      link.delivered = through[at(level + 1)];
      link.bits_below = bits;
      if (tensor.output && inner && rules_.zero_first_reads && accelerator_.levels[at(level)].fanout.energy_per_bit_j) {
        request.node = level + 1;
        link.returned = through[at(level + 1)] - counter_.distinct(nest, tensor, request);
      }
    }
    child = parent;
  }
}

// Nothing appears or is lost between two levels: sharing only lessens, all that is ever wanted is brought at least once, and of
// outputs as much goes as comes.
void NestEvaluator::check_conservation(const Nest& nest, TrafficRequest request, const CountedTensor& tensor,
                                       std::span<const int64_t> through) const {
  int parent = request.node;
  for (int level = parent; level < request.child; ++level)
    NACRE_CHECK(through[at(level)] <= through[at(level + 1)], "a shared transfer that is more than its parts");
  request.merging = ~0u;
  NACRE_CHECK(through[at(parent)] >= counter_.distinct(nest, tensor, request), "an element that is never brought");
  request.node = request.child;
  if (request.child == nest.levels || !tensor.output) return;
  request.evictions = false;
  NACRE_CHECK(counter_.moved(nest, tensor, request) == through[at(request.child)], "outputs that come but do not go");
}

void NestEvaluator::cost(const Nest& nest, NestCost& result) const {
  for (int level = 0; level < nest.levels; ++level) {
    NestLevelCost& here = result.levels[at(level)];
    for (std::size_t tensor = 0; tensor < workload_.tensors.size(); ++tensor) here.tensors[tensor] = {};
    here.instances = used_instances(nest, level);
  }
  for (int tensor = 0; tensor < static_cast<int>(workload_.tensors.size()); ++tensor)
    count_tensor(nest, tensor, result);
  result.multiply_accumulates = points_;
  result.units_used = used_instances(nest, nest.levels);
  const int64_t steps = temporal_steps(nest, nest.levels);
  result.compute_cycles = rate_ == 1 ? steps : static_cast<int64_t>(std::ceil(static_cast<double>(steps) / rate_));
  time(nest, result);
  energy(result);
}

// --- time -------------------------------------------------------------------------------------------------------------

namespace {

struct Demand {  // bits of one instance
  double read = 0;
  double written = 0;
};

double transfer_cycles(const MemoryLevel& level, const Demand& demand) {
  double cycles = 0;
  if (level.read_bits_per_cycle) cycles = std::max(cycles, demand.read / *level.read_bits_per_cycle);
  if (level.write_bits_per_cycle) cycles = std::max(cycles, demand.written / *level.write_bits_per_cycle);
  if (level.shared_bits_per_cycle)
    cycles = std::max(cycles, (demand.read + demand.written) / *level.shared_bits_per_cycle);
  return cycles;
}

// As Timeloop rounds: by the share of the bandwidth asked for, to whole cycles.
double timeloop_cycles(const MemoryLevel& level, const NestLevelCost& cost, std::size_t tensors, int64_t compute) {
  double read = 0, written = 0, bits = 1;
  const auto base = static_cast<double>(compute);
  for (std::size_t i = 0; i < tensors; ++i) {
    const NestTensorCost& tensor = cost.tensors[i];
    if (tensor.kept) bits = tensor.bits;
    read += static_cast<double>(tensor.reads / cost.instances) / base;
    written += static_cast<double>(tensor.fills / cost.instances + tensor.updates / cost.instances) / base;
  }
  double slowdown = 1;
  if (level.read_bits_per_cycle && *level.read_bits_per_cycle / bits < read)
    slowdown = std::min(slowdown, *level.read_bits_per_cycle / bits / read);
  if (level.write_bits_per_cycle && *level.write_bits_per_cycle / bits < written)
    slowdown = std::min(slowdown, *level.write_bits_per_cycle / bits / written);
  if (level.shared_bits_per_cycle && *level.shared_bits_per_cycle / bits < read + written)
    slowdown = std::min(slowdown, *level.shared_bits_per_cycle / bits / (read + written));
  return std::ceil(base / slowdown);
}

}  // namespace

void NestEvaluator::time(const Nest& nest, NestCost& result) const {
  result.cycles = static_cast<double>(result.compute_cycles);
  const bool timeloop = rules_.halos == HaloRule::timeloop_3_0 || rules_.halos == HaloRule::timeloop_head;
  double stalls = 0;
  for (std::size_t i = 0; i < accelerator_.levels.size(); ++i) {
    const MemoryLevel& level = accelerator_.levels[i];
    NestLevelCost& cost = result.levels[i];
    cost.stall_cycles = 0;
    if (timeloop) {
      cost.cycles = timeloop_cycles(level, cost, workload_.tensors.size(), result.compute_cycles);
      result.cycles = std::max(result.cycles, cost.cycles);
      continue;
    }
    Demand all, exchange;
    for (std::size_t t = 0; t < workload_.tensors.size(); ++t) {
      const NestTensorCost& tensor = cost.tensors[t];
      if (!tensor.kept) continue;
      all.read += static_cast<double>(tensor.reads) * tensor.bits;
      all.written += static_cast<double>(tensor.fills + tensor.updates) * tensor.bits;
      if (tensor.tile_elements <= 1) continue;  // a register changes with the clock
      exchange.read += static_cast<double>(tensor.evicted) * tensor.bits;
      exchange.written += static_cast<double>(tensor.fills) * tensor.bits;
    }
    const auto instances = static_cast<double>(cost.instances);
    cost.cycles = transfer_cycles(level, {all.read / instances, all.written / instances});
    result.cycles = std::max(result.cycles, cost.cycles);
    if (i == 0 || level.double_buffered || !level.capacity_bits || !rules_.stall_on_exchange) continue;
    cost.stall_cycles = transfer_cycles(level, {exchange.read / instances, exchange.written / instances});
    // And the levels outside must deliver.
    std::array<Demand, kMaximumMemoryLevels> outside = {};
    for (std::size_t t = 0; t < workload_.tensors.size(); ++t) {
      if (!cost.tensors[t].kept || cost.tensors[t].tile_elements <= 1) continue;
      std::size_t parent = i - 1;
      while (!result.levels[parent].tensors[t].kept) --parent;
      const NestTensorCost& tensor = result.levels[parent].tensors[t];
      const auto share = static_cast<double>(result.levels[parent].instances);
      outside[parent].read += static_cast<double>(tensor.reads - tensor.evicted) * tensor.bits / share;
      outside[parent].written += static_cast<double>(tensor.updates) * tensor.bits / share;
    }
    for (std::size_t parent = 0; parent < i; ++parent)
      cost.stall_cycles = std::max(cost.stall_cycles, transfer_cycles(accelerator_.levels[parent], outside[parent]));
    stalls += cost.stall_cycles;
  }
  result.cycles += stalls;
  result.command_cycles = commands_ && !timeloop ? commands_->cycles(nest) : 0.0;
  result.cycles = std::max(result.cycles, result.command_cycles);
}

// --- energy -----------------------------------------------------------------------------------------------------------

std::optional<double> NestEvaluator::access_energy(std::size_t index, const NestTensorCost& tensor) const {
  const MemoryLevel& level = accelerator_.levels[index];
  double result = 0;
  const double accesses = tensor.bits / static_cast<double>(level.access_bits);
  if (tensor.reads > 0) {
    if (!level.read_energy_j) return std::nullopt;
    result += static_cast<double>(tensor.reads) * accesses * *level.read_energy_j;
  }
  if (tensor.fills + tensor.updates > 0) {
    if (!level.write_energy_j) return std::nullopt;
    result += static_cast<double>(tensor.fills + tensor.updates) * accesses * *level.write_energy_j;
  }
  return result;
}

std::optional<double> NestEvaluator::network_energy(std::size_t index, const NestTensorCost& tensor) const {
  const std::optional<double>& bit = accelerator_.levels[index].fanout.energy_per_bit_j;
  if (!bit) return std::nullopt;
  return static_cast<double>(tensor.delivered + tensor.returned) * tensor.bits_below * *bit;
}

std::optional<double> NestEvaluator::energy_of_one() const {
  if (!mac_energy_j_) return std::nullopt;
  return *mac_energy_j_ * operand_density(workload_);
}

std::optional<double> NestEvaluator::compute_energy() const {
  const std::optional<double> one = energy_of_one();
  if (!one) return std::nullopt;
  return static_cast<double>(points_) * *one;
}

std::optional<double> NestEvaluator::leakage_energy(std::size_t index, double cycles) const {
  const MemoryLevel& level = accelerator_.levels[index];
  if (!level.leakage_w || !accelerator_.clock_hz) return std::nullopt;
  return *level.leakage_w * static_cast<double>(accelerator_.instances(index)) * cycles / *accelerator_.clock_hz;
}

void NestEvaluator::energy(NestCost& result) const {
  const std::optional<double> compute = compute_energy();
  result.energy_known = compute.has_value();
  result.energy_j = compute.value_or(0);
  for (std::size_t i = 0; i < accelerator_.levels.size(); ++i) {
    for (std::size_t t = 0; t < workload_.tensors.size(); ++t) {
      const NestTensorCost& tensor = result.levels[i].tensors[t];
      const std::optional<double> access = access_energy(i, tensor);
      result.energy_known &= access.has_value();
      result.energy_j += access.value_or(0) + network_energy(i, tensor).value_or(0);
    }
    if (!accelerator_.levels[i].leakage_w) continue;
    const std::optional<double> leakage = leakage_energy(i, result.cycles);
    result.energy_known &= leakage.has_value();
    result.energy_j += leakage.value_or(0);
  }
}

// --- what fits --------------------------------------------------------------------------------------------------------

bool NestEvaluator::may_fit(const Nest& nest) const {
  for (std::size_t i = 0; i < accelerator_.levels.size(); ++i) {
    const MemoryLevel& level = accelerator_.levels[i];
    const int64_t lanes = i + 1 == accelerator_.levels.size() ? accelerator_.compute.lanes : 1;
    if (nest.spatial_x[i] > level.fanout.x * lanes || nest.spatial_y[i] > level.fanout.y) return false;
    if (!level.capacity_bits) continue;
    double bits = 0;
    for (std::size_t t = 0; t < workload_.tensors.size(); ++t) {
      if (!(nest.keeps[t] >> i & 1u)) continue;
      const WorkloadTensor& tensor = workload_.tensors[t];
      const double one = tensor.role == TensorRole::outputs
                             ? static_cast<double>(std::min(tensor.bits, workload_.partial_sum_bits))
                             : static_cast<double>(tensor.bits) * tensor.density;
      bits += one * static_cast<double>(
                        counter_.tile_elements(nest, counter_.tensor(static_cast<int>(t)), static_cast<int>(i)));
    }
    if (bits > static_cast<double>(level.double_buffered ? *level.capacity_bits / 2 : *level.capacity_bits))
      return false;
  }
  return true;
}

bool NestEvaluator::fits(const Nest& nest, const NestCost& cost) const {
  for (std::size_t i = 0; i < accelerator_.levels.size(); ++i) {
    const MemoryLevel& level = accelerator_.levels[i];
    const int64_t lanes = i + 1 == accelerator_.levels.size() ? accelerator_.compute.lanes : 1;
    if (nest.spatial_x[i] > level.fanout.x * lanes || nest.spatial_y[i] > level.fanout.y) return false;
    double bits = 0;
    for (std::size_t t = 0; t < workload_.tensors.size(); ++t) {
      const NestTensorCost& tensor = cost.levels[i].tensors[t];
      if (!tensor.kept) continue;
      if (std::find(level.holds.begin(), level.holds.end(), workload_.tensors[t].role) == level.holds.end())
        return false;
      bits += static_cast<double>(tensor.tile_elements) * tensor.bits;
    }
    if (level.capacity_bits &&
        bits > static_cast<double>(level.double_buffered ? *level.capacity_bits / 2 : *level.capacity_bits))
      return false;
  }
  return true;
}

std::optional<Misfit> NestEvaluator::misfit(const Nest& nest, const NestCost& cost) const {
  for (std::size_t i = 0; i < accelerator_.levels.size(); ++i) {
    const MemoryLevel& level = accelerator_.levels[i];
    const int64_t lanes = i + 1 == accelerator_.levels.size() ? accelerator_.compute.lanes : 1;
    if (nest.spatial_x[i] > level.fanout.x * lanes || nest.spatial_y[i] > level.fanout.y) {
      const bool x = nest.spatial_x[i] > level.fanout.x * lanes;
      return Misfit{.level = i,
                    .reason = fmt::format("level '{}' spreads its loops over {} children along {}, there are {}",
                                          level.name, x ? nest.spatial_x[i] : nest.spatial_y[i], x ? "x" : "y",
                                          x ? level.fanout.x * lanes : level.fanout.y)};
    }
    double bits = 0, largest = -1;
    int tensor_of_largest = -1;
    std::string list;
    for (std::size_t t = 0; t < workload_.tensors.size(); ++t) {
      const NestTensorCost& tensor = cost.levels[i].tensors[t];
      if (!tensor.kept) continue;
      if (std::find(level.holds.begin(), level.holds.end(), workload_.tensors[t].role) == level.holds.end())
        return Misfit{.level = i,
                      .tensor = static_cast<int>(t),
                      .reason = fmt::format("level '{}' is asked to keep '{}', which it cannot hold", level.name,
                                            workload_.tensors[t].name)};
      const double tile = static_cast<double>(tensor.tile_elements) * tensor.bits;
      bits += tile;
      list += fmt::format("{}{} tile {}", list.empty() ? "" : " + ", workload_.tensors[t].name, amount(tile));
      if (tile > largest) {
        largest = tile;
        tensor_of_largest = static_cast<int>(t);
      }
    }
    if (!level.capacity_bits) continue;
    const auto available = static_cast<double>(level.double_buffered ? *level.capacity_bits / 2 : *level.capacity_bits);
    if (bits <= available) continue;
    const bool alone = largest > available;
    if (alone) list = fmt::format("{} tile {}", workload_.tensors[at(tensor_of_largest)].name, amount(largest));
    const double needed = alone ? largest : bits;
    return Misfit{
        .level = i,
        .tensor = alone ? tensor_of_largest : -1,
        .missing_bits = static_cast<int64_t>(std::ceil(needed - available)),
        .reason = fmt::format("level '{}': {} > {}{}, {} missing", level.name, list, amount(available),
                              level.double_buffered ? " (half of a double buffer)" : "", amount(needed - available))};
  }
  return std::nullopt;
}

}  // namespace nacre
