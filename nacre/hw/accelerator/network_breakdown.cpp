#include "nacre/hw/accelerator/network_breakdown.hpp"

#include <fmt/format.h>

#include <map>

#include "nacre/hw/loopnest/nest_evaluator.hpp"

namespace nacre {
namespace {

// Unknown when one of both is.
std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

std::optional<double> transfer_energy(std::optional<double> of_one_access, double bits, int64_t access_bits) {
  if (bits == 0) return 0;
  if (!of_one_access) return std::nullopt;
  return *of_one_access * bits / static_cast<double>(access_bits);
}

class Breakdown {
 public:
  Breakdown(const Graph& graph, const AcceleratorDescription& accelerator, const NetworkCost& cost)
      : graph_(graph), accelerator_(accelerator), cost_(cost) {}

  NetworkBreakdown take() {
    for (std::size_t level = 0; level < accelerator_.levels.size(); ++level) {
      result_.levels.push_back(accelerator_.levels[level].name);
      result_.level_bits_per_cycle.push_back(bits_per_cycle(level));
    }
    result_.components = result_.levels;
    result_.components.emplace_back("compute");
    result_.components.emplace_back("vector unit");
    for (const NodeCost& node : cost_.nodes)
      if (node.work.fused_into != kNone) inside_[node.work.fused_into] += "+" + graph_.node(node.work.node).op;
    for (const NodeCost& node : cost_.nodes)
      if (runs(node)) result_.layers.push_back(layer(node));
    result_.parts_j.assign(result_.components.size(), 0.0);
    for (const LayerBreakdown& layer : result_.layers)
      for (std::size_t part = 0; part < result_.parts_j.size(); ++part)
        result_.parts_j[part] = sum(result_.parts_j[part], layer.misfit.empty() ? layer.parts_j[part] : std::nullopt);
    if (cost_.static_energy_j && accelerator_.clock_hz && cost_.latency_s) result_.idle_leakage_j = idle_leakage();
    return std::move(result_);
  }

 private:
  static bool runs(const NodeCost& node) {
    return node.work.kind != NodeWork::Kind::free && node.work.fused_into == kNone;
  }

  // Both directions of all instances; the narrower of what is limited together and apart.
  std::optional<double> bits_per_cycle(std::size_t level) const {
    const MemoryLevel& memory = accelerator_.levels[level];
    const auto instances = static_cast<double>(accelerator_.instances(level));
    std::optional<double> bits = memory.shared_bits_per_cycle;
    if (const auto apart = sum(memory.read_bits_per_cycle, memory.write_bits_per_cycle))
      bits = bits ? std::min(*bits, *apart) : *apart;
    if (!bits) return std::nullopt;
    return *bits * instances;
  }

  std::string name_of(NodeId id) const {
    const Node& node = graph_.node(id);
    const std::string& scope = graph_.scope(node.scope);
    return !node.name.empty() ? node.name : scope.empty() ? node.op : scope + "/" + node.op;
  }

  double peak(const Workload& workload) const {
    const auto& rates = accelerator_.compute.rate;
    const auto found = rates.find(operand_format(workload));
    return static_cast<double>(accelerator_.units() * accelerator_.compute.lanes) *
           (found == rates.end() ? 1.0 : found->second);
  }

  LayerBreakdown layer(const NodeCost& node) const {
    LayerBreakdown row;
    row.node = node.work.node;
    row.name = name_of(node.work.node);
    row.op = graph_.node(node.work.node).op;
    if (const auto inside = inside_.find(node.work.node); inside != inside_.end()) row.op += inside->second;
    row.cycles = node.cycles;
    row.bound_by = node.bottleneck;
    row.misfit = node.misfit;
    row.proved = !node.products.empty();
    row.parts_j.assign(result_.components.size(), 0.0);
    row.level_bits.assign(accelerator_.levels.size(), 0.0);
    for (const Workload& workload : node.work.products) {
      row.shapes.push_back(workload_shape_text(workload));
      row.multiply_accumulates += workload.points();
      row.peak_macs_per_cycle = std::max(row.peak_macs_per_cycle, peak(workload));
    }
    if (!row.misfit.empty()) return row;
    for (const ProductCost& product : node.products) add(product, row);
    add_rest(node, row);
    row.energy_j = 0;
    for (const auto& part : row.parts_j) row.energy_j = sum(row.energy_j, part);
    const double possible = row.cycles * row.peak_macs_per_cycle;
    if (possible > 0) row.utilization = static_cast<double>(row.multiply_accumulates) / possible;
    return row;
  }

  void add(const ProductCost& product, LayerBreakdown& row) const {
    const MappingCost& cost = product.mapped.cost;
    const std::size_t levels = accelerator_.levels.size();
    for (std::size_t level = 0; level < levels; ++level) {
      row.parts_j[level] = sum(row.parts_j[level], cost.levels[level].energy_j);
      for (const TensorTraffic& tensor : cost.levels[level].tensors)
        row.level_bits[level] += tensor.bits * static_cast<double>(tensor.reads + tensor.fills + tensor.updates);
    }
    row.parts_j[levels] = sum(row.parts_j[levels], cost.compute_energy_j);
    row.proved = row.proved && product.mapped.proved;
    if (product.mapped.gap) row.gap = std::max(row.gap.value_or(0), *product.mapped.gap);
    row.mappings.push_back(product.mapped.text.empty()
                               ? mapping_text(product.mapped.mapping, product.workload, accelerator_)
                               : product.mapped.text);
  }

  // Vector operations and transfers of the node and of what runs inside it.
  void add_rest(const NodeCost& node, LayerBreakdown& row) const {
    const MemoryLevel& memory = accelerator_.levels.front();
    row.parts_j[0] = sum(row.parts_j[0], transfer_energy(memory.read_energy_j, node.read_bits, memory.access_bits));
    row.parts_j[0] = sum(row.parts_j[0], transfer_energy(memory.write_energy_j, node.written_bits, memory.access_bits));
    row.level_bits[0] += node.read_bits + node.written_bits;
    if (node.vector_operations == 0 || !accelerator_.vector_unit) return;
    std::optional<double>& part = row.parts_j.back();
    if (accelerator_.vector_unit->energy_j)
      part = sum(part, *accelerator_.vector_unit->energy_j * static_cast<double>(node.vector_operations));
    else
      part = std::nullopt;
  }

  // Leakage of the time in which no product runs; that of the products is in their levels' parts.
  std::optional<double> idle_leakage() const {
    double product_cycles = 0;
    for (const NodeCost& node : cost_.nodes)
      for (const ProductCost& product : node.products) product_cycles += product.mapped.cost.cycles;
    const double leakage_w = *cost_.static_energy_j / *cost_.latency_s;
    return leakage_w * (*cost_.latency_s - product_cycles / *accelerator_.clock_hz);
  }

  const Graph& graph_;
  const AcceleratorDescription& accelerator_;
  const NetworkCost& cost_;
  std::map<NodeId, std::string> inside_;
  NetworkBreakdown result_;
};

}  // namespace

std::string workload_shape_text(const Workload& workload) {
  std::string text;
  for (const LoopDimension& dimension : workload.dimensions)
    if (dimension.size > 1) text += fmt::format("{}{}{}", text.empty() ? "" : " ", dimension.name, dimension.size);
  return text.empty() ? "1" : text;
}

NetworkBreakdown network_breakdown(const Graph& graph, const AcceleratorDescription& accelerator,
                                   const NetworkCost& cost) {
  return Breakdown(graph, accelerator, cost).take();
}

}  // namespace nacre
