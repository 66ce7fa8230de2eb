#include "nacre/hw/accelerator/network_cost.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// Unknown when one of both is.
std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

class NetworkCoster {
 public:
  NetworkCoster(const Graph& graph, const AcceleratorDescription& accelerator, const ProductMapper& mapper,
                const std::map<NodeId, ProductMapping>& decided)
      : graph_(graph), accelerator_(accelerator), mapper_(mapper), decided_(decided) {
    if (accelerator.levels.empty()) throw UserError("accelerator '" + accelerator.name + "' has no memory levels");
  }

  NetworkCost cost(NetworkWork work) {
    result_.not_covered = std::move(work.not_covered);
    for (NodeWork& node : work.nodes) {
      index_[node.node] = result_.nodes.size();
      result_.nodes.push_back({.work = std::move(node)});
    }
    for (NodeCost& node : result_.nodes) describe(node);
    for (NodeCost& node : result_.nodes) time(node);
    finish();
    return std::move(result_);
  }

 private:
  const MemoryLevel& outermost() const { return accelerator_.levels.front(); }

  void describe(NodeCost& node) {
    for (const Workload& workload : node.work.products) {
      ProductMapping mapping = mapped(node.work.node, workload);
      result_.multiply_accumulates += workload.points();
      if (mapping.misfit.empty())
        node.products.push_back({workload, std::move(mapping)});
      else if (node.misfit.empty())
        node.misfit = std::move(mapping.misfit);
    }
    node.energy_j = 0;
    for (const ProductCost& product : node.products) node.energy_j = sum(node.energy_j, product.mapped.cost.energy_j);
    node.vector_operations += node.work.vector_operations;
    // A product's own transfers are part of its mapping.
    const bool product = node.work.kind == NodeWork::Kind::product;
    if (!product) {
      node.read_bits += static_cast<double>(node.work.read_bits);
      node.written_bits += static_cast<double>(node.work.written_bits);
    }
    if (node.work.vector_operations > 0) {
      if (!accelerator_.vector_unit) {
        result_.not_covered.push_back(graph_.node(node.work.node).op);
      } else if (accelerator_.vector_unit->energy_j) {
        node.energy_j =
            sum(node.energy_j, *accelerator_.vector_unit->energy_j * static_cast<double>(node.work.vector_operations));
      } else {
        node.energy_j = std::nullopt;
      }
    }
    if (!product) {
      node.energy_j = sum(node.energy_j, transfer_energy(outermost().read_energy_j, node.work.read_bits));
      node.energy_j = sum(node.energy_j, transfer_energy(outermost().write_energy_j, node.work.written_bits));
    }
    if (!node.misfit.empty()) {
      ++result_.infeasible;
      node.energy_j = std::nullopt;
    }
    if (node.work.fused_into == kNone) return;
    NodeCost& host = result_.nodes[index_.at(node.work.fused_into)];
    host.vector_operations += node.work.vector_operations;
    host.read_bits += node.read_bits;
    host.written_bits += node.written_bits;
  }

  std::optional<double> transfer_energy(std::optional<double> of_one_access, int64_t bits) const {
    if (bits == 0) return 0;
    if (!of_one_access) return std::nullopt;
    return *of_one_access * static_cast<double>(bits) / static_cast<double>(outermost().access_bits);
  }

  // The slowest of the ports: each direction at its own rate, both together at the shared one.
  double transfer_cycles(const NodeCost& node) const {
    const MemoryLevel& level = outermost();
    const auto at_rate = [](double bits, std::optional<double> rate) { return rate ? bits / *rate : 0; };
    return std::max({at_rate(node.read_bits, level.read_bits_per_cycle),
                     at_rate(node.written_bits, level.write_bits_per_cycle),
                     at_rate(node.read_bits + node.written_bits, level.shared_bits_per_cycle)});
  }

  void time(NodeCost& node) {
    if (node.work.fused_into != kNone || !node.misfit.empty()) return;
    const auto at_least = [&](double cycles, const std::string& what) {
      if (cycles <= node.cycles) return;
      node.cycles = cycles;
      node.bottleneck = what;
    };
    double products = 0;
    std::string slowest;
    double slowest_cycles = 0;
    for (const ProductCost& product : node.products) {
      products += product.mapped.cost.cycles;
      if (product.mapped.cost.cycles <= slowest_cycles) continue;
      slowest_cycles = product.mapped.cost.cycles;
      slowest = product.mapped.cost.bottleneck;
    }
    at_least(products, slowest);
    if (accelerator_.vector_unit)
      at_least(static_cast<double>(node.vector_operations) / static_cast<double>(accelerator_.vector_unit->lanes),
               "vector unit");
    // The outermost memory serves the products' transfers and the others one after the other.
    double memory = transfer_cycles(node);
    for (const ProductCost& product : node.products) memory += product.mapped.cost.levels.front().cycles;
    if (node.read_bits + node.written_bits > 0) at_least(memory, "transfers");
  }

  ProductMapping mapped(NodeId node, const Workload& workload) {
    if (const auto found = decided_.find(node); found != decided_.end()) return found->second;
    const std::string key = workload_key(workload);
    const auto known = mappings_.find(key);
    if (known != mappings_.end()) return known->second;
    try {
      return mappings_.emplace(key, mapper_(workload)).first->second;
    } catch (const UserError& error) {
      throw UserError(node_text(graph_, node) + ": " + error.what());
    }
  }

  void finish() {
    result_.energy_j = 0;
    for (const NodeCost& node : result_.nodes) {
      result_.cycles += node.cycles;
      result_.energy_j = sum(result_.energy_j, node.energy_j);
    }
    const double capacity = result_.cycles * static_cast<double>(accelerator_.units() * accelerator_.compute.lanes);
    if (capacity > 0) result_.utilization = static_cast<double>(result_.multiply_accumulates) / capacity;
    if (accelerator_.clock_hz && result_.infeasible == 0) result_.latency_s = result_.cycles / *accelerator_.clock_hz;
    add_leakage();
    std::ranges::sort(result_.not_covered);
    result_.not_covered.erase(std::unique(result_.not_covered.begin(), result_.not_covered.end()),
                              result_.not_covered.end());
  }

  // Of the levels on the chip. Where none states a leakage the published energies have none either: dynamic energy is all that is known of.
  void add_leakage() {
    std::optional<double> leakage_w = 0;
    bool stated = false;
    for (size_t level = 0; level < accelerator_.levels.size(); ++level) {
      const MemoryLevel& memory = accelerator_.levels[level];
      if (memory.holds.empty() || !memory.capacity_bits) continue;
      stated = stated || memory.leakage_w.has_value();
      leakage_w =
          sum(leakage_w, memory.leakage_w
                             ? std::optional(*memory.leakage_w * static_cast<double>(accelerator_.instances(level)))
                             : std::nullopt);
    }
    if (!stated || !leakage_w || !result_.latency_s) return;
    result_.static_energy_j = *leakage_w * *result_.latency_s;
    // The products' energies hold the leakage of their own cycles already.
    double product_cycles = 0;
    for (const NodeCost& node : result_.nodes)
      for (const ProductCost& product : node.products) product_cycles += product.mapped.cost.cycles;
    result_.energy_j =
        sum(result_.energy_j, *leakage_w * (*result_.latency_s - product_cycles / *accelerator_.clock_hz));
  }

  const Graph& graph_;
  const AcceleratorDescription& accelerator_;
  const ProductMapper& mapper_;
  const std::map<NodeId, ProductMapping>& decided_;
  std::map<NodeId, size_t> index_;
  std::map<std::string, ProductMapping> mappings_;
  NetworkCost result_;
};

}  // namespace

std::string workload_key(const Workload& workload) {
  std::string key;
  for (const LoopDimension& dimension : workload.dimensions)
    key += fmt::format("{}{} ", dimension.name, dimension.size);
  for (const WorkloadTensor& tensor : workload.tensors) {
    key += fmt::format("| {} {} {}b{} d{} ", tensor.name, static_cast<int>(tensor.role), tensor.format, tensor.bits,
                       tensor.density);
    for (const TensorAxis& axis : tensor.axes) {
      key += '[';
      for (const ProjectionTerm& term : axis.terms) key += fmt::format("{}*{} ", term.coefficient, term.dimension);
      key += ']';
    }
  }
  return key + fmt::format("| {}", workload.partial_sum_bits);
}

std::optional<double> accelerator_area_mm2(const AcceleratorDescription& accelerator) {
  std::optional<double> area = accelerator.other_area_mm2.value_or(0);
  for (size_t level = 0; level < accelerator.levels.size(); ++level) {
    const MemoryLevel& memory = accelerator.levels[level];
    // Memory of no bounded capacity (DRAM) is not on the chip; a level that holds nothing has no area of its own.
    if (!memory.capacity_bits || memory.holds.empty()) continue;
    area =
        sum(area, memory.area_mm2 ? std::optional(*memory.area_mm2 * static_cast<double>(accelerator.instances(level)))
                                  : std::nullopt);
  }
  area = sum(area, accelerator.compute.area_mm2
                       ? std::optional(*accelerator.compute.area_mm2 * static_cast<double>(accelerator.units()))
                       : std::nullopt);
  if (accelerator.vector_unit) area = sum(area, accelerator.vector_unit->area_mm2);
  return area;
}

NetworkWorkOptions with_native_formats(NetworkWorkOptions options, const AcceleratorDescription& accelerator) {
  OperandFormats& formats = options.formats;
  if (formats.weights.empty()) formats.weights = accelerator.native.weights;
  if (formats.activations.empty()) formats.activations = accelerator.native.activations;
  if (formats.partial_sums.empty()) formats.partial_sums = accelerator.native.partial_sums;
  return options;
}

NetworkCost network_cost(const Graph& graph, const AcceleratorDescription& accelerator, const ProductMapper& mapper,
                         const NetworkWorkOptions& options, const std::map<NodeId, ProductMapping>& decided) {
  return NetworkCoster(graph, accelerator, mapper, decided)
      .cost(network_work(graph, with_native_formats(options, accelerator)));
}

}  // namespace nacre
