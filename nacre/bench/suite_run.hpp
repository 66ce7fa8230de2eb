// Runs a suite in as many sittings as it takes: what was run before under the same declaration is read, the rest is run, side
// by side on threads.
//
//   output/suite.json                                     the declaration, for `nacre bench report`
//   output/benchmarks.json                                what was found by enumeration of each table
//   output/cells/<benchmark>/<strategy>/<seeds>.json      runs of some seeds, with the key of what they depend on
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "nacre/bench/suite.hpp"
#include "nacre/bench/table_problem.hpp"
#include "nacre/bench/table_run.hpp"

namespace nacre {

struct SuiteProgress {
  int64_t done = 0;  // runs: one strategy, benchmark and seed
  int64_t planned = 0;
  int64_t known = 0;  // of those done, read and not run
  std::string what;   // the last one
};

struct SuiteRunOptions {
  std::filesystem::path output;
  std::string program;  // path of nacre: another build is told apart
  int64_t jobs = 0;     // threads; 0: as many as this process may use
  bool fresh = false;   // run again what was run before
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const SuiteProgress&)> progress = [](const SuiteProgress&) {};  // never from two threads at once
};

// A benchmark as its results need it, without its table.
struct SuiteBenchmarkFacts {
  std::string name;
  Json identity;  // what results depend on
  TableFacts table;
  std::vector<std::string> objectives;
  std::vector<MetricSpec> judged;
  std::vector<std::string> limits;  // as text
  double points = 1;
  std::string regret_unit;
  double full_epochs = 0;
  bool merges_structures = false;
};

struct SuiteOutcome {
  Suite suite;
  std::vector<SuiteBenchmarkFacts> benchmarks;
  // runs[benchmark][strategy]: by seed in the order of the suite's; only those that are there.
  std::vector<std::vector<std::vector<TableRun>>> runs;
  std::vector<std::string> other_builds;  // notes about runs that another build of nacre made
  int64_t missing = 0;                    // runs that are not there (of a suite that was stopped)

  double charged_regret(size_t benchmark) const;  // before anything was found
};

// Throws Interrupted when asked to stop; what was run is kept.
SuiteOutcome run_suite(const Suite& suite, const ConfigNode& declaration, const SuiteRunOptions& options);
// What a folder holds, complete or not; no table is read.
SuiteOutcome read_suite_outcome(const std::filesystem::path& output);
// The declaration that a folder's runs were made under.
Suite stored_suite(const std::filesystem::path& output);

}  // namespace nacre
