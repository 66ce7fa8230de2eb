// A co-design from the plan to networks, accelerator and schedule, with the two ways of doing one after the other beside it.
#pragma once

#include "nacre/run/codesign/stage.hpp"

namespace nacre {

// What one way of searching came to.
struct CodesignMethod {
  std::string name;  // the strategy's, or of a baseline
  bool within_limits = false;
  Decisions design;  // of the joint space
  std::vector<Decisions> networks;
  HeterogeneousAccelerator accelerator;
  Metrics metrics;  // quality and costs; penalty
  int64_t cost_evaluations = 0;
  int64_t network_evaluations = 0;
  Json statistics = Json::object();
};

struct CodesignResult {
  std::vector<Spec> specs;              // with their bounds
  std::vector<CodesignMethod> methods;  // the search first, then the baselines
  std::vector<Trial> front;             // of the search: within the limits, nothing better in quality and all costs
  std::vector<Trial> trials;            // of the search
};

struct CodesignRunOptions {
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const std::string& stage, int64_t planned, const Progress&)> progress =
      [](const std::string&, int64_t, const Progress&) {};
  // One record for each stage. Left out: files in the output folder, where a search goes on. Else in memory.
  bool in_memory = false;
  std::shared_ptr<CodesignCosts> costs = nullptr;  // shared between runs of one space; null: own
};

class CodesignRun {
 public:
  CodesignRun(const CodesignPlan& plan, CodesignRunOptions options);

  // Settles numerics and bounds, searches, then the baselines. UserError for a limit that is not below its bound, or a folder with
  // another study; Interrupted.
  CodesignResult run();

  CodesignCosts& costs() { return *costs_; }
  // After run(): of the designs that were found.
  CodesignNetworks& networks() { return *networks_; }

 private:
  std::unique_ptr<Store> open_store(const std::string& stage);
  void settle(Store& store);
  StageOutcome staged(const CodesignStage& stage, Store& store);
  Json with_filled_in(Json options, const std::string& strategy) const;
  ObjectiveSet objectives(bool limited) const;
  CodesignStage whole_stage() const;
  CodesignMethod search(CodesignResult& result, Store& store);
  CodesignMethod nas_then_asic();
  CodesignMethod asic_then_nas();
  CodesignMethod method(const std::string& name, const Decisions& joint, std::vector<StageOutcome> stages);

  const CodesignPlan& plan_;
  CodesignRunOptions options_;
  std::shared_ptr<CodesignCosts> costs_;
  std::unique_ptr<Store> store_;  // of the search: networks are recorded there
  std::vector<Numerics> numerics_;
  std::unique_ptr<CodesignNetworks> networks_;
  SpecPenalty penalty_;
};

std::filesystem::path codesign_file(const std::filesystem::path& output_dir, const std::string& stage);

Json to_json(const HeterogeneousAccelerator& accelerator);

}  // namespace nacre
