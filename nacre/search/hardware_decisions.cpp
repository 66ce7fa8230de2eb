#include "nacre/search/hardware_decisions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>

#include "nacre/base/error.hpp"

namespace nacre {

HardwareDecisions::HardwareDecisions(HardwareBudget budget, std::string scope)
    : budget_(std::move(budget)), scope_(std::move(scope)) {
  if (budget_.instances < 1) throw UserError("expected at least one sub-accelerator");
  if (budget_.dataflows.empty()) throw UserError("expected at least one dataflow");
  if (budget_.pe_step < 1 || budget_.pe < budget_.pe_step)
    throw UserError(fmt::format("expected steps of processing elements from 1 to the budget of {}, found {}",
                                budget_.pe, budget_.pe_step));
  if (budget_.bandwidth_step_gb_per_s < 1 || budget_.bandwidth_gb_per_s < budget_.bandwidth_step_gb_per_s)
    throw UserError(fmt::format("expected steps of bandwidth from 1 to the budget of {} GB/s, found {}",
                                budget_.bandwidth_gb_per_s, budget_.bandwidth_step_gb_per_s));
}

std::string HardwareDecisions::key(int64_t instance, const char* what) const {
  return fmt::format("{}/{}/{}", scope_, instance, what);
}

// The first instance has at least a step, so that there is an accelerator at all; any other may be left out.
std::vector<int64_t> HardwareDecisions::amounts(int64_t instance, int64_t budget, int64_t step) const {
  std::vector<int64_t> all;
  for (int64_t amount = instance == 0 ? step : 0; amount <= (instance == 0 ? budget : budget - step); amount += step)
    all.push_back(amount);
  return all;
}

int32_t HardwareDecisions::add_to(TraceBuilder& builder) const {
  std::vector<int32_t> parts;
  const auto add = [&](const std::string& key, const Alternatives& alternatives) {
    if (alternatives.count < 2) return;
    parts.push_back(builder.decide(builder.declare(key, alternatives),
                                   std::vector<int32_t>(static_cast<size_t>(alternatives.count), builder.nothing())));
  };
  for (int64_t i = 0; i < budget_.instances; ++i) {
    add(key(i, "dataflow"),
        {.kind = DecisionKind::word, .count = std::ssize(budget_.dataflows), .words = budget_.dataflows});
    const std::vector<int64_t> pe = amounts(i, budget_.pe, budget_.pe_step);
    add(key(i, "pe"), {.kind = DecisionKind::number, .count = std::ssize(pe), .integers = pe});
    const std::vector<int64_t> bandwidth = amounts(i, budget_.bandwidth_gb_per_s, budget_.bandwidth_step_gb_per_s);
    add(key(i, "bandwidth"), {.kind = DecisionKind::number, .count = std::ssize(bandwidth), .integers = bandwidth});
  }
  return builder.all(parts);
}

HeterogeneousAccelerator HardwareDecisions::accelerator(const Decisions& decisions) const {
  const auto chosen = [&](int64_t instance, const char* what) {
    const int64_t* const index = decisions.find(key(instance, what));
    return index == nullptr ? size_t{0} : static_cast<size_t>(*index);
  };
  HeterogeneousAccelerator accelerator;
  int64_t pe_left = budget_.pe, bandwidth_left = budget_.bandwidth_gb_per_s;
  for (int64_t i = 0; i < budget_.instances; ++i) {
    SubAccelerator instance;
    instance.dataflow = budget_.dataflows.at(chosen(i, "dataflow"));
    instance.pe = std::min(pe_left, amounts(i, budget_.pe, budget_.pe_step).at(chosen(i, "pe")));
    const int64_t bandwidth =
        std::min(bandwidth_left,
                 amounts(i, budget_.bandwidth_gb_per_s, budget_.bandwidth_step_gb_per_s).at(chosen(i, "bandwidth")));
    instance.bandwidth_gb_per_s = static_cast<double>(bandwidth);
    pe_left -= instance.pe;
    bandwidth_left -= bandwidth;
    accelerator.push_back(std::move(instance));
  }
  return accelerator;
}

HeterogeneousAccelerator HardwareDecisions::canonical(const HeterogeneousAccelerator& accelerator) {
  HeterogeneousAccelerator used;
  std::ranges::copy_if(accelerator, std::back_inserter(used), [](const SubAccelerator& one) { return one.used(); });
  std::ranges::sort(used, {},
                    [](const SubAccelerator& one) { return std::tuple(one.dataflow, one.pe, one.bandwidth_gb_per_s); });
  return used;
}

Hash128 HardwareDecisions::identity(const HeterogeneousAccelerator& accelerator) {
  std::string text;
  for (const SubAccelerator& one : canonical(accelerator))
    text += fmt::format("{} {} {};", one.dataflow, one.pe, one.bandwidth_gb_per_s);
  return hash_text(text);
}

std::vector<Decision> HardwareDecisions::decisions_of(const HeterogeneousAccelerator& accelerator) const {
  if (std::ssize(accelerator) != budget_.instances)
    throw UserError(fmt::format("expected {} sub-accelerators, found {}", budget_.instances, accelerator.size()));
  std::vector<Decision> decisions;
  const auto add = [&](int64_t i, const char* what, const auto& all, const auto& value) {
    const auto found = std::ranges::find(all, value);
    if (found == std::ranges::end(all))
      throw UserError(fmt::format("{}: {} is none of the alternatives", key(i, what), value));
    if (std::ranges::size(all) > 1) decisions.push_back({key(i, what), std::ranges::distance(all.begin(), found)});
  };
  for (int64_t i = 0; i < budget_.instances; ++i) {
    const SubAccelerator& instance = accelerator[static_cast<size_t>(i)];
    add(i, "dataflow", budget_.dataflows, instance.dataflow);
    add(i, "pe", amounts(i, budget_.pe, budget_.pe_step), instance.pe);
    add(i, "bandwidth", amounts(i, budget_.bandwidth_gb_per_s, budget_.bandwidth_step_gb_per_s),
        static_cast<int64_t>(instance.bandwidth_gb_per_s));
  }
  return decisions;
}

std::vector<SumBudget> HardwareDecisions::budgets() const {
  SumBudget pe{.keys = {}, .limit = static_cast<double>(budget_.pe)};
  SumBudget bandwidth{.keys = {}, .limit = static_cast<double>(budget_.bandwidth_gb_per_s)};
  for (int64_t i = 0; i < budget_.instances; ++i) {
    pe.keys.push_back(key(i, "pe"));
    bandwidth.keys.push_back(key(i, "bandwidth"));
  }
  return {pe, bandwidth};
}

}  // namespace nacre
