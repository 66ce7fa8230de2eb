// One evaluation: the candidate, what was asked for, and what came out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/candidate.hpp"
#include "nacre/design/metrics.hpp"

namespace nacre {

// How exactly a candidate is to be evaluated.
struct Fidelity {
  double epochs = 0;      // 0: as the recipe says
  double data_share = 1;  // of the training split
  double resolution = 1;  // of the input

  bool operator==(const Fidelity&) const = default;
};

struct Request {
  bool want_cost = true;
  bool want_metrics = true;
  Fidelity fidelity;
  uint64_t seed = 0;
  std::string parent_checkpoint;  // artefact to continue from, "" for none

  bool operator==(const Request&) const = default;
};

enum class TrialStatus { pending, running, ok, infeasible, failed, pruned };
std::string_view trial_status_name(TrialStatus status);
TrialStatus trial_status_from_name(std::string_view name);  // InternalError for what is none

// One point of a training curve.
struct CurvePoint {
  double epoch = 0;
  Metrics metrics;  // "loss", "accuracy", "learning_rate" ...
};

struct Trial {
  int64_t number = -1;  // the ask number: position in the study, names its random stream
  Candidate candidate;
  Request request;
  TrialStatus status = TrialStatus::pending;
  std::string reason;  // of infeasible, failed, pruned: one sentence
  Metrics metrics;     // quality and cost together
  std::vector<CurvePoint> curve;
  std::string key;           // under which the result may be reused (study/reuse_key.hpp)
  int64_t cached_from = -1;  // the trial whose result this one repeats, -1: evaluated itself
  std::string weights;       // artefact of trained weights, "" for none
  double time_s = 0;         // spent on the evaluation, 0 when cached

  bool is_complete() const { return status != TrialStatus::pending && status != TrialStatus::running; }
};

Json to_json(const Trial& trial);
Trial trial_from_json(const Json& json);

}  // namespace nacre
