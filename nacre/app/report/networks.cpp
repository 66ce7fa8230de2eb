// The networks of the front: one table, and for each an expandable part with the cost of every layer and the origin of
// every number.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/app/page/html.hpp"
#include "nacre/app/report/analysis.hpp"
#include "nacre/app/report/sections.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;
using html::quantity;

MetricSpec spec_of(const ReportData& data, const std::string& name) {
  const auto found = std::ranges::find(data.metrics, name, &MetricSpec::name);
  if (found != data.metrics.end()) return *found;
  MetricSpec spec;
  spec.name = name;
  return spec;
}

std::string metric_header(const MetricSpec& spec) {
  return spec.description.empty() ? escape(spec.name)
                                  : element("abbr", "title=\"" + escape(spec.description) + "\"", escape(spec.name));
}

// Names in the order: quality, costs, then by name.
std::vector<MetricSpec> ordered_metrics(const ReportData& data, const std::set<std::string>& names) {
  std::vector<MetricSpec> specs;
  std::set<std::string> left = names;
  const auto take = [&](const MetricSpec& spec) {
    if (left.erase(spec.name) > 0) specs.push_back(spec);
  };
  take(data.quality);
  for (const MetricSpec& cost : data.costs) take(cost);
  for (const std::string& name : std::set<std::string>(left)) take(spec_of(data, name));
  return specs;
}

// An objective or a limit: shown however narrow the page is.
bool matters(const ReportData& data, const std::string& metric) {
  return std::ranges::find(data.objectives.objectives, metric, &Objective::metric) !=
             data.objectives.objectives.end() ||
         std::ranges::find(data.objectives.limits, metric, &Limit::metric) != data.objectives.limits.end();
}

std::string front_table(const ReportData& data) {
  // Quality of the exported models, where it is not the search's again; all their numbers stand with each network.
  std::set<std::string> final_names;
  for (const ReportNetwork& network : data.front) {
    for (const std::string& name : {data.quality.name, "test_" + data.quality.name}) {
      const bool again = name == data.quality.name && !was_trained_anew(data, network);
      if (!again && network.final_metrics.contains(name)) final_names.insert(name);
    }
  }
  const std::vector<MetricSpec> final_specs = ordered_metrics(data, final_names);
  std::vector<html::Column> columns = {{"network"}, {metric_header(data.quality), true}};
  for (const MetricSpec& cost : data.costs) columns.push_back({metric_header(cost), true, !matters(data, cost.name)});
  for (const MetricSpec& spec : final_specs) {
    const bool minor = spec.name != "test_" + data.quality.name;
    columns.push_back({metric_header(spec) + element("span", "class=sub", "exported model"), true, minor});
  }
  columns.push_back({"trial", true, true});
  const bool exported =
      std::ranges::any_of(data.front, [](const ReportNetwork& network) { return !network.model_file.empty(); });
  if (exported) columns.push_back({"model", false, true});
  html::Table table(data.limits_met ? "Networks of the front, best first" : "Nearest networks, nearest first", columns);
  for (size_t i = 0; i < data.front.size(); ++i) {
    const ReportNetwork& network = data.front[i];
    const ReportTrial* row = find_trial(data, network.trial);
    const Metrics metrics = row == nullptr ? Metrics{} : row->trial.metrics;
    std::vector<std::string> cells = {element("a", fmt::format("href=\"#network-{}\"", i + 1), network_name(i)),
                                      html::quantity_of(metrics, data.quality)};
    for (const MetricSpec& cost : data.costs) cells.push_back(html::quantity_of(metrics, cost));
    for (const MetricSpec& spec : final_specs) cells.push_back(html::quantity_of(network.final_metrics, spec));
    cells.push_back(std::to_string(network.trial));
    if (exported)
      cells.push_back(network.model_file.empty() ? "" : html::relative_link(network.model_file, network.model_file));
    table.add(cells);
  }
  return table.text("data-sortable");
}

double share_of(double part, double whole) { return whole > 0 ? part / whole : 0; }

// One row per layer; a bar shows its share of the main cost that is known layer by layer.
std::string layer_table(const ReportData& data, const ReportNetwork& network, size_t rank) {
  std::set<std::string> names;
  for (const CostItem& item : network.cost.items) {
    for (const auto& [name, metric] : item.metrics) names.insert(name);
  }
  if (names.empty()) return element("p", "class=muted", "The target gives no cost by layer.");
  const std::vector<MetricSpec> specs = ordered_metrics(data, names);
  const std::string& main = specs[0].name;
  double sum = 0, most = 0;
  for (const CostItem& item : network.cost.items) {
    const double part = metric_value(item.metrics, main).value_or(0);
    sum += part;
    most = std::max(most, part);
  }
  std::vector<html::Column> columns = {{"layer"}, {"share of " + escape(main)}};
  for (const MetricSpec& spec : specs) columns.push_back({metric_header(spec), true});
  columns.push_back({"operator"});
  html::Table table("Cost of network " + std::to_string(rank + 1) + " by layer", columns);
  for (const CostItem& item : network.cost.items) {
    const std::string& name = item.scope.empty() ? item.name : item.scope;
    const double part = metric_value(item.metrics, main).value_or(0);  // the longest bar is the costliest layer's
    const std::string bar = fmt::format("class=bar style=\"--share:{:.4f}\"", share_of(part, most));
    std::vector<std::string> cells = {escape(name),
                                      element("span", bar, fmt::format("{:.1f}\u00a0%", 100 * share_of(part, sum)))};
    for (const MetricSpec& spec : specs) cells.push_back(html::quantity_of(item.metrics, spec));
    cells.push_back(escape(item.op));
    table.add(cells);
  }
  std::string text = table.text("class=layers data-sortable");
  if (!network.cost.not_covered.empty()) {
    std::string operators;
    for (const std::string& op : network.cost.not_covered) operators += (operators.empty() ? "" : ", ") + op;
    text += element("p", "class=warning", "Not costed, so that sums are lower bounds: " + escape(operators) + ".");
  }
  return text;
}

void add_numbers(html::Table& table, const Metrics& metrics, const char* when) {
  for (const auto& [name, metric] : metrics) {
    table.add({escape(name), quantity(metric, name), std::string(when), escape(origin_name(metric.origin)),
               escape(metric.source), metric.value ? std::to_string(metric.count) : ""});
  }
}

std::string numbers_table(const ReportNetwork& network, const Metrics& searched) {
  html::Table table("Every number of this network", {{"metric"},
                                                     {"value", true},
                                                     {"when"},
                                                     {"origin"},
                                                     {.header = "with what", .text = true},
                                                     {"samples", true, true}});
  add_numbers(table, searched, "search");
  add_numbers(table, network.final_metrics, "exported model");
  return table.empty() ? "" : table.text("class=compact");
}

std::string key_number(const Metrics& metrics, const MetricSpec& spec) {
  return element("span", "class=key", escape(spec.name) + "\u00a0" + html::quantity_of(metrics, spec));
}

std::string network_part(const ReportData& data, size_t rank) {
  const ReportNetwork& network = data.front[rank];
  const ReportTrial* row = find_trial(data, network.trial);
  const Metrics metrics = row == nullptr ? Metrics{} : row->trial.metrics;
  std::string heading = element("strong", network_name(rank)) + key_number(metrics, data.quality);
  for (size_t i = 0; i < std::min<size_t>(2, data.costs.size()); ++i) heading += key_number(metrics, data.costs[i]);
  std::string facts;
  const auto fact = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) facts += element("dt", escape(name)) + element("dd", escape(value));
  };
  if (row != nullptr) {
    fact("made by", row->trial.candidate.made_by);
    fact("evaluation", fmt::format("{:.1f} s", row->trial.time_s));
  }
  for (const ReportFact& item : network.facts) fact(item.name, item.value);
  if (row != nullptr) fact("decisions", row->text);
  const std::string drawing = row != nullptr && !row->drawing.empty()
                                  ? element("div",
                                            fmt::format("class=drawing data-trial={} role=img aria-label=\"{} layers\"",
                                                        network.trial, row->drawing.layers.size()),
                                            "") +
                                        "\n"
                                  : "";
  const std::string content = element("dl", "class=facts", facts) + "\n" + drawing + numbers_table(network, metrics) +
                              layer_table(data, network, rank);
  return element("details", fmt::format("id=network-{} class=network", rank + 1),
                 element("summary", heading) + "\n" + content) +
         "\n";
}

struct OriginRow {
  std::string metric, origin, source, unit;
  auto operator<=>(const OriginRow&) const = default;
};

}  // namespace

std::string networks_section(const ReportData& data) {
  if (data.front.empty()) return "";
  const auto left =
      std::ranges::count_if(data.front, [](const ReportNetwork& network) { return network.model_file.empty(); });
  std::string text;
  if (left > 0) {
    text +=
        element("p", "class=warning",
                counted(left, "network is", "networks are") +
                    " shown as searched: not trained in full and not exported, because the search was stopped before "
                    "that or final.networks leaves them out.") +
        "\n";
  }
  text += front_table(data);
  for (size_t i = 0; i < data.front.size(); ++i) text += network_part(data, i);
  return element("section", "id=networks", element("h2", "Networks") + "\n" + text);
}

std::string origins_section(const ReportData& data) {
  std::map<OriginRow, int64_t> rows;
  const auto add = [&](const Metrics& metrics) {
    for (const auto& [name, metric] : metrics) {
      if (metric.value) ++rows[{name, std::string(origin_name(metric.origin)), metric.source, metric.unit}];
    }
  };
  for (const ReportTrial& row : data.trials) add(row.trial.metrics);
  for (const ReportTrial& row : data.random) add(row.trial.metrics);
  for (const ReportNetwork& network : data.front) add(network.final_metrics);
  if (rows.empty()) return "";
  html::Table table("Origins",
                    {{"metric"}, {"origin"}, {.header = "with what", .text = true}, {"unit"}, {"numbers", true}});
  for (const auto& [row, count] : rows) {
    table.add({escape(row.metric),
               element("span", "class=\"tag origin-" + escape(row.origin) + "\"", escape(row.origin)),
               escape(row.source), escape(row.unit.empty() ? "–" : row.unit), std::to_string(count)});
  }
  const std::string legend =
      std::string(
          "<p>Measured: timed or read on the device. Counted: exact, from the graph. Trained: quality of trained "
          "weights "
          "on held-out data. "
          "Table: looked up, measured earlier. Modelled: computed from a cost model. Predicted: by a learned "
          "predictor. "
          "The numbers of each "
          "network of the front are listed with their origin under Networks.") +
      std::string(data.random.empty() ? "" : " The numbers of the random search are counted in.") + "</p>\n";
  return element("section", "id=origins",
                 element("h2", "Where each number comes from") + "\n" + legend + table.text("class=compact"));
}

}  // namespace nacre
