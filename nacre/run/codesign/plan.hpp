// From a configuration to a co-design: several tasks, each with its space and evaluator, and one accelerator under limits.
//
//   tasks:      name: {weight, + the sections task, space, evaluator, train of a search}
//   hardware:   instances, dataflows, budgets of processing elements and bandwidth, constants of the templates
//   limits:     latency_s, energy_j, area_mm2
//   search:     strategy + its keys, cost_evaluations, seed, prune_before_training, bounds
//   baselines:  [nas_then_asic, asic_then_nas]
//   output_dir
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nacre/hw/accelerator/template_cost.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/search/joint_space.hpp"
#include "nacre/search/spec_penalty.hpp"

namespace nacre {

struct CodesignTask {
  std::string name;
  double weight = 1;   // of its quality; all weights together are 1
  Plan plan;           // its task, space, recipe and evaluator
  std::string metric;  // its main one
};

struct CodesignSearch {
  std::string strategy;
  Json strategy_options;            // resolved, without what the co-design fills in (bounds, budgets)
  int64_t cost_evaluations = 0;     // asks
  int64_t network_evaluations = 0;  // of a baseline's search for networks alone
  uint64_t seed = 0;
  int64_t lookahead = 1;
  bool prunes = true;                    // networks whose costs break a limit are not evaluated
  bool worst_task = false;               // quality: that of the worst task instead of the weighted sum
  int64_t bound_designs = 200;           // tried for the bounds
  std::map<std::string, double> bounds;  // as given; the others are found
};

struct CodesignPlan {
  Json resolved;
  std::filesystem::path base_folder, output_dir;
  std::vector<CodesignTask> tasks;
  std::shared_ptr<const JointSpace> space;
  TemplateConstants constants;
  bool by_shape = true;  // layers of one shape of a network stay together (hw/scheduling)
  std::vector<Limit> limits;
  CodesignSearch search;
  std::vector<std::string> baselines;

  std::optional<double> limit(std::string_view metric) const;
};

const std::vector<std::string>& codesign_sections();
const std::vector<Parameter>& codesign_hardware_parameters();
const std::vector<Parameter>& codesign_search_parameters();
const std::vector<MetricSpec>& codesign_cost_metrics();
inline constexpr const char* kNasThenAsic = "nas_then_asic";
inline constexpr const char* kAsicThenNas = "asic_then_nas";

// Throws UserError for anything missing, unknown or impossible, with its position. Reads the data sets.
CodesignPlan make_codesign_plan(const ConfigNode& root, const PlanOptions& options);

}  // namespace nacre
