#include "recount/count.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

namespace recount {
namespace {

struct Range {
  int64_t start = 0, size = 0;
};

// One dimension outside a tile: its loops in time and in space, from outer to inner. A moment is a tuple of the loops in time, a
// place one of those in space, both as numbers of mixed radix.
class Line {
 public:
  Line(const Record& record, int dimension, int child) : size_(record.sizes[std::size_t(dimension)]), tile_(size_) {
    for (std::size_t i = 0; i < record.loops.size(); ++i) {
      const Loop& loop = record.loops[i];
      if (loop.dimension != dimension || loop.level >= child) continue;
      (loop.kind == 't' ? time_ : space_).push_back(loop);
      if (loop.kind == 't') time_place_.push_back(int(i));
      tile_ = loop.step;
    }
    for (const Loop& loop : time_) moments_ *= loop.factor;
    for (const Loop& loop : space_) places_ *= loop.factor;
  }

  int64_t places() const { return places_; }
  int64_t moments() const { return moments_; }
  const std::vector<Loop>& space() const { return space_; }

  // What a child works on; nothing (size 0) when it is idle.
  Range tile(int64_t moment, int64_t place) const {
    const int64_t start = offset(time_, moment) + offset(space_, place);
    if (start >= size_) return {};
    return {start, std::min(tile_, size_ - start)};
  }
  // The moment right before `now` when the loop at place `advancing` of the mapping goes on by one, for a child that was idle at
  // times: the last one in which it worked. Loops outside `advancing` stand still, those inside have ended.
  int64_t held(int64_t now, int advancing, int64_t place) const {
    std::vector<int64_t> digits(time_.size());
    for (std::size_t i = time_.size(); i-- > 0;) {
      digits[i] = now % time_[i].factor;
      now /= time_[i].factor;
    }
    int64_t start = offset(space_, place);
    int64_t moment = 0;
    for (std::size_t i = 0; i < time_.size(); ++i) {
      if (time_place_[i] == advancing) digits[i] -= 1;
      if (time_place_[i] > advancing) {
        digits[i] = time_[i].factor - 1;
        while (digits[i] > 0 && start + digits[i] * time_[i].step >= size_) --digits[i];
      }
      start += digits[i] * time_[i].step;
      moment = moment * time_[i].factor + digits[i];
    }
    return moment;
  }
  bool ever_works(int64_t place) const { return tile(0, place).size > 0; }
  // The last moment in which a child works.
  int64_t last(int64_t place) const { return held(0, -1, place); }
  // Loops in time up to which the mapping's loop stands further out: the kind of a step.
  int64_t kind(int advancing) const {
    int64_t outside = 0;
    bool own = false;
    for (const int place : time_place_) {
      outside += place < advancing ? 1 : 0;
      own |= place == advancing;
    }
    return 2 * outside + (own ? 1 : 0);
  }
  int64_t largest_tile() const { return std::min(tile_, size_); }

 private:
  static int64_t offset(const std::vector<Loop>& loops, int64_t code) {
    int64_t result = 0;
    for (std::size_t i = loops.size(); i-- > 0;) {
      result += code % loops[i].factor * loops[i].step;
      code /= loops[i].factor;
    }
    return result;
  }

  int64_t size_, tile_, moments_ = 1, places_ = 1;
  std::vector<Loop> time_, space_;
  std::vector<int> time_place_;
};

using Elements = std::vector<int64_t>;  // sorted

// Positions of an axis that ranges of its dimensions touch.
Elements touched(const std::vector<Term>& terms, const std::vector<Range>& ranges) {
  Elements result = {0};
  for (std::size_t i = 0; i < terms.size(); ++i) {
    Elements next;
    for (const int64_t base : result)
      for (int64_t k = 0; k < ranges[i].size; ++k) next.push_back(base + terms[i].coefficient * (ranges[i].start + k));
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    result = std::move(next);
  }
  return result;
}

Elements without(const Elements& from, const Elements& what) {
  Elements result;
  std::set_difference(from.begin(), from.end(), what.begin(), what.end(), std::back_inserter(result));
  return result;
}

// Positions of one axis, over all groups of children that share: those that have not moved with their tile, those in a moved tile
// that were there already, and new ones. What one child has newest counts.
struct AxisCount {
  int64_t still = 0, kept = 0, fresh = 0;
};

class TensorWalk {
 public:
  TensorWalk(const Record& record, int tensor, Count& result)
      : record_(record), tensor_(record.tensors[std::size_t(tensor)]), index_(tensor), result_(result) {}

  void run() {
    const int levels = int(record_.levels.size());
    for (int child = levels; child > 0;) {
      int parent = child - 1;
      while (!record_.keeps[std::size_t(parent)][std::size_t(index_)]) --parent;
      between(parent, child);
      child = parent;
    }
  }

 private:
  enum class Step { first, on, end };

  bool has(int dimension) const {
    for (const auto& axis : tensor_.axes)
      for (const Term& term : axis)
        if (term.dimension == dimension) return true;
    return false;
  }
  TensorCount& at(int level) { return result_.levels[std::size_t(level)][std::size_t(index_)]; }

  void between(int parent, int child) {
    child_ = child;
    lines_.clear();
    for (std::size_t d = 0; d < record_.sizes.size(); ++d) lines_.emplace_back(record_, int(d), child);
    const bool multipliers = child == int(record_.levels.size());
    const bool going = tensor_.output && !multipliers;
    std::vector<int64_t> through;  // at the instances of the levels parent .. child
    for (int node = parent; node <= child; ++node) through.push_back(moved(node, going));
    const int64_t arrives = through.back(), leaves = through.front();
    TensorCount& outer = at(parent);
    outer.kept = true;
    outer.tile = largest_tile(parent);
    double bits = tensor_.bits * tensor_.density;
    const int64_t first_below = tensor_.output ? distinct(child, false) : 0;
    if (!tensor_.output) {
      outer.reads += leaves;
      if (!multipliers) at(child).fills += arrives;
    } else {
      const int64_t first_above = distinct(parent, true);
      outer.updates += leaves;
      outer.reads += record_.zero_first_reads ? leaves - first_above : leaves;
      bits = arrives > first_below ? record_.partial_sum_bits : tensor_.bits;
      if (!multipliers) {
        at(child).fills += record_.zero_first_reads ? arrives - first_below : arrives;
        if (record_.read_when_evicted) {
          at(child).reads += arrives;
          at(child).evicted += arrives;
        }
      }
    }
    outer.bits = bits;
    for (int level = parent; level < child; ++level) {
      TensorCount& link = at(level);
      link.delivered = through[std::size_t(level + 1 - parent)];
      link.bits_below = bits;
      if (tensor_.output && !multipliers && record_.zero_first_reads)
        link.returned = link.delivered - distinct(level + 1, false);
    }
  }

  // Whether a loop in space tells children apart when counting at the instances of level `node`.
  bool apart(const Loop& loop, int node, bool all_share) const {
    if (loop.level < node) return true;
    const Level& level = record_.levels[std::size_t(loop.level)];
    return !all_share && !(tensor_.output ? level.reduction : level.multicast);
  }
  int64_t label(const Line& line, int64_t place, int node, bool all_share) const {
    int64_t result = 0, scale = 1;
    for (std::size_t i = line.space().size(); i-- > 0;) {
      const Loop& loop = line.space()[i];
      if (apart(loop, node, all_share)) result += place % loop.factor * scale;
      if (apart(loop, node, all_share)) scale *= loop.factor;
      place /= loop.factor;
    }
    return result;
  }

  // Elements that cross at `node` over the whole run: what comes, or (`going`) what is sent away.
  int64_t moved(int node, bool going) {
    known_.assign(tensor_.axes.size(), {});
    workers_.assign(lines_.size(), {});
    std::vector<int> time;  // loops of the mapping
    for (std::size_t i = 0; i < record_.loops.size(); ++i)
      if (record_.loops[i].level < child_ && record_.loops[i].kind == 't') time.push_back(int(i));
    std::vector<int64_t> digits(time.size(), 0), now(lines_.size(), 0);
    const bool multipliers = child_ == int(record_.levels.size());
    int64_t total = going ? 0 : step(node, Step::first, now, -1, going);
    while (true) {
      std::size_t i = time.size();
      while (i > 0 && digits[i - 1] + 1 == record_.loops[std::size_t(time[i - 1])].factor) digits[--i] = 0;
      if (i == 0) break;
      ++digits[i - 1];
      std::fill(now.begin(), now.end(), 0);
      for (std::size_t k = 0; k < time.size(); ++k) {
        const Loop& loop = record_.loops[std::size_t(time[k])];
        now[std::size_t(loop.dimension)] = now[std::size_t(loop.dimension)] * loop.factor + digits[k];
      }
      total += step(node, multipliers ? Step::first : Step::on, now, time[i - 1], going);
    }
    if (going) total += step(node, Step::end, now, -1, going);
    return total;
  }

  int64_t step(int node, Step kind, const std::vector<int64_t>& now, int advancing, bool going) {
    int64_t groups = 1;
    for (std::size_t d = 0; d < lines_.size() && groups; ++d)
      if (!has(int(d))) groups *= workers(int(d), node, kind == Step::end ? 0 : now[d]);
    if (groups == 0) return 0;
    int64_t all = 1, still = 1, one_moved = 0;  // one_moved: kept positions of one axis, the others still
    for (std::size_t a = 0; a < tensor_.axes.size(); ++a) {
      const AxisCount& c = axis(int(a), node, kind, now, advancing, going);
      one_moved = one_moved * c.still + still * c.kept;
      still *= c.still;
      all *= c.still + c.kept + c.fresh;
    }
    if (kind != Step::on) return groups * all;
    return groups * (all - still - (record_.keep_halos ? one_moved : 0));
  }

  // Groups along a dimension that the tensor lacks with a child at work.
  int64_t workers(int dimension, int node, int64_t moment) {
    auto& known = workers_[std::size_t(dimension)];
    if (const auto found = known.find(moment); found != known.end()) return found->second;
    const Line& line = lines_[std::size_t(dimension)];
    std::set<int64_t> labels;
    for (int64_t place = 0; place < line.places(); ++place)
      if (line.tile(moment, place).size > 0) labels.insert(label(line, place, node, false));
    return known[moment] = int64_t(labels.size());
  }

  const AxisCount& axis(int index, int node, Step kind, const std::vector<int64_t>& now, int advancing, bool going) {
    const auto& terms = tensor_.axes[std::size_t(index)];
    uint64_t key = kind == Step::end ? 1 : 0;
    if (kind != Step::end)
      for (const Term& term : terms) {
        const Line& line = lines_[std::size_t(term.dimension)];
        key = key * uint64_t(line.moments()) + uint64_t(now[std::size_t(term.dimension)]);
        key = key * 64 + uint64_t(kind == Step::on ? line.kind(advancing) : 63);
      }
    key = key * 2 + (kind == Step::end ? 1 : 0);
    auto& known = known_[std::size_t(index)];
    if (const auto found = known.find(key); found != known.end()) return found->second;
    return known[key] = list_axis(terms, node, kind, now, advancing, going);
  }

  AxisCount list_axis(const std::vector<Term>& terms, int node, Step kind, const std::vector<int64_t>& now,
                      int advancing, bool going) const {
    struct Group {
      std::set<int64_t> still, moved, fresh;
    };
    std::map<std::vector<int64_t>, Group> groups;
    std::vector<int64_t> places(terms.size(), 0);
    while (true) {
      std::vector<Range> wanted, held;
      std::vector<int64_t> labels;
      bool works = true;
      for (std::size_t i = 0; i < terms.size(); ++i) {
        const Line& line = lines_[std::size_t(terms[i].dimension)];
        const int64_t place = places[i];
        labels.push_back(label(line, place, node, false));
        if (kind == Step::end) {
          works = works && line.ever_works(place);
          wanted.push_back(line.tile(line.last(place), place));
          continue;
        }
        const int64_t moment = now[std::size_t(terms[i].dimension)];
        wanted.push_back(line.tile(moment, place));
        works = works && wanted.back().size > 0;
        if (works && kind == Step::on) held.push_back(line.tile(line.held(moment, advancing, place), place));
      }
      if (works) {
        Elements to = touched(terms, wanted), from = kind == Step::on ? touched(terms, held) : Elements{};
        if (going && kind == Step::on) std::swap(to, from);
        Group& group = groups[labels];
        if (to == from) {
          group.still.insert(to.begin(), to.end());
        } else {
          group.moved.insert(to.begin(), to.end());
          const Elements fresh = without(to, from);
          group.fresh.insert(fresh.begin(), fresh.end());
        }
      }
      std::size_t i = 0;
      while (i < terms.size() && ++places[i] == lines_[std::size_t(terms[i].dimension)].places()) places[i++] = 0;
      if (i == terms.size()) break;
    }
    AxisCount result;
    for (const auto& [labels, group] : groups) {
      result.fresh += int64_t(group.fresh.size());
      for (const int64_t position : group.moved) result.kept += group.fresh.contains(position) ? 0 : 1;
      for (const int64_t position : group.still) result.still += group.moved.contains(position) ? 0 : 1;
    }
    return result;
  }

  // Elements that were ever there, for each instance of `node` (and each child that does not share) by itself.
  int64_t distinct(int node, bool all_share) const {
    int64_t result = 1;
    for (std::size_t d = 0; d < lines_.size(); ++d) {
      if (has(int(d))) continue;
      std::set<int64_t> labels;
      for (int64_t place = 0; place < lines_[d].places(); ++place)
        if (lines_[d].ever_works(place)) labels.insert(label(lines_[d], place, node, all_share));
      result *= int64_t(labels.size());
    }
    for (const auto& terms : tensor_.axes) {
      std::vector<int64_t> places(terms.size(), 0);
      std::map<std::vector<int64_t>, std::set<int64_t>> seen;
      while (true) {
        std::vector<int64_t> labels;
        for (std::size_t i = 0; i < terms.size(); ++i)
          labels.push_back(label(lines_[std::size_t(terms[i].dimension)], places[i], node, all_share));
        std::vector<int64_t> sums = {0};
        for (std::size_t i = 0; i < terms.size(); ++i) {
          const Line& line = lines_[std::size_t(terms[i].dimension)];
          std::set<int64_t> next;
          for (int64_t moment = 0; moment < line.moments(); ++moment) {
            const Range tile = line.tile(moment, places[i]);
            for (int64_t k = 0; k < tile.size; ++k)
              for (const int64_t base : sums) next.insert(base + terms[i].coefficient * (tile.start + k));
          }
          sums.assign(next.begin(), next.end());
        }
        seen[labels].insert(sums.begin(), sums.end());
        std::size_t i = 0;
        while (i < terms.size() && ++places[i] == lines_[std::size_t(terms[i].dimension)].places()) places[i++] = 0;
        if (i == terms.size()) break;
      }
      int64_t here = 0;
      for (const auto& [labels, positions] : seen) here += int64_t(positions.size());
      result *= here;
    }
    return result;
  }

  int64_t largest_tile(int level) const {
    int64_t result = 1;
    for (const auto& terms : tensor_.axes) {
      std::vector<Range> ranges;
      for (const Term& term : terms) ranges.push_back({0, Line(record_, term.dimension, level).largest_tile()});
      result *= int64_t(touched(terms, ranges).size());
    }
    return result;
  }

  const Record& record_;
  const Tensor& tensor_;
  int index_;
  Count& result_;
  int child_ = 0;
  std::vector<Line> lines_;
  std::vector<std::unordered_map<uint64_t, AxisCount>> known_;  // by axis
  std::vector<std::unordered_map<int64_t, int64_t>> workers_;   // by dimension
};

}  // namespace

Count count(const Record& record) {
  Count result;
  const int levels = int(record.levels.size());
  result.levels.assign(std::size_t(levels), std::vector<TensorCount>(record.tensors.size()));
  for (std::size_t t = 0; t < record.tensors.size(); ++t) TensorWalk(record, int(t), result).run();
  for (int level = 0; level <= levels; ++level) {
    int64_t instances = 1, steps = 1;
    for (std::size_t d = 0; d < record.sizes.size(); ++d) {
      const Line line(record, int(d), level);
      int64_t places = 0, moments = 0;
      for (int64_t place = 0; place < line.places(); ++place) places += line.ever_works(place) ? 1 : 0;
      // The first child works whenever one does.
      for (int64_t moment = 0; moment < line.moments(); ++moment) moments += line.tile(moment, 0).size > 0 ? 1 : 0;
      instances *= places;
      steps *= moments;
    }
    if (level < levels) result.instances.push_back(instances);
    if (level == levels) result.steps = steps;
  }
  return result;
}

}  // namespace recount
