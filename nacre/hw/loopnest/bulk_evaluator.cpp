#include "nacre/hw/loopnest/bulk_evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/hw/loopnest/bulk_kernel.hpp"

namespace nacre {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

Mapping with_bounds(Mapping mapping, std::span<const int64_t> bounds) {
  std::size_t next = 0;
  for (LevelMapping& level : mapping.levels)
    for (MappedLoop& loop : level.loops) loop.factor = bounds[next++];
  return mapping;
}

Workload with_sizes(Workload workload, const Mapping& mapping) {
  for (LoopDimension& dimension : workload.dimensions) dimension.size = 1;
  for (const LevelMapping& level : mapping.levels)
    for (const MappedLoop& loop : level.loops) workload.dimensions[at(loop.dimension)].size *= loop.factor;
  return workload;
}

}  // namespace

BulkEvaluator::BulkEvaluator(const Workload& workload, const AcceleratorDescription& accelerator, const Mapping& loops,
                             const CountingRules& rules)
    : workload_(workload),
      accelerator_(accelerator),
      mapping_(loops),
      rules_(rules),
      single_(workload, accelerator, rules),
      counter_(workload, rules) {
  for (LevelMapping& level : mapping_.levels)
    for (MappedLoop& loop : level.loops) loop.factor = 1;
  check_mapping(with_sizes(workload_, mapping_), accelerator, mapping_);
  int level_index = 0;
  for (const LevelMapping& level : mapping_.levels) {
    for (const MappedLoop& loop : level.loops)
      loops_.push_back(
          {loop.dimension, level_index, loop.kind != LoopKind::temporal, loop.kind == LoopKind::spatial_x});
    level_end_.push_back(loop_count());
    ++level_index;
  }
  if (loop_count() > kMaximumNestLoops) throw UserError(fmt::format("more than {} loops", kMaximumNestLoops));
  const int levels = static_cast<int>(accelerator.levels.size());
  for (int tensor = 0; tensor < static_cast<int>(workload.tensors.size()); ++tensor) {
    const CountedTensor& counted = counter_.tensor(tensor);
    for (int i = 0; i < counted.axis_count; ++i)
      if (counted.axes[at(i)].terms > 2 || (counted.output && counted.axes[at(i)].terms > 1))
        throw UserError(
            fmt::format("'{}' has a window that is not counted in bulk", workload.tensors[at(tensor)].name));
    for (int child = levels; child > 0;) {
      int parent = child - 1;
      while (!mapping_.levels[at(parent)].keeps[at(tensor)]) --parent;
      Boundary boundary{.tensor = tensor, .parent = parent, .child = child, .inner_kept = child < levels, .nodes = {}};
      for (int level = parent; level <= child; ++level) {
        Node node{.level = level,
                  .labels = {},
                  .spread = std::vector<std::array<int, 2>>(at(counted.axis_count), {-1, -1}),
                  .absent_labels = {},
                  .all_absent_labels_parent = {}};
        for (int i = 0; i < (child == levels ? loop_count() : level_end_[at(child - 1)]); ++i) {
          const Loop& loop = loops_[at(i)];
          if (!loop.spatial) continue;
          const Fanout& fanout = accelerator.levels[at(loop.level)].fanout;
          const bool label = loop.level < level || !(counted.output ? fanout.reduction : fanout.multicast);
          const int axis = counted.axis_of[at(loop.dimension)];
          if (axis < 0 && label) node.absent_labels.push_back(i);
          if (axis < 0 && loop.level < level) node.all_absent_labels_parent.push_back(i);
          if (label || (axis >= 0 && counted.axes[at(axis)].terms == 1)) {
            node.labels.push_back(i);
          } else if (axis >= 0) {
            std::array<int, 2>& spread = node.spread[at(axis)];
            const bool equal_tiles =
                !rules.exact_windows && spread[0] >= 0 && loops_[at(spread[0])].level == loop.level;
            if (spread[1] >= 0 || equal_tiles)
              throw UserError(fmt::format("fan-out loops along one window of '{}' that are not counted in bulk",
                                          workload.tensors[at(tensor)].name));
            spread[spread[0] < 0 ? 0 : 1] = i;
          }
        }
        boundary.nodes.push_back(std::move(node));
      }
      boundaries_.push_back(std::move(boundary));
      child = parent;
    }
  }
}

void BulkEvaluator::evaluate_alone(std::span<const int64_t> bounds, std::span<const int64_t> coefficients,
                                   BulkCost& result) const {
  const Mapping mapping = with_bounds(mapping_, bounds);
  Workload workload = with_sizes(workload_, mapping);
  if (!coefficients.empty())
    for (WorkloadTensor& tensor : workload.tensors)
      for (TensorAxis& axis : tensor.axes)
        if (axis.terms.size() > 1)
          for (ProjectionTerm& term : axis.terms) term.coefficient = coefficients[at(term.dimension)];
  const NestEvaluator evaluator(workload, accelerator_, rules_);
  Nest nest;
  NestCost cost;
  evaluator.flatten(mapping, nest);
  evaluator.cost(nest, cost);
  result = {.cycles = cost.cycles,
            .compute_cycles = static_cast<double>(cost.compute_cycles),
            .energy_j = cost.energy_j,
            .energy_known = cost.energy_known,
            .fits = evaluator.fits(nest, cost)};
}

void BulkEvaluator::evaluate(std::span<const int64_t> bounds, std::span<const int64_t> coefficients,
                             std::span<BulkCost> results) const {
  const std::size_t loops = loops_.size(), dimensions = workload_.dimensions.size();
  NACRE_CHECK(bounds.size() == results.size() * loops, "a row of bounds for each result");
  NACRE_CHECK(coefficients.empty() || coefficients.size() == results.size() * dimensions,
              "a row of coefficients for each result");
  for (std::size_t first = 0; first < results.size(); first += kBulkLanes) {
    const std::size_t count = std::min<std::size_t>(kBulkLanes, results.size() - first);
    unsigned alone = accelerator_.commands ? (1u << count) - 1 : 0;  // lanes, as bits; commands have no vector form
    if (alone == 0)
      bulk_kernel(*this, bounds.subspan(first * loops, count * loops),
                  coefficients.empty() ? coefficients : coefficients.subspan(first * dimensions, count * dimensions),
                  results.subspan(first, count), alone);
    for (std::size_t lane = 0; alone && lane < count; ++lane)
      if (alone >> lane & 1u)
        evaluate_alone(
            bounds.subspan((first + lane) * loops, loops),
            coefficients.empty() ? coefficients : coefficients.subspan((first + lane) * dimensions, dimensions),
            results[first + lane]);
  }
}

}  // namespace nacre
