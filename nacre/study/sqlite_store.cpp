#include "nacre/study/sqlite_store.hpp"

#include <utility>

#include "nacre/base/error.hpp"
#include "nacre/study/sqlite_database.hpp"

namespace nacre {
namespace {

constexpr int64_t kApplicationId = 0x6e616372;         // "nacr", in the file's header
constexpr uintmax_t kFullCheckLimitBytes = 64u << 20;  // larger files are checked as they are read
constexpr const char* kReusable = "status IN ('ok', 'infeasible') AND cached_from < 0";

constexpr const char* kSchema = R"sql(
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY,
  time_s REAL NOT NULL,
  kind TEXT NOT NULL,
  trial INTEGER NOT NULL,
  payload TEXT NOT NULL);
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TABLE study (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  config TEXT NOT NULL,
  machine TEXT NOT NULL,
  version TEXT NOT NULL,
  created_s REAL NOT NULL);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  key TEXT NOT NULL,
  cached_from INTEGER NOT NULL,
  made_by TEXT NOT NULL,
  weights TEXT NOT NULL,
  time_s REAL NOT NULL,
  attempt INTEGER NOT NULL,
  worker TEXT NOT NULL,
  token INTEGER NOT NULL,
  deadline_s REAL NOT NULL,
  told_token INTEGER NOT NULL,
  asked_s REAL NOT NULL,
  completed_s REAL NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX trials_open ON trials (number) WHERE status IN ('pending', 'running');
CREATE INDEX trials_by_key ON trials (key, number) WHERE status IN ('ok', 'infeasible') AND cached_from < 0;
CREATE INDEX trials_by_status ON trials (status);
CREATE TABLE metrics (
  trial INTEGER NOT NULL,
  name TEXT NOT NULL,
  value REAL,
  unit TEXT NOT NULL,
  origin TEXT NOT NULL,
  source TEXT NOT NULL,
  count INTEGER NOT NULL,
  spread REAL,
  PRIMARY KEY (trial, name)) WITHOUT ROWID;
CREATE TABLE devices (device TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, deadline_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE followups (name TEXT PRIMARY KEY, trial INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE artifacts (name TEXT PRIMARY KEY, kind TEXT NOT NULL, trial INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sittings (
  number INTEGER PRIMARY KEY,
  started_s REAL NOT NULL,
  ended_s REAL,
  reason TEXT NOT NULL,
  machine TEXT NOT NULL);
)sql";

constexpr const char* kTrialColumns =
    "number, status, attempt, worker, token, deadline_s, told_token, asked_s, completed_s, body";

TrialStatus status_from(const SqliteStatement& row, int column) {
  try {
    return trial_status_from_name(row.text(column));
  } catch (const InternalError&) {
    throw UserError("the study is damaged: a trial has the status '" + row.text(column) + "'");
  }
}

LeaseState lease_from(const SqliteStatement& row, int first) {
  return {status_from(row, first), row.integer(first + 1), row.text(first + 2),
          row.integer(first + 3),  row.real(first + 4),    row.integer(first + 5)};
}

class SqliteStore final : public Store {
 public:
  SqliteStore(const std::filesystem::path& path, StoreMode mode, Clock clock)
      : Store(std::move(clock)), database_(path, database_mode(mode), "study") {
    if (mode != StoreMode::read_only) {
      database_.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    }
    check_file(mode);
  }

  void flush() override {
    // TRUNCATE would wait for readers; PASSIVE copies and synchronises what can be.
    database_.text("PRAGMA wal_checkpoint(PASSIVE)");
  }

 private:
  static SqliteDatabase::Mode database_mode(StoreMode mode) {
    switch (mode) {
      case StoreMode::open_or_create: return SqliteDatabase::Mode::create;
      case StoreMode::open: return SqliteDatabase::Mode::read_write;
      case StoreMode::read_only: return SqliteDatabase::Mode::read_only;
    }
    throw InternalError("no such mode");
  }

  void check_file(StoreMode mode) {
    const std::string file = "'" + database_.path().string() + "'";
    if (mode == StoreMode::open_or_create) create_schema_if_empty();
    if (database_.integer("PRAGMA application_id") != kApplicationId) {
      throw UserError(file + " is not a nacre study; choose another output_dir or remove the file");
    }
    const int64_t version = database_.integer("PRAGMA user_version");
    if (version > kStudySchemaVersion) {
      throw UserError("the study " + file + " has format " + std::to_string(version) + ", this nacre reads up to " +
                      std::to_string(kStudySchemaVersion) + "; use the newer nacre that wrote it");
    }
    if (version < kStudySchemaVersion)
      throw UserError("the study " + file + " has the unknown format " + std::to_string(version));
    if (std::filesystem::file_size(database_.path()) > kFullCheckLimitBytes) return;
    const std::string found = database_.text("PRAGMA quick_check(1)");
    if (found != "ok") {
      throw UserError("the study " + file + " is damaged (" + found +
                      "); restore it from a copy or choose another output_dir");
    }
  }

  // A process may be killed between making the file and making the tables, and two may start at once.
  void create_schema_if_empty() {
    if (database_.integer("SELECT count(*) FROM sqlite_schema") > 0) return;
    database_.execute("BEGIN IMMEDIATE");
    try {
      if (database_.integer("SELECT count(*) FROM sqlite_schema") == 0) {
        database_.execute(kSchema);
        database_.execute(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
        database_.execute(("PRAGMA user_version = " + std::to_string(kStudySchemaVersion)).c_str());
      }
      database_.execute("COMMIT");
    } catch (...) {
      rollback();
      throw;
    }
  }

  // --- the transaction and the log
  void begin() override { database_.prepare("BEGIN IMMEDIATE").run(); }
  void commit() override { database_.prepare("COMMIT").run(); }
  void rollback() override {
    if (database_.in_transaction()) database_.prepare("ROLLBACK").run();
  }

  int64_t append_event(const Event& event) override {
    const std::string payload = event.payload.dump(-1, ' ', false, Json::error_handler_t::replace);
    database_.prepare("INSERT INTO events (time_s, kind, trial, payload) VALUES (?, ?, ?, ?)")
        .bind(1, event.time_s)
        .bind(2, event_kind_name(event.kind))
        .bind(3, event.trial)
        .bind(4, payload)
        .run();
    return database_.last_insert_rowid();
  }

  std::optional<double> last_event_time_s() override {
    SqliteStatement row = database_.prepare("SELECT time_s FROM events ORDER BY sequence DESC LIMIT 1");
    return row.step() ? std::optional(row.real(0)) : std::nullopt;
  }

  void visit_events(int64_t after, const std::function<void(const Event&)>& visit) override {
    SqliteStatement row = database_.prepare(
        "SELECT sequence, time_s, kind, trial, payload FROM events WHERE sequence > ? ORDER BY sequence");
    row.bind(1, after);
    while (row.step()) {
      visit({row.integer(0), row.real(1), event_kind_from_name(row.text(2)), row.integer(3), json_column(row, 4)});
    }
  }

  void clear_tables() override {
    database_.execute(
        "DELETE FROM study; DELETE FROM trials; DELETE FROM metrics; DELETE FROM devices; DELETE FROM artifacts; "
        "DELETE FROM followups; DELETE FROM sittings;");
  }

  Json json_column(const SqliteStatement& row, int column) {
    try {
      return Json::parse(row.text(column));
    } catch (const Json::exception& error) {
      throw UserError("the study '" + database_.path().string() + "' is damaged: " + error.what());
    }
  }

  // --- study, sittings, devices, artefacts
  std::optional<StudyRecord> read_study() override {
    SqliteStatement row = database_.prepare("SELECT config, machine, version, created_s FROM study");
    if (!row.step()) return std::nullopt;
    return StudyRecord{json_column(row, 0), json_column(row, 1), row.text(2), row.real(3)};
  }

  void write_study(const StudyRecord& record) override {
    const std::string config = record.config.dump(-1, ' ', false, Json::error_handler_t::replace);
    const std::string machine = record.machine.dump(-1, ' ', false, Json::error_handler_t::replace);
    database_.prepare("INSERT INTO study (only, config, machine, version, created_s) VALUES (1, ?, ?, ?, ?)")
        .bind(1, config)
        .bind(2, machine)
        .bind(3, record.version)
        .bind(4, record.created_s)
        .run();
  }

  void write_sitting(const Sitting& sitting) override {
    const std::string machine = sitting.machine.dump(-1, ' ', false, Json::error_handler_t::replace);
    database_
        .prepare("INSERT OR REPLACE INTO sittings (number, started_s, ended_s, reason, machine) VALUES (?, ?, ?, ?, ?)")
        .bind(1, sitting.number)
        .bind(2, sitting.started_s)
        .bind(3, sitting.ended_s)
        .bind(4, sitting.reason)
        .bind(5, machine)
        .run();
  }

  std::vector<Sitting> read_sittings() override {
    std::vector<Sitting> result;
    SqliteStatement row =
        database_.prepare("SELECT number, started_s, ended_s, reason, machine FROM sittings ORDER BY number");
    while (row.step()) {
      result.push_back({row.integer(0), row.real(1), row.optional_real(2), row.text(3), json_column(row, 4)});
    }
    return result;
  }

  std::optional<DeviceLease> read_device(const std::string& device) override {
    SqliteStatement row = database_.prepare("SELECT device, holder, token, deadline_s FROM devices WHERE device = ?");
    row.bind(1, device);
    if (!row.step()) return std::nullopt;
    return DeviceLease{row.text(0), row.text(1), row.integer(2), row.real(3)};
  }

  void write_device(const DeviceLease& lease) override {
    database_.prepare("INSERT OR REPLACE INTO devices (device, holder, token, deadline_s) VALUES (?, ?, ?, ?)")
        .bind(1, lease.device)
        .bind(2, lease.holder)
        .bind(3, lease.token)
        .bind(4, lease.deadline_s)
        .run();
  }

  std::vector<DeviceLease> read_devices() override {
    std::vector<DeviceLease> result;
    SqliteStatement row = database_.prepare("SELECT device, holder, token, deadline_s FROM devices ORDER BY device");
    while (row.step()) result.push_back({row.text(0), row.text(1), row.integer(2), row.real(3)});
    return result;
  }

  Followup followup_from(const SqliteStatement& row) { return {row.text(0), row.integer(1), json_column(row, 2)}; }

  std::optional<Followup> read_followup(const std::string& name) override {
    SqliteStatement row = database_.prepare("SELECT name, trial, body FROM followups WHERE name = ?");
    row.bind(1, name);
    return row.step() ? std::optional(followup_from(row)) : std::nullopt;
  }

  void write_followup(const Followup& followup) override {
    const std::string body = followup.body.dump(-1, ' ', false, Json::error_handler_t::replace);
    database_.prepare("INSERT OR REPLACE INTO followups (name, trial, body) VALUES (?, ?, ?)")
        .bind(1, followup.name)
        .bind(2, followup.trial)
        .bind(3, body)
        .run();
  }

  std::vector<Followup> read_followups() override {
    std::vector<Followup> result;
    SqliteStatement row = database_.prepare("SELECT name, trial, body FROM followups ORDER BY name");
    while (row.step()) result.push_back(followup_from(row));
    return result;
  }

  static Artifact artifact_from(const SqliteStatement& row) {
    return {row.text(0), row.text(1), row.integer(2), static_cast<uint64_t>(row.integer(3))};
  }

  std::optional<Artifact> read_artifact(const std::string& name) override {
    SqliteStatement row = database_.prepare("SELECT name, kind, trial, bytes FROM artifacts WHERE name = ?");
    row.bind(1, name);
    return row.step() ? std::optional(artifact_from(row)) : std::nullopt;
  }

  void insert_artifact(const Artifact& artifact) override {
    database_.prepare("INSERT INTO artifacts (name, kind, trial, bytes) VALUES (?, ?, ?, ?)")
        .bind(1, artifact.name)
        .bind(2, artifact.kind)
        .bind(3, artifact.trial)
        .bind(4, static_cast<int64_t>(artifact.bytes))
        .run();
  }

  std::vector<Artifact> read_artifacts() override {
    std::vector<Artifact> result;
    SqliteStatement row = database_.prepare("SELECT name, kind, trial, bytes FROM artifacts ORDER BY name");
    while (row.step()) result.push_back(artifact_from(row));
    return result;
  }

  // --- trials
  int64_t count_trials() override { return database_.integer("SELECT coalesce(max(number) + 1, 0) FROM trials"); }

  std::optional<TrialRow> read_trial(int64_t number) override {
    SqliteStatement row = database_.prepare(std::string("SELECT ") + kTrialColumns + " FROM trials WHERE number = ?");
    row.bind(1, number);
    return row.step() ? std::optional(trial_from(row)) : std::nullopt;
  }

  std::optional<LeaseState> read_lease(int64_t number) override {
    SqliteStatement row =
        database_.prepare("SELECT status, attempt, worker, token, deadline_s, told_token FROM trials WHERE number = ?");
    row.bind(1, number);
    return row.step() ? std::optional(lease_from(row, 0)) : std::nullopt;
  }

  TrialRow trial_from(const SqliteStatement& row) {
    TrialRow result;
    result.lease = lease_from(row, 1);
    result.asked_s = row.real(7);
    result.completed_s = row.real(8);
    Json body = json_column(row, 9);
    body["metrics"] = Json::object();
    result.trial = trial_from_json(body);
    result.trial.status = result.lease.status;
    if (result.trial.is_complete()) result.trial.metrics = read_metrics(result.trial.number);
    return result;
  }

  // The body holds all but the metrics, which stand in their own table.
  static std::string body_of(const Trial& trial) {
    Json json = to_json(trial);
    json.erase("metrics");
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  void insert_trial(const TrialRow& row) override {
    const std::string body = body_of(row.trial);
    database_
        .prepare(
            "INSERT INTO trials (number, status, reason, key, cached_from, made_by, weights, time_s, attempt, worker, "
            "token, "
            "deadline_s, told_token, asked_s, completed_s, body) VALUES (?, 'pending', '', ?, -1, ?, '', 0, 0, '', 0, "
            "0, 0, ?, 0, ?)")
        .bind(1, row.trial.number)
        .bind(2, row.trial.key)
        .bind(3, row.trial.candidate.made_by)
        .bind(4, row.asked_s)
        .bind(5, body)
        .run();
  }

  void update_lease(int64_t number, const LeaseState& lease) override {
    database_
        .prepare(
            "UPDATE trials SET status = ?, attempt = ?, worker = ?, token = ?, deadline_s = ?, told_token = ? WHERE "
            "number = ?")
        .bind(1, trial_status_name(lease.status))
        .bind(2, lease.attempt)
        .bind(3, lease.worker)
        .bind(4, lease.token)
        .bind(5, lease.deadline_s)
        .bind(6, lease.told_token)
        .bind(7, number)
        .run();
  }

  void update_result(const TrialRow& row) override {
    const Trial& trial = row.trial;
    const std::string body = body_of(trial);
    database_
        .prepare(
            "UPDATE trials SET reason = ?, cached_from = ?, weights = ?, time_s = ?, completed_s = ?, body = ? WHERE "
            "number = ?")
        .bind(1, trial.reason)
        .bind(2, trial.cached_from)
        .bind(3, trial.weights)
        .bind(4, trial.time_s)
        .bind(5, row.completed_s)
        .bind(6, body)
        .bind(7, trial.number)
        .run();
    update_lease(trial.number, row.lease);
    for (const auto& [name, metric] : trial.metrics) {
      database_
          .prepare(
              "INSERT INTO metrics (trial, name, value, unit, origin, source, count, spread) VALUES (?, ?, ?, ?, ?, ?, "
              "?, ?)")
          .bind(1, trial.number)
          .bind(2, name)
          .bind(3, metric.value)
          .bind(4, metric.unit)
          .bind(5, origin_name(metric.origin))
          .bind(6, metric.source)
          .bind(7, metric.count)
          .bind(8, metric.spread)
          .run();
    }
  }

  Metrics read_metrics(int64_t number) {
    Metrics result;
    SqliteStatement row =
        database_.prepare("SELECT name, value, unit, origin, source, count, spread FROM metrics WHERE trial = ?");
    row.bind(1, number);
    while (row.step()) {
      result.emplace(row.text(0), Metric{row.optional_real(1), row.text(2), origin_from_name(row.text(3)), row.text(4),
                                         row.integer(5), row.optional_real(6)});
    }
    return result;
  }

  std::optional<int64_t> first_leasable(double now_s) override {
    SqliteStatement row = database_.prepare(
        "SELECT number FROM trials WHERE status IN ('pending', 'running') AND (status = 'pending' OR deadline_s <= ?) "
        "ORDER BY number LIMIT 1");
    row.bind(1, now_s);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
  }

  std::optional<int64_t> first_result(const std::string& key) override {
    SqliteStatement row = database_.prepare(std::string("SELECT number FROM trials WHERE key = ? AND ") + kReusable +
                                            " ORDER BY number LIMIT 1");
    row.bind(1, key);
    return row.step() ? std::optional(row.integer(0)) : std::nullopt;
  }

  void visit_trials(int64_t first, const std::function<void(const TrialRow&)>& visit) override {
    SqliteStatement row =
        database_.prepare(std::string("SELECT ") + kTrialColumns + " FROM trials WHERE number >= ? ORDER BY number");
    row.bind(1, first);
    while (row.step()) visit(trial_from(row));
  }

  std::map<TrialStatus, int64_t> count_statuses() override {
    std::map<TrialStatus, int64_t> counts;
    SqliteStatement row = database_.prepare("SELECT status, count(*) FROM trials GROUP BY status");
    while (row.step()) counts[status_from(row, 0)] = row.integer(1);
    return counts;
  }

  SqliteDatabase database_;
};

}  // namespace

std::unique_ptr<Store> open_sqlite_store(const std::filesystem::path& path, StoreMode mode, Store::Clock clock) {
  if (mode == StoreMode::open_or_create && path.has_parent_path())
    std::filesystem::create_directories(path.parent_path());
  if (mode != StoreMode::open_or_create && !std::filesystem::exists(path)) {
    throw UserError("there is no study '" + path.string() + "'; nacre search begins one");
  }
  return std::make_unique<SqliteStore>(path, mode, std::move(clock));
}

}  // namespace nacre
