#include "nacre/hw/loopnest/traffic.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/hw/loopnest/dimension_view.hpp"
#include "nacre/hw/loopnest/even_traffic.hpp"
#include "nacre/hw/loopnest/tile_relation.hpp"
#include "nacre/hw/loopnest/uneven_axis.hpp"

namespace nacre {

using namespace loopnest;

namespace {

enum class Moment { first, step, all };

class Counting {
 public:
  Counting(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request, const CountingRules& rules)
      : nest_(nest), tensor_(tensor), request_(request), rules_(rules) {
    for (int d = 0; d < nest.dimension_count; ++d) depth_[at(d)] = 0;
    for (int i = 0; i < tensor.axis_count; ++i) known_[at(i)] = false;
    for (int i = 0; i < tensor.axis_count; ++i) {
      const CountedAxis& axis = tensor.axes[at(i)];
      const Sharing sharing = axis.terms > 1 ? Sharing::joined : Sharing::apart;
      for (int k = 0; k < axis.terms; ++k) view_of(axis.dimensions[at(k)], sharing);
      if (axis.terms > 1) prepare_window(i);
    }
    for (int d = 0; d < nest.dimension_count; ++d)
      if (!(tensor.dimensions >> d & 1u)) view_of(d, Sharing::same);
  }

  int64_t total() {
    if (request_.child == nest_.levels) return whole(Moment::all);
    int64_t result = whole(Moment::first);
    const int end = nest_.level_begin[at(request_.child)];
    prepare_directions(end);
    absent_ = 1;
    for (int d = 0; d < nest_.dimension_count; ++d)
      if (tensor_.axis_of[at(d)] < 0) absent_ *= absent_prefixes_[at(d)] = prefixes(*views_[at(d)], 0);
    for (int i = 0; i < end; ++i) {
      const NestLoop& loop = nest_.loops[at(i)];
      if (loop.spatial) continue;
      result += step(i);
      ++depth_[at(loop.dimension)];
      if (const int axis = tensor_.axis_of[at(loop.dimension)]; axis >= 0) {
        known_[at(axis)] = false;
      } else {
        absent_ /= absent_prefixes_[at(loop.dimension)];
        absent_ *= absent_prefixes_[at(loop.dimension)] =
            prefixes(*views_[at(loop.dimension)], depth_[at(loop.dimension)]);
      }
    }
    return result;
  }

 private:
  void view_of(int dimension, Sharing sharing) {
    const View* view = &view_cache().view(nest_, dimension, request_, sharing);
    // Where equal tiles alone are shared, uneven children count apart.
    if (view->uneven_join && !rules_.exact_windows)
      view = &view_cache().view(nest_, dimension, request_, Sharing::apart);
    views_[at(dimension)] = view;
  }

  void prepare_window(int index) {
    const CountedAxis& axis = tensor_.axes[at(index)];
    Window& window = windows_[at(index)];
    window.uneven = false;
    window.spread_count = 0;
    window.equal_tiles = 1;
    for (int k = 0; k < axis.terms; ++k) {
      const View& view = *views_[at(axis.dimensions[at(k)])];
      window.uneven |= view.uneven_join;
      for (int i = 0; i < view.joined; ++i) {
        const NestLoop& loop = nest_.loops[at(view.joined_loops[at(i)])];
        NACRE_CHECK(window.spread_count < kMaximumChain);
        window.level[at(window.spread_count)] = loop.level;
        window.spread[at(window.spread_count++)] = {axis.coefficients[at(k)] * loop.step, loop.factor};
      }
    }
    if (rules_.exact_windows) return;
    for (int level = 0; level < nest_.levels && window.spread_count; ++level) {
      std::array<SumTerm, kMaximumChain> terms;
      std::size_t count = 0;
      for (int i = 0; i < window.spread_count; ++i)
        if (window.level[at(i)] == level) terms[count++] = window.spread[at(i)];
      if (count) window.equal_tiles *= sum_count({terms.data(), count});
    }
  }

  // --- the counts of one axis ---

  void parts_of(int dimension, Moment moment, int loop, Parts& parts) const {
    const View& view = *views_[at(dimension)];
    parts.count = 0;
    if (moment == Moment::first) {
      first_parts(view, request_.evictions, parts);
    } else if (moment == Moment::all) {
      all_parts(view, parts);
    } else {
      if (nest_.loops[at(loop)].dimension == dimension)
        advance_parts(view, depth_[at(dimension)], parts);
      else
        reset_parts(view, depth_[at(dimension)], parts);
      if (request_.evictions)
        for (int i = 0; i < parts.count; ++i) {
          std::swap(parts.part[at(i)].from, parts.part[at(i)].to);
          parts.part[at(i)].shift = -parts.part[at(i)].shift;
        }
    }
  }

  // While `loop` advances: an axis that is not its own changes only with its own loops further out.
  AxisCounts step_counts(int index, int loop, const int64_t* shift) {
    if (shift || tensor_.axis_of[at(nest_.loops[at(loop)].dimension)] == index)
      return axis_counts(index, Moment::step, loop, shift);
    if (!known_[at(index)]) {
      counts_[at(index)] = axis_counts(index, Moment::step, loop, nullptr);
      known_[at(index)] = true;
    }
    return counts_[at(index)];
  }

  AxisCounts axis_counts(int index, Moment moment, int loop, const int64_t* shift) const {
    const CountedAxis& axis = tensor_.axes[at(index)];
    AxisCounts counts;
    if (axis.terms == 1 && moment == Moment::step && !shift) {
      const int dimension = axis.dimensions[0];
      const View& view = *views_[at(dimension)];
      return nest_.loops[at(loop)].dimension == dimension
                 ? advance_counts(view, depth_[at(dimension)], request_.evictions)
                 : reset_counts(view, depth_[at(dimension)], request_.evictions);
    }
    if (axis.terms == 1) {
      Parts parts;
      parts_of(axis.dimensions[0], moment, loop, parts);
      for (int i = 0; i < parts.count; ++i) {
        const Part& part = parts.part[at(i)];
        const bool still = moment == Moment::step && (shift ? *shift == 0 : part.shift == 0 && part.from == part.to);
        (still ? counts.still : counts.arriving) += part.count * part.to;
      }
      return counts;
    }
    const Window& window = windows_[at(index)];
    if (window.uneven) return uneven_axis(axis, moment, loop);
    std::array<Parts, kMaximumLoopDimensions> parts;
    for (int k = 0; k < axis.terms; ++k) parts_of(axis.dimensions[at(k)], moment, loop, parts[at(k)]);
    const TileRelation relation(rules_.exact_windows, {window.spread.data(), at(window.spread_count)},
                                window.equal_tiles);
    Tiles tiles;
    combine(axis, parts, 0, 1, 0, moment, shift, relation, tiles, counts);
    return counts;
  }

  void combine(const CountedAxis& axis, const std::array<Parts, kMaximumLoopDimensions>& parts, int term, int64_t times,
               int64_t shift, Moment moment, const int64_t* fixed_shift, const TileRelation& relation, Tiles& tiles,
               AxisCounts& counts) const {
    if (term == axis.terms) {
      Tiles copy = tiles;  // sorted while counting
      copy.terms = axis.terms;
      copy.shift = fixed_shift ? *fixed_shift : shift;
      if (moment != Moment::step) {
        counts.arriving += times * relation.whole(copy);
        return;
      }
      const AxisCounts one = relation.moved(copy);
      counts.still += times * one.still;
      counts.overlap += times * one.overlap;
      counts.arriving += times * one.arriving;
      return;
    }
    const int64_t coefficient = axis.coefficients[at(term)];
    for (int i = 0; i < parts[at(term)].count; ++i) {
      const Part& part = parts[at(term)].part[at(i)];
      tiles.from[at(term)] = {coefficient, part.from};
      tiles.to[at(term)] = {coefficient, part.to};
      combine(axis, parts, term + 1, times * part.count, shift + coefficient * part.shift, moment, fixed_shift,
              relation, tiles, counts);
    }
  }

  AxisCounts uneven_axis(const CountedAxis& axis, Moment moment, int loop) const {
    UnevenMoment uneven;
    uneven.kind = moment == Moment::first ? UnevenMoment::Kind::first
                  : moment == Moment::all ? UnevenMoment::Kind::all
                                          : UnevenMoment::Kind::step;
    uneven.loop = loop;
    return uneven_axis_counts(nest_, axis, request_, uneven);
  }

  // --- all axes together ---

  int64_t whole(Moment moment) const {
    int64_t result = 1;
    for (int d = 0; d < nest_.dimension_count; ++d)
      if (tensor_.axis_of[at(d)] < 0)
        result *= prefixes(*views_[at(d)], moment == Moment::first ? 0 : views_[at(d)]->temporals);
    for (int i = 0; i < tensor_.axis_count; ++i) result *= axis_counts(i, moment, -1, nullptr).arriving;
    return result;
  }

  enum class Overlap { none, one_axis, everything };

  // For the ways of Timeloop: the shift of the tile along each axis when only the first two iterations of each loop are run, and
  // the loop whose direction counts.
  void prepare_directions(int end) {
    if (rules_.halos != HaloRule::timeloop_3_0 && rules_.halos != HaloRule::timeloop_head) return;
    main_loop_ = -1;
    std::array<int64_t, kMaximumLoopDimensions> inside;
    inside.fill(0);
    for (int i = end - 1; i >= 0; --i) {
      const NestLoop& loop = nest_.loops[at(i)];
      if (loop.spatial) continue;
      bool moves = false;
      for (int k = 0; k < tensor_.axis_count; ++k) {
        int64_t own = 0;
        const CountedAxis& axis = tensor_.axes[at(k)];
        for (int term = 0; term < axis.terms; ++term)
          if (axis.dimensions[at(term)] == loop.dimension) own = axis.coefficients[at(term)] * loop.step;
        moves |= own != 0;
        shifts_[at(i)][at(k)] = own - inside[at(k)];
        inside[at(k)] += own;
      }
      if (main_loop_ < 0 && (moves || rules_.halos == HaloRule::timeloop_3_0)) main_loop_ = i;
    }
  }

  Overlap overlap_of(int loop, const int64_t*& shifts) const {
    shifts = nullptr;
    if (rules_.halos == HaloRule::kept) return Overlap::one_axis;
    if (rules_.halos == HaloRule::discarded) return Overlap::none;
    if (main_loop_ < 0) return Overlap::everything;
    if (loop == main_loop_) return Overlap::one_axis;
    const auto first = shifts_[at(loop)].begin(), last = first + tensor_.axis_count;
    if (loop > main_loop_) return Overlap::everything;
    if (rules_.halos == HaloRule::timeloop_head && std::all_of(first, last, [](int64_t s) { return s == 0; }))
      return Overlap::everything;
    if (!std::equal(first, last, shifts_[at(main_loop_)].begin())) return Overlap::none;
    shifts = shifts_[at(main_loop_)].data();
    return Overlap::one_axis;
  }

  int64_t step(int loop) {
    const int64_t* shifts = nullptr;
    const Overlap overlap = overlap_of(loop, shifts);
    if (overlap == Overlap::everything) return 0;
    // Steps of the dimensions that the tensor lacks.
    const int dimension = nest_.loops[at(loop)].dimension;
    int64_t absent = absent_;
    if (tensor_.axis_of[at(dimension)] < 0)
      absent = absent / absent_prefixes_[at(dimension)] * advances(*views_[at(dimension)], depth_[at(dimension)]);
    if (absent == 0) return 0;
    // Running: all, all still, overlap of one moved axis with the others still.
    int64_t all = 1, still = 1, partial = 0;
    for (int i = 0; i < tensor_.axis_count; ++i) {
      const AxisCounts counts = step_counts(i, loop, shifts ? shifts + i : nullptr);
      partial = partial * counts.still + still * counts.overlap;
      still *= counts.still;
      all *= counts.still + counts.overlap + counts.arriving;
    }
    if (rules_.halos == HaloRule::discarded) return absent * (all - still);
    if (overlap == Overlap::none) return absent * all;
    return absent * (all - still - partial);
  }

  struct Window {
    bool uneven;
    int spread_count;
    int64_t equal_tiles;
    std::array<SumTerm, kMaximumChain> spread;
    std::array<int, kMaximumChain> level;
  };

  const Nest& nest_;
  const CountedTensor& tensor_;
  const TrafficRequest& request_;
  const CountingRules& rules_;
  std::array<const View*, kMaximumLoopDimensions> views_;
  std::array<AxisCounts, kMaximumLoopDimensions> counts_;  // of axes that stand aside, where `known_`
  std::array<bool, kMaximumLoopDimensions> known_;
  int64_t absent_ = 1;  // prefixes of all dimensions that the tensor lacks
  std::array<int64_t, kMaximumLoopDimensions> absent_prefixes_;
  std::array<int, kMaximumLoopDimensions> depth_;  // temporal loops of a dimension outside the one that advances
  std::array<Window, kMaximumLoopDimensions> windows_;
  int main_loop_ = -1;
  std::array<std::array<int64_t, kMaximumLoopDimensions>, kMaximumNestLoops> shifts_;
};

// Whether a dimension is spread over children outside a level's tile.
bool spread_outside(const Nest& nest, int dimension, int level) {
  const NestDimension& chain = nest.dimensions[at(dimension)];
  return (chain.fanouts & ((1u << chain.outside[at(level)]) - 1)) != 0;
}

CountedTensor counted(const WorkloadTensor& tensor) {
  CountedTensor result;
  result.output = tensor.role == TensorRole::outputs;
  result.axis_of.fill(-1);
  result.coefficient.fill(0);
  for (const TensorAxis& axis : tensor.axes) {
    if (axis.terms.empty()) continue;  // always 0
    CountedAxis& here = result.axes[at(result.axis_count++)];
    here.terms = 0;
    for (const ProjectionTerm& term : axis.terms) {
      here.dimensions[at(here.terms)] = term.dimension;
      here.coefficients[at(here.terms++)] = term.coefficient;
      result.axis_of[at(term.dimension)] = result.axis_count - 1;
      result.coefficient[at(term.dimension)] = term.coefficient;
      result.dimensions |= 1u << term.dimension;
    }
  }
  return result;
}

}  // namespace

TrafficCounter::TrafficCounter(const Workload& workload, const CountingRules& rules) : rules_(rules) {
  for (std::size_t i = 0; i < workload.tensors.size(); ++i) tensors_[i] = counted(workload.tensors[i]);
}

int64_t TrafficCounter::moved(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request) const {
  if (nest.uneven == 0) return moved_evenly(nest, tensor, request, rules_);
  return Counting(nest, tensor, request, rules_).total();
}

int64_t TrafficCounter::distinct(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request) const {
  int64_t result = 1;
  if (nest.uneven == 0) {
    for (int i = 0; i < nest.level_begin[at(request.child)]; ++i) {
      const NestLoop& loop = nest.loops[at(i)];
      if (loop.spatial && is_label(loop, request) && tensor.axis_of[at(loop.dimension)] < 0) result *= loop.factor;
    }
  } else {
    for (int d = 0; d < nest.dimension_count; ++d)
      if (tensor.axis_of[at(d)] < 0 && spread_outside(nest, d, request.child))
        result *= prefixes(view_cache().view(nest, d, request, Sharing::same), 0);
  }
  for (int i = 0; i < tensor.axis_count; ++i) {
    const CountedAxis& axis = tensor.axes[at(i)];
    result *= axis.terms == 1 ? nest.dimensions[at(axis.dimensions[0])].size : distinct_on_axis(nest, axis, request);
  }
  return result;
}

int64_t TrafficCounter::tile_elements(const Nest& nest, const CountedTensor& tensor, int level) const {
  int64_t result = 1;
  for (int i = 0; i < tensor.axis_count; ++i) {
    const CountedAxis& axis = tensor.axes[at(i)];
    if (axis.terms == 1) {
      result *= nest.tile[at(level)][at(axis.dimensions[0])];
      continue;
    }
    std::array<SumTerm, kMaximumLoopDimensions> terms;
    int64_t extent = 1;
    for (int k = 0; k < axis.terms; ++k) {
      const int64_t size = nest.tile[at(level)][at(axis.dimensions[at(k)])];
      terms[at(k)] = {axis.coefficients[at(k)], size};
      extent += axis.coefficients[at(k)] * (size - 1);
    }
    result *= rules_.exact_windows ? sum_count({terms.data(), at(axis.terms)}) : extent;
  }
  return result;
}

int64_t used_instances(const Nest& nest, int level) {
  const TrafficRequest request{.child = level, .node = level};
  int64_t result = 1;
  if (nest.uneven == 0) {
    for (int i = 0; i < nest.level_begin[at(level)]; ++i)
      if (nest.loops[at(i)].spatial) result *= nest.loops[at(i)].factor;
    return result;
  }
  for (int d = 0; d < nest.dimension_count; ++d)
    if (spread_outside(nest, d, level)) result *= prefixes(view_cache().view(nest, d, request, Sharing::apart), 0);
  return result;
}

int64_t temporal_steps(const Nest& nest, int level) {
  const TrafficRequest request{.child = level, .node = 0};
  int64_t result = 1;
  if (nest.uneven == 0) {
    for (int i = 0; i < nest.level_begin[at(level)]; ++i)
      if (!nest.loops[at(i)].spatial) result *= nest.loops[at(i)].factor;
    return result;
  }
  for (int d = 0; d < nest.dimension_count; ++d) {
    if (!spread_outside(nest, d, level)) {
      const int64_t tile = nest.tile[at(level)][at(d)];
      result *= (nest.dimensions[at(d)].size + tile - 1) / tile;
      continue;
    }
    const View& view = view_cache().view(nest, d, request, Sharing::same);
    result *= prefixes(view, view.temporals);
  }
  return result;
}

}  // namespace nacre
