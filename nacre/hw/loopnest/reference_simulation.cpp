#include "nacre/hw/loopnest/reference_simulation.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/hw/loopnest/nest.hpp"

namespace nacre {
namespace {

struct Loop {
  std::size_t dimension;
  std::size_t level;
  bool spatial;
  int64_t factor;
  int64_t step = 1;  // of the coordinate
};

using Digits = std::vector<int64_t>;
using Elements = std::vector<int64_t>;  // sorted codes

// Calls visit(indices) for all indices of the loops, the last loop fastest.
template <class Visit>
void odometer(const std::vector<Loop>& loops, Visit&& visit) {
  Digits digits(loops.size(), 0);
  while (true) {
    visit(digits);
    std::size_t i = loops.size();
    while (i > 0 && ++digits[i - 1] == loops[i - 1].factor) digits[--i] = 0;
    if (i == 0) return;
  }
}

class TensorWalk {
 public:
  TensorWalk(const Workload& workload, const AcceleratorDescription& accelerator, const Mapping& mapping,
             const std::vector<Loop>& loops, const CountingRules& rules, std::size_t tensor, SimulatedCost& result)
      : workload_(workload),
        accelerator_(accelerator),
        mapping_(mapping),
        loops_(loops),
        rules_(rules),
        tensor_(tensor),
        described_(workload.tensors[tensor]),
        result_(result) {
    for (const TensorAxis& axis : described_.axes) {
      int64_t size = 1;
      for (const ProjectionTerm& term : axis.terms)
        size += term.coefficient * (workload.dimensions[static_cast<std::size_t>(term.dimension)].size - 1);
      extents_.push_back(size);
    }
  }

  void run() {
    for (std::size_t child = mapping_.levels.size(); child > 0;) {
      std::size_t parent = child - 1;
      while (!mapping_.levels[parent].keeps[tensor_]) --parent;
      between(parent, child);
      child = parent;
    }
  }

 private:
  SimulatedTensor& at(std::size_t level) { return result_.levels[level].tensors[tensor_]; }
  bool output() const { return described_.role == TensorRole::outputs; }

  void between(std::size_t parent, std::size_t child) {
    parent_ = parent;
    child_ = child;
    time_.clear();
    space_.clear();
    inside_.clear();
    for (const Loop& loop : loops_) (loop.level >= child ? inside_ : loop.spatial ? space_ : time_).push_back(loop);
    tiles_.clear();
    touched_below_.clear();
    touched_above_.clear();
    at(parent).kept = true;
    odometer(time_, [&](const Digits& now) {
      std::map<Digits, Elements> coming, going;
      odometer(space_, [&](const Digits& place) { work(now, place, coming, going); });
      const bool counted_when_going = output() && child_ < mapping_.levels.size();
      cross(counted_when_going ? going : coming);
    });
    if (output() && child < mapping_.levels.size()) {  // what is left at the end
      for (const auto& [place, tile] : tiles_)
        if (rules_.read_when_evicted) at(child_).reads += static_cast<int64_t>(tile.size());
      cross(tiles_);
    }
    largest_parent_tile();
  }

  // One child in one step.
  void work(const Digits& now, const Digits& place, std::map<Digits, Elements>& coming,
            std::map<Digits, Elements>& going) {
    const Elements wanted = elements(now, place);
    if (wanted.empty()) return;  // idle: keeps what it has
    if (child_ == mapping_.levels.size()) {
      coming[place] = wanted;
      return;
    }
    const Elements& held = tiles_[place];
    Elements arrives = wanted, leaves = held;
    const int moved = axes_that_differ(held, wanted);
    if (moved == 0) {
      arrives.clear();
      leaves.clear();
    } else if (moved == 1 && rules_.halos == HaloRule::kept) {
      arrives.clear();
      leaves.clear();
      std::set_difference(wanted.begin(), wanted.end(), held.begin(), held.end(), std::back_inserter(arrives));
      std::set_difference(held.begin(), held.end(), wanted.begin(), wanted.end(), std::back_inserter(leaves));
    }
    if (output()) {
      std::set<int64_t>& touched = touched_below_[place];
      for (const int64_t element : arrives)
        if (!touched.insert(element).second || !rules_.zero_first_reads) ++at(child_).fills;
      if (rules_.read_when_evicted) at(child_).reads += static_cast<int64_t>(leaves.size());
    } else {
      at(child_).fills += static_cast<int64_t>(arrives.size());
    }
    if (!arrives.empty()) coming[place] = arrives;
    if (!leaves.empty()) going[place] = leaves;
    tiles_[place] = wanted;
  }

  // What crosses the fan-outs in one step: at each level's nodes, an element once for all children that share.
  void cross(const std::map<Digits, Elements>& traffic) {
    std::set<std::pair<Digits, int64_t>> below;
    for (std::size_t level = child_ + 1; level-- > parent_;) {
      std::set<std::pair<Digits, int64_t>> here;
      for (const auto& [place, elements] : traffic) {
        Digits key;
        for (std::size_t i = 0; i < space_.size(); ++i) {
          const Fanout& fanout = accelerator_.levels[space_[i].level].fanout;
          const bool shares = output() ? fanout.reduction : fanout.multicast;
          if (space_[i].level < level || !shares) key.push_back(place[i]);
        }
        for (const int64_t element : elements) here.insert({key, element});
      }
      if (level < child_) {
        at(level).sent += static_cast<int64_t>(here.size());
        at(level).delivered += static_cast<int64_t>(below.size());
      }
      below = std::move(here);
    }
    if (!output()) {
      at(parent_).reads += static_cast<int64_t>(below.size());
      return;
    }
    at(parent_).updates += static_cast<int64_t>(below.size());
    for (const auto& [key, element] : below) {
      Digits instance;  // the parent's own place: the first digits of the key
      for (const Loop& loop : space_)
        if (loop.level < parent_) instance.push_back(key[instance.size()]);
      if (touched_above_.insert({instance, element}).second && rules_.zero_first_reads) continue;
      ++at(parent_).reads;
      ++at(parent_).reductions;
    }
  }

  Elements elements(const Digits& now, const Digits& place) const {
    std::vector<int64_t> outside(workload_.dimensions.size(), 0);
    for (std::size_t i = 0; i < time_.size(); ++i) outside[time_[i].dimension] += now[i] * time_[i].step;
    for (std::size_t i = 0; i < space_.size(); ++i) outside[space_[i].dimension] += place[i] * space_[i].step;
    Elements result;
    for (std::size_t d = 0; d < outside.size(); ++d)
      if (outside[d] >= workload_.dimensions[d].size) return result;
    odometer(inside_, [&](const Digits& digits) {
      std::vector<int64_t> point = outside;
      for (std::size_t i = 0; i < inside_.size(); ++i) point[inside_[i].dimension] += digits[i] * inside_[i].step;
      for (std::size_t d = 0; d < point.size(); ++d)
        if (point[d] >= workload_.dimensions[d].size) return;
      result.push_back(code(point));
    });
    std::sort(result.begin(), result.end());
    result.erase(std::unique(result.begin(), result.end()), result.end());
    return result;
  }

  int64_t code(const std::vector<int64_t>& point) const {
    int64_t result = 0;
    for (std::size_t axis = 0; axis < described_.axes.size(); ++axis) {
      int64_t value = 0;
      for (const ProjectionTerm& term : described_.axes[axis].terms)
        value += term.coefficient * point[static_cast<std::size_t>(term.dimension)];
      result = result * extents_[axis] + value;
    }
    return result;
  }

  int axes_that_differ(const Elements& a, const Elements& b) const {
    if (a == b) return 0;
    std::vector<std::set<int64_t>> of_a(extents_.size()), of_b(extents_.size());
    const auto take_apart = [&](int64_t element, std::vector<std::set<int64_t>>& axes) {
      for (std::size_t axis = extents_.size(); axis-- > 0;) {
        axes[axis].insert(element % extents_[axis]);
        element /= extents_[axis];
      }
    };
    for (const int64_t element : a) take_apart(element, of_a);
    for (const int64_t element : b) take_apart(element, of_b);
    int result = 0;
    for (std::size_t axis = 0; axis < extents_.size(); ++axis) result += of_a[axis] != of_b[axis];
    return result;
  }

  void largest_parent_tile() {
    std::vector<Loop> time, space;
    time_.swap(time);
    space_.swap(space);
    std::vector<Loop> inside;
    inside_.swap(inside);
    for (const Loop& loop : loops_) (loop.level >= parent_ ? inside_ : loop.spatial ? space_ : time_).push_back(loop);
    odometer(time_, [&](const Digits& now) {
      odometer(space_, [&](const Digits& place) {
        at(parent_).tile_elements =
            std::max(at(parent_).tile_elements, static_cast<int64_t>(elements(now, place).size()));
      });
    });
  }

  const Workload& workload_;
  const AcceleratorDescription& accelerator_;
  const Mapping& mapping_;
  const std::vector<Loop>& loops_;
  const CountingRules& rules_;
  std::size_t tensor_;
  const WorkloadTensor& described_;
  SimulatedCost& result_;
  std::vector<int64_t> extents_;
  std::size_t parent_ = 0, child_ = 0;
  std::vector<Loop> time_, space_, inside_;
  std::map<Digits, Elements> tiles_;  // by place of the child
  std::map<Digits, std::set<int64_t>> touched_below_;
  std::set<std::pair<Digits, int64_t>> touched_above_;
};

// Loops with their steps, the outermost first.
std::vector<Loop> all_loops(const Workload& workload, const Mapping& mapping) {
  std::vector<Loop> loops;
  for (std::size_t level = 0; level < mapping.levels.size(); ++level)
    for (const MappedLoop& loop : mapping.levels[level].loops)
      loops.push_back({static_cast<std::size_t>(loop.dimension), level, loop.kind != LoopKind::temporal, loop.factor});
  std::vector<int64_t> inside(workload.dimensions.size(), 1);
  for (std::size_t i = loops.size(); i-- > 0;) {
    loops[i].step = inside[loops[i].dimension];
    inside[loops[i].dimension] *= loops[i].factor;
  }
  return loops;
}

void count_points(const Workload& workload, const std::vector<Loop>& loops, SimulatedCost& result) {
  std::set<Digits> steps, units;
  std::vector<std::set<Digits>> instances(result.levels.size());
  odometer(loops, [&](const Digits& digits) {
    std::vector<int64_t> point(workload.dimensions.size(), 0);
    Digits time, space;
    for (std::size_t i = 0; i < loops.size(); ++i) {
      point[loops[i].dimension] += digits[i] * loops[i].step;
      (loops[i].spatial ? space : time).push_back(digits[i]);
    }
    for (std::size_t d = 0; d < point.size(); ++d)
      if (point[d] >= workload.dimensions[d].size) return;
    ++result.multiply_accumulates;
    steps.insert(time);
    units.insert(space);
    for (std::size_t level = 0; level < result.levels.size(); ++level) {
      Digits place;
      for (std::size_t i = 0; i < loops.size(); ++i)
        if (loops[i].spatial && loops[i].level < level) place.push_back(digits[i]);
      instances[level].insert(place);
    }
  });
  result.steps = static_cast<int64_t>(steps.size());
  result.units_used = static_cast<int64_t>(units.size());
  for (std::size_t level = 0; level < result.levels.size(); ++level)
    result.levels[level].instances = static_cast<int64_t>(instances[level].size());
}

}  // namespace

SimulatedCost simulate_mapping(const Workload& workload, const AcceleratorDescription& accelerator,
                               const Mapping& mapping, const CountingRules& rules) {
  NACRE_CHECK(rules.exact_windows && (rules.halos == HaloRule::kept || rules.halos == HaloRule::discarded),
              "the simulation does not know this rule");
  check_mapping(workload, accelerator, mapping);
  SimulatedCost result;
  result.levels.resize(mapping.levels.size());
  for (SimulatedLevel& level : result.levels) level.tensors.resize(workload.tensors.size());
  const std::vector<Loop> loops = all_loops(workload, mapping);
  count_points(workload, loops, result);
  for (std::size_t tensor = 0; tensor < workload.tensors.size(); ++tensor)
    TensorWalk(workload, accelerator, mapping, loops, rules, tensor, result).run();
  return result;
}

}  // namespace nacre
