// What of a moved tile is new, along one axis, for all children that share.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "nacre/hw/loopnest/axis_sets.hpp"
#include "nacre/hw/loopnest/traffic.hpp"

namespace nacre::loopnest {

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

}  // namespace nacre::loopnest
