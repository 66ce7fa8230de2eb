#include "nacre/hw/loopnest/even_traffic.hpp"

#include "nacre/base/error.hpp"
#include "nacre/hw/loopnest/tile_relation.hpp"

namespace nacre::loopnest {
namespace {

class EvenCounting {
 public:
  EvenCounting(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request, const CountingRules& rules)
      : nest_(nest), tensor_(tensor), request_(request), rules_(rules), end_(nest.level_begin[at(request.child)]) {}

  int64_t total() {
    int64_t instances = 1, times = 1;
    for (int i = 0; i < end_; ++i) {
      const NestLoop& loop = nest_.loops[at(i)];
      if (!loop.spatial) {
        before_[at(i)] = times;
        times *= loop.factor;
        continue;
      }
      const int axis = tensor_.axis_of[at(loop.dimension)];
      if (is_label(loop, request_) || (axis >= 0 && tensor_.axes[at(axis)].terms == 1)) {
        instances *= loop.factor;
      } else if (axis >= 0) {
        NACRE_CHECK(spread_count_ < kMaximumChain);
        spread_axis_[at(spread_count_)] = axis;
        spread_level_[at(spread_count_)] = loop.level;
        spread_[at(spread_count_++)] = {tensor_.coefficient[at(loop.dimension)] * loop.step, loop.factor};
      }
    }
    int64_t whole = 1;
    for (int k = 0; k < tensor_.axis_count; ++k) whole *= whole_[at(k)] = axis_size(k);
    if (request_.child == nest_.levels) return instances * times * whole;
    return instances * (whole + steps(whole));
  }

 private:
  int64_t steps(int64_t whole) {
    // Sums over the loops inside the one looked at: of its shift back, and of one step of each.
    std::array<int64_t, kMaximumLoopDimensions> reset, sum;
    for (int k = 0; k < tensor_.axis_count; ++k) reset[at(k)] = sum[at(k)] = 0;
    const bool by_direction = rules_.halos == HaloRule::timeloop_3_0 || rules_.halos == HaloRule::timeloop_head;
    int main_axis = -2;  // of the loop whose direction counts
    int64_t main_shift = 0, main_arriving = 0, result = 0;
    for (int i = end_ - 1; i >= 0; --i) {
      const NestLoop& loop = nest_.loops[at(i)];
      if (loop.spatial) continue;
      const int axis = tensor_.axis_of[at(loop.dimension)];
      const int64_t own = axis < 0 ? 0 : tensor_.coefficient[at(loop.dimension)] * loop.step;
      int64_t arriving = 0;
      if (!by_direction || (main_axis == -2 && (axis >= 0 || rules_.halos == HaloRule::timeloop_3_0))) {
        arriving = arriving_after(axis, own, reset, whole);
        if (by_direction) {
          main_axis = axis;
          main_shift = own;
          main_arriving = arriving;
        }
      } else if (main_axis != -2) {
        bool same = true, still = true;
        for (int k = 0; k < tensor_.axis_count; ++k) {
          const int64_t shift = (k == axis ? own : 0) - sum[at(k)];
          still &= shift == 0;
          same &= shift == (k == main_axis ? main_shift : 0);
        }
        if (still && rules_.halos == HaloRule::timeloop_head)
          arriving = 0;
        else
          arriving = same ? main_arriving : whole;
      }
      result += before_[at(i)] * (loop.factor - 1) * arriving;
      if (axis < 0) continue;
      reset[at(axis)] += (loop.factor - 1) * own;
      sum[at(axis)] += own;
    }
    return result;
  }

  int64_t arriving_after(int axis, int64_t own, const std::array<int64_t, kMaximumLoopDimensions>& reset,
                         int64_t whole) {
    int moved = 0, which = 0;
    int64_t by = 0;
    for (int k = 0; k < tensor_.axis_count; ++k) {
      const int64_t shift = (k == axis ? own : 0) - reset[at(k)];
      if (shift == 0) continue;
      ++moved;
      which = k;
      by = shift;
    }
    if (moved == 0) return 0;
    if (moved > 1 || rules_.halos == HaloRule::discarded || tensor_.axes[at(which)].terms == 1) return whole;
    return whole / whole_[at(which)] * arriving_on(which, by);
  }

  int64_t axis_size(int index) {
    const CountedAxis& axis = tensor_.axes[at(index)];
    if (axis.terms == 1) return nest_.tile[at(request_.child)][at(axis.dimensions[0])];
    Tiles tiles;
    fill(axis, tiles);
    return relation(index).whole(tiles);
  }

  int64_t arriving_on(int index, int64_t shift) {
    Tiles tiles;
    fill(tensor_.axes[at(index)], tiles);
    tiles.shift = request_.evictions ? -shift : shift;
    return relation(index).moved(tiles).arriving;
  }

  void fill(const CountedAxis& axis, Tiles& tiles) const {
    tiles.terms = axis.terms;
    for (int term = 0; term < axis.terms; ++term)
      tiles.from[at(term)] = tiles.to[at(term)] = {axis.coefficients[at(term)],
                                                   nest_.tile[at(request_.child)][at(axis.dimensions[at(term)])]};
  }

  TileRelation relation(int index) {
    std::size_t count = 0;
    for (int i = 0; i < spread_count_; ++i)
      if (spread_axis_[at(i)] == index) here_[count++] = spread_[at(i)];
    int64_t equal_tiles = 1;
    for (int level = 0; level < nest_.levels && count && !rules_.exact_windows; ++level) {
      std::array<SumTerm, kMaximumChain> terms;
      std::size_t of_level = 0;
      for (int i = 0; i < spread_count_; ++i)
        if (spread_axis_[at(i)] == index && spread_level_[at(i)] == level) terms[of_level++] = spread_[at(i)];
      if (of_level) equal_tiles *= sum_count({terms.data(), of_level});
    }
    return TileRelation(rules_.exact_windows, {here_.data(), count}, equal_tiles);
  }

  const Nest& nest_;
  const CountedTensor& tensor_;
  const TrafficRequest& request_;
  const CountingRules& rules_;
  int end_;
  int spread_count_ = 0;
  std::array<SumTerm, kMaximumChain> spread_, here_;
  std::array<int, kMaximumChain> spread_axis_, spread_level_;
  std::array<int64_t, kMaximumNestLoops> before_;  // iterations of the loops outside a loop
  std::array<int64_t, kMaximumLoopDimensions> whole_;
};

}  // namespace

int64_t moved_evenly(const Nest& nest, const CountedTensor& tensor, const TrafficRequest& request,
                     const CountingRules& rules) {
  return EvenCounting(nest, tensor, request, rules).total();
}

}  // namespace nacre::loopnest
