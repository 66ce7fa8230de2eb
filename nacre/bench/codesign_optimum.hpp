// The best a co-design on tables can find, by exhaustion: networks of every task from a published table, every accelerator of the
// budget, the costs of the search itself.
//
// Pairs of networks are taken in the order of their quality; the first one with an accelerator that keeps the limits is the optimum.
// Accelerators that cannot are passed over without scheduling by bounds from below that hold for any assignment and order:
//   energy     each layer where it costs least
//   makespan   of two sub-accelerators, for every l in [0, 1]: l load_1 + (1 - l) load_2 >= sum over layers of min(l c_1, (1 - l) c_2)
//   both       the same sum with energies added under a multiplier (Lagrangian)
//   chain      the longest path of a network, each layer where it is quickest
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nacre/run/codesign/costs.hpp"
#include "nacre/run/codesign/plan.hpp"

namespace nacre {

// Of one task: the networks of its table, best first.
struct TableNetworks {
  std::vector<Decisions> networks;
  std::vector<double> qualities;
};

// UserError for a task whose evaluator is no table.
TableNetworks table_networks(const CodesignTask& task);

// Limits at `factor` times what the best networks of all tasks reach: the least latency of any accelerator of the budget, the least
// energy of any, and the area of the one with that latency. By construction these networks keep neither.
std::vector<Limit> limits_below_the_best(const CodesignPlan& plan, double factor);

struct CodesignOptimum {
  double quality = 0;
  std::vector<Decisions> networks;
  HeterogeneousAccelerator accelerator;
  DesignCost cost;
  int64_t pairs = 0;      // classes of networks looked at
  int64_t scheduled = 0;  // designs that no bound ruled out
};

// For one or two instances and two tasks. Nothing: no design keeps the limits. Throws Interrupted.
std::optional<CodesignOptimum> codesign_optimum(const CodesignPlan& plan, CodesignCosts& costs,
                                                const std::vector<TableNetworks>& tables,
                                                const std::function<bool()>& interrupted);

}  // namespace nacre
