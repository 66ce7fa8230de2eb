#include "nacre/app/explore_report/explore_report.hpp"

#include <fmt/format.h>

#include "nacre/app/explore_report/assets.hpp"
#include "nacre/app/page/html.hpp"
#include "nacre/app/page/page.hpp"
#include "nacre/base/count.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

std::string summary_section(const ExplorationPlan& plan, const ExplorationResult& result) {
  html::Table facts("", {{"what"}, {.header = "value", .text = true}});
  const auto add = [&](const std::string& what, const std::string& value) { facts.add({escape(what), escape(value)}); };
  add("accelerators", fmt::format("{} of {} costed", result.trials.size(), count_text(plan.space->trace().count())));
  add("front", std::to_string(result.front.members.size()));
  std::string networks;
  for (const ExploredNetwork& network : plan.networks)
    networks += fmt::format("{}{}{}", networks.empty() ? "" : ", ", network.name,
                            network.weight == 1 ? "" : fmt::format(" x {:g}", network.weight));
  add("networks", networks);
  add("mapping", plan.mapping.text());
  add("strategy", plan.strategy);
  add("ended", stop_reason_text(result.drive.reason));
  for (const std::string& line : plan.space->unscaled_constants()) add("note", line);
  std::string text = element("h2", "Accelerators for a set of networks");
  if (!result.front.limits_met)
    text += element("p", "class=warning",
                    escape("No accelerator keeps the limits; the nearest are shown. " + result.front.binding));
  return element("section", "id=summary", text + facts.text("class=compact"));
}

html::Table accelerator_table(const ExplorationPlan& plan, const char* caption, const char* last) {
  std::vector<html::Column> columns = {{.header = "trial", .number = true}};
  for (const AcceleratorParameter& parameter : plan.space->parameters())
    columns.push_back({.header = escape(parameter.name), .number = true});
  for (const MetricSpec& metric : plan.metrics) columns.push_back({.header = escape(metric.name), .number = true});
  columns.push_back({.header = last, .text = true});
  return {caption, columns};
}

std::vector<std::string> cells_of(const ExplorationPlan& plan, const Trial& trial, std::string last) {
  std::vector<std::string> cells = {std::to_string(trial.number)};
  for (const auto& [name, value] : plan.space->values(trial.candidate.decisions)) cells.push_back(escape(value));
  for (const MetricSpec& metric : plan.metrics) cells.push_back(html::quantity_of(trial.metrics, metric));
  cells.push_back(std::move(last));
  return cells;
}

std::string front_section(const ExplorationPlan& plan, const ExplorationResult& result) {
  html::Table table = accelerator_table(plan, "Front", "file");
  for (std::size_t i = 0; i < result.front.members.size(); ++i)
    table.add(cells_of(plan, result.front.members[i],
                       html::relative_link(result.accelerator_files[i], result.accelerator_files[i])));
  if (table.empty()) return "";
  return element("section", "id=front",
                 element("h2", "Front") + element("div", "class=plots id=front-plots", "") +
                     table.text("data-sortable data-nowrap"));
}

std::string all_section(const ExplorationPlan& plan, const ExplorationResult& result) {
  html::Table table = accelerator_table(plan, "All accelerators", "state");
  for (const Trial& trial : result.trials) {
    std::string state(trial_status_name(trial.status));
    if (!trial.reason.empty()) state += ": " + trial.reason;
    table.add(cells_of(plan, trial, escape(state)));
  }
  return element("section", "id=all",
                 element("h2", "All accelerators") +
                     element("details", element("summary", "table") + table.text("data-sortable")));
}

std::string configuration_section(const ExplorationPlan& plan) {
  return element("section", "id=configuration",
                 element("h2", "Configuration") + element("pre", "tabindex=0", escape(yaml_text(plan.resolved))));
}

Json plot_data(const ExplorationPlan& plan, const ExplorationResult& result) {
  Json json = {{"metrics", Json::array()}, {"points", Json::array()}};
  for (const Objective& objective : plan.objectives.objectives) {
    const auto spec = std::ranges::find(plan.metrics, objective.metric, &MetricSpec::name);
    json["metrics"].push_back({{"name", spec->name}, {"unit", spec->unit}});
  }
  for (const Trial& trial : result.trials) {
    if (!trial.is_complete() || trial.status == TrialStatus::failed) continue;
    const bool front =
        std::ranges::find(result.front.members, trial.number, &Trial::number) != result.front.members.end();
    Json row = {{"trial", trial.number}, {"front", front}, {"values", Json::array()}, {"parameters", Json::array()}};
    for (const Objective& objective : plan.objectives.objectives) {
      const auto value = metric_value(trial.metrics, objective.metric);
      row["values"].push_back(value ? Json(*value) : Json(nullptr));
    }
    for (const auto& [name, value] : plan.space->values(trial.candidate.decisions))
      row["parameters"].push_back({name, value});
    json["points"].push_back(std::move(row));
  }
  return json;
}

}  // namespace

std::string render_explore_report(const ExplorationPlan& plan, const ExplorationResult& result) {
  Page page;
  page.title = "nacre explore";
  page.brand = "nacre explore";
  page.links = {{"summary", "Summary"}, {"front", "Front"}, {"all", "All"}, {"configuration", "Configuration"}};
  page.sections = summary_section(plan, result) + front_section(plan, result) + all_section(plan, result) +
                  configuration_section(plan);
  page.script = explore_report_assets::js;
  page.data = plot_data(plan, result);
  return render_page(page);
}

}  // namespace nacre
