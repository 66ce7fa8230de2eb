// A study as Optuna's relational storage (optuna.storages.RDBStorage on SQLite, in the form of Optuna 3.2 to 4.x; older ones
// open it with skip_compatibility_check=True), so that optuna-dashboard shows it:
//
//   optuna-dashboard sqlite:///optuna.sqlite
//
//   ok                      COMPLETE with the objectives' values; where limits are set, a trial's excess over each is kept as
//                           Optuna keeps constraints, so that infeasible ones are drawn as such
//   infeasible              COMPLETE when all objectives are known, else PRUNED: it was turned away by its costs
//   failed, pruned          FAIL, PRUNED
//   running, pending        RUNNING, WAITING
//
// Decisions are categorical parameters, other metrics user attributes, the main objective's curve intermediate values.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>

#include "nacre/run/study_export.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/study/sqlite_database.hpp"

namespace nacre {
namespace {

constexpr const char* kSchema = R"(
CREATE TABLE studies (study_id INTEGER NOT NULL, study_name VARCHAR(512) NOT NULL, PRIMARY KEY (study_id));
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (version_info_id INTEGER NOT NULL, schema_version INTEGER, library_version VARCHAR(256),
  PRIMARY KEY (version_info_id), CHECK (version_info_id = 1));
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
CREATE TABLE study_directions (study_direction_id INTEGER NOT NULL, direction VARCHAR(8) NOT NULL,
  study_id INTEGER NOT NULL, objective INTEGER NOT NULL, PRIMARY KEY (study_direction_id),
  UNIQUE (study_id, objective), FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_user_attributes (study_user_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (study_user_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_system_attributes (study_system_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (study_system_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE trials (trial_id INTEGER NOT NULL, number INTEGER, study_id INTEGER, state VARCHAR(8) NOT NULL,
  datetime_start DATETIME, datetime_complete DATETIME, PRIMARY KEY (trial_id),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE INDEX ix_trials_study_id ON trials (study_id);
CREATE TABLE trial_user_attributes (trial_user_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (trial_user_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_system_attributes (trial_system_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512),
  value_json TEXT, PRIMARY KEY (trial_system_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_params (param_id INTEGER NOT NULL, trial_id INTEGER, param_name VARCHAR(512), param_value FLOAT,
  distribution_json TEXT, PRIMARY KEY (param_id), UNIQUE (trial_id, param_name),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_values (trial_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, objective INTEGER NOT NULL,
  value FLOAT, value_type VARCHAR(7) NOT NULL, PRIMARY KEY (trial_value_id), UNIQUE (trial_id, objective),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_intermediate_values (trial_intermediate_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL,
  step INTEGER NOT NULL, intermediate_value FLOAT, intermediate_value_type VARCHAR(7) NOT NULL,
  PRIMARY KEY (trial_intermediate_value_id), UNIQUE (trial_id, step),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_heartbeats (trial_heartbeat_id INTEGER NOT NULL, trial_id INTEGER NOT NULL,
  heartbeat DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (trial_heartbeat_id), UNIQUE (trial_id),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
INSERT INTO version_info VALUES (1, 12, '3.2.0');
INSERT INTO alembic_version VALUES ('v3.2.0.a');
)";

constexpr int64_t kStudyId = 1;

// As Optuna writes them: local time without zone.
std::string time_text(double seconds) {
  const auto whole = static_cast<std::time_t>(std::floor(seconds));
  return fmt::format("{:%Y-%m-%d %H:%M:%S}.{:06d}", fmt::localtime(whole),
                     static_cast<int>((seconds - std::floor(seconds)) * 1e6));
}

class OptunaWriter {
 public:
  OptunaWriter(const StudyExport& study, SqliteDatabase& database) : study_(study), database_(database) {}

  void write() {
    database_.execute("BEGIN");
    database_.execute(kSchema);
    write_study();
    for (const TrialRow& row : study_.rows) write_trial(row);
    database_.execute("COMMIT");
  }

 private:
  const std::vector<Objective>& objectives() const { return study_.objectives.objectives; }

  void write_study() {
    auto study = database_.prepare("INSERT INTO studies VALUES (?, ?)");
    study.bind(1, kStudyId).bind(2, std::string_view(study_.name)).run();
    Json names = Json::array();
    for (size_t i = 0; i < objectives().size(); ++i) {
      const std::string_view direction = objectives()[i].direction == Direction::maximize ? "MAXIMIZE" : "MINIMIZE";
      auto row = database_.prepare("INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)");
      row.bind(1, direction).bind(2, kStudyId).bind(3, static_cast<int64_t>(i)).run();
      names.push_back(objectives()[i].metric);
    }
    add_attribute("study_system_attributes", "study_id", kStudyId, "study:metric_names", names);
    add_attribute("study_user_attributes", "study_id", kStudyId, "nacre", study_.version);
    for (const auto& [key, value] : study_.configuration.items())
      add_attribute("study_user_attributes", "study_id", kStudyId, "configuration: " + key, value);
  }

  void add_attribute(const char* table, const char* owner, int64_t id, const std::string& key, const Json& value) {
    const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    auto row =
        database_.prepare(fmt::format("INSERT INTO {} ({}, \"key\", value_json) VALUES (?, ?, ?)", table, owner));
    row.bind(1, id).bind(2, std::string_view(key)).bind(3, std::string_view(text)).run();
  }

  std::vector<std::optional<double>> values_of(const Trial& trial) const {
    std::vector<std::optional<double>> values;
    for (const Objective& objective : objectives()) {
      const auto value = metric_value(trial.metrics, objective.metric);
      values.push_back(value && std::isfinite(*value) ? value : std::nullopt);
    }
    return values;
  }

  std::string_view state_of(const Trial& trial, bool all_known) const {
    switch (trial.status) {
      case TrialStatus::ok: return all_known ? "COMPLETE" : "FAIL";
      case TrialStatus::infeasible: return all_known ? "COMPLETE" : "PRUNED";
      case TrialStatus::pruned: return "PRUNED";
      case TrialStatus::failed: return "FAIL";
      case TrialStatus::running: return "RUNNING";
      case TrialStatus::pending: return "WAITING";
    }
    return "FAIL";
  }

  void write_trial(const TrialRow& row) {
    const Trial& trial = row.trial;
    const int64_t id = trial.number + 1;
    const std::vector<std::optional<double>> values = values_of(trial);
    const bool all_known = std::ranges::all_of(values, [](const auto& value) { return value.has_value(); });
    const std::string_view state = state_of(trial, all_known);
    const double start_s = trial.is_complete() && trial.time_s > 0 ? row.completed_s - trial.time_s : row.asked_s;
    const std::string start = time_text(start_s), end = time_text(row.completed_s);
    auto insert = database_.prepare("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(1, id).bind(2, trial.number).bind(3, kStudyId).bind(4, state);
    const auto bind_time = [&](int column, const std::string& time, bool known) {
      if (known) {
        insert.bind(column, std::string_view(time));
      } else {
        insert.bind_null(column);
      }
    };
    bind_time(5, start, trial.status != TrialStatus::pending);
    bind_time(6, end, trial.is_complete());
    insert.run();
    if (state == "COMPLETE") write_values(id, values);
    write_parameters(id, trial);
    write_curve(id, trial);
    write_attributes(id, trial);
  }

  void write_values(int64_t id, const std::vector<std::optional<double>>& values) {
    for (size_t i = 0; i < values.size(); ++i) {
      auto row =
          database_.prepare("INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)");
      row.bind(1, id).bind(2, static_cast<int64_t>(i)).bind(3, values[i]).bind(4, std::string_view("FINITE")).run();
    }
  }

  // Numbers stay numbers, so that plots order them.
  static Json choices_of(const TraceDecision& decision) {
    if (decision.numbers.size() == decision.alternatives.size() && !decision.numbers.empty()) {
      Json choices = Json::array();
      for (const double number : decision.numbers) {
        if (number == std::floor(number) && std::abs(number) < 1e15)
          choices.push_back(static_cast<int64_t>(number));
        else
          choices.push_back(number);
      }
      return choices;
    }
    return decision.alternatives;
  }

  void write_parameters(int64_t id, const Trial& trial) {
    const Trace& trace = study_.space->trace();
    const std::vector<int64_t> indices = trace.encode_indices(trial.candidate.decisions);
    for (size_t i = 0; i < indices.size(); ++i) {
      if (indices[i] < 0) continue;
      const TraceDecision& decision = trace.decisions()[i];
      const std::string distribution =
          Json{{"name", "CategoricalDistribution"}, {"attributes", {{"choices", choices_of(decision)}}}}.dump();
      auto row = database_.prepare(
          "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)");
      row.bind(1, id).bind(2, std::string_view(decision.key)).bind(3, static_cast<double>(indices[i]));
      row.bind(4, std::string_view(distribution)).run();
    }
  }

  void write_curve(int64_t id, const Trial& trial) {
    const std::string& main = objectives().front().metric;
    int64_t last_step = -1;
    for (const CurvePoint& point : trial.curve) {
      const auto value = metric_value(point.metrics, main);
      const int64_t step = std::max<int64_t>(std::llround(point.epoch), last_step + 1);
      if (!value || std::isinf(*value)) continue;
      last_step = step;
      auto row = database_.prepare(
          "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
          "VALUES (?, ?, ?, ?)");
      row.bind(1, id).bind(2, step).bind(3, std::isnan(*value) ? std::nullopt : value);
      row.bind(4, std::string_view(std::isnan(*value) ? "NAN" : "FINITE")).run();
    }
  }

  void write_attributes(int64_t id, const Trial& trial) {
    const auto add = [&](const std::string& key, const Json& value) {
      add_attribute("trial_user_attributes", "trial_id", id, key, value);
    };
    for (const auto& [name, metric] : trial.metrics) {
      if (metric.value && std::isfinite(*metric.value)) add(name, *metric.value);
    }
    add("nacre: status", trial_status_name(trial.status));
    add("nacre: made by", trial.candidate.made_by);
    if (!trial.reason.empty()) add("nacre: reason", trial.reason);
    if (trial.cached_from >= 0) add("nacre: result of trial", trial.cached_from);
    if (study_.front.contains(trial.number)) add("nacre: on the front", true);
    Json constraints = Json::array();
    for (const Limit& limit : study_.objectives.limits) {
      const double excess = limit.relative_excess(trial.metrics);
      if (!std::isfinite(excess)) return;  // not known: Optuna then calls the trial infeasible, too
      constraints.push_back(excess);
    }
    if (!constraints.empty()) add_attribute("trial_system_attributes", "trial_id", id, "constraints", constraints);
  }

  const StudyExport& study_;
  SqliteDatabase& database_;
};

}  // namespace

void write_optuna_storage(const StudyExport& study, const std::filesystem::path& path) {
  const std::filesystem::path partial = path.string() + fmt::format(".partial-{}", getpid());
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  std::filesystem::remove(partial);
  try {
    SqliteDatabase database(partial, SqliteDatabase::Mode::create, "Optuna storage");
    OptunaWriter(study, database).write();
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    throw;
  }
  std::filesystem::rename(partial, path);
}

}  // namespace nacre
