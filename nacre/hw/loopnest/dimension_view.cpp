#include "nacre/hw/loopnest/dimension_view.hpp"

#include <bit>

#include "nacre/base/error.hpp"

namespace nacre::loopnest {
namespace {

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

}  // namespace

ViewCache& view_cache() {
  thread_local ViewCache cache;
  return cache;
}

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

}  // namespace nacre::loopnest
