// Mappings between Timeloop's directives and nacre's loops, and the files that Timeloop reads.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/hw/interchange/foreign_map.hpp"
#include "nacre/hw/interchange/timeloop.hpp"

namespace nacre {
namespace {

int dimension_of(const Workload& workload, const std::string& name, const SourcePosition& position) {
  std::vector<std::string> names;
  for (size_t d = 0; d < workload.dimensions.size(); ++d) {
    if (workload.dimensions[d].name == name) return static_cast<int>(d);
    names.push_back(workload.dimensions[d].name);
  }
  throw UserError(position, unknown_name_message("dimension of the problem", name, names));
}

size_t level_of(const AcceleratorDescription& accelerator, const MappingDirective& directive) {
  std::vector<std::string> names;
  for (size_t i = 0; i < accelerator.levels.size(); ++i) {
    if (accelerator.levels[i].name == directive.target) return i;
    names.push_back(accelerator.levels[i].name);
  }
  throw UserError(directive.position, unknown_name_message("level", directive.target, names));
}

// Innermost first: what the permutation names, then the rest in the problem's order.
std::vector<int> inner_first(const MappingDirective& directive, const Workload& workload) {
  std::vector<int> order;
  for (const std::string& name : directive.permutation) {
    const int d = dimension_of(workload, name, directive.position);
    if (std::ranges::find(order, d) != order.end())
      throw UserError(directive.position, fmt::format("permutation: '{}' stands here twice", name));
    order.push_back(d);
  }
  for (int d = 0; d < static_cast<int>(workload.dimensions.size()); ++d)
    if (std::ranges::find(order, d) == order.end()) order.push_back(d);
  return order;
}

struct Parts {
  std::vector<MappedLoop> temporal, x, y;  // outer first
};

std::string joined_factors(const std::vector<int64_t>& factors, const Workload& workload) {
  std::vector<std::string> words;
  for (size_t d = 0; d < factors.size(); ++d)
    words.push_back(fmt::format("{}{}", workload.dimensions[d].name, factors[d]));
  return fmt::format("{}", fmt::join(words, " "));
}

// Loops of one kind, outer first, as factors and permutation.
void write_loops(const std::vector<MappedLoop>& x, const std::vector<MappedLoop>& y, const Workload& workload,
                 Json& entry) {
  std::vector<int64_t> factors(workload.dimensions.size(), 1);
  std::vector<int> order;
  const auto add = [&](const std::vector<MappedLoop>& loops) {
    for (auto loop = loops.rbegin(); loop != loops.rend(); ++loop) {
      auto& factor = factors[static_cast<size_t>(loop->dimension)];
      if (factor != 1) {
        throw UserError(
            fmt::format("dimension {} has two loops of one kind at one level, which Timeloop's files cannot say",
                        workload.dimensions[static_cast<size_t>(loop->dimension)].name));
      }
      factor = loop->factor;
      order.push_back(loop->dimension);
    }
  };
  add(x);
  const size_t split = order.size();
  add(y);
  for (int d = 0; d < static_cast<int>(factors.size()); ++d)
    if (std::ranges::find(order, d) == order.end()) order.push_back(d);
  bool single = true;
  std::string permutation;
  std::vector<std::string> names;
  for (const int d : order) {
    names.push_back(workload.dimensions[static_cast<size_t>(d)].name);
    single = single && names.back().size() == 1;
  }
  entry["factors"] = joined_factors(factors, workload);
  entry["permutation"] = fmt::format("{}", fmt::join(names, single ? "" : ", "));
  if (entry["type"] == "spatial") entry["split"] = split;
}

}  // namespace

Mapping mapping_of_directives(const std::vector<MappingDirective>& directives, const Workload& workload,
                              const AcceleratorDescription& accelerator) {
  Mapping mapping;
  mapping.levels.resize(accelerator.levels.size());
  std::vector<Parts> parts(accelerator.levels.size());
  for (size_t i = 0; i < mapping.levels.size(); ++i) {
    for (const WorkloadTensor& tensor : workload.tensors) {
      const std::vector<TensorRole>& holds = accelerator.levels[i].holds;
      mapping.levels[i].keeps.push_back(i == 0 || std::ranges::find(holds, tensor.role) != holds.end());
    }
  }
  struct Rest {
    size_t level;
    size_t place;
    SourcePosition position;
  };
  std::vector<int64_t> product(workload.dimensions.size(), 1);
  std::vector<std::optional<Rest>> rest(workload.dimensions.size());
  for (const MappingDirective& directive : directives) {
    const size_t level = level_of(accelerator, directive);
    if (directive.kind == MappingDirective::Kind::tensors) {
      for (size_t t = 0; t < workload.tensors.size(); ++t) {
        const auto named = [&](const std::vector<std::string>& list) {
          return std::ranges::find(list, workload.tensors[t].name) != list.end();
        };
        if (named(directive.keep)) mapping.levels[level].keeps[t] = true;
        if (named(directive.bypass) && level != 0) mapping.levels[level].keeps[t] = false;
      }
      continue;
    }
    for (const auto& [name, factor] : directive.factors) dimension_of(workload, name, directive.position);
    const std::vector<int> order = inner_first(directive, workload);
    const bool spatial = directive.kind == MappingDirective::Kind::spatial;
    const size_t split = static_cast<size_t>(directive.split.value_or(static_cast<int64_t>(order.size())));
    for (size_t i = order.size(); i-- > 0;) {  // outer first
      const auto d = static_cast<size_t>(order[i]);
      const auto found = directive.factors.find(workload.dimensions[d].name);
      if (found == directive.factors.end() || found->second == 1) continue;
      MappedLoop loop{order[i], found->second, LoopKind::temporal};
      if (spatial) loop.kind = i < split ? LoopKind::spatial_x : LoopKind::spatial_y;
      std::vector<MappedLoop>& list = !spatial                           ? parts[level].temporal
                                      : loop.kind == LoopKind::spatial_x ? parts[level].x
                                                                         : parts[level].y;
      if (loop.factor == 0) {
        if (spatial || rest[d]) {
          throw UserError(directive.position,
                          fmt::format("the factor 0 of {}: what remains can be one temporal loop only",
                                      workload.dimensions[d].name));
        }
        rest[d] = Rest{level, list.size(), directive.position};
      } else {
        product[d] = checked_product(product[d], loop.factor, directive.position);
      }
      list.push_back(loop);
    }
  }
  for (size_t d = 0; d < rest.size(); ++d) {
    const int64_t size = workload.dimensions[d].size;
    if (rest[d]) {
      parts[rest[d]->level].temporal[rest[d]->place].factor = (size + product[d] - 1) / product[d];
    } else if (product[d] < size) {
      throw UserError(
          fmt::format("the mapping covers {} of {} steps of {}", product[d], size, workload.dimensions[d].name));
    }
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto children = [](const std::vector<MappedLoop>& loops) {
      int64_t count = 1;
      for (const MappedLoop& loop : loops) count *= loop.factor;
      return count;
    };
    const Fanout& fanout = accelerator.levels[i].fanout;
    if (children(parts[i].x) > fanout.x || children(parts[i].y) > fanout.y) {
      throw UserError(fmt::format("level '{}': the mapping wants {} x {} children, there are {} x {}",
                                  accelerator.levels[i].name, children(parts[i].x), children(parts[i].y), fanout.x,
                                  fanout.y));
    }
    for (const auto* list : {&parts[i].temporal, &parts[i].y, &parts[i].x})
      for (const MappedLoop& loop : *list)
        if (loop.factor > 1) mapping.levels[i].loops.push_back(loop);
  }
  return mapping;
}

MappingConstraints constraints_of_directives(const std::vector<MappingDirective>& directives, const Workload& workload,
                                             const AcceleratorDescription& accelerator,
                                             std::vector<std::string>& warnings) {
  MappingConstraints constraints;
  constraints.factors = FactorRule::exact;
  constraints.free_bypass = false;
  const auto at = [&](const std::string& name) -> LevelConstraint& {
    for (LevelConstraint& level : constraints.levels)
      if (level.level == name) return level;
    constraints.levels.push_back({.level = name});
    return constraints.levels.back();
  };
  const auto known = [&](const std::string& name) {
    return std::ranges::find(workload.dimensions, name, &LoopDimension::name) != workload.dimensions.end();
  };
  for (const MappingDirective& directive : directives) {
    const MemoryLevel& memory = accelerator.levels[level_of(accelerator, directive)];
    LevelConstraint& level = at(directive.target);
    if (directive.kind == MappingDirective::Kind::tensors) {
      // What a level cannot hold it bypasses anyway.
      for (const WorkloadTensor& tensor : workload.tensors) {
        const auto named = [&](const std::vector<std::string>& list) {
          return std::ranges::find(list, tensor.name) != list.end();
        };
        const bool may = std::ranges::find(memory.holds, tensor.role) != memory.holds.end();
        if (named(directive.keep) && may) level.keep.push_back(tensor.name);
        if (named(directive.bypass) && may && &memory != &accelerator.levels[0]) level.bypass.push_back(tensor.name);
      }
      continue;
    }
    const bool spatial = directive.kind == MappingDirective::Kind::spatial;
    for (const auto& [name, factor] : directive.factors) {
      if (!known(name) && factor == 1) continue;
      dimension_of(workload, name, directive.position);
      (spatial ? level.spatial : level.temporal)[name] = factor;
    }
    const auto split = directive.split.value_or(static_cast<int64_t>(directive.permutation.size()));
    std::vector<std::string> order;  // outer to inner
    for (size_t i = directive.permutation.size(); i-- > 0;) {
      const std::string& name = directive.permutation[i];
      if (!known(name)) continue;
      if (spatial) level.axis[name] = static_cast<int64_t>(i) < split ? LoopKind::spatial_x : LoopKind::spatial_y;
      order.push_back(name);
    }
    if (spatial || order.empty()) continue;
    bool whole = true;
    for (const LoopDimension& dimension : workload.dimensions) {
      if (std::ranges::find(order, dimension.name) != order.end()) continue;
      whole = whole && dimension.size == 1;
      order.insert(order.begin(), dimension.name);
    }
    if (whole)
      level.order = std::move(order);
    else
      warnings.push_back(fmt::format("the order at '{}' leaves out dimensions: it is left free", directive.target));
  }
  return constraints;
}

std::string timeloop_problem_yaml(const Workload& workload) {
  Json shape = {{"name", workload.name.empty() ? "problem" : workload.name}};
  Json& dimensions = shape["dimensions"] = Json::array();
  Json instance = Json::object();
  for (const LoopDimension& dimension : workload.dimensions) {
    dimensions.push_back(dimension.name);
    instance[dimension.name] = dimension.size;
  }
  Json coefficients = Json::array();
  Json& spaces = shape["data-spaces"] = Json::array();
  for (const WorkloadTensor& tensor : workload.tensors) {
    Json projection = Json::array();
    for (const TensorAxis& axis : tensor.axes) {
      Json terms = Json::array();
      for (const ProjectionTerm& term : axis.terms) {
        Json words = Json::array({workload.dimensions[static_cast<size_t>(term.dimension)].name});
        if (term.coefficient != 1) {
          const std::string name = fmt::format("{}{}", words[0].get<std::string>(), "step");
          if (!instance.contains(name)) coefficients.push_back({{"name", name}, {"default", 1}});
          if (instance.contains(name) && instance[name] != term.coefficient)
            throw UserError(fmt::format("dimension {} has two coefficients", words[0].get<std::string>()));
          instance[name] = term.coefficient;
          words.push_back(name);
        }
        terms.push_back(std::move(words));
      }
      projection.push_back(std::move(terms));
    }
    Json space = {{"name", tensor.name}, {"projection", std::move(projection)}};
    if (tensor.role == TensorRole::outputs) space["read-write"] = true;
    spaces.push_back(std::move(space));
  }
  if (!coefficients.empty()) shape["coefficients"] = std::move(coefficients);
  return yaml_text(Json{{"problem", Json{{"shape", std::move(shape)}, {"instance", std::move(instance)}}}});
}

std::string timeloop_mapping_yaml(const Mapping& mapping, const Workload& workload,
                                  const AcceleratorDescription& accelerator) {
  NACRE_CHECK(mapping.levels.size() == accelerator.levels.size());
  for (size_t d = 0; d < workload.dimensions.size(); ++d) {
    int64_t product = 1;
    for (const LevelMapping& level : mapping.levels)
      for (const MappedLoop& loop : level.loops)
        if (loop.dimension == static_cast<int>(d)) product *= loop.factor;
    if (product != workload.dimensions[d].size) {
      throw UserError(
          fmt::format("dimension {} of {} steps is covered by factors of {}: Timeloop's files hold exact "
                      "divisors only",
                      workload.dimensions[d].name, workload.dimensions[d].size, product));
    }
  }
  Json list = Json::array();
  for (size_t i = mapping.levels.size(); i-- > 0;) {
    const LevelMapping& level = mapping.levels[i];
    Json tensors = {{"target", accelerator.levels[i].name}, {"type", "datatype"}};
    tensors["keep"] = tensors["bypass"] = Json::array();
    for (size_t t = 0; t < workload.tensors.size(); ++t)
      tensors[level.keeps[t] ? "keep" : "bypass"].push_back(workload.tensors[t].name);
    list.push_back(std::move(tensors));
    Parts parts;
    for (const MappedLoop& loop : level.loops) {
      (loop.kind == LoopKind::temporal    ? parts.temporal
       : loop.kind == LoopKind::spatial_x ? parts.x
                                          : parts.y)
          .push_back(loop);
    }
    Json temporal = {{"target", accelerator.levels[i].name}, {"type", "temporal"}};
    write_loops(parts.temporal, {}, workload, temporal);
    list.push_back(std::move(temporal));
    if (accelerator.levels[i].fanout.count() == 1) continue;
    Json spatial = {{"target", accelerator.levels[i].name}, {"type", "spatial"}};
    write_loops(parts.x, parts.y, workload, spatial);
    list.push_back(std::move(spatial));
  }
  return yaml_text(Json{{"mapping", std::move(list)}});
}

std::string timeloop_architecture_yaml(const AcceleratorDescription& accelerator, int64_t word_bits) {
  Json storage = Json::array();
  int64_t mesh_x = 1;
  Json arithmetic;
  for (size_t i = 0; i <= accelerator.levels.size(); ++i) {
    const int64_t instances = accelerator.instances(i);
    Json entry;
    if (i == accelerator.levels.size()) {
      arithmetic = {
          {"name", accelerator.compute.name}, {"instances", instances}, {"meshX", mesh_x}, {"word-bits", word_bits}};
      const auto& energies = accelerator.compute.energy_j;
      if (!energies.empty()) arithmetic["energy"] = energies.begin()->second * 1e12;
      break;
    }
    const MemoryLevel& level = accelerator.levels[i];
    entry = {{"name", level.name}, {"instances", instances}, {"meshX", mesh_x}, {"word-bits", word_bits}};
    if (level.holds.empty()) entry["entries"] = 0;
    if (level.capacity_bits && !level.holds.empty()) entry["entries"] = *level.capacity_bits / word_bits;
    if (!level.capacity_bits && !level.holds.empty()) entry["technology"] = "DRAM";
    entry["block-size"] = std::max<int64_t>(1, level.access_bits / word_bits);
    const auto words = [&](const char* key, const std::optional<double>& bits) {
      if (bits) entry[key] = *bits / static_cast<double>(word_bits);
    };
    words("read_bandwidth", level.read_bits_per_cycle);
    words("write_bandwidth", level.write_bits_per_cycle);
    words("shared_bandwidth", level.shared_bits_per_cycle);
    if (level.read_energy_j) entry["vector-access-energy"] = *level.read_energy_j * 1e12;
    storage.push_back(std::move(entry));
    mesh_x *= level.fanout.x;
  }
  std::ranges::reverse(storage);
  return yaml_text(Json{{"arch", Json{{"arithmetic", std::move(arithmetic)}, {"storage", std::move(storage)}}}});
}

}  // namespace nacre
