// A study's trials for other programs: CSV, JSON, Optuna's database, TensorBoard's event files. One file a format; the list is
// in study_export.cpp.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "nacre/base/registry.hpp"
#include "nacre/search/objective.hpp"
#include "nacre/space/space.hpp"
#include "nacre/study/store.hpp"

namespace nacre {

struct StudyExport {
  std::string name;  // of the output folder
  std::shared_ptr<const Space> space;
  ObjectiveSet objectives;
  std::vector<MetricSpec> metrics;  // all that are known
  std::vector<TrialRow> rows;       // by number
  std::set<int64_t> front;          // numbers of the trials of the front (or nearest to the limits)
  Json configuration;
  std::string version;  // of nacre that made the study

  // Value texts by decision, of those that are active.
  std::map<std::string, std::string> decisions(const Trial& trial) const;
  // Names of all metrics that some trial has, in order.
  std::vector<std::string> metric_names() const;
};

// UserError when there is no study in the folder.
StudyExport read_study_export(const std::filesystem::path& output_dir);

// Writes to `path` (a file, or a folder for formats of many files) and says what it wrote.
using ExportWriter = std::function<void(const StudyExport& study, const std::filesystem::path& path)>;
const Registry<ExportWriter>& export_registry();
// Where it goes unless the user says: "trials.csv" in the study's folder.
std::string default_export_name(const std::string& format);

// --- the formats
void write_trials_csv(const StudyExport& study, const std::filesystem::path& path);
void write_trials_json(const StudyExport& study, const std::filesystem::path& path);
void write_optuna_storage(const StudyExport& study, const std::filesystem::path& path);
void write_tensorboard_events(const StudyExport& study, const std::filesystem::path& folder);

}  // namespace nacre
