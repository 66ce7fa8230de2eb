// nacre explore CONFIG: accelerators for a fixed set of networks, as a Pareto front of latency, energy and area.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>

#include "nacre/app/explore_report/explore_report.hpp"
#include "nacre/app/interrupt.hpp"
#include "nacre/app/progress_line.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/count.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/run/accelerator_exploration.hpp"
#include "nacre/run/output_folder.hpp"

namespace nacre {
namespace {

struct ExploreOptions {
  std::string configuration;
  std::vector<std::string> overrides;
  int64_t threads = 0;
  bool dry_run = false;
};

std::string value_text(const Metrics& metrics, const MetricSpec& spec) {
  const auto value = metric_value(metrics, spec.name);
  return value ? quantity_text(*value, spec.name, spec.unit) : "unknown";
}

void print_front(const ExplorationPlan& plan, const ExplorationResult& result) {
  std::vector<std::string> headers = {">trial"};
  for (const AcceleratorParameter& parameter : plan.space->parameters()) headers.push_back(">" + parameter.name);
  for (const MetricSpec& metric : plan.metrics) headers.push_back(">" + metric.name);
  TextTable table(headers);
  for (const Trial& trial : result.front.members) {
    std::vector<std::string> cells = {std::to_string(trial.number)};
    for (const auto& [name, value] : plan.space->values(trial.candidate.decisions)) cells.push_back(value);
    for (const MetricSpec& metric : plan.metrics) cells.push_back(value_text(trial.metrics, metric));
    table.add(std::move(cells));
  }
  std::cout << table.text();
}

void print_plan(const ExplorationPlan& plan, const Session& session) {
  const std::string count = count_text(plan.space->trace().count());
  if (session.json) {
    std::cout << Json{{"configuration", plan.resolved}, {"space_size", count}}.dump(2) << "\n";
    return;
  }
  std::cout << yaml_text(plan.resolved) << "\n"
            << fmt::format("accelerators: {}, networks: {}, {}\n", count, plan.networks.size(), plan.mapping.text());
}

std::string status_text(const ExplorationPlan& plan, const ExplorationResult& result) {
  int64_t failed = 0, outside = 0;
  for (const Trial& trial : result.trials) {
    failed += trial.status == TrialStatus::failed;
    outside += trial.status == TrialStatus::infeasible;
  }
  return fmt::format("{} of {} accelerators costed, {} cannot run a network, {} outside the limits; {}",
                     result.trials.size(), count_text(plan.space->trace().count()), failed, outside,
                     stop_reason_text(result.drive.reason));
}

void run_explore(const ExploreOptions& options, Session& session) {
  const std::filesystem::path path = options.configuration;
  ConfigNode root = load_config(path);
  for (const std::string& assignment : options.overrides) override_config(root, assignment);
  const ExplorationPlan plan =
      make_exploration_plan(root, path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path());
  if (options.dry_run) return print_plan(plan, session);
  install_interrupt_handlers();
  ExplorationOptions run{.threads = options.threads};
  if (run.threads == 0) run.threads = std::max(1u, std::thread::hardware_concurrency());
  run.interrupted = [] { return interrupt_requested(); };
  int64_t told = -1;
  run.progress = [&](const Progress& progress) {
    const int64_t done = progress.asked - progress.running;
    const int64_t step = std::max<int64_t>(1, progress.planned / 20);
    if (done == told || (done % step != 0 && progress.running > 0)) return;
    told = done;
    log_info("{} accelerators, {} on the front", done, progress.front_size);
  };
  const ExplorationResult result = run_exploration(plan, run);
  const std::filesystem::path report = report_file(plan.output_dir);
  write_file_atomically(report, render_explore_report(plan, result));
  if (!result.front.limits_met) session.exit_code = kExitLimitsNotMet;
  if (session.json) {
    Json json = parse_json(read_file(plan.output_dir / "front.json"), "front.json");
    json["stopped"] = stop_reason_name(result.drive.reason);
    json["trials"] = result.trials.size();
    json["mappings_searched"] = result.mappings_searched;
    json["mappings_kept"] = result.mappings_kept;
    json["report"] = report.string();
    std::cout << json.dump(2) << "\n";
    return;
  }
  if (result.front.members.empty())
    std::cout << "no accelerator runs all networks\n";
  else if (!result.front.limits_met)
    std::cout << fmt::format("no accelerator keeps the limits; the nearest are shown. {}\n", result.front.binding);
  print_front(plan, result);
  std::cout << status_text(plan, result) << "\n"
            << fmt::format("mappings: {} searched, {} kept\nfront: {}\nreport: {}\n", result.mappings_searched,
                           result.mappings_kept, (plan.output_dir / "front.csv").string(), report.string());
}

}  // namespace

void add_explore(Command& program, Session& session) {
  Command verb = program.add_verb(
      "explore", "sizes of an accelerator searched for a set of networks: the front of latency, energy and area");
  auto options = std::make_shared<ExploreOptions>();
  verb.add_option("configuration", options->configuration,
                  "YAML: accelerator, parameters, networks, mapping, limits, search, output_dir")
      .required();
  verb.add_option("--set", options->overrides, "override a key, e.g. --set search.trials=32");
  verb.add_option("--threads", options->threads, "layers mapped at the same time; left out: all cores").non_negative();
  verb.add_flag("--dry-run", options->dry_run, "print the resolved configuration and the number of accelerators");
  verb.on_run([options, &session] { run_explore(*options, session); });
}

}  // namespace nacre
