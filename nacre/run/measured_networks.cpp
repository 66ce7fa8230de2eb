#include "nacre/run/measured_networks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/run/csv_cell.hpp"
#include "nacre/run/device_cost.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/tables/csv_table.hpp"

namespace nacre {
namespace {

constexpr const char* kModel = "model";

// One network as a row: text of each decision, model, costs.
struct Row {
  Decisions decisions;
  std::string model;
  std::vector<std::optional<double>> costs;

  bool complete() const {
    return std::ranges::all_of(costs, [](const auto& cost) { return cost.has_value(); });
  }
};

std::string text_of(const Trace& trace, const std::vector<std::string>& metrics, const std::vector<Row>& rows) {
  std::string text;
  for (const TraceDecision& decision : trace.decisions()) text += csv_cell(decision.key) + ",";
  text += kModel;
  for (const std::string& metric : metrics) text += "," + csv_cell(metric);
  text += "\n";
  for (const Row& row : rows) {
    for (const TraceDecision& decision : trace.decisions()) {
      const int64_t* index = row.decisions.find(decision.key);
      if (index != nullptr) text += csv_cell(decision.alternatives.at(static_cast<size_t>(*index)));
      text += ",";
    }
    text += csv_cell(row.model);
    for (const std::optional<double>& cost : row.costs) text += cost ? fmt::format(",{}", *cost) : ",";
    text += "\n";
  }
  return text;
}

Decisions decisions_of(const CsvTable& table, size_t row, const Trace& trace) {
  std::vector<Decision> items;
  for (const TraceDecision& decision : trace.decisions()) {
    const std::string_view text = table.text(row, table.column(decision.key));
    if (text.empty()) continue;
    auto found = std::ranges::find(decision.alternatives, text);
    // Numbers by their value: "1" is "1.0".
    if (const auto number = table.number(row, table.column(decision.key));
        number && found == decision.alternatives.end()) {
      const auto same = std::ranges::find(decision.numbers, *number);
      if (same != decision.numbers.end()) found = decision.alternatives.begin() + (same - decision.numbers.begin());
    }
    if (found == decision.alternatives.end()) {
      throw UserError(fmt::format(
          "'{}', row {}: {}", table.origin(), row + 2,
          unknown_name_message("alternative of " + decision.key, std::string(text), decision.alternatives)));
    }
    items.push_back({decision.key, found - decision.alternatives.begin()});
  }
  Decisions decisions(std::move(items));
  if (!trace.is_complete(decisions)) {
    throw UserError(
        fmt::format("'{}', row {}: the decisions are not those of one network of the space (one is missing, or one "
                    "that does not arise is filled in)",
                    table.origin(), row + 2));
  }
  return decisions;
}

std::vector<Row> read_rows(const std::filesystem::path& file, const Trace& trace,
                           const std::vector<std::string>& metrics) {
  const CsvTable table = read_csv_table(file);
  const bool has_model = std::ranges::find(table.names(), kModel) != table.names().end();
  std::vector<Row> rows;
  for (size_t i = 0; i < table.rows(); ++i) {
    Row row{.decisions = decisions_of(table, i, trace)};
    if (has_model) row.model = table.text(i, table.column(kModel));
    for (const std::string& metric : metrics) {
      const size_t column = table.column(metric);
      const std::optional<double> cost = table.number(i, column);
      if (!table.text(i, column).empty() && (!cost || !(*cost > 0) || !std::isfinite(*cost))) {
        throw UserError(
            fmt::format("'{}', row {}: {} is '{}', expected a positive number, or nothing where it is not known",
                        table.origin(), i + 2, metric, table.text(i, column)));
      }
      row.costs.push_back(cost);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::vector<MeasuredNetwork> read_measured_networks(const std::filesystem::path& file, const Trace& trace,
                                                    const std::string& metric) {
  std::vector<MeasuredNetwork> networks;
  bool any = false;
  for (Row& row : read_rows(file, trace, {metric})) {
    any = any || row.costs[0];
    networks.push_back({std::move(row.decisions), row.costs[0]});
  }
  if (!any) throw UserError(fmt::format("'{}': no row has a {}", file.string(), metric));
  return networks;
}

int64_t measure_networks(const Space& space, const MeasureNetworksOptions& options) {
  const Trace& trace = space.trace();
  std::vector<std::string> metrics = options.metrics;
  if (metrics.empty() && options.target != nullptr) {
    const std::vector<MetricSpec> counted = counted_metric_specs();
    for (const MetricSpec& spec : options.target->metrics()) {
      if (std::ranges::find(counted, spec.name, &MetricSpec::name) == counted.end()) metrics.push_back(spec.name);
    }
  }
  if (metrics.empty()) metrics = {"latency_s"};
  std::vector<Row> rows;
  if (std::filesystem::exists(options.output)) rows = read_rows(options.output, trace, metrics);
  if (trace.count() < Count(static_cast<long>(options.networks)))
    throw UserError(
        fmt::format("the space has only {} networks, {} are to be drawn", count_text(trace.count()), options.networks));
  if (!options.models.empty()) std::filesystem::create_directories(options.models);
  Random random = Random::stream(options.seed, "measured networks");
  while (static_cast<int64_t>(rows.size()) < options.networks) {
    Row row{.decisions = trace.sample(random), .costs = std::vector<std::optional<double>>(metrics.size())};
    if (std::ranges::find(rows, row.decisions, &Row::decisions) == rows.end()) rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    if (options.interrupted()) throw Interrupted();
    const bool export_it = !options.models.empty() && (row.model.empty() || !exists(options.models / row.model));
    const bool measure_it = options.target != nullptr && !row.complete();
    if (!export_it && !measure_it) continue;
    Design design = space.build(row.decisions);
    design.decisions = row.decisions;
    if (export_it) {
      row.model = fmt::format("network_{:02}.onnx", i);
      write_onnx(graph_to_measure(design.graph(), options.deployment), options.models / row.model);
    }
    if (measure_it) {
      const Cost cost = cost_on_device(*options.target, design, options.deployment, options.interrupted);
      for (size_t m = 0; m < metrics.size(); ++m) {
        if (const auto value = metric_value(cost.totals, metrics[m])) row.costs[m] = value;
      }
    }
    write_file_atomically(options.output, text_of(trace, metrics, rows));
    options.progress(static_cast<int64_t>(i + 1));
  }
  write_file_atomically(options.output, text_of(trace, metrics, rows));
  return static_cast<int64_t>(rows.size());
}

}  // namespace nacre
