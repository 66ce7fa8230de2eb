// What is decided so far: factors, orders and slots of the partial mapping, and the counts that follow from them.
#include <algorithm>
#include <numeric>

#include "nacre/hw/mapper/nest_bound.hpp"
#include "nacre/hw/mapper/nest_bound_parts.hpp"

namespace nacre {

using nest_bound_parts::at;
using nest_bound_parts::ceil_div;
using nest_bound_parts::kNever;

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
      // Wires of a fan-out carry what reaches its children: no more is shared than the fan-outs further in allow.
      for (int l = parent; l + 1 < child; ++l) {
        bool shared = false;
        for (std::size_t k = 0; k < slots_.size(); ++k) shared |= (made.merging >> k & 1u) && int(slots_[k].level) > l;
        (shared ? made.leave : made.arrive) += accelerator_.levels[at(l)].fanout.energy_per_bit_j.value_or(0);
      }
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

}  // namespace nacre
