// nacre study: what a study holds: a summary, its trials, one trial in full.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/predict/stopping_epoch.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/space/trace.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

struct StudyOptions {
  std::string folder;
  int64_t trial = -1;
  int64_t limit = 20;
  std::string sort;
  double stopping = 0;  // the correlation asked for; 0: not this question
};

std::string metric_text(const Metrics& metrics, const std::string& name) {
  const auto found = metrics.find(name);
  if (found == metrics.end() || !found->second.value.has_value()) return "-";
  return quantity_text(*found->second.value, name, found->second.unit);
}

void show_trial(Store& store, const StudyOptions& options, const Session& session) {
  const std::optional<TrialRow> row = store.trial(options.trial);
  if (!row.has_value()) {
    throw UserError(fmt::format("no trial {} in '{}'; it holds trials 0 .. {}", options.trial, options.folder,
                                store.trial_count() - 1));
  }
  Json json = to_json(row->trial);
  json["attempts"] = row->lease.attempt;
  if (session.json) {
    std::cout << json.dump(2) << "\n";
    return;
  }
  const Trial& trial = row->trial;
  std::cout << fmt::format("trial {}: {}{}\n", trial.number, trial_status_name(trial.status),
                           trial.reason.empty() ? "" : " (" + trial.reason + ")");
  if (!trial.candidate.made_by.empty()) std::cout << "made by " << trial.candidate.made_by << "\n";
  if (trial.cached_from >= 0) std::cout << "answered by trial " << trial.cached_from << " (the same network)\n";
  if (const auto study = store.study(); study.has_value() && study->config.contains("configuration")) {
    const Plan plan = make_plan_from_json(study->config["configuration"], study->config.value("base_folder", "."));
    std::cout << plan.space->trace().text(trial.candidate.decisions) << "\n";
  }
  TextTable table({"metric", ">value", ">spread", "origin", "with"});
  for (const auto& [name, metric] : trial.metrics) {
    table.add({name, metric_text(trial.metrics, name),
               metric.spread.has_value() ? quantity_text(*metric.spread, name, metric.unit) : "",
               std::string(origin_name(metric.origin)), metric.source});
  }
  std::cout << table.text();
}

void show_trials(Store& store, const StudyOptions& options, const Session& session) {
  std::vector<Trial> trials = store.trials();
  if (session.json) {
    Json json = Json::array();
    for (const Trial& trial : trials) json.push_back(to_json(trial));
    std::cout << json.dump() << "\n";
    return;
  }
  std::vector<std::string> columns;
  for (const Trial& trial : trials) {
    for (const auto& [name, metric] : trial.metrics) {
      if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
    }
  }
  if (!options.sort.empty()) {
    if (std::ranges::find(columns, options.sort) == columns.end()) {
      throw UserError(unknown_name_message("metric", options.sort, columns));
    }
    const auto value = [&](const Trial& trial) {
      return metric_value(trial.metrics, options.sort).value_or(-INFINITY);
    };
    std::ranges::stable_sort(trials, std::greater{}, value);
  }
  std::cout << fmt::format("{}: {} trials", options.folder, trials.size());
  for (const auto& [status, count] : store.status_counts())
    std::cout << fmt::format(", {} {}", count, trial_status_name(status));
  std::cout << fmt::format("; {:.0f} s in {} sittings\n", store.spent_s(), store.sittings().size());
  std::vector<std::string> headers = {">trial", "status"};
  for (const std::string& column : columns) headers.push_back(">" + column);
  headers.push_back("made by");
  TextTable table(headers);
  const auto shown = options.limit == 0 ? trials.size() : std::min(trials.size(), static_cast<size_t>(options.limit));
  for (size_t i = 0; i < shown; ++i) {
    std::vector<std::string> cells = {std::to_string(trials[i].number),
                                      std::string(trial_status_name(trials[i].status))};
    for (const std::string& column : columns) cells.push_back(metric_text(trials[i].metrics, column));
    cells.push_back(trials[i].candidate.made_by);
    table.add(std::move(cells));
  }
  std::cout << table.text();
  if (shown < trials.size()) std::cout << fmt::format("... {} more (--limit 0 shows all)\n", trials.size() - shown);
}

// Curves of the searched metric, of all trials that were trained as long as the longest.
std::vector<TrainingCurve> full_curves(const std::vector<Trial>& trials, const std::string& metric) {
  std::vector<TrainingCurve> curves;
  size_t longest = 0;
  for (const Trial& trial : trials) {
    if (trial.status != TrialStatus::ok || trial.cached_from >= 0) continue;
    TrainingCurve curve;
    for (const CurvePoint& point : trial.curve)
      if (const auto value = metric_value(point.metrics, metric)) curve.push_back(*value);
    longest = std::max(longest, curve.size());
    curves.push_back(std::move(curve));
  }
  std::erase_if(curves, [&](const TrainingCurve& curve) { return curve.size() < longest || curve.size() < 2; });
  return curves;
}

// The first half of the curves says after which epoch networks rank as in the end, the others how far that holds.
void show_stopping(Store& store, const StudyOptions& options, const Session& session) {
  const auto record = store.study();
  if (!record.has_value() || !record->config.contains("configuration"))
    throw UserError("'" + options.folder + "' has no configuration that says which metric is searched");
  const Plan plan = make_plan_from_json(record->config["configuration"], record->config.value("base_folder", "."));
  const std::string metric = plan.task->metrics().front().name;
  const std::vector<TrainingCurve> curves = full_curves(store.trials(), metric);
  if (curves.size() < 8)
    throw UserError(
        fmt::format("'{}' holds {} training curves of {} over two and more epochs; expected at least 8 to say "
                    "where to stop",
                    options.folder, curves.size(), metric));
  const std::span<const TrainingCurve> first = std::span(curves).first(curves.size() / 2);
  const std::span<const TrainingCurve> others = std::span(curves).subspan(curves.size() / 2);
  const StoppingEpoch chosen = stopping_epoch(first, options.stopping);
  Json json = {{"metric", metric},
               {"curves", curves.size()},
               {"epochs", curves[0].size()},
               {"asked", options.stopping},
               {"epoch", chosen.epoch},
               {"correlation", chosen.correlation},
               {"held_out", rank_correlation_with_end(others, chosen.epoch)},
               {"by_epoch", Json::array()}};
  TextTable table({">epoch", ">first half", ">others"});
  for (size_t epoch = 1; epoch <= curves[0].size(); ++epoch) {
    const double here = rank_correlation_with_end(first, epoch), there = rank_correlation_with_end(others, epoch);
    json["by_epoch"].push_back({{"epoch", epoch}, {"correlation", here}, {"held_out", there}});
    table.add({std::to_string(epoch), fmt::format("{:.3f}", here), fmt::format("{:.3f}", there)});
  }
  if (session.json) {
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << fmt::format(
      "{} curves of {}: after {} of {} epochs the first {} networks rank as in the end (Spearman {:.3f}, asked {:g}); "
      "the "
      "other {} there: {:.3f}\n",
      curves.size(), metric, chosen.epoch, curves[0].size(), first.size(), chosen.correlation, options.stopping,
      others.size(), json["held_out"].get<double>());
  std::cout << "\n" << table.text();
}

void study(const StudyOptions& options, const Session& session) {
  const auto store = open_sqlite_store(study_file(options.folder), StoreMode::read_only);
  if (options.stopping > 0) return show_stopping(*store, options, session);
  if (options.trial >= 0) return show_trial(*store, options, session);
  show_trials(*store, options, session);
}

}  // namespace

void add_study(Command& program, Session& session) {
  Command verb = program.add_verb("study", "the trials of a study, or one of them in full");
  auto options = std::make_shared<StudyOptions>();
  verb.add_option("folder", options->folder, "output folder of a search").required();
  verb.add_option("--trial", options->trial, "show this trial in full").non_negative();
  verb.add_option("--sort", options->sort, "sort by this metric, largest first");
  verb.add_option("--limit", options->limit, "rows at most, 0 for all").non_negative();
  verb.add_option("--stopping", options->stopping,
                  "after which epoch networks rank as in the end, by this rank correlation (FBNetV3: 0.92)");
  verb.on_run([options, &session] { study(*options, session); });
}

}  // namespace nacre
