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

// The iterations of one dimension outside a tile, for instances that do alike. What belongs to one loop stands together in memory.
struct Tree {
  struct Place {     // of temporal loop i, on the last path
    int64_t passes;  // iterations
    int64_t full;    // full prefixes before loop i; the last path is one more
    int64_t reset;   // shift of the tile when loops i.. go from last to first
    bool single;     // loops i.. have one iteration
  };
  int64_t instances;
  int64_t leaf;  // size of the last tile
  bool uniform;  // all paths alike
  std::array<Place, kMaximumChain + 1> place;
};

struct View {
  struct Loop {  // in time
    int64_t factor, step;
    int64_t reset;  // as of trees, on full paths
    int index;      // into Nest::loops
  };
  int temporals = 0;
  int trees = 0;
  int64_t tile = 1;
  int joined = 0;
  bool uneven_join = false;
  std::array<Loop, kMaximumChain + 1> loop;
  std::array<Tree, kMaximumTrees> tree;
  std::array<int, kMaximumChain> joined_loops;
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
  struct Known {  // of one dimension
    int used = 0;
    std::vector<uint64_t> keys;  // child, and what the fan-out loops do
    std::vector<std::unique_ptr<View>> views;
  };
  uint64_t stamp_ = 0;
  std::array<Known, kMaximumLoopDimensions> known_;
};

// Of this thread.
ViewCache& view_cache();
// Prefixes of a dimension's temporal loops before loop `depth`, all instances.
inline int64_t prefixes(const View& view, int depth) {
  int64_t result = 0;
  for (int i = 0; i < view.trees; ++i)
    result += view.tree[at(i)].instances * (view.tree[at(i)].place[at(depth)].full + 1);
  return result;
}

// Steps of its own loop `depth`.
inline int64_t advances(const View& view, int depth) {
  int64_t result = 0;
  for (int i = 0; i < view.trees; ++i) {
    const Tree& tree = view.tree[at(i)];
    result += tree.instances *
              (tree.place[at(depth)].full * (view.loop[at(depth)].factor - 1) + tree.place[at(depth)].passes - 1);
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
    const int64_t full = tree.place[at(depth)].full * view.tile;
    if (depth == view.temporals) {
      counts.still += tree.instances * (full + tree.leaf);
    } else if (tree.place[at(depth)].single) {
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
    const int64_t last = tree.place[at(depth)].passes - 1;
    int64_t sum = (tree.place[at(depth)].full * (view.loop[at(depth)].factor - 1) + last) * view.tile;
    if (last > 0 && !evictions && tree.place[at(depth + 1)].single) sum += tree.leaf - view.tile;
    counts.arriving += tree.instances * sum;
  }
  return counts;
}

// The first tiles, or the last ones.
void first_parts(const View& view, bool evictions, Parts& parts);
void all_parts(const View& view, Parts& parts);

}  // namespace nacre::loopnest
