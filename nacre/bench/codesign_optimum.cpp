#include "nacre/bench/codesign_optimum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "nacre/base/error.hpp"
#include "nacre/run/codesign/networks.hpp"
#include "nacre/tables/open_benchmark.hpp"

namespace nacre {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRounding = 1e-9;

// Layers of one shape in a network.
struct Load {
  LayerShape shape;
  double count = 0;
};
using Loads = std::vector<Load>;

Loads loads_of(const NetworkLayers& network) {
  Loads loads;
  for (const LayerShape& shape : network.shapes) loads.push_back({shape, 0});
  for (const NetworkLayer& layer : network.layers) loads[layer.shape].count += 1;
  return loads;
}

std::vector<SubAccelerator> all_instances(const HardwareBudget& budget) {
  std::vector<SubAccelerator> all;
  for (const std::string& dataflow : budget.dataflows)
    for (int64_t pe = budget.pe_step; pe <= budget.pe; pe += budget.pe_step)
      for (int64_t bandwidth = budget.bandwidth_step_gb_per_s; bandwidth <= budget.bandwidth_gb_per_s;
           bandwidth += budget.bandwidth_step_gb_per_s)
        all.push_back({dataflow, pe, static_cast<double>(bandwidth)});
  return all;
}

class Exhaustion {
 public:
  Exhaustion(const CodesignPlan& plan, CodesignCosts& costs)
      : plan_(plan), costs_(costs), budget_(plan.space->hardware().budget()), instances_(all_instances(budget_)) {
    if (budget_.instances > 2) throw UserError("the exhaustive optimum is for at most two sub-accelerators");
    for (const SubAccelerator& instance : instances_)
      areas_.push_back(template_area(instance, plan.constants).total_mm2());
    const double area_limit = plan.limit("area_mm2").value_or(kInfinity);
    for (size_t i = 0; i < instances_.size(); ++i) {
      if (areas_[i] <= area_limit) designs_.push_back({i, i});
      for (size_t j = 0; budget_.instances > 1 && j < i; ++j) {
        const SubAccelerator &a = instances_[i], &b = instances_[j];
        if (a.pe + b.pe > budget_.pe ||
            a.bandwidth_gb_per_s + b.bandwidth_gb_per_s > static_cast<double>(budget_.bandwidth_gb_per_s))
          continue;
        if (areas_[i] + areas_[j] <= area_limit) designs_.push_back({i, j});
      }
    }
  }

  // Places in designs(), the most promising first, of those that no bound rules out for these loads.
  const std::vector<uint32_t>& possible(size_t a, size_t b) {
    const auto [place, fresh] = possible_.try_emplace({a, b});
    if (!fresh) return place->second;
    std::vector<std::pair<double, uint32_t>> kept;
    for (uint32_t d = 0; d < designs_.size(); ++d) {
      const double bound = lower_bound(a, b, designs_[d]);
      if (bound <= 1 + kRounding) kept.emplace_back(bound, d);
    }
    std::ranges::sort(kept);
    for (const auto& [bound, d] : kept) place->second.push_back(d);
    return place->second;
  }

  size_t add_loads(const Loads& loads) {
    std::vector<size_t> shapes;
    std::vector<double> counts;
    for (const Load& load : loads) {
      auto found = std::ranges::find(shapes_, load.shape);
      if (found == shapes_.end()) {
        found = shapes_.insert(found, load.shape);
        auto& row = by_shape_.emplace_back();
        for (const SubAccelerator& instance : instances_) {
          const auto cost = template_cost(load.shape, instance, plan_.constants);
          row.push_back({cost->cycles / plan_.constants.clock_hz, cost->energy_j});
        }
      }
      shapes.push_back(static_cast<size_t>(found - shapes_.begin()));
      counts.push_back(load.count);
    }
    std::vector<size_t> order(shapes.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](size_t i) { return shapes[i]; });
    std::vector<std::pair<size_t, double>> own;
    for (const size_t i : order) own.emplace_back(shapes[i], counts[i]);
    const auto known = std::ranges::find(loads_, own);
    if (known != loads_.end()) return static_cast<size_t>(known - loads_.begin());
    loads_.push_back(std::move(own));
    return loads_.size() - 1;
  }

  HeterogeneousAccelerator accelerator(uint32_t design) const {
    const auto& [i, j] = designs_[design];
    if (i == j) return {instances_[i]};
    return HardwareDecisions::canonical({instances_[i], instances_[j]});
  }

  // The longest path of a network of this class, each layer where it is quickest.
  double chain_s(size_t network_class, uint32_t design) const {
    const NetworkLayers& network = costs_.layers_of_class(network_class);
    const auto& [i, j] = designs_[design];
    std::vector<double> quickest;
    for (const LayerShape& shape : network.shapes) {
      const auto& row = by_shape_[static_cast<size_t>(std::ranges::find(shapes_, shape) - shapes_.begin())];
      quickest.push_back(std::min(row[i].first, row[j].first));
    }
    std::vector<double> end(network.layers.size(), 0);
    double longest = 0;
    for (size_t l = 0; l < end.size(); ++l) {
      for (const int p : network.layers[l].predecessors) end[l] = std::max(end[l], end[static_cast<size_t>(p)]);
      end[l] += quickest[network.layers[l].shape];
      longest = std::max(longest, end[l]);
    }
    return longest;
  }

 private:
  using Design = std::pair<size_t, size_t>;  // instances; twice the same: alone

  // Latency and energy over their limits, from below: above 1 the design cannot keep both.
  double lower_bound(size_t a, size_t b, const Design& design) const {
    const double latency = plan_.limit("latency_s").value_or(kInfinity);
    const double energy = plan_.limit("energy_j").value_or(kInfinity);
    const auto& [i, j] = design;
    const auto sum = [&](double first, double second, double joules) {
      double total = 0;
      for (const size_t loads : {a, b})
        for (const auto& [shape, count] : loads_[loads]) {
          const auto &one = by_shape_[shape][i], &two = by_shape_[shape][j];
          total += count * std::min(first * one.first + joules * one.second, second * two.first + joules * two.second);
        }
      return total;
    };
    double bound = sum(0, 0, 1) / energy;
    if (bound > 1 + kRounding) return bound;
    if (i == j) return std::max(bound, sum(1, 1, 0) / latency);
    for (int step = 1; step < 8; ++step) {
      const double share = step / 8.0;
      for (const double weight : {0.0, 0.5, 2.0}) {
        // share load_1 + (1 - share) load_2 <= makespan, plus the multiplier times the energy.
        const double value = sum(share / latency, (1 - share) / latency, weight / energy) / (1 + weight);
        bound = std::max(bound, value);
        if (bound > 1 + kRounding) return bound;
      }
    }
    return bound;
  }

  const CodesignPlan& plan_;
  const CodesignCosts& costs_;
  const HardwareBudget budget_;
  const std::vector<SubAccelerator> instances_;
  std::vector<double> areas_;
  std::vector<Design> designs_;
  std::vector<LayerShape> shapes_;
  std::vector<std::vector<std::pair<double, double>>> by_shape_;  // shape, instance: seconds and joules
  std::vector<std::vector<std::pair<size_t, double>>> loads_;
  std::map<std::pair<size_t, size_t>, std::vector<uint32_t>> possible_;
};

// The best network of each class of a task, best first.
struct ClassNetwork {
  size_t number = 0, loads = 0, network = 0;
  double quality = 0;
};

std::vector<ClassNetwork> best_of_classes(size_t task, const TableNetworks& table, CodesignCosts& costs,
                                          Exhaustion& exhaustion) {
  std::vector<ClassNetwork> classes;
  std::vector<char> seen;
  for (size_t n = 0; n < table.networks.size(); ++n) {
    const size_t number = costs.class_of(task, table.networks[n]);
    if (seen.size() <= number) seen.resize(number + 1, 0);
    if (seen[number] != 0) continue;
    seen[number] = 1;
    classes.push_back({number, exhaustion.add_loads(loads_of(costs.layers_of_class(number))), n, table.qualities[n]});
  }
  return classes;
}

}  // namespace

TableNetworks table_networks(const CodesignTask& task) {
  if (!task.plan.evaluator.looks_up()) throw UserError(task.name + ": expected evaluator table");
  const auto benchmark =
      open_benchmark(task.plan.evaluator.options, {.data_folder = "", .base_folder = task.plan.base_folder});
  const std::optional<size_t> column = benchmark->find_column(task.metric);
  if (!column) throw UserError(task.name + ": the table has no " + task.metric);
  std::vector<std::pair<double, int64_t>> order;
  for (int64_t row = 0; row < benchmark->rows(); ++row)
    if (const auto value = benchmark->value(row, *column)) order.emplace_back(-*value, row);
  std::ranges::sort(order);
  TableNetworks table;
  for (const auto& [negated, row] : order) {
    table.networks.push_back(benchmark->decisions_of(row));
    table.qualities.push_back(-negated);
  }
  return table;
}

std::vector<Limit> limits_below_the_best(const CodesignPlan& plan, double factor) {
  CodesignCosts quickest(plan.space,
                         {plan.constants, std::nullopt, plan.by_shape});  // the least latency, whatever the energy
  const HardwareBudget& budget = plan.space->hardware().budget();
  const std::vector<SubAccelerator> instances = all_instances(budget);
  std::vector<size_t> classes;
  std::vector<std::vector<double>> energies(instances.size());  // of every load
  for (size_t i = 0; i < plan.tasks.size(); ++i) {
    classes.push_back(quickest.class_of(i, table_networks(plan.tasks[i]).networks.at(0)));
    for (const Load& load : loads_of(quickest.layers_of_class(classes.back())))
      for (size_t k = 0; k < instances.size(); ++k)
        energies[k].push_back(load.count * template_cost(load.shape, instances[k], plan.constants)->energy_j);
  }
  DesignCost least{.latency_s = kInfinity, .energy_j = kInfinity};
  const auto try_design = [&](const HeterogeneousAccelerator& accelerator, int64_t pe, double bandwidth) {
    // More processing elements or bandwidth make no template slower: what leaves a step of either cannot be the quickest.
    if (pe + budget.pe_step <= budget.pe) return;
    if (bandwidth + static_cast<double>(budget.bandwidth_step_gb_per_s) <=
        static_cast<double>(budget.bandwidth_gb_per_s))
      return;
    const DesignCost cost = quickest.cost(classes, HardwareDecisions::canonical(accelerator));
    if (cost.latency_s >= least.latency_s) return;
    least.latency_s = cost.latency_s;
    least.area_mm2 = cost.area_mm2;
  };
  for (size_t i = 0; i < instances.size(); ++i) {
    const SubAccelerator& a = instances[i];
    least.energy_j = std::min(least.energy_j, std::accumulate(energies[i].begin(), energies[i].end(), 0.0));
    try_design({a}, a.pe, a.bandwidth_gb_per_s);
    for (size_t j = 0; j < i && budget.instances > 1; ++j) {
      const SubAccelerator& b = instances[j];
      const double bandwidth = a.bandwidth_gb_per_s + b.bandwidth_gb_per_s;
      if (a.pe + b.pe > budget.pe || bandwidth > static_cast<double>(budget.bandwidth_gb_per_s)) continue;
      double energy = 0;
      for (size_t l = 0; l < energies[i].size(); ++l) energy += std::min(energies[i][l], energies[j][l]);
      least.energy_j = std::min(least.energy_j, energy);
      try_design({a, b}, a.pe + b.pe, bandwidth);
    }
  }
  return {{"latency_s", factor * least.latency_s},
          {"energy_j", factor * least.energy_j},
          {"area_mm2", factor * least.area_mm2}};
}

std::optional<CodesignOptimum> codesign_optimum(const CodesignPlan& plan, CodesignCosts& costs,
                                                const std::vector<TableNetworks>& tables,
                                                const std::function<bool()>& interrupted) {
  if (tables.size() != 2) throw UserError("the exhaustive optimum is for two tasks");
  Exhaustion exhaustion(plan, costs);
  const std::vector<ClassNetwork> first = best_of_classes(0, tables[0], costs, exhaustion);
  const std::vector<ClassNetwork> second = best_of_classes(1, tables[1], costs, exhaustion);
  std::vector<std::tuple<double, uint32_t, uint32_t>> pairs;
  for (uint32_t a = 0; a < first.size(); ++a)
    for (uint32_t b = 0; b < second.size(); ++b)
      pairs.emplace_back(-combined_quality(plan, {first[a].quality, second[b].quality}), a, b);
  std::ranges::sort(pairs);
  CodesignOptimum optimum;
  const double latency = plan.limit("latency_s").value_or(kInfinity);
  for (const auto& [negated, a, b] : pairs) {
    if (interrupted()) throw Interrupted();
    ++optimum.pairs;
    for (const uint32_t design : exhaustion.possible(first[a].loads, second[b].loads)) {
      if (exhaustion.chain_s(first[a].number, design) > latency * (1 + kRounding)) continue;
      if (exhaustion.chain_s(second[b].number, design) > latency * (1 + kRounding)) continue;
      ++optimum.scheduled;
      const HeterogeneousAccelerator accelerator = exhaustion.accelerator(design);
      const DesignCost cost = costs.cost({first[a].number, second[b].number}, accelerator);
      if (cost.latency_s > latency || cost.energy_j > plan.limit("energy_j").value_or(kInfinity)) continue;
      optimum.quality = -negated;
      optimum.networks = {tables[0].networks[first[a].network], tables[1].networks[second[b].network]};
      optimum.accelerator = accelerator;
      optimum.cost = cost;
      return optimum;
    }
  }
  return std::nullopt;
}

}  // namespace nacre
