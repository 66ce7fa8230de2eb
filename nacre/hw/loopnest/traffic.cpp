#include "nacre/hw/loopnest/traffic.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "nacre/base/error.hpp"
#include "nacre/hw/loopnest/axis_sets.hpp"
#include "nacre/hw/loopnest/uneven_axis.hpp"

namespace nacre {
namespace {

constexpr int kMaximumTrees = kMaximumChain + 2;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// What to do with the fan-out loops whose children share.
enum class Sharing {
  apart,  // children want different elements: each counts
  same,   // children want the same: the first counts
  joined  // windows: sets are joined
};

// The iterations of one dimension outside a tile, for instances that do alike. `passes[i]` is the number of iterations of its
// temporal loop i on the last path.
struct Tree {
  int64_t instances;
  bool uniform;  // all paths alike
  int64_t leaf;  // size of the last tile
  std::array<int64_t, kMaximumChain + 1> passes;
  std::array<int64_t, kMaximumChain + 1> full;  // full prefixes before loop i; the last path is one more
  std::array<int64_t, kMaximumChain + 1>
      reset;  // shift of the tile when loops i.. go from last to first, on the last path
  std::array<bool, kMaximumChain + 1> single;  // loops i.. have one iteration, on the last path
};

struct View {
  int temporals = 0;
  std::array<int, kMaximumChain> order;  // index into Nest::loops
  std::array<int64_t, kMaximumChain> factor, step;
  std::array<int64_t, kMaximumChain + 1> reset;  // as of trees, on full paths
  int64_t tile = 1;
  int trees = 0;
  std::array<Tree, kMaximumTrees> tree;
  int joined = 0;
  std::array<int, kMaximumChain> joined_loops;
  bool uneven_join = false;
};

// One kind of step: how often, and the tile's size and shift along one dimension.
struct Part {
  int64_t count;
  int64_t from;
  int64_t to;
  int64_t shift;
};

struct Parts {
  int count = 0;
  std::array<Part, 3 * kMaximumTrees> part;
  void add(int64_t times, int64_t from, int64_t to, int64_t shift) {
    if (times > 0) part[at(count++)] = {times, from, to, shift};
  }
};

bool is_label(const NestLoop& loop, const TrafficRequest& request) {
  return loop.level < request.node || !(request.merging >> loop.level & 1u);
}

// Views of the nest last looked at, for all tensors and nodes.
class ViewCache {
 public:
  const View& view(const Nest& nest, int dimension, const TrafficRequest& request, Sharing sharing);

 private:
  struct Entry {
    int child;
    uint32_t key;
    View view;
  };
  uint64_t stamp_ = 0;
  std::array<std::vector<std::unique_ptr<Entry>>, kMaximumLoopDimensions> entries_;
  std::array<int, kMaximumLoopDimensions> used_ = {};
};

ViewCache& view_cache() {
  thread_local ViewCache cache;
  return cache;
}

void finish_tree(View& view, Tree& tree) {
  tree.uniform = tree.leaf == view.tile;
  tree.full[0] = 0;
  for (int i = 0; i < view.temporals; ++i) {
    tree.uniform &= tree.passes[at(i)] == view.factor[at(i)];
    tree.full[at(i + 1)] = tree.full[at(i)] * view.factor[at(i)] + tree.passes[at(i)] - 1;
  }
  tree.reset[at(view.temporals)] = 0;
  tree.single[at(view.temporals)] = true;
  for (int i = view.temporals - 1; i >= 0; --i) {
    tree.reset[at(i)] = tree.reset[at(i + 1)] - (tree.passes[at(i)] - 1) * view.step[at(i)];
    tree.single[at(i)] = tree.single[at(i + 1)] && tree.passes[at(i)] == 1;
  }
}

class ViewBuilder {
 public:
  ViewBuilder(const Nest& nest, int dimension, const TrafficRequest& request, Sharing sharing, View& view)
      : nest_(nest), dimension_(nest.dimensions[at(dimension)]), view_(view) {
    count_ = dimension_.outside[at(request.child)];
    remainder_ = 1;
    for (int place = count_; place < dimension_.count; ++place) remainder_ += loop(place).last * loop(place).step;
    view_.tile = count_ == 0 ? dimension_.size : loop(count_ - 1).step;
    if (count_ == 0) remainder_ = dimension_.size;
    build(request, sharing);
  }

 private:
  const NestLoop& loop(int place) const { return nest_.loops[at(dimension_.loops[at(place)])]; }
  bool counts(int place, const TrafficRequest& request, Sharing sharing) const {
    return loop(place).spatial && (sharing == Sharing::apart || is_label(loop(place), request));
  }

  // Instances whose digit differs from the last path's at the fan-out `place`: below it (then their subtree is full) or above it
  // (then they have none, and the temporal loop outside does one iteration less).
  void branch(int64_t instances, int before, int pivot) {
    if (instances <= 0) return;
    NACRE_CHECK(view_.trees < kMaximumTrees);
    Tree& tree = view_.tree[at(view_.trees++)];
    tree.instances = instances;
    tree.leaf = view_.tile;
    for (int i = 0; i < view_.temporals; ++i) {
      const NestLoop& temporal = nest_.loops[at(view_.order[at(i)])];
      const int exact = pivot >= 0 ? pivot : before;
      tree.passes[at(i)] = i < exact ? temporal.last + 1 : i == pivot ? temporal.last : temporal.factor;
    }
    finish_tree(view_, tree);
  }

  void build(const TrafficRequest& request, Sharing sharing) {
    std::array<int64_t, kMaximumChain + 1> later;  // instances by the counted fan-outs from a place on
    later[at(count_)] = 1;
    for (int place = count_ - 1; place >= 0; --place)
      later[at(place)] = later[at(place + 1)] * (counts(place, request, sharing) ? loop(place).factor : 1);
    for (int place = 0; place < count_; ++place)
      if (!loop(place).spatial) {
        view_.order[at(view_.temporals)] = dimension_.loops[at(place)];
        view_.factor[at(view_.temporals)] = loop(place).factor;
        view_.step[at(view_.temporals++)] = loop(place).step;
      }
    view_.reset[at(view_.temporals)] = 0;
    for (int i = view_.temporals - 1; i >= 0; --i)
      view_.reset[at(i)] = view_.reset[at(i + 1)] - (view_.factor[at(i)] - 1) * view_.step[at(i)];

    int temporal = 0, pivot = -1;  // pivot: the last temporal loop so far that steps on the last path
    int64_t instances = 1;
    for (int place = 0; place < count_; ++place) {
      const NestLoop& here = loop(place);
      if (!here.spatial) {
        if (here.last > 0) pivot = temporal;
        ++temporal;
        continue;
      }
      const bool even = dimension_.even_from <= place;
      if (counts(place, request, sharing)) {
        if (even) {
          instances *= here.factor;
          continue;
        }
        branch(here.last * later[at(place + 1)], temporal, -1);
        if (pivot >= 0) branch((here.factor - 1 - here.last) * later[at(place + 1)], temporal, pivot);
      } else if (sharing == Sharing::joined) {
        view_.joined_loops[at(view_.joined++)] = dimension_.loops[at(place)];
        view_.uneven_join |= !even;
      } else if (!even && here.last > 0) {  // the first child has a full subtree
        branch(later[at(place + 1)], temporal, -1);
        return;
      }
    }
    NACRE_CHECK(view_.trees < kMaximumTrees);
    Tree& tree = view_.tree[at(view_.trees++)];
    tree.instances = instances;
    tree.leaf = remainder_;
    for (int i = 0; i < view_.temporals; ++i) tree.passes[at(i)] = nest_.loops[at(view_.order[at(i)])].last + 1;
    finish_tree(view_, tree);
  }

  const Nest& nest_;
  const NestDimension& dimension_;
  View& view_;
  int count_ = 0;  // loops outside the tile
  int64_t remainder_ = 1;
};

const View& ViewCache::view(const Nest& nest, int dimension, const TrafficRequest& request, Sharing sharing) {
  if (nest.stamp != stamp_) {
    stamp_ = nest.stamp;
    used_.fill(0);
  }
  // Views differ by what their fan-out loops do.
  uint32_t key = 0;
  const NestDimension& chain = nest.dimensions[at(dimension)];
  const uint32_t outside = chain.fanouts & ((1u << chain.outside[at(request.child)]) - 1);
  for (uint32_t rest = outside; rest; rest &= rest - 1) {
    const int place = std::countr_zero(rest);
    if (sharing == Sharing::apart || is_label(nest.loops[at(chain.loops[at(place)])], request))
      key |= 1u << place;
    else
      key |= sharing == Sharing::joined ? 1u << 31 : 1u << 30;
  }
  std::vector<std::unique_ptr<Entry>>& entries = entries_[at(dimension)];
  for (int i = 0; i < used_[at(dimension)]; ++i)
    if (entries[at(i)]->child == request.child && entries[at(i)]->key == key) return entries[at(i)]->view;
  const int index = used_[at(dimension)]++;
  if (index == static_cast<int>(entries.size())) entries.push_back(std::make_unique<Entry>());
  Entry& entry = *entries[at(index)];
  entry.child = request.child;
  entry.key = key;
  entry.view.temporals = entry.view.trees = entry.view.joined = 0;
  entry.view.uneven_join = false;
  ViewBuilder(nest, dimension, request, sharing, entry.view);
  return entry.view;
}

// Prefixes of a dimension's temporal loops before loop `depth`, all instances.
int64_t prefixes(const View& view, int depth) {
  int64_t result = 0;
  for (int i = 0; i < view.trees; ++i) result += view.tree[at(i)].instances * (view.tree[at(i)].full[at(depth)] + 1);
  return result;
}

// Steps of its own loop `depth`.
int64_t advances(const View& view, int depth) {
  int64_t result = 0;
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    result += tree.instances * (tree.full[at(depth)] * (view.factor[at(depth)] - 1) + tree.passes[at(depth)] - 1);
  }
  return result;
}

// While a loop of another dimension advances: loops from `depth` on go from last to first.
void reset_parts(const View& view, int depth, Parts& parts) {
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t shift = view.reset[at(depth)];
    if (tree.uniform) {
      parts.add(tree.instances * (tree.full[at(depth)] + 1), view.tile, view.tile, shift);
      continue;
    }
    parts.add(tree.instances * tree.full[at(depth)], view.tile, view.tile, shift);
    parts.add(tree.instances, tree.leaf, tree.single[at(depth)] ? tree.leaf : view.tile, tree.reset[at(depth)]);
  }
}

// While its own loop `depth` advances.
void advance_parts(const View& view, int depth, Parts& parts) {
  const int64_t shift = view.step[at(depth)] + view.reset[at(depth + 1)];
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t steps = view.factor[at(depth)] - 1, last = tree.passes[at(depth)] - 1;
    if (tree.uniform || last == 0 || !tree.single[at(depth + 1)] || tree.leaf == view.tile) {
      parts.add(tree.instances * (tree.full[at(depth)] * steps + last), view.tile, view.tile, shift);
      continue;
    }
    parts.add(tree.instances * (tree.full[at(depth)] * steps + last - 1), view.tile, view.tile, shift);
    parts.add(tree.instances, view.tile, tree.leaf, shift);
  }
}

// Axes of one term: their tiles never overlap, so a shift is all new.
AxisCounts reset_counts(const View& view, int depth, bool evictions) {
  AxisCounts counts;
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t full = tree.full[at(depth)] * view.tile;
    if (depth == view.temporals) {
      counts.still += tree.instances * (full + tree.leaf);
    } else if (tree.single[at(depth)]) {
      counts.arriving += tree.instances * full;
      counts.still += tree.instances * tree.leaf;
    } else {
      counts.arriving += tree.instances * (full + (evictions ? tree.leaf : view.tile));
    }
  }
  return counts;
}

AxisCounts advance_counts(const View& view, int depth, bool evictions) {
  AxisCounts counts;
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t last = tree.passes[at(depth)] - 1;
    int64_t sum = (tree.full[at(depth)] * (view.factor[at(depth)] - 1) + last) * view.tile;
    if (last > 0 && !evictions && tree.single[at(depth + 1)]) sum += tree.leaf - view.tile;
    counts.arriving += tree.instances * sum;
  }
  return counts;
}

void first_parts(const View& view, bool evictions, Parts& parts) {
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t size = evictions || tree.single[0] ? tree.leaf : view.tile;
    parts.add(tree.instances, size, size, 0);
  }
}

void all_parts(const View& view, Parts& parts) {
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    parts.add(tree.instances * tree.full[at(view.temporals)], view.tile, view.tile, 0);
    parts.add(tree.instances, tree.leaf, tree.leaf, 0);
  }
}

// Old and new tile of one axis.
struct Tiles {
  std::array<SumTerm, kMaximumLoopDimensions> from, to;
  int terms = 0;
  int64_t shift = 0;
};

// Counts tiles of one axis, joined over children at the offsets `spread`.
class TileRelation {
 public:
  TileRelation(bool exact, std::span<const SumTerm> spread, int64_t equal_tiles)
      : exact_(exact), spread_(spread), equal_tiles_(equal_tiles) {}

  AxisCounts moved(Tiles& tiles) const {
    Progression from, to;
    if (!progressions(tiles, from, to)) return by_sets(tiles);
    if (from.count == to.count && tiles.shift == 0 && (from.step == to.step || to.count == 1)) return still(to);
    int64_t common = 0;
    bool one_piece = true;
    if (from.count > 1 && to.count > 1 && from.step != to.step) {
      return by_sets(tiles);
    } else {
      const int64_t step = to.count > 1 ? to.step : from.step;
      if (tiles.shift % step == 0) {
        const int64_t start = tiles.shift / step;  // of `to`, in steps, where `from` starts at 0
        common = std::max<int64_t>(0, std::min(from.count, start + to.count) - std::max<int64_t>(0, start));
        one_piece = start >= 0 || start + to.count <= from.count;
      }
    }
    AxisCounts counts;
    int64_t all = 0;
    if (common == to.count) {  // nothing new, but the tile has changed
      if (!joined(to, all)) return by_sets(tiles);
      counts.overlap = all;
      return counts;
    }
    if (!one_piece && !spread_.empty()) return by_sets(tiles);
    if (!joined(to, all) || !joined({to.count - common, to.step}, counts.arriving)) return by_sets(tiles);
    counts.overlap = all - counts.arriving;
    return counts;
  }

  // A tile that comes whole.
  int64_t whole(Tiles& tiles) const {
    Progression from, to;
    int64_t result = 0;
    if (progressions(tiles, from, to) && joined(to, result)) return result;
    if (!exact_) return result;
    std::array<SumTerm, kMaximumLoopDimensions + kMaximumChain> terms;
    std::copy_n(tiles.to.begin(), tiles.terms, terms.begin());
    std::copy(spread_.begin(), spread_.end(), terms.begin() + tiles.terms);
    return sum_count({terms.data(), at(tiles.terms) + spread_.size()});
  }

 private:
  bool progressions(Tiles& tiles, Progression& from, Progression& to) const {
    if (exact_)
      return as_progression({tiles.from.data(), at(tiles.terms)}, from) &&
             as_progression({tiles.to.data(), at(tiles.terms)}, to);
    from = to = {1, 1};
    for (int i = 0; i < tiles.terms; ++i) {
      from.count += tiles.from[at(i)].coefficient * (tiles.from[at(i)].count - 1);
      to.count += tiles.to[at(i)].coefficient * (tiles.to[at(i)].count - 1);
    }
    return true;
  }

  bool joined(const Progression& tile, int64_t& result) const {
    if (!exact_) {
      result = tile.count * equal_tiles_;
      return true;
    }
    if (spread_.empty()) {
      result = tile.count;
      return true;
    }
    std::array<SumTerm, kMaximumChain + 1> terms;
    terms[0] = {tile.step, tile.count};
    std::copy(spread_.begin(), spread_.end(), terms.begin() + 1);
    Progression all;
    if (as_progression({terms.data(), spread_.size() + 1}, all)) {
      result = all.count;
      return true;
    }
    if (spread_.size() > 1) return false;
    result = sum_count({terms.data(), 2});
    return true;
  }

  AxisCounts still(const Progression& tile) const {
    AxisCounts counts;
    if (joined(tile, counts.still)) return counts;
    thread_local IntegerSet set;
    std::array<SumTerm, kMaximumChain + 1> terms;
    terms[0] = {tile.step, tile.count};
    std::copy(spread_.begin(), spread_.end(), terms.begin() + 1);
    counts.still = sum_count({terms.data(), spread_.size() + 1});
    return counts;
  }

  AxisCounts by_sets(const Tiles& tiles) const {
    thread_local IntegerSet from, to, arriving, all, piece;
    const auto extent = [](std::span<const SumTerm> terms) {
      int64_t high = 0;
      for (const SumTerm& term : terms) high += term.coefficient * (term.count - 1);
      return high;
    };
    const std::span<const SumTerm> old_terms{tiles.from.data(), at(tiles.terms)};
    const std::span<const SumTerm> new_terms{tiles.to.data(), at(tiles.terms)};
    const int64_t spread = extent(spread_);
    const int64_t low = std::min<int64_t>(0, tiles.shift);
    const int64_t high = std::max(extent(old_terms), tiles.shift + extent(new_terms)) + spread;
    arriving.clear(low, high);
    all.clear(low, high);
    bool moved = false;
    const auto child = [&](auto&& self, std::size_t term, int64_t offset) -> void {
      if (term < spread_.size()) {
        for (int64_t i = 0; i < spread_[term].count; ++i) self(self, term + 1, offset + i * spread_[term].coefficient);
        return;
      }
      from.clear(low, high);
      to.clear(low, high);
      from.add_sums(old_terms, offset);
      to.add_sums(new_terms, offset + tiles.shift);
      all.add(to);
      if (from == to) return;
      moved = true;
      to.remove(from);
      arriving.add(to);
    };
    child(child, 0, 0);
    AxisCounts counts;
    if (!moved) {
      counts.still = all.size();
      return counts;
    }
    counts.arriving = arriving.size();
    counts.overlap = all.size() - counts.arriving;
    return counts;
  }

  bool exact_;
  std::span<const SumTerm> spread_;
  int64_t equal_tiles_;
};

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

// Where all bounds divide: all tiles of a level are alike, so that one advancing loop is one shift, times how often it advances.
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
  if (nest.uneven == 0) return EvenCounting(nest, tensor, request, rules_).total();
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
      if (tensor.axis_of[at(d)] < 0) result *= prefixes(view_cache().view(nest, d, request, Sharing::same), 0);
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
  for (int d = 0; d < nest.dimension_count; ++d) {
    result *= prefixes(view_cache().view(nest, d, request, Sharing::apart), 0);
  }
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
    const View& view = view_cache().view(nest, d, request, Sharing::same);
    result *= prefixes(view, view.temporals);
  }
  return result;
}

}  // namespace nacre
