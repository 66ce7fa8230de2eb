// The comparison of a suite (bench/suite.hpp) as one self-contained page: tables of values at the budgets with intervals, ranks
// with their tests, curves beside random search, and what was counted.
#pragma once

#include <string>

#include "nacre/bench/suite_summary.hpp"

namespace nacre {

// Pure: the same summary gives the same bytes. `made_at`: date and time as text, "" to leave it out; `command`: what makes
// the page again.
std::string render_suite_report(const SuiteSummary& summary, const std::string& made_at, const std::string& command);

// "0.32 ± 0.04"; "-" where there is nothing.
std::string interval_text(const MeanInterval& value);
// "0.012", "< 0.001".
std::string p_text(double p);

}  // namespace nacre
