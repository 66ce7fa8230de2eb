// The iterations of one dimension outside a tile, sorted into few kinds: what traffic.hpp sums over.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "nacre/hw/loopnest/traffic.hpp"

namespace nacre::loopnest {

inline constexpr int kMaximumTrees = kMaximumChain + 2;

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

// Of this thread.
ViewCache& view_cache();
// Prefixes of a dimension's temporal loops before loop `depth`, all instances.
inline int64_t prefixes(const View& view, int depth) {
  int64_t result = 0;
  for (int i = 0; i < view.trees; ++i) result += view.tree[at(i)].instances * (view.tree[at(i)].full[at(depth)] + 1);
  return result;
}

// Steps of its own loop `depth`.
inline int64_t advances(const View& view, int depth) {
  int64_t result = 0;
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    result += tree.instances * (tree.full[at(depth)] * (view.factor[at(depth)] - 1) + tree.passes[at(depth)] - 1);
  }
  return result;
}

// While a loop of another dimension advances: loops from `depth` on go from last to first.
void reset_parts(const View& view, int depth, Parts& parts);
// While its own loop `depth` advances.
void advance_parts(const View& view, int depth, Parts& parts);
// Axes of one term: their tiles never overlap, so a shift is all new.
inline AxisCounts reset_counts(const View& view, int depth, bool evictions) {
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

inline AxisCounts advance_counts(const View& view, int depth, bool evictions) {
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

// The first tiles, or the last ones.
void first_parts(const View& view, bool evictions, Parts& parts);
void all_parts(const View& view, Parts& parts);

}  // namespace nacre::loopnest
