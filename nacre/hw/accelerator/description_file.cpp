#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/loopnest/network_workloads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/accelerator/accelerator_registry.hpp"
#include "nacre/hw/accelerator/component_costs.hpp"

namespace nacre {
namespace {

constexpr double kPico = 1e-12;
constexpr double kMilli = 1e-3;
constexpr double kMega = 1e6;
constexpr int64_t kKibiBits = 8192;
constexpr int64_t kLargestCount = int64_t{1} << 32;  // of instances and sizes in one key; products are checked apart
constexpr double kEstimatorTimeout = 60;

const std::vector<std::string> kRoles = {"weights", "inputs", "outputs"};

Parameter positive(std::string name, std::string description, std::string unit) {
  return {.name = std::move(name),
          .type = ParameterType::real,
          .description = std::move(description),
          .minimum = 0,
          .unit = std::move(unit)};
}

Parameter count(std::string name, std::string description, int64_t value) {
  return {.name = std::move(name),
          .type = ParameterType::integer,
          .description = std::move(description),
          .default_value = value,
          .minimum = 1,
          .maximum = static_cast<double>(kLargestCount)};
}

Parameter flag(std::string name, std::string description, bool value) {
  return {.name = std::move(name),
          .type = ParameterType::boolean,
          .description = std::move(description),
          .default_value = value};
}

Parameter text(std::string name, std::string description) {
  return {.name = std::move(name), .type = ParameterType::text, .description = std::move(description)};
}

Parameter any(std::string name, std::string description) {
  return {.name = std::move(name), .type = ParameterType::any, .description = std::move(description)};
}

std::vector<Parameter> top_parameters() {
  Parameter name = text("name", "of the accelerator");
  name.required = true;
  Parameter levels = any("levels", "memories and fan-outs, outermost first");
  levels.required = true;
  Parameter omitted = text("not_modelled", "what the chip has and this description leaves out, for the record");
  omitted.type = ParameterType::text_list;
  return {name,
          text("summary", "one line"),
          text("source", "where the description comes from"),
          positive("clock_mhz", "clock; without it latencies are cycles only", "MHz"),
          positive("node_nm", "technology; estimates need it", "nm"),
          positive("voltage_v", "supply; left out: that of the published constants", "V"),
          any("estimator", "a program that answers for components: command, options, environment, timeout_s, version"),
          levels,
          any("compute", "the multipliers; left out: one multiply-accumulate a cycle of unknown energy"),
          any("vector_unit", "where element-wise operators run; left out: none"),
          any("commands", "a host that hands out one tile a command; left out: work is never short of commands"),
          any("formats",
              "number formats that it computes with when nobody asks for others; left out: those of the network"),
          positive("other_area_mm2", "area that no level holds: control, pads; left out: 0", "mm2"),
          omitted};
}

std::vector<Parameter> level_parameters() {
  Parameter name = text("name", "of the level; letters, digits, '_', '-' and '.'");
  name.required = true;
  Parameter capacity_bits = count("capacity_bits", "of one instance; left out: unlimited", 1);
  capacity_bits.default_value = nullptr;
  capacity_bits.maximum = 0x1p62;
  capacity_bits.unit = "bit";
  Parameter access = count("access_bits", "width of one access, which the energies count", 16);
  access.unit = "bit";
  Parameter holds = text("holds", "tensors that may stay here; []: fan-out only; left out: all");
  holds.type = ParameterType::text_list;
  holds.choices = kRoles;
  return {name,
          capacity_bits,
          positive("capacity_kib", "the same in KiB, instead of capacity_bits", "KiB"),
          access,
          positive("read_bits_per_cycle", "of one instance; left out: not limited", "bit"),
          positive("write_bits_per_cycle", "of one instance; left out: not limited", "bit"),
          positive("shared_bits_per_cycle", "reads and writes together; left out: not limited", "bit"),
          count("banks", "that share capacity", 1),
          flag("double_buffered", "a tile may use half, and transfers overlap with work", false),
          text("estimate",
               "component that gives what is not stated of energies, leakage and area: sram, register_file, "
               "lpddr4, lpddr, ddr3, gddr5, hbm2, dram, or a word of the estimator"),
          positive("read_energy_pj", "of one access", "pJ"),
          positive("write_energy_pj", "of one access", "pJ"),
          positive("leakage_mw", "of one instance", "mW"),
          positive("area_mm2", "of one instance", "mm2"),
          holds,
          any("fanout", "children below one instance; left out: one"),
          text("source", "where the constants come from")};
}

std::vector<Parameter> fanout_parameters() {
  return {count("x", "children in a row", 1), count("y", "rows of children", 1),
          flag("multicast", "one read serves all children that want the same element", true),
          flag("reduction", "partial sums of children are added on the way up", true),
          positive("energy_pj_per_bit", "of one bit to one child", "pJ/bit")};
}

std::vector<Parameter> compute_parameters() {
  Parameter name = text("name", "of the unit");
  name.default_value = "mac";
  Parameter estimate =
      text("estimate", "formats whose energy, and the largest area of which, is estimated where not stated");
  estimate.type = ParameterType::text_list;
  return {name,
          count("lanes", "multiply-accumulates a unit does a cycle", 1),
          any("energy_pj", "of one multiply-accumulate by format, e.g. {int8: 0.3}"),
          any("rate", "multiply-accumulates of a lane and cycle by format, e.g. {int8: 2}; left out: 1"),
          estimate,
          positive("area_mm2", "of one unit", "mm2"),
          text("source", "where the constants come from")};
}

// The numbers of a stream of commands, by key: the schema, the reader, the writer and calibration go through this list.
std::vector<Parameter> command_stream_parameters() {
  Parameter level = text("level", "whose tiles commands work off: loops outside it are the host's");
  level.required = true;
  std::vector<Parameter> parameters = {
      level, count("rows", "of inputs that an instruction streams through the array at most", 1),
      count("request_bytes", "that a request to the outer memory moves at most", 64)};
  for (const CommandConstant& constant : command_constants()) {
    Parameter parameter = positive(constant.key, constant.description, "cycles");
    parameter.default_value = constant.value(CommandStream{});
    parameters.push_back(std::move(parameter));
  }
  Parameter overlap = positive(
      "overlap",
      "issue, load, compute and store of a command take (sum of t^overlap)^(1/overlap); left out: the slowest", "");
  overlap.minimum = 1;
  overlap.maximum = 64;
  parameters.push_back(std::move(overlap));
  parameters.push_back(text("source", "where the constants come from"));
  return parameters;
}

std::vector<Parameter> format_parameters() {
  return {text("weights", "number format of weights, e.g. int8"), text("activations", "of inputs and outputs"),
          text("partial_sums", "of outputs that are not finished; left out: at least 32 bits for integers")};
}

std::vector<Parameter> vector_unit_parameters() {
  return {count("lanes", "operations a cycle", 1), positive("energy_pj", "of one operation", "pJ"),
          text("estimate", "format; an operation costs what a multiply-accumulate in it costs"),
          positive("area_mm2", "of the whole unit", "mm2"), text("source", "where the constants come from")};
}

// An estimate in nine digits of its unit, so that a written file reads back equal.
std::optional<double> in_digits(const std::optional<double>& value, double unit) {
  if (!value) return std::nullopt;
  return std::stod(fmt::format("{:.9g}", *value / unit)) * unit;
}

// A key that must not be zero: a bandwidth of nothing never ends, a clock of nothing never ticks.
std::optional<double> above_zero(const Options& options, std::string_view name, double unit = 1.0) {
  if (!options.has(name)) return std::nullopt;
  const double value = options.real(name);
  if (!(value > 0) || !std::isfinite(value)) {
    throw UserError(options.position(name),
                    fmt::format("{}: expected a finite number above 0, found {}{}", name, value,
                                name.ends_with("per_cycle") ? "; leave the key out where nothing limits" : ""));
  }
  return value * unit;
}

std::optional<double> not_negative(const Options& options, std::string_view name, double unit = 1.0) {
  if (!options.has(name)) return std::nullopt;
  const double value = options.real(name);
  if (!std::isfinite(value))
    throw UserError(options.position(name), fmt::format("{}: expected a finite number, found {}", name, value));
  return value * unit;
}

std::string text_of(const Options& options, std::string_view name) {
  return options.has(name) ? options.text(name) : std::string();
}

void append_source(std::string& source, const std::string& more) {
  if (more.empty() || source.find(more) != std::string::npos) return;
  source += (source.empty() ? "" : "; ") + more;
}

struct Estimator {
  std::optional<CommandSettings> command;
  std::optional<double> node_nm, voltage_v;

  ComponentCost operator()(ComponentQuery query, const SourcePosition& position) const {
    query.node_nm = node_nm;
    query.voltage_v = voltage_v;
    try {
      ComponentCost cost = command ? ask_component_cost(*command, query) : estimate_component(query);
      for (std::optional<double>* energy : {&cost.read_energy_j, &cost.write_energy_j, &cost.energy_j})
        *energy = in_digits(*energy, kPico);
      cost.leakage_w = in_digits(cost.leakage_w, kMilli);
      return cost;
    } catch (const UserError& error) {
      throw UserError(position, error.what());
    }
  }
};

std::optional<int64_t> capacity_of(const Options& options) {
  const std::optional<double> kib = above_zero(options, "capacity_kib");
  if (!options.has("capacity_bits") && !kib) return std::nullopt;
  if (options.has("capacity_bits") && kib)
    throw UserError(options.position("capacity_kib"), "capacity_bits and capacity_kib are both given; give one");
  if (!kib) return options.integer("capacity_bits");
  const double bits = *kib * static_cast<double>(kKibiBits);
  if (bits >= 0x1p62 || bits != std::floor(bits)) {
    throw UserError(options.position("capacity_kib"),
                    fmt::format("capacity_kib: {} is no whole number of bits below 2^62", *kib));
  }
  return static_cast<int64_t>(bits);
}

Fanout read_fanout(const ConfigNode* node) {
  Fanout fanout;
  if (node == nullptr || node->is_null()) return fanout;
  const Options options = resolve_options(*node, fanout_parameters(), "fanout");
  fanout.x = options.integer("x");
  fanout.y = options.integer("y");
  fanout.multicast = options.boolean("multicast");
  fanout.reduction = options.boolean("reduction");
  fanout.energy_per_bit_j = not_negative(options, "energy_pj_per_bit", kPico);
  return fanout;
}

std::vector<TensorRole> read_roles(const Options& options) {
  std::vector<TensorRole> roles;
  for (const std::string& word : options.texts("holds")) {
    const auto role = static_cast<TensorRole>(std::ranges::find(kRoles, word) - kRoles.begin());
    if (std::ranges::find(roles, role) != roles.end())
      throw UserError(options.position("holds"), fmt::format("holds: '{}' stands here twice", word));
    roles.push_back(role);
  }
  std::ranges::sort(roles);
  return roles;
}

MemoryLevel read_level(const ConfigNode& node, const Estimator& estimator) {
  if (!node.is_map()) throw UserError(node.position, "levels: expected a map with the keys of a level");
  const Options options = resolve_options(node, level_parameters(), "level");
  MemoryLevel level;
  level.name = options.text("name");
  level.capacity_bits = capacity_of(options);
  level.access_bits = options.integer("access_bits");
  level.read_bits_per_cycle = above_zero(options, "read_bits_per_cycle");
  level.write_bits_per_cycle = above_zero(options, "write_bits_per_cycle");
  level.shared_bits_per_cycle = above_zero(options, "shared_bits_per_cycle");
  level.banks = options.integer("banks");
  level.double_buffered = options.boolean("double_buffered");
  level.read_energy_j = not_negative(options, "read_energy_pj", kPico);
  level.write_energy_j = not_negative(options, "write_energy_pj", kPico);
  level.leakage_w = not_negative(options, "leakage_mw", kMilli);
  level.area_mm2 = not_negative(options, "area_mm2");
  if (options.given("holds")) level.holds = read_roles(options);
  level.fanout = read_fanout(node.find("fanout"));
  level.source = text_of(options, "source");
  if (!options.has("estimate")) return level;
  const ComponentCost cost = estimator({.component = options.text("estimate"),
                                        .capacity_bits = level.capacity_bits,
                                        .access_bits = level.access_bits,
                                        .banks = level.banks,
                                        .name = level.name},
                                       options.position("estimate"));
  std::vector<std::string> filled;
  const auto fill = [&](std::optional<double>& value, const std::optional<double>& estimated, const char* what) {
    if (value || !estimated) return;
    value = estimated;
    filled.emplace_back(what);
  };
  fill(level.read_energy_j, cost.read_energy_j, "read energy");
  fill(level.write_energy_j, cost.write_energy_j, "write energy");
  fill(level.leakage_w, cost.leakage_w, "leakage");
  fill(level.area_mm2, cost.area_mm2, "area");
  if (!filled.empty()) append_source(level.source, fmt::format("{} {}", fmt::join(filled, ", "), cost.source));
  return level;
}

using ByFormat = std::map<std::string, double, std::less<>>;

ByFormat read_by_format(const ConfigNode& owner, const std::string& key, double unit, bool zero_allowed) {
  ByFormat values;
  const ConfigNode* node = owner.find(key);
  if (node == nullptr || node->is_null()) return values;
  if (!node->is_map()) throw UserError(node->position, fmt::format("{}: expected a map such as {{int8: 1}}", key));
  for (const auto& [format, entry] : node->entries) {
    const double value = entry.as_real(key + "." + format);
    if (!std::isfinite(value) || value < 0 || (value == 0 && !zero_allowed)) {
      throw UserError(entry.position, fmt::format("{}.{}: expected a finite number {} 0, found {}", key, format,
                                                  zero_allowed ? ">=" : "above", value));
    }
    values[format] = value * unit;
  }
  return values;
}

ComputeArray read_compute(const ConfigNode* node, const Estimator& estimator) {
  ComputeArray compute;
  if (node == nullptr || node->is_null()) return compute;
  const Options options = resolve_options(*node, compute_parameters(), "compute");
  compute.name = options.text("name");
  compute.lanes = options.integer("lanes");
  compute.energy_j = read_by_format(*node, "energy_pj", kPico, true);
  compute.rate = read_by_format(*node, "rate", 1.0, false);
  compute.area_mm2 = not_negative(options, "area_mm2");
  compute.source = text_of(options, "source");
  if (!options.has("estimate")) return compute;
  const bool area_given = compute.area_mm2.has_value();
  for (const std::string& format : options.texts("estimate")) {
    const ComponentCost cost =
        estimator({.component = "mac", .format = format, .name = compute.name}, options.position("estimate"));
    if (cost.energy_j) compute.energy_j.emplace(format, *cost.energy_j);
    if (!area_given && cost.area_mm2) {
      const double area = *cost.area_mm2 * static_cast<double>(compute.lanes);
      compute.area_mm2 = std::max(compute.area_mm2.value_or(0.0), area);
    }
    append_source(compute.source, cost.source);
  }
  return compute;
}

std::optional<VectorUnit> read_vector_unit(const ConfigNode* node, const Estimator& estimator) {
  if (node == nullptr || node->is_null()) return std::nullopt;
  const Options options = resolve_options(*node, vector_unit_parameters(), "vector_unit");
  VectorUnit unit;
  unit.lanes = options.integer("lanes");
  unit.energy_j = not_negative(options, "energy_pj", kPico);
  unit.area_mm2 = not_negative(options, "area_mm2");
  unit.source = text_of(options, "source");
  if (!options.has("estimate")) return unit;
  const ComponentCost cost = estimator({.component = "mac", .format = options.text("estimate"), .name = "vector_unit"},
                                       options.position("estimate"));
  if (!unit.energy_j) unit.energy_j = cost.energy_j;
  if (!unit.area_mm2 && cost.area_mm2) unit.area_mm2 = *cost.area_mm2 * static_cast<double>(unit.lanes);
  append_source(unit.source, cost.source);
  return unit;
}

std::optional<CommandStream> read_commands(const ConfigNode* node) {
  if (node == nullptr || node->is_null()) return std::nullopt;
  const Options options = resolve_options(*node, command_stream_parameters(), "commands");
  CommandStream stream;
  stream.level = options.text("level");
  stream.rows = options.integer("rows");
  stream.request_bytes = options.integer("request_bytes");
  for (const CommandConstant& constant : command_constants())
    constant.value(stream) = not_negative(options, constant.key).value_or(0.0);
  if (options.has("overlap")) stream.overlap = options.real("overlap");
  stream.source = text_of(options, "source");
  return stream;
}

bool is_level_name(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  });
}

void check_level(const MemoryLevel& level, const SourcePosition& position) {
  const auto fail = [&](const std::string& what) {
    throw UserError(position, fmt::format("level '{}': {}", level.name, what));
  };
  if (!is_level_name(level.name)) fail("a name has letters, digits, '_', '-' and '.' only");
  if (level.access_bits <= 0 || level.banks <= 0 || level.fanout.x <= 0 || level.fanout.y <= 0)
    fail("access_bits, banks and fan-outs must be at least 1");
  for (const std::optional<double>& rate :
       {level.read_bits_per_cycle, level.write_bits_per_cycle, level.shared_bits_per_cycle}) {
    if (rate && (!std::isfinite(*rate) || *rate <= 0)) fail("a bandwidth must be above 0");
  }
  for (const std::optional<double>& value :
       {level.read_energy_j, level.write_energy_j, level.leakage_w, level.area_mm2, level.fanout.energy_per_bit_j}) {
    if (value && (!std::isfinite(*value) || *value < 0)) fail("energies, leakage and area must be at least 0");
  }
  if (!level.capacity_bits) return;
  if (*level.capacity_bits <= 0) fail("capacity must be at least 1 bit");
  const int64_t parts = level.double_buffered ? 2 : 1;
  if (*level.capacity_bits / parts < level.banks) {
    fail(fmt::format("{} bit cannot be shared by {} banks{}", *level.capacity_bits, level.banks,
                     level.double_buffered ? " in two halves" : ""));
  }
  if (*level.capacity_bits / parts < level.access_bits) {
    fail(fmt::format("its capacity of {} bit{} cannot take one access of {} bit", *level.capacity_bits,
                     level.double_buffered ? ", halved by double buffering," : "", level.access_bits));
  }
}

void check_commands(const CommandStream& stream, const AcceleratorDescription& accelerator,
                    const SourcePosition& position) {
  const auto fail = [&](const std::string& what) { throw UserError(position, "commands: " + what); };
  std::vector<std::string> names;
  for (const MemoryLevel& level : accelerator.levels) names.push_back(level.name);
  const auto found = std::ranges::find(names, stream.level);
  if (found == names.end()) fail(unknown_name_message("level", stream.level, names));
  if (found == names.begin())
    fail(fmt::format("level '{}' is the outermost, it has no tiles that a host could hand out", stream.level));
  for (auto outer = names.begin(); outer != found; ++outer) {
    if (accelerator.levels[static_cast<std::size_t>(outer - names.begin())].fanout.count() > 1)
      fail(fmt::format("level '{}' has several instances; commands of one chip go to one", stream.level));
  }
  if (stream.rows < 1 || stream.request_bytes < 1) fail("rows and request_bytes must be at least 1");
  for (const CommandConstant& constant : command_constants()) {
    const double value = constant.value(stream);
    if (!std::isfinite(value) || value < 0) fail(fmt::format("{} must be at least 0, found {}", constant.key, value));
  }
}

Json energy_json(double joules) {
  // The shortest picojoules that read back as the same joules.
  const double rough = joules / kPico;
  for (int digits = 6; digits <= 17; ++digits) {
    const double candidate = std::stod(fmt::format("{:.{}g}", rough, digits));
    if (candidate * kPico == joules) return candidate;
  }
  for (const double candidate : {std::nextafter(rough, 0.0), std::nextafter(rough, INFINITY)})
    if (candidate * kPico == joules) return candidate;
  return rough;
}

Json scaled_json(double value, double unit) {
  const double rough = value / unit;
  for (int digits = 6; digits <= 17; ++digits) {
    const double candidate = std::stod(fmt::format("{:.{}g}", rough, digits));
    if (candidate * unit == value) return candidate;
  }
  return rough;
}

Json number_json(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

Json level_json(const MemoryLevel& level) {
  Json json = {{"name", level.name}};
  if (level.capacity_bits && *level.capacity_bits % kKibiBits == 0)
    json["capacity_kib"] = *level.capacity_bits / kKibiBits;
  else if (level.capacity_bits)
    json["capacity_bits"] = *level.capacity_bits;
  json["access_bits"] = level.access_bits;
  const auto add = [&](const char* key, const std::optional<double>& value) {
    if (value) json[key] = number_json(*value);
  };
  add("read_bits_per_cycle", level.read_bits_per_cycle);
  add("write_bits_per_cycle", level.write_bits_per_cycle);
  add("shared_bits_per_cycle", level.shared_bits_per_cycle);
  if (level.banks != 1) json["banks"] = level.banks;
  if (level.double_buffered) json["double_buffered"] = true;
  if (level.read_energy_j) json["read_energy_pj"] = energy_json(*level.read_energy_j);
  if (level.write_energy_j) json["write_energy_pj"] = energy_json(*level.write_energy_j);
  if (level.leakage_w) json["leakage_mw"] = scaled_json(*level.leakage_w, kMilli);
  add("area_mm2", level.area_mm2);
  if (level.holds.size() != kRoles.size()) {
    Json& holds = json["holds"] = Json::array();
    for (const TensorRole role : level.holds) holds.push_back(tensor_role_name(role));
  }
  const Fanout& fanout = level.fanout;
  Json children = Json::object();
  if (fanout.x != 1) children["x"] = fanout.x;
  if (fanout.y != 1) children["y"] = fanout.y;
  if (!fanout.multicast) children["multicast"] = false;
  if (!fanout.reduction) children["reduction"] = false;
  if (fanout.energy_per_bit_j) children["energy_pj_per_bit"] = energy_json(*fanout.energy_per_bit_j);
  if (!children.empty()) json["fanout"] = std::move(children);
  if (!level.source.empty()) json["source"] = level.source;
  return json;
}

Json compute_json(const ComputeArray& compute) {
  Json json = {{"name", compute.name}, {"lanes", compute.lanes}};
  for (const auto& [format, energy] : compute.energy_j) json["energy_pj"][format] = energy_json(energy);
  for (const auto& [format, rate] : compute.rate) json["rate"][format] = number_json(rate);
  if (compute.area_mm2) json["area_mm2"] = *compute.area_mm2;
  if (!compute.source.empty()) json["source"] = compute.source;
  return json;
}

Json commands_json(const CommandStream& stream) {
  Json json = {{"level", stream.level}, {"rows", stream.rows}, {"request_bytes", stream.request_bytes}};
  for (const CommandConstant& constant : command_constants()) json[constant.key] = number_json(constant.value(stream));
  if (stream.overlap) json["overlap"] = number_json(*stream.overlap);
  if (!stream.source.empty()) json["source"] = stream.source;
  return json;
}

OperandFormats read_formats(const ConfigNode& node) {
  const Options options = resolve_options(node, format_parameters(), "formats");
  OperandFormats formats;
  for (const auto& [key, format] :
       {std::pair{"weights", &formats.weights}, std::pair{"activations", &formats.activations},
        std::pair{"partial_sums", &formats.partial_sums}}) {
    if (!options.has(key)) continue;
    *format = options.text(key);
    try {
      format_bits(*format);
    } catch (const UserError& error) {
      throw UserError(options.position(key), std::string("formats.") + key + ": " + error.what());
    }
  }
  return formats;
}

}  // namespace

const std::vector<CommandConstant>& command_constants() {
  static const std::vector<CommandConstant> constants = {
      {"issue_cycles", "of the host between two commands", [](CommandStream& s) -> double& { return s.issue_cycles; }},
      {"window_issue_cycles", "the same more where inputs are read through windows",
       [](CommandStream& s) -> double& { return s.window_issue_cycles; }},
      {"command_cycles", "of each command, overlapping with nothing",
       [](CommandStream& s) -> double& { return s.command_cycles; }},
      {"layer_cycles", "of each layer: first load, last store",
       [](CommandStream& s) -> double& { return s.layer_cycles; }},
      {"row_cycles", "of the array for each row", [](CommandStream& s) -> double& { return s.row_cycles; }},
      {"instruction_cycles", "of the array for each instruction, beside its rows",
       [](CommandStream& s) -> double& { return s.instruction_cycles; }},
      {"preload_cycles", "of the array for each block of weights",
       [](CommandStream& s) -> double& { return s.preload_cycles; }},
      {"load_instruction_cycles", "of each instruction that loads",
       [](CommandStream& s) -> double& { return s.load.instruction_cycles; }},
      {"load_request_cycles", "of each request for operands",
       [](CommandStream& s) -> double& { return s.load.request_cycles; }},
      {"load_byte_cycles", "of each byte loaded", [](CommandStream& s) -> double& { return s.load.byte_cycles; }},
      {"store_instruction_cycles", "of each instruction that stores",
       [](CommandStream& s) -> double& { return s.store.instruction_cycles; }},
      {"store_request_cycles", "of each request that stores",
       [](CommandStream& s) -> double& { return s.store.request_cycles; }},
      {"store_byte_cycles", "of each byte stored", [](CommandStream& s) -> double& { return s.store.byte_cycles; }}};
  return constants;
}

const char* tensor_role_name(TensorRole role) { return kRoles[static_cast<size_t>(role)].c_str(); }

std::vector<AcceleratorKeys> accelerator_keys() {
  return {{"the accelerator", top_parameters()},     {"levels[]", level_parameters()},
          {"levels[].fanout", fanout_parameters()},  {"compute", compute_parameters()},
          {"vector_unit", vector_unit_parameters()}, {"commands", command_stream_parameters()},
          {"formats", format_parameters()}};
}

void check_accelerator(const AcceleratorDescription& accelerator, const SourcePosition& position) {
  const auto fail = [&](const std::string& what) {
    throw UserError(position, fmt::format("accelerator '{}': {}", accelerator.name, what));
  };
  if (accelerator.levels.empty()) fail("no levels; the outermost memory is the least");
  std::set<std::string> names;
  for (const MemoryLevel& level : accelerator.levels) {
    check_level(level, position);
    if (!names.insert(level.name).second)
      fail(fmt::format("level '{}' stands here twice; a memory is inside itself or two want other names", level.name));
  }
  for (const TensorRole role : {TensorRole::weights, TensorRole::inputs, TensorRole::outputs}) {
    if (std::ranges::find(accelerator.levels.front().holds, role) == accelerator.levels.front().holds.end()) {
      fail(fmt::format("nothing holds the {}: the outermost level, '{}', must hold all tensors", tensor_role_name(role),
                       accelerator.levels.front().name));
    }
  }
  if (accelerator.commands) check_commands(*accelerator.commands, accelerator, position);
  if (accelerator.compute.lanes <= 0) fail("compute.lanes must be at least 1");
  try {
    int64_t lanes = 0;
    if (__builtin_mul_overflow(accelerator.units(), accelerator.compute.lanes, &lanes) || lanes > kLargestCount)
      fail(fmt::format("more than {} multipliers; check the fan-outs", kLargestCount));
  } catch (const UserError& error) {
    throw UserError(position, error.what());
  }
}

AcceleratorDescription accelerator_from_config(const ConfigNode& node, const std::filesystem::path& base_folder) {
  if (!node.is_map()) throw UserError(node.position, "expected an accelerator: a map with name and levels");
  const Options options = resolve_options(node, top_parameters(), "accelerator");
  AcceleratorDescription accelerator;
  accelerator.name = options.text("name");
  accelerator.summary = text_of(options, "summary");
  accelerator.source = text_of(options, "source");
  accelerator.clock_hz = above_zero(options, "clock_mhz", kMega);
  accelerator.node_nm = above_zero(options, "node_nm");
  accelerator.voltage_v = above_zero(options, "voltage_v");
  accelerator.other_area_mm2 = not_negative(options, "other_area_mm2");
  if (options.has("not_modelled")) accelerator.not_modelled = options.texts("not_modelled");
  Estimator estimator{{}, accelerator.node_nm, accelerator.voltage_v};
  if (const ConfigNode* command = node.find("estimator"); command != nullptr && !command->is_null()) {
    const Options settings =
        resolve_options(*command, command_parameters({}, kEstimatorTimeout, std::nullopt), "estimator");
    estimator.command = command_from_options(settings, base_folder, {});
  }
  const ConfigNode& levels = node.at("levels");
  if (levels.kind != ConfigNode::Kind::sequence || levels.items.empty())
    throw UserError(levels.position, "levels: expected a list of memories, outermost first");
  std::set<std::string> names;
  for (const ConfigNode& item : levels.items) {
    accelerator.levels.push_back(read_level(item, estimator));
    const MemoryLevel& level = accelerator.levels.back();
    check_level(level, item.position);
    if (!names.insert(level.name).second) {
      throw UserError(item.position, fmt::format("level '{}' stands here twice; a memory is inside itself or two want "
                                                 "other names",
                                                 level.name));
    }
  }
  accelerator.compute = read_compute(node.find("compute"), estimator);
  accelerator.vector_unit = read_vector_unit(node.find("vector_unit"), estimator);
  accelerator.commands = read_commands(node.find("commands"));
  if (const ConfigNode* formats = node.find("formats"); formats != nullptr) accelerator.native = read_formats(*formats);
  check_accelerator(accelerator, node.position);
  return accelerator;
}

AcceleratorDescription read_accelerator(const std::filesystem::path& path) {
  return accelerator_from_config(load_config(path), path.parent_path());
}

std::string accelerator_yaml(const AcceleratorDescription& accelerator) {
  Json json = {{"name", accelerator.name}};
  if (!accelerator.summary.empty()) json["summary"] = accelerator.summary;
  if (!accelerator.source.empty()) json["source"] = accelerator.source;
  if (accelerator.clock_hz) json["clock_mhz"] = scaled_json(*accelerator.clock_hz, kMega);
  if (accelerator.node_nm) json["node_nm"] = number_json(*accelerator.node_nm);
  if (accelerator.voltage_v) json["voltage_v"] = *accelerator.voltage_v;
  Json& levels = json["levels"] = Json::array();
  for (const MemoryLevel& level : accelerator.levels) levels.push_back(level_json(level));
  json["compute"] = compute_json(accelerator.compute);
  if (accelerator.vector_unit) {
    const VectorUnit& unit = *accelerator.vector_unit;
    Json& vector = json["vector_unit"] = Json{{"lanes", unit.lanes}};
    if (unit.energy_j) vector["energy_pj"] = energy_json(*unit.energy_j);
    if (unit.area_mm2) vector["area_mm2"] = *unit.area_mm2;
    if (!unit.source.empty()) vector["source"] = unit.source;
  }
  if (accelerator.commands) json["commands"] = commands_json(*accelerator.commands);
  for (const auto& [key, format] :
       {std::pair{"weights", accelerator.native.weights}, std::pair{"activations", accelerator.native.activations},
        std::pair{"partial_sums", accelerator.native.partial_sums}})
    if (!format.empty()) json["formats"][key] = format;
  if (accelerator.other_area_mm2) json["other_area_mm2"] = *accelerator.other_area_mm2;
  if (!accelerator.not_modelled.empty()) json["not_modelled"] = accelerator.not_modelled;
  return yaml_text(json);
}

void write_accelerator(const AcceleratorDescription& accelerator, const std::filesystem::path& path) {
  write_file_atomically(path, accelerator_yaml(accelerator));
}

AcceleratorDescription load_accelerator(const std::string& name_or_path, const std::filesystem::path& base_folder) {
  if (const auto* entry = accelerator_registry().find(name_or_path)) return entry->make();
  const std::filesystem::path path = base_folder / name_or_path;
  const bool is_path = name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".yaml") ||
                       name_or_path.ends_with(".yml") || std::filesystem::is_regular_file(path);
  if (is_path) return read_accelerator(path);
  throw UserError(unknown_name_message("accelerator", name_or_path, accelerator_registry().names(),
                                       "nacre list accelerators, or a file"));
}

}  // namespace nacre
