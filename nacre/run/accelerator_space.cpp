#include "nacre/run/accelerator_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/accelerator_registry.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

namespace nacre {
namespace {

constexpr std::size_t kMostValues = 10'000;  // of one parameter

ConfigNode* find(ConfigNode& map, std::string_view key) {
  const auto found = std::ranges::find(map.entries, key, [](const auto& entry) { return entry.first; });
  return found == map.entries.end() ? nullptr : &found->second;
}

// The level that `path` begins with, and what stands behind its name. Names may hold dots.
ConfigNode& level_of(ConfigNode& base, std::string& path, const SourcePosition& position) {
  ConfigNode* levels = find(base, "levels");
  std::vector<std::string> names;
  ConfigNode* best = nullptr;
  std::string rest;
  for (ConfigNode& level : levels->items) {
    const ConfigNode* name = level.find("name");
    if (name == nullptr) continue;
    names.push_back(name->scalar);
    if (!path.starts_with(name->scalar + ".") || (best != nullptr && path.size() - name->scalar.size() > rest.size()))
      continue;
    best = &level;
    rest = path.substr(name->scalar.size() + 1);
  }
  if (best == nullptr) {
    throw UserError(position,
                    "levels." + path + ": " + unknown_name_message("level", path.substr(0, path.find('.')), names));
  }
  path = rest;
  return *best;
}

// Sizes have two keys; the one that is set replaces the other.
void erase_other_size(ConfigNode& map, const std::string& key) {
  const std::string other = key == "capacity_kib" ? "capacity_bits" : key == "capacity_bits" ? "capacity_kib" : "";
  if (!other.empty()) std::erase_if(map.entries, [&](const auto& entry) { return entry.first == other; });
}

void set_key(ConfigNode& base, const std::string& path, const ConfigNode& value) {
  const SourcePosition& position = value.position;
  std::string rest = path;
  ConfigNode* map = &base;
  if (rest.starts_with("levels.")) {
    rest = rest.substr(7);
    map = &level_of(base, rest, position);
  }
  for (std::size_t dot; (dot = rest.find('.')) != std::string::npos; rest = rest.substr(dot + 1)) {
    const std::string key = rest.substr(0, dot);
    ConfigNode* inner = find(*map, key);
    if (inner == nullptr) {
      ConfigNode made;
      made.kind = ConfigNode::Kind::map;
      made.position = made.key_position = position;
      map->entries.emplace_back(key, std::move(made));
      inner = &map->entries.back().second;
    }
    if (!inner->is_map()) throw UserError(position, fmt::format("{}: '{}' is no map of keys", path, key));
    map = inner;
  }
  erase_other_size(*map, rest);
  ConfigNode entry = value;
  entry.key_position = position;
  if (ConfigNode* old = find(*map, rest))
    *old = std::move(entry);
  else
    map->entries.emplace_back(rest, std::move(entry));
}

std::vector<ConfigNode> range_values(const ConfigNode& node, const Options& options, const std::string& what) {
  for (const char* key : {"from", "to"})
    if (!options.has(key)) throw UserError(node.position, what + ": expected values, or from, to and step or factor");
  if (options.has("step") == options.has("factor"))
    throw UserError(node.position, what + ": expected either step or factor beside from and to");
  const double from = options.real("from"), to = options.real("to");
  if (to < from) throw UserError(options.position("to"), what + ": expected to >= from");
  const bool steps = options.has("step");
  const double by = options.real(steps ? "step" : "factor");
  if (steps ? by <= 0 : by <= 1 || from <= 0)
    throw UserError(options.position(steps ? "step" : "factor"),
                    what + (steps ? ": expected a step above 0" : ": expected a factor above 1 and from above 0"));
  std::vector<ConfigNode> values;
  // A hair of tolerance: 0.1 + 0.1 + 0.1 reaches 0.3.
  for (double value = from; value <= to * (1 + 1e-9); value = steps ? value + by : value * by) {
    if (values.size() == kMostValues)
      throw UserError(node.position, fmt::format("{}: more than {} values", what, kMostValues));
    ConfigNode item;
    item.kind = ConfigNode::Kind::scalar;
    item.scalar = fmt::format("{:.12g}", value);
    item.position = node.position;
    values.push_back(std::move(item));
  }
  return values;
}

void fill_numbers(AcceleratorParameter& parameter) {
  for (const ConfigNode& value : parameter.values) {
    const Json json = value.as_json();
    if (!json.is_number()) {
      parameter.numbers.clear();
      return;
    }
    parameter.numbers.push_back(json.get<double>());
  }
  // A search takes neighbors for near: in order.
  std::vector<std::size_t> order(parameter.numbers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return parameter.numbers[i]; });
  std::vector<ConfigNode> values;
  for (const std::size_t i : order) values.push_back(parameter.values[i]);
  parameter.values = std::move(values);
  std::ranges::sort(parameter.numbers);
}

const std::vector<Parameter>& parameter_keys() {
  static const std::vector<Parameter> kKeys = {
      {.name = "path", .description = "key of the accelerator's file, e.g. levels.buffer.capacity_kib"},
      {.name = "paths", .type = ParameterType::text_list, .description = "several that take the same value"},
      {.name = "values", .type = ParameterType::any, .description = "what it may be"},
      {.name = "from", .type = ParameterType::real, .description = "instead of values: the smallest"},
      {.name = "to", .type = ParameterType::real, .description = "and the largest"},
      {.name = "step", .type = ParameterType::real, .description = "from one to the next"},
      {.name = "factor", .type = ParameterType::real, .description = "from one to the next, multiplied"}};
  return kKeys;
}

AcceleratorParameter read_parameter(const std::string& name, const ConfigNode& node) {
  const std::string what = "parameters." + name;
  const Options options = resolve_options(node, parameter_keys(), what);
  AcceleratorParameter parameter{.name = name, .paths = {}, .values = {}, .numbers = {}};
  if (options.has("path") == options.has("paths")) throw UserError(node.position, what + ": expected path, or paths");
  parameter.paths = options.has("path") ? std::vector<std::string>{options.text("path")} : options.texts("paths");
  if (parameter.paths.empty()) throw UserError(options.position("paths"), what + ".paths: expected at least one");
  const ConfigNode* values = node.find("values");
  if (values == nullptr) {
    parameter.values = range_values(node, options, what);
  } else {
    for (const char* key : {"from", "to", "step", "factor"})
      if (options.has(key)) throw UserError(options.position(key), what + ": expected values or a range, found both");
    if (values->kind != ConfigNode::Kind::sequence || values->items.empty())
      throw UserError(values->position, what + ".values: expected a list of at least one value");
    parameter.values = values->items;
    for (const ConfigNode& value : parameter.values)
      if (value.kind != ConfigNode::Kind::scalar)
        throw UserError(value.position, what + ".values: expected numbers or words");
  }
  std::set<std::string> seen;
  for (const ConfigNode& value : parameter.values)
    if (!seen.insert(value.scalar).second)
      throw UserError(value.position, fmt::format("{}.values: {} stands here twice", what, value.scalar));
  fill_numbers(parameter);
  return parameter;
}

}  // namespace

std::vector<AcceleratorParameter> accelerator_parameters_from_config(const ConfigNode& node) {
  if (!node.is_map() || node.entries.empty())
    throw UserError(node.position, "parameters: expected names, each with {path: ..., values: [...]}");
  std::vector<AcceleratorParameter> parameters;
  std::map<std::string, std::string> owners;  // of paths
  for (const auto& [name, entry] : node.entries) {
    parameters.push_back(read_parameter(name, entry));
    for (const std::string& path : parameters.back().paths)
      if (const auto [owner, free] = owners.emplace(path, name); !free)
        throw UserError(entry.position,
                        fmt::format("parameters.{}: {} is set by parameters.{} already", name, path, owner->second));
  }
  return parameters;
}

std::pair<ConfigNode, std::filesystem::path> accelerator_source(const ConfigNode& name_or_path,
                                                                const std::filesystem::path& base_folder) {
  const std::string word = name_or_path.as_text("accelerator");
  if (const auto* entry = accelerator_registry().find(word))
    return {parse_config(entry->example, "accelerator " + word), base_folder};
  try {
    load_accelerator(word, base_folder);  // says what is wrong with it
  } catch (const UserError& error) {
    if (word.find('/') != std::string::npos || word.ends_with(".yaml") || word.ends_with(".yml")) throw;
    throw UserError(name_or_path.position, error.what());
  }
  const std::filesystem::path path = base_folder / word;
  return {load_config(path), path.parent_path()};
}

AcceleratorSpace::AcceleratorSpace(ConfigNode base, std::filesystem::path base_folder,
                                   std::vector<AcceleratorParameter> parameters,
                                   std::map<std::string, Graph, std::less<>> networks)
    : base_(std::move(base)),
      base_folder_(std::move(base_folder)),
      parameters_(std::move(parameters)),
      networks_(std::move(networks)) {
  accelerator({});
}

Design AcceleratorSpace::build(Chooser& choose) const {
  for (const AcceleratorParameter& parameter : parameters_) {
    if (parameter.values.size() < 2) continue;
    if (!parameter.numbers.empty()) {
      choose.pick_real(parameter.name, parameter.numbers);
      continue;
    }
    std::vector<std::string> words;
    for (const ConfigNode& value : parameter.values) words.push_back(value.scalar);
    choose.pick_word(parameter.name, words);
  }
  Design design;
  design.graphs = networks_;
  return design;
}

AcceleratorDescription AcceleratorSpace::accelerator(const Decisions& decisions) const {
  ConfigNode file = base_;
  for (const AcceleratorParameter& parameter : parameters_) {
    const int64_t* index = decisions.find(parameter.name);
    const ConfigNode& value = parameter.values.at(index == nullptr ? 0 : static_cast<std::size_t>(*index));
    for (const std::string& path : parameter.paths) set_key(file, path, value);
  }
  return accelerator_from_config(file, base_folder_);
}

std::vector<std::pair<std::string, std::string>> AcceleratorSpace::values(const Decisions& decisions) const {
  std::vector<std::pair<std::string, std::string>> result;
  for (const AcceleratorParameter& parameter : parameters_) {
    const int64_t* index = decisions.find(parameter.name);
    result.emplace_back(parameter.name,
                        parameter.values.at(index == nullptr ? 0 : static_cast<std::size_t>(*index)).scalar);
  }
  return result;
}

std::vector<std::string> AcceleratorSpace::unscaled_constants() const {
  std::vector<std::string> lines;
  for (const AcceleratorParameter& parameter : parameters_)
    for (const std::string& path : parameter.paths) {
      const std::size_t dot = path.rfind('.');
      const std::string key = dot == std::string::npos ? path : path.substr(dot + 1);
      if (!path.starts_with("levels.") || (key != "capacity_kib" && key != "capacity_bits" && key != "access_bits"))
        continue;
      ConfigNode base = base_;
      std::string rest = path.substr(7);
      const ConfigNode& level = level_of(base, rest, {});
      std::string stated;
      for (const char* constant : {"read_energy_pj", "write_energy_pj", "leakage_mw", "area_mm2"})
        if (level.find(constant) != nullptr) stated += (stated.empty() ? "" : ", ") + std::string(constant);
      if (!stated.empty())
        lines.push_back(
            fmt::format("{} is varied, but {} of that level are stated and do not follow; take them out and "
                        "name an estimate",
                        path, stated));
    }
  return lines;
}

}  // namespace nacre
