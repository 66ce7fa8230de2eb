// Drives a study: asks the strategy, builds and costs candidates, has them evaluated, records and tells.
//
//   ask(n) ─ complete ─ build ─ key ─┬─ seen before ─────────────── cached answer ──┐
//                                    ├─ costs break a limit ─────── infeasible ─────┤─ record ─ tell
//                                    └─ lease ─ executor ─ result, or lost: again ──┘
//
// Order `strict`: ask(n) happens after exactly the tells 0 .. n - L, in order, with L = lookahead, whatever comes in
// meanwhile. So at most L trials are under way, and one worker, many workers and a killed and resumed run have the same
// history bit for bit (as far as evaluations are deterministic; measured times are not). A repetition of a candidate that
// is still under way waits for that result, since whether it is finished depends on timing. Order `fast`: results are told
// as they come and asks are made when a worker is free; the record keeps the order.
//
// Where trainings may be stopped (search/stopping.hpp), trial n is stopped by what its ask saw: the trials told before it.
//
// Resuming replays the record into a fresh strategy: the same asks with the same streams, which must propose the recorded
// candidates, and the same tells. Trials that were asked for and have no result are carried out then.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/design.hpp"
#include "nacre/design/target.hpp"
#include "nacre/run/trial_executor.hpp"
#include "nacre/search/objective.hpp"
#include "nacre/search/stopping.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/study/reuse_key.hpp"
#include "nacre/study/store.hpp"

namespace nacre {

enum class DriveOrder { strict, fast };

enum class StopReason {
  trials,       // as many as planned were evaluated
  time,         // the time of all sittings is used up
  exhausted,    // the strategy has nothing more to propose
  repeating,    // the strategy proposes almost only what was seen before
  infeasible,   // almost no candidate keeps the limits
  interrupted,  // the user asked to stop; resumable
};

std::string_view stop_reason_name(StopReason reason);  // "trials", ...
std::string stop_reason_text(StopReason reason);       // a sentence for people

struct Progress {
  int64_t asked = 0;
  int64_t evaluated = 0;  // themselves: neither cached nor rejected by their costs
  int64_t planned = 0;    // evaluations, 0: until time is up
  int64_t cached = 0;
  int64_t infeasible = 0;
  int64_t failed = 0;
  int64_t pruned = 0;  // stopped before the end of their training
  int64_t running = 0;
  std::optional<double> best;  // main objective of the best trial within the limits
  int64_t best_trial = -1;
  int64_t front_size = 0;
  double spent_s = 0;     // all sittings
  double rate_per_s = 0;  // evaluations per second of this sitting
  std::optional<double> left_s;
};

// What one target costs a design; more than one may answer.
struct CostQuestion {
  std::shared_ptr<Target> target;
  Deployment deployment;
};

struct DriveSettings {
  uint64_t seed = 0;
  DriveOrder order = DriveOrder::strict;
  int64_t lookahead = 8;
  int64_t trials = 0;  // evaluations, 0: no bound
  double time_s = 0;   // of all sittings, 0: no bound
  Request request;     // of every trial
  ObjectiveSet objectives;
  ReuseContext reuse;  // target identities are added by the loop
  LeasePolicy lease;
  StoppingSettings stop = {};  // which trainings are not finished; none by default
  // A strategy that does not get anywhere is stopped: so many repetitions one after another, or in all so many times
  // `trials` (at least 200 of repetitions, 1000 of candidates that their costs reject).
  int64_t repeats_in_a_row = 200;
  int64_t repeats_per_trial = 20;
  int64_t rejections_per_trial = 100;
};

// The parts that the loop drives; all outlive it.
struct DriveParts {
  Store& store;                                              // holds the study, created
  std::function<std::unique_ptr<Strategy>()> make_strategy;  // a fresh one, of the study's settings
  // The candidate with all decisions of the space; missing ones drawn from the stream. Null: candidates are complete.
  std::function<Candidate(const Candidate&, Random&)> complete;
  std::function<Design(const Candidate&)> build;  // UserError: the trial fails with that reason
  std::vector<CostQuestion> costs;
  TrialExecutor& executor;
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const Progress&)> progress = [](const Progress&) {};  // after each result and twice a second
  Json machine = Json::object();                                           // of this sitting, for the record
};

struct DriveResult {
  StopReason reason = StopReason::trials;
  Progress progress;
  Json strategy_statistics = Json::object();
};

// One sitting. The caller holds the study's lock. UserError when the record does not follow from the strategy.
DriveResult drive(const DriveSettings& settings, const DriveParts& parts);

// Everything of a trial that a repeated run must give again: number, candidate, request, status, reason, key, source of a
// cached answer, and the metrics but for measured times.
Json reproducible_part(const Trial& trial);
// The reproducible part of all trials, one JSON line each: equal texts are equal histories.
std::string history_text(Store& store);

}  // namespace nacre
