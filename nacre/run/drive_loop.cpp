#include "nacre/run/drive_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "nacre/base/error.hpp"
#include "nacre/base/log.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/run/drive_progress.hpp"
#include "nacre/study/file_lock.hpp"

namespace nacre {
namespace {

constexpr double kWaitS = 0.5;                   // between looks at interruption, heartbeats and the clock
constexpr const char* kTrainingDevice = "host";  // what evaluations disturb

// --- one trial that was asked for and is not told yet ---------------------------------------------------------------

struct Slot {
  enum class Stage { undecided, waiting_for_source, ready, running, complete };

  Trial trial;
  Stage stage = Stage::undecided;
  std::optional<Design> design;  // until it is costed
  Metrics costs;
  std::optional<Lease> lease;
  int64_t told = 0;                  // trials that were told when it was asked for
  double epochs = 0;                 // of its training
  bool counts_as_evaluation = true;  // as far as was known when it was asked for
};

// What is remembered of every trial: enough to answer repetitions.
struct Outcome {
  bool complete = false;
  bool answers = false;  // ok or infeasible, evaluated itself: a repetition may use it
};

class DriveLoop {
 public:
  DriveLoop(const DriveSettings& settings, const DriveParts& parts)
      : settings_(settings),
        parts_(parts),
        strategy_(parts.make_strategy()),
        stops_(settings.stop, settings.objectives),
        progress_(settings) {
    NACRE_CHECK(settings.lookahead >= 1 && !settings.objectives.objectives.empty());
    reuse_ = settings.reuse;
    for (const CostQuestion& question : parts.costs) {
      reuse_.target_identities.push_back(fmt::format("{}; batch {}; threads {}", question.target->identity(),
                                                     question.deployment.batch, question.deployment.threads));
      for (const auto& [name, value] : question.deployment.symbols) {
        reuse_.target_identities.back() += fmt::format("; {}={}", name, value);
      }
      for (const MetricSpec& spec : question.target->metrics()) cost_names_.push_back(spec.name);
    }
    cost_limits_ = settings.objectives;
    std::erase_if(cost_limits_.limits, [this](const Limit& limit) {
      return std::ranges::find(cost_names_, limit.metric) == cost_names_.end();
    });
  }

  DriveResult run() {
    const double spent_before_s = parts_.store.spent_s();
    const int64_t sitting = parts_.store.begin_sitting(parts_.machine);
    progress_.begin(spent_before_s);
    StopReason reason = StopReason::interrupted;
    try {
      return_orphans();
      replay();
      reason = loop();
    } catch (const Interrupted&) {
      stop_work("interrupted");
    } catch (...) {
      stop_work("the run ended with an error");
      parts_.store.end_sitting(sitting, "failed");
      throw;
    }
    parts_.store.end_sitting(sitting, stop_reason_name(reason));
    parts_.store.flush();
    report_progress();
    return {reason, progress_.now(), strategy_->statistics()};
  }

 private:
  bool strict() const { return settings_.order == DriveOrder::strict; }
  int64_t asked() const { return static_cast<int64_t>(outcomes_.size()); }

  // --- resuming ---------------------------------------------------------------------------------------------------

  // Nobody else drives the study (the caller holds its lock), so leases from before belong to processes that are gone.
  void return_orphans() {
    std::vector<Lease> orphans;
    parts_.store.for_each_trial(0, [&](const TrialRow& row) {
      if (row.lease.status != TrialStatus::running) return;
      orphans.push_back({row.trial.number, row.lease.worker, row.lease.attempt, row.lease.token, row.lease.deadline_s});
    });
    parts_.store.transaction([&] {
      for (const Lease& lease : orphans) {
        parts_.store.release(lease, "the process that drove the study ended", false, settings_.lease);
      }
      for (const DeviceLease& lease : parts_.store.devices()) parts_.store.release_device(lease);
    });
  }

  void replay() {
    if (strict()) {
      parts_.store.for_each_trial(0, [this](const TrialRow& row) { replay_ask(row.trial); });
    } else {
      replay_log();
    }
    std::vector<int64_t> undecided;
    for (const auto& [number, slot] : open_) {
      if (slot.stage == Slot::Stage::undecided) undecided.push_back(number);
    }
    progress_.replayed();
    for (const int64_t number : undecided) decide(open_.at(number));
  }

  // The recorded order of asks and results is the order in which the strategy saw them.
  void replay_log() {
    std::vector<Event> steps;
    parts_.store.for_each_event(0, [&](const Event& event) {
      if (event.kind == EventKind::asked || event.kind == EventKind::result)
        steps.push_back({0, 0, event.kind, event.trial, {}});
    });
    for (const Event& step : steps) {
      const Trial trial = recorded(step.trial);
      if (step.kind == EventKind::asked) {
        Trial pending = trial;
        pending.status = TrialStatus::pending;
        replay_ask(pending);
      } else {
        finish(open_.at(step.trial), trial);
      }
    }
  }

  void replay_ask(const Trial& trial) {
    if (strict()) tell_up_to(trial.number - settings_.lookahead);
    if (strategy_->takes_record()) {
      Random random = Random::stream(settings_.seed, "ask", static_cast<uint64_t>(trial.number));
      strategy_->replay(trial.number, random, proposal_of(trial));
      return replay_answer(trial);
    }
    const std::optional<Proposal> proposal = propose(trial.number);
    if (!proposal || to_json(proposal->candidate) != to_json(trial.candidate) ||
        request_of(*proposal) != trial.request) {
      throw UserError(fmt::format(
          "the recorded history does not follow from the strategy: trial {} is recorded as {}, now it would be {}; the "
          "study was made with other settings or another version of nacre, or by a program (strategy command) that "
          "does not repeat itself: search.resume: record takes its recorded answers; else begin a new one in another "
          "output_dir",
          trial.number, to_json(trial.candidate).dump(), proposal ? to_json(proposal->candidate).dump() : "none"));
    }
    replay_answer(trial);
  }

  void replay_answer(const Trial& trial) {
    Slot& slot = add_slot(trial);
    if (trial.is_complete()) finish(slot, trial);
  }

  Trial recorded(int64_t number) {
    std::optional<TrialRow> row = parts_.store.trial(number);
    NACRE_CHECK(row.has_value());
    return std::move(row->trial);
  }

  // --- asking and telling -----------------------------------------------------------------------------------------

  std::optional<Proposal> propose(int64_t number) {
    Random random = Random::stream(settings_.seed, "ask", static_cast<uint64_t>(number));
    std::optional<Proposal> proposal = strategy_->ask(number, random);
    if (!proposal || !parts_.complete) return proposal;
    Random completion = Random::stream(settings_.seed, "complete", static_cast<uint64_t>(number));
    proposal->candidate = parts_.complete(proposal->candidate, completion);
    return proposal;
  }

  // The study's request, and what the strategy wants otherwise.
  Request request_of(const Proposal& proposal) {
    Request request = settings_.request;
    if (proposal.fidelity) request.fidelity = *proposal.fidelity;
    if (proposal.continues >= 0) request.parent_checkpoint = recorded(proposal.continues).weights;
    return request;
  }

  Proposal proposal_of(const Trial& trial) {
    if (trial.request.fidelity == settings_.request.fidelity) return {trial.candidate};
    return {trial.candidate, trial.request.fidelity};
  }

  // Strict order: tells the trials up to `last`. False when one of them has no result yet.
  bool tell_up_to(int64_t last) {
    while (next_tell_ <= last) {
      const auto slot = open_.find(next_tell_);
      NACRE_CHECK(slot != open_.end());
      if (slot->second.stage != Slot::Stage::complete) return false;
      tell(slot->second);
    }
    return true;
  }

  void tell(Slot& slot) {
    strategy_->tell(slot.trial);
    stops_.tell(slot.trial);
    told_evaluations_ += slot.trial.cached_from < 0 && slot.trial.status != TrialStatus::infeasible;
    const int64_t number = slot.trial.number;
    next_tell_ = std::max(next_tell_, number + 1);
    open_.erase(number);  // `slot` is gone from here
  }

  bool may_ask() {
    if (stop_) return false;
    if (strict()) return tell_up_to(asked() - settings_.lookahead);
    return static_cast<int64_t>(open_.size()) < parts_.executor.capacity();
  }

  // In strict order all that is looked at here was known when the ask became possible, whatever the workers' speed.
  std::optional<StopReason> reason_to_stop() const {
    int64_t evaluations = told_evaluations_;
    for (const auto& [number, slot] : open_) evaluations += slot.counts_as_evaluation;
    if (settings_.trials > 0 && evaluations >= settings_.trials) return StopReason::trials;
    if (settings_.time_s > 0 && progress_.spent_s() >= settings_.time_s) return StopReason::time;
    if (repeats_in_a_row_ >= settings_.repeats_in_a_row) return StopReason::repeating;
    if (settings_.trials > 0) {
      if (repeats_ >= std::max<int64_t>(200, settings_.repeats_per_trial * settings_.trials))
        return StopReason::repeating;
      if (rejections_ >= std::max<int64_t>(1000, settings_.rejections_per_trial * settings_.trials)) {
        return StopReason::infeasible;
      }
    }
    return std::nullopt;
  }

  void ask() {
    stop_ = reason_to_stop();
    if (stop_) return;
    Trial trial;
    trial.number = asked();
    std::optional<Proposal> proposal = propose(trial.number);
    if (!proposal) {
      stop_ = StopReason::exhausted;
      return;
    }
    trial.request = request_of(*proposal);
    trial.candidate = std::move(proposal->candidate);
    std::optional<Design> design;
    const std::string failure = build(trial, design);
    NACRE_CHECK(parts_.store.record_ask(trial), "somebody else asks in this study");
    Slot& slot = add_slot(trial);
    slot.design = std::move(design);
    if (!failure.empty()) {
      fail(slot, failure);
    } else {
      decide(slot);
    }
  }

  Slot& add_slot(const Trial& trial) {
    NACRE_CHECK(trial.number == asked(), "trials are numbered without gaps");
    outcomes_.push_back({});
    Slot& slot = open_[trial.number];
    slot.trial = trial;
    slot.told = stops_.told();
    progress_.asked(trial.number);
    bool repeats = false;
    if (!trial.key.empty()) {
      std::vector<int64_t>& same = by_key_[trial.key];
      repeats = !same.empty();
      same.push_back(trial.number);
    }
    slot.counts_as_evaluation = !repeats;
    repeats_ += repeats;
    repeats_in_a_row_ = repeats ? repeats_in_a_row_ + 1 : 0;
    return slot;
  }

  // --- deciding what a trial needs --------------------------------------------------------------------------------

  // The design and the key. Returns why it cannot be built, "" when it can.
  std::string build(Trial& trial, std::optional<Design>& design) {
    try {
      design = parts_.build(trial.candidate);
      trial.key = reuse_key(*design, trial.request, reuse_);
      return "";
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      return std::string("the network cannot be built: ") + error.what();
    }
  }

  // Repetition, rejected by its costs, or ready to be evaluated.
  void decide(Slot& slot) {
    if (!slot.trial.key.empty()) {
      for (const int64_t earlier : by_key_[slot.trial.key]) {
        if (earlier == slot.trial.number) break;
        const Outcome& outcome = outcomes_[static_cast<size_t>(earlier)];
        if (outcome.answers) {
          parts_.store.tell_cached(slot.trial.number, earlier);
          finish(slot, recorded(slot.trial.number));
          return;
        }
        if (!outcome.complete) {
          slot.stage = Slot::Stage::waiting_for_source;
          return;
        }
      }
    }
    if (!slot.design) {
      std::string failure = build_again(slot);
      if (!failure.empty()) return fail(slot, failure);
    }
    try {
      slot.costs = costs_of(*slot.design);
    } catch (const Interrupted&) {
      throw;
    } catch (const DeviceError&) {
      throw;  // says nothing about the network: the trial stays open
    } catch (const std::exception& error) {
      return fail(slot, std::string("the network cannot be costed: ") + error.what());
    }
    const double shorter = slot.trial.request.fidelity.epochs;
    slot.epochs = shorter > 0 ? shorter : slot.design->recipe.epochs;
    slot.design.reset();
    reject_or_queue(slot);
  }

  // After a resume the design is made anew; the recorded key stays.
  std::string build_again(Slot& slot) {
    Trial copy = slot.trial;
    return build(copy, slot.design);
  }

  void reject_or_queue(Slot& slot) {
    const bool rejects = settings_.objectives.handling == LimitHandling::rejection;
    if (rejects && !cost_limits_.feasible(slot.costs)) {
      const Limit& limit = *cost_limits_.binding_limit(slot.costs);
      const std::optional<double> value = metric_value(slot.costs, limit.metric);
      Trial result = slot.trial;
      result.status = TrialStatus::infeasible;
      result.reason =
          fmt::format("{} is not kept: {}", limit.text(), value ? fmt::format("{:.6g}", *value) : "not known");
      result.metrics = slot.costs;
      parts_.store.tell_unleased(result);
      finish(slot, recorded(slot.trial.number));
      return;
    }
    slot.stage = Slot::Stage::ready;
  }

  void fail(Slot& slot, const std::string& reason) {
    log_warning("trial {}: {}", slot.trial.number, reason);
    Trial result = slot.trial;
    result.status = TrialStatus::failed;
    result.reason = reason;
    parts_.store.tell_unleased(result);
    finish(slot, recorded(slot.trial.number));
  }

  // Only where the counts decide every limit: else how far a network is from the limits would stay unknown.
  bool rejected_by(const Metrics& known) const {
    return settings_.objectives.handling == LimitHandling::rejection && !cost_limits_.feasible(known) &&
           std::ranges::all_of(cost_limits_.limits,
                               [&](const Limit& limit) { return metric_value(known, limit.metric).has_value(); });
  }

  Metrics costs_of(const Design& design) {
    Metrics costs;
    for (const CostQuestion& question : parts_.costs) {
      if (question.target->measures()) {
        // A network that is rejected by what can be counted needs no measurement.
        Metrics known = costs;
        known.merge(counted_cost(design, question.deployment).totals);
        if (rejected_by(known)) {
          costs = std::move(known);
          continue;
        }
      }
      Cost cost = question.target->measures() ? measure(question, design)
                                              : question.target->cost(design, question.deployment, {});
      for (auto& [name, metric] : cost.totals) costs.insert_or_assign(name, std::move(metric));
    }
    return costs;
  }

  // Alone on the device, and when that is this machine: our evaluations are paused, other studies' measurements and
  // evaluations kept away.
  Cost measure(const CostQuestion& question, const Design& design) {
    const std::string device = question.target->device();
    question.target->set_interruption(parts_.interrupted);
    if (!question.target->uses_this_machine()) return measure_alone(question, design, device);
    parts_.executor.pause();
    training_lock_.reset();
    try {
      Cost cost = measure_alone(question, design, device);
      parts_.executor.resume();
      return cost;
    } catch (...) {
      parts_.executor.resume();
      throw;
    }
  }

  Cost measure_alone(const CostQuestion& question, const Design& design, const std::string& device) {
    const DeviceLock lock(device, FileLock::Mode::exclusive, parts_.interrupted);
    std::optional<DeviceLease> lease =
        parts_.store.lease_device(device, "the driving process", settings_.lease.duration_s);
    NACRE_CHECK(lease.has_value(), "the device is leased while its lock is free");
    try {
      Cost cost = question.target->cost(design, question.deployment, {});
      parts_.store.release_device(*lease);
      return cost;
    } catch (...) {
      parts_.store.release_device(*lease);
      throw;
    }
  }

  // --- evaluating -------------------------------------------------------------------------------------------------

  void dispatch() {
    for (auto& [number, slot] : open_) {
      if (parts_.executor.running() >= parts_.executor.capacity()) return;
      if (slot.stage != Slot::Stage::ready) continue;
      if (!training_lock_) lock_for_training();
      parts_.executor.start(slot.trial,
                            stops_.knowledge({slot.told, slot.trial.request.fidelity, slot.epochs, slot.costs}));
      slot.lease = parts_.store.lease_trial(number, parts_.executor.worker_of(number), settings_.lease);
      NACRE_CHECK(slot.lease.has_value(), "somebody else evaluates in this study");
      slot.stage = Slot::Stage::running;
      progress_.running(1);
    }
  }

  void lock_for_training() {
    training_lock_ = std::make_unique<DeviceLock>(kTrainingDevice, FileLock::Mode::shared, parts_.interrupted);
  }

  void collect(double timeout_s) {
    for (TrialOutcome& outcome : parts_.executor.wait(timeout_s)) {
      const auto found = open_.find(outcome.number);
      NACRE_CHECK(found != open_.end() && found->second.stage == Slot::Stage::running, "a result of a trial that runs");
      Slot& slot = found->second;
      progress_.running(-1);
      if (outcome.result) {
        record_result(slot, outcome);
      } else {
        retry(slot, outcome.reason);
      }
    }
  }

  void record_result(Slot& slot, TrialOutcome& outcome) {
    Trial& result = *outcome.result;
    for (const auto& [name, metric] : slot.costs) result.metrics.insert_or_assign(name, metric);
    // Here infeasible means rejected by costs, at no evaluation; an evaluator's own verdict is a failure with a reason.
    if (result.status == TrialStatus::infeasible) result.status = TrialStatus::failed;
    if (result.status == TrialStatus::failed) log_warning("trial {} failed: {}", outcome.number, result.reason);
    parts_.store.transaction([&] {
      for (Artifact& artifact : outcome.artifacts) {
        artifact.trial = outcome.number;
        parts_.store.register_artifact(artifact);
      }
      const TellOutcome told = parts_.store.tell(*slot.lease, result);
      NACRE_CHECK(told == TellOutcome::recorded, "somebody else took the lease");
    });
    finish(slot, recorded(outcome.number));
  }

  void retry(Slot& slot, const std::string& reason) {
    log_warning("trial {}: {}", slot.trial.number, reason);
    parts_.store.release(*slot.lease, reason, true, settings_.lease);
    slot.lease.reset();
    const Trial now = recorded(slot.trial.number);
    if (now.is_complete()) {
      finish(slot, now);  // the attempts are used up
    } else {
      slot.stage = Slot::Stage::ready;
    }
  }

  // The trial has its result. In fast order it is told at once, and `slot` is gone.
  void finish(Slot& slot, const Trial& result) {
    slot.trial = result;
    slot.stage = Slot::Stage::complete;
    slot.design.reset();
    Outcome& outcome = outcomes_[static_cast<size_t>(result.number)];
    outcome.complete = true;
    const bool own = result.cached_from < 0;
    const bool rejected = own && result.status == TrialStatus::infeasible;
    outcome.answers = own && (result.status == TrialStatus::ok || rejected);
    if (rejected) slot.counts_as_evaluation = false;
    rejections_ += rejected;
    progress_.finished(result);
    if (!strict()) tell(slot);
  }

  // Repetitions whose source has its result now.
  void settle_waiting() {
    std::vector<int64_t> waiting;
    for (const auto& [number, slot] : open_) {
      if (slot.stage == Slot::Stage::waiting_for_source) waiting.push_back(number);
    }
    for (const int64_t number : waiting) decide(open_.at(number));
  }

  // --- the loop ---------------------------------------------------------------------------------------------------

  StopReason loop() {
    while (true) {
      if (parts_.interrupted()) throw Interrupted();
      settle_waiting();
      // One at a time: an ask may measure for a second, and workers wait for their next trial meanwhile.
      const bool asks = may_ask();
      if (asks) ask();
      dispatch();
      if (stop_ && nothing_under_way()) break;
      keep_leases();
      yield_machine();
      collect(asks || parts_.executor.running() == 0 ? 0 : kWaitS);
      if (progress_.is_due()) report_progress();
    }
    if (strict()) tell_up_to(asked() - 1);
    return *stop_;
  }

  bool nothing_under_way() const {
    return std::ranges::all_of(open_, [](const auto& entry) { return entry.second.stage == Slot::Stage::complete; });
  }

  void keep_leases() {
    const double now_s = parts_.store.now_s();
    if (now_s - last_heartbeat_s_ < settings_.lease.duration_s / 3) return;
    last_heartbeat_s_ = now_s;
    parts_.store.transaction([&] {
      for (auto& [number, slot] : open_) {
        if (slot.stage == Slot::Stage::running) parts_.store.heartbeat(*slot.lease, settings_.lease);
      }
    });
  }

  // Another study wants to measure on this machine: step aside until it has.
  void yield_machine() {
    if (parts_.executor.running() == 0) {
      training_lock_.reset();
      return;
    }
    if (!training_lock_ || !DeviceLock::is_wanted(kTrainingDevice)) return;
    parts_.executor.pause();
    training_lock_.reset();
    try {
      lock_for_training();
    } catch (...) {
      parts_.executor.resume();
      throw;
    }
    parts_.executor.resume();
  }

  void stop_work(const std::string& reason) {
    parts_.executor.cancel();
    parts_.store.transaction([&] {
      for (auto& [number, slot] : open_) {
        if (slot.stage == Slot::Stage::running) parts_.store.release(*slot.lease, reason, false, settings_.lease);
      }
    });
  }

  void report_progress() { parts_.progress(progress_.now()); }

  const DriveSettings& settings_;
  const DriveParts& parts_;
  ReuseContext reuse_;
  std::vector<std::string> cost_names_;
  ObjectiveSet cost_limits_;  // only limits on what targets answer
  std::unique_ptr<Strategy> strategy_;
  TrainingStops stops_;
  ProgressCounter progress_;

  std::vector<Outcome> outcomes_;                                 // by trial number
  std::unordered_map<std::string, std::vector<int64_t>> by_key_;  // numbers, ascending
  std::map<int64_t, Slot> open_;                                  // asked for, not told
  int64_t next_tell_ = 0;
  int64_t told_evaluations_ = 0;
  int64_t repeats_ = 0;
  int64_t repeats_in_a_row_ = 0;
  int64_t rejections_ = 0;
  std::optional<StopReason> stop_;
  std::unique_ptr<DeviceLock> training_lock_;
  double last_heartbeat_s_ = parts_.store.now_s();
};

// Drops what is measured: it differs from run to run.
void erase_measured(Metrics& metrics) {
  std::erase_if(metrics, [](const auto& entry) { return entry.second.origin == Origin::measured; });
}

}  // namespace

std::string_view stop_reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::trials: return "trials";
    case StopReason::time: return "time";
    case StopReason::exhausted: return "exhausted";
    case StopReason::repeating: return "repeating";
    case StopReason::infeasible: return "infeasible";
    case StopReason::interrupted: return "interrupted";
  }
  throw InternalError("stop reason without a name");
}

std::string stop_reason_text(StopReason reason) {
  switch (reason) {
    case StopReason::trials: return "all planned trials are done";
    case StopReason::time: return "the time is used up";
    case StopReason::exhausted: return "every candidate of the space was proposed";
    case StopReason::repeating: return "the strategy proposed almost only candidates that were evaluated before";
    case StopReason::infeasible: return "almost no candidate kept the limits";
    case StopReason::interrupted: return "interrupted; the same command resumes";
  }
  throw InternalError("stop reason without a text");
}

DriveResult drive(const DriveSettings& settings, const DriveParts& parts) { return DriveLoop(settings, parts).run(); }

Json reproducible_part(const Trial& trial) {
  Trial copy = trial;
  erase_measured(copy.metrics);
  for (CurvePoint& point : copy.curve) erase_measured(point.metrics);
  Json json = to_json(copy);
  json.erase("time_s");
  return json;
}

std::string history_text(Store& store) {
  std::string text;
  store.for_each_trial(0, [&](const TrialRow& row) { text += reproducible_part(row.trial).dump() + "\n"; });
  return text;
}

}  // namespace nacre
