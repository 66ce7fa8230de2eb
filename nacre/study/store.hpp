// The durable record of a study: trials, results, costs, leases, artefacts. One contract for every store (memory,
// SQLite, later PostgreSQL); tests/study/store_contract_test.cpp is that contract as a test suite.
//
//   commands (this class)  ->  events (append-only log, the truth)  ->  tables (derived; rebuild() makes them anew)
//
// A command is one transaction: it checks the tables, appends events, and applies each to the tables. The checks and the
// application are written once, here; a store only supplies the transaction, the log and the rows. Commands may be
// grouped with transaction().
//
// Leases. A trial that is asked for is pending until a worker leases it. The lease has a deadline, which heartbeats
// push back, and a fencing token (the sequence of its event). A lease that expires or is given back returns the trial
// with the next attempt; after the last attempt the trial is failed with the reason. A result is taken only under the
// newest token: telling twice is harmless, telling late is refused.
//
// Threads: every member may be called from any thread; calls are serialised. Processes: several may use one SQLite
// study at once. Times are seconds since 1970 by the store's clock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/design/trial.hpp"
#include "nacre/study/event.hpp"

namespace nacre {

struct StudyRecord {
  Json config;          // the resolved configuration
  Json machine;         // study/machine.hpp
  std::string version;  // of nacre that created it
  double created_s = 0;
};

struct LeasePolicy {
  double duration_s = 120;   // from lease or heartbeat to deadline
  int64_t max_attempts = 3;  // then the trial is failed
};

struct Lease {
  int64_t trial = -1;
  std::string worker;
  int64_t attempt = 1;  // counts from 1
  int64_t token = 0;
  double deadline_s = 0;
};

struct DeviceLease {
  std::string device;
  std::string holder;
  int64_t token = 0;  // 0: free
  double deadline_s = 0;
};

enum class TellOutcome {
  recorded,  // this call's result is the trial's result
  repeated,  // the same lease told before; nothing changed
  refused,   // the lease is not the newest one; nothing changed
};

struct Artifact {
  std::string name;  // content hash and extension: the file in the study's artefact folder
  std::string kind;  // "weights", "model", ...
  int64_t trial = -1;
  uint64_t bytes = 0;

  bool operator==(const Artifact&) const = default;
};

// What was done with a trial's network after the search: a final training, a test, an export. Named by its content
// ("final_training 12 seed 0 ..."), so that work done once is found again on resume.
struct Followup {
  std::string name;
  int64_t trial = -1;
  Json body;

  bool operator==(const Followup&) const = default;
};

// From start to end of one process that drove the study.
struct Sitting {
  int64_t number = 0;  // counts from 1
  double started_s = 0;
  std::optional<double> ended_s;  // nothing: still running or killed
  std::string reason;             // why it ended
  Json machine;
};

// Where a trial stands beside what the Trial says.
struct LeaseState {
  TrialStatus status = TrialStatus::pending;
  int64_t attempt = 0;  // leases that count so far
  std::string worker;   // of the newest lease
  int64_t token = 0;    // of the newest lease, 0: none is out
  double deadline_s = 0;
  int64_t told_token = 0;  // the token under which the result came
};

struct TrialRow {
  Trial trial;
  LeaseState lease;
  double asked_s = 0;
  double completed_s = 0;  // 0: not yet
};

class Store {
 public:
  using Clock = std::function<double()>;

  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Runs `commands` as one transaction: all of them are recorded or, when an exception leaves, none. May be nested.
  void transaction(const std::function<void()>& commands);

  // --- the study
  // UserError when there is one already.
  void create_study(const StudyRecord& record);
  std::optional<StudyRecord> study();
  int64_t begin_sitting(const Json& machine);
  void end_sitting(int64_t sitting, std::string_view reason);
  std::vector<Sitting> sittings();
  // Time spent in all sittings; one that has not ended (killed, or running now) counts up to its last event.
  double spent_s();

  // --- asking
  // The number of the next ask: trials are numbered 0, 1, 2, ... without gaps.
  int64_t next_ask_number();
  // Records a pending trial (number, candidate, request and key are given). False when the number was taken meanwhile.
  bool record_ask(const Trial& trial);

  // --- leasing
  // The pending (or expired) trial of the lowest number, or nothing.
  std::optional<Lease> lease_next(const std::string& worker, const LeasePolicy& policy);
  // That trial, or nothing when it is complete or out on a live lease.
  std::optional<Lease> lease_trial(int64_t number, const std::string& worker, const LeasePolicy& policy);
  // Pushes the deadline back. False when the lease is not the newest one any more: the worker should stop.
  bool heartbeat(Lease& lease, const LeasePolicy& policy);
  // Gives the trial back without a result. `counted` attempts add up to policy.max_attempts (a crash); others do not
  // (an interruption). A lease that is not the newest one is ignored.
  void release(const Lease& lease, std::string_view reason, bool counted, const LeasePolicy& policy);

  // --- telling
  TellOutcome tell(const Lease& lease, const Trial& result);
  // A result decided without a lease: infeasible by its cost, or a cached answer. Refused when the trial is out on a
  // lease; repeated when it is complete.
  TellOutcome tell_unleased(const Trial& result);
  // Records `number` as a repetition of the complete trial `from`: its result, with cached_from set and no time spent.
  TellOutcome tell_cached(int64_t number, int64_t from);

  // --- devices: exclusive, so that neighbours cannot poison a measurement
  std::optional<DeviceLease> lease_device(const std::string& device, const std::string& holder, double duration_s);
  bool heartbeat_device(DeviceLease& lease, double duration_s);
  void release_device(const DeviceLease& lease);
  std::vector<DeviceLease> devices();  // those that were ever leased; token 0: free

  // --- artefacts
  void register_artifact(const Artifact& artifact);  // twice is harmless
  std::vector<Artifact> artifacts();

  // --- follow-ups
  void record_followup(const Followup& followup);  // a later one of the same name replaces it
  std::optional<Followup> followup(const std::string& name);
  std::vector<Followup> followups();

  // --- reading; never waits for the disk to flush
  int64_t trial_count();  // asked so far
  std::optional<TrialRow> trial(int64_t number);
  // In the order of numbers, from `first` on. Visitors of trials and events only read.
  void for_each_trial(int64_t first, const std::function<void(const TrialRow&)>& visit);
  std::vector<Trial> trials();
  std::map<TrialStatus, int64_t> status_counts();
  // The first trial that was evaluated itself under this reuse key and is ok or infeasible.
  std::optional<int64_t> find_result(const std::string& key);
  // In the order of the log, after `sequence`.
  void for_each_event(int64_t after, const std::function<void(const Event&)>& visit);

  // --- tables
  // Makes all tables anew from the log.
  void rebuild();
  // All tables as text, row by row: equal texts mean equal tables, in whatever store.
  std::string tables_text();

  // Waits until everything recorded is on the disk (end of a sitting). Does nothing where there is no disk.
  virtual void flush() {}
  double now_s() const { return clock_(); }

 protected:
  explicit Store(Clock clock);

  // --- what a store supplies; called with the mutex held, writing ones within a transaction
  virtual void begin() = 0;
  virtual void commit() = 0;
  virtual void rollback() = 0;
  virtual int64_t append_event(const Event& event) = 0;  // gives the sequence
  virtual std::optional<double> last_event_time_s() = 0;
  virtual void visit_events(int64_t after, const std::function<void(const Event&)>& visit) = 0;
  virtual void clear_tables() = 0;

  virtual std::optional<StudyRecord> read_study() = 0;
  virtual void write_study(const StudyRecord& record) = 0;

  virtual int64_t count_trials() = 0;
  virtual std::optional<TrialRow> read_trial(int64_t number) = 0;
  virtual std::optional<LeaseState> read_lease(int64_t number) = 0;
  virtual void insert_trial(const TrialRow& row) = 0;
  virtual void update_lease(int64_t number, const LeaseState& lease) = 0;
  virtual void update_result(const TrialRow& row) = 0;
  virtual std::optional<int64_t> first_leasable(double now_s) = 0;
  virtual std::optional<int64_t> first_result(const std::string& key) = 0;
  virtual void visit_trials(int64_t first, const std::function<void(const TrialRow&)>& visit) = 0;
  virtual std::map<TrialStatus, int64_t> count_statuses() = 0;

  virtual std::optional<DeviceLease> read_device(const std::string& device) = 0;
  virtual void write_device(const DeviceLease& lease) = 0;
  virtual std::vector<DeviceLease> read_devices() = 0;  // by name
  virtual std::optional<Artifact> read_artifact(const std::string& name) = 0;
  virtual void insert_artifact(const Artifact& artifact) = 0;
  virtual std::vector<Artifact> read_artifacts() = 0;  // by name
  virtual std::optional<Followup> read_followup(const std::string& name) = 0;
  virtual void write_followup(const Followup& followup) = 0;  // by name: inserted or replaced
  virtual std::vector<Followup> read_followups() = 0;         // by name
  virtual void write_sitting(const Sitting& sitting) = 0;     // by number: inserted or replaced
  virtual std::vector<Sitting> read_sittings() = 0;           // by number

 private:
  int64_t record(EventKind kind, int64_t trial, Json payload);
  void apply(const Event& event);
  void apply_event(const Event& event);
  void apply_trial_event(const Event& event);
  void apply_result(const Event& event);
  void apply_device_event(const Event& event);
  void apply_sitting_event(const Event& event);
  LeaseState lease_state(int64_t number);
  bool make_leasable(int64_t number, LeaseState& state, const LeasePolicy& policy);
  void give_up(int64_t number, int64_t attempts, std::string_view reason);
  Lease grant(int64_t number, const LeaseState& state, const std::string& worker, const LeasePolicy& policy);

  Clock clock_;
  std::recursive_mutex mutex_;
  int depth_ = 0;  // of nested transactions
};

// The system's clock.
double wall_clock_s();

}  // namespace nacre
