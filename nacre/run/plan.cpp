#include "nacre/run/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/count.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/evaluator_registry.hpp"
#include "nacre/run/formulation.hpp"
#include "nacre/run/mapping_file.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/space_section.hpp"
#include "nacre/run/target_section.hpp"
#include "nacre/search/early_exit.hpp"
#include "nacre/search/lagrangian.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/supernet/method.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

// The section as it is stored: the kind, then every key with its value.
Json resolved_section(const std::string& kind_key, const std::string& kind,
                      std::initializer_list<const Options*> parts) {
  Json json = Json::object();
  if (!kind_key.empty()) json[kind_key] = kind;
  for (const Options* options : parts) {
    for (const auto& [key, value] : options->json().items()) json[key] = value;
  }
  return json;
}

class Planner {
 public:
  Planner(const ConfigNode& root, const PlanOptions& options) : root_(root) {
    plan_.base_folder = options.base_folder.empty() ? std::filesystem::path(".") : options.base_folder;
  }

  Plan make() {
    check_sections();
    read_train();
    read_task();
    read_space();
    read_target();
    read_evaluator();
    read_limits();
    read_search();
    read_final();
    read_output_dir();
    read_targets();
    return std::move(plan_);
  }

 private:
  ConfigNode section(std::string_view name) const {
    const ConfigNode* node = root_.find(name);
    return node == nullptr ? ConfigNode{} : *node;
  }

  void check_sections() const {
    if (!root_.is_map())
      throw UserError(root_.position, "expected a map with the sections task, space, target, search, ...");
    for (const auto& [key, value] : root_.entries) {
      if (std::ranges::find(configuration_sections(), key) == configuration_sections().end()) {
        throw UserError(value.key_position,
                        unknown_name_message("section", key, configuration_sections(), "docs/configuration.md"));
      }
    }
  }

  void read_train() {
    const Options options = resolve_options(section("train"), train_parameters(), "train");
    plan_.recipe = recipe_from_options(options);
    plan_.precision = options.text("precision");
    plan_.device = options.text("device");
    plan_.resolved["train"] = options.json();
  }

  void read_task() {
    const KindedSection task = kinded_section(root_, "task");
    const auto& entry = task_registry().get(task.kind, task.position);
    const Options options = resolve_options(task.node, entry.parameters, "task", {"kind"});
    plan_.task = entry.make(options, plan_.base_folder);
    plan_.resolved["task"] = resolved_section("kind", task.kind, {&options});
  }

  void read_space() {
    const KindedSection space = kinded_section(root_, "space");
    const auto& entry = run_space_registry().get(space.kind, space.position);
    const Options options = resolve_options(space.node, entry.parameters, "space " + space.kind, {"kind"});
    plan_.space = entry.make(options, {.task_name = plan_.task->name(),
                                       .signature = plan_.task->signature(),
                                       .recipe = plan_.recipe,
                                       .base_folder = plan_.base_folder});
    plan_.resolved["space"] = resolved_section("kind", space.kind, {&options});
  }

  void read_target() {
    TargetSection target = read_target_section(section("target"), plan_.base_folder,
                                               std::make_shared<MappingFile>(mappings_file(output_dir())));
    plan_.target = target.target;
    plan_.deployment = target.deployment;
    plan_.resolved["target"] = std::move(target.resolved);
  }

  void read_evaluator() {
    const bool given = root_.find("evaluator") != nullptr;
    // Once-for-All's networks are slices of shared weights.
    const ConfigNode search = section("search");
    const ConfigNode* strategy = search.is_map() ? search.find("strategy") : nullptr;
    const bool slices = strategy != nullptr && strategy->scalar == "ofa";
    const KindedSection evaluator =
        given ? kinded_section(root_, "evaluator")
              : KindedSection{.kind = slices ? "supernet" : "trained", .position = {}, .node = {}};
    if (slices && (evaluator.kind == "trained" || evaluator.kind == "command"))
      throw UserError(evaluator.position,
                      "evaluator " + evaluator.kind +
                          ": the networks of strategy ofa are slices of shared weights and "
                          "not trained by themselves; leave the evaluator out or take {kind: supernet}");
    const auto& entry = evaluator_registry().get(evaluator.kind, evaluator.position);
    plan_.evaluator.kind = evaluator.kind;
    plan_.evaluator.options =
        resolve_options(evaluator.node, entry.parameters, "evaluator " + evaluator.kind, {"kind"});
    plan_.resolved["evaluator"] = resolved_section("kind", evaluator.kind, {&plan_.evaluator.options});
    if ((plan_.evaluator.trains_here() || plan_.evaluator.shares_weights()) && plan_.task->size(Split::train) == 0) {
      throw UserError(evaluator.position, "task " + plan_.task->name() +
                                              " has no data to train on; it needs evaluator: {kind: command, ...}");
    }
  }

  // Only what can be known before the first search is done; each is a plan of its own then (app/verbs/search.cpp).
  void read_targets() {
    const ConfigNode targets = section("targets");
    if (targets.is_null()) return;
    const char* kExpected = "expected names, each with {target: ..., limits: {...}, trials: n}";
    if (!targets.is_map() || targets.entries.empty())
      throw UserError(targets.position, std::string("targets: ") + kExpected);
    if (!plan_.evaluator.shares_weights())
      throw UserError(targets.position,
                      "targets: further devices are searched with the same shared weights; expected evaluator: {kind: "
                      "supernet}, or search.strategy: ofa");
    for (const auto& [name, entry] : targets.entries) {
      const bool plain = !name.empty() && name.front() != '.' && name.find('/') == std::string::npos;
      if (!plain) throw UserError(entry.key_position, "targets: the name '" + name + "' cannot be a folder");
      if (!entry.is_map()) throw UserError(entry.position, "targets." + name + ": " + kExpected);
      for (const auto& [key, value] : entry.entries) {
        static const std::vector<std::string> kKeys = {"target", "limits", "trials"};
        if (std::ranges::find(kKeys, key) == kKeys.end())
          throw UserError(value.key_position, "targets." + name + ": " + unknown_name_message("key", key, kKeys));
      }
      if (entry.find("target") == nullptr && entry.find("limits") == nullptr)
        throw UserError(entry.position, "targets." + name + ": expected a target or limits that differ");
    }
    plan_.resolved["targets"] = targets.as_json();
  }

  void read_limits() {
    plan_.objectives.limits = limits_from_config(section("limits"), plan_.metrics());
    plan_.resolved["limits"] = to_json(plan_.objectives.limits);
  }

  void read_search() {
    ConfigNode node = section("search");
    std::string strategy = kDefaultStrategy;
    SourcePosition position;
    if (const ConfigNode* given = node.find("strategy")) {
      strategy = given->as_text("search.strategy");
      position = given->position;
    }
    const RegistryRecord& entry = search_method(strategy, position);
    if (position.file.starts_with("--set")) leave_out_keys_of_others(node, entry);
    const Options options = resolve_options(node, search_parameters(), "search", names_of(entry.parameters));
    const Options own = resolve_options(node, entry.parameters, "strategy " + strategy, names_of(search_parameters()));
    SearchSettings& search = plan_.search;
    search.strategy = strategy;
    search.strategy_options = own;
    search.trains_supernet = supernet_method_registry().find(strategy) != nullptr;
    search.trials = options.has("trials") ? options.integer("trials") : 0;
    search.time_s = options.has("time_s") ? options.real("time_s") : 0;
    if (search.trials == 0 && search.time_s == 0) {
      throw UserError(node.position, "search: expected trials or time_s (how long to search)");
    }
    search.seed = static_cast<uint64_t>(options.integer("seed"));
    search.workers = options.integer("workers");
    search.lookahead = options.integer("lookahead");
    search.strict_order = options.text("order") == "strict";
    search.fidelity.epochs = options.has("epochs") ? options.real("epochs") : 0;
    search.fidelity.data_share = options.real("data_share");
    search.random_baseline = options.boolean("random_baseline");
    if (search.fidelity.epochs > plan_.recipe.epochs) {
      throw UserError(options.position("epochs"),
                      "search.epochs is larger than train.epochs; expected a shorter training in trials");
    }
    read_objectives(options);
    plan_.resolved["search"] = resolved_section("", "", {&options, &own});
    read_stop(options);
  }

  void read_stop(const Options& options) {
    if (!options.has("stop")) return;
    const SourcePosition position = options.position("stop");
    StoppingSettings& stop = plan_.search.stop;
    stop = stopping_from_config(options.node("stop"));
    if (!plan_.evaluator.trains())
      throw UserError(position, fmt::format("search.stop: evaluator {} trains nothing that could be stopped",
                                            plan_.evaluator.kind));
    const std::string& main = plan_.objectives.objectives.front().metric;
    if (std::ranges::find(plan_.task->metrics(), main, &MetricSpec::name) == plan_.task->metrics().end())
      throw UserError(position, fmt::format("search.stop: expected an objective that training improves to stand first, "
                                            "found {}",
                                            main));
    Json resolved = {{"by", stop.by}};
    for (const auto& [key, value] : stop.options.json().items()) resolved[key] = value;
    plan_.resolved["search"]["stop"] = std::move(resolved);
  }

  // Another strategy was named on the command line: what the file says to its own strategy is not for it.
  static void leave_out_keys_of_others(ConfigNode& node, const RegistryRecord& strategy) {
    const auto has = [](const std::vector<Parameter>& parameters, const std::string& key) {
      return std::ranges::find(parameters, key, &Parameter::name) != parameters.end();
    };
    std::erase_if(node.entries, [&](const auto& item) {
      const std::string& key = item.first;
      if (item.second.key_position.file.starts_with("--set") || has(search_parameters(), key) ||
          has(strategy.parameters, key))
        return false;
      const std::vector<const RegistryRecord*> all = search_methods();
      if (std::ranges::none_of(all, [&](const RegistryRecord* other) { return has(other->parameters, key); }))
        return false;
      log_info("search.{} is left out: {} has no such key", key, strategy.name);
      return true;
    });
  }

  void read_objectives(const Options& options) {
    const std::vector<MetricSpec> own = evaluator_metrics(plan_.evaluator.kind);
    const std::string quality = own.empty() ? plan_.task->metrics().at(0).name : own[0].name;
    plan_.objectives = formulation_from_options(options, plan_.metrics(), plan_.objectives.limits,
                                                {quality, plan_.target->metrics().at(0).name});
  }

  void read_final() {
    const Options options = resolve_options(section("final"), final_parameters(), "final");
    plan_.final_settings = {options.integer("networks"), options.text("train"), options.integer("seeds"),
                            options.boolean("test")};
    plan_.resolved["final"] = options.json();
  }

  std::filesystem::path output_dir() const {
    const ConfigNode* node = root_.find("output_dir");
    const std::string folder = node == nullptr || node->is_null() ? "nacre_output" : node->as_text("output_dir");
    if (folder.empty()) throw UserError(node->position, "output_dir: expected a folder");
    return folder;
  }

  void read_output_dir() {
    plan_.output_dir = output_dir();
    plan_.resolved["output_dir"] = plan_.output_dir.string();
  }

  const ConfigNode& root_;
  Plan plan_;
};

}  // namespace

std::vector<MetricSpec> Plan::metrics() const {
  std::vector<MetricSpec> all = task->metrics();
  for (const MetricSpec& spec : target->metrics()) {
    if (std::ranges::find(all, spec.name, &MetricSpec::name) == all.end()) all.push_back(spec);
  }
  for (const MetricSpec& spec : evaluator_metrics(evaluator.kind)) {
    if (std::ranges::find(all, spec.name, &MetricSpec::name) == all.end()) all.push_back(spec);
  }
  all.push_back({"train_time_s", Direction::minimize, "s", "time of the training"});
  all.push_back({"train_processor_s", Direction::minimize, "s", "processor time of the training, all threads"});
  return all;
}

std::optional<MetricSpec> Plan::metric(std::string_view name) const {
  for (const MetricSpec& spec : metrics()) {
    if (spec.name == name) return spec;
  }
  return std::nullopt;
}

namespace {

// The space of another size that the strategy's networks are looked at in (search/early_exit.hpp), where `exit_space` asks for one.
std::shared_ptr<const Space> space_of_exit(const Plan& plan) {
  const ConfigNode& sizes = plan.search.strategy_options.node("exit_space");
  if (!EarlyExit::asks_for_size(plan.search.strategy_options)) return plan.space;
  if (!sizes.is_map()) throw UserError(sizes.position, "exit_space: expected options of the space, e.g. {cells: 20}");
  ConfigNode section = config_from_json(plan.resolved.at("space"), "space");
  const std::string kind = section.at("kind").as_text("space.kind");
  for (const auto& [key, value] : sizes.entries) {
    const auto old = std::ranges::find(section.entries, key, [](const auto& entry) { return entry.first; });
    if (old == section.entries.end())
      section.entries.emplace_back(key, value);
    else
      old->second = value;
  }
  const auto& entry = run_space_registry().get(kind);
  std::shared_ptr<const Space> space = entry.make(resolve_options(section, entry.parameters, "exit_space", {"kind"}),
                                                  {.task_name = plan.task->name(),
                                                   .signature = plan.task->signature(),
                                                   .recipe = plan.recipe,
                                                   .base_folder = plan.base_folder});
  const Trace& trace = space->trace();
  if (trace.count() != plan.space->trace().count() ||
      trace.decisions().size() != plan.space->trace().decisions().size())
    throw UserError(sizes.position,
                    "exit_space: with these options the space has other decisions; expected only other sizes");
  return space;
}

}  // namespace

std::unique_ptr<Strategy> Plan::make_strategy(std::function<bool()> interrupted) const {
  NACRE_CHECK(!search.trains_supernet, "a supernet method makes its strategy itself (run/supernet_stage.hpp)");
  StrategyContext context{space->trace(), objectives, search.trials, base_folder, std::move(interrupted)};
  context.build = [space = space_of_exit(*this)](const Decisions& decisions) { return space->build(decisions); };
  context.identify = [space = space](const Decisions& decisions) { return space->identity_of(decisions); };
  context.cell = [space = space](const Decisions& decisions) { return space->cell_of(decisions); };
  context.summarize = [space = space](const Decisions& decisions) { return space->summarize(decisions); };
  context.costs = [target = target, deployment = deployment](const Design& design) {
    Metrics known = counted_cost(design, deployment).totals;
    if (!target->measures()) {
      for (auto& [name, metric] : target->cost(design, deployment, {}).totals) {
        known.insert_or_assign(name, std::move(metric));
      }
    }
    return known;
  };
  context.epochs = search.fidelity.epochs > 0 ? search.fidelity.epochs : recipe.epochs;
  return nacre::make_strategy(search.strategy, search.strategy_options, context);
}

std::vector<const RegistryRecord*> search_methods() {
  std::vector<const RegistryRecord*> all;
  for (const auto& entry : strategy_registry().entries()) all.push_back(&entry);
  for (const auto& entry : supernet_method_registry().entries()) all.push_back(&entry);
  return all;
}

const RegistryRecord& search_method(std::string_view name, const SourcePosition& position) {
  std::vector<std::string> names;
  for (const RegistryRecord* record : search_methods()) {
    if (record->name == name) return *record;
    names.push_back(record->name);
  }
  throw UserError(position, unknown_name_message("strategy", std::string(name), names, "nacre list strategies"));
}

Plan make_plan(const ConfigNode& root, const PlanOptions& options) { return Planner(root, options).make(); }

Plan make_plan_from_json(const Json& resolved, const std::filesystem::path& base_folder) {
  return make_plan(config_from_json(resolved, "stored configuration"), {.base_folder = base_folder});
}

}  // namespace nacre
