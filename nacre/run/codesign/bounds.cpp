#include "nacre/run/codesign/bounds.hpp"

#include <algorithm>

#include "nacre/hw/counted_cost.hpp"

namespace nacre {
namespace {

constexpr int kStarts = 3;

double macs_of(const Space& space, const Decisions& decisions) {
  if (const std::optional<NetworkSummary> known = space.summarize(decisions)) return static_cast<double>(known->macs);
  return metric_value(counted_cost(space.build(decisions), {}).totals, "macs").value_or(0);
}

}  // namespace

Decisions largest_network(const Space& space, uint64_t seed) {
  Random random = Random::stream(seed, "largest network");
  Decisions largest;
  double most = -1;
  for (int start = 0; start < kStarts; ++start) {
    Decisions now = space.trace().sample(random);
    double macs = macs_of(space, now);
    for (bool grew = true; grew;) {
      grew = false;
      for (Decisions& neighbor : space.trace().neighbors(now, random)) {
        const double other = macs_of(space, neighbor);
        if (other <= macs) continue;
        now = std::move(neighbor);
        macs = other;
        grew = true;
        break;
      }
    }
    if (macs <= most) continue;
    most = macs;
    largest = std::move(now);
  }
  return largest;
}

HeterogeneousAccelerator whole_budget_accelerator(const HardwareDecisions& hardware, Random& random) {
  const HardwareBudget& budget = hardware.budget();
  // Of each resource every instance gets at random of what is left, at least a step for those to come; the last one the rest.
  const auto shares = [&](int64_t whole, int64_t step) {
    std::vector<int64_t> parts;
    int64_t left = whole / step;
    const int64_t used = std::min(budget.instances, left);
    for (int64_t i = 0; i < budget.instances; ++i) {
      const int64_t to_come = std::max<int64_t>(0, used - i - 1);
      const int64_t most = left - to_come;
      const int64_t part =
          i + 1 >= used ? (i < used ? left : 0) : 1 + static_cast<int64_t>(random.below(static_cast<size_t>(most)));
      parts.push_back(part * step);
      left -= part;
    }
    return parts;
  };
  const std::vector<int64_t> pe = shares(budget.pe, budget.pe_step);
  const std::vector<int64_t> bandwidth = shares(budget.bandwidth_gb_per_s, budget.bandwidth_step_gb_per_s);
  HeterogeneousAccelerator accelerator;
  for (size_t i = 0; i < pe.size(); ++i)
    accelerator.push_back(
        {budget.dataflows[random.below(budget.dataflows.size())], pe[i], static_cast<double>(bandwidth[i])});
  return accelerator;
}

DesignCost cost_bounds(CodesignCosts& costs, const JointSpace& space, int64_t designs, uint64_t seed) {
  std::vector<size_t> classes;
  for (size_t i = 0; i < space.parts().size(); ++i)
    classes.push_back(costs.class_of(i, largest_network(*space.parts()[i].space, seed)));
  DesignCost worst;
  Random random = Random::stream(seed, "bounds");
  for (int64_t i = 0; i < designs; ++i) {
    const DesignCost cost = costs.cost(classes, whole_budget_accelerator(space.hardware(), random));
    worst.latency_s = std::max(worst.latency_s, cost.latency_s);
    worst.energy_j = std::max(worst.energy_j, cost.energy_j);
    worst.area_mm2 = std::max(worst.area_mm2, cost.area_mm2);
  }
  return worst;
}

}  // namespace nacre
