// Architectures of Timeloop: v0.3 as a list, v0.3 as a tree, v0.4.
#include "nacre/hw/interchange/timeloop_parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/component_costs.hpp"
#include "nacre/hw/accelerator/description_file.hpp"

namespace nacre::timeloop {
namespace {

constexpr double kPico = 1e-12;
constexpr double kSquareMicron = 1e-6;  // mm2
constexpr int64_t kDefaultWordBits = 16;
constexpr int64_t kLargestField = int64_t{1} << 40;

struct Mesh {
  int64_t x = 1;
  int64_t y = 1;
};

int64_t field(ForeignMap& map, std::string_view key, int64_t missing, const SourcePosition& position) {
  const int64_t value = map.whole(key).value_or(missing);
  if (value > kLargestField) throw UserError(position, fmt::format("{}: {} is too large", key, value));
  return value;
}

// In words a cycle and instance.
void read_bandwidths(ForeignMap& map, int64_t word_bits, MemoryLevel& level) {
  const auto bits = [&](const char* key) -> std::optional<double> {
    const std::optional<double> words = map.number(key);
    return words ? std::optional(*words * static_cast<double>(word_bits)) : std::nullopt;
  };
  level.read_bits_per_cycle = bits("read_bandwidth");
  level.write_bits_per_cycle = bits("write_bandwidth");
  level.shared_bits_per_cycle = bits("shared_bandwidth");
}

std::optional<double> technology_nm(const std::string& text) {
  try {
    size_t end = 0;
    const double value = std::stod(text, &end);
    const std::string unit = text.substr(end);
    if (unit == "nm") return value;
    if (unit.empty()) return value < 1e-3 ? value * 1e9 : value;
  } catch (const std::exception&) {  // no number
  }
  return std::nullopt;
}

// "PE[0..167]" -> {"PE", 168}
std::pair<std::string, int64_t> counted_name(const std::string& text, const SourcePosition& position) {
  const size_t open = text.find('[');
  if (open == std::string::npos) return {text, 1};
  const size_t dots = text.find("..", open);
  const size_t close = text.find(']', open);
  try {
    if (dots == std::string::npos || close == std::string::npos || close < dots) throw std::invalid_argument(text);
    const int64_t first = std::stoll(text.substr(open + 1, dots - open - 1));
    const int64_t last = std::stoll(text.substr(dots + 2, close - dots - 2));
    if (last < first || last - first >= kLargestField) throw std::invalid_argument(text);
    return {text.substr(0, open), last - first + 1};
  } catch (const std::exception&) {
    throw UserError(position, fmt::format("'{}': expected a name such as PE[0..15]", text));
  }
}

// A storage level of the old list, inner first.
struct ListedLevel {
  MemoryLevel level;
  int64_t instances = 1;
  int64_t mesh_x = 1;
  SourcePosition position;
};

Fanout fanout_between(const ListedLevel& outer, const ListedLevel& inner) {
  const SourcePosition& position = inner.position;
  if (inner.instances % outer.instances != 0) {
    throw UserError(position, fmt::format("{} instances of '{}' do not divide among {} of '{}'", inner.instances,
                                          inner.level.name, outer.instances, outer.level.name));
  }
  Fanout fanout;
  const int64_t children = inner.instances / outer.instances;
  if (inner.mesh_x % outer.mesh_x != 0 || children % (inner.mesh_x / outer.mesh_x) != 0) {
    throw UserError(position, fmt::format("meshX {} of '{}' does not fit meshX {} of '{}'", inner.mesh_x,
                                          inner.level.name, outer.mesh_x, outer.level.name));
  }
  fanout.x = inner.mesh_x / outer.mesh_x;
  fanout.y = children / fanout.x;
  return fanout;
}

ListedLevel listed_level(const ConfigNode& node, const std::string& kind, std::vector<std::string>& warnings) {
  ListedLevel listed;
  listed.position = node.position;
  const ConfigNode* name = node.find("name");
  ForeignMap map(node, fmt::format("{} '{}'", kind, name == nullptr ? "" : name->scalar), warnings);
  MemoryLevel& level = listed.level;
  level.name = map.need("name").as_text("name");
  listed.instances = std::max<int64_t>(1, field(map, "instances", 1, node.position));
  listed.mesh_x = std::max<int64_t>(1, field(map, "meshX", listed.instances, node.position));
  int64_t word_bits = kDefaultWordBits;
  for (const char* spelling : {"word-bits", "word_bits"}) word_bits = field(map, spelling, word_bits, node.position);
  int64_t block = 1;
  for (const char* spelling : {"block-size", "block_size"}) block = field(map, spelling, block, node.position);
  if (word_bits < 1 || block < 1) throw UserError(node.position, "word-bits and block-size must be at least 1");
  level.access_bits = checked_product(word_bits, block, node.position);
  const std::optional<int64_t> entries = map.whole("entries");
  const std::optional<double> size_kib = map.number("sizeKB");
  if (entries && *entries > 0)
    level.capacity_bits = checked_product(*entries, word_bits, node.position);
  else if (entries)
    level.holds.clear();  // hands on only
  else if (size_kib && *size_kib < 1e9)
    level.capacity_bits = static_cast<int64_t>(*size_kib * 8192);
  read_bandwidths(map, word_bits, level);
  if (const std::optional<double> energy = map.number("vector-access-energy"))
    level.read_energy_j = level.write_energy_j = *energy * kPico;
  if (const std::optional<double> energy = map.number("energy")) level.read_energy_j = *energy * kPico;
  for (const char* key : {"cluster-area", "area"})
    if (const std::optional<double> area = map.number(key)) level.area_mm2 = *area * kSquareMicron;
  if (map.number("addr-gen-energy").value_or(0) > 0)
    warnings.push_back(fmt::format("level '{}': energy of address generation is not modelled", level.name));
  if (const std::optional<std::string> technology = map.text("technology"); technology && *technology != "DRAM")
    warnings.push_back(fmt::format("level '{}': technology {} without energies", level.name, *technology));
  map.finish();
  level.source = "Timeloop architecture";
  return listed;
}

AcceleratorDescription from_list(const ConfigNode& arch, const std::string& name, std::vector<std::string>& warnings) {
  ForeignMap map(arch, "arch", warnings);
  const ConfigNode& storage = map.need("storage");
  if (storage.items.empty()) throw UserError(storage.position, "storage: expected a list of levels");
  std::vector<ListedLevel> levels;  // outer first, the multipliers last
  for (auto item = storage.items.rbegin(); item != storage.items.rend(); ++item)
    levels.push_back(listed_level(*item, "level", warnings));
  levels.push_back(listed_level(map.need("arithmetic"), "arithmetic", warnings));
  map.finish();
  AcceleratorDescription accelerator;
  accelerator.name = name;
  for (size_t i = 0; i + 1 < levels.size(); ++i) {
    levels[i].level.fanout = fanout_between(levels[i], levels[i + 1]);
    accelerator.levels.push_back(levels[i].level);
  }
  if (levels[0].instances != 1)
    throw UserError(levels[0].position, fmt::format("the outermost level '{}' must be one", levels[0].level.name));
  const MemoryLevel& arithmetic = levels.back().level;
  accelerator.compute.name = arithmetic.name;
  accelerator.compute.area_mm2 = arithmetic.area_mm2;
  accelerator.compute.source = arithmetic.source;
  if (arithmetic.read_energy_j)
    accelerator.compute.energy_j[fmt::format("int{}", arithmetic.access_bits)] = *arithmetic.read_energy_j;
  return accelerator;
}

// The tree forms: components from outer to inner, each with the mesh that leads to it.
class TreeReader {
 public:
  TreeReader(const std::string& name, Imported& imported) : imported_(imported) { accelerator_.name = name; }

  AcceleratorDescription take() {
    if (accelerator_.levels.empty()) throw UserError("an architecture without a storage component");
    accelerator_.not_modelled = imported_.warnings;
    return std::move(accelerator_);
  }

  void read_v4(const ConfigNode& nodes) {
    if (nodes.kind != ConfigNode::Kind::sequence) throw UserError(nodes.position, "nodes: expected a list");
    for (const ConfigNode& node : nodes.items) {
      const ConfigNode* tag = node.find(kTagKey);
      const std::string word = tag == nullptr ? "Component" : tag->scalar;
      if (word == "Parallel") {
        ForeignMap map(node, "Parallel", imported_.warnings);
        read_v4(map.need("nodes"));
        map.finish();
      } else if (word == "Container") {
        container(node);
      } else if (word == "Component") {
        component_v4(node);
      } else if (word != "Nothing") {
        throw UserError(node.position,
                        fmt::format("!{}: expected !Component, !Container, !Parallel or !Nothing", word));
      }
    }
  }

  // {name, local: [...], subtree: [...]}, `outside`: instances of what surrounds it.
  void read_v3(const ConfigNode& node, int64_t outside) {
    ForeignMap map(node, "subtree", imported_.warnings);
    const auto [name, count] = counted_name(map.need("name").as_text("name"), node.position);
    const int64_t inside = checked_product(outside, count, node.position);
    if (const ConfigNode* attributes = map.take("attributes")) read_shared(*attributes);
    if (const ConfigNode* local = map.take("local")) {
      for (const ConfigNode& item : local->items) {
        ForeignMap component(item, "component", imported_.warnings);
        const auto [own, own_count] = counted_name(component.need("name").as_text("name"), item.position);
        const ConfigNode* attributes = component.take("attributes");
        const std::string kind = component.text("class").value_or("");
        component.text("subclass");
        component.finish();
        add(own, kind, attributes, checked_product(inside, own_count, item.position), item);
      }
    }
    if (const ConfigNode* subtree = map.take("subtree")) {
      for (const ConfigNode& item : subtree->items) read_v3(item, inside);
    }
    map.finish();
  }

 private:
  void read_shared(const ConfigNode& attributes) {
    ForeignMap map(attributes, "attributes", imported_.warnings);
    if (const std::optional<std::string> technology = map.text("technology"))
      accelerator_.node_nm = technology_nm(*technology);
    for (const auto& [key, value] : attributes.entries) {
      if (key == "technology") continue;
      defaults_[key] = value;
      map.take(key);
    }
  }

  void mesh(const ConfigNode* spatial, const std::string& name, const SourcePosition& position) {
    if (spatial == nullptr) return;
    ForeignMap map(*spatial, fmt::format("spatial of '{}'", name), imported_.warnings);
    Fanout fanout;
    fanout.x = std::max<int64_t>(1, field(map, "meshX", 1, position));
    fanout.y = std::max<int64_t>(1, field(map, "meshY", 1, position));
    map.finish();
    if (fanout.count() == 1) return;
    MemoryLevel level;
    level.name = "inter_" + name + "_spatial";
    level.holds.clear();
    level.fanout = fanout;
    level.source = "Timeloop container";
    accelerator_.levels.push_back(level);
    instances_ = checked_product(instances_, checked_product(fanout.x, fanout.y, position), position);
  }

  void container(const ConfigNode& node) {
    ForeignMap map(node, "Container", imported_.warnings);
    const std::string name = map.need("name").as_text("name");
    if (const ConfigNode* attributes = map.take("attributes")) read_shared(*attributes);
    mesh(map.take("spatial"), name, node.position);
    if (const ConfigNode* constraints = map.take("constraints"))
      read_inline_constraints(*constraints, "inter_" + name + "_spatial", imported_);
    map.finish();
  }

  void component_v4(const ConfigNode& node) {
    ForeignMap map(node, "Component", imported_.warnings);
    const std::string name = map.need("name").as_text("name");
    std::string kind = map.text("class").value_or("");
    if (const std::optional<std::string> subclass = map.text("subclass")) kind = *subclass;
    const ConfigNode* attributes = map.take("attributes");
    mesh(map.take("spatial"), name, node.position);
    const ConfigNode* constraints = map.take("constraints");
    map.finish();
    add(name, kind, attributes, instances_, node);
    if (constraints != nullptr) read_inline_constraints(*constraints, name, imported_);
  }

  static bool is_compute(const std::string& kind) {
    std::string lower = kind;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return lower.find("mac") != std::string::npos || lower == "compute" ||
           lower.find("multiplier") != std::string::npos;
  }

  void add(const std::string& name, const std::string& kind, const ConfigNode* attributes, int64_t instances,
           const ConfigNode& place) {
    ConfigNode merged;
    merged.kind = ConfigNode::Kind::map;
    merged.position = place.position;
    if (attributes != nullptr) merged.entries = attributes->entries;
    for (const auto& [key, value] : defaults_)
      if (merged.find(key) == nullptr) merged.entries.emplace_back(key, value);
    lead_to(name, instances, merged, place.position);
    if (is_compute(kind))
      compute(name, kind, merged);
    else
      storage(name, kind, merged);
  }

  // The fan-out of the level above when the tree form counts instances by names.
  void lead_to(const std::string& name, int64_t instances, const ConfigNode& attributes,
               const SourcePosition& position) {
    if (instances == instances_) return;
    if (accelerator_.levels.empty() || instances % instances_ != 0)
      throw UserError(position, fmt::format("{} instances of '{}' under {}", instances, name, instances_));
    const int64_t children = instances / instances_;
    const ConfigNode* mesh_x = attributes.find("meshX");
    Fanout& fanout = accelerator_.levels.back().fanout;
    const int64_t wanted = mesh_x == nullptr ? children : mesh_x->as_integer("meshX");
    fanout.x = wanted > 0 && children % wanted == 0 ? wanted : children;
    fanout.y = children / fanout.x;
    instances_ = instances;
  }

  void storage(const std::string& name, const std::string& kind, const ConfigNode& attributes) {
    ForeignMap map(attributes, fmt::format("component '{}'", name), imported_.warnings);
    MemoryLevel level;
    level.name = name;
    const SourcePosition& place = attributes.position;
    const int64_t word_bits = field(map, "datawidth", field(map, "word-bits", kDefaultWordBits, place), place);
    const int64_t block = field(map, "cluster_size", field(map, "block-size", 1, place), place);
    level.access_bits = field(map, "width", checked_product(word_bits, std::max<int64_t>(1, block), place), place);
    if (word_bits < 1 || level.access_bits < 1)
      throw UserError(place, fmt::format("component '{}': width and datawidth must be at least 1", name));
    std::optional<int64_t> depth = map.whole("depth");
    if (!depth) depth = map.whole("memory_depth");
    if (depth && *depth > 0) level.capacity_bits = checked_product(*depth, level.access_bits, place);
    for (const char* key : {"n_banks", "num_banks"}) {
      if (const int64_t banks = field(map, key, 0, place); banks > 0) level.banks = banks;
    }
    read_bandwidths(map, word_bits, level);
    const std::string type = map.text("type").value_or("");
    map.ignore({"meshX", "technology", "multiplier_width", "adder_width"});
    map.finish();
    level.source = "Timeloop component of class " + kind;
    estimate_storage(kind, type, level);
    accelerator_.levels.push_back(std::move(level));
    imported_.word_bits[name] = word_bits;
  }

  void estimate_storage(const std::string& kind, std::string type, MemoryLevel& level) {
    std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
    const bool dram = kind.find("DRAM") != std::string::npos;
    const bool registers = kind.find("RF") != std::string::npos || kind.find("regfile") != std::string::npos;
    const std::string component = dram ? (type.empty() ? "dram" : type) : registers ? "register_file" : "sram";
    try {
      const ComponentCost cost = estimate_component({.component = component,
                                                     .capacity_bits = level.capacity_bits,
                                                     .access_bits = level.access_bits,
                                                     .banks = level.banks,
                                                     .node_nm = accelerator_.node_nm,
                                                     .name = level.name});
      level.read_energy_j = cost.read_energy_j;
      level.write_energy_j = cost.write_energy_j;
      level.area_mm2 = cost.area_mm2;
      level.source += "; energies and area " + cost.source;
    } catch (const UserError& error) {
      imported_.warnings.push_back(fmt::format("energies of '{}' are not known: {}", level.name, error.what()));
    }
  }

  void compute(const std::string& name, const std::string& kind, const ConfigNode& attributes) {
    ForeignMap map(attributes, fmt::format("component '{}'", name), imported_.warnings);
    accelerator_.compute.name = name;
    const int64_t width = field(map, "multiplier_width", field(map, "datawidth", kDefaultWordBits, attributes.position),
                                attributes.position);
    map.ignore({"adder_width", "meshX", "technology", "datawidth", "word-bits"});
    map.finish();
    const bool floating = kind.find("fp") != std::string::npos;
    const std::string format = fmt::format("{}{}", floating ? "fp" : "int", width);
    accelerator_.compute.source = "Timeloop component of class " + kind;
    try {
      const ComponentCost cost =
          estimate_component({.component = "mac", .format = format, .node_nm = accelerator_.node_nm, .name = name});
      accelerator_.compute.energy_j[format] = *cost.energy_j;
      accelerator_.compute.area_mm2 = cost.area_mm2;
      accelerator_.compute.source += "; " + cost.source;
    } catch (const UserError& error) {
      imported_.warnings.push_back(fmt::format("energy of '{}' is not known: {}", name, error.what()));
    }
  }

  Imported& imported_;
  AcceleratorDescription accelerator_;
  std::map<std::string, ConfigNode> defaults_;
  int64_t instances_ = 1;
};

// What the constraints on tensors say of a level is what it may hold.
void apply_holds(const std::vector<MappingDirective>& directives, AcceleratorDescription& accelerator) {
  for (const MappingDirective& directive : directives) {
    if (directive.kind != MappingDirective::Kind::tensors) continue;
    for (size_t i = 1; i < accelerator.levels.size(); ++i) {
      MemoryLevel& level = accelerator.levels[i];
      if (level.name != directive.target || level.holds.empty()) continue;
      std::vector<TensorRole> holds;
      for (const TensorRole role : level.holds) {
        const auto names = [&](const std::vector<std::string>& list) {
          return std::ranges::any_of(list, [&](const std::string& name) { return role_of_name(name) == role; });
        };
        if (directive.keep.empty() ? !names(directive.bypass) : names(directive.keep)) holds.push_back(role);
      }
      level.holds = std::move(holds);
    }
  }
}

}  // namespace

void read_architecture(const ConfigNode& node, const std::string& name, Imported& imported) {
  const std::string version = node.find("version") == nullptr ? "" : node.find("version")->scalar;
  AcceleratorDescription accelerator;
  if (node.find("storage") != nullptr) {
    accelerator = from_list(node, name, imported.warnings);
    accelerator.not_modelled = imported.warnings;
  } else {
    TreeReader reader(name, imported);
    if (const ConfigNode* nodes = node.find("nodes")) {
      reader.read_v4(*nodes);
    } else if (const ConfigNode* subtree = node.find("subtree")) {
      for (const ConfigNode& item : subtree->items) reader.read_v3(item, 1);
    } else {
      throw UserError(node.position, "an architecture has storage (v0.3), subtree (v0.3) or nodes (v0.4)");
    }
    accelerator = reader.take();
  }
  apply_holds(imported.directives, accelerator);
  check_accelerator(accelerator, node.position);
  imported.accelerators.push_back(std::move(accelerator));
}

}  // namespace nacre::timeloop
