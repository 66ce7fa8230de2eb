// nacre scale: a network of a space at another size: what it counts before any training, and its ONNX file. The step between a
// search on small networks and the training of a large one (Zoph et al., arXiv 1707.07012).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>

#include "nacre/app/plan_source.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/run/configuration.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/space_section.hpp"
#include "nacre/space/network_text.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

struct ScaleOptions {
  std::string network;
  PlanSource source;
  std::string kind;
  std::vector<std::string> sizes;
  int64_t trial = -1;
  std::string input;
  int64_t classes = 0;
  int64_t seed = 0;
  std::string output;
};

// "3,224,224"
std::vector<int64_t> extents_of(const std::string& text) {
  std::vector<int64_t> extents;
  for (const ConfigNode& item : parse_config("[" + text + "]", "--input").items)
    extents.push_back(item.as_integer("--input"));
  if (extents.empty() || std::ranges::any_of(extents, [](int64_t extent) { return extent < 1; }))
    throw UserError("--input '" + text + "': expected extents of one sample, e.g. 3,224,224");
  return extents;
}

// The space at its own size and at the one asked for.
struct Sizes {
  std::shared_ptr<const Space> found, scaled;
};

std::shared_ptr<const Space> space_from(const ConfigNode& root, const SpaceContext& context) {
  const KindedSection section = kinded_section(root, "space");
  const auto& entry = run_space_registry().get(section.kind, section.position);
  return entry.make(resolve_options(section.node, entry.parameters, "space " + section.kind, {"kind"}), context);
}

std::vector<std::string> space_overrides(const std::vector<std::string>& sizes) {
  std::vector<std::string> all;
  for (const std::string& size : sizes) all.push_back("space." + size);
  return all;
}

// A space alone needs no data: the task's signature is said on the command line.
Sizes sizes_of_kind(const ScaleOptions& options) {
  if (options.input.empty() || options.classes < 1)
    throw UserError("--space " + options.kind +
                    ": expected --input and --classes beside it, e.g. --input 3,224,224 --classes 1000");
  SpaceContext context;
  context.signature.inputs = {{"input", ElementType::float32, extents_of(options.input)}};
  context.signature.outputs = {{"logits", ElementType::float32, {options.classes}}};
  ConfigNode root = parse_config("space: {kind: " + options.kind + "}", "--space");
  for (const std::string& assignment : space_overrides(options.sizes)) override_config(root, assignment);
  return {nullptr, space_from(root, context)};
}

Sizes sizes_of_plan(const ScaleOptions& options) {
  const Plan plan = plan_from(options.source);
  SpaceContext context{.task_name = plan.task->name(),
                       .signature = plan.task->signature(),
                       .recipe = plan.recipe,
                       .base_folder = plan.base_folder};
  if (!options.input.empty()) context.signature.inputs.at(0).extents = extents_of(options.input);
  if (options.classes > 0) context.signature.outputs.at(0).extents = {options.classes};
  ConfigNode root = config_from_json(Json{{"space", plan.resolved.at("space")}}, "space");
  for (const std::string& assignment : space_overrides(options.sizes)) override_config(root, assignment);
  return {plan.space, space_from(root, context)};
}

Decisions decisions_of(const ScaleOptions& options, const Space& space) {
  if (options.trial >= 0) {
    if (options.source.study.empty() || !options.network.empty())
      throw UserError("--trial: expected --study beside it, and no other network");
    const auto store = open_sqlite_store(study_file(options.source.study), StoreMode::read_only);
    const auto row = store->trial(options.trial);
    if (!row.has_value()) throw UserError(fmt::format("no trial {} in '{}'", options.trial, options.source.study));
    return row->trial.candidate.decisions;
  }
  if (options.network.empty())
    throw UserError("expected a network (text, the name of a genotype or a file), or --study with --trial");
  std::error_code ignored;  // a text too long for a name is no file
  const bool file = std::filesystem::is_regular_file(options.network, ignored);
  std::string text = file ? read_file(options.network) : options.network;
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return decisions_from_text(space, text);
}

Json counts_of(const Graph& graph, const Metrics& cost) {
  Json json = {{"input", graph.shape_text(*graph.value(graph.inputs.at(0)).shape)},
               {"output", graph.shape_text(*graph.value(graph.outputs.at(0)).shape)}};
  for (const auto& [name, metric] : cost)
    if (metric.value) json[name] = *metric.value;
  return json;
}

void scale(const ScaleOptions& options, const Session& session) {
  const bool planned = !options.source.configuration.empty() || !options.source.study.empty();
  if (planned == !options.kind.empty())
    throw UserError("expected where the space comes from: --config FILE, --study FOLDER or --space KIND, one of them");
  const Sizes sizes = planned ? sizes_of_plan(options) : sizes_of_kind(options);
  const Space& space = sizes.found ? *sizes.found : *sizes.scaled;
  const Decisions decisions = decisions_of(options, space);
  if (!sizes.scaled->trace().is_complete(decisions))
    throw UserError("--size: at this size the space has other decisions; expected only other sizes");
  std::vector<std::pair<std::string, const Space*>> rows;
  if (sizes.found) rows.emplace_back("found", sizes.found.get());
  rows.emplace_back("scaled", sizes.scaled.get());
  Json json = {{"network", text_of_network(*sizes.scaled, decisions)}};
  TextTable table({"size", "input", "output", ">params", ">macs", ">model bytes", ">peak memory bytes"});
  for (const auto& [name, at] : rows) {
    const Design design = at->build(decisions);
    const Metrics cost = counted_cost(design, {}).totals;
    const Json counts = counts_of(design.graph(), cost);
    json[name] = counts;
    const auto number = [&](const char* key) {
      const auto value = metric_value(cost, key);
      return value ? fmt::format("{:.0f}", *value) : std::string("-");
    };
    table.add({name, counts["input"].get<std::string>(), counts["output"].get<std::string>(), number("params"),
               number("macs"), number("model_bytes"), number("peak_memory_bytes")});
  }
  if (!options.output.empty()) {
    Graph graph = sizes.scaled->build(decisions).graph();
    materialize_parameters(graph, static_cast<uint64_t>(options.seed));
    write_onnx(graph, options.output);
    json["model"] = options.output;
  }
  if (session.json) {
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << json["network"].get<std::string>() << "\n\n" << table.text();
  if (!options.output.empty()) std::cout << "\n" << options.output << " (untrained weights)\n";
}

}  // namespace

void add_scale(Command& program, Session& session) {
  Command verb =
      program.add_verb("scale", "a network of a space at another size: its counts before training, and as ONNX");
  auto options = std::make_shared<ScaleOptions>();
  verb.add_option("network", options->network, "as text, a released cell's name (nasnet-a), or a file with the text");
  verb.add_option("--config", options->source.configuration, "configuration with the space and the task");
  verb.add_option("--study", options->source.study, "output folder of a search");
  verb.add_option("--trial", options->trial, "with --study: the trial whose network is scaled").non_negative();
  verb.add_option("--space", options->kind, "kind of a space, instead of a configuration");
  verb.add_option("--size", options->sizes, "an option of the space at the new size, e.g. --size channels=44");
  verb.add_option("--input", options->input, "extents of one sample, e.g. 3,224,224, instead of the task's");
  verb.add_option("--classes", options->classes, "classes, instead of the task's").non_negative();
  verb.add_option("--seed", options->seed, "of the weights in the file").non_negative();
  verb.add_option("-o,--output", options->output, "ONNX file to write, with untrained weights");
  verb.on_run([options, &session] { scale(*options, session); });
}

}  // namespace nacre
