#include "nacre/run/study_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/file.hpp"
#include "nacre/run/csv_cell.hpp"
#include "nacre/run/front.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/run/search_run.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {

std::map<std::string, std::string> StudyExport::decisions(const Trial& trial) const {
  std::map<std::string, std::string> result;
  const Trace& trace = space->trace();
  const std::vector<int64_t> indices = trace.encode_indices(trial.candidate.decisions);
  for (size_t i = 0; i < indices.size(); ++i) {
    const TraceDecision& decision = trace.decisions()[i];
    if (indices[i] >= 0) result[decision.key] = decision.alternatives[static_cast<size_t>(indices[i])];
  }
  return result;
}

std::vector<std::string> StudyExport::metric_names() const {
  std::set<std::string> names;
  for (const TrialRow& row : rows) {
    for (const auto& [name, metric] : row.trial.metrics) names.insert(name);
  }
  return {names.begin(), names.end()};
}

StudyExport read_study_export(const std::filesystem::path& output_dir) {
  const auto store = open_sqlite_store(study_file(output_dir), StoreMode::read_only);
  const StoredStudy stored = read_stored_study(*store, output_dir);
  const Plan plan = make_plan_from_json(stored.configuration, stored.base_folder);
  StudyExport study;
  const auto folder = std::filesystem::absolute(output_dir).lexically_normal();
  study.name = folder.filename().empty() ? folder.parent_path().filename().string() : folder.filename().string();
  study.space = plan.space;
  study.objectives = plan.objectives;
  study.metrics = plan.metrics();
  store->for_each_trial(0, [&](const TrialRow& row) { study.rows.push_back(row); });
  for (const Trial& member : extract_front(store->trials(), plan.objectives).members) study.front.insert(member.number);
  study.configuration = stored.configuration;
  study.version = store->study()->version;
  return study;
}

const Registry<ExportWriter>& export_registry() {
  static const Registry<ExportWriter> registry = [] {
    Registry<ExportWriter> list("export format", "export_formats");
    list.add({.name = "csv", .summary = "one row a trial: status, metrics, decisions", .source = ""}, write_trials_csv);
    list.add({.name = "json",
              .summary = "all of every trial: candidate, metrics with origin and spread, curve",
              .source = ""},
             write_trials_json);
    list.add({.name = "optuna",
              .summary = "a SQLite storage that Optuna and optuna-dashboard open",
              .source = "Optuna 3.2 and later, relational storage, schema 12"},
             write_optuna_storage);
    list.add({.name = "tensorboard",
              .summary = "a folder of event files, one run a trial: curves, metrics and decisions as hyperparameters",
              .source = "TensorFlow's TFRecord and Event formats"},
             write_tensorboard_events);
    return list;
  }();
  return registry;
}

std::string default_export_name(const std::string& format) {
  if (format == "optuna") return "optuna.sqlite";
  if (format == "tensorboard") return "tensorboard";
  return "trials." + format;
}

void write_trials_csv(const StudyExport& study, const std::filesystem::path& path) {
  const std::vector<std::string> metrics = study.metric_names();
  std::vector<std::string> keys;
  for (const TraceDecision& decision : study.space->trace().decisions()) keys.push_back(decision.key);
  std::string text = "trial,status,reason,on_front,made_by,cached_from,time_s";
  for (const std::string& name : metrics) text += "," + csv_cell(name);
  for (const std::string& key : keys) text += "," + csv_cell(key);
  text += "\n";
  for (const TrialRow& row : study.rows) {
    const Trial& trial = row.trial;
    text += fmt::format("{},{},{},{},{},{},{}", trial.number, trial_status_name(trial.status), csv_cell(trial.reason),
                        study.front.contains(trial.number) ? 1 : 0, csv_cell(trial.candidate.made_by),
                        trial.cached_from >= 0 ? std::to_string(trial.cached_from) : "", trial.time_s);
    for (const std::string& name : metrics) {
      const std::optional<double> value = metric_value(trial.metrics, name);
      text += "," + (value && std::isfinite(*value) ? fmt::format("{}", *value) : std::string());
    }
    const auto decisions = study.decisions(trial);
    for (const std::string& key : keys) {
      const auto found = decisions.find(key);
      text += "," + (found == decisions.end() ? std::string() : csv_cell(found->second));
    }
    text += "\n";
  }
  write_file_atomically(path, text);
}

void write_trials_json(const StudyExport& study, const std::filesystem::path& path) {
  Json json = {{"study", study.name}, {"nacre", study.version}, {"configuration", study.configuration}};
  Json& trials = json["trials"] = Json::array();
  for (const TrialRow& row : study.rows) {
    Json trial = to_json(row.trial);
    trial["on_front"] = study.front.contains(row.trial.number);
    trial["choices"] = study.decisions(row.trial);
    trial["asked_s"] = row.asked_s;
    trial["completed_s"] = row.completed_s > 0 ? Json(row.completed_s) : Json(nullptr);
    trials.push_back(std::move(trial));
  }
  write_file_atomically(path, json.dump(1) + "\n");
}

}  // namespace nacre
