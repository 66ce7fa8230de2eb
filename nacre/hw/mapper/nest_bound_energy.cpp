// From elements to bounds of energy and cycles, and the finished mapping.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "nacre/base/error.hpp"
#include "nacre/hw/mapper/nest_bound.hpp"
#include "nacre/hw/mapper/nest_bound_parts.hpp"

namespace nacre {

using nest_bound_parts::at;
using nest_bound_parts::ceil_div;
using nest_bound_parts::is_timeloop;

namespace {

// Energy of what leaves one level for another: `whole` / s when s children share, 1 <= s <= most.
struct Shared {
  double whole = 0;
  double least = 0;
  double most = 1;
};

// The minimum of sum whole_i / s_i with prod s_i <= children: all s_i in proportion to whole_i, within their limits.
double shared_minimum(const std::vector<Shared>& shares, double children) {
  double result = 0;
  if (children <= 1) {
    for (const Shared& share : shares) result += share.whole;
    return result;
  }
  double low = 1e-300, high = 0;
  for (const Shared& share : shares) high = std::max(high, share.whole);
  if (high <= 0) return 0;
  low = high * 1e-12;
  for (int i = 0; i < 24; ++i) {
    const double level = std::sqrt(low * high);
    double product = 1;
    for (const Shared& share : shares) product *= std::clamp(share.whole / level, 1.0, share.most);
    (product > children ? low : high) = level;
  }
  // At `low` more is shared than there are children: a bound.
  for (const Shared& share : shares) result += share.whole / std::clamp(share.whole / low, 1.0, share.most);
  return result;
}

// Partial sums that pass a fan-out which is not placed yet. Children along a dimension that the outputs lack either merge their sums
// on the way (below the parent: fewer updates) or each begin sums of their own (above it: fewer of them come back). Both take
// children that other tensors then do not share with.
struct SpreadSums {
  double arriving = 0, unshared = 0, elements = 0;
  double merging = 1, above = 1;             // children that may merge; that may begin sums of their own
  double first_child = 1, first_parent = 1;  // elements that need not be fetched, before what is still to be spread
  double bits = 0, partial_bits = 0;
  double arrive = 0, leave = 0, arrive_back = 0, leave_back = 0;  // joules a bit
  bool zero_first_reads = true;

  // With `spread` children, 1 <= spread <= merging * above. Never rises with `spread`.
  double energy(double spread) const {
    const double merged = std::min(spread, merging), begun = spread / merged;
    const double leaving = std::max(unshared / merged, std::min(arriving, elements));
    const double back_child = zero_first_reads ? std::max(0.0, arriving - first_child * spread) : arriving;
    const double back_parent = zero_first_reads ? std::max(0.0, leaving - first_parent * begun) : leaving;
    const double wide = arriving > first_child * spread ? partial_bits : bits;
    return wide * (arriving * arrive + leaving * leave + back_child * arrive_back + back_parent * leave_back);
  }
};

// The least energy of partial sums and of all else that shares, when `children` are divided between them.
double spread_minimum(const SpreadSums& sums, const std::vector<Shared>& others, double children) {
  double best = std::numeric_limits<double>::infinity();
  const double most = std::min(children, sums.merging * sums.above);
  for (double low = 1; low <= most;) {
    // Numbers of children are whole; between two powers of two a few are taken together, each side at its best.
    const double power = std::exp2(std::floor(std::log2(low)) + 1);
    const double high = low <= 4 ? low : std::min({std::floor(low * 1.25), power - 1, most});
    best = std::min(best, sums.energy(high) + shared_minimum(others, std::max(1.0, children / low)));
    low = high + 1;
  }
  return best;
}

}  // namespace

// Energy of filling the tiles of a level, if they have these sizes, at best.
double NestBound::tile_cost(int level, const std::array<int64_t, kMaximumLoopDimensions>& tiles, uint32_t open) const {
  double energy = 0;
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    const Interface& here = interfaces_[i];
    if (here.child != level) continue;
    const uint32_t relevant = relevant_[at(here.tensor)];
    // The first loops in time outside the tile.
    bool closed = false, spread_between = false, wandering = false;
    uint32_t slides = 0, closing = 0;
    for (int k = here.boundary; k < slot_count(); ++k) {
      spread_between |= slots_[at(k)].spatial;
      if (slots_[at(k)].spatial) continue;
      closing = orders_[at(k)].nontrivial;
      const OrderChoice& choice = orders_[at(k)];
      if (choice.trivial == (1u << dimensions_) - 1) continue;
      closed = choice.nontrivial != 0 && (choice.nontrivial & ~relevant) == 0;
      if (rules_.halos != HaloRule::discarded)
        slides = closed                                                             ? choice.nontrivial
                 : choice.nontrivial != 0 && rules_.halos == HaloRule::timeloop_3_0 ? 0
                                                                                    : relevant;
      break;
    }
    double repeats = 1;
    if (closed)
      for (int d = 0; d < dimensions_; ++d)
        if (!(relevant >> d & 1u)) repeats *= double(ceil_div(steps_[0][at(d)], tiles[at(d)]));
    double plain = 1, least = 1;
    for (const Axis& axis : axes_[at(here.tensor)]) {
      if (axis.terms.size() == 1 && axis.terms[0].coefficient == 1) {
        plain *= double(steps_[0][at(axis.terms[0].dimension)]);
        least *= double(steps_[0][at(axis.terms[0].dimension)]);
        continue;
      }
      std::array<int64_t, kMaximumLoopDimensions> extents, whole;
      bool slide = false;
      int moving = 0;
      for (std::size_t j = 0; j < axis.terms.size(); ++j) {
        whole[j] = steps_[0][at(axis.terms[j].dimension)];
        slide |= slides >> axis.terms[j].dimension & 1u;
        moving += tiles[at(axis.terms[j].dimension)] < whole[j] || (open >> axis.terms[j].dimension & 1u) ? 1 : 0;
      }
      slide |= moving > 1;
      // Of the tiles that give these numbers of steps the cheapest: a sum that is concave in the tile is least at an end.
      double sum = std::numeric_limits<double>::infinity();
      const bool exact = space_.rule() == FactorRule::exact;
      for (uint32_t ends = 0; ends < (exact ? 1u : 1u << axis.terms.size()); ++ends) {
        double here_sum = 0;
        for (uint32_t which = 0; which < (1u << axis.terms.size()); ++which) {
          double times = 1;
          for (std::size_t j = 0; j < axis.terms.size(); ++j) {
            int64_t t = tiles[at(axis.terms[j].dimension)];
            const int64_t n = ceil_div(whole[j], t);
            if ((ends >> j & 1u) && n > 1) t = (whole[j] - 1) / (n - 1);
            const bool is_last = which >> j & 1u;
            extents[j] = is_last ? whole[j] - (n - 1) * t : t;
            times *= is_last ? 1.0 : double(n - 1);
          }
          if (times > 0) here_sum += times * double(elements(axis, extents));
        }
        sum = std::min(sum, here_sum);
      }
      double slid = double(touched(axis, whole));
      // Tiles of a window that are not chosen yet touch at least what is used; what lies between is counted for large ones only.
      for (const Term& term : axis.terms)
        if (open >> term.dimension & 1u) sum = std::min(sum, slid);
      if (rules_.halos == HaloRule::kept && repeats > 1) {
        if (moving > 1) wandering = true;
        for (std::size_t j = 0; j < axis.terms.size(); ++j) {
          const int64_t t = tiles[at(axis.terms[j].dimension)], n = ceil_div(whole[j], t);
          extents[j] = n > 1 && !exact ? (whole[j] - 1) / (n - 1) : t;
        }
        slid = std::max(1.0, slid - double(elements(axis, extents)));  // of every pass but the first
      }
      least = std::min(least * sum, slide ? plain * slid : std::numeric_limits<double>::infinity());
      plain *= sum;
    }
    double arriving = std::max(repeats * least, tensor_elements_[at(here.tensor)]);
    if (wandering) arriving = tensor_elements_[at(here.tensor)];
    if (closed && space_.rule() == FactorRule::uneven) {
      double share = 0;
      for (int d = 0; d < dimensions_; ++d)
        if (closing >> d & 1u) {
          const int64_t n = ceil_div(steps_[0][at(d)], tiles[at(d)]);
          share = std::max(share, spread_between ? 0.5 : n < 3 ? 0.0 : 1.0 / double(n));
        }
      for (const Axis& axis : axes_[at(here.tensor)])
        if (axis.terms.size() > 1) share = std::min(1.0, 2 * share);
      arriving -= share * std::max(0.0, arriving - tensor_elements_[at(here.tensor)]);
    }
    double outside = 1;  // children that may share
    for (int k = 0; k < slot_count(); ++k)
      if (here.merging >> k & 1u) outside *= double(accelerator_.levels[slots_[at(k)].level].fanout.count());
    const double leaving = std::max(arriving / outside, std::min(arriving, tensor_elements_[at(here.tensor)]));
    double back = 0, bits = here.bits;
    if (here.output && !here.window_output) {
      double instances = 1;
      for (int k = here.boundary; k < slot_count(); ++k)
        if (slots_[at(k)].spatial) instances *= double(accelerator_.levels[slots_[at(k)].level].fanout.count());
      back = std::max(0.0, arriving - tensor_elements_[at(here.tensor)] * instances);
      if (back > 0) bits = here.partial_bits;
      energy += back * bits * here.arrive_back +
                std::max(0.0, leaving - tensor_elements_[at(here.tensor)] * instances) * bits * here.leave_back;
    }
    bits = std::min(bits, std::max(here.bits, here.partial_bits));
    energy += bits * (arriving * here.arrive + leaving * here.leave);
  }
  return energy;
}

double NestBound::level_minimum(int level, uint32_t assigned) {
  // Key: level, what the first order outside is, and the tiles that are known.
  std::string key;
  auto add = [&](int64_t number) { key.append(reinterpret_cast<const char*>(&number), sizeof number); };
  add(level);
  for (const Interface& interface : interfaces_)
    if (interface.child == level) add(interface.tensor << 8 | interface.parent);
  for (int k = boundary_of_level_[at(level)]; k < slot_count(); ++k) {
    if (slots_[at(k)].spatial || orders_[at(k)].trivial == (1u << dimensions_) - 1) continue;
    add(int64_t(orders_[at(k)].nontrivial) << 32 | int64_t(slots_[at(k)].level));
    break;
  }
  // Dimensions without a factor further out lie in the tile as a whole; of the first class outside one does not.
  uint32_t whole = (1u << dimensions_) - 1, needed = 0;
  for (int k = boundary_of_level_[at(level)]; k < slot_count(); ++k) {
    whole &= slots_[at(k)].spatial ? 0u : orders_[at(k)].trivial;
    if (needed == 0 && !slots_[at(k)].spatial) needed = orders_[at(k)].nontrivial;
  }
  std::array<int64_t, kMaximumLoopDimensions> tiles;
  for (int d = 0; d < dimensions_; ++d) {
    int64_t n = 0;
    if (whole >> d & 1u) {
      n = 1;
      tiles[at(d)] = steps_[0][at(d)];
      if ((assigned >> d & 1u) && steps_[at(upto_[at(d)])][at(d)] > 1) return std::numeric_limits<double>::infinity();
    } else if (assigned >> d & 1u) {
      n = steps_[at(upto_[at(d)])][at(d)];
      tiles[at(d)] = ceil_div(steps_[0][at(d)], n);
    }
    add(n);
  }
  if (const auto found = minima_->find(key); found != minima_->end()) return found->second;

  const MemoryLevel& memory = accelerator_.levels[at(level)];
  const double capacity = memory.capacity_bits
                              ? double(memory.double_buffered ? *memory.capacity_bits / 2 : *memory.capacity_bits)
                              : std::numeric_limits<double>::infinity();
  auto fits = [&] {
    double bits = 0;
    for (std::size_t t = 0; t < relevant_.size(); ++t)
      if (keeps_[at(level)][t]) {
        const WorkloadTensor& tensor = workload_.tensors[t];
        bits += double(tile_elements(int(t), tiles.data())) *
                (tensor.role == TensorRole::outputs ? double(std::min(tensor.bits, workload_.partial_sum_bits))
                                                    : double(tensor.bits) * tensor.density);
      }
    return bits <= capacity;
  };
  std::vector<int> open;
  uint32_t windowed = 0;
  for (const auto& axes : axes_)
    for (const Axis& axis : axes)
      for (const Term& term : axis.terms)
        if (axis.terms.size() > 1 || term.coefficient > 1) windowed |= 1u << term.dimension;
  for (int d = 0; d < dimensions_; ++d)
    if (!((assigned | whole) >> d & 1u)) open.push_back(d);
  double best = std::numeric_limits<double>::infinity();
  // With the dimensions still open as small as can be for what fits, and as large as can be for the cost.
  std::function<void(std::size_t)> choose = [&](std::size_t index) {
    std::array<int64_t, kMaximumLoopDimensions> kept = tiles;
    for (std::size_t i = index; i < open.size(); ++i) tiles[at(open[i])] = 1;
    const bool fit = fits();
    for (std::size_t i = index; i < open.size(); ++i) tiles[at(open[i])] = steps_[0][at(open[i])];
    uint32_t still_open = 0;
    for (std::size_t i = index; i < open.size(); ++i) still_open |= 1u << open[i];
    const double cost = fit ? tile_cost(level, tiles, still_open) : best;
    tiles = kept;
    if (!fit || cost >= best) return;
    if (index == open.size()) {
      bool possible = needed == 0;
      for (int d = 0; d < dimensions_; ++d)
        possible = possible || ((needed >> d & 1u) && tiles[at(d)] < steps_[0][at(d)]);
      if (possible) best = cost;
      return;
    }
    const auto& candidates = candidate_tiles_[at(open[index])];
    for (std::size_t i = candidates.size(); i-- > 0;) {
      tiles[at(open[index])] = candidates[i];
      choose(index + 1);
      // The largest that fits is the best for the last dimension.
      if (index + 1 == open.size() && !((windowed | needed) >> open[index] & 1u) && fits()) break;
    }
  };
  choose(0);
  return (*minima_)[key] = best;
}

BoundValue NestBound::bound() {
  const int levels = int(accelerator_.levels.size());
  BoundValue result;
  result.energy_j = base_energy_;
  std::array<double, kMaximumMemoryLevels> read = {}, written = {}, stall_written = {}, stall_parent = {};
  double shared_energy = 0, fixed_of_sums = 0;
  std::vector<Shared> shares, others;
  std::optional<SpreadSums> sums;
  std::size_t sums_index = 0;
  // Levels whose tile is not complete yet.
  uint32_t pending = 0;
  for (int l = 1; l < levels; ++l) {
    if (boundary_of_level_[at(l)] <= ended_slots_) continue;
    pending |= 1u << l;
    bool keeps_any = false;
    for (bool keep : keeps_[at(l)]) keeps_any |= keep;
    if (!keeps_any) continue;
    uint32_t assigned = 0;
    if (boundary_of_level_[at(l)] == current_slot_ + 1 && ended_slots_ <= current_slot_)
      for (int d = 0; d < dimensions_; ++d)
        if (upto_[at(d)] == current_slot_ + 1) assigned |= 1u << d;
    result.energy_j += level_minimum(l, assigned);
  }
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    const Interface& here = interfaces_[i];
    const auto tensor = at(here.tensor);
    double arriving, leaving, back_child = 0, back_parent = 0;
    if (here.child < levels && pending >> here.child & 1u) {
      // Every element comes at least once.
      if (here.parent == 0) (here.output ? written : read)[0] += tensor_elements_[tensor] * here.bits;
      continue;
    }
    double units = 1, sharing = 1, above_child = 1, above_parent = 1;
    for (int k = here.boundary; k < slot_count(); ++k) {
      if (!slots_[at(k)].spatial || k < ended_slots_) continue;
      double left = double(accelerator_.levels[slots_[at(k)].level].fanout.count());
      if (k == slot_count() - 1 || slots_[at(k)].level + 1 == accelerator_.levels.size())
        left *= double(accelerator_.compute.lanes);
      if (k == current_slot_)
        for (int d = 0; d < dimensions_; ++d)
          if (upto_[at(d)] == k + 1) left = std::floor(left / double(factor_[at(k)][at(d)]));
      left = std::max(left, 1.0);
      units *= left;
      if (here.merging >> k & 1u) sharing *= left;
      above_child *= left;
      if (int(slots_[at(k)].level) < here.parent) above_parent *= left;
    }
    double unshared = 0;
    if (here.child == levels) {
      arriving = 1;
      for (int d = 0; d < dimensions_; ++d) arriving *= double(steps_[0][at(d)]);
      unshared = arriving_elements(int(i), true);
    } else {
      arriving = arriving_elements(int(i), false);
      unshared = arriving_elements(int(i), true);
    }
    leaving = unshared / sharing;
    leaving = std::max(leaving, std::min(arriving, tensor_elements_[tensor]));
    double bits = here.bits;
    if (here.output && !here.window_output) {
      double first_child = tensor_elements_[tensor] * above_child,
             first_parent = tensor_elements_[tensor] * above_parent;
      for (int d = 0; d < dimensions_; ++d)
        if (!(relevant_[tensor] >> d & 1u)) {
          first_child *= counts_[i].child_instances[at(d)];
          first_parent *= counts_[i].parent_instances[at(d)];
        }
      back_child = rules_.zero_first_reads ? std::max(0.0, arriving - first_child) : arriving;
      back_parent = rules_.zero_first_reads ? std::max(0.0, leaving - first_parent) : leaving;
      if (arriving > first_child) bits = here.partial_bits;
      if (!sums && sharing * above_parent > 1) {
        fixed_of_sums = bits * (arriving * here.arrive + back_child * here.arrive_back + back_parent * here.leave_back);
        sums = {.arriving = arriving,
                .unshared = unshared,
                .elements = tensor_elements_[tensor],
                .merging = sharing,
                .above = above_parent,
                .first_child = first_child / (sharing * above_parent),  // children that neither merge nor begin: free
                .first_parent = first_parent / above_parent,
                .bits = here.bits,
                .partial_bits = std::max(here.bits, here.partial_bits),
                .arrive = here.arrive,
                .leave = here.leave,
                .arrive_back = here.arrive_back,
                .leave_back = here.leave_back,
                .zero_first_reads = rules_.zero_first_reads};
        sums_index = i;
      }
    }
    result.energy_j += bits * (arriving * here.arrive + back_child * here.arrive_back + back_parent * here.leave_back);
    shared_energy += bits * leaving * here.leave;
    Shared shared{.least = bits * leaving * here.leave, .most = sharing};
    shared.whole = bits * unshared * here.leave;
    for (const Axis& axis : axes_[tensor])
      if (axis.terms.size() > 1 && sharing > 1) {
        int64_t smallest = std::numeric_limits<int64_t>::max();
        for (const Term& term : axis.terms) smallest = std::min(smallest, steps_[0][at(term.dimension)]);
        shared.whole /= double(smallest);
      }
    shares.push_back(shared);
    // Outputs' other fan-outs merge what was begun apart: their children are counted already.
    if (here.output && !(sums && sums_index == i)) shared.whole = shared.least, shared.most = 1;
    if (!sums || sums_index != i) others.push_back(shared);
    // Bandwidth.
    if (here.output) {
      written[at(here.parent)] += leaving * bits;
      read[at(here.parent)] += back_parent * bits;
      if (here.child < levels) {
        written[at(here.child)] += back_child * bits;
        if (rules_.read_when_evicted) read[at(here.child)] += arriving * bits;
      }
    } else {
      read[at(here.parent)] += leaving * bits;
      if (here.child < levels) written[at(here.child)] += arriving * bits;
    }
    if (here.child < levels && rules_.stall_on_exchange && !is_timeloop(rules_)) {
      const MemoryLevel& memory = accelerator_.levels[at(here.child)];
      int64_t elements = tile_elements(here.tensor, [&] {
        thread_local std::array<int64_t, kMaximumLoopDimensions> tile;
        for (int d = 0; d < dimensions_; ++d) tile[at(d)] = std::min(tile_[at(here.boundary)][at(d)], steps_[0][at(d)]);
        return tile.data();
      }());
      if (!memory.double_buffered && memory.capacity_bits && elements > 1) {
        stall_written[at(here.child)] += (here.output ? back_child : arriving) * bits;
        const MemoryLevel& outer = accelerator_.levels[at(here.parent)];
        const double instances = double(accelerator_.instances(at(here.parent)));
        const double in = here.output ? back_parent : leaving, out = here.output ? leaving : 0;
        double cycles = 0;
        if (outer.read_bits_per_cycle) cycles = std::max(cycles, in * bits / instances / *outer.read_bits_per_cycle);
        if (outer.write_bits_per_cycle) cycles = std::max(cycles, out * bits / instances / *outer.write_bits_per_cycle);
        if (outer.shared_bits_per_cycle)
          cycles = std::max(cycles, (in + out) * bits / instances / *outer.shared_bits_per_cycle);
        stall_parent[at(here.child)] = std::max(stall_parent[at(here.child)], cycles);
      }
    }
  }
  if (exclusive_) {
    double children = 1;
    for (int k = ended_slots_; k < slot_count(); ++k) {
      if (!slots_[at(k)].spatial) continue;
      double here = double(space_.children(slots_[at(k)].level, LoopKind::spatial_x)) *
                    double(space_.children(slots_[at(k)].level, LoopKind::spatial_y));
      if (k == current_slot_)
        for (int d = 0; d < dimensions_; ++d)
          if (upto_[at(d)] == k + 1) here = std::floor(here / double(factor_[at(k)][at(d)]));
      children *= std::max(1.0, here);
    }
    shared_energy = std::max(shared_energy, shared_minimum(shares, children));
    if (sums && children > 1)
      shared_energy = std::max(shared_energy, spread_minimum(*sums, others, children) - fixed_of_sums);
  }
  result.energy_j += shared_energy;
  // Compute: fan-outs that are not placed yet share what is left.
  double busy = 1, left = 1;
  for (int d = 0; d < dimensions_; ++d) busy *= busy_[at(d)];
  for (int k = ended_slots_; k < slot_count(); ++k) {
    if (!slots_[at(k)].spatial) continue;
    double children = double(accelerator_.levels[slots_[at(k)].level].fanout.count());
    if (slots_[at(k)].level + 1 == accelerator_.levels.size()) children *= double(accelerator_.compute.lanes);
    if (k == current_slot_)
      for (int d = 0; d < dimensions_; ++d)
        if (upto_[at(d)] == k + 1) children = std::floor(children / double(factor_[at(k)][at(d)]));
    left *= std::max(1.0, children);
  }
  double cycles = std::ceil(std::ceil(busy / left * (1 - 1e-12)) / rate_ * (1 - 1e-12));
  double stalls = 0;
  for (int l = 0; l < levels; ++l) {
    const MemoryLevel& memory = accelerator_.levels[at(l)];
    double used = 1;  // instances
    for (int k = 0; k < slot_count(); ++k) {
      if (!slots_[at(k)].spatial || int(slots_[at(k)].level) >= l) continue;
      if (k < ended_slots_) {
        for (int d = 0; d < dimensions_; ++d) used *= double(factor_[at(k)][at(d)]);
      } else {
        used *= double(accelerator_.levels[slots_[at(k)].level].fanout.count());
      }
    }
    auto time = [&](double in, double out) {
      double result = 0;
      if (memory.read_bits_per_cycle) result = std::max(result, in / used / *memory.read_bits_per_cycle);
      if (memory.write_bits_per_cycle) result = std::max(result, out / used / *memory.write_bits_per_cycle);
      if (memory.shared_bits_per_cycle) result = std::max(result, (in + out) / used / *memory.shared_bits_per_cycle);
      return result;
    };
    // Timeloop rounds elements an instance down before it divides.
    const double slack = is_timeloop(rules_) && used > 1 ? double(workload_.tensors.size()) * 16 * used : 0;
    cycles = std::max(cycles, time(std::max(0.0, read[at(l)] - slack), std::max(0.0, written[at(l)] - slack)));
    stalls += std::max(time(0, stall_written[at(l)]), stall_parent[at(l)]);
  }
  result.cycles = cycles + stalls;
  result.energy_j += leakage_w_ * result.cycles;
  return result;
}

Mapping NestBound::mapping(const std::vector<OrderChoice>& orders) const {
  Mapping result;
  result.levels.resize(accelerator_.levels.size());
  for (std::size_t l = 0; l < keeps_.size(); ++l) result.levels[l].keeps = keeps_[l];
  for (int k = slot_count() - 1; k >= 0; --k) {
    const FactorSlot& here = slots_[at(k)];
    auto& loops = result.levels[here.level].loops;
    if (!here.spatial) {
      for (int d : orders[at(k)].order)
        if (factor_[at(k)][at(d)] > 1) loops.push_back({.dimension = d, .factor = factor_[at(k)][at(d)]});
      continue;
    }
    std::vector<int64_t> factors, x;
    for (int d = 0; d < dimensions_; ++d) factors.push_back(factor_[at(k)][at(d)]);
    NACRE_CHECK(space_.packs(here.level, factors, &x));
    for (int d = 0; d < dimensions_; ++d) {
      const int64_t y = factors[at(d)] / x[at(d)];
      if (y > 1) loops.push_back({.dimension = d, .factor = y, .kind = LoopKind::spatial_y});
      if (x[at(d)] > 1) loops.push_back({.dimension = d, .factor = x[at(d)], .kind = LoopKind::spatial_x});
    }
  }
  // Temporal loops of a level stand before its spatial ones: slots in time come first, since they lie outside.
  return result;
}

}  // namespace nacre
