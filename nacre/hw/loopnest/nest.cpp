#include "nacre/hw/loopnest/nest.hpp"

#include <atomic>

#include <fmt/format.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

uint64_t next_stamp() {
  static std::atomic<uint64_t> threads{0};
  thread_local const uint64_t thread = threads.fetch_add(1) << 44;
  thread_local uint64_t count = 0;
  return thread | ++count;
}

void check_level(const Workload& workload, const AcceleratorDescription& accelerator, std::size_t index,
                 const LevelMapping& level) {
  const std::string& name = accelerator.levels[index].name;
  if (level.keeps.size() != workload.tensors.size())
    throw UserError(fmt::format("mapping: level '{}' says of {} tensors whether it keeps them, '{}' has {}", name,
                                level.keeps.size(), workload.name, workload.tensors.size()));
  bool spatial = false;
  for (const MappedLoop& loop : level.loops) {
    if (loop.dimension < 0 || loop.dimension >= static_cast<int>(workload.dimensions.size()))
      throw UserError(fmt::format("mapping: level '{}' has a loop over dimension {}, '{}' has {}", name, loop.dimension,
                                  workload.name, workload.dimensions.size()));
    if (loop.factor < 1)
      throw UserError(fmt::format("mapping: level '{}' has the bound {} for {}, expected at least 1", name, loop.factor,
                                  workload.dimensions[static_cast<std::size_t>(loop.dimension)].name));
    if (loop.kind == LoopKind::temporal && spatial && loop.factor > 1)
      throw UserError(fmt::format("mapping: level '{}' has a temporal loop after a spatial one", name));
    spatial |= loop.kind != LoopKind::temporal && loop.factor > 1;
  }
}

}  // namespace

void check_workload(const Workload& workload) {
  if (workload.dimensions.size() > static_cast<std::size_t>(kMaximumLoopDimensions))
    throw UserError(fmt::format("workload '{}' has {} dimensions, at most {} are modelled", workload.name,
                                workload.dimensions.size(), kMaximumLoopDimensions));
  if (workload.tensors.empty() || workload.tensors.size() > static_cast<std::size_t>(kMaximumWorkloadTensors))
    throw UserError(fmt::format("workload '{}' has {} tensors, 1 to {} are modelled", workload.name,
                                workload.tensors.size(), kMaximumWorkloadTensors));
  for (const LoopDimension& dimension : workload.dimensions)
    if (dimension.size < 1)
      throw UserError(fmt::format("workload '{}': dimension {} has size {}, expected at least 1", workload.name,
                                  dimension.name, dimension.size));
  for (const WorkloadTensor& tensor : workload.tensors) {
    uint32_t seen = 0;
    for (const TensorAxis& axis : tensor.axes)
      for (const ProjectionTerm& term : axis.terms) {
        if (term.dimension < 0 || term.dimension >= static_cast<int>(workload.dimensions.size()))
          throw UserError(fmt::format("workload '{}': tensor '{}' uses dimension {} of {}", workload.name, tensor.name,
                                      term.dimension, workload.dimensions.size()));
        if (term.coefficient < 1)
          throw UserError(fmt::format("workload '{}': tensor '{}' has the coefficient {} for {}, expected at least 1",
                                      workload.name, tensor.name, term.coefficient,
                                      workload.dimensions[static_cast<std::size_t>(term.dimension)].name));
        if (seen & (1u << term.dimension))
          throw UserError(fmt::format("workload '{}': tensor '{}' uses {} twice, which is not modelled", workload.name,
                                      tensor.name, workload.dimensions[static_cast<std::size_t>(term.dimension)].name));
        seen |= 1u << term.dimension;
      }
  }
  workload.points();
}

void check_mapping(const Workload& workload, const AcceleratorDescription& accelerator, const Mapping& mapping) {
  check_workload(workload);
  if (accelerator.levels.empty() || accelerator.levels.size() > static_cast<std::size_t>(kMaximumMemoryLevels))
    throw UserError(fmt::format("accelerator '{}' has {} memory levels, 1 to {} are modelled", accelerator.name,
                                accelerator.levels.size(), kMaximumMemoryLevels));
  if (mapping.levels.size() != accelerator.levels.size())
    throw UserError(fmt::format("mapping: {} levels, but '{}' has {}", mapping.levels.size(), accelerator.name,
                                accelerator.levels.size()));
  std::array<int64_t, kMaximumLoopDimensions> product;
  product.fill(1);
  std::array<int, kMaximumLoopDimensions> chain = {};
  int loops = 0;
  for (std::size_t i = 0; i < mapping.levels.size(); ++i) {
    check_level(workload, accelerator, i, mapping.levels[i]);
    for (const MappedLoop& loop : mapping.levels[i].loops) {
      const auto d = static_cast<std::size_t>(loop.dimension);
      if (loop.factor > 1 && (++chain[d] > kMaximumChain || ++loops > kMaximumNestLoops))
        throw UserError(
            fmt::format("mapping: more than {} loops, or {} over one dimension", kMaximumNestLoops, kMaximumChain));
      if (__builtin_mul_overflow(product[d], loop.factor, &product[d]) || product[d] > (int64_t{1} << 60))
        throw UserError(
            fmt::format("mapping: the bounds of {} multiply to more than 2^60", workload.dimensions[d].name));
    }
  }
  for (std::size_t d = 0; d < workload.dimensions.size(); ++d)
    if (product[d] < workload.dimensions[d].size)
      throw UserError(fmt::format("mapping: the bounds of {} multiply to {}, which does not cover its size {}",
                                  workload.dimensions[d].name, product[d], workload.dimensions[d].size));
  for (std::size_t tensor = 0; tensor < workload.tensors.size(); ++tensor)
    if (!mapping.levels[0].keeps[tensor])
      throw UserError(fmt::format("mapping: the outermost level '{}' does not keep '{}'", accelerator.levels[0].name,
                                  workload.tensors[tensor].name));
}

void flatten_mapping(const Workload& workload, const Mapping& mapping, Nest& nest) {
  nest.stamp = next_stamp();
  nest.levels = static_cast<int>(mapping.levels.size());
  nest.dimension_count = static_cast<int>(workload.dimensions.size());
  nest.keeps.fill(0);
  std::array<int64_t, kMaximumLoopDimensions> inside;  // t of the next loop of a dimension
  for (int d = 0; d < nest.dimension_count; ++d) {
    nest.dimensions[static_cast<std::size_t>(d)].size = workload.dimensions[static_cast<std::size_t>(d)].size;
    nest.dimensions[static_cast<std::size_t>(d)].count = 0;
    nest.dimensions[static_cast<std::size_t>(d)].fanouts = 0;
    inside[static_cast<std::size_t>(d)] = 1;
  }
  for (const LevelMapping& level : mapping.levels)
    for (const MappedLoop& loop : level.loops) inside[static_cast<std::size_t>(loop.dimension)] *= loop.factor;

  std::array<int64_t, kMaximumLoopDimensions> rest;  // last coordinate that the loops further inside make up
  for (int d = 0; d < nest.dimension_count; ++d)
    rest[static_cast<std::size_t>(d)] = nest.dimensions[static_cast<std::size_t>(d)].size - 1;
  const auto set_tiles = [&](int level) {
    for (std::size_t d = 0; d < workload.dimensions.size(); ++d) {
      nest.dimensions[d].outside[static_cast<std::size_t>(level)] = nest.dimensions[d].count;
      nest.tile[static_cast<std::size_t>(level)][d] =
          nest.dimensions[d].count == 0 ? nest.dimensions[d].size : inside[d];
    }
  };
  int count = 0;
  for (int level = 0; level < nest.levels; ++level) {
    const auto l = static_cast<std::size_t>(level);
    nest.level_begin[l] = count;
    set_tiles(level);
    nest.spatial_x[l] = nest.spatial_y[l] = 1;
    for (std::size_t tensor = 0; tensor < workload.tensors.size(); ++tensor)
      if (mapping.levels[l].keeps[tensor]) nest.keeps[tensor] |= 1u << level;
    for (const MappedLoop& mapped : mapping.levels[l].loops) {
      if (mapped.kind == LoopKind::spatial_x) nest.spatial_x[l] *= mapped.factor;
      if (mapped.kind == LoopKind::spatial_y) nest.spatial_y[l] *= mapped.factor;
      if (mapped.factor == 1) continue;
      const auto d = static_cast<std::size_t>(mapped.dimension);
      inside[d] /= mapped.factor;
      NestDimension& dimension = nest.dimensions[d];
      const int64_t last = rest[d] / inside[d];
      if (dimension.count == 0 && last == 0) continue;  // never leaves its first step
      rest[d] -= last * inside[d];
      nest.loops[static_cast<std::size_t>(count)] = {.dimension = mapped.dimension,
                                                     .level = level,
                                                     .spatial = mapped.kind != LoopKind::temporal,
                                                     .factor = dimension.count == 0 ? last + 1 : mapped.factor,
                                                     .last = last,
                                                     .step = inside[d]};
      if (mapped.kind != LoopKind::temporal) dimension.fanouts |= 1u << dimension.count;
      dimension.loops[static_cast<std::size_t>(dimension.count++)] = count++;
    }
  }
  nest.level_begin[static_cast<std::size_t>(nest.levels)] = count;
  set_tiles(nest.levels);
  nest.uneven = 0;
  nest.loop_count = count;
  for (int d = 0; d < nest.dimension_count; ++d) {
    NestDimension& dimension = nest.dimensions[static_cast<std::size_t>(d)];
    int place = dimension.count;
    while (place > 0) {
      const NestLoop& loop = nest.loops[static_cast<std::size_t>(dimension.loops[static_cast<std::size_t>(place - 1)])];
      if (loop.last != loop.factor - 1) break;
      --place;
    }
    dimension.even_from = place;
    if (place > 0) nest.uneven |= 1u << d;
  }
}

}  // namespace nacre
