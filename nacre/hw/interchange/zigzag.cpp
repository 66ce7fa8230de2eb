#include "nacre/hw/interchange/zigzag.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "nacre/base/config_dialect.hpp"
#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/interchange/foreign_map.hpp"

namespace nacre {
namespace {

constexpr double kPico = 1e-12;

struct Memory {
  MemoryLevel level;
  std::set<size_t> served;  // dimensions of the array
  int64_t instances = 1;
  SourcePosition position;
};

std::vector<std::string> texts(const ConfigNode* node, const char* what) {
  std::vector<std::string> result;
  if (node == nullptr) return result;
  if (node->kind != ConfigNode::Kind::sequence)
    throw UserError(node->position, fmt::format("{}: expected a list", what));
  for (const ConfigNode& item : node->items) result.push_back(item.as_text(what));
  return result;
}

void add_bits(std::optional<double>& sum, double more) { sum = sum.value_or(0) + more; }

void read_port(const ConfigNode& node, Memory& memory, double& widest, std::vector<std::string>& warnings) {
  ForeignMap port(node, fmt::format("port of '{}'", memory.level.name), warnings);
  port.ignore({"name", "bandwidth_min", "allocation"});
  const std::string type = port.need("type").as_text("type");
  const double bits = port.need("bandwidth_max").as_real("bandwidth_max");
  if (!(bits > 0) || bits > 1e15) throw UserError(node.position, "bandwidth_max: expected a number above 0");
  port.finish();
  widest = std::max(widest, bits);
  if (type == "read") {
    add_bits(memory.level.read_bits_per_cycle, bits);
  } else if (type == "write") {
    add_bits(memory.level.write_bits_per_cycle, bits);
  } else if (type == "read_write") {
    add_bits(memory.level.shared_bits_per_cycle, bits);
  } else {
    throw UserError(node.position, fmt::format("port type '{}': expected read, write or read_write", type));
  }
}

Memory read_memory(const std::string& name, const ConfigNode& node, const std::vector<std::string>& dimensions,
                   const std::vector<int64_t>& sizes, std::vector<std::string>& warnings) {
  Memory memory;
  memory.position = node.position;
  ForeignMap map(node, fmt::format("memory '{}'", name), warnings);
  MemoryLevel& level = memory.level;
  level.name = name;
  const double size = map.need("size").as_real("size");
  if (!(size >= 1) || size > 0x1p62)
    throw UserError(node.position, fmt::format("size of '{}': expected bits >= 1", name));
  level.capacity_bits = static_cast<int64_t>(size);
  if (const std::optional<double> cost = map.number("r_cost")) level.read_energy_j = *cost * kPico;
  if (const std::optional<double> cost = map.number("w_cost")) level.write_energy_j = *cost * kPico;
  if (map.number("area").value_or(0) > 0) warnings.push_back(fmt::format("memory '{}': area without a unit", name));
  if (map.number("latency").value_or(1) != 1)
    warnings.push_back(fmt::format("memory '{}': latency not modelled", name));
  const ConfigNode* automatic = map.take("auto_cost_extraction");
  if (automatic != nullptr && automatic->as_boolean("auto_cost_extraction"))
    warnings.push_back(fmt::format("memory '{}': costs extracted by ZigZag are not at hand", name));
  level.holds.clear();
  for (const std::string& operand : texts(map.take("operands"), "operands")) {
    const TensorRole role = operand == "I1"   ? TensorRole::inputs
                            : operand == "I2" ? TensorRole::weights
                                              : TensorRole::outputs;
    if (operand != "I1" && operand != "I2" && operand != "O")
      throw UserError(node.position, fmt::format("operand '{}': expected I1, I2 or O", operand));
    level.holds.push_back(role);
  }
  std::ranges::sort(level.holds);
  double widest = 0;
  if (const ConfigNode* ports = map.take("ports"))
    for (const ConfigNode& port : ports->items) read_port(port, memory, widest, warnings);
  // A cost is of one access of the port's width; a memory smaller than that is read as a whole.
  if (widest >= 1)
    level.access_bits = static_cast<int64_t>(std::min(widest, static_cast<double>(*level.capacity_bits)));
  for (const std::string& dimension : texts(map.take("served_dimensions"), "served_dimensions")) {
    const auto found = std::ranges::find(dimensions, dimension);
    if (found == dimensions.end())
      throw UserError(node.position, unknown_name_message("dimension of the array", dimension, dimensions));
    memory.served.insert(static_cast<size_t>(found - dimensions.begin()));
  }
  for (size_t d = 0; d < sizes.size(); ++d)
    if (!memory.served.contains(d)) memory.instances = checked_product(memory.instances, sizes[d], node.position);
  map.finish();
  level.source = "ZigZag memory; energies of one access of the port's width";
  return memory;
}

Fanout fanout_to(const std::set<size_t>& outer, const std::set<size_t>& inner, const std::vector<int64_t>& sizes,
                 const SourcePosition& position) {
  Fanout fanout;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (!outer.contains(d) || inner.contains(d)) continue;
    int64_t& axis = d % 2 == 0 ? fanout.x : fanout.y;  // D1 and D3 across, D2 and D4 down
    axis = checked_product(axis, sizes[d], position);
  }
  return fanout;
}

AcceleratorDescription read_core(const ConfigNode& root, const std::string& name, std::vector<std::string>& warnings) {
  ForeignMap map(root, "core", warnings);
  AcceleratorDescription accelerator;
  accelerator.name = map.text("name").value_or(name);
  map.take("type");
  ForeignMap array(map.need("operational_array"), "operational_array", warnings);
  const std::vector<std::string> dimensions = texts(array.take("dimensions"), "dimensions");
  std::vector<int64_t> sizes;
  for (const ConfigNode& size : array.need("sizes").items) sizes.push_back(size.as_integer("sizes"));
  if (sizes.size() != dimensions.size() || std::ranges::any_of(sizes, [](int64_t size) { return size < 0; }))
    throw UserError(array.need("sizes").position, "sizes: expected one of at least 0 for each dimension");
  const bool no_units = std::ranges::find(sizes, 0) != sizes.end();
  if (no_units) {
    std::ranges::fill(sizes, 1);
    warnings.push_back(fmt::format("core '{}' is a memory without multipliers", accelerator.name));
  }
  const std::optional<double> energy = array.number("unit_energy");
  array.ignore({"unit_area", "input_precision"});
  array.finish();
  std::vector<Memory> memories;  // inner first, as the file has them
  const ConfigNode& list = map.need("memories");
  if (!list.is_map()) throw UserError(list.position, "memories: expected a map");
  for (const auto& [memory, node] : list.entries)
    memories.push_back(read_memory(memory, node, dimensions, sizes, warnings));
  std::ranges::stable_sort(memories, std::greater<>{}, &Memory::instances);
  // One inside the other: what a memory shares and the one around it does not cannot be said of a hierarchy.
  for (size_t i = memories.size(); i-- > 1;) {
    std::erase_if(memories[i - 1].served, [&](size_t d) {
      if (memories[i].served.contains(d)) return false;
      warnings.push_back(
          fmt::format("'{}' is one for all of {}, '{}' around it is not: taken as {} memories of that size",
                      memories[i - 1].level.name, dimensions[d], memories[i].level.name, sizes[d]));
      return true;
    });
  }
  for (size_t i = memories.size(); i-- > 0;) {
    const std::set<size_t> inner = i == 0 ? std::set<size_t>{} : memories[i - 1].served;
    memories[i].level.fanout = fanout_to(memories[i].served, inner, sizes, memories[i].position);
    accelerator.levels.push_back(std::move(memories[i].level));
  }
  if (energy && !no_units) {
    accelerator.compute.energy_j["int8"] = *energy * kPico;
    accelerator.compute.source = "ZigZag unit_energy, taken for int8";
  }
  if (const ConfigNode* types = map.take("operator_types"))
    warnings.push_back(
        fmt::format("core '{}' runs only: {}", accelerator.name, fmt::join(texts(types, "operator_types"), ", ")));
  map.finish();
  return accelerator;
}

// Outermost memory of everything: what the file leaves to others.
void close_hierarchy(AcceleratorDescription& accelerator, std::vector<std::string>& warnings) {
  if (!accelerator.levels.empty() && accelerator.levels[0].holds.size() == 3 && accelerator.instances(0) == 1) return;
  MemoryLevel outside;
  outside.name = "outside";
  outside.source = "not in the file";
  accelerator.levels.insert(accelerator.levels.begin(), outside);
  warnings.push_back(
      fmt::format("'{}' has no memory of all tensors: one of unknown cost is put outside", accelerator.name));
}

const std::map<std::string, std::string, std::less<>> kNames = {
    {"B", "N"}, {"OX", "Q"}, {"OY", "P"}, {"FX", "S"}, {"FY", "R"}};

std::string dimension_name(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto found = kNames.find(name);
  return found == kNames.end() ? name : found->second;
}

Dataflow read_mapping(const ConfigNode& node, std::vector<std::string>& warnings) {
  ForeignMap map(node, "mapping", warnings);
  Dataflow dataflow;
  dataflow.name = map.text("name").value_or("default");
  dataflow.source = "ZigZag mapping";
  std::vector<std::string> widths;
  if (const ConfigNode* spatial = map.take("spatial_mapping")) {
    if (!spatial->is_map()) throw UserError(spatial->position, "spatial_mapping: expected a map");
    for (const auto& [axis, loops] : spatial->entries) {
      DataflowSpread entry;
      for (const std::string& loop : texts(&loops, "spatial_mapping")) {  // "K, 32"
        const size_t comma = loop.find(',');
        entry.dimensions.push_back(dimension_name(loop.substr(0, comma)));
        widths.push_back(loop);
      }
      if (!entry.dimensions.empty()) dataflow.spread.insert(dataflow.spread.begin(), std::move(entry));
    }
  }
  if (!widths.empty()) {
    warnings.push_back(
        fmt::format("mapping '{}': widths of the array's dimensions come from the accelerator, not from '{}'",
                    dataflow.name, fmt::join(widths, "; ")));
  }
  if (const ConfigNode* order = map.take("temporal_ordering")) {
    for (const ConfigNode& loop : order->items) {
      if (loop.items.empty()) throw UserError(loop.position, "temporal_ordering: expected [dimension, size]");
      const std::string name = dimension_name(loop.items[0].as_text("dimension"));
      if (std::ranges::find(dataflow.order, name) == dataflow.order.end())
        dataflow.order.insert(dataflow.order.begin(), name);  // the file has the innermost first
    }
  }
  map.ignore({"memory_operand_links", "core_allocation"});
  map.finish();
  return dataflow;
}

// "O[b][k][oy][ox]" -> name and indices.
struct EquationTensor {
  std::string name;
  std::vector<std::string> indices;
};

EquationTensor equation_tensor(std::string_view text, const SourcePosition& position) {
  EquationTensor tensor;
  const size_t open = text.find('[');
  if (open == std::string_view::npos) throw UserError(position, fmt::format("equation: '{}' has no indices", text));
  tensor.name = text.substr(0, open);
  for (size_t i = open; i < text.size();) {
    const size_t close = text.find(']', i);
    if (text[i] != '[' || close == std::string_view::npos || close == i + 1)
      throw UserError(position, fmt::format("equation: '{}': expected name[index][index]", text));
    tensor.indices.emplace_back(text.substr(i + 1, close - i - 1));
    i = close + 1;
  }
  return tensor;
}

// "ix=2*ox+1*fx" -> axis of ix.
std::pair<std::string, TensorAxis> read_relation(const std::string& text, const Workload& workload,
                                                 const SourcePosition& position) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) throw UserError(position, fmt::format("dimension_relations: '{}' has no '='", text));
  TensorAxis axis;
  std::string rest = text.substr(equals + 1) + "+";
  for (size_t start = 0; start < rest.size();) {
    const size_t plus = rest.find('+', start);
    std::string term = rest.substr(start, plus - start);
    start = plus + 1;
    ProjectionTerm known;
    if (const size_t star = term.find('*'); star != std::string::npos) {
      const std::optional<double> factor = arithmetic_value(term.substr(0, star));
      if (!factor || *factor < 1 || *factor > 1e9 || *factor != static_cast<double>(static_cast<int64_t>(*factor)))
        throw UserError(position, fmt::format("dimension_relations: '{}' in '{}'", term, text));
      known.coefficient = static_cast<int64_t>(*factor);
      term = term.substr(star + 1);
    }
    const auto found = std::ranges::find(workload.dimensions, dimension_name(term), &LoopDimension::name);
    if (found == workload.dimensions.end())
      throw UserError(position, fmt::format("dimension_relations: '{}' in '{}' is no loop dimension", term, text));
    known.dimension = static_cast<int>(found - workload.dimensions.begin());
    axis.terms.push_back(known);
  }
  return {text.substr(0, equals), axis};
}

Workload read_layer(const ConfigNode& node, std::vector<std::string>& warnings) {
  ForeignMap map(node, "layer", warnings);
  Workload workload;
  const std::string id = map.text("id").value_or("?");
  const std::string type = map.text("operator_type").value_or("layer");
  workload.name = map.text("name").value_or(type + " " + id);
  const ConfigNode& names = map.need("loop_dims");
  const ConfigNode& sizes = map.need("loop_sizes");
  if (names.items.size() != sizes.items.size() || names.items.empty() ||
      names.items.size() > static_cast<size_t>(kMaximumLoopDimensions))
    throw UserError(sizes.position, "loop_sizes: expected one for each of loop_dims");
  for (size_t i = 0; i < names.items.size(); ++i) {
    const int64_t size = sizes.items[i].as_integer("loop_sizes");
    if (size < 1) throw UserError(sizes.items[i].position, "loop_sizes: expected at least 1");
    workload.dimensions.push_back({dimension_name(names.items[i].as_text("loop_dims")), size});
  }
  std::map<std::string, TensorAxis> axes;
  if (const ConfigNode* relations = map.take("dimension_relations"))
    for (const std::string& relation : texts(relations, "dimension_relations"))
      axes.insert(read_relation(relation, workload, relations->position));
  const ConfigNode& equation = map.need("equation");
  std::string text = equation.as_text("equation");
  std::erase(text, ' ');
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw UserError(equation.position, "equation: no '='");
  const std::string left = text.substr(0, text[equals - 1] == '+' ? equals - 1 : equals);
  std::vector<EquationTensor> tensors = {equation_tensor(left, equation.position)};
  std::string right = text.substr(equals + 1);
  for (size_t start = 0; start <= right.size();) {
    const size_t end = std::min(right.find_first_of("*+", start), right.size());
    tensors.push_back(equation_tensor(std::string_view(right).substr(start, end - start), equation.position));
    start = end + 1;
  }
  if (tensors.size() > static_cast<size_t>(kMaximumWorkloadTensors))
    throw UserError(equation.position, fmt::format("equation: more than {} tensors", kMaximumWorkloadTensors));
  const ConfigNode* precisions = map.take("operand_precision");
  const auto bits_of = [&](const std::string& name) -> std::optional<int64_t> {
    const ConfigNode* bits = precisions == nullptr ? nullptr : precisions->find(name);
    return bits == nullptr ? std::nullopt : std::optional(bits->as_integer("operand_precision"));
  };
  for (const EquationTensor& known : tensors) {
    WorkloadTensor tensor;
    tensor.name = known.name;
    tensor.role = known.name == "O"   ? TensorRole::outputs
                  : known.name == "W" ? TensorRole::weights
                                      : TensorRole::inputs;
    for (const std::string& index : known.indices) {
      if (const auto found = axes.find(index); found != axes.end()) {
        tensor.axes.push_back(found->second);
        continue;
      }
      const auto found = std::ranges::find(workload.dimensions, dimension_name(index), &LoopDimension::name);
      if (found == workload.dimensions.end())
        throw UserError(equation.position, fmt::format("equation: '{}' is no loop dimension", index));
      tensor.axes.push_back({{{static_cast<int>(found - workload.dimensions.begin()), 1}}});
    }
    std::optional<int64_t> bits = bits_of(known.name == "O" ? "O_final" : known.name);
    if (!bits) bits = bits_of(known.name);
    if (bits && *bits >= 0) tensor.bits = *bits;  // 0: a constant operand of a pooling
    tensor.format = fmt::format("int{}", tensor.bits);
    workload.tensors.push_back(std::move(tensor));
  }
  if (std::ranges::count(workload.tensors, TensorRole::outputs, &WorkloadTensor::role) != 1)
    throw UserError(equation.position, "equation: expected one output, O");
  workload.partial_sum_bits = bits_of("O").value_or(workload.partial_sum_bits);
  if (type != "Conv" && type != "Conv_downsample" && type != "Gemm" && type != "MatMul")
    warnings.push_back(
        fmt::format("layer {} is of type {}: imported as an iteration space, a point an operation", id, type));
  map.ignore({"operand_source", "operand_source_dimension_mapping"});
  map.finish();
  workload.points();
  return workload;
}

}  // namespace

Imported read_zigzag(const ConfigNode& root, const std::string& name) {
  Imported imported;
  imported.kind = "zigzag";
  if (root.kind == ConfigNode::Kind::sequence) {
    for (const ConfigNode& item : root.items) {
      if (item.find("equation") != nullptr) {
        imported.workloads.push_back(read_layer(item, imported.warnings));
      } else {
        imported.dataflows.push_back(read_mapping(item, imported.warnings));
      }
    }
    if (root.items.empty()) throw UserError(root.position, "an empty list; expected layers or mappings of ZigZag");
    return imported;
  }
  AcceleratorDescription accelerator = read_core(root, name, imported.warnings);
  close_hierarchy(accelerator, imported.warnings);
  accelerator.not_modelled = imported.warnings;
  check_accelerator(accelerator, root.position);
  imported.accelerators.push_back(std::move(accelerator));
  return imported;
}

Imported read_stream(const ConfigNode& root, const std::filesystem::path& folder) {
  Imported imported;
  imported.kind = "stream";
  ForeignMap map(root, "file", imported.warnings);
  const std::string name = map.text("name").value_or("stream");
  const ConfigNode& cores = map.need("cores");
  if (!cores.is_map()) throw UserError(cores.position, "cores: expected a map of files by number");
  const std::optional<std::string> offchip = map.text("offchip_core_id");
  std::optional<MemoryLevel> outside;
  for (const auto& [id, file] : cores.entries) {
    const std::filesystem::path path = folder / file.as_text("core");
    const DialectConfig config = parse_config_dialect(read_file(path, 16 << 20), path.string());
    std::vector<std::string> warnings = config.repeated;
    AcceleratorDescription core = read_core(config.root, path.stem().string(), warnings);
    if (offchip && id == *offchip) {
      if (core.levels.size() != 1) throw UserError(file.position, "the off-chip core must be one memory");
      outside = core.levels[0];
      continue;
    }
    core.name = fmt::format("{}_{}_{}", name, id, core.name);
    core.not_modelled = warnings;
    imported.warnings.insert(imported.warnings.end(), warnings.begin(), warnings.end());
    imported.accelerators.push_back(std::move(core));
  }
  for (AcceleratorDescription& core : imported.accelerators) {
    if (outside) {
      MemoryLevel memory = *outside;
      memory.name = "offchip_" + memory.name;
      core.levels.insert(core.levels.begin(), memory);
      core.not_modelled.push_back("the off-chip memory is shared with the other cores");
    } else {
      close_hierarchy(core, core.not_modelled);
    }
    check_accelerator(core, root.position);
  }
  map.ignore({"core_coordinates"});
  if (const ConfigNode* links = map.take("core_connectivity")) {
    imported.warnings.push_back(fmt::format("{} links between cores are not modelled", links->items.size()));
    for (AcceleratorDescription& core : imported.accelerators) core.not_modelled.push_back(imported.warnings.back());
  }
  map.take("unit_energy_cost");
  map.finish();
  return imported;
}

}  // namespace nacre
