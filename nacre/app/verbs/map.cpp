// nacre map MODEL --accelerator A: every layer of a network mapped to an accelerator, and where time and energy go.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <thread>

#include "nacre/app/deployment_arguments.hpp"
#include "nacre/app/interrupt.hpp"
#include "nacre/app/map_report/map_report.hpp"
#include "nacre/app/mapping_arguments.hpp"
#include "nacre/app/progress_line.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/timeloop_files.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/accelerator/network_breakdown.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/fusion/layer_fusion.hpp"
#include "nacre/run/csv_cell.hpp"
#include "nacre/run/mapping_file.hpp"
#include "nacre/run/network_file.hpp"

namespace nacre {
namespace {

struct MapVerbOptions {
  std::string model;
  std::string accelerator;
  MappingArguments mapping;
  DeploymentArguments deployment;
  int64_t threads = 0;
  bool mappings = false;
  std::string csv, report, timeloop, cache;
};

// Layers that are fused, with their cost one after the other.
struct FusionGain {
  FusedGroup group;
  std::string layers;  // "first, second"
  double cycles = 0, separate_cycles = 0;
  std::optional<double> energy_j = 0, separate_energy_j = 0;
  double bytes = 0, separate_bytes = 0;  // through the outermost memory
};

struct MappedNetwork {
  AcceleratorDescription accelerator;
  MappingPlan plan;
  NetworkCost cost;
  NetworkBreakdown breakdown;
  MappedAhead ahead;
  std::optional<NetworkCost> separate = {};  // layer by layer, where layers may be fused
  std::vector<FusionGain> fused = {};
};

// As product_mapper; what does not fit is a result.
ProductMapper tolerant(ProductMapper mapper) {
  return [mapper = std::move(mapper)](const Workload& workload) {
    try {
      return mapper(workload);
    } catch (const NoMappingError& error) {
      return ProductMapping{.mapping = {}, .cost = {}, .misfit = error.what(), .method = {}};
    }
  };
}

std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

double outermost_bytes(const MappingCost& cost) {
  double bits = 0;
  for (const TensorTraffic& tensor : cost.levels[0].tensors)
    bits += tensor.bits * static_cast<double>(tensor.reads + tensor.fills + tensor.updates);
  return bits / 8;
}

FusionGain gain_of(FusedGroup group, const MappedNetwork& mapped) {
  FusionGain gain;
  for (std::size_t i = 0; i < group.nodes.size(); ++i) {
    const auto separate =
        std::ranges::find(mapped.separate->nodes, group.nodes[i], [](const NodeCost& node) { return node.work.node; });
    const MappingCost &now = group.mapped[i].cost, &before = separate->products[0].mapped.cost;
    gain.layers += (i == 0 ? "" : ", ") + separate->products[0].workload.name;
    gain.cycles += now.cycles;
    gain.separate_cycles += before.cycles;
    gain.energy_j = sum(gain.energy_j, now.energy_j);
    gain.separate_energy_j = sum(gain.separate_energy_j, before.energy_j);
    gain.bytes += outermost_bytes(now);
    gain.separate_bytes += outermost_bytes(before);
  }
  gain.group = std::move(group);
  return gain;
}

MappedNetwork map_network(const MapVerbOptions& options) {
  MappedNetwork mapped{.accelerator = load_accelerator(options.accelerator, "."),
                       .plan = read_mapping_arguments(options.mapping),
                       .cost = {},
                       .breakdown = {},
                       .ahead = {}};
  Deployment deployment;
  read_deployment(options.deployment, deployment);
  const Graph graph = graph_to_measure(read_network_file(options.model), deployment);
  MappingCache cache;
  if (!options.cache.empty()) {
    const std::filesystem::path folder = std::filesystem::path(options.cache).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder);
    cache.connect(std::make_shared<MappingFile>(options.cache));
  }
  MapAheadOptions ahead{.threads = options.threads};
  if (ahead.threads == 0) ahead.threads = std::max(1u, std::thread::hardware_concurrency());
  ahead.interrupted = [] { return interrupt_requested(); };
  ahead.progress = [](int64_t done, int64_t all) { log_info("mapped {} of {} shapes of layers", done, all); };
  mapped.ahead = map_ahead({&graph}, mapped.accelerator, mapped.plan, cache, ahead);
  PlannedCost planned = planned_cost(graph, mapped.accelerator, mapped.plan,
                                     tolerant(product_mapper(mapped.accelerator, mapped.plan, cache)), cache);
  mapped.cost = std::move(planned.cost);
  mapped.separate = std::move(planned.separate);
  for (FusedGroup& group : planned.groups) mapped.fused.push_back(gain_of(std::move(group), mapped));
  mapped.breakdown = network_breakdown(graph, mapped.accelerator, mapped.cost);
  return mapped;
}

// --- texts ----------------------------------------------------------------------------------------------------------

std::string energy_text(const std::optional<double>& energy_j) {
  return energy_j ? quantity_text(*energy_j, "energy_j", "J") : "unknown";
}

std::string optimum_text(const LayerBreakdown& layer) {
  if (layer.proved) return "proved";
  return layer.gap ? fmt::format("gap {:.1f} %", 100 * *layer.gap) : "";
}

void print_layers(const NetworkBreakdown& breakdown) {
  TextTable table({"layer", "operator", ">MACs", ">cycles", ">utilization", "bound by", ">energy", "optimum"});
  for (const LayerBreakdown& layer : breakdown.layers) {
    const std::string macs = layer.multiply_accumulates > 0
                                 ? quantity_text(static_cast<double>(layer.multiply_accumulates), "macs", "")
                                 : "";
    if (!layer.misfit.empty()) {
      table.add({layer.name, layer.op, macs, "", "", "does not fit", "", ""});
      continue;
    }
    table.add({layer.name, layer.op, macs, quantity_text(layer.cycles, "cycles", ""),
               layer.multiply_accumulates > 0 ? fmt::format("{:.1f} %", 100 * layer.utilization) : "", layer.bound_by,
               energy_text(layer.energy_j), optimum_text(layer)});
  }
  std::cout << table.text();
  for (const LayerBreakdown& layer : breakdown.layers)
    if (!layer.misfit.empty()) std::cout << fmt::format("{}: {}\n", layer.name, layer.misfit);
}

// Share of each component, and of the time by what bounds it.
void print_shares(const MappedNetwork& mapped) {
  const NetworkBreakdown& breakdown = mapped.breakdown;
  TextTable energy({"energy", ">of all", ">share"});
  const auto add = [&](const std::string& name, const std::optional<double>& part) {
    if (part && *part == 0) return;
    energy.add({name, energy_text(part),
                part && mapped.cost.energy_j ? fmt::format("{:.1f} %", 100 * *part / *mapped.cost.energy_j) : ""});
  };
  for (std::size_t i = 0; i < breakdown.components.size(); ++i) add(breakdown.components[i], breakdown.parts_j[i]);
  if (breakdown.idle_leakage_j) add("leakage while no product runs", breakdown.idle_leakage_j);
  std::cout << "\n" << energy.text();
  std::map<std::string, double> bound;
  for (const LayerBreakdown& layer : breakdown.layers)
    if (layer.cycles > 0) bound[layer.bound_by] += layer.cycles;
  TextTable time({"time bound by", ">cycles", ">share"});
  for (const auto& [what, cycles] : bound)
    time.add({what, quantity_text(cycles, "cycles", ""), fmt::format("{:.1f} %", 100 * cycles / mapped.cost.cycles)});
  std::cout << "\n" << time.text();
}

std::string fusion_text(const FusionGain& gain) {
  return fmt::format("{} tiles of {} rows{}, {} of {}", gain.group.tiles, gain.group.choice.tile_rows,
                     gain.group.choice.weights_stay ? ", weights stay" : "",
                     quantity_text(gain.group.held_bits / 8, "bytes", "B"), gain.group.level);
}

void print_fused(const MappedNetwork& mapped) {
  if (!mapped.separate) return;
  TextTable table({"fused layers", "how", ">cycles", ">apart", ">energy", ">apart", ">outermost bytes", ">apart"});
  for (const FusionGain& gain : mapped.fused)
    table.add({gain.layers, fusion_text(gain), quantity_text(gain.cycles, "cycles", ""),
               quantity_text(gain.separate_cycles, "cycles", ""), energy_text(gain.energy_j),
               energy_text(gain.separate_energy_j), quantity_text(gain.bytes, "bytes", "B"),
               quantity_text(gain.separate_bytes, "bytes", "B")});
  table.add({"the network", mapped.fused.empty() ? "nothing is better fused" : "",
             quantity_text(mapped.cost.cycles, "cycles", ""), quantity_text(mapped.separate->cycles, "cycles", ""),
             energy_text(mapped.cost.energy_j), energy_text(mapped.separate->energy_j), "", ""});
  std::cout << "\n" << table.text();
}

void print_mappings(const NetworkBreakdown& breakdown) {
  TextTable table({"layer", "loops", "mapping"});
  for (const LayerBreakdown& layer : breakdown.layers)
    for (std::size_t i = 0; i < layer.mappings.size(); ++i) table.add({layer.name, layer.shapes[i], layer.mappings[i]});
  std::cout << "\n" << table.text();
}

void print_totals(const MappedNetwork& mapped) {
  const NetworkCost& cost = mapped.cost;
  const auto area = accelerator_area_mm2(mapped.accelerator);
  std::cout << fmt::format("\n{}, {}\n", mapped.accelerator.name, mapped.plan.text());
  std::cout << fmt::format("{} layers of {} shapes with multiply-accumulates, {} searched now\n", mapped.ahead.layers,
                           mapped.ahead.shapes, mapped.ahead.searched);
  if (cost.infeasible == 0)
    std::cout << fmt::format("cycles {}, utilization {:.1f} %\n", quantity_text(cost.cycles, "cycles", ""),
                             100 * cost.utilization);
  std::cout << fmt::format("latency {}, energy {}, area {}\n",
                           cost.latency_s ? quantity_text(*cost.latency_s, "latency_s", "s") : "unknown",
                           energy_text(cost.energy_j), area ? quantity_text(*area, "area_mm2", "mm2") : "unknown");
  if (!cost.not_covered.empty())
    std::cout << fmt::format("not covered: {} (the sums are lower bounds)\n", fmt::join(cost.not_covered, ", "));
}

// --- files ----------------------------------------------------------------------------------------------------------

Json known(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json layer_json(const NetworkBreakdown& breakdown, const LayerBreakdown& layer) {
  Json json = {{"name", layer.name},
               {"op", layer.op},
               {"loops", layer.shapes},
               {"macs", layer.multiply_accumulates},
               {"misfit", layer.misfit.empty() ? Json(nullptr) : Json(layer.misfit)}};
  if (!layer.misfit.empty()) return json;
  json["cycles"] = layer.cycles;
  json["utilization"] = layer.multiply_accumulates > 0 ? Json(layer.utilization) : Json(nullptr);
  json["bound_by"] = layer.bound_by;
  json["energy_j"] = known(layer.energy_j);
  for (std::size_t i = 0; i < layer.parts_j.size(); ++i)
    json["energy_by_component_j"][breakdown.components[i]] = known(layer.parts_j[i]);
  for (std::size_t i = 0; i < layer.level_bits.size(); ++i)
    json["bytes_by_level"][breakdown.levels[i]] = layer.level_bits[i] / 8;
  json["proved"] = layer.proved;
  json["gap"] = known(layer.gap);
  json["mappings"] = layer.mappings;
  return json;
}

Json result_json(const MapVerbOptions& options, const MappedNetwork& mapped) {
  Json json = {{"model", options.model},
               {"accelerator", mapped.accelerator.name},
               {"mapping", mapped.plan.text()},
               {"layers", Json::array()},
               {"macs", mapped.cost.multiply_accumulates},
               {"infeasible", mapped.cost.infeasible},
               {"not_covered", mapped.cost.not_covered}};
  const bool whole = mapped.cost.infeasible == 0;
  json["cycles"] = whole ? Json(mapped.cost.cycles) : Json(nullptr);
  json["utilization"] = whole ? Json(mapped.cost.utilization) : Json(nullptr);
  json["latency_s"] = known(mapped.cost.latency_s);
  json["energy_j"] = known(mapped.cost.energy_j);
  json["area_mm2"] = known(accelerator_area_mm2(mapped.accelerator));
  for (std::size_t i = 0; i < mapped.breakdown.components.size(); ++i)
    json["energy_by_component_j"][mapped.breakdown.components[i]] = known(mapped.breakdown.parts_j[i]);
  json["idle_leakage_j"] = known(mapped.breakdown.idle_leakage_j);
  json["shapes"] = mapped.ahead.shapes;
  if (mapped.separate) {
    json["separate"] = {{"cycles", mapped.separate->cycles}, {"energy_j", known(mapped.separate->energy_j)}};
    Json& fused = json["fused"] = Json::array();
    for (const FusionGain& gain : mapped.fused)
      fused.push_back({{"layers", gain.layers},
                       {"tile_rows", gain.group.choice.tile_rows},
                       {"tiles", gain.group.tiles},
                       {"weights_stay", gain.group.choice.weights_stay},
                       {"level", gain.group.level},
                       {"held_bytes", gain.group.held_bits / 8},
                       {"cycles", gain.cycles},
                       {"separate_cycles", gain.separate_cycles},
                       {"energy_j", known(gain.energy_j)},
                       {"separate_energy_j", known(gain.separate_energy_j)},
                       {"outermost_bytes", gain.bytes},
                       {"separate_outermost_bytes", gain.separate_bytes}});
  }
  json["searched"] = mapped.ahead.searched;
  for (const LayerBreakdown& layer : mapped.breakdown.layers)
    json["layers"].push_back(layer_json(mapped.breakdown, layer));
  return json;
}

std::string layers_csv(const NetworkBreakdown& breakdown) {
  std::string text = "layer,operator,loops,macs,cycles,utilization,bound_by,energy_j";
  for (const std::string& component : breakdown.components) text += "," + csv_cell("energy_j " + component);
  for (const std::string& level : breakdown.levels) text += "," + csv_cell("bytes " + level);
  text += ",proved,gap,mapping,misfit\n";
  const auto number = [](const std::optional<double>& value) { return value ? fmt::format("{:.9g}", *value) : ""; };
  for (const LayerBreakdown& layer : breakdown.layers) {
    const bool fits = layer.misfit.empty();
    text += fmt::format("{},{},{},{},{},{},{},{}", csv_cell(layer.name), csv_cell(layer.op),
                        csv_cell(fmt::format("{}", fmt::join(layer.shapes, "; "))), layer.multiply_accumulates,
                        fits ? number(layer.cycles) : "",
                        fits && layer.multiply_accumulates > 0 ? number(layer.utilization) : "",
                        csv_cell(layer.bound_by), fits ? number(layer.energy_j) : "");
    for (const auto& part : layer.parts_j) text += "," + (fits ? number(part) : "");
    for (const double bits : layer.level_bits) text += "," + (fits ? number(bits / 8) : "");
    text += fmt::format(",{},{},{},{}\n", fits && !layer.shapes.empty() ? (layer.proved ? "yes" : "no") : "",
                        number(layer.gap), csv_cell(fmt::format("{}", fmt::join(layer.mappings, "; "))),
                        csv_cell(layer.misfit));
  }
  return text;
}

// Each shape once, under the name of its first layer.
std::vector<std::string> write_timeloop_folder(const MappedNetwork& mapped, const std::filesystem::path& folder) {
  std::vector<ImportedLayer> layers;
  std::set<std::string> seen;
  for (const NodeCost& node : mapped.cost.nodes)
    for (const ProductCost& product : node.products)
      if (product.mapped.text.empty() && seen.insert(workload_key(product.workload)).second)
        layers.push_back({product.workload, mapped.accelerator, product.mapped.mapping});
  if (layers.empty()) throw UserError("--timeloop: no layer of the network has a mapping");
  std::vector<std::string> warnings;
  const std::vector<std::string> written = write_timeloop_files(
      folder, {.accelerators = {mapped.accelerator}, .layers = layers, .word_bits = layers[0].workload.tensors[0].bits},
      warnings);
  for (const std::string& warning : warnings) log_warning("{}", warning);
  return written;
}

std::string render(const MapVerbOptions& options, const MappedNetwork& mapped) {
  MapReportData data{.model = std::filesystem::path(options.model).filename().string(),
                     .how = mapped.plan.text(),
                     .accelerator = mapped.accelerator,
                     .cost = mapped.cost,
                     .breakdown = mapped.breakdown,
                     .facts = {}};
  data.facts.push_back(
      {"layers", fmt::format("{} of {} shapes with multiply-accumulates", mapped.ahead.layers, mapped.ahead.shapes)});
  for (const FusionGain& gain : mapped.fused)
    data.facts.push_back(
        {"fused: " + gain.layers,
         fmt::format("{}; cycles {} instead of {}, energy {} instead of {}", fusion_text(gain),
                     quantity_text(gain.cycles, "cycles", ""), quantity_text(gain.separate_cycles, "cycles", ""),
                     energy_text(gain.energy_j), energy_text(gain.separate_energy_j))});
  data.facts.push_back({"file", options.model});
  if (!mapped.accelerator.source.empty()) data.facts.push_back({"accelerator", mapped.accelerator.source});
  return render_map_report(data);
}

void run_map(const MapVerbOptions& options, Session& session) {
  if (options.accelerator.empty())
    throw UserError("expected --accelerator: a name (nacre list accelerators) or a file");
  install_interrupt_handlers();
  const MappedNetwork mapped = map_network(options);
  std::vector<std::string> written;
  if (!options.timeloop.empty()) written = write_timeloop_folder(mapped, options.timeloop);
  if (!options.csv.empty()) {
    write_file_atomically(options.csv, layers_csv(mapped.breakdown));
    written.push_back(options.csv);
  }
  if (!options.report.empty()) {
    write_file_atomically(options.report, render(options, mapped));
    written.push_back(options.report);
  }
  if (mapped.cost.infeasible > 0) session.exit_code = kExitLimitsNotMet;
  if (session.json) {
    Json json = result_json(options, mapped);
    json["written"] = written;
    std::cout << json.dump(2) << "\n";
    return;
  }
  print_layers(mapped.breakdown);
  if (options.mappings) print_mappings(mapped.breakdown);
  if (mapped.cost.infeasible == 0) print_shares(mapped);
  print_fused(mapped);
  print_totals(mapped);
  for (const std::string& path : written) std::cout << path << "\n";
}

}  // namespace

void add_map(Command& program, Session& session) {
  Command verb = program.add_verb(
      "map", "the best mapping of each layer of a network on an accelerator, and where time and energy go");
  auto options = std::make_shared<MapVerbOptions>();
  verb.add_option("model", options->model, "ONNX file, or a network as text").required();
  verb.add_option("-a,--accelerator", options->accelerator, "a name (nacre list accelerators) or a file");
  add_search_arguments(verb, options->mapping);
  add_network_arguments(verb, options->mapping);
  add_batch_and_bindings(verb, options->deployment);
  verb.add_option("--threads", options->threads, "layers mapped at the same time; left out: all cores").non_negative();
  verb.add_flag("--mappings", options->mappings, "print the mapping of each layer too");
  verb.add_option("--csv", options->csv, "file for the table of layers, with energy by component and mappings");
  verb.add_option(
      "--cache", options->cache,
      "file of mappings: what it has is not searched again, what is found is added (a study's mappings.jsonl too)");
  verb.add_option("--report", options->report, "file for a page: roofline, energy and time by layer, tables");
  verb.add_option("--timeloop", options->timeloop,
                  "folder for architecture, problems and mappings as files of Timeloop v0.3 (see --factors exact)");
  verb.on_run([options, &session] { run_map(*options, session); });
}

}  // namespace nacre
