// nacre codesign: networks for several tasks and the accelerator that they share, at once.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <iostream>

#include "nacre/app/codesign_report/codesign_report.hpp"
#include "nacre/app/interrupt.hpp"
#include "nacre/app/progress_line.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/count.hpp"
#include "nacre/base/file.hpp"
#include "nacre/run/codesign/outcome.hpp"
#include "nacre/run/output_folder.hpp"

namespace nacre {
namespace {

struct CodesignOptions {
  std::string configuration;
  std::vector<std::string> overrides;
  bool dry_run = false;
};

std::string cell(const Metrics& metrics, const std::string& name, const std::string& unit) {
  const std::optional<double> value = metric_value(metrics, name);
  return value ? quantity_text(*value, name, unit) : "-";
}

void print_methods(const CodesignPlan& plan, const CodesignResult& result) {
  std::vector<std::string> headers = {"method", ">accuracy"};
  if (plan.tasks.size() > 1)
    for (const CodesignTask& task : plan.tasks) headers.push_back(">" + task.name);
  for (const MetricSpec& spec : codesign_cost_metrics()) headers.push_back(">" + spec.name);
  for (const char* header : {"limits", "accelerator", ">costed", ">evaluated"}) headers.emplace_back(header);
  TextTable table(headers);
  for (const CodesignMethod& method : result.methods) {
    std::vector<std::string> cells = {method.name, cell(method.metrics, kCodesignQuality, "")};
    if (plan.tasks.size() > 1)
      for (const CodesignTask& task : plan.tasks)
        cells.push_back(cell(method.metrics, task.name + "_" + task.metric, ""));
    for (const MetricSpec& spec : codesign_cost_metrics()) cells.push_back(cell(method.metrics, spec.name, spec.unit));
    cells.emplace_back(method.within_limits ? "kept" : "not kept");
    cells.push_back(accelerator_text(method.accelerator));
    cells.push_back(std::to_string(method.cost_evaluations));
    cells.push_back(std::to_string(method.network_evaluations));
    table.add(std::move(cells));
  }
  std::cout << table.text();
}

void print_outcome(const CodesignPlan& plan, const CodesignResult& result, const CodesignFiles& files) {
  if (!result.methods.front().within_limits) std::cout << "no design keeps the limits; the nearest is shown\n";
  print_methods(plan, result);
  for (const CodesignModel& model : files.models) {
    std::cout << (plan.output_dir / model.file).string();
    if (!model.trained) std::cout << "  not trained";
    if (model.exported) std::cout << fmt::format("  validation {:.4f}", *model.exported);
    if (model.test) std::cout << fmt::format("  test {:.4f}", *model.test);
    std::cout << "\n";
  }
  std::cout << (plan.output_dir / "accelerator.yaml").string() << "\n"
            << "report: " << report_file(plan.output_dir).string() << "\n";
}

void print_plan(const CodesignPlan& plan, const Session& session) {
  if (session.json) {
    std::cout << Json{{"configuration", plan.resolved}, {"designs", count_text(plan.space->trace().count())}}.dump(2)
              << "\n";
    return;
  }
  std::cout << yaml_text(plan.resolved) << "\n"
            << "designs    " << count_text(plan.space->trace().count()) << " decision sets\n";
}

void codesign(const CodesignOptions& options, Session& session) {
  ConfigNode root = load_config(options.configuration);
  for (const std::string& assignment : options.overrides) override_config(root, assignment);
  const CodesignPlan plan =
      make_codesign_plan(root, {.base_folder = std::filesystem::path(options.configuration).parent_path()});
  if (options.dry_run) return print_plan(plan, session);
  install_interrupt_handlers();
  ProgressLine line({.name = kCodesignQuality, .direction = Direction::maximize, .unit = "", .description = ""});
  CodesignRunOptions run_options;
  run_options.interrupted = [] { return interrupt_requested(); };
  run_options.progress = [&](const std::string& stage, int64_t planned, const Progress& progress) {
    line.show(progress, fmt::format("{}, {} of {} designs: ", stage, progress.asked, planned));
  };
  CodesignRun run(plan, run_options);
  const CodesignResult result = run.run();
  line.finish();
  const CodesignFiles files = write_codesign(plan, result, run);
  write_file_atomically(report_file(plan.output_dir),
                        render_codesign_report(plan, result, files,
                                               fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(std::time(nullptr)))));
  if (session.json)
    std::cout << to_json(plan, result, files).dump(2) << "\n";
  else
    print_outcome(plan, result, files);
  if (!result.methods.front().within_limits) session.exit_code = kExitLimitsNotMet;
}

}  // namespace

void add_codesign(Command& program, Session& session) {
  Command verb =
      program.add_verb("codesign", "search networks for several tasks together with the accelerator they share");
  auto options = std::make_shared<CodesignOptions>();
  verb.add_option("configuration", options->configuration, "YAML file, e.g. examples/codesign_nasbench201.yaml")
      .required();
  verb.add_option("--set", options->overrides, "override a key, e.g. --set search.episodes=50");
  verb.add_flag("--dry-run", options->dry_run, "print the resolved plan, and stop");
  verb.on_run([options, &session] { codesign(*options, session); });
}

}  // namespace nacre
