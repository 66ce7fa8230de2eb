#include "nacre/bench/experiment.hpp"

#include <algorithm>

#include "nacre/bench/probe.hpp"

namespace nacre {
namespace {

constexpr const char* kFile = "experiment.yaml";

const std::vector<Parameter>& experiment_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "title", .type = ParameterType::text, .description = "what is shown, one line", .required = true},
      {.name = "source", .type = ParameterType::text, .description = "where it is claimed", .default_value = ""},
      {.name = "about", .type = ParameterType::text, .description = "a paragraph for readers", .default_value = ""},
      {.name = "seeds",
       .type = ParameterType::integer_list,
       .description = "of measurements that name none",
       .default_value = Json::array({0}),
       .minimum = 0},
      {.name = "measurements", .type = ParameterType::any, .description = "what is measured", .required = true},
      {.name = "gates", .type = ParameterType::any, .description = "what must come out", .required = true}};
  return kParameters;
}

const std::vector<Parameter>& measurement_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "probe", .type = ParameterType::text, .description = "how it is measured", .required = true},
      {.name = "seeds", .type = ParameterType::integer_list, .description = "one run each", .minimum = 0},
      {.name = "quick", .type = ParameterType::any, .description = "keys of the quick form, or false"}};
  return kParameters;
}

const std::vector<Parameter>& gate_parameters() {
  static const std::vector<Parameter> kParameters = {
      {.name = "what", .type = ParameterType::text, .description = "what is judged, one line", .required = true},
      {.name = "of", .type = ParameterType::text, .description = "a measurement", .required = true},
      {.name = "value",
       .type = ParameterType::text,
       .description = "JSON pointer into the measurement, or time_s",
       .required = true},
      {.name = "equals", .type = ParameterType::any, .description = "the exact value, a number or a text"},
      {.name = "at_least", .type = ParameterType::any, .description = "lower bound"},
      {.name = "at_most", .type = ParameterType::any, .description = "upper bound"},
      {.name = "between", .type = ParameterType::any, .description = "lower and upper bound"},
      {.name = "judge",
       .type = ParameterType::text,
       .description =
           "what must keep the bound: the mean over seeds, every seed, the whole 95 % interval, or two of three "
           "seeds, each against the other measurement's same seed",
       .default_value = "mean",
       .choices = {"mean", "every", "interval", "most"}},
      {.name = "unit", .type = ParameterType::text, .description = "of the value; % for shares", .default_value = ""},
      {.name = "published", .type = ParameterType::text, .description = "the source's figure", .default_value = ""},
      {.name = "note", .type = ParameterType::text, .description = "for readers", .default_value = ""},
      {.name = "quick", .type = ParameterType::any, .description = "keys of the quick form, or false"}};
  return kParameters;
}

std::vector<std::string> names_of(const std::vector<Parameter>& parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

bool is_false(const ConfigNode& node) { return node.kind == ConfigNode::Kind::scalar && node.scalar == "false"; }

// The node in the form asked for: `quick` taken away, and in the quick form its keys put in place of others. Nothing when
// the quick form leaves it out. A `quick` bound of a gate replaces whatever bound stands there.
std::optional<ConfigNode> in_form(const ConfigNode& node, bool quick, const std::vector<std::string>& exclusive = {}) {
  ConfigNode result = node;
  std::erase_if(result.entries, [](const auto& entry) { return entry.first == "quick"; });
  const ConfigNode* changes = node.find("quick");
  if (!quick || changes == nullptr || changes->is_null()) return result;
  if (is_false(*changes)) return std::nullopt;
  if (!changes->is_map()) throw UserError(changes->position, "quick: expected a map of keys, or false");
  for (const auto& [key, value] : changes->entries) {
    const bool one_of = std::ranges::find(exclusive, key) != exclusive.end();
    std::erase_if(result.entries, [&](const auto& entry) {
      return entry.first == key || (one_of && std::ranges::find(exclusive, entry.first) != exclusive.end());
    });
    result.entries.emplace_back(key, value);
  }
  return result;
}

Measurement read_measurement(const std::string& name, const ConfigNode& node, const std::vector<int64_t>& seeds) {
  const ConfigNode* kind = node.find("probe");
  if (kind == nullptr)
    throw UserError(node.position, "measurement '" + name + "': missing key probe (nacre list probes)");
  const auto& entry = probe_registry().get(kind->as_text("probe"), kind->position);
  const Options own =
      resolve_options(node, measurement_parameters(), "measurement '" + name + "'", names_of(entry.parameters));
  Measurement measurement;
  measurement.name = name;
  measurement.probe = entry.name;
  measurement.position = node.position;
  measurement.seeds = own.has("seeds") ? own.integers("seeds") : seeds;
  if (measurement.seeds.empty()) throw UserError(own.position("seeds"), "seeds: expected at least one");
  measurement.options =
      resolve_options(node, entry.parameters, "probe " + entry.name, names_of(measurement_parameters()));
  return measurement;
}

bool is_pointer(const std::string& text) { return text == "time_s" || text.starts_with("/"); }

GateBound read_bound(const ConfigNode& node, const std::string& key, const std::vector<std::string>& measurements) {
  if (!node.is_map()) {
    GateBound bound{.constant = node.as_json()};
    if (bound.constant.is_string() && key != "equals")
      throw UserError(node.position, key + ": expected a number, found '" + node.scalar + "'");
    if (!bound.constant.is_number() && !bound.constant.is_string() && !bound.constant.is_boolean())
      throw UserError(node.position, key + ": expected a number or a measurement {of, value, times, plus}");
    return bound;
  }
  static const std::vector<Parameter> kParameters = {
      {.name = "of", .type = ParameterType::text, .description = "a measurement", .required = true},
      {.name = "value", .type = ParameterType::text, .description = "JSON pointer into it", .required = true},
      {.name = "times", .type = ParameterType::real, .description = "factor", .default_value = 1.0},
      {.name = "plus", .type = ParameterType::real, .description = "added after the factor", .default_value = 0.0}};
  const Options options = resolve_options(node, kParameters, key);
  GateBound bound{.of = options.text("of"),
                  .pointer = options.text("value"),
                  .times = options.real("times"),
                  .plus = options.real("plus")};
  if (std::ranges::find(measurements, bound.of) == measurements.end())
    throw UserError(options.position("of"), unknown_name_message("measurement", bound.of, measurements));
  if (!is_pointer(bound.pointer))
    throw UserError(options.position("value"), key + ".value: expected a JSON pointer such as /best, or time_s");
  return bound;
}

Gate read_gate(const ConfigNode& node, const std::vector<std::string>& measurements) {
  const Options options = resolve_options(node, gate_parameters(), "gate");
  Gate gate;
  gate.what = options.text("what");
  gate.of = options.text("of");
  if (std::ranges::find(measurements, gate.of) == measurements.end())
    throw UserError(options.position("of"), unknown_name_message("measurement", gate.of, measurements));
  gate.pointer = options.text("value");
  if (!is_pointer(gate.pointer))
    throw UserError(options.position("value"), "value: expected a JSON pointer such as /networks/0/params, or time_s");
  int given = 0;
  const std::pair<const char*, Gate::Comparison> kinds[] = {{"equals", Gate::Comparison::equals},
                                                            {"at_least", Gate::Comparison::at_least},
                                                            {"at_most", Gate::Comparison::at_most},
                                                            {"between", Gate::Comparison::between}};
  for (const auto& [key, comparison] : kinds) {
    if (!options.given(key)) continue;
    ++given;
    gate.comparison = comparison;
    const ConfigNode& bound = options.node(key);
    if (comparison != Gate::Comparison::between) {
      gate.bounds = {read_bound(bound, key, measurements)};
      continue;
    }
    if (bound.items.size() != 2) throw UserError(bound.position, "between: expected [lower, upper]");
    for (const ConfigNode& item : bound.items) gate.bounds.push_back(read_bound(item, key, measurements));
  }
  if (given != 1)
    throw UserError(node.position,
                    "gate '" + gate.what + "': expected exactly one of equals, at_least, at_most, between");
  const std::string judge = options.text("judge");
  gate.judge = judge == "mean"    ? Gate::Judge::mean
               : judge == "every" ? Gate::Judge::every
               : judge == "most"  ? Gate::Judge::most
                                  : Gate::Judge::interval;
  gate.unit = options.text("unit");
  gate.published = options.text("published");
  gate.note = options.text("note");
  return gate;
}

}  // namespace

std::string_view comparison_word(Gate::Comparison comparison) {
  switch (comparison) {
    case Gate::Comparison::equals: return "equal to";
    case Gate::Comparison::at_least: return "at least";
    case Gate::Comparison::at_most: return "at most";
    case Gate::Comparison::between: return "between";
  }
  return "";
}

std::string_view judge_name(Gate::Judge judge) {
  switch (judge) {
    case Gate::Judge::mean: return "mean";
    case Gate::Judge::every: return "every seed";
    case Gate::Judge::interval: return "95 % interval";
    case Gate::Judge::most: return "two of three seeds, seed by seed";
  }
  return "";
}

Experiment load_experiment(const std::filesystem::path& folder, bool quick) {
  const ConfigNode root = load_config(folder / kFile);
  const Options options = resolve_options(root, experiment_parameters(), "experiment");
  Experiment experiment;
  experiment.folder = std::filesystem::absolute(folder).lexically_normal();
  if (experiment.folder.filename().empty()) experiment.folder = experiment.folder.parent_path();
  experiment.name = experiment.folder.filename().string();
  experiment.root = experiment.folder.parent_path().parent_path();
  experiment.title = options.text("title");
  experiment.source = options.text("source");
  experiment.about = options.text("about");
  experiment.quick = quick;
  const ConfigNode& measurements = options.node("measurements");
  if (!measurements.is_map()) throw UserError(measurements.position, "measurements: expected a map of names");
  std::vector<std::string> all, kept;
  for (const auto& [name, node] : measurements.entries) {
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos)
      throw UserError(node.key_position, "measurement '" + name + "': expected lower-case letters, digits and _");
    if (!node.is_map()) throw UserError(node.position, "measurement '" + name + "': expected a map with a probe");
    all.push_back(name);
    const auto form = in_form(node, quick);
    if (!form) continue;
    kept.push_back(name);
    experiment.measurements.push_back(read_measurement(name, *form, options.integers("seeds")));
  }
  const ConfigNode& gates = options.node("gates");
  if (gates.kind != ConfigNode::Kind::sequence || gates.items.empty())
    throw UserError(gates.position, "gates: expected a list of gates");
  for (const ConfigNode& node : gates.items) {
    if (!node.is_map()) throw UserError(node.position, "gate: expected a map with what, of, value and a bound");
    const auto form = in_form(node, quick, {"equals", "at_least", "at_most", "between"});
    if (!form) continue;
    Gate gate = read_gate(*form, all);
    const auto is_kept = [&](const std::string& name) { return std::ranges::find(kept, name) != kept.end(); };
    const bool measured = is_kept(gate.of) && std::ranges::all_of(gate.bounds, [&](const GateBound& bound) {
                            return bound.of.empty() || is_kept(bound.of);
                          });
    if (measured) experiment.gates.push_back(std::move(gate));
  }
  if (experiment.gates.empty()) throw UserError(gates.position, "the quick form of this experiment has no gate");
  return experiment;
}

std::vector<std::filesystem::path> find_experiments(const std::filesystem::path& repro) {
  std::vector<std::filesystem::path> folders;
  if (!std::filesystem::is_directory(repro)) throw UserError("no folder '" + repro.string() + "' with experiments");
  for (const auto& entry : std::filesystem::directory_iterator(repro)) {
    if (std::filesystem::exists(entry.path() / kFile)) folders.push_back(entry.path());
  }
  std::ranges::sort(folders);
  return folders;
}

}  // namespace nacre
