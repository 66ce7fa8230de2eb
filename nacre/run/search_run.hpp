// One sitting of a search, from the resolved plan to models and front: opens or resumes the study, settles how this machine
// computes, starts workers, drives, finalizes.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nacre/design/evaluator.hpp"
#include "nacre/run/drive_loop.hpp"
#include "nacre/run/finalize.hpp"
#include "nacre/run/front.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/study/machine.hpp"

namespace nacre {

struct SearchRunResult;

struct SearchRunOptions {
  bool must_exist = false;           // resume: UserError when there is no study
  bool allow_other_machine = false;  // continue a study that another machine began
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const Progress&)> progress = [](const Progress&) {};
  std::function<void(const FinalProgress&)> final_progress = [](const FinalProgress&) {};
  // The search is done and its front is written; with search.random_baseline random search follows now.
  std::function<void(const SearchRunResult&)> found = [](const SearchRunResult&) {};
  std::function<void(const Progress&)> baseline_progress = [](const Progress&) {};
};

struct SearchRunResult {
  DriveResult drive;
  Front front;
  std::vector<FinalNetwork> networks;
};

// Throws Interrupted when asked to stop (what is done is kept), UserError for a study that does not fit the plan.
SearchRunResult run_search(const Plan& plan, const SearchRunOptions& options);

// How this machine computes for this plan: numerics of training and the number of workers. Measured, about ten seconds.
struct ComputeDecision {
  Numerics numerics;
  int64_t workers = 1;
  std::string reason;  // what was measured, one line
};
ComputeDecision decide_compute(const Plan& plan);

// What `--dry-run` prints beside the plan: made by drawing networks, costing them and training one a little.
struct Forecast {
  std::string networks;                                             // size of the space
  int64_t drawn = 0;                                                // random networks that were costed
  int64_t within_limits = 0;                                        // of them
  std::vector<std::pair<MetricSpec, std::array<double, 3>>> costs;  // least, median, largest of the drawn
  double seconds_per_trial = 0;                                     // of the median network, on one worker
  ComputeDecision compute;
  double search_s = 0;
  double final_s = 0;
};
Forecast forecast(const Plan& plan);

// The configuration, folder and machine that a study was made with.
struct StoredStudy {
  Json configuration;
  std::filesystem::path base_folder;
  MachineFacts machine;
};
StoredStudy read_stored_study(Store& store, const std::filesystem::path& output_dir);

// The finished trials of the random search beside the study in `output_dir`, in order; none when there was no random search.
// UserError when the file belongs to another study.
std::vector<Trial> read_baseline(const std::filesystem::path& output_dir, const StoredStudy& study);

// What evaluates the trials of this plan.
std::unique_ptr<Evaluator> make_evaluator(const Plan& plan, const Numerics& numerics);

// --- the worker's side: what a worker process does with its setup message
int run_worker();

}  // namespace nacre
