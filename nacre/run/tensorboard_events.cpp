// A study as TensorBoard's event files, one run a trial ("trial_0012"): its curve over epochs, its metrics at the end, its
// decisions as hyperparameters.
//
//   tensorboard --logdir FOLDER
#include <fmt/format.h>

#include <cmath>

#include "nacre/base/file.hpp"
#include "nacre/run/event_file.hpp"
#include "nacre/run/study_export.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {
namespace {

std::string events_of(const StudyExport& study, const TrialRow& row) {
  const Trial& trial = row.trial;
  const double end_s = row.completed_s > 0 ? row.completed_s : row.asked_s;
  const double start_s = std::max(row.asked_s, end_s - trial.time_s);
  EventFile file(start_s);
  std::map<std::string, std::string> words;
  std::map<std::string, double> numbers;
  const Trace& trace = study.space->trace();
  const std::vector<int64_t> indices = trace.encode_indices(trial.candidate.decisions);
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0) continue;
    const TraceDecision& decision = trace.decisions()[i];
    const auto index = static_cast<size_t>(indices[i]);
    if (index < decision.numbers.size())
      numbers[decision.key] = decision.numbers[index];
    else
      words[decision.key] = decision.alternatives[index];
  }
  words["status"] = trial_status_name(trial.status);
  file.hyperparameters(words, numbers, fmt::format("trial_{:04}", trial.number), start_s);
  double last_epoch = 0;
  for (const CurvePoint& point : trial.curve) last_epoch = std::max(last_epoch, point.epoch);
  for (const CurvePoint& point : trial.curve) {
    const double time_s = last_epoch > 0 ? start_s + (end_s - start_s) * point.epoch / last_epoch : start_s;
    for (const auto& [name, metric] : point.metrics) {
      if (metric.value) file.scalar("curve/" + name, std::llround(point.epoch), *metric.value, time_s);
    }
  }
  for (const auto& [name, metric] : trial.metrics) {
    if (metric.value) file.scalar("trial/" + name, 0, *metric.value, end_s);
  }
  if (trial.is_complete()) file.end(trial.status != TrialStatus::failed, end_s);
  return file.content();
}

}  // namespace

void write_tensorboard_events(const StudyExport& study, const std::filesystem::path& folder) {
  for (const TrialRow& row : study.rows) {
    const std::filesystem::path run = folder / fmt::format("trial_{:04}", row.trial.number);
    // One name per trial whatever the time: written again, it replaces what it was.
    write_file_atomically(run / fmt::format("events.out.tfevents.{:010}.nacre", row.trial.number),
                          events_of(study, row));
  }
}

}  // namespace nacre
