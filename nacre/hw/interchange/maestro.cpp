#include "nacre/hw/interchange/maestro.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/interchange/foreign_map.hpp"
#include "nacre/hw/interchange/maestro_parser.hpp"

namespace nacre {
namespace {

using maestro::Directive;
using maestro::Layer;

constexpr double kMacEnergy = 0.23e-12;  // MAESTRO's BASE_constants
constexpr double kL1OfMac = 1.68;
constexpr double kL2OfMac = 18.61;
constexpr int64_t kWordBits = 8;

int64_t steps(int64_t size, int64_t width) { return (size + width - 1) / width; }

[[noreturn]] void refuse(const Layer& layer, const SourcePosition& position, const std::string& why) {
  throw UserError(position, fmt::format("layer '{}': {}", layer.name, why));
}

TensorAxis axis(std::initializer_list<ProjectionTerm> terms) { return {std::vector<ProjectionTerm>(terms)}; }

Workload workload_of(const Layer& layer) {
  const auto size = [&](const char* name, std::optional<int64_t> missing = {}) {
    const auto found = layer.dimensions.find(name);
    if (found != layer.dimensions.end()) return found->second;
    if (!missing) refuse(layer, layer.position, fmt::format("dimension {} is missing", name));
    return *missing;
  };
  Workload workload;
  workload.name = layer.name;
  workload.partial_sum_bits = kWordBits;
  const auto tensor = [&](const char* name, TensorRole role, std::vector<TensorAxis> axes) {
    workload.tensors.push_back({name, role, std::move(axes), kWordBits, "int8"});
  };
  if (layer.type == "GEMM") {
    workload.dimensions = {{"N", size("N")}, {"M", size("M")}, {"K", size("K")}};
    tensor("Weights", TensorRole::weights, {axis({{2, 1}}), axis({{0, 1}})});
    tensor("Inputs", TensorRole::inputs, {axis({{1, 1}}), axis({{2, 1}})});
    tensor("Outputs", TensorRole::outputs, {axis({{1, 1}}), axis({{0, 1}})});
    workload.points();
    return workload;
  }
  if (layer.type != "CONV" && layer.type != "DSCONV")
    refuse(layer, layer.position, fmt::format("type '{}' is not modelled; CONV, DSCONV and GEMM are", layer.type));
  const int64_t r = size("R");
  const int64_t s = size("S");
  const int64_t span_y = (r - 1) * layer.dilation_y + 1;
  const int64_t span_x = (s - 1) * layer.dilation_x + 1;
  if (size("Y") < span_y || size("X") < span_x) refuse(layer, layer.position, "the kernel is larger than its input");
  const int64_t p = (size("Y") - span_y) / layer.stride_y + 1;
  const int64_t q = (size("X") - span_x) / layer.stride_x + 1;
  const bool depthwise = layer.type == "DSCONV";
  workload.dimensions = {
      {"N", size("N", 1)}, {"K", depthwise ? 1 : size("K")}, {"C", size("C")}, {"P", p}, {"Q", q}, {"R", r}, {"S", s}};
  const TensorAxis rows = axis({{3, layer.stride_y}, {5, layer.dilation_y}});
  const TensorAxis columns = axis({{4, layer.stride_x}, {6, layer.dilation_x}});
  tensor("Weights", TensorRole::weights, {axis({{1, 1}}), axis({{2, 1}}), axis({{5, 1}}), axis({{6, 1}})});
  tensor("Inputs", TensorRole::inputs, {axis({{0, 1}}), axis({{2, 1}}), rows, columns});
  tensor("Outputs", TensorRole::outputs,
         {axis({{0, 1}}), axis({{depthwise ? 2 : 1, 1}}), axis({{3, 1}}), axis({{4, 1}})});
  workload.points();
  return workload;
}

// A map of a dimension in the workload's own terms: steps of `tile`.
struct Step {
  int dimension = 0;
  int64_t tile = 1;
};

class DataflowReader {
 public:
  DataflowReader(const Layer& layer, int64_t elements, std::vector<std::string>& warnings)
      : layer_(layer), elements_(elements), warnings_(warnings), workload_(workload_of(layer)) {
    for (const LoopDimension& dimension : workload_.dimensions) tile_.push_back(dimension.size);
  }

  ImportedLayer read() {
    std::vector<std::vector<Directive>> groups(1);
    std::vector<int64_t> clusters;
    for (const Directive& directive : layer_.dataflow) {
      if (directive.kind == Directive::Kind::cluster) {
        clusters.push_back(directive.size);
        groups.emplace_back();
      } else {
        groups.back().push_back(directive);
      }
    }
    build_levels(clusters);
    for (size_t g = 0; g < groups.size(); ++g) read_group(g, groups[g]);
    LevelMapping& inside = mapping_.levels.back();
    for (size_t d = 0; d < tile_.size(); ++d)
      if (tile_[d] > 1) inside.loops.push_back({static_cast<int>(d), tile_[d], LoopKind::temporal});
    ImportedLayer imported;
    imported.workload = std::move(workload_);
    imported.accelerator = std::move(accelerator_);
    imported.mapping = std::move(mapping_);
    return imported;
  }

 private:
  void build_levels(const std::vector<int64_t>& clusters) {
    accelerator_.name = fmt::format("array_of_{}", elements_);
    for (size_t g = 0; g <= clusters.size(); ++g) {
      MemoryLevel level;
      level.name = g == 0 ? "L2" : fmt::format("cluster{}", g);
      level.access_bits = kWordBits;
      if (g > 0) level.holds.clear();
      // Clusters nest: above all of them stand as many as their product goes into the array.
      int64_t children = g == 0 ? elements_ : clusters[g - 1];
      if (g == 0) {
        for (const int64_t size : clusters) children /= size;
        if (children < 1)
          refuse(layer_, layer_.position,
                 fmt::format("clusters of {} elements in an array of {}", fmt::join(clusters, " x "), elements_));
        int64_t used = children;
        for (const int64_t size : clusters) used *= size;
        if (used != elements_) {
          warnings_.push_back(fmt::format("layer '{}': {} of {} elements are in clusters of {}, the rest is idle",
                                          layer_.name, used, elements_, fmt::join(clusters, " x ")));
        }
      }
      level.fanout.x = children;
      accelerator_.levels.push_back(level);
    }
    accelerator_.levels[0].read_energy_j = accelerator_.levels[0].write_energy_j = kL2OfMac * kMacEnergy;
    accelerator_.levels[0].source = "MAESTRO's constants";
    MemoryLevel inside;
    inside.name = "L1";
    inside.access_bits = kWordBits;
    inside.read_energy_j = inside.write_energy_j = kL1OfMac * kMacEnergy;
    inside.source = "MAESTRO's constants";
    accelerator_.levels.push_back(inside);
    accelerator_.compute.energy_j["int8"] = kMacEnergy;
    accelerator_.compute.source = "MAESTRO's constants";
    mapping_.levels.resize(accelerator_.levels.size());
    for (size_t i = 0; i < mapping_.levels.size(); ++i)
      mapping_.levels[i].keeps.assign(workload_.tensors.size(), i == 0 || !accelerator_.levels[i].holds.empty());
  }

  int dimension(const std::string& name, const SourcePosition& position) const {
    for (size_t d = 0; d < workload_.dimensions.size(); ++d)
      if (workload_.dimensions[d].name == name) return static_cast<int>(d);
    refuse(layer_, position, fmt::format("'{}' is no dimension of a {}", name, layer_.type));
  }

  // Nothing where the map changes nothing: it covers what it is given, or walks the diagonal with the kernel.
  std::optional<Step> step_of(const Directive& map, const std::vector<Directive>& group) {
    const std::string& name = map.dimension;
    const bool convolution = layer_.type != "GEMM";
    if (convolution && (name == "Y" || name == "X")) return input_step(map, group);
    const std::string own = convolution && name == "Y'" ? "P" : convolution && name == "X'" ? "Q" : name;
    if (convolution && (own == "P" || own == "Q") && name.back() != '\'')
      refuse(layer_, map.position, fmt::format("'{}' is no dimension of a {}", name, layer_.type));
    const int d = dimension(own, map.position);
    const int64_t extent = tile_[static_cast<size_t>(d)];
    if (map.size >= extent) {
      // On one child alone where it is spatial.
      return std::nullopt;
    }
    if (map.size != map.offset)
      refuse(layer_, map.position,
             fmt::format("{} in tiles of {} at steps of {} skips or repeats work", name, map.size, map.offset));
    return Step{d, map.size};
  }

  std::optional<Step> input_step(const Directive& map, const std::vector<Directive>& group) {
    const bool rows = map.dimension == "Y";
    const int d = dimension(rows ? "P" : "Q", map.position);
    const auto kernel_dimension = static_cast<size_t>(dimension(rows ? "R" : "S", map.position));
    const int64_t kernel = workload_.dimensions[kernel_dimension].size;
    const int64_t stride = rows ? layer_.stride_y : layer_.stride_x;
    const int64_t extent = tile_[static_cast<size_t>(d)];
    const std::string kernel_name = rows ? "R" : "S";
    const int64_t input = (extent - 1) * stride + kernel;
    const bool diagonal = std::ranges::any_of(group, [&](const Directive& other) {
      return other.dimension == kernel_name && other.kind == map.kind && other.size < kernel;
    });
    if (diagonal && map.size < kernel) {
      if (extent != 1)
        refuse(layer_, map.position,
               fmt::format("{} along a diagonal needs one output, here are {}", map.dimension, extent));
      return std::nullopt;
    }
    if (map.size > layer_.dimensions.at(map.dimension)) {
      warnings_.push_back(fmt::format(
          "layer '{}': a tile of {} of {} {} is taken as the whole; MAESTRO gives 0 cycles there without an error",
          layer_.name, map.size, layer_.dimensions.at(map.dimension), map.dimension));
    }
    if (map.size >= input) return std::nullopt;
    const int64_t outputs = map.size - kernel + 1;
    if (outputs < 1)
      refuse(layer_, map.position,
             fmt::format("a tile of {} {} holds no output of a kernel of {}", map.size, map.dimension, kernel));
    if (outputs != map.offset)
      refuse(layer_, map.position,
             fmt::format("{} in tiles of {} outputs at steps of {} skips or repeats work", map.dimension, outputs,
                         map.offset));
    if (stride > 1 && outputs > 1) {
      warnings_.push_back(
          fmt::format("layer '{}': a tile of {} {} is {} outputs as MAESTRO reads it, for stride {}; it counts "
                      "too many multiply-accumulates there",
                      layer_.name, map.size, map.dimension, outputs, stride));
    }
    if (outputs >= extent) return std::nullopt;
    return Step{d, outputs};
  }

  void read_group(size_t g, const std::vector<Directive>& group) {
    std::vector<MappedLoop> spatial;
    const int64_t children = accelerator_.levels[g].fanout.x;
    int64_t used = 1;
    for (const Directive& map : group) {
      const std::optional<Step> step = step_of(map, group);
      if (!step) continue;
      int64_t& extent = tile_[static_cast<size_t>(step->dimension)];
      int64_t count = steps(extent, step->tile);
      extent = step->tile;
      if (map.kind == Directive::Kind::spatial) {
        const int64_t spread = std::min(count, children / used);
        if (spread > 1) spatial.push_back({step->dimension, spread, LoopKind::spatial_x});
        used *= spread;
        count = steps(count, spread);
      }
      if (count > 1) mapping_.levels[g].loops.push_back({step->dimension, count, LoopKind::temporal});
    }
    std::ranges::move(spatial, std::back_inserter(mapping_.levels[g].loops));
  }

  const Layer& layer_;
  int64_t elements_;
  std::vector<std::string>& warnings_;
  Workload workload_;
  std::vector<int64_t> tile_;  // what is left of each dimension, from outside to inside
  AcceleratorDescription accelerator_;
  Mapping mapping_;
};

}  // namespace

Imported read_maestro(const std::string& text, const std::string& origin, int64_t elements) {
  if (elements < 1) throw UserError(fmt::format("an array of {} elements", elements));
  Imported imported;
  imported.kind = "maestro";
  for (const Layer& layer : maestro::parse_layers(text, origin, imported.warnings)) {
    ImportedLayer made = DataflowReader(layer, elements, imported.warnings).read();
    imported.workloads.push_back(made.workload);
    imported.layers.push_back(std::move(made));
  }
  if (imported.layers.empty()) throw UserError({origin, 0, 0}, "no layers of a MAESTRO network");
  imported.warnings.push_back("elements are taken as 8 bit, which MAESTRO does not say");
  return imported;
}

Imported read_maestro_hardware(const std::string& text, const std::string& origin) {
  Imported imported;
  imported.kind = "maestro";
  std::map<std::string, int64_t> values;
  std::istringstream stream(text);
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    const SourcePosition position{origin, number, 1};
    line = line.substr(0, line.find("//"));
    std::erase_if(line, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
    if (line.empty()) continue;
    const size_t colon = line.find(':');
    const std::optional<double> value =
        colon == std::string::npos ? std::nullopt : arithmetic_value(line.substr(colon + 1));
    if (!value || *value < 1 || *value > 1e12 || *value != static_cast<double>(static_cast<int64_t>(*value)))
      throw UserError(position, fmt::format("'{}': expected 'key: whole number from 1 on'", line));
    if (!values.emplace(line.substr(0, colon), static_cast<int64_t>(*value)).second)
      throw UserError(position, fmt::format("'{}' stands here twice", line.substr(0, colon)));
  }
  const auto take = [&](const char* key) -> std::optional<int64_t> {
    const auto node = values.extract(key);
    return node.empty() ? std::nullopt : std::optional(node.mapped());
  };
  const std::optional<int64_t> elements = take("num_pes");
  if (!elements) throw UserError({origin, 0, 0}, "'num_pes' is missing");
  AcceleratorDescription accelerator;
  accelerator.name = "maestro";
  accelerator.levels.resize(3);
  const auto bits = [](const std::optional<int64_t>& words) {
    return words ? std::optional<int64_t>(*words * kWordBits) : std::nullopt;
  };
  const auto rate = [](const std::optional<int64_t>& words) {
    return words ? std::optional(static_cast<double>(*words * kWordBits)) : std::nullopt;
  };
  accelerator.levels[0].name = "DRAM";
  accelerator.levels[0].shared_bits_per_cycle = rate(take("offchip_bw_cstr"));
  accelerator.levels[1].name = "L2";
  accelerator.levels[1].capacity_bits = bits(take("l2_size_cstr"));
  accelerator.levels[1].read_bits_per_cycle = rate(take("noc_bw_cstr"));
  accelerator.levels[1].read_energy_j = accelerator.levels[1].write_energy_j = kL2OfMac * kMacEnergy;
  accelerator.levels[1].fanout.x = *elements;
  accelerator.levels[2].name = "L1";
  accelerator.levels[2].capacity_bits = bits(take("l1_size_cstr"));
  accelerator.levels[2].read_energy_j = accelerator.levels[2].write_energy_j = kL1OfMac * kMacEnergy;
  for (MemoryLevel& level : accelerator.levels) {
    level.access_bits = kWordBits;
    level.double_buffered = level.capacity_bits.has_value();
    level.source = "MAESTRO hardware file and constants";
  }
  accelerator.compute.energy_j["int8"] = kMacEnergy;
  accelerator.compute.source = "MAESTRO's constants";
  for (const auto& [key, value] : values) imported.warnings.push_back(fmt::format("not modelled: {}", key));
  imported.warnings.push_back(
      "elements are taken as 8 bit, which MAESTRO does not say; the energy of its DRAM is not known");
  accelerator.not_modelled = imported.warnings;
  check_accelerator(accelerator, {origin, 0, 0});
  imported.accelerators.push_back(std::move(accelerator));
  return imported;
}

}  // namespace nacre
