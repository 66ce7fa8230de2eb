// Target `accelerator`: a modelled chip. Every product of the network is mapped to it, by a dataflow or by a search for the best
// mapping; the rest runs on its vector unit (accelerator/network_cost.hpp).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nacre/base/hash.hpp"
#include "nacre/hw/accelerator/dataflow.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/accelerator/network_cost.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/mapper/mapping_cache.hpp"
#include "nacre/hw/target_registry.hpp"

namespace nacre {
namespace {

constexpr const char* kExact = "exact";
constexpr const char* kDefaultDataflow = "weight_stationary";
constexpr int64_t kDefaultEvaluations = 2000;
constexpr double kDefaultTime_s = 2;

// Settings of another method would change nothing.
void refuse_ignored(const Options& options) {
  const std::string method = options.text("method");
  const bool dataflow = method == "dataflow", exact = method == kExact;
  for (const auto& [key, used, whose] : std::initializer_list<std::tuple<const char*, bool, const char*>>{
           {"dataflow", dataflow, "dataflow"},
           {"objective", !dataflow, "a search"},
           {"evaluations", !dataflow && !exact, "a guided search"},
           {"time_s", exact, kExact}}) {
    if (options.has(key) && !used)
      throw UserError(options.position(key),
                      fmt::format("target.{} belongs to {} as the method; method is '{}'", key, whose, method));
  }
}

class AcceleratorTarget final : public Target {
 public:
  AcceleratorTarget(const Options& options, const TargetContext& context)
      : accelerator_(load_accelerator(options.text("accelerator"), context.base_folder)),
        method_(options.text("method")) {
    work_.fuse_elementwise = options.boolean("fuse_elementwise");
    for (const auto& [key, format] :
         std::initializer_list<std::pair<const char*, std::string*>>{{"weights", &work_.formats.weights},
                                                                     {"activations", &work_.formats.activations},
                                                                     {"partial_sums", &work_.formats.partial_sums}}) {
      if (!options.has(key)) continue;
      *format = options.text(key);
      try {
        format_bits(*format);
      } catch (const UserError& error) {
        throw UserError(options.position(key), fmt::format("target.{}: {}", key, error.what()));
      }
    }
    refuse_ignored(options);
    std::string plan;
    if (method_ == "dataflow") {
      dataflow_ =
          load_dataflow(options.has("dataflow") ? options.text("dataflow") : kDefaultDataflow, context.base_folder);
      plan = dataflow_yaml(dataflow_);
    } else {
      if (options.has("objective")) mapper_.objective = mapping_objective(options.text("objective"));
      mapper_.method = method_;
      mapper_.evaluations = options.has("evaluations") ? options.integer("evaluations") : kDefaultEvaluations;
      mapper_.time_s = 0;  // guided methods end by their evaluations, so that machines agree
      if (method_ == kExact) mapper_.time_s = options.has("time_s") ? options.real("time_s") : kDefaultTime_s;
    }
    metrics_ = {{"latency_s", Direction::minimize, "s", "of one run, layer after layer"},
                {"energy_j", Direction::minimize, "J", "of one run"},
                {"area_mm2", Direction::minimize, "mm2", "of the chip"}};
    for (MetricSpec& spec : counted_metric_specs()) metrics_.push_back(std::move(spec));
    identity_ = "accelerator/1/" + hash_text(accelerator_yaml(accelerator_) + plan + options.json().dump()).hex();
  }

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return identity_; }
  bool measures() const override { return false; }

  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile&) override {
    Cost cost = counted_cost(design, deployment);
    cost.items.clear();  // of the trained form; below come those of the deployed one
    std::optional<double> latency_s = 0, energy_j = 0;
    bool proved = true;
    for (const auto& [graph_name, graph] : design.graphs) {
      const Graph deployed = graph_to_measure(graph, deployment);
      const NetworkCost network = network_cost(deployed, accelerator_, product_mapping(), work_);
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
    std::string source =
        accelerator_.name + ", " +
        (method_ == "dataflow" ? "dataflow " + dataflow_.name
                               : fmt::format("mapped for {} by {}{}", mapping_objective_name(mapper_.objective),
                                             method_, proved ? ", all proved" : ""));
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

  ProductMapper product_mapping() {
    if (method_ != "dataflow") return product_mapper(accelerator_, mapper_, cache_);
    return [this](const Workload& workload) {
      ProductMapping mapped{.mapping = fixed_dataflow_mapping(workload, accelerator_, dataflow_),
                            .cost = {},
                            .method = "dataflow " + dataflow_.name};
      mapped.cost = evaluate_mapping(workload, accelerator_, mapped.mapping);
      return mapped;
    };
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
  std::string method_;
  Dataflow dataflow_;
  MapperOptions mapper_;
  NetworkWorkOptions work_;
  MappingCache cache_;
  std::string identity_;
  std::vector<MetricSpec> metrics_;
};

std::vector<Parameter> accelerator_parameters() {
  std::vector<std::string> methods = {"dataflow"};
  for (const auto& entry : mapper_registry().entries()) methods.push_back(entry.name);
  return {
      {.name = "accelerator", .description = "a preset (nacre list accelerators) or a file", .required = true},
      {.name = "method",
       .description =
           "how a layer's mapping is found: dataflow, without a search; exact, the best one as far as time_s reaches "
           "(not the same on every machine); the others within evaluations",
       .default_value = "dataflow",
       .choices = methods},
      {.name = "dataflow",
       .description =
           "of method dataflow: a template (nacre list dataflows) or a file; weight_stationary when left out"},
      {.name = "objective",
       .description = "of a search: what a mapping is searched for; edp, energy times delay, when left out",
       .choices = {"latency", "energy", "edp"}},
      {.name = "evaluations",
       .type = ParameterType::integer,
       .description = "of a guided method: mappings it tries for a layer; 2000 when left out",
       .minimum = 1},
      {.name = "time_s",
       .type = ParameterType::real,
       .description = "of method exact: for a layer; 2 when left out, 0: until all is proved",
       .minimum = 0,
       .unit = "s"},
      {.name = "weights", .description = "number format of weights, e.g. int8; left out: the accelerator's"},
      {.name = "activations", .description = "number format of activations; left out: the accelerator's"},
      {.name = "partial_sums", .description = "number format of partial sums; left out: the accelerator's"},
      {.name = "fuse_elementwise",
       .type = ParameterType::boolean,
       .description = "element-wise operators run while their producer's results pass by",
       .default_value = true}};
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
