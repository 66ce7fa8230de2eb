#include "nacre/hw/loopnest/dimension_view.hpp"

#include <bit>

#include "nacre/base/error.hpp"

namespace nacre::loopnest {
namespace {

void finish_tree(View& view, Tree& tree) {
  tree.uniform = tree.leaf == view.tile;
  tree.place[0].full = 0;
  for (int i = 0; i < view.temporals; ++i) {
    tree.uniform &= tree.place[at(i)].passes == view.loop[at(i)].factor;
    tree.place[at(i + 1)].full = tree.place[at(i)].full * view.loop[at(i)].factor + tree.place[at(i)].passes - 1;
  }
  tree.place[at(view.temporals)].reset = 0;
  tree.place[at(view.temporals)].single = true;
  for (int i = view.temporals - 1; i >= 0; --i) {
    tree.place[at(i)].reset = tree.place[at(i + 1)].reset - (tree.place[at(i)].passes - 1) * view.loop[at(i)].step;
    tree.place[at(i)].single = tree.place[at(i + 1)].single && tree.place[at(i)].passes == 1;
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
      const NestLoop& temporal = nest_.loops[at(view_.loop[at(i)].index)];
      const int exact = pivot >= 0 ? pivot : before;
      tree.place[at(i)].passes = i < exact ? temporal.last + 1 : i == pivot ? temporal.last : temporal.factor;
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
        view_.loop[at(view_.temporals)].index = dimension_.loops[at(place)];
        view_.loop[at(view_.temporals)].factor = loop(place).factor;
        view_.loop[at(view_.temporals++)].step = loop(place).step;
      }
    view_.loop[at(view_.temporals)].reset = 0;
    for (int i = view_.temporals - 1; i >= 0; --i)
      view_.loop[at(i)].reset = view_.loop[at(i + 1)].reset - (view_.loop[at(i)].factor - 1) * view_.loop[at(i)].step;

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
    for (int i = 0; i < view_.temporals; ++i)
      tree.place[at(i)].passes = nest_.loops[at(view_.loop[at(i)].index)].last + 1;
    finish_tree(view_, tree);
  }

  const Nest& nest_;
  const NestDimension& dimension_;
  View& view_;
  int count_ = 0;  // loops outside the tile
  int64_t remainder_ = 1;
};

}  // namespace

ViewCache& view_cache() {
  thread_local ViewCache cache;
  return cache;
}

const View& ViewCache::view(const Nest& nest, int dimension, const TrafficRequest& request, Sharing sharing) {
  if (nest.stamp != stamp_) {
    stamp_ = nest.stamp;
    for (Known& known : known_) known.used = 0;
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
  const uint64_t wanted = static_cast<uint64_t>(request.child) << 32 | key;
  Known& known = known_[at(dimension)];
  for (int i = 0; i < known.used; ++i)
    if (known.keys[at(i)] == wanted) return *known.views[at(i)];
  const int index = known.used++;
  if (index == static_cast<int>(known.views.size())) {
    known.views.push_back(std::make_unique<View>());
    known.keys.push_back(0);
  }
  known.keys[at(index)] = wanted;
  View& view = *known.views[at(index)];
  view.temporals = view.trees = view.joined = 0;
  view.uneven_join = false;
  ViewBuilder(nest, dimension, request, sharing, view);
  return view;
}

void reset_parts(const View& view, int depth, Parts& parts) {
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t shift = view.loop[at(depth)].reset;
    if (tree.uniform) {
      parts.add(tree.instances * (tree.place[at(depth)].full + 1), view.tile, view.tile, shift);
      continue;
    }
    parts.add(tree.instances * tree.place[at(depth)].full, view.tile, view.tile, shift);
    parts.add(tree.instances, tree.leaf, tree.place[at(depth)].single ? tree.leaf : view.tile,
              tree.place[at(depth)].reset);
  }
}

void advance_parts(const View& view, int depth, Parts& parts) {
  const int64_t shift = view.loop[at(depth)].step + view.loop[at(depth + 1)].reset;
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t steps = view.loop[at(depth)].factor - 1, last = tree.place[at(depth)].passes - 1;
    if (tree.uniform || last == 0 || !tree.place[at(depth + 1)].single || tree.leaf == view.tile) {
      parts.add(tree.instances * (tree.place[at(depth)].full * steps + last), view.tile, view.tile, shift);
      continue;
    }
    parts.add(tree.instances * (tree.place[at(depth)].full * steps + last - 1), view.tile, view.tile, shift);
    parts.add(tree.instances, view.tile, tree.leaf, shift);
  }
}

void first_parts(const View& view, bool evictions, Parts& parts) {
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    const int64_t size = evictions || tree.place[0].single ? tree.leaf : view.tile;
    parts.add(tree.instances, size, size, 0);
  }
}

void all_parts(const View& view, Parts& parts) {
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    parts.add(tree.instances * tree.place[at(view.temporals)].full, view.tile, view.tile, 0);
    parts.add(tree.instances, tree.leaf, tree.leaf, 0);
  }
}

}  // namespace nacre::loopnest
