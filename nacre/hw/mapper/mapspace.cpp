#include "nacre/hw/mapper/mapspace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int64_t kFree = -1;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class Range, class Name>
std::vector<std::string> names_of(const Range& range, Name name) {
  std::vector<std::string> result;
  for (const auto& item : range) result.push_back(name(item));
  return result;
}

std::size_t index_of(const std::vector<std::string>& names, const std::string& name, const std::string& what) {
  auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw UserError("mapping constraints: " + unknown_name_message(what, name, names));
  return std::size_t(found - names.begin());
}

// Puts the numbers that were pinned with 0 right: all that the other pinned factors of the dimension leave. What was free is 1
// then.
void resolve_remainders(const Workload& workload, FactorRule rule, std::vector<std::vector<int64_t>>& temporal,
                        std::vector<std::vector<int64_t>>& spatial) {
  for (std::size_t d = 0; d < workload.dimensions.size(); ++d) {
    int64_t* open = nullptr;
    int64_t pinned = 1;
    for (auto* table : {&temporal, &spatial})
      for (auto& level : *table) {
        if (level[d] == 0) {
          if (open != nullptr)
            throw UserError(fmt::format("mapping constraints: dimension {} has two factors of 0 (all that is left)",
                                        workload.dimensions[d].name));
          open = &level[d];
        } else if (level[d] > workload.dimensions[d].size) {
          throw UserError(fmt::format("mapping constraints: a factor of {} for dimension {}, whose size is {}",
                                      level[d], workload.dimensions[d].name, workload.dimensions[d].size));
        } else if (level[d] != kFree && __builtin_mul_overflow(pinned, level[d], &pinned)) {
          throw UserError(
              fmt::format("mapping constraints: the factors of dimension {} overflow", workload.dimensions[d].name));
        }
      }
    const int64_t size = workload.dimensions[d].size;
    if (rule == FactorRule::exact && size % pinned != 0)
      throw UserError(fmt::format(
          "mapping constraints: the pinned factors of dimension {} multiply to {}, which does not divide its size {}",
          workload.dimensions[d].name, pinned, size));
    if (open == nullptr) continue;
    *open = ceil_div(size, pinned);
    for (auto* table : {&temporal, &spatial})
      for (auto& level : *table)
        if (level[d] == kFree) level[d] = 1;
  }
}

}  // namespace

std::vector<int64_t> smallest_factors(int64_t steps) {
  std::vector<int64_t> result;
  for (int64_t factor = 1;;) {
    result.push_back(factor);
    const int64_t n = ceil_div(steps, factor);
    if (n == 1) return result;
    factor = ceil_div(steps, n - 1);
  }
}

std::vector<int64_t> divisors(int64_t number) {
  std::vector<int64_t> low, high;
  for (int64_t f = 1; f * f <= number; ++f) {
    if (number % f != 0) continue;
    low.push_back(f);
    if (f != number / f) high.push_back(number / f);
  }
  low.insert(low.end(), high.rbegin(), high.rend());
  return low;
}

Mapspace::Mapspace(const Workload& workload, const AcceleratorDescription& accelerator,
                   const MappingConstraints& constraints)
    : workload_(workload), accelerator_(accelerator), constraints_(constraints) {
  const std::size_t levels = accelerator.levels.size(), dimensions = workload.dimensions.size();
  if (levels == 0) throw UserError(fmt::format("accelerator '{}' has no memory level", accelerator.name));
  const auto level_names = names_of(accelerator.levels, [](const MemoryLevel& level) { return level.name; });
  const auto dimension_names = names_of(workload.dimensions, [](const LoopDimension& d) { return d.name; });
  const auto tensor_names = names_of(workload.tensors, [](const WorkloadTensor& t) { return t.name; });
  temporal_.assign(levels, std::vector<int64_t>(dimensions, kFree));
  spatial_ = temporal_;
  axis_.assign(levels, std::vector<int>(dimensions, 0));
  orders_.resize(levels);
  keep_.assign(levels, std::vector<int>(workload.tensors.size(), 0));
  for (std::size_t l = 0; l < levels; ++l)
    for (std::size_t t = 0; t < workload.tensors.size(); ++t) {
      const auto& holds = accelerator.levels[l].holds;
      const bool may = std::find(holds.begin(), holds.end(), workload.tensors[t].role) != holds.end();
      if (l == 0) {
        keep_[l][t] = 1;
      } else if (may) {
        keep_[l][t] = constraints.free_bypass ? 2 : 1;
      }
    }
  for (const LevelConstraint& constraint : constraints.levels) {
    const std::size_t l = index_of(level_names, constraint.level, "level");
    for (const auto* pinned : {&constraint.temporal, &constraint.spatial})
      for (const auto& [name, factor] : *pinned) {
        const std::size_t d = index_of(dimension_names, name, "dimension");
        if (factor < 0)
          throw UserError(fmt::format("mapping constraints: factor {} of dimension {} at level '{}' is negative",
                                      factor, name, constraint.level));
        (pinned == &constraint.temporal ? temporal_ : spatial_)[l][d] = factor;
      }
    for (const auto& [name, kind] : constraint.axis) {
      if (kind == LoopKind::temporal)
        throw UserError(fmt::format("mapping constraints: the axis of dimension {} at level '{}' must be x or y", name,
                                    constraint.level));
      axis_[l][index_of(dimension_names, name, "dimension")] = kind == LoopKind::spatial_x ? 1 : 2;
    }
    std::vector<bool> seen(dimensions);
    for (const std::string& name : constraint.order) {
      const std::size_t d = index_of(dimension_names, name, "dimension");
      if (seen[d])
        throw UserError(fmt::format("mapping constraints: dimension {} stands twice in the order of level '{}'", name,
                                    constraint.level));
      seen[d] = true;
      orders_[l].push_back(int(d));
    }
    if (!orders_[l].empty() && orders_[l].size() != dimensions)
      throw UserError(fmt::format("mapping constraints: the order of level '{}' names {} of {} dimensions",
                                  constraint.level, orders_[l].size(), dimensions));
    for (const std::string& name : constraint.keep) {
      const std::size_t t = index_of(tensor_names, name, "tensor");
      if (l != 0 && keep_[l][t] == 0)
        throw UserError(fmt::format("mapping constraints: level '{}' cannot hold tensor {}", constraint.level, name));
      keep_[l][t] = 1;
    }
    for (const std::string& name : constraint.bypass) {
      const std::size_t t = index_of(tensor_names, name, "tensor");
      if (l == 0)
        throw UserError(fmt::format("mapping constraints: the outermost level '{}' keeps every tensor, also {}",
                                    constraint.level, name));
      keep_[l][t] = 0;
    }
  }
  resolve_remainders(workload_, constraints_.factors, temporal_, spatial_);
}

std::vector<Mapspace::KeepPattern> Mapspace::keep_patterns() const {
  std::vector<KeepPattern> result;
  KeepPattern pattern(keep_.size(), std::vector<bool>(workload_.tensors.size()));
  std::function<void(std::size_t, std::size_t)> choose = [&](std::size_t l, std::size_t t) {
    if (l == keep_.size()) return result.push_back(pattern);
    if (t == workload_.tensors.size()) return choose(l + 1, 0);
    for (int keep : {1, 0}) {
      if (keep_[l][t] != 2 && keep_[l][t] != keep) continue;
      pattern[l][t] = keep == 1;
      choose(l, t + 1);
    }
  };
  choose(0, 0);
  return result;
}

std::vector<FactorSlot> Mapspace::slots(const KeepPattern& keeps) const {
  std::vector<FactorSlot> result;
  for (std::size_t l = accelerator_.levels.size(); l-- > 0;) {
    if (children(l, LoopKind::spatial_x) * children(l, LoopKind::spatial_y) > 1) result.push_back({l, true});
    const bool keeps_any = std::find(keeps[l].begin(), keeps[l].end(), true) != keeps[l].end();
    const bool pinned = std::any_of(temporal_[l].begin(), temporal_[l].end(), [](int64_t f) { return f > 1; });
    if (keeps_any || pinned) result.push_back({l, false});
  }
  return result;
}

int64_t Mapspace::children(std::size_t level, LoopKind axis) const {
  const Fanout& fanout = accelerator_.levels[level].fanout;
  if (axis == LoopKind::spatial_y) return fanout.y;
  return fanout.x * (level + 1 == accelerator_.levels.size() ? accelerator_.compute.lanes : 1);
}

bool Mapspace::may_spread(std::size_t level, std::size_t dimension, LoopKind axis) const {
  if (children(level, axis) <= 1) return false;
  return axis_[level][dimension] == 0 || (axis_[level][dimension] == 1) == (axis == LoopKind::spatial_x);
}

std::vector<int64_t> Mapspace::factors(const FactorSlot& slot, std::size_t dimension, int64_t steps, bool last,
                                       bool fitting) const {
  const int64_t pinned = (slot.spatial ? spatial_ : temporal_)[slot.level][dimension];
  const bool exact = constraints_.factors == FactorRule::exact;
  if (last) {
    if (pinned != kFree && pinned != steps) return {};
    return {steps};
  }
  if (pinned != kFree) {
    // A pinned factor may be more than what is left of an uneven chain; it then takes one step.
    if (exact && steps % pinned != 0) return {};
    return {pinned};
  }
  if (slot.spatial && fitting) {
    const int64_t limit =
        (may_spread(slot.level, dimension, LoopKind::spatial_x) ? children(slot.level, LoopKind::spatial_x) : 1) *
        (may_spread(slot.level, dimension, LoopKind::spatial_y) ? children(slot.level, LoopKind::spatial_y) : 1);
    auto result = exact ? divisors(steps) : smallest_factors(steps);
    while (result.back() > limit) result.pop_back();
    return result;
  }
  // What slots further out have pinned must still be possible; chains that end wrongly are empty there.
  return exact ? divisors(steps) : smallest_factors(steps);
}

bool Mapspace::packs(std::size_t level, const std::vector<int64_t>& factors, std::vector<int64_t>* x) const {
  std::vector<int64_t> along_x(factors.size(), 1);
  std::function<bool(std::size_t, int64_t, int64_t)> place = [&](std::size_t d, int64_t left_x, int64_t left_y) {
    if (d == factors.size()) return true;
    if (factors[d] == 1) {
      along_x[d] = 1;
      return place(d + 1, left_x, left_y);
    }
    const bool may_x = may_spread(level, d, LoopKind::spatial_x), may_y = may_spread(level, d, LoopKind::spatial_y);
    for (int64_t part = std::min(factors[d], left_x); part >= 1; --part) {
      if (factors[d] % part != 0 || factors[d] / part > left_y) continue;
      if ((part > 1 && !may_x) || (factors[d] / part > 1 && !may_y)) continue;
      along_x[d] = part;
      if (place(d + 1, left_x / part, left_y / (factors[d] / part))) return true;
    }
    return false;
  };
  if (!place(0, children(level, LoopKind::spatial_x), children(level, LoopKind::spatial_y))) return false;
  if (x != nullptr) *x = along_x;
  return true;
}

Count Mapspace::chains(const KeepPattern& keeps, std::size_t dimension) const {
  const auto places = slots(keeps);
  std::vector<std::map<int64_t, Count>> known(places.size());
  std::function<Count(std::size_t, int64_t)> count = [&](std::size_t slot, int64_t steps) -> Count {
    const bool last = slot + 1 == places.size();
    if (auto found = known[slot].find(steps); found != known[slot].end()) return found->second;
    Count result = 0;
    for (int64_t factor : factors(places[slot], dimension, steps, last, false)) {
      if (last) {
        result += 1;
        continue;
      }
      Count ways = count(slot + 1, ceil_div(steps, factor));
      // Along two axes a factor can be split in several ways.
      if (places[slot].spatial && may_spread(places[slot].level, dimension, LoopKind::spatial_x) &&
          may_spread(places[slot].level, dimension, LoopKind::spatial_y))
        ways *= static_cast<unsigned long>(divisors(factor).size());
      result += ways;
    }
    return known[slot][steps] = result;
  };
  return count(0, workload_.dimensions[dimension].size);
}

Count Mapspace::factorizations(const KeepPattern& keeps) const {
  Count result = 1;
  for (std::size_t d = 0; d < workload_.dimensions.size(); ++d) result *= chains(keeps, d);
  return result;
}

Count Mapspace::size() const {
  Count permutations = 1;
  for (std::size_t i = 2; i <= workload_.dimensions.size(); ++i) permutations *= Count(std::to_string(i));
  Count result = 0;
  for (const KeepPattern& keeps : keep_patterns()) {
    Count points = factorizations(keeps);
    for (const FactorSlot& slot : slots(keeps))
      if (!slot.spatial && orders_[slot.level].empty()) points *= permutations;
    result += points;
  }
  return result;
}

}  // namespace nacre
