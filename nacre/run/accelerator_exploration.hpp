// Which accelerators are the best for a fixed set of networks: the parameters of a description are the decisions of a space
// (run/accelerator_space.hpp), latency, energy and area its costs, and any strategy proposes. A study as every other: recorded,
// resumed, with a front.
//
//   accelerator: edge_npu                       # a registered one, or a file
//   parameters: {...}                           # run/accelerator_space.hpp
//   networks: [a.onnx, {file: b.onnx, weight: 3}]   # ONNX or text; costs are the sum of weight runs of each
//   deployment: {batch: 1, symbols: {...}}
//   mapping: {method: dataflow, ...}            # hw/mapper/mapping_plan.hpp
//   limits: {area_mm2: 4}
//   search: {strategy: grid}                    # or any other, with trials or time_s
//   output_dir: ...
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nacre/hw/mapper/mapping_plan.hpp"
#include "nacre/run/accelerator_space.hpp"
#include "nacre/run/drive_loop.hpp"
#include "nacre/run/front.hpp"

namespace nacre {

struct ExploredNetwork {
  std::string name;  // of the file, without its ending
  double weight = 1;
};

struct ExplorationPlan {
  Json resolved;
  std::filesystem::path base_folder;
  std::filesystem::path output_dir;
  std::shared_ptr<const AcceleratorSpace> space;
  std::vector<ExploredNetwork> networks;
  MappingPlan mapping;
  std::vector<MetricSpec> metrics;
  ObjectiveSet objectives;
  std::string strategy;
  Options strategy_options;
  int64_t trials = 0;  // 0: no bound
  double time_s = 0;   // 0: no bound
  uint64_t seed = 0;
  int64_t lookahead = 1;
};

const std::vector<Parameter>& exploration_search_parameters();  // without the strategy's own

// UserError with position for anything missing, unknown or impossible.
ExplorationPlan make_exploration_plan(const ConfigNode& root, const std::filesystem::path& base_folder);

struct ExplorationOptions {
  int64_t threads = 1;  // layers mapped at the same time
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const Progress&)> progress = [](const Progress&) {};
};

struct ExplorationResult {
  DriveResult drive;
  std::vector<Trial> trials;
  Front front;
  std::vector<std::string> accelerator_files;  // of the front's members, relative to output_dir
  int64_t mappings_kept = 0;                   // in the cache, in the end
  int64_t mappings_searched = 0;               // in this sitting
};

// Runs or goes on with the study in output_dir; writes front.csv, front.json, accelerators/*.yaml, mappings.jsonl. Throws Interrupted
// (what is done is kept), UserError for a study of another configuration.
ExplorationResult run_exploration(const ExplorationPlan& plan, const ExplorationOptions& options);

}  // namespace nacre
