// The contract's logic: commands that check the tables and append events. store_apply.cpp turns events into rows.
#include "nacre/study/store.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// A value that is no number is one that is not known.
void forget_nan(Metrics& metrics) {
  for (auto& [name, metric] : metrics) {
    if (metric.value && std::isnan(*metric.value)) metric.value.reset();
    if (metric.spread && std::isnan(*metric.spread)) metric.spread.reset();
  }
}

// What a result event says: the trial without what its ask said already.
Json result_json(Trial trial) {
  forget_nan(trial.metrics);
  for (CurvePoint& point : trial.curve) forget_nan(point.metrics);
  Json json = to_json(trial);
  for (const char* known : {"number", "candidate", "request", "key"}) json.erase(known);
  return json;
}

}  // namespace

double wall_clock_s() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

Store::Store(Clock clock) : clock_(clock ? std::move(clock) : Clock(wall_clock_s)) {}

void Store::transaction(const std::function<void()>& commands) {
  const std::lock_guard lock(mutex_);
  if (depth_ > 0) {
    commands();
    return;
  }
  begin();
  ++depth_;
  try {
    commands();
    commit();
    --depth_;
  } catch (...) {
    --depth_;
    rollback();
    throw;
  }
}

int64_t Store::record(EventKind kind, int64_t trial, Json payload) {
  Event event{0, now_s(), kind, trial, std::move(payload)};
  event.sequence = append_event(event);
  apply(event);
  return event.sequence;
}

// --- the study ----------------------------------------------------------------------------------------------------

void Store::create_study(const StudyRecord& record_of_study) {
  transaction([&] {
    if (read_study()) throw UserError("the study exists already; resume it or choose another output_dir");
    record(EventKind::study_created, -1,
           {{"config", record_of_study.config},
            {"machine", record_of_study.machine},
            {"version", record_of_study.version}});
  });
}

std::optional<StudyRecord> Store::study() {
  const std::lock_guard lock(mutex_);
  return read_study();
}

int64_t Store::begin_sitting(const Json& machine) {
  int64_t number = 0;
  transaction([&] {
    number = static_cast<int64_t>(read_sittings().size()) + 1;
    record(EventKind::sitting_started, -1,
           {{"machine", machine}, {"previous_last_s", last_event_time_s().value_or(now_s())}});
  });
  return number;
}

void Store::end_sitting(int64_t sitting, std::string_view reason) {
  transaction([&] { record(EventKind::sitting_ended, -1, {{"sitting", sitting}, {"reason", std::string(reason)}}); });
}

std::vector<Sitting> Store::sittings() {
  const std::lock_guard lock(mutex_);
  return read_sittings();
}

double Store::spent_s() {
  const std::lock_guard lock(mutex_);
  const double last_s = last_event_time_s().value_or(0);
  double spent = 0;
  for (const Sitting& sitting : read_sittings()) {
    spent += std::max(0.0, sitting.ended_s.value_or(last_s) - sitting.started_s);
  }
  return spent;
}

// --- asking -------------------------------------------------------------------------------------------------------

int64_t Store::next_ask_number() { return trial_count(); }

bool Store::record_ask(const Trial& trial) {
  bool taken = false;
  transaction([&] {
    const int64_t next = count_trials();
    NACRE_CHECK(trial.number >= 0 && trial.number <= next, "ask numbers have no gaps");
    taken = trial.number < next;
    if (taken) return;
    Trial pending = trial;
    pending.status = TrialStatus::pending;
    record(EventKind::asked, trial.number, {{"trial", to_json(pending)}});
  });
  return !taken;
}

// --- leasing ------------------------------------------------------------------------------------------------------

LeaseState Store::lease_state(int64_t number) {
  std::optional<LeaseState> state = read_lease(number);
  NACRE_CHECK(state.has_value(), "no trial " + std::to_string(number));
  return *state;
}

// The trial's attempts are used up: the result is a failure.
void Store::give_up(int64_t number, int64_t attempts, std::string_view reason) {
  Trial failed;
  failed.status = TrialStatus::failed;
  failed.reason = "no result after " + std::to_string(attempts) + (attempts == 1 ? " attempt" : " attempts") + ": " +
                  std::string(reason);
  record(EventKind::result, number, {{"token", 0}, {"result", result_json(failed)}});
}

// Expires an overdue lease. False when the trial cannot be leased: complete, out on a live lease, or given up now.
bool Store::make_leasable(int64_t number, LeaseState& state, const LeasePolicy& policy) {
  if (state.status == TrialStatus::running) {
    if (state.deadline_s > now_s()) return false;
    const std::string reason = "the lease of worker '" + state.worker + "' expired";
    record(EventKind::expired, number, {{"token", state.token}, {"reason", reason}});
    state = lease_state(number);
    if (state.attempt >= policy.max_attempts) {
      give_up(number, state.attempt, reason);
      return false;
    }
  }
  return state.status == TrialStatus::pending;
}

Lease Store::grant(int64_t number, const LeaseState& state, const std::string& worker, const LeasePolicy& policy) {
  Lease lease{number, worker, state.attempt + 1, 0, now_s() + policy.duration_s};
  lease.token = record(EventKind::leased, number,
                       {{"worker", worker}, {"attempt", lease.attempt}, {"deadline_s", lease.deadline_s}});
  return lease;
}

std::optional<Lease> Store::lease_next(const std::string& worker, const LeasePolicy& policy) {
  std::optional<Lease> lease;
  transaction([&] {
    while (const std::optional<int64_t> number = first_leasable(now_s())) {
      LeaseState state = lease_state(*number);
      if (!make_leasable(*number, state, policy)) continue;
      lease = grant(*number, state, worker, policy);
      return;
    }
  });
  return lease;
}

std::optional<Lease> Store::lease_trial(int64_t number, const std::string& worker, const LeasePolicy& policy) {
  std::optional<Lease> lease;
  transaction([&] {
    LeaseState state = lease_state(number);
    if (make_leasable(number, state, policy)) lease = grant(number, state, worker, policy);
  });
  return lease;
}

bool Store::heartbeat(Lease& lease, const LeasePolicy& policy) {
  bool alive = false;
  transaction([&] {
    const LeaseState state = lease_state(lease.trial);
    alive = state.status == TrialStatus::running && state.token == lease.token;
    if (!alive) return;
    lease.deadline_s = now_s() + policy.duration_s;
    record(EventKind::heartbeat, lease.trial, {{"token", lease.token}, {"deadline_s", lease.deadline_s}});
  });
  return alive;
}

void Store::release(const Lease& lease, std::string_view reason, bool counted, const LeasePolicy& policy) {
  transaction([&] {
    const LeaseState state = lease_state(lease.trial);
    if (state.status != TrialStatus::running || state.token != lease.token) return;
    record(EventKind::released, lease.trial,
           {{"token", lease.token}, {"reason", std::string(reason)}, {"counted", counted}});
    if (counted && state.attempt >= policy.max_attempts) give_up(lease.trial, state.attempt, reason);
  });
}

// --- telling ------------------------------------------------------------------------------------------------------

TellOutcome Store::tell(const Lease& lease, const Trial& result) {
  NACRE_CHECK(result.is_complete(), "a result is complete");
  NACRE_CHECK(lease.token > 0);
  TellOutcome outcome = TellOutcome::refused;
  transaction([&] {
    const LeaseState state = lease_state(lease.trial);
    if (state.status == TrialStatus::running && state.token == lease.token) {
      record(EventKind::result, lease.trial, {{"token", lease.token}, {"result", result_json(result)}});
      outcome = TellOutcome::recorded;
    } else if (state.told_token == lease.token) {
      outcome = TellOutcome::repeated;
    }
  });
  return outcome;
}

TellOutcome Store::tell_unleased(const Trial& result) {
  NACRE_CHECK(result.is_complete(), "a result is complete");
  TellOutcome outcome = TellOutcome::refused;
  transaction([&] {
    const LeaseState state = lease_state(result.number);
    if (state.status == TrialStatus::pending) {
      record(EventKind::result, result.number, {{"token", 0}, {"result", result_json(result)}});
      outcome = TellOutcome::recorded;
    } else if (state.status != TrialStatus::running) {
      outcome = TellOutcome::repeated;
    }
  });
  return outcome;
}

TellOutcome Store::tell_cached(int64_t number, int64_t from) {
  TellOutcome outcome = TellOutcome::refused;
  transaction([&] {
    const std::optional<TrialRow> source = read_trial(from);
    NACRE_CHECK(source && source->trial.is_complete() && from < number, "a cached answer repeats an earlier result");
    Trial result = source->trial;
    result.number = number;
    result.cached_from = source->trial.cached_from >= 0 ? source->trial.cached_from : from;
    result.time_s = 0;
    outcome = tell_unleased(result);
  });
  return outcome;
}

// --- devices and artefacts ----------------------------------------------------------------------------------------

std::optional<DeviceLease> Store::lease_device(const std::string& device, const std::string& holder,
                                               double duration_s) {
  std::optional<DeviceLease> lease;
  transaction([&] {
    const std::optional<DeviceLease> held = read_device(device);
    if (held && held->token != 0 && held->deadline_s > now_s()) return;
    lease = DeviceLease{device, holder, 0, now_s() + duration_s};
    lease->token = record(EventKind::device_leased, -1,
                          {{"device", device}, {"holder", holder}, {"deadline_s", lease->deadline_s}});
  });
  return lease;
}

bool Store::heartbeat_device(DeviceLease& lease, double duration_s) {
  bool alive = false;
  transaction([&] {
    const std::optional<DeviceLease> held = read_device(lease.device);
    alive = held && held->token == lease.token;
    if (!alive) return;
    lease.deadline_s = now_s() + duration_s;
    record(EventKind::device_heartbeat, -1,
           {{"device", lease.device}, {"token", lease.token}, {"deadline_s", lease.deadline_s}});
  });
  return alive;
}

void Store::release_device(const DeviceLease& lease) {
  transaction([&] {
    const std::optional<DeviceLease> held = read_device(lease.device);
    if (!held || held->token == 0 || held->token != lease.token) return;
    record(EventKind::device_released, -1, {{"device", lease.device}, {"token", lease.token}});
  });
}

std::vector<DeviceLease> Store::devices() {
  const std::lock_guard lock(mutex_);
  return read_devices();
}

void Store::register_artifact(const Artifact& artifact) {
  transaction([&] {
    if (const std::optional<Artifact> known = read_artifact(artifact.name)) {
      NACRE_CHECK(known->bytes == artifact.bytes, "artefacts are named by content");
      return;
    }
    record(EventKind::artifact, artifact.trial,
           {{"name", artifact.name}, {"kind", artifact.kind}, {"bytes", artifact.bytes}});
  });
}

void Store::record_followup(const Followup& followup) {
  transaction([&] { record(EventKind::followup, followup.trial, {{"name", followup.name}, {"body", followup.body}}); });
}

std::optional<Followup> Store::followup(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return read_followup(name);
}

std::vector<Followup> Store::followups() {
  const std::lock_guard lock(mutex_);
  return read_followups();
}

std::vector<Artifact> Store::artifacts() {
  const std::lock_guard lock(mutex_);
  return read_artifacts();
}

// --- reading ------------------------------------------------------------------------------------------------------

int64_t Store::trial_count() {
  const std::lock_guard lock(mutex_);
  return count_trials();
}

std::optional<TrialRow> Store::trial(int64_t number) {
  const std::lock_guard lock(mutex_);
  return read_trial(number);
}

void Store::for_each_trial(int64_t first, const std::function<void(const TrialRow&)>& visit) {
  const std::lock_guard lock(mutex_);
  visit_trials(first, visit);
}

std::vector<Trial> Store::trials() {
  std::vector<Trial> result;
  for_each_trial(0, [&](const TrialRow& row) { result.push_back(row.trial); });
  return result;
}

std::map<TrialStatus, int64_t> Store::status_counts() {
  const std::lock_guard lock(mutex_);
  return count_statuses();
}

std::optional<int64_t> Store::find_result(const std::string& key) {
  const std::lock_guard lock(mutex_);
  return key.empty() ? std::nullopt : first_result(key);
}

void Store::for_each_event(int64_t after, const std::function<void(const Event&)>& visit) {
  const std::lock_guard lock(mutex_);
  visit_events(after, visit);
}

}  // namespace nacre
