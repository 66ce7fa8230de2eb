// nacre search and nacre resume: the main job.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/progress_line.hpp"
#include "nacre/app/study_report.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/log.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/search_run.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

struct SearchOptions {
  std::string configuration;  // file, or the output folder for resume
  std::vector<std::string> overrides;
  bool dry_run = false;
  bool allow_other_machine = false;
};

std::string cell(const Metrics& metrics, const MetricSpec& spec) {
  const auto found = metrics.find(spec.name);
  if (found == metrics.end() || !found->second.value.has_value()) return "-";
  std::string text = quantity_text(*found->second.value, spec.name, spec.unit);
  if (found->second.spread.has_value() && found->second.count > 1 && found->second.origin == Origin::trained) {
    text += " +- " + quantity_text(*found->second.spread, spec.name, spec.unit);
  }
  return text;
}

// The columns of the front: objectives, the test metric, limits, then the counted costs.
std::vector<MetricSpec> front_columns(const Plan& plan) {
  std::vector<MetricSpec> columns;
  const auto add = [&](const std::string& name, const std::string& of) {
    for (const MetricSpec& column : columns) {
      if (column.name == name) return;
    }
    if (auto spec = plan.metric(of)) {
      spec->name = name;
      columns.push_back(*spec);
    }
  };
  for (const Objective& objective : plan.objectives.objectives) add(objective.metric, objective.metric);
  const std::string quality = plan.task->metrics().at(0).name;
  if (plan.final_settings.test && plan.task->size(Split::test) > 0) add("test_" + quality, quality);
  for (const Limit& limit : plan.objectives.limits) add(limit.metric, limit.metric);
  for (const char* name : {"params", "macs"}) add(name, name);
  return columns;
}

void print_front(const Plan& plan, const SearchRunResult& result) {
  const std::vector<MetricSpec> columns = front_columns(plan);
  std::vector<std::string> headers = {">trial"};
  for (const MetricSpec& column : columns) headers.push_back(">" + column.name);
  headers.push_back("model");
  TextTable table(headers);
  for (const FinalNetwork& network : result.networks) {
    std::vector<std::string> cells = {std::to_string(network.trial.number)};
    for (const MetricSpec& column : columns) cells.push_back(cell(network.metrics, column));
    cells.push_back(network.model_file.empty() ? "-" : (plan.output_dir / network.model_file).string());
    table.add(std::move(cells));
  }
  std::cout << table.text();
}

Json outcome_json(const Plan& plan, const SearchRunResult& result) {
  Json json = {{"stopped", stop_reason_name(result.drive.reason)},
               {"limits_met", result.front.limits_met},
               {"binding", result.front.binding},
               {"report", report_file(plan.output_dir).string()}};
  Json& networks = json["networks"] = Json::array();
  for (const FinalNetwork& network : result.networks) networks.push_back(to_json(network));
  return json;
}

void print_outcome(const Plan& plan, const SearchRunResult& result) {
  const std::string report = report_file(plan.output_dir).string();
  if (result.front.limits_met) {
    std::cout << fmt::format("front: {} networks ({})\n", result.front.members.size(),
                             stop_reason_text(result.drive.reason));
  } else {
    std::cout << fmt::format("no network keeps the limits; the nearest are shown. {}\n", result.front.binding);
  }
  print_front(plan, result);
  for (const FinalNetwork& network : result.networks) {
    if (result.front.limits_met && !network.within_limits) {
      std::cout << fmt::format("note: trial {} as exported misses a limit: {}\n", network.trial.number,
                               network.binding);
    }
  }
  std::cout << "report: " << report << "\n";
}

void print_plan(const Plan& plan, const Session& session) {
  const Forecast outlook = forecast(plan);
  if (session.json) {
    Json json = {{"configuration", plan.resolved},
                 {"space_size", outlook.networks},
                 {"numerics", to_json(outlook.compute.numerics)},
                 {"workers", outlook.compute.workers},
                 {"seconds_per_trial", outlook.seconds_per_trial},
                 {"search_s", outlook.search_s},
                 {"final_s", outlook.final_s}};
    Json& costs = json["costs"] = Json::object();
    for (const auto& [spec, range] : outlook.costs)
      costs[spec.name] = {{"least", range[0]}, {"median", range[1]}, {"largest", range[2]}};
    json["drawn"] = outlook.drawn;
    json["within_limits"] = outlook.within_limits;
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << yaml_text(plan.resolved) << "\n";
  std::cout << fmt::format("space      {} decision sets\n", outlook.networks);
  std::cout << fmt::format("compute    {} workers, {} ({})\n", outlook.compute.workers,
                           numerics_text(outlook.compute.numerics), outlook.compute.reason);
  TextTable table({"cost", ">least", ">median", ">largest"});
  for (const auto& [spec, range] : outlook.costs) {
    table.add({spec.name, quantity_text(range[0], spec.name, spec.unit), quantity_text(range[1], spec.name, spec.unit),
               quantity_text(range[2], spec.name, spec.unit)});
  }
  std::cout << fmt::format("costs of {} random networks, {} of them within the limits:\n{}", outlook.drawn,
                           outlook.within_limits, table.text());
  if (!plan.evaluator.trains_here()) {
    std::cout << fmt::format("one trial  not known: evaluator {} takes its own time\n", plan.evaluator.kind);
    return;
  }
  std::cout << fmt::format("one trial  about {}\n", duration_text(outlook.seconds_per_trial));
  std::cout << fmt::format("search     about {}\n", duration_text(outlook.search_s));
  if (outlook.final_s > 0)
    std::cout << fmt::format("final      about {} (training the front in full)\n", duration_text(outlook.final_s));
}

// `outcomes`: collects what is printed as JSON in the end, where more searches follow.
void run_plan(const Plan& plan, bool must_exist, bool allow_other_machine, Session& session, Json* outcomes = nullptr) {
  install_interrupt_handlers();
  ProgressLine line(plan.metric(plan.objectives.objectives.at(0).metric).value());
  SearchRunOptions options;
  options.must_exist = must_exist;
  options.allow_other_machine = allow_other_machine;
  options.interrupted = [] { return interrupt_requested(); };
  options.progress = [&](const Progress& progress) { line.show(progress); };
  options.final_progress = [&](const FinalProgress& progress) { line.show(progress); };
  options.baseline_progress = [&](const Progress& progress) { line.show(progress, "random search: "); };
  options.found = [&](const SearchRunResult& result) {
    line.finish();
    write_study_report(plan.output_dir);
    if (outcomes != nullptr)
      *outcomes = outcome_json(plan, result);
    else if (session.json)
      std::cout << outcome_json(plan, result).dump(2) << "\n";
    else
      print_outcome(plan, result);
    std::cout.flush();
    if (!result.front.limits_met) session.exit_code = kExitLimitsNotMet;
  };
  try {
    run_search(plan, options);
  } catch (const Interrupted&) {  // what was found by now can be looked at
    line.finish();
    if (std::filesystem::exists(study_file(plan.output_dir)))
      log_info("report so far: {}", write_study_report(plan.output_dir).string());
    throw;
  }
  line.finish();
  if (plan.search.random_baseline) write_study_report(plan.output_dir);
}

void put(ConfigNode& map, const std::string& key, ConfigNode value) {
  for (auto& [known, old] : map.entries) {
    if (known == key) {
      old = std::move(value);
      return;
    }
  }
  map.entries.emplace_back(key, std::move(value));
}

// A search with the shared weights of the study in `folder`: nothing is trained. Without a target that of the study stays; without
// limits there are none.
struct Specialization {
  std::optional<ConfigNode> target, limits;
  int64_t trials = 100;
  std::filesystem::path output;
};

ConfigNode specialized(const Json& configuration, const std::filesystem::path& folder, const Specialization& wanted) {
  ConfigNode root = config_from_json(configuration, study_file(folder).string());
  std::erase_if(root.entries, [](const auto& entry) { return entry.first == "targets"; });
  const auto section = [&root](const std::string& name) -> ConfigNode& {
    return std::ranges::find(root.entries, name, [](const auto& entry) { return entry.first; })->second;
  };
  if (wanted.target) {
    put(root, "target", *wanted.target);
    // The objectives of the study name costs of its own target.
    std::erase_if(section("search").entries, [](const auto& entry) { return entry.first == "objectives"; });
  }
  put(root, "limits", wanted.limits ? *wanted.limits : parse_config("{}", "limits"));
  put(section("evaluator"), "from", config_from_json(Json(std::filesystem::absolute(folder).string()), "from"));
  put(section("evaluator"), "ranking_networks", config_from_json(Json(0), "ranking_networks"));
  put(section("search"), "trials", config_from_json(Json(wanted.trials), "trials"));
  put(section("search"), "random_baseline", config_from_json(Json(false), "random_baseline"));
  put(root, "output_dir", config_from_json(Json(wanted.output.string()), "output_dir"));
  return root;
}

// Section targets: searches that follow the first one, by name.
std::vector<std::pair<std::string, Plan>> further_plans(const Plan& first, const ConfigNode& given) {
  std::vector<std::pair<std::string, Plan>> plans;
  const ConfigNode* targets = given.find("targets");
  if (targets == nullptr || targets->is_null()) return plans;
  for (const auto& [name, entry] : targets->entries) {
    Specialization wanted{.output = first.output_dir / "targets" / name};
    if (const ConfigNode* target = entry.find("target")) {
      wanted.target = *target;
      if (!target->is_map()) wanted.target = parse_config("{kind: " + target->scalar + "}", "targets." + name);
    }
    if (const ConfigNode* limits = entry.find("limits")) wanted.limits = *limits;
    if (const ConfigNode* trials = entry.find("trials"))
      wanted.trials = trials->as_integer("targets." + name + ".trials");
    plans.emplace_back(
        name, make_plan(specialized(first.resolved, first.output_dir, wanted), {.base_folder = first.base_folder}));
  }
  return plans;
}

// The search of the plan, then those of the section targets.
void run_with_targets(const Plan& plan, const ConfigNode& given, bool must_exist, bool allow_other_machine,
                      Session& session) {
  const std::vector<std::pair<std::string, Plan>> further = further_plans(plan, given);
  if (further.empty()) return run_plan(plan, must_exist, allow_other_machine, session);
  Json outcomes;
  run_plan(plan, must_exist, allow_other_machine, session, session.json ? &outcomes : nullptr);
  for (const auto& [name, next] : further) {
    if (!session.json) std::cout << "\ntarget " << name << "\n" << std::flush;
    run_plan(next, false, allow_other_machine, session, session.json ? &outcomes["targets"][name] : nullptr);
  }
  if (session.json) std::cout << outcomes.dump(2) << "\n";
}

void search(const SearchOptions& options, Session& session) {
  ConfigNode root = load_config(options.configuration);
  for (const std::string& assignment : options.overrides) override_config(root, assignment);
  const Plan plan = make_plan(root, {.base_folder = std::filesystem::path(options.configuration).parent_path()});
  if (options.dry_run) {
    further_plans(plan, root);  // says what is wrong with them
    return print_plan(plan, session);
  }
  run_with_targets(plan, root, false, options.allow_other_machine, session);
}

void resume(const SearchOptions& options, Session& session) {
  const std::filesystem::path folder = options.configuration;
  const StoredStudy stored = [&] {
    const auto store = open_sqlite_store(study_file(folder), StoreMode::read_only);
    return read_stored_study(*store, folder);
  }();
  ConfigNode root = config_from_json(stored.configuration, study_file(folder).string());
  override_config(root, "output_dir='" + folder.string() + "'");
  for (const std::string& assignment : options.overrides) override_config(root, assignment);
  run_with_targets(make_plan(root, {.base_folder = stored.base_folder}), root, true, options.allow_other_machine,
                   session);
}

struct SpecializeOptions {
  std::string folder, target, limits, output;
  int64_t trials = 100;
  std::vector<std::string> overrides;
};

void specialize(const SpecializeOptions& options, Session& session) {
  const std::filesystem::path folder = std::filesystem::absolute(options.folder);
  const StoredStudy stored = [&] {
    const auto store = open_sqlite_store(study_file(folder), StoreMode::read_only);
    return read_stored_study(*store, folder);
  }();
  if (stored.configuration.at("evaluator").at("kind") != "supernet") {
    throw UserError("the study in '" + options.folder +
                    "' has no shared weights; expected one that was searched with evaluator: {kind: supernet}");
  }
  if (std::filesystem::exists(study_file(options.output)))
    throw UserError("there is a study in '" + options.output + "' already; name another folder with -o");
  Specialization wanted{.trials = options.trials, .output = options.output};
  if (!options.target.empty()) {
    wanted.target = parse_config(options.target, "--target");
    if (!wanted.target->is_map()) wanted.target = parse_config("{kind: " + options.target + "}", "--target");
  }
  if (!options.limits.empty()) wanted.limits = parse_config(options.limits, "--limits");
  ConfigNode root = specialized(stored.configuration, folder, wanted);
  for (const std::string& assignment : options.overrides) override_config(root, assignment);
  run_plan(make_plan(root, {.base_folder = stored.base_folder}), false, false, session);
}

}  // namespace

void add_specialize(Command& program, Session& session) {
  Command verb = program.add_verb("specialize",
                                  "networks for another device or other limits from the shared weights of a search, "
                                  "without training (Once-for-All)");
  auto options = std::make_shared<SpecializeOptions>();
  verb.add_option("folder", options->folder, "output folder of a search with evaluator: {kind: supernet}").required();
  verb.add_option("--target", options->target, "another target: a word (macs) or a map in YAML; default: the study's");
  verb.add_option("--limits", options->limits, "a map in YAML, e.g. '{macs: 300000}'; default: none");
  verb.add_option("-o,--output", options->output, "output folder").required();
  verb.add_option("--trials", options->trials, "networks that are looked at");
  verb.add_option("--set", options->overrides, "override a key, e.g. --set search.strategy=regularized_evolution");
  verb.on_run([options, &session] { specialize(*options, session); });
}

void add_search(Command& program, Session& session) {
  Command verb =
      program.add_verb("search", "search networks for a data set, a device and limits; resumes what was begun");
  auto options = std::make_shared<SearchOptions>();
  verb.add_option("configuration", options->configuration, "YAML file, e.g. examples/digits.yaml").required();
  verb.add_option("--set", options->overrides, "override a key, e.g. --set search.trials=32");
  verb.add_flag("--dry-run", options->dry_run, "print the resolved plan with a forecast of cost and time, and stop");
  verb.add_flag("--allow-other-machine", options->allow_other_machine, "continue a study that another machine began");
  verb.on_run([options, &session] { search(*options, session); });
}

void add_resume(Command& program, Session& session) {
  Command verb = program.add_verb("resume", "continue a search from its output folder");
  auto options = std::make_shared<SearchOptions>();
  verb.add_option("folder", options->configuration, "output folder of the search").required();
  verb.add_option("--set", options->overrides,
                  "change how long it goes on: search.trials, search.time_s, search.workers, final.*");
  verb.add_flag("--allow-other-machine", options->allow_other_machine, "continue a study that another machine began");
  verb.on_run([options, &session] { resume(*options, session); });
}

}  // namespace nacre
