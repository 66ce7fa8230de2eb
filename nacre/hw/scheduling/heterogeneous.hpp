// Networks on an accelerator of several template instances: costs of every layer on every instance, and the schedule.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nacre/base/config.hpp"
#include "nacre/design/sub_accelerator.hpp"
#include "nacre/hw/accelerator/template_cost.hpp"
#include "nacre/hw/scheduling/network_layers.hpp"
#include "nacre/hw/scheduling/scheduler.hpp"

namespace nacre {

struct HeterogeneousGoal {
  std::optional<double> latency_limit_s = {};  // given: the least energy within it; nothing: the least latency
};

struct HeterogeneousCost {
  double latency_s = 0;
  double energy_j = 0;
  double area_mm2 = 0;
  bool within_latency = true;  // of the goal
  bool proved = false;         // the schedule is the best there is
  ScheduleResult result;
};

// Networks that share an accelerator; one accelerator after the other is tried on them.
class HeterogeneousModel {
 public:
  HeterogeneousModel(std::vector<NetworkLayers> networks, TemplateConstants constants);

  const std::vector<NetworkLayers>& networks() const { return networks_; }
  const TemplateConstants& constants() const { return constants_; }
  // Cores are the used instances in their order; tasks the layers of all networks, one network after the other. UserError for an
  // accelerator of which no instance is used, or an unknown dataflow.
  SchedulingProblem problem(const HeterogeneousAccelerator& accelerator) const;
  HeterogeneousCost cost(const HeterogeneousAccelerator& accelerator, const HeterogeneousGoal& goal,
                         const ScheduleOptions& options = {}) const;
  double area_mm2(const HeterogeneousAccelerator& accelerator) const;

 private:
  std::vector<NetworkLayers> networks_;
  TemplateConstants constants_;
  std::vector<SchedulingProblem::Task> tasks_;
  std::vector<std::pair<size_t, size_t>> places_;  // by task: network, layer
};

// "dla 576 PEs 56 GB/s".
std::string text_of(const SubAccelerator& instance);
// A list of maps {dataflow, pe, bandwidth_gb_per_s}; UserError with position.
HeterogeneousAccelerator sub_accelerators_from_config(const ConfigNode& node, const std::string& what);

}  // namespace nacre
