// The outcome of an experiment for people and programs.
#pragma once

#include <string>

#include "nacre/bench/experiment_run.hpp"

namespace nacre {

// "98.61 % ± 0.24 % (3 seeds)", "244,452,664", "984770902183611232881".
std::string value_text(const GateOutcome& outcome);
// "at least 98.5 %", "equal to 244,452,664", "at most 4.2 (0.5 x random)".
std::string bound_text(const GateOutcome& outcome);

Json to_json(const ExperimentOutcome& outcome);

// The page docs/repro/NAME.md: what was claimed and what came out, where, when, with which command.
struct DocumentFacts {
  std::string date;     // "2026-11-30"
  std::string command;  // that gives it again
};
std::string experiment_markdown(const ExperimentOutcome& outcome, const DocumentFacts& facts);

}  // namespace nacre
