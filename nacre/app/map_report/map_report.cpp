#include "nacre/app/map_report/map_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nacre/app/map_report/assets.hpp"
#include "nacre/app/page/html.hpp"
#include "nacre/app/page/page.hpp"
#include "nacre/app/table.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

namespace nacre {
namespace {

using html::element;
using html::escape;

std::string tile(const std::string& label, const std::string& value, const std::string& note = "") {
  std::string inside = element("div", "class=tile-label", escape(label)) + element("div", "class=tile-value", value);
  if (!note.empty()) inside += element("div", "class=tile-note", escape(note));
  return element("div", "class=tile", inside);
}

std::string summary_section(const MapReportData& data) {
  const NetworkCost& cost = data.cost;
  std::string tiles = tile("latency", html::quantity(cost.latency_s, "latency_s", "s"),
                           fmt::format("{} cycles", quantity_text(cost.cycles, "cycles", "")));
  tiles += tile("energy", html::quantity(cost.energy_j, "energy_j", "J"));
  tiles += tile("area", html::quantity(accelerator_area_mm2(data.accelerator), "area_mm2", "mm2"));
  tiles += tile("multiply-accumulates", html::quantity(static_cast<double>(cost.multiply_accumulates), "macs", ""));
  tiles += tile("utilization", escape(fmt::format("{:.1f} %", 100 * cost.utilization)), "of the multipliers");
  std::string text =
      element("h2", escape(data.model + " on " + data.accelerator.name)) + element("div", "class=tiles", tiles);
  const auto infeasible =
      std::ranges::count_if(data.breakdown.layers, [](const LayerBreakdown& layer) { return !layer.misfit.empty(); });
  if (infeasible > 0)
    text += element("p", "class=warning",
                    escape(fmt::format("{} layers do not fit; the table says why. Totals are not known.", infeasible)));
  if (!cost.not_covered.empty())
    text +=
        element("p", "class=warning",
                escape(fmt::format("not covered: {} (the sums are lower bounds)", fmt::join(cost.not_covered, ", "))));
  html::Table facts("How", {{"what"}, {.header = "value", .text = true}});
  facts.add({"mapping", escape(data.how)});
  for (const ReportFact& fact : data.facts) facts.add({escape(fact.name), escape(fact.value)});
  return element("section", "id=summary", text + facts.text("class=compact"));
}

std::string plot_section(const char* id, const char* title, const char* caption) {
  return element("section", fmt::format("id={}", id),
                 element("h2", title) + element("figure", element("div", fmt::format("class=plot id={}-plot", id), "") +
                                                              element("figcaption", escape(caption))));
}

std::string gap_text(const LayerBreakdown& layer) {
  if (layer.proved) return "proved";
  return layer.gap ? fmt::format("gap {:.1f} %", 100 * *layer.gap) : "";
}

std::string layers_section(const MapReportData& data) {
  const NetworkBreakdown& breakdown = data.breakdown;
  std::vector<html::Column> columns = {{"layer"},
                                       {.header = "operator", .text = true},
                                       {.header = "MACs", .number = true},
                                       {.header = "cycles", .number = true},
                                       {.header = "utilization", .number = true},
                                       {"bound by"},
                                       {.header = "energy", .number = true}};
  for (const std::string& component : breakdown.components)
    columns.push_back({.header = escape(component), .number = true, .minor = true});
  columns.push_back({"optimum"});
  html::Table table("Layers", columns);
  for (const LayerBreakdown& layer : breakdown.layers) {
    std::vector<std::string> cells = {escape(layer.name), escape(layer.op),
                                      html::quantity(static_cast<double>(layer.multiply_accumulates), "macs", "")};
    if (!layer.misfit.empty()) {
      cells.insert(cells.end(), {"", "", element("span", "class=reason", escape(layer.misfit)), ""});
      cells.resize(columns.size());
      table.add(cells);
      continue;
    }
    cells.push_back(html::quantity(layer.cycles, "cycles", ""));
    cells.push_back(layer.multiply_accumulates > 0 ? escape(fmt::format("{:.1f} %", 100 * layer.utilization)) : "");
    cells.push_back(escape(layer.bound_by));
    cells.push_back(html::quantity(layer.energy_j, "energy_j", "J"));
    for (const auto& part : layer.parts_j) cells.push_back(html::quantity(part, "energy_j", "J"));
    cells.push_back(escape(gap_text(layer)));
    table.add(cells);
  }
  return element("section", "id=layers", element("h2", "Layers") + table.text("data-sortable"));
}

std::string mappings_section(const MapReportData& data) {
  html::Table table("Mappings", {{"layer"}, {.header = "loops", .text = true}, {.header = "mapping", .text = true}});
  for (const LayerBreakdown& layer : data.breakdown.layers)
    for (std::size_t i = 0; i < layer.mappings.size(); ++i)
      table.add({escape(layer.name), escape(layer.shapes[i]), element("code", escape(layer.mappings[i]))});
  if (table.empty()) return "";
  return element("section", "id=mappings", element("h2", "Mappings") + table.text());
}

std::string accelerator_section(const MapReportData& data) {
  return element("section", "id=accelerator",
                 element("h2", "Accelerator") +
                     element("details", element("summary", escape(data.accelerator.name + " as a file")) +
                                            element("pre", "tabindex=0", escape(accelerator_yaml(data.accelerator)))));
}

Json known(std::optional<double> value) { return value ? Json(*value) : Json(nullptr); }

Json plot_data(const MapReportData& data) {
  const NetworkBreakdown& breakdown = data.breakdown;
  Json json = {{"components", breakdown.components}, {"levels", Json::array()}, {"layers", Json::array()}};
  for (std::size_t level = 0; level < breakdown.levels.size(); ++level) {
    if (data.accelerator.levels[level].holds.empty()) continue;
    json["levels"].push_back({{"name", breakdown.levels[level]},
                              {"index", level},
                              {"bits_per_cycle", known(breakdown.level_bits_per_cycle[level])}});
  }
  for (const LayerBreakdown& layer : breakdown.layers) {
    if (!layer.misfit.empty()) continue;
    Json row = {{"name", layer.name},
                {"op", layer.op},
                {"shapes", layer.shapes},
                {"macs", layer.multiply_accumulates},
                {"cycles", layer.cycles},
                {"bound_by", layer.bound_by},
                {"bits", layer.level_bits},
                {"peak", layer.peak_macs_per_cycle},
                {"energy_j", known(layer.energy_j)}};
    Json& parts = row["parts_j"] = Json::array();
    for (const auto& part : layer.parts_j) parts.push_back(known(part));
    json["layers"].push_back(std::move(row));
  }
  return json;
}

}  // namespace

std::string render_map_report(const MapReportData& data) {
  Page page;
  page.title = data.model + " on " + data.accelerator.name;
  page.brand = "nacre map";
  page.links = {{"summary", "Summary"}, {"roofline", "Roofline"}, {"shares", "Time and energy"},
                {"layers", "Layers"},   {"mappings", "Mappings"}, {"accelerator", "Accelerator"}};
  page.sections =
      summary_section(data) +
      plot_section("roofline", "Roofline",
                   "A point is a layer: multiply-accumulates for each byte that the chosen memory reads and "
                   "writes, and multiply-accumulates it does a cycle. Nothing is above the roofs: the "
                   "bandwidth of that memory to the left, the multipliers to the right.") +
      plot_section("shares", "Where time and energy go",
                   "A bar is a layer, in the order of the network; of energies by component.") +
      layers_section(data) + mappings_section(data) + accelerator_section(data);
  page.style = map_report_assets::css;
  page.script = map_report_assets::js;
  page.data = plot_data(data);
  return render_page(page);
}

}  // namespace nacre
