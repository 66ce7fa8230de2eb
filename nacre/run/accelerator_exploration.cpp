#include "nacre/run/accelerator_exploration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/fusion/layer_fusion.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/csv_cell.hpp"
#include "nacre/run/formulation.hpp"
#include "nacre/run/mapping_file.hpp"
#include "nacre/run/network_file.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/search/lagrangian.hpp"
#include "nacre/study/file_lock.hpp"
#include "nacre/study/machine.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

constexpr const char* kGrid = "grid";

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

// --- the plan -------------------------------------------------------------------------------------------------------

class ExplorationPlanner {
 public:
  ExplorationPlanner(const ConfigNode& root, const std::filesystem::path& base_folder) : root_(root) {
    plan_.base_folder = base_folder;
  }

  ExplorationPlan make() {
    check_sections();
    read_networks();
    read_space();
    read_mapping();
    read_limits();
    read_search();
    const ConfigNode* folder = root_.find("output_dir");
    plan_.output_dir = folder == nullptr || folder->is_null() ? "nacre_exploration" : folder->as_text("output_dir");
    plan_.resolved["output_dir"] = plan_.output_dir.string();
    return std::move(plan_);
  }

 private:
  void check_sections() const {
    static const std::vector<std::string> kSections = {"accelerator", "parameters", "networks", "deployment",
                                                       "mapping",     "limits",     "search",   "output_dir"};
    if (!root_.is_map())
      throw UserError(root_.position, "expected a map with the keys accelerator, parameters, networks, ...");
    for (const auto& [key, value] : root_.entries)
      if (std::ranges::find(kSections, key) == kSections.end())
        throw UserError(value.key_position, unknown_name_message("key", key, kSections));
    for (const char* key : {"accelerator", "parameters", "networks"})
      if (root_.find(key) == nullptr) throw UserError(root_.position, fmt::format("missing key '{}'", key));
  }

  ConfigNode section(const char* name) const {
    const ConfigNode* found = root_.find(name);
    return found == nullptr ? ConfigNode() : *found;
  }

  void read_networks() {
    const Options options = resolve_options(section("deployment"), deployment_keys(), "deployment");
    const Deployment deployment = deployment_from_options(options);
    plan_.resolved["deployment"] = options.json();
    const ConfigNode& list = root_.at("networks");
    if (list.kind != ConfigNode::Kind::sequence || list.items.empty())
      throw UserError(list.position, "networks: expected a list of ONNX files, or of networks as text");
    std::set<std::string> used;
    for (const ConfigNode& item : list.items) read_network(item, deployment, used);
    plan_.resolved["networks"] = list.as_json();
  }

  static std::vector<Parameter> deployment_keys() {
    std::vector<Parameter> keys = deployment_parameters();
    std::erase_if(keys, [](const Parameter& key) { return key.name == "threads"; });
    keys.push_back({.name = "threads", .type = ParameterType::integer, .description = "not used", .default_value = 1});
    return keys;
  }

  void read_network(const ConfigNode& item, const Deployment& deployment, std::set<std::string>& used) {
    static const std::vector<Parameter> kKeys = {
        {.name = "file", .description = "ONNX file, or network as text", .required = true},
        {.name = "weight",
         .type = ParameterType::real,
         .description = "runs of it that the sums count",
         .default_value = 1.0,
         .minimum = 0}};
    std::string file;
    double weight = 1;
    if (item.is_map()) {
      const Options options = resolve_options(item, kKeys, "networks");
      file = options.text("file");
      weight = options.real("weight");
      if (weight <= 0) throw UserError(options.position("weight"), "networks: expected a weight above 0");
    } else {
      file = item.as_text("networks");
    }
    std::string name = std::filesystem::path(file).stem().string();
    for (int i = 2; !used.insert(name).second; ++i)
      name = fmt::format("{}_{}", std::filesystem::path(file).stem().string(), i);
    try {
      graphs_.emplace(name, graph_to_measure(read_network_file(plan_.base_folder / file), deployment));
    } catch (const UserError& error) {
      throw UserError(item.position, fmt::format("networks: {}", error.what()));
    }
    plan_.networks.push_back({name, weight});
  }

  void read_space() {
    const ConfigNode& node = root_.at("accelerator");
    auto [base, folder] = accelerator_source(node, plan_.base_folder);
    const ConfigNode& parameters = root_.at("parameters");
    plan_.space = std::make_shared<AcceleratorSpace>(std::move(base), folder,
                                                     accelerator_parameters_from_config(parameters), graphs_);
    for (const std::string& line : plan_.space->unscaled_constants()) log_warning("{}", line);
    plan_.resolved["accelerator"] = node.as_json();
    plan_.resolved["parameters"] = parameters.as_json();
  }

  void read_mapping() {
    const Options options = resolve_options(section("mapping"), mapping_parameters("dataflow"), "mapping");
    plan_.mapping = mapping_plan(options, "mapping", plan_.base_folder);
    plan_.resolved["mapping"] = options.json();
    plan_.metrics = {{"latency_s", Direction::minimize, "s", "of the networks, one after the other"},
                     {"energy_j", Direction::minimize, "J", "of the networks together"},
                     {"area_mm2", Direction::minimize, "mm2", "of the chip"},
                     {"utilization", Direction::maximize, "", "of the multipliers, over the cycles of all networks"}};
    if (plan_.networks.size() < 2) return;
    for (const ExploredNetwork& network : plan_.networks) {
      plan_.metrics.push_back({"latency_s." + network.name, Direction::minimize, "s", "of one run of it"});
      plan_.metrics.push_back({"energy_j." + network.name, Direction::minimize, "J", "of one run of it"});
    }
  }

  void read_limits() {
    plan_.objectives.limits = limits_from_config(section("limits"), plan_.metrics);
    plan_.resolved["limits"] = to_json(plan_.objectives.limits);
  }

  void read_search() {
    const ConfigNode node = section("search");
    const ConfigNode* given = node.find("strategy");
    plan_.strategy = given == nullptr ? kGrid : given->as_text("search.strategy");
    const auto& entry = strategy_registry().get(plan_.strategy, given == nullptr ? SourcePosition{} : given->position);
    const Options options =
        resolve_options(node, exploration_search_parameters(), "search", names_of(entry.parameters));
    plan_.strategy_options = resolve_options(node, entry.parameters, "strategy " + plan_.strategy,
                                             names_of(exploration_search_parameters()));
    plan_.trials = options.has("trials") ? options.integer("trials") : 0;
    plan_.time_s = options.has("time_s") ? options.real("time_s") : 0;
    plan_.seed = static_cast<uint64_t>(options.integer("seed"));
    plan_.lookahead = options.integer("lookahead");
    if (plan_.strategy != kGrid && plan_.trials == 0 && plan_.time_s == 0)
      throw UserError(node.position,
                      "search: expected trials or time_s (how long to search); only grid ends by itself");
    plan_.objectives = formulation_from_options(options, plan_.metrics, plan_.objectives.limits,
                                                {"latency_s", "energy_j", "area_mm2"});
    Json& resolved = plan_.resolved["search"] = options.json();
    for (const auto& [key, value] : plan_.strategy_options.json().items()) resolved[key] = value;
  }

  const ConfigNode& root_;
  std::map<std::string, Graph, std::less<>> graphs_;
  ExplorationPlan plan_;
};

// --- costs ----------------------------------------------------------------------------------------------------------

std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

// The networks of a design on the accelerator that its decisions describe.
class ExploredAccelerator final : public Target {
 public:
  ExploredAccelerator(const ExplorationPlan& plan, const ExplorationOptions& options)
      : plan_(plan), options_(options), identity_("explored accelerator/1/" + plan.mapping.identity()) {
    cache_.connect(std::make_shared<MappingFile>(mappings_file(plan.output_dir)));
  }

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return plan_.metrics; }
  std::string identity() const override { return identity_; }
  bool measures() const override { return false; }
  int64_t searched() const { return searched_; }
  const MappingCache& cache() const { return cache_; }

  Cost cost(const Design& design, const Deployment&, const ActivityProfile&) override {
    const AcceleratorDescription accelerator = plan_.space->accelerator(design.decisions);
    std::vector<const Graph*> graphs;
    for (const auto& [name, graph] : design.graphs) graphs.push_back(&graph);
    searched_ += map_ahead(graphs, accelerator, plan_.mapping, cache_,
                           {.threads = options_.threads, .interrupted = options_.interrupted})
                     .searched;
    const ProductMapper mapper = product_mapper(accelerator, plan_.mapping, cache_);
    Cost cost;
    std::optional<double> latency_s = 0, energy_j = 0;
    double work = 0, possible = 0;
    for (const ExploredNetwork& network : plan_.networks) {
      const NetworkCost one =
          planned_cost(design.graphs.find(network.name)->second, accelerator, plan_.mapping, mapper, cache_).cost;
      cost.not_covered.insert(cost.not_covered.end(), one.not_covered.begin(), one.not_covered.end());
      latency_s = sum(latency_s, scaled(one.latency_s, network.weight));
      energy_j = sum(energy_j, scaled(one.energy_j, network.weight));
      work += network.weight * static_cast<double>(one.multiply_accumulates);
      possible += network.weight * one.cycles * static_cast<double>(accelerator.units() * accelerator.compute.lanes);
      if (plan_.networks.size() < 2) continue;
      cost.totals["latency_s." + network.name] = modelled(one.latency_s, "s");
      cost.totals["energy_j." + network.name] = modelled(one.energy_j, "J");
    }
    std::ranges::sort(cost.not_covered);
    const auto rest = std::ranges::unique(cost.not_covered);
    cost.not_covered.erase(rest.begin(), rest.end());
    cost.totals["latency_s"] = modelled(latency_s, "s");
    cost.totals["energy_j"] = modelled(energy_j, "J");
    cost.totals["area_mm2"] = modelled(accelerator_area_mm2(accelerator), "mm2");
    cost.totals["utilization"] = modelled(possible > 0 ? std::optional(work / possible) : std::nullopt, "");
    return cost;
  }

 private:
  static std::optional<double> scaled(std::optional<double> value, double weight) {
    if (!value) return std::nullopt;
    return *value * weight;
  }
  Metric modelled(std::optional<double> value, const std::string& unit) const {
    return {.value = value, .unit = unit, .origin = Origin::modelled, .source = plan_.mapping.text()};
  }

  const ExplorationPlan& plan_;
  const ExplorationOptions& options_;
  std::string name_ = "explored accelerator";
  std::string identity_;
  MappingCache cache_;
  int64_t searched_ = 0;
};

// --- the study ------------------------------------------------------------------------------------------------------

// How long and where, not what.
Json compared(Json configuration) {
  configuration.erase("output_dir");
  configuration["search"].erase("trials");
  configuration["search"].erase("time_s");
  return configuration;
}

void open_study(Store& store, const ExplorationPlan& plan) {
  if (const auto stored = store.study()) {
    const Json now = compared(plan.resolved);
    const Json then = compared(stored->config.value("configuration", Json::object()));
    for (const auto& [key, value] : now.items())
      if (!then.contains(key) || then.at(key) != value)
        throw UserError(fmt::format("the study in '{}' was made with another {}; take the same, or another output_dir",
                                    plan.output_dir.string(), key));
    return;
  }
  const Json config = {{"configuration", plan.resolved},
                       {"base_folder", std::filesystem::absolute(plan.base_folder).string()}};
  store.create_study({config, to_json(read_machine_facts()), NACRE_VERSION, 0});
}

DriveSettings drive_settings(const ExplorationPlan& plan) {
  DriveSettings settings;
  settings.seed = plan.seed;
  settings.lookahead = plan.lookahead;
  settings.trials = plan.trials;
  settings.time_s = plan.time_s;
  settings.request.seed = plan.seed;
  settings.objectives = plan.objectives;
  settings.reuse.task_identity = "networks as given";
  settings.reuse.evaluator_identity = "none";
  // The networks are the same for all; the accelerator is what differs.
  settings.reuse.identity_of = [&plan](const Design& design) {
    return hash_text(accelerator_yaml(plan.space->accelerator(design.decisions))).hex();
  };
  return settings;
}

std::string number_text(const std::optional<double>& value) { return value ? fmt::format("{:.9g}", *value) : ""; }

void write_front(const ExplorationPlan& plan, ExplorationResult& result) {
  std::string csv = "trial";
  for (const AcceleratorParameter& parameter : plan.space->parameters()) csv += "," + csv_cell(parameter.name);
  for (const MetricSpec& metric : plan.metrics) csv += "," + csv_cell(metric.name);
  csv += ",accelerator\n";
  Json json = {{"limits_met", result.front.limits_met},
               {"binding", result.front.binding},
               {"limits", plan.resolved.at("limits")},
               {"accelerators", Json::array()}};
  for (const Objective& objective : plan.objectives.objectives) json["objectives"].push_back(objective.metric);
  for (const Trial& trial : result.front.members) {
    AcceleratorDescription accelerator = plan.space->accelerator(trial.candidate.decisions);
    accelerator.name += fmt::format("_{}", trial.number);
    const std::string file = fmt::format("accelerators/{}.yaml", accelerator.name);
    write_accelerator(accelerator, plan.output_dir / file);
    result.accelerator_files.push_back(file);
    csv += std::to_string(trial.number);
    Json row = {{"trial", trial.number}, {"file", file}, {"metrics", to_json(trial.metrics)}};
    for (const auto& [name, value] : plan.space->values(trial.candidate.decisions)) {
      csv += "," + csv_cell(value);
      row["parameters"][name] = value;
    }
    for (const MetricSpec& metric : plan.metrics) csv += "," + number_text(metric_value(trial.metrics, metric.name));
    csv += "," + csv_cell(file) + "\n";
    json["accelerators"].push_back(std::move(row));
  }
  write_file_atomically(plan.output_dir / "front.csv", csv);
  write_file_atomically(plan.output_dir / "front.json", json.dump(2) + "\n");
}

}  // namespace

const std::vector<Parameter>& exploration_search_parameters() {
  static const std::vector<Parameter> kParameters = [] {
    std::vector<Parameter> parameters;
    static const std::set<std::string> kShared = {"strategy", "trials", "time_s", "seed", "lookahead"};
    for (Parameter parameter : search_parameters()) {
      if (!kShared.contains(parameter.name)) continue;
      if (parameter.name == "strategy") parameter.default_value = kGrid;
      if (parameter.name == "lookahead") parameter.default_value = 1;
      if (parameter.name == "trials")
        parameter.description = "how many accelerators are costed; left out: of grid all, of others until time_s is up";
      parameters.push_back(std::move(parameter));
    }
    parameters.insert(parameters.end(), formulation_parameters().begin(), formulation_parameters().end());
    return parameters;
  }();
  return kParameters;
}

ExplorationPlan make_exploration_plan(const ConfigNode& root, const std::filesystem::path& base_folder) {
  return ExplorationPlanner(root, base_folder).make();
}

ExplorationResult run_exploration(const ExplorationPlan& plan, const ExplorationOptions& options) {
  std::filesystem::create_directories(plan.output_dir);
  const FileLock lock = lock_study_folder(plan.output_dir);
  const auto store = open_sqlite_store(study_file(plan.output_dir), StoreMode::open_or_create);
  open_study(*store, plan);
  write_file_atomically(configuration_file(plan.output_dir), yaml_text(plan.resolved));
  const auto target = std::make_shared<ExploredAccelerator>(plan, options);
  // Costs are all there is to know.
  const auto executor = make_inline_executor([](const Trial& trial, const Json&) {
    TrialOutcome outcome{.number = trial.number, .result = trial, .reason = {}, .artifacts = {}};
    outcome.result->status = TrialStatus::ok;
    return outcome;
  });
  const Trace& trace = plan.space->trace();
  DriveParts parts{
      *store,
      [&] {
        StrategyContext context{trace, plan.objectives, plan.trials, plan.base_folder, options.interrupted};
        context.build = [&](const Decisions& decisions) { return plan.space->build(decisions); };
        context.costs = [&](const Design& design) { return target->cost(design, {}, {}).totals; };
        return make_strategy(plan.strategy, plan.strategy_options, context);
      },
      nullptr,
      nullptr,
      {},
      *executor,
      options.interrupted,
      options.progress,
      to_json(read_machine_facts())};
  parts.complete = [&](const Candidate& candidate, Random& random) {
    Candidate complete = candidate;
    complete.decisions = trace.complete(candidate.decisions, random);
    return complete;
  };
  parts.build = [&](const Candidate& candidate) { return plan.space->build(candidate.decisions); };
  parts.costs = {{target, {}}};
  ExplorationResult result;
  result.drive = drive(drive_settings(plan), parts);
  if (result.drive.reason == StopReason::interrupted) throw Interrupted();
  store->flush();
  result.trials = store->trials();
  result.front = extract_front(result.trials, plan.objectives);
  result.mappings_searched = target->searched();
  result.mappings_kept = static_cast<int64_t>(target->cache().size());
  write_front(plan, result);
  return result;
}

}  // namespace nacre
