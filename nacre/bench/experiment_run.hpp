// Runs an experiment in as many sittings as it takes: what was measured before under the same declaration is read, the rest
// is measured; then the gates are judged.
//
//   output/<measurement>/seed_<n>/result.json   what the probe gave, with its time, machine and key
//   output/<measurement>/seed_<n>/...           what the probe keeps for itself (a study: resumed)
//   output/outcome.json                         the judged gates
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/bench/experiment.hpp"
#include "nacre/bench/interval.hpp"
#include "nacre/study/machine.hpp"

namespace nacre {

struct ExperimentProgress {
  std::string measurement;
  uint64_t seed = 0;
  int64_t done = 0;
  int64_t planned = 0;
  bool known = false;  // read, not measured
};

struct ExperimentRunOptions {
  std::filesystem::path output;
  std::string program;  // path of nacre, for the probe `verb`
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const ExperimentProgress&)> progress = [](const ExperimentProgress&) {};
};

struct MeasuredRun {
  uint64_t seed = 0;
  bool measured = false;
  std::string failure;  // why not
  Json output;
  double time_s = 0;  // of all its sittings
};

struct MeasuredRuns {
  std::string name;
  std::vector<MeasuredRun> runs;
};

enum class GateState { reached, missed, not_measured };
std::string_view gate_state_name(GateState state);  // "reached", "missed", "not measured"

struct GateOutcome {
  Gate gate;
  GateState state = GateState::not_measured;
  std::string reason;                    // of not_measured
  std::optional<MeanInterval> interval;  // of numbers
  std::vector<std::string> texts;        // of values that are texts
  std::vector<double> bounds;            // of numbers, those of other measurements resolved (their mean)
  std::optional<int64_t> seeds_kept;     // of Judge::most: how many keep the bound
};

struct ExperimentOutcome {
  Experiment experiment;
  std::vector<MeasuredRuns> measurements;
  std::vector<GateOutcome> gates;
  MachineFacts machine;
  std::string commit;  // of the experiment's folder; "not known"
  double time_s = 0;   // of all measurements, all sittings

  int64_t count(GateState state) const;
};

// Throws Interrupted when asked to stop; what was measured is kept.
ExperimentOutcome run_experiment(const Experiment& experiment, const ExperimentRunOptions& options);

// The gate on given measurements: pure.
GateOutcome judge_gate(const Gate& gate, const std::vector<MeasuredRuns>& measurements);

// "3f2a9c81d0e4", with ", changed" when files differ from it; "not known" without git.
std::string source_commit(const std::filesystem::path& folder);

}  // namespace nacre
