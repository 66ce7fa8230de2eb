// The set of mappings that a mapper chooses from: which tensors each level keeps, the factors of every dimension at every level
// in time and in space, the order of the loops of each level. Constraints narrow it, as Timeloop's do.
//
// One dimension's factors are a chain over slots, from the innermost outward:
//
//   space below level n-1 | time of level n-1 | space below level n-2 | ... | space below level 0 | time of level 0
//
// The last slot takes what is left. Exact factors multiply to the dimension's size. Uneven ones cover it: of all factors that
// take the same number of steps the smallest is meant (of 10 in 2 steps: 5, never 6 to 9), so that a chain is a sequence of
// numbers of steps, and exact chains are among them. A level that keeps nothing has no loops in time, unless they are pinned: it
// has no tile that they could advance. What no tensor may keep at a level is its bypass.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nacre/base/count.hpp"
#include "nacre/hw/loopnest/mapping.hpp"

namespace nacre {

enum class FactorRule { exact, uneven };

// What is fixed at one level. Names are the workload's; whatever is left out is free.
struct LevelConstraint {
  std::string level;
  std::map<std::string, int64_t> temporal = {};  // factor by dimension; 0: all that the other pinned factors leave
  std::map<std::string, int64_t> spatial = {};
  std::map<std::string, LoopKind> axis = {};  // spatial_x or spatial_y: the only axis where the dimension may be spread
  std::vector<std::string> order = {};  // of the loops in time, from outer to inner: all dimensions, or none for free
  std::vector<std::string> keep = {};   // tensors
  std::vector<std::string> bypass = {};
};

struct MappingConstraints {
  FactorRule factors = FactorRule::uneven;
  bool free_bypass = true;  // false: a level keeps what it may hold, unless `bypass` says otherwise
  std::vector<LevelConstraint> levels = {};
};

// One place of a chain of factors.
struct FactorSlot {
  std::size_t level = 0;
  bool spatial = false;
};

// Constraints resolved against a workload and an accelerator.
class Mapspace {
 public:
  // UserError: names that do not exist, factors that do not divide (exact) or exceed, a keep that the level cannot hold.
  Mapspace(const Workload& workload, const AcceleratorDescription& accelerator, const MappingConstraints& constraints);

  const Workload& workload() const { return workload_; }
  const AcceleratorDescription& accelerator() const { return accelerator_; }
  FactorRule rule() const { return constraints_.factors; }

  // keeps[level][tensor], outermost first; every combination that the constraints allow. The outermost level keeps all.
  using KeepPattern = std::vector<std::vector<bool>>;
  std::vector<KeepPattern> keep_patterns() const;

  // From the innermost outward; the last is the time of level 0.
  std::vector<FactorSlot> slots(const KeepPattern& keeps) const;
  // Factors that a slot offers a dimension of which `steps` are left; for the last slot: `steps` only. Ascending. `fitting`: without
  // those that exceed the fan-out.
  std::vector<int64_t> factors(const FactorSlot& slot, std::size_t dimension, int64_t steps, bool last,
                               bool fitting = true) const;
  // Of one instance of a level, along one axis; the lanes of a multiplier lie along x.
  int64_t children(std::size_t level, LoopKind axis) const;
  // May `dimension` be spread along x, along y?
  bool may_spread(std::size_t level, std::size_t dimension, LoopKind axis) const;
  // The pinned order of a level's loops in time, from outer to inner; empty: free.
  const std::vector<int>& order(std::size_t level) const { return orders_[level]; }
  // Whether spatial factors (by dimension) fit the fan-out of a level; `x` receives the part along x where it is not null.
  bool packs(std::size_t level, const std::vector<int64_t>& factors, std::vector<int64_t>* x = nullptr) const;

  // Chains of one dimension, and products over all of them: every choice of factors, whether it fits or not, as Timeloop counts.
  Count chains(const KeepPattern& keeps, std::size_t dimension) const;
  Count factorizations(const KeepPattern& keeps) const;
  // Factors, orders and bypasses together.
  Count size() const;

 private:
  Workload workload_;
  AcceleratorDescription accelerator_;
  MappingConstraints constraints_;
  // By level and dimension; -1 is free.
  std::vector<std::vector<int64_t>> temporal_;
  std::vector<std::vector<int64_t>> spatial_;
  std::vector<std::vector<int>> axis_;  // 0 both, 1 x, 2 y
  std::vector<std::vector<int>> orders_;
  std::vector<std::vector<int>> keep_;  // 0 bypasses, 1 keeps, 2 free
};

// All x with ceil(steps / x) different: the smallest of each; ascending from 1 to `steps`.
std::vector<int64_t> smallest_factors(int64_t steps);
std::vector<int64_t> divisors(int64_t number);

}  // namespace nacre
