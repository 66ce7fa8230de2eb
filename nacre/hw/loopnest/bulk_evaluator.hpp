// One order of loops, many bounds: what does not depend on the bounds is derived once, then eight mappings (or eight layers under one
// dataflow) are counted at a time, as vectors. Bounds are taken to divide: a layer whose sizes they exceed is counted as padded to
// their products, so its cycles are right and its traffic an upper bound; where they do divide, all is equal to `evaluate_mapping`.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "nacre/hw/loopnest/nest_evaluator.hpp"

namespace nacre {

struct BulkCost {
  double cycles = 0;
  double compute_cycles = 0;
  double energy_j = 0;  // meaningless where not known
  bool energy_known = true;
  bool fits = true;
};

class BulkEvaluator {
 public:
  // `loops`: levels, order, kinds and kept tensors count, bounds do not; `workload`: its sizes do not. UserError as of
  // check_mapping, and for what has no vector form: windows of more than two terms, windows on outputs, more than two fan-out loops
  // along a window between two levels that keep the tensor (as Timeloop counts: of one level).
  BulkEvaluator(const Workload& workload, const AcceleratorDescription& accelerator, const Mapping& loops,
                const CountingRules& rules = {});

  int loop_count() const { return static_cast<int>(loops_.size()); }  // from the outermost level in, as in `loops`
  int dimension_count() const { return static_cast<int>(workload_.dimensions.size()); }

  // `bounds`: results.size() rows of loop_count(), each at least 1. `coefficients`: as many rows of dimension_count(), the factor
  // of a dimension within its window (stride, dilation), at least 1; empty: those of the workload.
  void evaluate(std::span<const int64_t> bounds, std::span<const int64_t> coefficients,
                std::span<BulkCost> results) const;

  double rate() const { return single_.rate(); }

  struct Loop {
    int dimension;
    int level;
    bool spatial;
    bool along_x;
  };
  // The nodes of one level between a kept one and the next.
  struct Node {
    int level;
    std::vector<int> labels;                    // fan-out loops whose children count apart
    std::vector<std::array<int, 2>> spread;     // by axis: the fan-out loops along a window; -1: none
    std::vector<int> absent_labels;             // of those labels, along dimensions that the tensor lacks
    std::vector<int> all_absent_labels_parent;  // the same where all children share
  };
  struct Boundary {
    int tensor;
    int parent;
    int child;  // levels: the multipliers
    bool inner_kept;
    std::vector<Node> nodes;  // of levels parent .. child
  };

 private:
  Workload workload_;
  AcceleratorDescription accelerator_;
  Mapping mapping_;
  CountingRules rules_;
  NestEvaluator single_;  // constants of energy; lanes that need sets
  TrafficCounter counter_;
  std::vector<Loop> loops_;
  std::vector<int> level_end_;  // loops of the levels up to and with one
  std::vector<Boundary> boundaries_;

  friend struct BulkKernel;
  void evaluate_alone(std::span<const int64_t> bounds, std::span<const int64_t> coefficients, BulkCost& result) const;
};

}  // namespace nacre
