// An accelerator of several template instances as decisions: dataflow, processing elements and bandwidth of each, within what
// they share (Yang et al., "Co-Exploration of Neural Architectures and Heterogeneous ASIC Accelerator Designs Targeting Multiple
// Tasks", DAC 2020, section 3).
//
// The decisions of an instance do not depend on those of another, so that every strategy can draw, mutate and cross them over. What
// an instance asks for beyond the rest of the budget it does not get; several decision sets are therefore one accelerator, which
// has one `identity`. A strategy that draws step by step can keep within the budget by itself (`budgets`).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/design/candidate.hpp"
#include "nacre/design/sub_accelerator.hpp"
#include "nacre/search/sum_budget.hpp"
#include "nacre/space/trace_builder.hpp"

namespace nacre {

struct HardwareBudget {
  int64_t instances = 2;
  std::vector<std::string> dataflows = {"dla", "shi", "rs"};  // names of templates, different
  int64_t pe = 4096;                                          // of all instances together
  int64_t pe_step = 32;
  int64_t bandwidth_gb_per_s = 64;  // of all instances together
  int64_t bandwidth_step_gb_per_s = 8;
};

class HardwareDecisions {
 public:
  // `scope`: what the keys begin with. UserError for steps that are not positive or beyond the budget, no dataflow, no instance.
  HardwareDecisions(HardwareBudget budget, std::string scope);

  const HardwareBudget& budget() const { return budget_; }
  const std::string& scope() const { return scope_; }
  int32_t add_to(TraceBuilder& builder) const;  // a node that decides all of them

  // Of complete decisions (others among them are passed over), within the budget; the first instance is always used.
  HeterogeneousAccelerator accelerator(const Decisions& decisions) const;
  // One form of accelerators that cost the same: the instances that are used, in one order.
  static HeterogeneousAccelerator canonical(const HeterogeneousAccelerator& accelerator);
  // Equal for equal canonical forms.
  static Hash128 identity(const HeterogeneousAccelerator& accelerator);
  // The decisions that give this accelerator. UserError for one that the budget or its steps do not allow.
  std::vector<Decision> decisions_of(const HeterogeneousAccelerator& accelerator) const;

  std::vector<SumBudget> budgets() const;

 private:
  std::string key(int64_t instance, const char* what) const;
  std::vector<int64_t> amounts(int64_t instance, int64_t budget, int64_t step) const;

  HardwareBudget budget_;
  std::string scope_;
};

}  // namespace nacre
