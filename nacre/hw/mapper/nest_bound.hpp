// Lower bounds on the cost of all mappings that share some choices: which tensors are kept where, what the order of each level's
// loops is like, and the factors of the inner slots. Factors are chosen from the innermost slot outward.
//
// Why they hold. Let b be the tile of tensor T that level c holds, N_d = ceil(D_d / t_d) the number of such tiles along dimension d.
//  1. Elements that reach level c: sum over its tiles of their size, times, for each dimension that T lacks, the number of
//     iterations outside the tile, save those of the innermost loops that T lacks (the run): during these the tile stays. The sum
//     over a plain axis is the axis itself, whatever the tiles; over a window it is counted from full and last tiles, less the most
//     that may overlap when the tile slides along one axis. Both depend on the inner slots only.
//  2. The run ends at the first loop that T has. As long as it is not known where, all loops outside that T lacks are taken to be
//     in it; a level whose order begins (from inside) with a class of dimensions that T has ends it there, since of that class one
//     factor at least exceeds 1 (else another order of the list is meant). So more choices never lower the bound.
//     Uneven factors: in the last, shorter pass a loop may have a single step and not end the run. The share of the tensor that lies
//     there counts once. Windows: the overlap is taken at its most; where both dimensions of a window have loops outside the tile,
//     whose shifts may cancel, every element counts once.
//  3. What a fan-out can merge (multicast, reduction) is divided by all children that are not yet placed.
//  4. Of tiles that are not chosen yet the best is taken: for each level by itself, the minimum of 1. over all tiles that fit in it,
//     given the factors of the level that are chosen (a table that is filled on demand).
//  5. Cycles: iterations of the busiest multiplier (the inner slots tell), by all multipliers not yet placed; and what 1. to 3. move
//     by the bandwidth of all instances.
//  6. Where every dimension is lacking in one tensor at most, children are divided: what several share of one tensor, they do not
//     share of another, so the product of all shares is at most the number of children. Spreading what outputs lack either merges
//     partial sums on the way (fewer updates) or begins sums of their own (fewer come back); for every number of children that do so
//     the others get what is left, and the best number is taken.
//  7. Wires of a fan-out carry what reaches its children: only fan-outs further in lessen it.
// Energy is a sum of these with coefficients that are not negative, so the bound of a product is the product of the bounds.
//
// Orders: with halos aside only the run matters, so of all orders of a level those are kept that put one class of dimensions (those
// that the same tensors have) innermost; of a class with windows each of its windowed dimensions in turn is the innermost.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "nacre/hw/loopnest/nest_evaluator.hpp"
#include "nacre/hw/mapper/mapspace.hpp"

namespace nacre {

inline constexpr int kMaximumSlots = 2 * kMaximumMemoryLevels;

// The order of one level's loops in time, as far as it matters.
struct OrderChoice {
  std::vector<int> order;   // from outer to inner, all dimensions
  uint32_t nontrivial = 0;  // one of these dimensions has a factor above 1; 0: nothing is known
  uint32_t trivial = 0;     // these have factor 1
};

struct BoundValue {
  double energy_j = 0;
  double cycles = 0;
};

class NestBound {
 public:
  // Minima of levels, shared by the patterns of one space, rules and search.
  using Minima = std::unordered_map<std::string, double>;

  NestBound(const Mapspace& space, const CountingRules& rules, const Mapspace::KeepPattern& keeps,
            std::shared_ptr<Minima> minima = std::make_shared<Minima>());

  int slot_count() const { return int(slots_.size()); }
  const FactorSlot& slot(int k) const { return slots_[std::size_t(k)]; }
  // What may be chosen for the order of a slot in time.
  std::vector<OrderChoice> order_choices(int slot) const;

  // One choice for every slot (those in space are ignored), then factors from slot 0 on.
  void begin(const std::vector<OrderChoice>& orders);
  void begin_slot(int slot);
  void assign(int slot, int dimension, int64_t factor);
  void retract(int slot, int dimension);
  // All dimensions of the slot are assigned. False: a tile does not fit. Undone by `reopen_slot`.
  bool end_slot(int slot);
  void reopen_slot(int slot);
  // Could the tile of the slot's level still fit? (Dimensions not assigned count as they are.)
  bool may_fit(int slot) const;
  // Are enough steps left for the slots further out that need a factor above 1?
  bool may_complete() const;

  int64_t steps(int slot, int dimension) const { return steps_[std::size_t(slot)][std::size_t(dimension)]; }
  int64_t factor(int slot, int dimension) const { return factor_[std::size_t(slot)][std::size_t(dimension)]; }
  // Of everything that the present choices leave open. With `orders` only: the bound of all of them.
  BoundValue bound();
  // The mapping, when all slots have ended.
  Mapping mapping(const std::vector<OrderChoice>& orders) const;

 private:
  struct Term {
    int dimension;
    int64_t coefficient;
  };
  struct Interface {
    int tensor = 0;
    int child = 0;  // level, or the number of levels: the multipliers
    int parent = 0;
    int boundary = 0;  // slots inside the tile
    bool output = false;
    bool window_output = false;
    uint32_t merging = 0;  // slots in space whose children share
    double bits = 0, partial_bits = 0;
    // Joules per bit: of elements that arrive at the child, that leave the parent; of those, for outputs, what comes back.
    double arrive = 0, leave = 0, arrive_back = 0, leave_back = 0;
    int close_static = 0;
  };
  struct Counts {  // of one interface
    std::array<double, kMaximumLoopDimensions> arriving, leaving, child_instances, parent_instances;
  };
  struct Axis {
    std::vector<Term> terms;
  };

  int64_t elements(const Axis& axis, const std::array<int64_t, kMaximumLoopDimensions>& extents) const;
  int64_t touched(const Axis& axis, const std::array<int64_t, kMaximumLoopDimensions>& extents) const;
  int64_t overlap(const Axis& axis, const std::array<int64_t, kMaximumLoopDimensions>& extents, int64_t shift) const;
  void refresh(int dimension);
  void refresh(int interface, int dimension);
  double arriving_elements(int interface, bool leaving) const;
  bool spread(const Interface& at, int slot, int dimension) const;
  double less_remainders(const Interface& at, int interface, double elements) const;
  double window_sum(const Interface& at, int interface, const Axis& axis, bool merged, int slide, double repeats) const;
  uint32_t slide_dimensions(const Interface& at, int interface) const;
  bool may_be_open(int interface, int upto) const;
  int64_t tile_elements(int tensor, const int64_t* tile) const;
  double level_minimum(int level, uint32_t assigned);
  double tile_cost(int level, const std::array<int64_t, kMaximumLoopDimensions>& tiles, uint32_t open) const;

  const Mapspace& space_;
  const Workload& workload_;
  const AcceleratorDescription& accelerator_;
  CountingRules rules_;
  Mapspace::KeepPattern keeps_;
  int dimensions_ = 0;
  bool exclusive_ = true;  // every dimension is shared by one tensor at most
  std::vector<FactorSlot> slots_;
  std::vector<int> boundary_of_level_;  // slots inside the tile of a level
  std::vector<uint32_t> relevant_;      // by tensor, dimensions as bits
  std::vector<std::vector<Axis>> axes_;
  std::vector<double> tensor_elements_;
  std::vector<Interface> interfaces_;
  std::vector<Counts> counts_;
  double base_energy_ = 0, leakage_w_ = 0;
  double rate_ = 1;
  double units_ = 1;

  std::vector<OrderChoice> orders_;
  std::array<std::array<int64_t, kMaximumLoopDimensions>, kMaximumSlots + 1> steps_, tile_;  // before each slot
  std::array<std::array<int64_t, kMaximumLoopDimensions>, kMaximumSlots> factor_;
  std::array<int, kMaximumLoopDimensions> upto_;  // slots assigned
  std::array<int, kMaximumMemoryLevels * kMaximumWorkloadTensors> close_, close_before_;
  std::array<uint32_t, kMaximumMemoryLevels * kMaximumWorkloadTensors> run_;  // in the closing slot: dimensions inside
  std::array<std::array<int, kMaximumMemoryLevels * kMaximumWorkloadTensors>, kMaximumSlots> saved_close_;
  std::array<std::array<uint32_t, kMaximumMemoryLevels * kMaximumWorkloadTensors>, kMaximumSlots> saved_run_;
  std::array<double, kMaximumLoopDimensions> busy_;  // iterations of the busiest multiplier
  int current_slot_ = 0;
  int ended_slots_ = 0;
  std::shared_ptr<Minima> minima_;
  std::vector<std::vector<int64_t>> candidate_tiles_;  // by dimension, descending in steps
};

}  // namespace nacre
