// Target `heterogeneous`: a modelled chip of several template instances; layers are assigned to them and scheduled
// (scheduling/heterogeneous.hpp). Latency is the makespan of all networks of a design at once.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nacre/base/hash.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/scheduling/heterogeneous.hpp"
#include "nacre/hw/scheduling/template_options.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {
namespace {

class HeterogeneousTarget final : public Target {
 public:
  explicit HeterogeneousTarget(const Options& options)
      : accelerator_(sub_accelerators_from_config(options.node("sub_accelerators"), "sub_accelerators")),
        constants_(template_constants(options)),
        settings_(hash_text(options.json().dump()).hex()) {
    if (options.has("latency_limit_s")) goal_.latency_limit_s = options.real("latency_limit_s");
    metrics_ = {{"latency_s", Direction::minimize, "s", "makespan of all networks"},
                {"energy_j", Direction::minimize, "J", "of one run of each network"},
                {"area_mm2", Direction::minimize, "mm2", "of the sub-accelerators"}};
    for (MetricSpec& spec : counted_metric_specs()) metrics_.push_back(std::move(spec));
  }

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return "heterogeneous/1/" + settings_; }
  bool measures() const override { return false; }

  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile&) override {
    Cost cost;
    std::vector<NetworkLayers> networks;
    std::vector<size_t> first_item;  // by network
    cost = counted_cost(design, deployment);
    cost.items.clear();
    for (const auto& [graph_name, graph] : design.graphs) {
      Design one;
      one.graphs.emplace(graph_name, graph);
      std::vector<CostItem> items = counted_cost(one, deployment).items;
      first_item.push_back(cost.items.size());
      std::ranges::move(items, std::back_inserter(cost.items));
      networks.push_back(network_layers(graph_name, deployed_graph(graph, deployment)));
    }
    for (const NetworkLayers& network : networks)
      cost.not_covered.insert(cost.not_covered.end(), network.not_covered.begin(), network.not_covered.end());
    std::ranges::sort(cost.not_covered);
    const auto rest = std::ranges::unique(cost.not_covered);
    cost.not_covered.erase(rest.begin(), rest.end());
    const HeterogeneousModel model(std::move(networks), constants_);
    const HeterogeneousCost found = model.cost(accelerator_, goal_);
    fill(cost, model, found, first_item);
    return cost;
  }

 private:
  Metric metric(double value, const std::string& unit, const std::string& source) const {
    return {.value = value, .unit = unit, .origin = Origin::modelled, .source = source};
  }

  void fill(Cost& cost, const HeterogeneousModel& model, const HeterogeneousCost& found,
            const std::vector<size_t>& first_item) const {
    std::string how = "closed forms of the dataflow templates";
    const std::string bound =
        cost.not_covered.empty() ? "" : fmt::format("; a lower bound, without {}", fmt::join(cost.not_covered, " "));
    const std::string schedule = fmt::format("{}, {} schedule{}{}", how, found.proved ? "optimal" : "heuristic",
                                             found.within_latency ? "" : ", latency limit missed", bound);
    cost.totals["latency_s"] = metric(found.latency_s, "s", schedule);
    cost.totals["energy_j"] = metric(found.energy_j, "J", schedule);
    cost.totals["area_mm2"] = metric(found.area_mm2, "mm2", "area of PEs, buffers, bus and arbiter at 28 nm");
    const SchedulingProblem problem = model.problem(accelerator_);
    const Schedule& placed = found.result.schedule;
    size_t task = 0;
    for (size_t n = 0; n < model.networks().size(); ++n) {
      const size_t end = n + 1 < first_item.size() ? first_item[n + 1] : cost.items.size();
      for (const NetworkLayer& layer : model.networks()[n].layers) {
        const Placement& place = placed.tasks[task];
        const auto core = static_cast<size_t>(place.core);
        for (size_t i = first_item[n]; i < end; ++i) {
          if (cost.items[i].node != layer.node) continue;
          const std::string source = "on " + problem.cores[core];
          add(cost.items[i].metrics, "latency_s",
              metric((place.finish - place.start) / constants_.clock_hz, "s", source));
          add(cost.items[i].metrics, "energy_j", metric(problem.costs[task][core]->energy_j, "J", source));
        }
        ++task;
      }
    }
    std::vector<double> energy(problem.cores.size(), 0), busy(problem.cores.size(), 0);
    for (size_t t = 0; t < placed.tasks.size(); ++t) {
      const auto core = static_cast<size_t>(placed.tasks[t].core);
      energy[core] += problem.costs[t][core]->energy_j;
      busy[core] += (placed.tasks[t].finish - placed.tasks[t].start) / constants_.clock_hz;
    }
    size_t core = 0;
    for (const SubAccelerator& instance : accelerator_) {
      if (!instance.used()) continue;
      CostItem item{.name = problem.cores[core], .op = "sub_accelerator", .scope = "", .metrics = {}};
      item.metrics["latency_s"] = metric(busy[core], "s", "busy time");
      item.metrics["energy_j"] = metric(energy[core], "J", "of its layers");
      item.metrics["area_mm2"] = metric(template_area(instance, constants_).total_mm2(), "mm2", "at 28 nm");
      cost.items.push_back(std::move(item));
      ++core;
    }
  }

  static void add(Metrics& metrics, const std::string& name, Metric value) {
    const auto found = metrics.find(name);
    if (found == metrics.end())
      metrics.emplace(name, std::move(value));
    else
      found->second.value = *found->second.value + *value.value;
  }

  std::string name_ = "heterogeneous";
  HeterogeneousAccelerator accelerator_;
  TemplateConstants constants_;
  HeterogeneousGoal goal_;
  std::string settings_;
  std::vector<MetricSpec> metrics_;
};

}  // namespace

void register_heterogeneous(TargetRegistry& registry) {
  std::vector<Parameter> parameters = {
      {.name = "sub_accelerators",
       .type = ParameterType::any,
       .description = "list of {dataflow, pe, bandwidth_gb_per_s}: instances of the templates dla, shi, rs",
       .required = true},
      {.name = "latency_limit_s",
       .type = ParameterType::real,
       .description = "given: the schedule with the least energy within it; left out: the one with the least latency",
       .minimum = 0,
       .unit = "s"}};
  for (const Parameter& parameter : template_parameters()) parameters.push_back(parameter);
  registry.add({.name = "heterogeneous",
                .summary = "a modelled chip of several dataflow templates, layers assigned and scheduled on them",
                .source = "Yang et al., Co-Exploration of Neural Architectures and Heterogeneous ASIC Accelerator "
                          "Designs Targeting Multiple Tasks, DAC 2020, arXiv 2002.04116",
                .parameters = std::move(parameters),
                .example = "kind: heterogeneous\nsub_accelerators:\n  - {dataflow: dla, pe: 576, bandwidth_gb_per_s: "
                           "56}\n  - {dataflow: shi, pe: 1792, bandwidth_gb_per_s: 8}\n"},
               [](const Options& options, const TargetContext&) -> std::unique_ptr<Target> {
                 return std::make_unique<HeterogeneousTarget>(options);
               });
}

}  // namespace nacre
