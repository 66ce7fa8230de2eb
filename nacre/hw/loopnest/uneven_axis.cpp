#include "nacre/hw/loopnest/uneven_axis.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "nacre/hw/loopnest/axis_sets.hpp"

namespace nacre {
namespace {

using loopnest::at;
using loopnest::is_label;

struct Span {
  int64_t position = 0;
  int64_t size = 0;
};

struct ChildTile {
  int64_t label = 0;
  Span from, to;
};

struct Entry {
  int64_t times = 0;
  std::vector<ChildTile> children;  // those at work
};

// Entries of one dimension; their memory is used again.
struct Entries {
  std::vector<Entry> list;
  std::size_t used = 0;
  int64_t labels = 1;  // instances whose children count apart

  Entry& next() {
    if (used == list.size()) list.emplace_back();
    list[used].children.clear();
    return list[used++];
  }
};

// Where a walk along a dimension's loops stands against its last path.
enum class Path { last, full, none };

Path onward(Path path, int64_t index, int64_t last) {
  if (path != Path::last) return path;
  return index < last ? Path::full : index == last ? Path::last : Path::none;
}

class DimensionWalk {
 public:
  DimensionWalk(const Nest& nest, int dimension, const TrafficRequest& request)
      : nest_(nest), dimension_(nest.dimensions[at(dimension)]), request_(request) {
    count_ = dimension_.outside[at(request.child)];
    tile_ = count_ == 0 ? dimension_.size : loop(count_ - 1).step;
    remainder_ = count_ == 0 ? dimension_.size : 1;
    if (count_ > 0)
      for (int place = count_; place < dimension_.count; ++place) remainder_ += loop(place).last * loop(place).step;
    digits_.fill(0);
  }

  void entries(const UnevenMoment& moment, Entries& result) {
    result.used = 0;
    result.labels = 1;
    for (int place = 0; place < count_; ++place)
      if (loop(place).spatial && is_label(loop(place), request_)) result.labels *= loop(place).factor;
    if (moment.kind == UnevenMoment::Kind::first) {
      add(result, 1, 0, [&](ChildTile& child) {
        const std::optional<Span> tile = request_.evictions ? final_tile(0, Path::last) : first_tile(0, Path::last);
        if (!tile) return false;
        child.from = child.to = *tile;
        return true;
      });
      return;
    }
    int place = 0;  // behind the temporal loops outside the one that advances
    int own = -1;
    for (int k = 0; k < count_; ++k) {
      const int index = dimension_.loops[at(k)];
      if (nest_.loops[at(index)].spatial) continue;
      if (moment.kind == UnevenMoment::Kind::step && index >= moment.loop) {
        if (index == moment.loop) own = k;
        break;
      }
      place = k + 1;
    }
    for_prefixes(place, [&](int64_t times, int deviation, bool below) {
      if (moment.kind == UnevenMoment::Kind::all) {
        add(result, times, place, [&](ChildTile& child) {
          const std::optional<Span> tile = first_tile(place, prefix_path(place, deviation, below));
          if (!tile) return false;
          child.from = child.to = *tile;
          return true;
        });
      } else if (own < 0) {
        add(result, times, place, [&](ChildTile& child) {
          const Path path = prefix_path(place, deviation, below);
          return both(child, final_tile(place, path), first_tile(place, path), 0);
        });
      } else {
        advance(result, times, place, own, deviation, below);
      }
    });
    if (request_.evictions)
      for (std::size_t i = 0; i < result.used; ++i)
        for (ChildTile& child : result.list[i].children) std::swap(child.from, child.to);
  }

 private:
  const NestLoop& loop(int place) const { return nest_.loops[at(dimension_.loops[at(place)])]; }

  // `tile` gives the place of a child's tiles by the loops from `inside` on.
  template <class Tile>
  void add(Entries& entries, int64_t times, int inside, Tile&& tile) {
    if (times <= 0) return;
    Entry& entry = entries.next();
    entry.times = times;
    digits_.fill(0);
    while (true) {
      ChildTile child;
      child.label = label();
      if (tile(child)) {
        for (int k = 0; k < inside; ++k) {
          child.from.position += digits_[at(k)] * loop(k).step;
          child.to.position += digits_[at(k)] * loop(k).step;
        }
        entry.children.push_back(child);
      }
      int place = 0;
      while (place < count_ && (!loop(place).spatial || ++digits_[at(place)] == loop(place).factor))
        digits_[at(place++)] = 0;
      if (place == count_) break;
    }
    if (entry.children.empty()) --entries.used;
  }

  int64_t label() const {
    int64_t result = 0;
    for (int place = 0; place < count_; ++place)
      if (loop(place).spatial && is_label(loop(place), request_))
        result = result * loop(place).factor + digits_[at(place)];
    return result;
  }

  // Prefixes of the temporal loops before `place`, by where they leave the last path: not at all (-1), or below or above it.
  template <class Visit>
  void for_prefixes(int place, Visit&& visit) {
    visit(int64_t{1}, -1, false);
    for (int k = 0; k < place; ++k) {
      if (loop(k).spatial) continue;
      int64_t inner = 1;
      for (int j = k + 1; j < place; ++j)
        if (!loop(j).spatial) inner *= loop(j).factor;
      visit(loop(k).last * inner, k, true);
      visit((loop(k).factor - 1 - loop(k).last) * inner, k, false);
    }
  }

  Path prefix_path(int place, int deviation, bool below) const {
    Path path = Path::last;
    for (int k = 0; k < place && path == Path::last; ++k) {
      if (loop(k).spatial)
        path = onward(path, digits_[at(k)], loop(k).last);
      else if (k == deviation)
        path = below ? Path::full : Path::none;
    }
    return path;
  }

  void advance(Entries& entries, int64_t times, int place, int own, int deviation, bool below) {
    const int64_t last = loop(own).last, factor = loop(own).factor;
    const auto group = [&](int64_t first, int64_t end) {  // to indices first .. end - 1, all alike
      if (first >= end || first < 1) return;
      add(entries, times * (end - first), own, [&](ChildTile& child) {
        Path path = prefix_path(place, deviation, below);
        for (int k = place; k < own; ++k) path = onward(path, digits_[at(k)], loop(k).last);  // fan-outs in between
        return both(child, final_tile(own + 1, onward(path, first - 1, last)),
                    first_tile(own + 1, onward(path, first, last)), loop(own).step);
      });
    };
    group(1, std::min(last, factor));
    group(std::max<int64_t>(last, 1), last + 1);
    if (last + 1 < factor) group(last + 1, last + 2);
    group(last + 2, factor);
  }

  bool both(ChildTile& child, const std::optional<Span>& from, const std::optional<Span>& to, int64_t shift) const {
    if (!to || !from) return false;
    child.from = *from;
    child.to = {to->position + shift, to->size};
    return true;
  }

  std::optional<Span> first_tile(int place, Path path) const {
    if (path == Path::none) return std::nullopt;
    if (place == count_) return Span{0, path == Path::full ? tile_ : remainder_};
    const int64_t index = loop(place).spatial ? digits_[at(place)] : 0;
    std::optional<Span> tile = first_tile(place + 1, onward(path, index, loop(place).last));
    if (tile) tile->position += index * loop(place).step;
    return tile;
  }

  std::optional<Span> final_tile(int place, Path path) const {
    if (path == Path::none) return std::nullopt;
    if (place == count_) return Span{0, path == Path::full ? tile_ : remainder_};
    const NestLoop& here = loop(place);
    int64_t index = here.spatial ? digits_[at(place)] : path == Path::full ? here.factor - 1 : here.last;
    std::optional<Span> tile = final_tile(place + 1, onward(path, index, here.last));
    if (!tile && !here.spatial && path == Path::last && index > 0)
      tile = final_tile(place + 1, onward(path, --index, here.last));
    if (tile) tile->position += index * here.step;
    return tile;
  }

  const Nest& nest_;
  const NestDimension& dimension_;
  const TrafficRequest& request_;
  int count_ = 0;
  int64_t tile_ = 1, remainder_ = 1;
  std::array<int64_t, kMaximumChain> digits_;  // of the fan-out loops, by place
};

struct AxisTile {
  int64_t label = 0;
  int64_t from_position = 0, to_position = 0;
  std::array<const ChildTile*, kMaximumLoopDimensions> children;  // by term
};

void combine(const CountedAxis& axis, const std::array<const Entry*, kMaximumLoopDimensions>& entries,
             const std::array<Entries, kMaximumLoopDimensions>& all, int term, AxisTile& tile,
             std::vector<AxisTile>& result) {
  if (term == axis.terms) {
    result.push_back(tile);
    return;
  }
  const AxisTile outside = tile;
  const int64_t coefficient = axis.coefficients[at(term)];
  for (const ChildTile& child : entries[at(term)]->children) {
    tile.label = outside.label * all[at(term)].labels + child.label;
    tile.from_position = outside.from_position + coefficient * child.from.position;
    tile.to_position = outside.to_position + coefficient * child.to.position;
    tile.children[at(term)] = &child;
    combine(axis, entries, all, term + 1, tile, result);
  }
}

using Terms = std::array<SumTerm, kMaximumLoopDimensions>;

std::span<SumTerm> terms_of(const CountedAxis& axis, const AxisTile& tile, bool to, Terms& terms) {
  for (int i = 0; i < axis.terms; ++i) {
    const ChildTile& child = *tile.children[at(i)];
    terms[at(i)] = {axis.coefficients[at(i)], to ? child.to.size : child.from.size};
  }
  return {terms.data(), at(axis.terms)};
}

int64_t extent(std::span<const SumTerm> terms) {
  int64_t high = 0;
  for (const SumTerm& term : terms) high += term.coefficient * (term.count - 1);
  return high;
}

void fill(IntegerSet& set, std::span<SumTerm> terms, int64_t position) {
  Progression run;
  if (as_progression(terms, run)) {
    const SumTerm one{run.step, run.count};
    set.add_sums({&one, 1}, position);
  } else {
    set.add_sums(terms, position);
  }
}

// Children that share: the sets of what stands still, what has moved, and what of that is new.
AxisCounts count_group(const CountedAxis& axis, std::span<const AxisTile> tiles, bool whole) {
  int64_t low = 0, high = 0;
  Terms from_terms, to_terms;
  for (const AxisTile& tile : tiles) {
    low = std::min({low, tile.from_position, tile.to_position});
    high = std::max({high, tile.from_position + extent(terms_of(axis, tile, false, from_terms)),
                     tile.to_position + extent(terms_of(axis, tile, true, to_terms))});
  }
  thread_local IntegerSet from, to, still, moved, arriving;
  still.clear(low, high);
  moved.clear(low, high);
  arriving.clear(low, high);
  for (const AxisTile& tile : tiles) {
    from.clear(low, high);
    to.clear(low, high);
    fill(to, terms_of(axis, tile, true, to_terms), tile.to_position);
    if (!whole) fill(from, terms_of(axis, tile, false, from_terms), tile.from_position);
    if (!whole && from == to) {
      still.add(to);
      continue;
    }
    moved.add(to);
    to.remove(from);
    arriving.add(to);
  }
  still.remove(moved);
  moved.remove(arriving);
  return {still.size(), moved.size(), arriving.size()};
}

}  // namespace

AxisCounts uneven_axis_counts(const Nest& nest, const CountedAxis& axis, const TrafficRequest& request,
                              const UnevenMoment& moment) {
  thread_local std::array<Entries, kMaximumLoopDimensions> entries;
  thread_local std::vector<AxisTile> tiles;
  AxisCounts counts;
  for (int term = 0; term < axis.terms; ++term) {
    DimensionWalk(nest, axis.dimensions[at(term)], request).entries(moment, entries[at(term)]);
    if (entries[at(term)].used == 0) return counts;
  }
  std::array<std::size_t, kMaximumLoopDimensions> choice = {};
  std::array<const Entry*, kMaximumLoopDimensions> chosen;
  while (true) {
    int64_t times = 1;
    for (int term = 0; term < axis.terms; ++term) {
      chosen[at(term)] = &entries[at(term)].list[choice[at(term)]];
      times *= chosen[at(term)]->times;
    }
    tiles.clear();
    AxisTile tile;
    combine(axis, chosen, entries, 0, tile, tiles);
    const auto by_label = [](const AxisTile& a, const AxisTile& b) { return a.label < b.label; };
    if (!std::is_sorted(tiles.begin(), tiles.end(), by_label)) std::sort(tiles.begin(), tiles.end(), by_label);
    for (std::size_t first = 0; first < tiles.size();) {
      std::size_t last = first + 1;
      while (last < tiles.size() && tiles[last].label == tiles[first].label) ++last;
      const AxisCounts group =
          count_group(axis, {tiles.data() + first, last - first}, moment.kind != UnevenMoment::Kind::step);
      counts.still += times * group.still;
      counts.overlap += times * group.overlap;
      counts.arriving += times * group.arriving;
      first = last;
    }
    std::size_t term = 0;
    while (term < at(axis.terms) && ++choice[term] == entries[term].used) choice[term++] = 0;
    if (term == at(axis.terms)) break;
  }
  return counts;
}

int64_t distinct_on_axis(const Nest& nest, const CountedAxis& axis, const TrafficRequest& request) {
  // For each dimension, its coordinates by the instance that has them.
  std::vector<std::map<int64_t, std::vector<int64_t>>> coordinates;
  const int end = nest.level_begin[at(request.child)];
  bool labelled = false;
  std::array<SumTerm, kMaximumLoopDimensions> all;
  for (int term = 0; term < axis.terms; ++term) {
    const NestDimension& dimension = nest.dimensions[at(axis.dimensions[at(term)])];
    all[at(term)] = {axis.coefficients[at(term)], dimension.size};
    for (int place = 0; place < dimension.count && dimension.loops[at(place)] < end; ++place) {
      const NestLoop& loop = nest.loops[at(dimension.loops[at(place)])];
      labelled |= loop.spatial && is_label(loop, request);
    }
  }
  if (!labelled) return sum_count({all.data(), at(axis.terms)});
  int64_t high = 0;
  for (int term = 0; term < axis.terms; ++term) {
    const NestDimension& dimension = nest.dimensions[at(axis.dimensions[at(term)])];
    std::map<int64_t, std::vector<int64_t>>& here = coordinates.emplace_back();
    for (int64_t x = 0; x < dimension.size; ++x) {
      int64_t rest = x, label = 0;
      for (int place = 0; place < dimension.count && dimension.loops[at(place)] < end; ++place) {
        const NestLoop& loop = nest.loops[at(dimension.loops[at(place)])];
        if (loop.spatial && is_label(loop, request)) label = label * loop.factor + rest / loop.step;
        rest %= loop.step;
      }
      here[label].push_back(x);
    }
    high += all[at(term)].coefficient * (dimension.size - 1);
  }
  int64_t result = 0;
  IntegerSet set;
  const auto choose = [&](auto&& self, int term, const std::vector<int64_t>& sums) -> void {
    if (term == axis.terms) {
      set.clear(0, high);
      for (const int64_t sum : sums) set.add_sums({}, sum);
      result += set.size();
      return;
    }
    for (const auto& [label, values] : coordinates[at(term)]) {
      std::vector<int64_t> next;
      for (const int64_t sum : sums)
        for (const int64_t value : values) next.push_back(sum + all[at(term)].coefficient * value);
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      self(self, term + 1, next);
    }
  };
  choose(choose, 0, {0});
  return result;
}

}  // namespace nacre
