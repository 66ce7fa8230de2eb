#include "nacre/app/codesign_report/codesign_report.hpp"

#include <fmt/format.h>

#include "nacre/app/codesign_report/schedule_chart.hpp"
#include "nacre/app/page/html.hpp"
#include "nacre/app/page/page.hpp"
#include "nacre/base/config.hpp"
#include "nacre/hw/scheduling/heterogeneous.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

std::string section(const char* id, const char* title, const std::string& content) {
  return element("section", fmt::format("id={}", id), element("h2", title) + "\n" + content);
}

std::string methods_section(const CodesignPlan& plan, const CodesignResult& result) {
  std::vector<html::Column> columns = {{"method"}, {.header = "quality", .number = true}};
  if (plan.tasks.size() > 1)
    for (const CodesignTask& task : plan.tasks)
      columns.push_back({.header = escape(task.name + " " + task.metric), .number = true});
  for (const MetricSpec& spec : codesign_cost_metrics()) columns.push_back({.header = spec.name, .number = true});
  columns.push_back({.header = "limits"});
  columns.push_back({.header = "accelerator", .text = true});
  columns.push_back({.header = "designs costed", .number = true});
  columns.push_back({.header = "networks evaluated", .number = true});
  html::Table table("One line a way of searching, at the same limits", columns);
  for (const CodesignMethod& method : result.methods) {
    std::vector<std::string> cells = {escape(method.name),
                                      html::quantity_of(method.metrics, {.name = kCodesignQuality, .unit = ""})};
    if (plan.tasks.size() > 1)
      for (const CodesignTask& task : plan.tasks)
        cells.push_back(html::quantity(metric_value(method.metrics, task.name + "_" + task.metric), task.metric, ""));
    for (const MetricSpec& spec : codesign_cost_metrics()) cells.push_back(html::quantity_of(method.metrics, spec));
    cells.push_back(method.within_limits ? element("span", "class=good", "kept")
                                         : element("span", "class=bad", "not kept"));
    cells.push_back(escape(accelerator_text(method.accelerator)));
    cells.push_back(std::to_string(method.cost_evaluations));
    cells.push_back(std::to_string(method.network_evaluations));
    table.add(cells);
  }
  html::Table specs("Limits, and the bounds of the penalty",
                    {{"cost"}, {.header = "limit", .number = true}, {.header = "bound", .number = true}});
  for (const Spec& spec : result.specs)
    for (const MetricSpec& known : codesign_cost_metrics())
      if (known.name == spec.metric)
        specs.add({escape(spec.metric), html::quantity(spec.spec, spec.metric, known.unit),
                   html::quantity(spec.bound, spec.metric, known.unit)});
  return section("methods", "What was found", table.text() + specs.text("class=compact"));
}

std::string schedule_section(const CodesignPlan& plan, const CodesignFiles& files) {
  ScheduleChartOptions options{.clock_hz = plan.constants.clock_hz, .networks = {}, .limit_s = plan.limit("latency_s")};
  for (const CodesignTask& task : plan.tasks) options.networks.push_back(task.name);
  const Schedule& schedule = files.schedule.cost.result.schedule;
  html::Table table("Sub-accelerators", {{"sub-accelerator"}, {.header = "busy", .number = true}});
  const std::vector<double> busy = core_utilization(files.schedule.problem, schedule);
  for (size_t core = 0; core < busy.size(); ++core)
    table.add({escape(files.schedule.problem.cores[core]), html::quantity(100 * busy[core], "share", "%")});
  return section("schedule", "Schedule",
                 element("div", "class=scroll", schedule_chart_svg(files.schedule.problem, schedule, options)) +
                     table.text("class=compact") +
                     element("p", "class=note",
                             "Modelled: closed forms of the templates; layers run one at a time on a "
                             "sub-accelerator, after those whose results they read. The dashed line is "
                             "the limit on the latency."));
}

std::string models_section(const CodesignPlan& plan, const CodesignResult& result, const CodesignFiles& files) {
  html::Table table("Networks", {{"task"},
                                 {.header = "file"},
                                 {.header = "in the search", .number = true},
                                 {.header = "the file, validation", .number = true},
                                 {.header = "the file, test", .number = true},
                                 {.header = "decisions", .text = true}});
  for (size_t i = 0; i < files.models.size(); ++i) {
    const CodesignModel& model = files.models[i];
    const CodesignTask& task = plan.tasks[i];
    table.add({escape(model.task),
               html::relative_link(model.file, model.file) + (model.trained ? "" : " (not trained)"),
               html::quantity(model.searched, task.metric, ""), html::quantity(model.exported, task.metric, ""),
               html::quantity(model.test, task.metric, ""),
               element("span", "class=decisions",
                       escape(task.plan.space->trace().text(result.methods.front().networks[i])))});
  }
  return section(
      "networks", "Networks",
      table.text() + html::paragraph("The accelerator stands in accelerator.yaml, a target of nacre measure."));
}

std::string front_section(const CodesignPlan& plan, const CodesignResult& result) {
  if (result.front.empty()) return "";
  std::vector<html::Column> columns = {{"design"}, {.header = "quality", .number = true}};
  for (const MetricSpec& spec : codesign_cost_metrics()) columns.push_back({.header = spec.name, .number = true});
  columns.push_back({.header = "accelerator", .text = true});
  html::Table table("Within the limits, nothing better in quality and all costs", columns);
  for (const Trial& trial : result.front) {
    std::vector<std::string> cells = {std::to_string(trial.number),
                                      html::quantity_of(trial.metrics, {.name = kCodesignQuality, .unit = ""})};
    for (const MetricSpec& spec : codesign_cost_metrics()) cells.push_back(html::quantity_of(trial.metrics, spec));
    cells.push_back(
        escape(accelerator_text(HardwareDecisions::canonical(plan.space->accelerator(trial.candidate.decisions)))));
    table.add(cells);
  }
  return section("front", "Front", table.text());
}

}  // namespace

std::string accelerator_text(const HeterogeneousAccelerator& accelerator) {
  std::string text;
  for (const SubAccelerator& one : accelerator) text += (text.empty() ? "" : " + ") + text_of(one);
  return text;
}

std::string render_codesign_report(const CodesignPlan& plan, const CodesignResult& result, const CodesignFiles& files,
                                   const std::string& made_at) {
  Page page;
  page.title = plan.output_dir.filename().string();
  page.brand = "nacre co-design report";
  page.made_at = made_at;
  page.links = {{"methods", "What was found"},
                {"schedule", "Schedule"},
                {"networks", "Networks"},
                {"front", "Front"},
                {"configuration", "Configuration"}};
  page.sections =
      methods_section(plan, result) + "\n" + schedule_section(plan, files) + "\n" +
      models_section(plan, result, files) + "\n" + front_section(plan, result) + "\n" +
      section("configuration", "Configuration", element("pre", "tabindex=0", escape(yaml_text(plan.resolved))));
  page.data = Json::object();
  return render_page(page);
}

}  // namespace nacre
