#include "nacre/hw/fusion/layer_fusion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr std::size_t kChoicesThatFit = 3;  // numbers of rows that are tried of those that fit, the largest ones

std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

std::optional<double> scaled(std::optional<double> value, double by) {
  if (!value) return std::nullopt;
  return *value * by;
}

const WorkloadTensor& tensor_of(const Workload& workload, TensorRole role) {
  return *std::ranges::find(workload.tensors, role, &WorkloadTensor::role);
}

int64_t elements_of(const WorkloadTensor& tensor, const Workload& workload) {
  int64_t elements = 1;
  for (const TensorAxis& axis : tensor.axes) {
    int64_t extent = 1;
    for (const ProjectionTerm& term : axis.terms)
      extent += term.coefficient * (workload.dimensions[static_cast<std::size_t>(term.dimension)].size - 1);
    elements *= extent;
  }
  return elements;
}

double bits_of(const WorkloadTensor& tensor) { return static_cast<double>(tensor.bits) * tensor.density; }

// Seconds of one instance's ports, in cycles.
double transfer_cycles(const MemoryLevel& level, double read_bits, double written_bits) {
  double cycles = 0;
  if (level.read_bits_per_cycle) cycles = std::max(cycles, read_bits / *level.read_bits_per_cycle);
  if (level.write_bits_per_cycle) cycles = std::max(cycles, written_bits / *level.write_bits_per_cycle);
  if (level.shared_bits_per_cycle) cycles = std::max(cycles, (read_bits + written_bits) / *level.shared_bits_per_cycle);
  return cycles;
}

// A tile as it was mapped: with the home as level 1.
struct MappedTile {
  Workload workload;
  Mapping mapping;
  MappingCost counted;
  bool proved = false;
};

class GroupCoster {
 public:
  GroupCoster(std::span<const FusibleLayer> layers, const AcceleratorDescription& accelerator, const MappingPlan& plan,
              const FusionChoice& choice, MappingCache& cache)
      : layers_(layers),
        accelerator_(accelerator),
        plan_(plan),
        choice_(choice),
        cache_(cache),
        level_(fusion_level(accelerator)),
        rows_(plan_rows(layers, choice.tile_rows)) {}

  std::optional<FusedGroup> cost() {
    FusedGroup group{.nodes = {},
                     .choice = choice_,
                     .tiles = static_cast<int64_t>(rows_.fetched.size()),
                     .level = accelerator_.levels[level_].name,
                     .held_bits = held_bits(),
                     .mapped = {}};
    held_bits_ = group.held_bits;
    const MemoryLevel& memory = accelerator_.levels[level_];
    if (held_bits_ + static_cast<double>(memory.access_bits) > static_cast<double>(*memory.capacity_bits))
      return std::nullopt;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      std::optional<ProductMapping> mapped = layer(i);
      if (!mapped) return std::nullopt;
      group.nodes.push_back(layers_[i].node);
      group.mapped.push_back(std::move(*mapped));
    }
    return group;
  }

 private:
  bool stays(std::size_t layer, TensorRole role) const {
    if (role == TensorRole::weights) return choice_.weights_stay;
    return role == TensorRole::inputs || layer + 1 < layers_.size();
  }

  double held_bits() const {
    double bits = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Workload& workload = layers_[i].workload;
      double row = bits_of(tensor_of(workload, TensorRole::inputs)) *
                   static_cast<double>(row_elements(workload, TensorRole::inputs, layers_[i].row_dimension));
      if (i > 0) {
        const Workload& before = layers_[i - 1].workload;
        row = std::max(
            row, bits_of(tensor_of(before, TensorRole::outputs)) *
                     static_cast<double>(row_elements(before, TensorRole::outputs, layers_[i - 1].row_dimension)));
      }
      bits += row * static_cast<double>(rows_.held[i]);
      const WorkloadTensor& weights = tensor_of(workload, TensorRole::weights);
      if (choice_.weights_stay) bits += bits_of(weights) * static_cast<double>(elements_of(weights, workload));
    }
    return bits;
  }

  // The layer in all tiles; nothing when one of them does not fit.
  std::optional<ProductMapping> layer(std::size_t i) {
    std::map<std::pair<int64_t, int64_t>, int64_t> kinds;  // rows made and fetched -> tiles
    for (std::size_t tile = 0; tile < rows_.fetched.size(); ++tile)
      if (rows_.made[i][tile] > 0) ++kinds[{rows_.made[i][tile], i == 0 ? rows_.fetched[tile] : 0}];
    ProductMapping result{.mapping = {}, .cost = {}, .proved = false, .gap = {}, .method = "fused", .text = {}};
    int64_t most = 0;
    for (const auto& [kind, tiles] : kinds) {
      const std::optional<MappedTile> tile = mapped(i, kind.first);
      if (!tile || !partial_sums_fit(i, kind.first, *tile)) return std::nullopt;
      const double row_bits =
          bits_of(tensor_of(layers_[i].workload, TensorRole::inputs)) *
          static_cast<double>(row_elements(layers_[i].workload, TensorRole::inputs, layers_[i].row_dimension));
      add(result.cost, on_chip(i, *tile, row_bits * static_cast<double>(kind.second)), static_cast<double>(tiles));
      if (tiles <= most) continue;
      most = tiles;
      result.mapping = tile->mapping;
      result.text =
          fmt::format("{} rows a tile: {}", kind.first, mapping_text(tile->mapping, tile->workload, homed(i)));
    }
    if (choice_.weights_stay) fetch_weights(i, result.cost);
    finish(result.cost);
    return result;
  }

  AcceleratorDescription homed(std::size_t layer) const {
    std::vector<TensorRole> roles;
    for (const TensorRole role : {TensorRole::weights, TensorRole::inputs, TensorRole::outputs})
      if (stays(layer, role)) roles.push_back(role);
    return with_home(accelerator_, roles, held_bits_);
  }

  std::optional<MappedTile> mapped(std::size_t layer, int64_t rows) {
    const AcceleratorDescription chip = homed(layer);
    MappedTile tile{.workload = with_rows(layers_[layer], rows), .mapping = {}, .counted = {}};
    try {
      if (plan_.searches()) {
        const MappingResult found = cache_.find_or_map(tile.workload, chip, options(layer, tile.workload, chip));
        tile.mapping = found.mapping;
        tile.counted = found.cost;
        tile.proved = found.proved;
      } else {
        tile.mapping = fixed_dataflow_mapping(tile.workload, chip, plan_.dataflow);
        if (!respects_home(layer, tile)) return std::nullopt;
        tile.counted = evaluate_mapping(tile.workload, chip, tile.mapping);
      }
    } catch (const UserError&) {
      return std::nullopt;  // does not fit beside what stays
    }
    return tile;
  }

  MapperOptions options(std::size_t layer, const Workload& tile, const AcceleratorDescription& chip) const {
    MapperOptions mapper = plan_.mapper;
    LevelConstraint outermost{.level = chip.levels[0].name}, home{.level = chip.levels[1].name};
    for (const LoopDimension& dimension : tile.dimensions) outermost.temporal[dimension.name] = 1;
    for (const WorkloadTensor& tensor : tile.tensors)
      if (stays(layer, tensor.role)) home.keep.push_back(tensor.name);
    mapper.constraints.levels = {outermost, home};
    return mapper;
  }

  bool respects_home(std::size_t layer, const MappedTile& tile) const {
    for (const MappedLoop& loop : tile.mapping.levels[0].loops)
      if (loop.factor > 1) return false;
    for (std::size_t t = 0; t < tile.workload.tensors.size(); ++t)
      if (stays(layer, tile.workload.tensors[t].role) && !tile.mapping.levels[1].keeps[t]) return false;
    return true;
  }

  // Outputs that stay and are not finished at once need room for their partial sums.
  bool partial_sums_fit(std::size_t layer, int64_t rows, const MappedTile& tile) const {
    const MemoryLevel& memory = accelerator_.levels[level_];
    double needed = held_bits_;
    for (std::size_t t = 0; t < tile.workload.tensors.size(); ++t) {
      const WorkloadTensor& tensor = tile.workload.tensors[t];
      const TensorTraffic& kept = tile.counted.levels[level_ + 1].tensors[t];
      if (kept.kept) needed += static_cast<double>(kept.tile_elements) * kept.bits * (memory.double_buffered ? 2 : 1);
      if (tensor.role != TensorRole::outputs || !stays(layer, tensor.role) ||
          tile.counted.levels[1].tensors[t].reductions == 0)
        continue;
      needed += static_cast<double>(std::max<int64_t>(0, tile.workload.partial_sum_bits - tensor.bits)) *
                static_cast<double>(rows * row_elements(tile.workload, tensor.role, layers_[layer].row_dimension));
    }
    return needed <= static_cast<double>(*memory.capacity_bits);
  }

  // One tile on the accelerator's own levels: the home's accesses are the fusion level's, what stays does not pass the outermost
  // memory, `fetched_bits` of the chain's input do.
  MappingCost on_chip(std::size_t layer, const MappedTile& tile, double fetched_bits) const {
    const MappingCost& counted = tile.counted;
    MappingCost cost;
    cost.multiply_accumulates = counted.multiply_accumulates;
    cost.compute_cycles = counted.compute_cycles;
    cost.units_used = counted.units_used;
    cost.compute_energy_j = counted.compute_energy_j;
    cost.levels.push_back(counted.levels[0]);
    cost.levels.insert(cost.levels.end(), counted.levels.begin() + 2, counted.levels.end());
    for (std::size_t t = 0; t < tile.workload.tensors.size(); ++t) {
      const WorkloadTensor& tensor = tile.workload.tensors[t];
      if (!stays(layer, tensor.role)) continue;
      const TensorTraffic &home = counted.levels[1].tensors[t], &above = counted.levels[0].tensors[t];
      cost.levels[0].tensors[t] = {.kept = true, .bits = above.bits, .bits_below = above.bits_below, .energy_j = 0.0};
      TensorTraffic& here = cost.levels[level_].tensors[t];
      const bool output = tensor.role == TensorRole::outputs;
      here.kept = true;
      here.tile_elements = home.tile_elements;
      here.instances = 1;
      here.bits = home.bits;
      here.reads = home.reads - (output ? above.updates : 0);  // finished, they are not sent on
      here.updates = home.updates;
      here.reductions = home.reductions;
      if (tensor.role != TensorRole::inputs || fetched_bits == 0) continue;
      const auto elements = static_cast<int64_t>(std::llround(fetched_bits / home.bits));
      cost.levels[0].tensors[t].reads = cost.levels[0].tensors[t].sent = cost.levels[0].tensors[t].delivered = elements;
      here.fills = elements;
    }
    price(cost);
    time(cost, fetched_bits);
    return cost;
  }

  // Energies of the two levels whose counts were changed.
  void price(MappingCost& cost) const {
    for (const std::size_t index : {std::size_t{0}, level_}) {
      const MemoryLevel& level = accelerator_.levels[index];
      for (TensorTraffic& tensor : cost.levels[index].tensors) {
        const double accesses = tensor.bits / static_cast<double>(level.access_bits);
        tensor.energy_j =
            sum(part(level.read_energy_j, static_cast<double>(tensor.reads) * accesses),
                part(level.write_energy_j, static_cast<double>(tensor.fills + tensor.updates) * accesses));
        if (index == 0 && level.fanout.energy_per_bit_j && !tensor.network_energy_j)
          tensor.network_energy_j =
              static_cast<double>(tensor.delivered) * tensor.bits_below * *level.fanout.energy_per_bit_j;
      }
    }
  }

  static std::optional<double> part(const std::optional<double>& of_one, double accesses) {
    if (accesses == 0) return 0;
    return scaled(of_one, accesses);
  }

  void time(MappingCost& cost, double fetched_bits) const {
    double stalls = 0;
    cost.cycles = static_cast<double>(cost.compute_cycles);
    for (std::size_t index = 0; index < cost.levels.size(); ++index) {
      LevelCost& level = cost.levels[index];
      if (index == 0 || index == level_) {
        double read = 0, written = 0;
        for (const TensorTraffic& tensor : level.tensors) {
          read += static_cast<double>(tensor.reads) * tensor.bits;
          written += static_cast<double>(tensor.fills + tensor.updates) * tensor.bits;
        }
        level.cycles = transfer_cycles(accelerator_.levels[index], read, written);
      }
      cost.cycles = std::max(cost.cycles, level.cycles);
    }
    // Without a second buffer nobody works while new rows come.
    LevelCost& home = cost.levels[level_];
    if (!accelerator_.levels[level_].double_buffered) home.stall_cycles += load_cycles(fetched_bits);
    for (const LevelCost& level : cost.levels) stalls += level.stall_cycles;
    cost.cycles += stalls;
  }

  double load_cycles(double bits) const {
    return std::max(transfer_cycles(accelerator_.levels[0], bits, 0),
                    transfer_cycles(accelerator_.levels[level_], 0, bits));
  }

  // `times` tiles; energies of levels and the sums are finish()'s.
  static void add(MappingCost& total, const MappingCost& tile, double times) {
    const auto count = static_cast<int64_t>(times);
    if (total.levels.empty()) {
      total.levels.resize(tile.levels.size());
      total.compute_energy_j = 0;
      for (std::size_t l = 0; l < tile.levels.size(); ++l)
        total.levels[l].tensors.resize(tile.levels[l].tensors.size());
    }
    for (std::size_t l = 0; l < tile.levels.size(); ++l) {
      total.levels[l].cycles += times * tile.levels[l].cycles;
      total.levels[l].stall_cycles += times * tile.levels[l].stall_cycles;
      for (std::size_t t = 0; t < tile.levels[l].tensors.size(); ++t) {
        TensorTraffic& to = total.levels[l].tensors[t];
        const TensorTraffic& from = tile.levels[l].tensors[t];
        const bool first = !to.energy_j && to.instances == 0 && to.bits == 0;
        to.energy_j = sum(first ? std::optional(0.0) : to.energy_j, scaled(from.energy_j, times));
        if (from.network_energy_j)
          to.network_energy_j = to.network_energy_j.value_or(0) + times * *from.network_energy_j;
        to.kept = to.kept || from.kept;
        to.tile_elements = std::max(to.tile_elements, from.tile_elements);
        to.instances = std::max<int64_t>({1, to.instances, from.instances});
        to.bits = std::max(to.bits, from.bits);
        to.bits_below = std::max(to.bits_below, from.bits_below);
        to.reads += count * from.reads;
        to.fills += count * from.fills;
        to.updates += count * from.updates;
        to.reductions += count * from.reductions;
        to.sent += count * from.sent;
        to.delivered += count * from.delivered;
      }
    }
    total.multiply_accumulates += count * tile.multiply_accumulates;
    total.compute_cycles += count * tile.compute_cycles;
    total.cycles += times * tile.cycles;
    total.units_used = std::max(total.units_used, tile.units_used);
    total.compute_energy_j = sum(total.compute_energy_j, scaled(tile.compute_energy_j, times));
  }

  // Once, before the first tile.
  void fetch_weights(std::size_t layer, MappingCost& total) const {
    const Workload& workload = layers_[layer].workload;
    for (std::size_t t = 0; t < workload.tensors.size(); ++t) {
      const WorkloadTensor& tensor = workload.tensors[t];
      if (tensor.role != TensorRole::weights) continue;
      const int64_t elements = elements_of(tensor, workload);
      const double bits = bits_of(tensor) * static_cast<double>(elements);
      TensorTraffic &above = total.levels[0].tensors[t], &here = total.levels[level_].tensors[t];
      const MemoryLevel &outermost = accelerator_.levels[0], &memory = accelerator_.levels[level_];
      above.reads += elements;
      above.sent += elements;
      above.delivered += elements;
      here.fills += elements;
      above.energy_j =
          sum(above.energy_j, part(outermost.read_energy_j, bits / static_cast<double>(outermost.access_bits)));
      here.energy_j = sum(here.energy_j, part(memory.write_energy_j, bits / static_cast<double>(memory.access_bits)));
      if (outermost.fanout.energy_per_bit_j)
        above.network_energy_j = above.network_energy_j.value_or(0) + bits * *outermost.fanout.energy_per_bit_j;
      total.levels[0].cycles += transfer_cycles(outermost, bits, 0);
      total.levels[level_].cycles += transfer_cycles(memory, 0, bits);
      total.cycles += load_cycles(bits);
    }
  }

  void finish(MappingCost& total) const {
    total.energy_j = total.compute_energy_j;
    total.bottleneck = "compute";
    auto longest = static_cast<double>(total.compute_cycles);
    for (std::size_t l = 0; l < total.levels.size(); ++l) {
      LevelCost& level = total.levels[l];
      level.energy_j = 0;
      for (const TensorTraffic& tensor : level.tensors) {
        level.energy_j = sum(level.energy_j, tensor.energy_j);
        if (tensor.network_energy_j) level.energy_j = sum(level.energy_j, tensor.network_energy_j);
      }
      if (const auto& leakage_w = accelerator_.levels[l].leakage_w)
        level.energy_j =
            sum(level.energy_j, accelerator_.clock_hz
                                    ? std::optional(*leakage_w * static_cast<double>(accelerator_.instances(l)) *
                                                    total.cycles / *accelerator_.clock_hz)
                                    : std::nullopt);
      total.energy_j = sum(total.energy_j, level.energy_j);
      const double own = std::max(level.cycles, level.stall_cycles);
      if (own <= longest) continue;
      longest = own;
      total.bottleneck = accelerator_.levels[l].name;
    }
    total.utilization = static_cast<double>(total.multiply_accumulates) /
                        (static_cast<double>(accelerator_.units() * accelerator_.compute.lanes) * total.cycles);
  }

  std::span<const FusibleLayer> layers_;
  const AcceleratorDescription& accelerator_;
  const MappingPlan& plan_;
  FusionChoice choice_;
  MappingCache& cache_;
  std::size_t level_;
  RowPlan rows_;
  double held_bits_ = 0;
};

// --- which layers ---------------------------------------------------------------------------------------------------

class Fuser {
 public:
  Fuser(const AcceleratorDescription& accelerator, const MappingPlan& plan, const NetworkCost& separate,
        MappingCache& cache, std::size_t most_layers)
      : accelerator_(accelerator), plan_(plan), separate_(separate), cache_(cache), most_layers_(most_layers) {
    std::optional<double> products_j = 0;
    for (const NodeCost& node : separate.nodes) {
      by_node_[node.work.node] = &node;
      for (const ProductCost& product : node.products) products_j = sum(products_j, product.mapped.cost.energy_j);
    }
    energy_j_ = separate.energy_j ? *separate.energy_j : products_j.value_or(0);
    objective_ = plan.searches() ? plan.mapper.objective
                 : products_j    ? MappingObjective::edp
                                 : MappingObjective::latency;
  }

  void fuse(const std::vector<FusibleLayer>& chain, NetworkFusion& result) {
    const auto runs = [&](const FusibleLayer& layer) { return !by_node_.at(layer.node)->products.empty(); };
    if (!std::ranges::all_of(chain, runs)) return;
    // best[j]: the least score of the first j layers; cut[j]: where its last group begins.
    std::vector<double> best(chain.size() + 1, 0);
    std::vector<std::size_t> cut(chain.size() + 1, 0);
    std::vector<std::optional<FusedGroup>> group(chain.size() + 1);
    for (std::size_t j = 1; j <= chain.size(); ++j) {
      best[j] = best[j - 1] + alone(chain[j - 1]);
      cut[j] = j - 1;
      for (std::size_t i = j - std::min(j, most_layers_); i + 1 < j; ++i) {
        std::optional<FusedGroup> fused = best_group(std::span(chain).subspan(i, j - i));
        if (!fused) continue;
        const double score = best[i] + score_of(*fused);
        if (score >= best[j]) continue;
        best[j] = score;
        cut[j] = i;
        group[j] = std::move(fused);
      }
    }
    for (std::size_t j = chain.size(); j > 0; j = cut[j]) {
      if (j - cut[j] < 2) continue;
      for (std::size_t k = 0; k < group[j]->nodes.size(); ++k)
        result.decided.emplace(group[j]->nodes[k], group[j]->mapped[k]);
      result.groups.push_back(std::move(*group[j]));
    }
  }

 private:
  // To first order what a part adds to the logarithm of energy times delay; else the objective itself.
  double score(double cycles, double energy_j) const {
    if (objective_ == MappingObjective::latency) return cycles;
    if (objective_ == MappingObjective::energy) return energy_j;
    return cycles / separate_.cycles + (energy_j_ > 0 ? energy_j / energy_j_ : 0);
  }

  double score_of(NodeId node, const MappingCost& cost) const {
    double cycles = cost.cycles;
    if (accelerator_.vector_unit)
      cycles = std::max(cycles, static_cast<double>(by_node_.at(node)->vector_operations) /
                                    static_cast<double>(accelerator_.vector_unit->lanes));
    return score(cycles, cost.energy_j.value_or(0));
  }

  double alone(const FusibleLayer& layer) const {
    return score_of(layer.node, by_node_.at(layer.node)->products[0].mapped.cost);
  }

  double score_of(const FusedGroup& group) const {
    double all = 0;
    for (std::size_t i = 0; i < group.nodes.size(); ++i) all += score_of(group.nodes[i], group.mapped[i].cost);
    return all;
  }

  std::optional<FusedGroup> best_group(std::span<const FusibleLayer> layers) {
    std::optional<FusedGroup> best;
    const int64_t all = layers.back().rows();
    for (const bool weights_stay : {false, true}) {
      std::size_t fitting = 0;
      for (int64_t rows = all; rows >= 1 && fitting < kChoicesThatFit; rows = (rows == 1 ? 0 : (rows + 1) / 2)) {
        if (weights_stay && rows == all) continue;  // one tile fetches them once anyway
        std::optional<FusedGroup> group =
            fused_group(layers, accelerator_, plan_, {.tile_rows = rows, .weights_stay = weights_stay}, cache_);
        if (!group) continue;
        ++fitting;
        if (!best || score_of(*group) < score_of(*best)) best = std::move(group);
      }
    }
    return best;
  }

  const AcceleratorDescription& accelerator_;
  const MappingPlan& plan_;
  const NetworkCost& separate_;
  MappingCache& cache_;
  std::size_t most_layers_;
  MappingObjective objective_ = MappingObjective::edp;
  double energy_j_ = 0;  // of the whole network, where it is known
  std::map<NodeId, const NodeCost*> by_node_;
};

}  // namespace

std::size_t fusion_level(const AcceleratorDescription& accelerator) {
  const auto holds = [](const MemoryLevel& level, TensorRole role) {
    return std::ranges::find(level.holds, role) != level.holds.end();
  };
  for (std::size_t i = 1; i < accelerator.levels.size(); ++i) {
    const MemoryLevel& level = accelerator.levels[i];
    if (accelerator.instances(i) == 1 && level.capacity_bits && holds(level, TensorRole::inputs) &&
        holds(level, TensorRole::outputs))
      return i;
  }
  throw UserError(
      fmt::format("layers cannot be fused on '{}': no memory on the chip of which there is one instance holds both "
                  "inputs and outputs",
                  accelerator.name));
}

AcceleratorDescription with_home(const AcceleratorDescription& accelerator, const std::vector<TensorRole>& roles,
                                 double held_bits) {
  const std::size_t level = fusion_level(accelerator);
  AcceleratorDescription homed = accelerator;
  for (std::size_t i = 1; i <= level; ++i)
    std::erase_if(homed.levels[i].holds,
                  [&](TensorRole role) { return std::ranges::find(roles, role) != roles.end(); });
  MemoryLevel& memory = homed.levels[level];
  memory.capacity_bits = *memory.capacity_bits - static_cast<int64_t>(std::ceil(held_bits));
  MemoryLevel home = accelerator.levels[level];
  home.name += "_stays";
  home.capacity_bits.reset();
  home.leakage_w.reset();
  home.area_mm2.reset();
  home.holds = roles;
  home.fanout = {};
  homed.levels.insert(homed.levels.begin() + 1, std::move(home));
  return homed;
}

std::optional<FusedGroup> fused_group(std::span<const FusibleLayer> layers, const AcceleratorDescription& accelerator,
                                      const MappingPlan& plan, const FusionChoice& choice, MappingCache& cache) {
  return GroupCoster(layers, accelerator, plan, choice, cache).cost();
}

PlannedCost planned_cost(const Graph& graph, const AcceleratorDescription& accelerator, const MappingPlan& plan,
                         const ProductMapper& mapper, MappingCache& cache) {
  PlannedCost result{.cost = network_cost(graph, accelerator, mapper, plan.work)};
  if (!plan.fuse_layers) return result;
  NetworkFusion fusion = fuse_layers(graph, accelerator, plan, result.cost, cache);
  result.separate = std::move(result.cost);
  result.cost = network_cost(graph, accelerator, mapper, plan.work, fusion.decided);
  result.groups = std::move(fusion.groups);
  return result;
}

NetworkFusion fuse_layers(const Graph& graph, const AcceleratorDescription& accelerator, const MappingPlan& plan,
                          const NetworkCost& separate, MappingCache& cache, std::size_t most_layers) {
  fusion_level(accelerator);
  NetworkFusion result;
  Fuser fuser(accelerator, plan, separate, cache, most_layers);
  const NetworkWork work = network_work(graph, with_native_formats(plan.work, accelerator));
  for (const std::vector<FusibleLayer>& chain : fusible_chains(graph, work)) fuser.fuse(chain, result);
  std::ranges::sort(result.groups, {}, [](const FusedGroup& group) { return group.nodes.front(); });
  return result;
}

}  // namespace nacre
