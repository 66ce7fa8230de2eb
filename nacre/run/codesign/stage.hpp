// One search of a co-design: what it decides (all, the networks alone, the hardware alone), by which strategy, under which limits.
// Driven and recorded like any search (run/drive_loop.hpp), so that it is resumed where it was.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nacre/run/codesign/costs.hpp"
#include "nacre/run/codesign/networks.hpp"
#include "nacre/run/codesign/plan.hpp"
#include "nacre/run/drive_loop.hpp"

namespace nacre {

struct CodesignStage {
  std::string name;
  const Trace& trace;
  // The whole design from what the stage decides; empty: it decides all.
  std::function<Decisions(const Decisions&)> joint = {};
  std::function<Hash128(const Decisions&)> identity;  // equal: the same design, of the stage's decisions
  bool costs = true;                                  // false: networks are judged whatever they cost
  bool judges = true;                                 // false: nothing is evaluated, costs are all
  ObjectiveSet objectives;
  std::string strategy = "nasaic";
  Json strategy_options = Json::object();
  int64_t asks = 0;
};

struct CodesignParts {
  const CodesignPlan& plan;
  Store& store;  // with the study created
  std::shared_ptr<CodesignCosts> costs;
  CodesignNetworks& networks;
  SpecPenalty penalty;
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const std::string& stage, const Progress&)> progress = [](const std::string&, const Progress&) {};
};

struct StageOutcome {
  std::vector<Trial> trials;        // in order; metrics have `penalty` beside the costs
  int64_t cost_evaluations = 0;     // different designs that were costed
  int64_t network_evaluations = 0;  // different networks that were judged
  Json statistics = Json::object();
};

// UserError, Interrupted as drive().
StageOutcome run_stage(const CodesignStage& stage, const CodesignParts& parts);

// The best trial within the limits by the stage's main objective; where none keeps them, the one with the least penalty. Null: none.
const Trial* best_trial(const std::vector<Trial>& trials, const ObjectiveSet& objectives);

}  // namespace nacre
