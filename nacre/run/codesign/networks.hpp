// How good the networks of a co-design are: each network of a task is evaluated once, whatever accelerators it meets, and found again
// in the study's record when a search goes on.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "nacre/design/evaluator.hpp"
#include "nacre/nn/arithmetic.hpp"
#include "nacre/run/codesign/plan.hpp"
#include "nacre/study/store.hpp"

namespace nacre {

class CodesignNetworks {
 public:
  // One numerics for each task.
  CodesignNetworks(const CodesignPlan& plan, std::vector<Numerics> numerics, std::filesystem::path artifacts,
                   Store& store, std::function<bool()> interrupted);

  // The finished trial of a task's network: ok with its metrics and, where it was trained, weights; or failed.
  const Trial& trial(size_t task, const Decisions& network);
  // Of all tasks as one: "accuracy", and NAME_METRIC of each task; or why it failed. Number, candidate and request stay.
  void evaluate(const Decisions& joint, Trial& trial);

  const std::vector<Numerics>& numerics() const { return numerics_; }
  // Networks that were evaluated for this record, now or in earlier sittings.
  int64_t evaluated() const { return evaluated_; }

 private:
  const CodesignPlan& plan_;
  std::vector<Numerics> numerics_;
  std::filesystem::path artifacts_;
  Store& store_;
  std::function<bool()> interrupted_;
  std::vector<std::unique_ptr<Evaluator>> evaluators_;  // by task
  std::map<std::string, Trial> known_;                  // by task and identity
  int64_t evaluated_ = 0;
};

inline constexpr const char* kCodesignQuality = "accuracy";

// The quality that the search maximizes, from those of the tasks.
double combined_quality(const CodesignPlan& plan, const std::vector<double>& qualities);

}  // namespace nacre
