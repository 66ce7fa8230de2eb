#include "nacre/run/codesign/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/hw/scheduling/template_options.hpp"
#include "nacre/run/configuration.hpp"

namespace nacre {
namespace {

const std::vector<std::string> kTaskSections = {"task", "space", "evaluator", "train"};

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

ConfigNode section(const ConfigNode& root, std::string_view name) {
  const ConfigNode* node = root.find(name);
  return node == nullptr ? ConfigNode{} : *node;
}

// A search of that task alone, which is never run: its parts are what is wanted.
Plan plan_of_task(const ConfigNode& entry, const std::string& name, const std::filesystem::path& base_folder) {
  if (!entry.is_map())
    throw UserError(entry.position, fmt::format("tasks.{}: expected a map with task and space", name));
  ConfigNode root = parse_config("{target: macs, search: {strategy: random, trials: 1, workers: 1}}", "tasks." + name);
  root.position = entry.position;
  for (const auto& [key, value] : entry.entries) {
    if (key == "weight") continue;
    if (std::ranges::find(kTaskSections, key) == kTaskSections.end()) {
      std::vector<std::string> known = kTaskSections;
      known.emplace_back("weight");
      throw UserError(value.key_position, fmt::format("tasks.{}: {}", name, unknown_name_message("key", key, known)));
    }
    root.entries.emplace_back(key, value);
  }
  return make_plan(root, {.base_folder = base_folder});
}

class CodesignPlanner {
 public:
  CodesignPlanner(const ConfigNode& root, const PlanOptions& options) : root_(root) {
    plan_.base_folder = options.base_folder.empty() ? std::filesystem::path(".") : options.base_folder;
  }

  CodesignPlan make() {
    if (!root_.is_map())
      throw UserError(root_.position, "expected a map with the sections tasks, hardware, limits, search, ...");
    for (const auto& [key, value] : root_.entries)
      if (std::ranges::find(codesign_sections(), key) == codesign_sections().end())
        throw UserError(value.key_position,
                        unknown_name_message("section", key, codesign_sections(), "docs/codesign.md"));
    read_tasks();
    read_hardware();
    read_limits();
    read_search();
    read_baselines();
    const ConfigNode output = section(root_, "output_dir");
    plan_.output_dir = output.is_null() ? std::string("nacre_codesign") : output.as_text("output_dir");
    if (plan_.output_dir.empty()) throw UserError(output.position, "output_dir: expected a folder");
    plan_.resolved["output_dir"] = plan_.output_dir.string();
    return std::move(plan_);
  }

 private:
  void read_tasks() {
    const ConfigNode tasks = section(root_, "tasks");
    if (!tasks.is_map() || tasks.entries.empty())
      throw UserError(tasks.is_null() ? root_.position : tasks.position,
                      "tasks: expected names, each with {task, space, evaluator, train, weight}");
    double sum = 0;
    for (const auto& [name, entry] : tasks.entries) {
      CodesignTask task{.name = name, .weight = 1, .plan = plan_of_task(entry, name, plan_.base_folder), .metric = ""};
      if (const ConfigNode* weight = entry.find("weight")) {
        task.weight = weight->as_real("tasks." + name + ".weight");
        if (!(task.weight > 0))
          throw UserError(weight->position, "tasks." + name + ".weight: expected a number above 0");
      }
      const MetricSpec& metric = task.plan.task->metrics().at(0);
      if (metric.direction != Direction::maximize)
        throw UserError(entry.position, fmt::format("tasks.{}: its metric {} is to be small; expected a quality to be "
                                                    "maximized",
                                                    name, metric.name));
      if (!task.plan.evaluator.trains() && !task.plan.evaluator.looks_up())
        throw UserError(entry.position, fmt::format("tasks.{}: evaluator {}: expected trained, table or command", name,
                                                    task.plan.evaluator.kind));
      task.metric = metric.name;
      sum += task.weight;
      plan_.tasks.push_back(std::move(task));
    }
    for (CodesignTask& task : plan_.tasks) {
      Json& json = plan_.resolved["tasks"][task.name];
      json["weight"] = task.weight;
      for (const std::string& key : kTaskSections) json[key] = task.plan.resolved.at(key);
      task.weight /= sum;
    }
  }

  void read_hardware() {
    const ConfigNode node = section(root_, "hardware");
    const Options options = resolve_options(node, codesign_hardware_parameters(), "hardware");
    std::vector<JointSpace::Part> parts;
    for (const CodesignTask& task : plan_.tasks) parts.push_back({task.name, task.plan.space});
    HardwareBudget budget{.instances = options.integer("instances"),
                          .dataflows = options.texts("dataflows"),
                          .pe = options.integer("pe"),
                          .pe_step = options.integer("pe_step"),
                          .bandwidth_gb_per_s = options.integer("bandwidth_gb_per_s"),
                          .bandwidth_step_gb_per_s = options.integer("bandwidth_step_gb_per_s")};
    for (const std::string& dataflow : budget.dataflows)
      if (std::ranges::find(template_names(), dataflow) == template_names().end())
        throw UserError(options.position("dataflows"), unknown_name_message("dataflow", dataflow, template_names()));
    try {
      plan_.space = std::make_shared<const JointSpace>(std::move(parts), std::move(budget));
    } catch (const UserError& error) {
      throw UserError(node.is_null() ? root_.position : node.position, std::string("hardware: ") + error.what());
    }
    plan_.constants = template_constants(options);
    plan_.by_shape = options.text("assign") == "shapes";
    plan_.resolved["hardware"] = options.json();
  }

  void read_limits() {
    const ConfigNode node = section(root_, "limits");
    plan_.limits = limits_from_config(node, codesign_cost_metrics());
    if (plan_.limits.empty())
      throw UserError(node.is_null() ? root_.position : node.position,
                      "limits: expected at least one of latency_s, energy_j, area_mm2");
    for (const Limit& limit : plan_.limits)
      if (limit.at_least || !(limit.bound > 0))
        throw UserError(node.at(limit.metric).position,
                        fmt::format("limits.{}: expected a number above 0 that is not passed", limit.metric));
    plan_.resolved["limits"] = to_json(plan_.limits);
  }

  void read_search() {
    const ConfigNode node = section(root_, "search");
    CodesignSearch& search = plan_.search;
    const ConfigNode* named = node.is_map() ? node.find("strategy") : nullptr;
    search.strategy = named == nullptr ? std::string("nasaic") : named->as_text("search.strategy");
    const auto& entry = strategy_registry().get(search.strategy, named == nullptr ? SourcePosition{} : named->position);
    const Options options = resolve_options(node, codesign_search_parameters(), "search", names_of(entry.parameters));
    const Options own =
        resolve_options(node, entry.parameters, "strategy " + search.strategy, names_of(codesign_search_parameters()));
    search.strategy_options = own.json();
    search.seed = static_cast<uint64_t>(options.integer("seed"));
    search.lookahead = options.integer("lookahead");
    search.prunes = options.boolean("prune_before_training");
    search.worst_task = options.text("quality") == "worst";
    search.bound_designs = options.integer("bound_designs");
    const bool episodes = search.strategy == "nasaic" && own.has("episodes");
    search.cost_evaluations = options.has("cost_evaluations") ? options.integer("cost_evaluations")
                              : episodes ? own.integer("episodes") * (1 + own.integer("hardware_steps"))
                                         : 1100;
    search.network_evaluations =
        options.has("network_evaluations")
            ? options.integer("network_evaluations")
            : std::max<int64_t>(
                  1, search.cost_evaluations / (search.strategy == "nasaic" ? 1 + own.integer("hardware_steps") : 11));
    plan_.resolved["search"] = options.json();
    for (const auto& [key, value] : own.json().items()) plan_.resolved["search"][key] = value;
    read_bounds(options.node("bounds"));
  }

  void read_bounds(const ConfigNode& node) {
    const SpecPenalty penalty = spec_penalty(plan_.limits, node);
    for (const Spec& spec : penalty.specs())
      if (node.is_map() && node.find(spec.metric) != nullptr) plan_.search.bounds[spec.metric] = spec.bound;
  }

  void read_baselines() {
    const ConfigNode node = section(root_, "baselines");
    static const std::vector<std::string> kKnown = {kNasThenAsic, kAsicThenNas};
    if (!node.is_null() && node.kind != ConfigNode::Kind::sequence)
      throw UserError(node.position, "baselines: expected a list of nas_then_asic, asic_then_nas");
    for (const ConfigNode& item : node.items) {
      const std::string name = item.as_text("baselines");
      if (std::ranges::find(kKnown, name) == kKnown.end())
        throw UserError(item.position, unknown_name_message("baseline", name, kKnown));
      plan_.baselines.push_back(name);
    }
    plan_.resolved["baselines"] = plan_.baselines;
  }

  const ConfigNode& root_;
  CodesignPlan plan_;
};

}  // namespace

std::optional<double> CodesignPlan::limit(std::string_view metric) const {
  const auto found = std::ranges::find(limits, metric, &Limit::metric);
  return found == limits.end() ? std::nullopt : std::optional(found->bound);
}

const std::vector<std::string>& codesign_sections() {
  static const std::vector<std::string> kSections = {"tasks",  "hardware",  "limits",
                                                     "search", "baselines", "output_dir"};
  return kSections;
}

const std::vector<MetricSpec>& codesign_cost_metrics() {
  static const std::vector<MetricSpec> kMetrics = {{"latency_s", Direction::minimize, "s", "makespan of all networks"},
                                                   {"energy_j", Direction::minimize, "J", "of one run of each network"},
                                                   {"area_mm2", Direction::minimize, "mm2", "of the sub-accelerators"}};
  return kMetrics;
}

const std::vector<Parameter>& codesign_hardware_parameters() {
  static const std::vector<Parameter> kParameters = [] {
    const HardwareBudget usual;
    std::vector<Parameter> parameters = {
        {.name = "instances",
         .type = ParameterType::integer,
         .description = "sub-accelerators at most; all but the first may be left out",
         .default_value = usual.instances,
         .minimum = 1,
         .maximum = 8},
        {.name = "dataflows",
         .type = ParameterType::text_list,
         .description = "templates to choose from",
         .default_value = usual.dataflows},
        {.name = "pe",
         .type = ParameterType::integer,
         .description = "processing elements of all together",
         .default_value = usual.pe,
         .minimum = 1,
         .maximum = 1 << 20},
        {.name = "pe_step",
         .type = ParameterType::integer,
         .description = "they come in multiples of it",
         .default_value = usual.pe_step,
         .minimum = 1,
         .maximum = 1 << 20},
        {.name = "bandwidth_gb_per_s",
         .type = ParameterType::integer,
         .description = "of the network on chip, shared by all",
         .default_value = usual.bandwidth_gb_per_s,
         .minimum = 1,
         .maximum = 1'000'000},
        {.name = "bandwidth_step_gb_per_s",
         .type = ParameterType::integer,
         .description = "it is given out in multiples of it",
         .default_value = usual.bandwidth_step_gb_per_s,
         .minimum = 1,
         .maximum = 1'000'000},
        {.name = "assign",
         .type = ParameterType::text,
         .description =
             "shapes: layers of one shape of a network go to one sub-accelerator (quick); layers: each by itself",
         .default_value = "shapes",
         .choices = {"shapes", "layers"}}};
    for (const Parameter& parameter : template_parameters()) parameters.push_back(parameter);
    return parameters;
  }();
  return kParameters;
}

const std::vector<Parameter>& codesign_search_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "strategy",
       .type = ParameterType::text,
       .description = "nasaic, or any other (nacre list strategies)",
       .default_value = "nasaic"},
      {.name = "cost_evaluations",
       .type = ParameterType::integer,
       .description = "designs that are costed; left out: the asks of nasaic's episodes, else 1100",
       .minimum = 1,
       .maximum = 1e9},
      {.name = "network_evaluations",
       .type = ParameterType::integer,
       .description =
           "networks that a baseline evaluates when it searches them without hardware; left out: one for eleven "
           "cost evaluations, of nasaic one an episode",
       .minimum = 1,
       .maximum = 1e9},
      {.name = "seed",
       .type = ParameterType::integer,
       .description = "of all randomness",
       .default_value = 0,
       .minimum = 0},
      {.name = "lookahead",
       .type = ParameterType::integer,
       .description = "asks that may be ahead of their results",
       .default_value = 1,
       .minimum = 1,
       .maximum = 10000},
      {.name = "prune_before_training",
       .type = ParameterType::boolean,
       .description = "networks of a design beyond the limits are not evaluated",
       .default_value = true},
      {.name = "quality",
       .type = ParameterType::text,
       .description = "what is maximized: the weighted sum over tasks, or that of the worst task",
       .default_value = "weighted",
       .choices = {"weighted", "worst"}},
      {.name = "bounds",
       .type = ParameterType::any,
       .description =
           "map of limited metrics to what the penalty counts as a whole violation; what is left out is found",
       .default_value = Json::object()},
      {.name = "bound_designs",
       .type = ParameterType::integer,
       .description = "accelerators tried with the largest networks to find the bounds",
       .default_value = 200,
       .minimum = 1,
       .maximum = 1e6}};
  return kParameters;
}

CodesignPlan make_codesign_plan(const ConfigNode& root, const PlanOptions& options) {
  return CodesignPlanner(root, options).make();
}

}  // namespace nacre
