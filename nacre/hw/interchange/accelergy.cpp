#include "nacre/hw/interchange/accelergy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/component_costs.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/interchange/foreign_map.hpp"

namespace nacre {
namespace {

constexpr double kPico = 1e-12;
constexpr double kSquareMicron = 1e-6;  // mm2

// "system.PE[0].spad[1..168]" -> "spad"
std::string component_name(const std::string& name) {
  std::string last;
  int depth = 0;
  for (const char c : name) {
    if (c == '[') ++depth;
    if (depth == 0 && c == '.') {
      last.clear();
    } else if (depth == 0) {
      last += c;
    }
    if (c == ']') depth = std::max(0, depth - 1);
  }
  return last;
}

void read_table(const ConfigNode& table, bool energies, Imported& imported) {
  ForeignMap map(table, energies ? "ERT" : "ART", imported.warnings);
  map.take("version");
  const ConfigNode* rows = map.take_any({"tables", "table_summary"});
  if (rows == nullptr || rows->kind != ConfigNode::Kind::sequence)
    throw UserError(table.position, "expected 'tables' or 'table_summary'");
  map.finish();
  for (const ConfigNode& row : rows->items) {
    ForeignMap component(row, "component", imported.warnings);
    const std::string name = component_name(component.need("name").as_text("name"));
    if (energies) {
      auto& actions = imported.components.energy_j[name];
      for (const ConfigNode& item : component.need("actions").items) {
        ForeignMap action(item, fmt::format("action of '{}'", name), imported.warnings);
        const std::string word = action.need("name").as_text("name");
        action.need("energy");
        actions[word] = *action.number("energy") * kPico;
        action.ignore({"arguments"});
        action.finish();
      }
    } else {
      component.need("area");
      imported.components.area_mm2[name] = *component.number("area") * kSquareMicron;
    }
    component.ignore({"primitive_estimation(s)", "primitive_estimations"});
    component.finish();
  }
}

// accelforge: sizes and throughputs are numbers or expressions.
std::optional<double> expression(ForeignMap& map, std::string_view key, const std::string& what,
                                 std::vector<std::string>& warnings) {
  const std::optional<std::string> text = map.text(key);
  if (!text || *text == "inf") return std::nullopt;
  const std::optional<double> value = arithmetic_value(*text);
  if (!value) {
    warnings.push_back(fmt::format("{}: {} '{}' is no expression of numbers: not modelled", what, key, *text));
  } else if (*value < 0) {
    throw UserError(fmt::format("{}: {} is {}, expected >= 0", what, key, *value));
  }
  return value;
}

std::vector<TensorRole> roles_of(const ConfigNode* tensors) {
  const std::vector<TensorRole> all = {TensorRole::weights, TensorRole::inputs, TensorRole::outputs};
  if (tensors == nullptr) return all;
  std::string text;
  for (const char* key : {"keep", "may_keep"})
    if (const ConfigNode* found = tensors->find(key)) text += found->as_text(key) + "|";
  if (text.find("All") != std::string::npos || text.find('~') != std::string::npos) return all;
  std::vector<TensorRole> roles;
  for (const auto& [word, role] :
       {std::pair{"weight", TensorRole::weights}, {"input", TensorRole::inputs}, {"output", TensorRole::outputs}})
    if (text.find(word) != std::string::npos) roles.push_back(role);
  return roles;
}

class AccelforgeReader {
 public:
  AccelforgeReader(const std::string& name, Imported& imported) : imported_(imported) { accelerator_.name = name; }

  AcceleratorDescription read(const ConfigNode& arch) {
    ForeignMap map(arch, "arch", imported_.warnings);
    if (const ConfigNode* shared = map.take("extra_attributes_for_all_component_models")) {
      ForeignMap attributes(*shared, "extra attributes", imported_.warnings);
      if (const std::optional<double> node = attributes.number("tech_node")) accelerator_.node_nm = *node * 1e9;
      attributes.finish();
    }
    const ConfigNode& nodes = map.need("nodes");
    map.finish();
    // The multiplier first: its throughput is the clock.
    for (const ConfigNode& node : nodes.items)
      if (tag_of(node) == "Compute") read_compute(node);
    for (const ConfigNode& node : nodes.items) {
      const std::string tag = tag_of(node);
      if (tag == "Memory") {
        read_memory(node);
      } else if (tag == "Container") {
        ForeignMap container(node, "container", imported_.warnings);
        const std::string name = container.need("name").as_text("name");
        read_spatial(container.take("spatial"), name);
        container.finish();
      } else if (tag != "Compute") {
        throw UserError(node.position, fmt::format("!{}: expected !Memory, !Container or !Compute", tag));
      }
    }
    if (accelerator_.levels.empty()) throw UserError(arch.position, "an architecture without !Memory");
    return std::move(accelerator_);
  }

 private:
  static std::string tag_of(const ConfigNode& node) {
    const ConfigNode* tag = node.find(kTagKey);
    return tag == nullptr ? "" : tag->scalar;
  }

  void read_spatial(const ConfigNode* spatial, const std::string& name) {
    if (spatial == nullptr) return;
    Fanout fanout;
    for (size_t i = 0; i < spatial->items.size(); ++i) {
      ForeignMap axis(spatial->items[i], "spatial", imported_.warnings);
      const int64_t count = axis.whole("fanout").value_or(1);
      axis.ignore({"name"});
      if (axis.take("reuse") != nullptr || axis.take("min_usage") != nullptr)
        imported_.warnings.push_back(
            fmt::format("spatial of '{}': reuse and min_usage are constraints of its mapper", name));
      axis.finish();
      if (count < 1) throw UserError(spatial->items[i].position, "fanout: expected at least 1");
      int64_t& side = i == 0 ? fanout.x : fanout.y;
      side = checked_product(side, count, spatial->items[i].position);
    }
    if (accelerator_.levels.empty()) throw UserError(spatial->position, "a fan-out outside of every memory");
    if (accelerator_.levels.back().fanout.count() != 1) {
      MemoryLevel level;
      level.name = "spatial_" + name;
      level.holds.clear();
      accelerator_.levels.push_back(level);
    }
    accelerator_.levels.back().fanout = fanout;
  }

  // What every action costs: energy of one action, actions a second, bits of one.
  struct Action {
    std::optional<double> energy, throughput;
    double bits = 1;
  };

  std::map<std::string, Action> read_actions(const ConfigNode* list, const std::string& what) {
    std::map<std::string, Action> actions;
    if (list == nullptr) return actions;
    for (const ConfigNode& item : list->items) {
      ForeignMap map(item, what, imported_.warnings);
      Action action;
      const std::string name = map.need("name").as_text("name");
      action.energy = expression(map, "energy", what, imported_.warnings);
      action.throughput = expression(map, "throughput", what, imported_.warnings);
      action.bits = map.number("bits_per_action").value_or(1);
      if (!(action.bits >= 1) || action.bits > 1e9)
        throw UserError(item.position, "bits_per_action: expected at least 1");
      map.finish();
      actions[name] = action;
    }
    return actions;
  }

  void estimate(const ComponentQuery& query, const auto& use) {
    try {
      use(estimate_component(query));
    } catch (const UserError& error) {
      imported_.warnings.push_back(fmt::format("energies of '{}' are not known: {}", query.name, error.what()));
    }
  }

  void read_memory(const ConfigNode& node) {
    ForeignMap map(node, "memory", imported_.warnings);
    MemoryLevel level;
    level.name = map.need("name").as_text("name");
    const std::string what = fmt::format("memory '{}'", level.name);
    if (const std::optional<double> size = expression(map, "size", what, imported_.warnings);
        size && *size >= 1 && *size < 0x1p62)
      level.capacity_bits = static_cast<int64_t>(*size);
    level.holds = roles_of(map.take("tensors"));
    if (const std::optional<double> power = map.number("leak_power")) level.leakage_w = power;
    if (const std::optional<double> area = map.number("area")) level.area_mm2 = *area * 1e6;  // m2
    const std::map<std::string, Action> actions = read_actions(map.take("actions"), what);
    const std::string component = map.text("component_class").value_or("");
    int64_t banks = 1;
    if (const ConfigNode* extra = map.take("extra_attributes_for_component_model")) {
      ForeignMap attributes(*extra, what, imported_.warnings);
      banks = std::max<int64_t>(1, attributes.whole("n_banks").value_or(1));
      attributes.finish();
    }
    map.finish();
    level.banks = banks;
    level.source = "accelforge";
    level.access_bits = 1;
    for (const auto& [name, action] : actions) {
      level.access_bits = static_cast<int64_t>(action.bits);
      if (name == "read") level.read_energy_j = action.energy;
      if (name == "write") level.write_energy_j = action.energy;
      if (!action.throughput) continue;
      if (!accelerator_.clock_hz) {
        imported_.warnings.push_back(fmt::format("{}: throughput a second without a clock is not modelled", what));
        continue;
      }
      const double bits = *action.throughput * action.bits / *accelerator_.clock_hz;
      if (!(bits > 0)) throw UserError(node.position, fmt::format("{}: throughput: expected a number above 0", what));
      if (name == "read") level.read_bits_per_cycle = bits;
      if (name == "write") level.write_bits_per_cycle = bits;
    }
    if (!component.empty() && component != "Dummy" && !level.read_energy_j) {
      std::string kind = component;
      std::ranges::transform(kind, kind.begin(), [](unsigned char c) { return std::tolower(c); });
      const bool sram = kind.find("sram") != std::string::npos;
      if (actions.empty()) level.access_bits = sram ? 16 : 64;
      const bool small = level.capacity_bits && *level.capacity_bits / banks < 4096;
      estimate({.component = sram ? (small ? "register_file" : "sram") : kind,
                .capacity_bits = level.capacity_bits,
                .access_bits = level.access_bits,
                .banks = banks,
                .node_nm = accelerator_.node_nm,
                .name = level.name},
               [&](const ComponentCost& cost) {
                 level.read_energy_j = cost.read_energy_j;
                 level.write_energy_j = cost.write_energy_j;
                 if (!level.area_mm2) level.area_mm2 = cost.area_mm2;
                 level.source += "; " + cost.source;
               });
    }
    if (level.capacity_bits)
      level.access_bits = std::min(level.access_bits, std::max<int64_t>(1, *level.capacity_bits));
    accelerator_.levels.push_back(std::move(level));
  }

  void read_compute(const ConfigNode& node) {
    ForeignMap map(node, "compute", imported_.warnings);
    ComputeArray& compute = accelerator_.compute;
    compute.name = map.need("name").as_text("name");
    compute.source = "accelforge";
    if (map.number("leak_power").value_or(0) > 0) imported_.warnings.push_back("compute: leak_power is not modelled");
    if (const std::optional<double> area = map.number("area")) compute.area_mm2 = *area * 1e6;
    int64_t width = 8;
    if (const ConfigNode* extra = map.take("extra_attributes_for_component_model")) {
      ForeignMap attributes(*extra, "compute", imported_.warnings);
      width = attributes.whole("multiplier_width").value_or(width);
      attributes.ignore({"adder_width"});
      attributes.finish();
    }
    const std::string format = fmt::format("int{}", width);
    const std::map<std::string, Action> actions = read_actions(map.take("actions"), "compute");
    if (const auto found = actions.find("compute"); found != actions.end()) {
      if (found->second.energy) compute.energy_j[format] = *found->second.energy;
      if (found->second.throughput && *found->second.throughput > 1) accelerator_.clock_hz = found->second.throughput;
    }
    const std::optional<std::string> component = map.text("component_class");
    map.finish();
    if (component && compute.energy_j.empty()) {
      estimate({.component = "mac", .format = format, .node_nm = accelerator_.node_nm, .name = compute.name},
               [&](const ComponentCost& cost) {
                 compute.energy_j[format] = *cost.energy_j;
                 if (!compute.area_mm2) compute.area_mm2 = cost.area_mm2;
                 compute.source += "; " + cost.source;
               });
    }
  }

  Imported& imported_;
  AcceleratorDescription accelerator_;
};

}  // namespace

Imported read_accelergy(const ConfigNode& root) {
  Imported imported;
  imported.kind = "accelergy";
  if (!root.is_map()) throw UserError(root.position, "expected a table of Accelergy: ERT or ART");
  for (const auto& [key, value] : root.entries) {
    if (key.starts_with("ERT")) {
      read_table(value, true, imported);
    } else if (key.starts_with("ART")) {
      read_table(value, false, imported);
    } else {
      imported.warnings.push_back(fmt::format("not modelled: {}", key));
    }
  }
  if (imported.components.energy_j.empty() && imported.components.area_mm2.empty())
    throw UserError(root.position, "no table of Accelergy: expected ERT or ART with components");
  return imported;
}

Imported read_accelforge(const ConfigNode& root, const std::string& name) {
  Imported imported;
  imported.kind = "accelforge";
  ForeignMap map(root, "file", imported.warnings);
  AcceleratorDescription accelerator = AccelforgeReader(name, imported).read(map.need("arch"));
  map.finish();
  accelerator.not_modelled = imported.warnings;
  check_accelerator(accelerator, root.position);
  imported.accelerators.push_back(std::move(accelerator));
  return imported;
}

std::string filled_with_defaults(const std::string& text, const std::string& origin) {
  if (text.find("{%") == std::string::npos) return text;
  const auto fail = [&](const std::string& what) -> void {
    throw UserError({origin, 0, 0}, what + "; render the template first");
  };
  const auto bare = [](std::string_view word) {
    while (!word.empty() && std::string_view(" \t\"'").find(word.front()) != std::string_view::npos)
      word.remove_prefix(1);
    while (!word.empty() && std::string_view(" \t\"'").find(word.back()) != std::string_view::npos)
      word.remove_suffix(1);
    return std::string(word);
  };
  std::map<std::string, std::string> values;
  std::string filled;
  for (size_t at = 0; at < text.size();) {
    const size_t open = text.find('{', at);
    if (open == std::string::npos || open + 1 >= text.size() || (text[open + 1] != '%' && text[open + 1] != '{')) {
      const size_t end = open == std::string::npos ? text.size() : open + 1;
      filled += text.substr(at, end - at);
      at = end;
      continue;
    }
    filled += text.substr(at, open - at);
    const bool statement = text[open + 1] == '%';
    const size_t close = text.find(statement ? "%}" : "}}", open + 2);
    if (close == std::string::npos) fail("a template's brace without its end");
    const std::string inside = text.substr(open + 2, close - open - 2);
    at = close + 2;
    if (!statement) {
      const auto found = values.find(bare(inside));
      if (found == values.end()) fail(fmt::format("'{}' has no default", bare(inside).substr(0, 60)));
      filled += found->second;
      continue;
    }
    // set X = X | default(value)
    const std::string words = bare(inside);
    const size_t equals = words.find('=');
    const size_t begin = words.find("default(");
    const size_t end = words.rfind(')');
    if (!words.starts_with("set ") || equals == std::string::npos || begin == std::string::npos || end < begin + 8)
      fail(fmt::format("'{}' is no 'set X = X | default(value)'", words.substr(0, 60)));
    values[bare(words.substr(4, equals - 4))] = bare(words.substr(begin + 8, end - begin - 8));
  }
  return filled;
}

int64_t apply_component_table(const ComponentTable& table, AcceleratorDescription& accelerator,
                              std::vector<std::string>& warnings) {
  int64_t filled = 0;
  const auto energies = [&](const std::string& component, const char* action) -> std::optional<double> {
    const auto row = table.energy_j.find(component);
    if (row == table.energy_j.end()) return std::nullopt;
    const auto cell = row->second.find(action);
    return cell == row->second.end() ? std::nullopt : std::optional(cell->second);
  };
  const auto fill = [&](std::optional<double>& value, const std::optional<double>& known) {
    if (!known) return;
    value = known;
    ++filled;
  };
  const auto area = [&](const std::string& component) -> std::optional<double> {
    const auto cell = table.area_mm2.find(component);
    return cell == table.area_mm2.end() ? std::nullopt : std::optional(cell->second);
  };
  for (MemoryLevel& level : accelerator.levels) {
    const int64_t before = filled;
    fill(level.read_energy_j, energies(level.name, "read"));
    fill(level.write_energy_j, energies(level.name, "write"));
    fill(level.area_mm2, area(level.name));
    if (filled > before) level.source = "table of Accelergy";
  }
  ComputeArray& compute = accelerator.compute;
  if (const std::optional<double> energy = energies(compute.name, "compute")) {
    if (compute.energy_j.empty()) compute.energy_j["int8"] = 0;
    for (auto& [format, value] : compute.energy_j) value = *energy;
    compute.source = "table of Accelergy";
    ++filled;
  }
  fill(compute.area_mm2, area(compute.name));
  const auto known = [&](const std::string& name) {
    return name == compute.name ||
           std::ranges::find(accelerator.levels, name, &MemoryLevel::name) != accelerator.levels.end();
  };
  for (const auto& [name, actions] : table.energy_j)
    if (!known(name)) warnings.push_back(fmt::format("the table's '{}' is no part of '{}'", name, accelerator.name));
  return filled;
}

}  // namespace nacre
