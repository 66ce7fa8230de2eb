// From a configuration to the objects that carry a search: the resolved plan. The command line, the benchmark harness and
// worker processes all start here.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "nacre/base/config.hpp"
#include "nacre/base/options.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/design/target.hpp"
#include "nacre/design/task.hpp"
#include "nacre/search/objective.hpp"
#include "nacre/search/stopping.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

struct SearchSettings {
  std::string strategy;
  Options strategy_options;
  bool trains_supernet = false;  // the strategy is a supernet method (supernet/method.hpp)
  int64_t trials = 0;            // 0: until time_s is up
  double time_s = 0;             // 0: until trials are done
  uint64_t seed = 0;
  int64_t workers = 0;  // 0: decided by a probe
  int64_t lookahead = 8;
  bool strict_order = true;
  Fidelity fidelity;  // of a trial
  bool random_baseline = false;
  StoppingSettings stop;  // of trainings that are not worth finishing
};

struct EvaluatorSettings {
  std::string kind = "trained";
  Options options;

  bool trains_here() const { return kind == "trained"; }                  // on this machine by nacre itself
  bool trains() const { return kind == "trained" || kind == "command"; }  // else networks are judged as they are
  bool shares_weights() const { return kind == "supernet"; }              // of a supernet that is trained before
  bool looks_up() const { return kind == "table"; }                       // in microseconds: not worth another process
};

struct FinalSettings {
  int64_t networks = 8;
  std::string train = "auto";  // auto, never, always
  int64_t seeds = 1;
  bool test = true;
};

struct Plan {
  Json resolved;                      // every key of every section with its value; what is stored with the study
  std::filesystem::path base_folder;  // relative paths of the configuration start here
  std::filesystem::path output_dir;
  std::shared_ptr<const Task> task;
  std::shared_ptr<const Space> space;
  std::shared_ptr<Target> target;
  Deployment deployment;
  ObjectiveSet objectives;  // with the limits
  SearchSettings search;
  EvaluatorSettings evaluator;
  Recipe recipe;
  std::string precision;  // auto, fp32, bf16
  std::string device;     // auto, cpu, cuda
  FinalSettings final_settings;

  // All metrics that a trial may carry: the task's, the target's, and those every evaluation has.
  std::vector<MetricSpec> metrics() const;
  std::optional<MetricSpec> metric(std::string_view name) const;
  std::unique_ptr<Strategy> make_strategy(std::function<bool()> interrupted = {}) const;
};

// What search.strategy may name: ask/tell strategies, then supernet methods.
std::vector<const RegistryRecord*> search_methods();
// UserError, with the nearest names, for none of them.
const RegistryRecord& search_method(std::string_view name, const SourcePosition& position);

struct PlanOptions {
  std::filesystem::path base_folder;  // usually the folder of the configuration file
};

// Throws UserError for anything missing, unknown or impossible, with its position. Reads the data set.
Plan make_plan(const ConfigNode& root, const PlanOptions& options);
// From a stored study.
Plan make_plan_from_json(const Json& resolved, const std::filesystem::path& base_folder);

}  // namespace nacre
