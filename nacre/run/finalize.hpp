// From the front to networks that run elsewhere: final training where trials were short, export as ONNX, the cost of what
// was exported, and one look at the test split.
//
//   front member ── final training (one or more seeds, side by side) ── fold for deployment ── models/trial_12.onnx
//                                                                              └─ read back: cost, validation, test
//
// Work done once is recorded as a follow-up of the study and not done again on resume.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "nacre/design/cost.hpp"
#include "nacre/nn/arithmetic.hpp"
#include "nacre/run/front.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/run/trial_executor.hpp"
#include "nacre/study/artifacts.hpp"
#include "nacre/study/store.hpp"

namespace nacre {

struct FinalNetwork {
  Trial trial;                    // as searched
  std::string model_file;         // relative to the output folder
  Metrics metrics;                // of the exported model: quality ("accuracy" on validation, "test_accuracy"), costs
  std::vector<CurvePoint> curve;  // of the final training; the trial's own when there was none
  Cost cost;                      // totals and layers on the target
  std::string structure_hash;     // of the exported graph
  int opset = 0;
  bool within_limits = true;  // of `metrics`: measured again on what was exported
  std::string binding;        // which limit is broken, by how much; "" when none
};

struct FinalProgress {
  int64_t done = 0;
  int64_t planned = 0;
  std::string what;  // "final training", "export"
};

struct FinalParts {
  const Plan& plan;
  Store& store;
  ArtifactFolder artifacts;
  TrialExecutor& executor;
  Numerics numerics;
  std::function<bool()> interrupted;
  std::function<void(const FinalProgress&)> progress;
};

// What counts first: networks within the limits before others, then by the objectives after the final training, the main one
// first. So of equal accuracies the cheapest network leads: it is as good and costs less.
void order_networks(std::vector<FinalNetwork>& networks, const ObjectiveSet& objectives);

// By order_networks; in the order of the front where no network keeps the limits. Throws Interrupted; what was finished by then is kept.
std::vector<FinalNetwork> finalize(const Front& front, const FinalParts& parts);

// front.csv and front.json in the output folder, atomically.
void write_front(const Plan& plan, const Front& front, const std::vector<FinalNetwork>& networks);

Json to_json(const FinalNetwork& network);
FinalNetwork final_network_from_json(const Json& json, const Trial& trial);

}  // namespace nacre
