#include "nacre/hw/mapper/nest_bound.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }
int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
bool is_timeloop(const CountingRules& rules) {
  return rules.halos == HaloRule::timeloop_3_0 || rules.halos == HaloRule::timeloop_head;
}

constexpr int kNever = 1 << 20;

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

}  // namespace

NestBound::NestBound(const Mapspace& space, const CountingRules& rules, const Mapspace::KeepPattern& keeps,
                     std::shared_ptr<Minima> minima)
    : space_(space),
      workload_(space.workload()),
      accelerator_(space.accelerator()),
      rules_(rules),
      keeps_(keeps),
      dimensions_(int(space.workload().dimensions.size())),
      slots_(space.slots(keeps)),
      minima_(std::move(minima)) {
  const int levels = int(accelerator_.levels.size());
  boundary_of_level_.assign(at(levels) + 1, 0);
  for (int l = 0; l < levels; ++l)
    for (const FactorSlot& slot : slots_) boundary_of_level_[at(l)] += int(slot.level) >= l ? 1 : 0;
  const NestEvaluator evaluator(workload_, accelerator_, rules_);
  base_energy_ = evaluator.compute_energy().value_or(0);
  std::string format;
  int64_t widest = -1;
  for (const WorkloadTensor& tensor : workload_.tensors)
    if (tensor.role != TensorRole::outputs && tensor.bits > widest) {
      widest = tensor.bits;
      format = tensor.format;
    }
  if (const auto found = accelerator_.compute.rate.find(format); found != accelerator_.compute.rate.end())
    rate_ = found->second;
  units_ = double(accelerator_.units()) * double(accelerator_.compute.lanes);
  for (int l = 0; l < levels; ++l)
    if (accelerator_.levels[at(l)].leakage_w && accelerator_.clock_hz)
      leakage_w_ +=
          *accelerator_.levels[at(l)].leakage_w * double(accelerator_.instances(at(l))) / *accelerator_.clock_hz;

  for (std::size_t t = 0; t < workload_.tensors.size(); ++t) {
    const WorkloadTensor& tensor = workload_.tensors[t];
    uint32_t relevant = 0;
    std::vector<Axis> axes;
    bool window = false;
    for (const TensorAxis& from : tensor.axes) {
      Axis axis;
      for (const ProjectionTerm& term : from.terms) {
        relevant |= 1u << term.dimension;
        if (workload_.dimensions[at(term.dimension)].size > 1) axis.terms.push_back({term.dimension, term.coefficient});
      }
      // Of one dimension alone every element is touched; Timeloop counts what lies between, too.
      if (axis.terms.size() == 1 && (from.terms.size() == 1 || rules.exact_windows)) axis.terms[0].coefficient = 1;
      window |= axis.terms.size() > 1 || (axis.terms.size() == 1 && axis.terms[0].coefficient > 1);
      if (!axis.terms.empty()) axes.push_back(axis);
    }
    relevant_.push_back(relevant);
    axes_.push_back(axes);
    double elements = 1;
    for (const Axis& axis : axes) {
      std::array<int64_t, kMaximumLoopDimensions> extents;
      for (std::size_t i = 0; i < axis.terms.size(); ++i)
        extents[i] = workload_.dimensions[at(axis.terms[i].dimension)].size;
      elements *= double(touched(axis, extents));
    }
    tensor_elements_.push_back(elements);

    for (int child = levels; child > 0;) {
      int parent = child - 1;
      while (!keeps_[at(parent)][t]) --parent;
      Interface made;
      made.tensor = int(t);
      made.child = child;
      made.parent = parent;
      made.boundary = child == levels ? 0 : boundary_of_level_[at(child)];
      made.output = tensor.role == TensorRole::outputs;
      made.window_output = made.output && window;
      for (std::size_t k = 0; k < slots_.size(); ++k) {
        const int l = int(slots_[k].level);
        if (!slots_[k].spatial || l < parent || l >= child) continue;
        const Fanout& fanout = accelerator_.levels[at(l)].fanout;
        if (made.output ? fanout.reduction : fanout.multicast) made.merging |= 1u << k;
      }
      made.bits = double(tensor.bits) * (made.output ? 1.0 : tensor.density);
      made.partial_bits = made.output ? double(workload_.partial_sum_bits) : made.bits;
      const MemoryLevel& outer = accelerator_.levels[at(parent)];
      const double read = outer.read_energy_j.value_or(0) / double(outer.access_bits);
      const double write = outer.write_energy_j.value_or(0) / double(outer.access_bits);
      (made.output ? made.leave : made.leave) = made.output ? write : read;
      made.leave_back = made.output ? read : 0;
      if (child < levels) {
        const MemoryLevel& inner = accelerator_.levels[at(child)];
        const double child_write = inner.write_energy_j.value_or(0) / double(inner.access_bits);
        const double child_read = inner.read_energy_j.value_or(0) / double(inner.access_bits);
        if (made.output) {
          made.arrive = rules.read_when_evicted ? child_read : 0;
          made.arrive_back = child_write;
        } else {
          made.arrive = child_write;
        }
      }
      made.arrive += accelerator_.levels[at(child - 1)].fanout.energy_per_bit_j.value_or(0);
      for (int l = parent; l + 1 < child; ++l)
        made.leave += accelerator_.levels[at(l)].fanout.energy_per_bit_j.value_or(0);
      interfaces_.push_back(made);
      child = parent;
    }
  }
  counts_.resize(interfaces_.size());
  for (int d = 0; d < dimensions_; ++d) {
    int lacking = 0;
    for (const uint32_t relevant : relevant_) lacking += relevant >> d & 1u ? 0 : 1;
    if (workload_.dimensions[at(d)].size > 1 && lacking > 1) exclusive_ = false;
  }
  for (int d = 0; d < dimensions_; ++d) {
    const int64_t size = workload_.dimensions[at(d)].size;
    std::vector<int64_t> tiles;
    if (space.rule() == FactorRule::exact) {
      tiles = divisors(size);
    } else {
      for (int64_t factor : smallest_factors(size))
        tiles.push_back(factor);  // the smallest tile of each number of steps
    }
    candidate_tiles_.push_back(tiles);
  }
}

int64_t NestBound::elements(const Axis& axis, const std::array<int64_t, kMaximumLoopDimensions>& extents) const {
  int64_t extent = 1;
  for (std::size_t i = 0; i < axis.terms.size(); ++i) extent += axis.terms[i].coefficient * (extents[i] - 1);
  return rules_.exact_windows ? touched(axis, extents) : extent;
}

// Different elements that are used at all; what lies between them, too, is counted by Timeloop, but not by everything that it counts.
int64_t NestBound::touched(const Axis& axis, const std::array<int64_t, kMaximumLoopDimensions>& extents) const {
  int64_t largest = 1;
  for (std::size_t i = 0; i < axis.terms.size(); ++i) largest = std::max(largest, extents[i]);
  if (axis.terms.size() != 2) return largest;
  const int64_t divisor = std::gcd(axis.terms[0].coefficient, axis.terms[1].coefficient);
  const int64_t a = axis.terms[1].coefficient / divisor, b = axis.terms[0].coefficient / divisor;
  return extents[0] * extents[1] - std::max<int64_t>(0, extents[0] - a) * std::max<int64_t>(0, extents[1] - b);
}

int64_t NestBound::overlap(const Axis& axis, const std::array<int64_t, kMaximumLoopDimensions>& extents,
                           int64_t shift) const {
  int64_t extent = 1;
  for (std::size_t i = 0; i < axis.terms.size(); ++i) extent += axis.terms[i].coefficient * (extents[i] - 1);
  return std::min(elements(axis, extents), std::max<int64_t>(0, extent - shift));
}

std::vector<OrderChoice> NestBound::order_choices(int k) const {
  const FactorSlot& here = slots_[at(k)];
  std::vector<int> identity(at(dimensions_));
  std::iota(identity.begin(), identity.end(), 0);
  if (here.spatial) return {{.order = identity}};
  if (!space_.order(here.level).empty()) return {{.order = space_.order(here.level)}};
  bool matters = false;
  for (const Interface& interface : interfaces_)
    matters |= interface.child < int(accelerator_.levels.size()) && interface.boundary <= k;
  if (!matters) return {{.order = identity}};

  std::map<uint32_t, std::vector<int>> classes;  // by the tensors that have the dimension
  uint32_t windowed = 0;
  for (int d = 0; d < dimensions_; ++d) {
    if (workload_.dimensions[at(d)].size == 1) continue;
    uint32_t tensors = 0;
    for (std::size_t t = 0; t < relevant_.size(); ++t) {
      if (relevant_[t] >> d & 1u) tensors |= 1u << t;
      for (const Axis& axis : axes_[t])
        if (axis.terms.size() > 1)
          for (const Term& term : axis.terms)
            if (term.dimension == d && rules_.halos != HaloRule::discarded) windowed |= 1u << d;
    }
    classes[tensors].push_back(d);
  }
  std::vector<OrderChoice> result;
  OrderChoice nothing{.order = identity};
  nothing.trivial = (1u << dimensions_) - 1;
  result.push_back(nothing);
  for (const auto& [tensors, members] : classes) {
    // Outside the class: first (from inside) the classes that fewest of the tensors without this class have.
    std::vector<std::pair<int, int>> rest;
    for (const auto& [other, dims] : classes)
      if (other != tensors)
        for (int d : dims) rest.push_back({__builtin_popcount(other & ~tensors), d});
    std::stable_sort(rest.begin(), rest.end(), [](auto a, auto b) { return a.first < b.first; });
    auto build = [&](int innermost) {
      std::vector<int> inner_to_outer;
      if (innermost >= 0) inner_to_outer.push_back(innermost);
      for (int d : members)
        if (d != innermost) inner_to_outer.push_back(d);
      for (const auto& item : rest) inner_to_outer.push_back(item.second);
      for (int d = 0; d < dimensions_; ++d)
        if (workload_.dimensions[at(d)].size == 1) inner_to_outer.push_back(d);
      return std::vector<int>(inner_to_outer.rbegin(), inner_to_outer.rend());
    };
    uint32_t plain = 0, windows = 0;
    for (int d : members) (windowed >> d & 1u ? windows : plain) |= 1u << d;
    for (int d : members)
      if (windows >> d & 1u) result.push_back({.order = build(d), .nontrivial = 1u << d});
    if (plain) result.push_back({.order = build(-1), .nontrivial = plain, .trivial = windows});
  }
  return result;
}

void NestBound::begin(const std::vector<OrderChoice>& orders) {
  orders_ = orders;
  for (int d = 0; d < dimensions_; ++d) {
    steps_[0][at(d)] = workload_.dimensions[at(d)].size;
    tile_[0][at(d)] = 1;
    upto_[at(d)] = 0;
  }
  current_slot_ = 0;
  ended_slots_ = 0;
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    Interface& interface = interfaces_[i];
    interface.close_static = kNever;
    for (int k = interface.boundary; k < slot_count(); ++k) {
      if (slots_[at(k)].spatial) continue;
      const uint32_t nontrivial = orders_[at(k)].nontrivial;
      if (nontrivial == 0 || (nontrivial & ~relevant_[at(interface.tensor)]) != 0) continue;
      interface.close_static = k;
      break;
    }
    close_[i] = interface.child == int(accelerator_.levels.size()) ? -1 : interface.close_static;
    run_[i] = 0;
  }
  for (int d = 0; d < dimensions_; ++d) refresh(d);
}

void NestBound::begin_slot(int k) { current_slot_ = k; }

void NestBound::assign(int k, int d, int64_t factor) {
  factor_[at(k)][at(d)] = factor;
  steps_[at(k + 1)][at(d)] = ceil_div(steps_[at(k)][at(d)], factor);
  tile_[at(k + 1)][at(d)] = tile_[at(k)][at(d)] * factor;
  upto_[at(d)] = k + 1;
  refresh(d);
}

void NestBound::retract(int k, int d) {
  upto_[at(d)] = k;
  refresh(d);
}

bool NestBound::may_complete() const {
  for (int k = ended_slots_; k < slot_count(); ++k) {
    const uint32_t needed = slots_[at(k)].spatial ? 0 : orders_[at(k)].nontrivial;
    bool possible = needed == 0;
    for (int d = 0; d < dimensions_ && !possible; ++d) {
      if (!(needed >> d & 1u)) continue;
      possible = upto_[at(d)] > k ? factor_[at(k)][at(d)] > 1 : steps_[at(upto_[at(d)])][at(d)] > 1;
    }
    if (!possible) return false;
  }
  return true;
}

bool NestBound::may_fit(int k) const {
  const FactorSlot& here = slots_[at(k)];
  const MemoryLevel& level = accelerator_.levels[here.level];
  if (here.spatial || !level.capacity_bits || here.level == 0) return true;
  std::array<int64_t, kMaximumLoopDimensions> tile;
  for (int d = 0; d < dimensions_; ++d) tile[at(d)] = std::min(tile_[at(upto_[at(d)])][at(d)], steps_[0][at(d)]);
  double bits = 0;
  for (std::size_t t = 0; t < relevant_.size(); ++t)
    if (keeps_[here.level][t]) {
      const WorkloadTensor& tensor = workload_.tensors[t];
      const double size = tensor.role == TensorRole::outputs ? double(std::min(tensor.bits, workload_.partial_sum_bits))
                                                             : double(tensor.bits) * tensor.density;
      bits += double(tile_elements(int(t), tile.data())) * size;
    }
  return bits <= double(level.double_buffered ? *level.capacity_bits / 2 : *level.capacity_bits);
}

bool NestBound::end_slot(int k) {
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    saved_close_[at(k)][i] = close_[i];
    saved_run_[at(k)][i] = run_[i];
  }
  ended_slots_ = k + 1;
  if (slots_[at(k)].spatial) return true;
  if (!may_fit(k)) return false;
  // Where a tensor's run ends.
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    const Interface& interface = interfaces_[i];
    if (close_[i] <= k && close_[i] != k) continue;
    if (interface.boundary > k || interface.child == int(accelerator_.levels.size())) continue;
    const uint32_t relevant = relevant_[at(interface.tensor)];
    const auto& order = orders_[at(k)].order;
    uint32_t inside = 0;
    bool ends = false;
    for (std::size_t place = order.size(); place-- > 0;) {
      const int d = order[place];
      if (factor_[at(k)][at(d)] == 1) continue;
      if (relevant >> d & 1u) {
        ends = true;
        break;
      }
      inside |= 1u << d;
    }
    if (!ends) continue;
    if (close_[i] == k && run_[i] == inside) continue;
    close_[i] = k;
    run_[i] = inside;
    for (int d = 0; d < dimensions_; ++d) refresh(int(i), d);
  }
  return true;
}

void NestBound::reopen_slot(int k) {
  ended_slots_ = k;
  for (std::size_t i = 0; i < interfaces_.size(); ++i) {
    if (close_[i] == saved_close_[at(k)][i] && run_[i] == saved_run_[at(k)][i]) continue;
    close_[i] = saved_close_[at(k)][i];
    run_[i] = saved_run_[at(k)][i];
    for (int d = 0; d < dimensions_; ++d) refresh(int(i), d);
  }
}

bool NestBound::may_be_open(int i, int upto) const {
  const int boundary = interfaces_[at(i)].boundary;
  for (int k = std::max(upto, boundary); k < slot_count(); ++k) {
    if (slots_[at(k)].spatial) continue;
    if (k < close_[at(i)]) return true;
  }
  return false;
}

void NestBound::refresh(int dimension) {
  for (std::size_t i = 0; i < interfaces_.size(); ++i) refresh(int(i), dimension);
  const auto d = at(dimension);
  double full = 1, part = 1;
  for (int k = 0; k < upto_[d]; ++k) {
    const int64_t f = factor_[at(k)][d];
    const int64_t in_last = steps_[at(k)][d] - (steps_[at(k + 1)][d] - 1) * f;
    if (slots_[at(k)].spatial) {
      part = in_last > 1 ? full : part;
    } else {
      part = double(in_last - 1) * full + part;
      full *= double(f);
    }
  }
  busy_[d] = double(steps_[at(upto_[d])][d] - 1) * full + part;
}

void NestBound::refresh(int interface, int dimension) {
  const Interface& here = interfaces_[at(interface)];
  const auto d = at(dimension);
  const int boundary = here.boundary;
  if (upto_[d] < boundary) return;
  const bool relevant = relevant_[at(here.tensor)] >> dimension & 1u;
  Counts& counts = counts_[at(interface)];
  double full_a = 1, part_a = 1, full_l = 1, part_l = 1, full_c = 1, part_c = 1, full_p = 1, part_p = 1;
  const int close = close_[at(interface)];
  for (int k = boundary; k < upto_[d]; ++k) {
    const int64_t f = factor_[at(k)][d];
    if (f == 1) continue;
    const int64_t in_last = steps_[at(k)][d] - (steps_[at(k + 1)][d] - 1) * f;
    const bool spatial = slots_[at(k)].spatial;
    const bool in_time = !spatial && (k > close || (k == close && !(run_[at(interface)] >> dimension & 1u)));
    // For a dimension of the tensor "arriving" counts instances and starts of a slide: no loops in time.
    auto step = [&](bool counted, double& full, double& part) {
      if (counted) {
        part = double(in_last - 1) * full + part;
        full *= double(f);
      } else if (in_last > 1) {
        part = full;
      }
    };
    const bool merged = here.merging >> k & 1u;
    step(relevant ? spatial : in_time || spatial, full_a, part_a);
    step(relevant ? (!spatial || !merged) : (in_time || (spatial && !merged)), full_l, part_l);
    step(spatial, full_c, part_c);
    step(spatial && int(slots_[at(k)].level) < here.parent, full_p, part_p);
  }
  const int64_t left = steps_[at(upto_[d])][d];
  const bool open = may_be_open(interface, upto_[d]);
  auto rest = [&](bool counted, double full, double part) {
    return counted ? double(left - 1) * full + part : (left > 1 ? full : part);
  };
  counts.arriving[d] = rest(!relevant && !open, full_a, part_a);
  counts.leaving[d] = rest(relevant || !open, full_l, part_l);
  counts.child_instances[d] = rest(false, full_c, part_c);
  counts.parent_instances[d] = rest(false, full_p, part_p);
}

uint32_t NestBound::slide_dimensions(const Interface& here, int interface) const {
  if (rules_.halos == HaloRule::discarded || here.child == int(accelerator_.levels.size())) return 0;
  const uint32_t relevant = relevant_[at(here.tensor)];
  for (int k = here.boundary; k < slot_count(); ++k) {
    if (slots_[at(k)].spatial) continue;
    const OrderChoice& choice = orders_[at(k)];
    if (k < ended_slots_) {  // known in full
      for (std::size_t place = choice.order.size(); place-- > 0;) {
        const int d = choice.order[place];
        if (factor_[at(k)][at(d)] == 1) continue;
        if (relevant >> d & 1u) return 1u << d;
        if (rules_.halos == HaloRule::timeloop_3_0) return 0;
        if (space_.order(slots_[at(k)].level).empty()) return relevant;  // the next one is not decided
      }
      continue;
    }
    if (choice.trivial == (1u << dimensions_) - 1) continue;
    if (choice.nontrivial == 0) return relevant;
    if ((choice.nontrivial & ~relevant) == 0) return choice.nontrivial;
    return rules_.halos == HaloRule::timeloop_3_0 ? 0 : relevant;
  }
  (void)interface;
  return 0;
}

double NestBound::window_sum(const Interface& here, int interface, const Axis& axis, bool merged, int slide,
                             double repeats) const {
  const std::size_t terms = axis.terms.size();
  std::array<int64_t, kMaximumLoopDimensions> tile, last;
  std::array<double, kMaximumLoopDimensions> positions;
  int split = 0;
  for (std::size_t i = 0; i < terms; ++i) {
    const auto d = at(axis.terms[i].dimension);
    const int64_t size = steps_[0][d];
    int64_t t = tile_[at(here.boundary)][d];
    int64_t n = steps_[at(here.boundary)][d];
    if (merged) {
      for (int k = here.boundary; k < upto_[d]; ++k)
        if (here.merging >> k & 1u) t *= factor_[at(k)][d];
      n = int64_t(counts_[at(interface)].leaving[d]);
    }
    t = std::min(t, size);
    tile[i] = t;
    last[i] = std::clamp<int64_t>(size - (n - 1) * t, 1, t);
    positions[i] = double(n);
    split += n > 1 ? 1 : 0;
  }
  int slide_term = -1;
  for (std::size_t i = 0; i < terms; ++i)
    if (axis.terms[i].dimension == slide) slide_term = int(i);
  double sum = 0;
  std::array<int64_t, kMaximumLoopDimensions> extents;
  if (slide_term >= 0 && split > 1) {
    // Both dimensions of a window move: the most that can be kept is everything seen before.
    for (std::size_t i = 0; i < terms; ++i) extents[i] = steps_[0][at(axis.terms[i].dimension)];
    return double(touched(axis, extents));
  }
  for (uint32_t which = 0; which < (1u << terms); ++which) {
    double times = 1;
    for (std::size_t i = 0; i < terms; ++i) {
      const bool is_last = which >> i & 1u;
      extents[i] = is_last ? last[i] : tile[i];
      times *= is_last ? 1 : positions[i] - 1;
    }
    if (times > 0) sum += times * double(elements(axis, extents));
  }
  if (slide_term >= 0) {
    const auto d = at(slide);
    int64_t shift = tile_[at(upto_[d])][d];
    for (int k = here.boundary; k < upto_[d]; ++k)
      if (!slots_[at(k)].spatial && factor_[at(k)][d] > 1) {
        shift = tile_[at(k)][d];
        break;
      }
    double moves = positions[at(slide_term)] - (merged ? 1.0 : counts_[at(interface)].arriving[d]);
    for (std::size_t i = 0; i < terms; ++i) {
      extents[i] = tile[i];
      if (int(i) != slide_term) moves *= positions[i];
    }
    if (rules_.halos == HaloRule::kept && repeats > 1) {
      // Loops that the tensor lacks take the window back to its start, at most as near as its next step would be.
      double starts = 0;
      int64_t extent = 1;
      for (std::size_t i = 0; i < terms; ++i) extent += axis.terms[i].coefficient * (tile[i] - 1);
      for (int k = here.boundary; k < std::min(ended_slots_, upto_[d]); ++k) {
        if (slots_[at(k)].spatial || factor_[at(k)][d] == 1) continue;
        if ((factor_[at(k)][d] - 1) * axis.terms[at(slide_term)].coefficient * tile_[at(k)][d] >= extent)
          starts = double(steps_[at(k + 1)][d] - 1) * (1 - 1 / repeats);
        break;
      }
      moves = positions[at(slide_term)] - (merged ? 0.0 : starts);
      for (std::size_t i = 0; i < terms; ++i)
        if (int(i) != slide_term) moves *= positions[i];
    }
    if (moves > 0) sum -= moves * double(overlap(axis, extents, axis.terms[at(slide_term)].coefficient * shift));
  }
  return std::max(sum, 1.0);
}

double NestBound::arriving_elements(int interface, bool leaving) const {
  const Interface& here = interfaces_[at(interface)];
  const auto tensor = at(here.tensor);
  const Counts& counts = counts_[at(interface)];
  double result = 1;
  for (int d = 0; d < dimensions_; ++d)
    if (!(relevant_[tensor] >> d & 1u)) result *= leaving ? counts.leaving[at(d)] : counts.arriving[at(d)];
  const uint32_t slides = slide_dimensions(here, interface);
  double plain = 1, least = 0;
  bool any = false, wandering = false;
  const double repeats = result;
  std::vector<std::pair<double, double>> sums;  // whole, with the best slide
  for (const Axis& axis : axes_[tensor]) {
    if (axis.terms.size() == 1 && axis.terms[0].coefficient == 1) {
      result *= double(steps_[0][at(axis.terms[0].dimension)]);
      continue;
    }
    bool merged = false;
    if (leaving) {
      int spread = 0;
      for (const Term& term : axis.terms) {
        bool here_spread = false;
        for (int k = here.boundary; k < upto_[at(term.dimension)]; ++k)
          here_spread |= (here.merging >> k & 1u) && factor_[at(k)][at(term.dimension)] > 1;
        spread += here_spread ? 1 : 0;
      }
      merged = rules_.exact_windows ? spread > 0 : spread > 1;
    }
    const double whole = window_sum(here, interface, axis, merged, -1, repeats);
    double best = whole;
    int moving = 0;
    std::array<int64_t, kMaximumLoopDimensions> all;
    for (std::size_t i = 0; i < axis.terms.size(); ++i) {
      const auto d = at(axis.terms[i].dimension);
      all[i] = steps_[0][d];
      moving += steps_[at(here.boundary)][d] > 1 ? 1 : 0;
    }
    // Shifts of two loops may cancel: the window returns to where it was.
    wandering |= moving > 1 && rules_.halos == HaloRule::kept && here.child < int(accelerator_.levels.size());
    if (moving > 1) best = std::min(best, double(touched(axis, all)));
    for (const Term& term : axis.terms)
      if (slides >> term.dimension & 1u)
        best = std::min(best, window_sum(here, interface, axis, merged, term.dimension, repeats));
    plain *= whole;
    sums.push_back({whole, best});
    any = true;
  }
  if (!any) return less_remainders(here, interface, result);
  least = plain;
  for (const auto& [whole, best] : sums) least = std::min(least, plain / whole * best);
  // Loops of one window with others between them may bring back what has just gone; nothing is known but that all came once.
  if (wandering) return std::min(result * least, tensor_elements_[tensor]);
  return less_remainders(here, interface, result * least);
}

// Is the dimension spread over children between an interface's tile and a slot?
bool NestBound::spread(const Interface& here, int slot, int dimension) const {
  for (int k = here.boundary; k < slot; ++k)
    if (slots_[at(k)].spatial && factor_[at(k)][at(dimension)] > 1) return true;
  return false;
}

// In the last, shorter pass of an uneven loop that ends a run, the loop may have one step only; the run goes on there.
double NestBound::less_remainders(const Interface& here, int interface, double elements) const {
  const int close = close_[at(interface)];
  if (space_.rule() == FactorRule::exact || close < 0 || close >= slot_count()) return elements;
  const uint32_t relevant = relevant_[at(here.tensor)];
  const OrderChoice& choice = orders_[at(close)];
  double share = 0;  // of the tensor that lies there
  if (close < ended_slots_) {
    for (std::size_t place = choice.order.size(); place-- > 0;) {
      const auto d = at(choice.order[place]);
      const int64_t f = factor_[at(close)][d];
      if (f == 1 || !(relevant >> d & 1u)) continue;
      const int64_t blocks = steps_[at(close + 1)][d];
      const int64_t in_last = steps_[at(close)][d] - (blocks - 1) * f;
      if (in_last == 1) share = double(steps_[0][d] - (blocks - 1) * tile_[at(close + 1)][d]) / double(steps_[0][d]);
      // Of two steps the second may leave some children without work.
      if (in_last == 2 && spread(here, close, choice.order[place]) &&
          steps_[0][d] < steps_[at(close)][d] * tile_[at(close)][d])
        share = double(tile_[at(close)][d]) / double(steps_[0][d]);
      break;
    }
  } else {
    for (int i = 0; i < dimensions_; ++i) {
      const auto d = at(i);
      if (!(choice.nontrivial >> i & 1u)) continue;
      const int upto = std::min(upto_[d], close);
      const int64_t n = steps_[at(upto)][d];
      bool next = true;
      for (int k = upto; k < close; ++k) next = next && orders_[at(k)].trivial >> i & 1u && !slots_[at(k)].spatial;
      double worst = n < 3 ? 0.0 : double(steps_[0][d] - (n - 1) * tile_[at(upto)][d]) / double(steps_[0][d]);
      if (spread(here, upto, i) && steps_[0][d] < n * tile_[at(upto)][d])
        worst = double(tile_[at(upto)][d]) / double(steps_[0][d]);
      if (!next) worst = 0.5;
      share = std::max(share, worst);
    }
  }
  if (share == 0) return elements;
  for (const Axis& axis : axes_[at(here.tensor)])
    if (axis.terms.size() > 1) share = std::min(1.0, 2 * share);
  return elements - share * std::max(0.0, elements - tensor_elements_[at(here.tensor)]);
}

int64_t NestBound::tile_elements(int tensor, const int64_t* tile) const {
  int64_t result = 1;
  for (const Axis& axis : axes_[at(tensor)]) {
    std::array<int64_t, kMaximumLoopDimensions> extents;
    for (std::size_t i = 0; i < axis.terms.size(); ++i) extents[i] = tile[axis.terms[i].dimension];
    result *= elements(axis, extents);
  }
  return result;
}

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
  double shared_energy = 0;
  std::vector<Shared> shares;
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
