// Target `accelerator`: a modelled chip. Every product of the network is mapped to it, by a dataflow or by a search for the best
// mapping; the rest runs on its vector unit (accelerator/network_cost.hpp).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nacre/base/hash.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/accelerator/network_cost.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/fusion/layer_fusion.hpp"
#include "nacre/hw/mapper/mapping_plan.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {
namespace {

class AcceleratorTarget final : public Target {
 public:
  AcceleratorTarget(const Options& options, const TargetContext& context)
      : accelerator_(load_accelerator(options.text("accelerator"), context.base_folder)),
        plan_(mapping_plan(options, "target", context.base_folder)),
        mappings_(context.mappings) {
    metrics_ = {{"latency_s", Direction::minimize, "s", "of one run, layer after layer"},
                {"energy_j", Direction::minimize, "J", "of one run"},
                {"area_mm2", Direction::minimize, "mm2", "of the chip"}};
    for (MetricSpec& spec : counted_metric_specs()) metrics_.push_back(std::move(spec));
    identity_ = "accelerator/1/" + hash_text(accelerator_yaml(accelerator_) + plan_.identity()).hex();
  }

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return identity_; }
  bool measures() const override { return false; }

  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile&) override {
    if (mappings_ && plan_.searches()) cache_.connect(std::exchange(mappings_, nullptr));
    Cost cost = counted_cost(design, deployment);
    cost.items.clear();  // of the trained form; below come those of the deployed one
    std::optional<double> latency_s = 0, energy_j = 0;
    bool proved = true;
    for (const auto& [graph_name, graph] : design.graphs) {
      const Graph deployed = graph_to_measure(graph, deployment);
      const NetworkCost network =
          planned_cost(deployed, accelerator_, plan_, product_mapper(accelerator_, plan_, cache_), cache_).cost;
      latency_s = sum(latency_s, network.latency_s);
      energy_j = sum(energy_j, network.energy_j);
      cost.not_covered.insert(cost.not_covered.end(), network.not_covered.begin(), network.not_covered.end());
      Design form;
      form.graphs.emplace(graph_name, deployed);
      std::vector<CostItem> items = counted_cost(form, {}).items;
      for (const NodeCost& node : network.nodes) {
        for (const ProductCost& product : node.products) proved = proved && product.mapped.proved;
        describe(items, node);
      }
      std::ranges::move(items, std::back_inserter(cost.items));
    }
    std::ranges::sort(cost.not_covered);
    const auto rest = std::ranges::unique(cost.not_covered);
    cost.not_covered.erase(rest.begin(), rest.end());
    std::string source = accelerator_.name + ", " + plan_.text() + (plan_.searches() && proved ? ", all proved" : "");
    if (!cost.not_covered.empty())
      source += fmt::format("; a lower bound, without {}", fmt::join(cost.not_covered, " "));
    cost.totals["latency_s"] = modelled(latency_s, "s", source);
    cost.totals["energy_j"] = modelled(energy_j, "J", source);
    cost.totals["area_mm2"] = modelled(accelerator_area_mm2(accelerator_), "mm2", accelerator_.name);
    return cost;
  }

 private:
  static std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
    if (!a || !b) return std::nullopt;
    return *a + *b;
  }

  static Metric modelled(std::optional<double> value, const std::string& unit, const std::string& source) {
    return {.value = value, .unit = unit, .origin = Origin::modelled, .source = source};
  }

  void describe(std::vector<CostItem>& items, const NodeCost& node) const {
    const auto item = std::ranges::find(items, node.work.node, &CostItem::node);
    if (item == items.end()) return;
    std::string source = node.work.fused_into == kNone ? "bound by " + node.bottleneck : "fused";
    if (node.bottleneck.empty() && node.work.fused_into == kNone) source = "nothing to do";
    std::optional<double> latency_s;
    if (accelerator_.clock_hz) latency_s = node.cycles / *accelerator_.clock_hz;
    item->metrics["latency_s"] = modelled(latency_s, "s", source);
    item->metrics["energy_j"] = modelled(node.energy_j, "J", source);
  }

  std::string name_ = "accelerator";
  AcceleratorDescription accelerator_;
  MappingPlan plan_;
  std::shared_ptr<MappingStore> mappings_;  // until the cache is connected to it, at the first cost
  MappingCache cache_;
  std::string identity_;
  std::vector<MetricSpec> metrics_;
};

std::vector<Parameter> accelerator_parameters() {
  std::vector<Parameter> parameters = mapping_parameters("dataflow");
  parameters.insert(
      parameters.begin(),
      {.name = "accelerator", .description = "a preset (nacre list accelerators) or a file", .required = true});
  return parameters;
}

}  // namespace

void register_accelerator(TargetRegistry& registry) {
  registry.add({.name = "accelerator",
                .summary = "a modelled chip: every layer mapped to its memories and multipliers",
                .source = "the loop-nest model of Parashar et al., Timeloop, ISPASS 2019",
                .parameters = accelerator_parameters(),
                .example = "kind: accelerator\naccelerator: eyeriss\nmethod: lattice\nobjective: energy\n"},
               [](const Options& options, const TargetContext& context) -> std::unique_ptr<Target> {
                 return std::make_unique<AcceleratorTarget>(options, context);
               });
}

}  // namespace nacre
