// What networks cost together on an accelerator of several template instances, many designs in a row.
//
// Networks whose layers have the same shapes and order cost the same: costs are kept by such classes, so that a table of cells with a
// few hundred classes is searched without costing a class twice on one accelerator.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nacre/design/target.hpp"
#include "nacre/hw/scheduling/heterogeneous.hpp"
#include "nacre/search/joint_space.hpp"

namespace nacre {

struct DesignCost {
  double latency_s = 0, energy_j = 0, area_mm2 = 0;
};

class CodesignCosts {
 public:
  struct Settings {
    TemplateConstants constants = {};
    std::optional<double> latency_limit_s = {};  // as in HeterogeneousGoal
    bool by_shape = true;
  };

  CodesignCosts(std::shared_ptr<const JointSpace> space, Settings settings);

  const Settings& settings() const { return settings_; }
  // Of a task's network, by class; networks of one class have one number, whatever the task.
  size_t class_of(size_t task, const Decisions& network);
  const NetworkLayers& layers_of_class(size_t number) const { return *classes_[number]; }

  DesignCost cost(const std::vector<size_t>& classes, const HeterogeneousAccelerator& accelerator);
  DesignCost cost(const Decisions& joint);
  // With its schedule and the names of its layers.
  struct Scheduled {
    std::shared_ptr<const HeterogeneousModel> model;
    SchedulingProblem problem;
    HeterogeneousCost cost;
  };
  Scheduled scheduled(const Decisions& joint);
  // Different designs that were scheduled.
  int64_t scheduled_designs() const { return static_cast<int64_t>(known_.size()); }

 private:
  NetworkLayers layers(size_t task, const Decisions& network) const;
  const HeterogeneousModel& model(const std::vector<size_t>& classes);
  ScheduleOptions options() const { return {.by_groups = settings_.by_shape}; }
  HeterogeneousGoal goal() const { return {.latency_limit_s = settings_.latency_limit_s}; }

  std::shared_ptr<const JointSpace> space_;
  Settings settings_;
  std::vector<std::shared_ptr<const NetworkLayers>> classes_;
  std::unordered_map<Hash128, size_t> class_by_layers_;
  std::vector<std::unordered_map<Hash128, size_t>> class_by_network_;  // by task
  std::map<std::vector<size_t>, HeterogeneousModel> models_;
  std::unordered_map<Hash128, DesignCost> known_;
};

// Of a design that is nothing but its decisions: latency_s, energy_j, area_mm2.
class CodesignTarget final : public Target {
 public:
  explicit CodesignTarget(std::shared_ptr<CodesignCosts> costs);

  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override;
  std::string identity() const override { return "codesign/1"; }
  bool measures() const override { return false; }
  Cost cost(const Design& design, const Deployment& deployment, const ActivityProfile& activity) override;

 private:
  std::string name_ = "codesign";
  std::shared_ptr<CodesignCosts> costs_;
};

Metrics metrics_of(const DesignCost& cost);

}  // namespace nacre
