#include "nacre/bench/suite_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/log.hpp"
#include "nacre/base/processor.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

constexpr int kForm = 1;       // of the files and of what counts as what
constexpr size_t kBatch = 10;  // seeds a file

Json problem_facts(const TableProblem& problem) {
  const TableFacts& facts = problem.facts();
  Json json = {{"name", problem.name()},
               {"identity", problem.identity()},
               {"rows", facts.rows},
               {"usable", facts.usable},
               {"feasible", facts.feasible},
               {"optimum", facts.optimum},
               {"optimum_key", facts.optimum_key},
               {"worst", facts.worst},
               {"floor", facts.floor},
               {"reference", facts.reference},
               {"hypervolume", facts.hypervolume},
               {"front", facts.front},
               {"points", problem.points()},
               {"regret_unit", problem.regret_unit()},
               {"full_epochs", problem.full_epochs()},
               {"merges_structures", problem.merges_structures()},
               {"objectives", Json::array()},
               {"judged", Json::array()},
               {"limits", Json::array()}};
  for (const MetricSpec& spec : problem.objectives()) json["objectives"].push_back(spec.name);
  for (const MetricSpec& spec : problem.judged())
    json["judged"].push_back(
        {{"name", spec.name}, {"unit", spec.unit}, {"maximize", spec.direction == Direction::maximize}});
  for (const Limit& limit : problem.limits()) json["limits"].push_back(limit.text());
  return json;
}

SuiteBenchmarkFacts facts_from_json(const Json& json) {
  SuiteBenchmarkFacts facts;
  facts.name = json.at("name").get<std::string>();
  facts.identity = json.at("identity");
  facts.table = {.rows = json.at("rows").get<int64_t>(),
                 .usable = json.at("usable").get<int64_t>(),
                 .feasible = json.at("feasible").get<int64_t>(),
                 .optimum = json.at("optimum").get<double>(),
                 .optimum_key = json.at("optimum_key").get<std::string>(),
                 .worst = json.at("worst").get<double>(),
                 .floor = json.at("floor").get<double>(),
                 .reference = json.at("reference").get<Point>(),
                 .hypervolume = json.at("hypervolume").get<double>(),
                 .front = json.at("front").get<int64_t>()};
  facts.points = json.at("points").get<double>();
  facts.regret_unit = json.at("regret_unit").get<std::string>();
  facts.full_epochs = json.at("full_epochs").get<double>();
  facts.merges_structures = json.at("merges_structures").get<bool>();
  facts.objectives = json.at("objectives").get<std::vector<std::string>>();
  facts.limits = json.at("limits").get<std::vector<std::string>>();
  for (const Json& judged : json.at("judged")) {
    facts.judged.push_back({.name = judged.at("name").get<std::string>(),
                            .direction = judged.at("maximize").get<bool>() ? Direction::maximize : Direction::minimize,
                            .unit = judged.at("unit").get<std::string>()});
  }
  return facts;
}

// Some seeds of one strategy on one benchmark: what one thread does, and one file holds.
struct Cell {
  size_t benchmark = 0, strategy = 0;
  std::vector<uint64_t> seeds;
  fs::path file;
  std::string key;
};

fs::path cell_file(const fs::path& output, const std::string& benchmark, const std::string& strategy,
                   const std::vector<uint64_t>& seeds) {
  const std::string name =
      seeds.size() == 1 ? fmt::format("{}", seeds[0]) : fmt::format("{}-{}", seeds[0], seeds.back());
  return output / "cells" / benchmark / strategy / (name + ".json");
}

std::vector<std::vector<uint64_t>> batches(const std::vector<uint64_t>& seeds) {
  std::vector<std::vector<uint64_t>> result;
  for (size_t begin = 0; begin < seeds.size(); begin += kBatch) {
    const size_t end = std::min(seeds.size(), begin + kBatch);
    result.emplace_back(seeds.begin() + static_cast<std::ptrdiff_t>(begin),
                        seeds.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return result;
}

Json declaration_of(const Suite& suite, const SuiteStrategy& strategy) {
  return {{"form", kForm},
          {"strategy", strategy.strategy},
          {"options", strategy.options.json()},
          {"formulation", strategy.formulation.json()},
          {"budget", suite.budgets.back()},
          {"time_budget_s", suite.time_budgets_s.empty() ? 0.0 : suite.time_budgets_s.back()},
          {"lookahead", suite.lookahead},
          {"workers", suite.workers}};
}

// What results depend on, as text; equal to it a stored cell is taken.
std::string cell_key(const Json& declaration, const Json& problem, const std::vector<uint64_t>& seeds) {
  return hash_text(Json{{"run", declaration}, {"problem", problem}, {"seeds", seeds}}.dump()).hex();
}

// The runs of a file; nothing when it is not there, not readable or of another key.
std::optional<std::vector<TableRun>> read_cell(const fs::path& file, const std::string& key,
                                               std::string* build = nullptr) {
  if (!fs::exists(file)) return std::nullopt;
  try {
    const Json json = parse_json(read_file(file), file.string());
    if (json.at("key").get<std::string>() != key) return std::nullopt;
    std::vector<TableRun> runs;
    for (const Json& run : json.at("runs")) runs.push_back(table_run_from_json(run));
    if (build != nullptr) *build = json.at("build").get<std::string>();
    return runs;
  } catch (const UserError& error) {
    log_warning("'{}' is run again: {}", file.string(), error.what());
  } catch (const Json::exception& error) {
    log_warning("'{}' is run again: {}", file.string(), error.what());
  }
  return std::nullopt;
}

std::string build_of(const std::string& program) {
  if (program.empty() || !fs::exists(program)) return "not known";
  return hash_text(read_file(program)).hex();
}

class SuiteRunner {
 public:
  SuiteRunner(const Suite& suite, const SuiteRunOptions& options)
      : suite_(suite), options_(options), build_(build_of(options.program)) {}

  SuiteOutcome run(const ConfigNode& declaration) {
    outcome_.suite = suite_;
    Json facts = Json::array();
    for (const SuiteBenchmark& benchmark : suite_.benchmarks) {
      if (options_.interrupted()) throw Interrupted();
      problems_.push_back(std::make_unique<TableProblem>(benchmark, suite_.base_folder));
      for (const SuiteStrategy& strategy : suite_.strategies) (void)problems_.back()->formulate(strategy);
      facts.push_back(problem_facts(*problems_.back()));
      outcome_.benchmarks.push_back(facts_from_json(facts.back()));
    }
    fs::create_directories(options_.output);
    write_file_atomically(options_.output / "suite.json",
                          Json{{"name", suite_.name},
                               {"base_folder", fs::absolute(suite_.base_folder).string()},
                               {"suite", declaration.as_json()}}
                                  .dump(1) +
                              "\n");
    write_file_atomically(options_.output / "benchmarks.json", facts.dump(1) + "\n");
    outcome_.runs.assign(suite_.benchmarks.size(), std::vector<std::vector<TableRun>>(suite_.strategies.size()));
    make_cells();
    read_known();
    run_cells();
    for (size_t b = 0; b < outcome_.runs.size(); ++b) {
      for (std::vector<TableRun>& runs : outcome_.runs[b]) sort_by_seed(runs);
    }
    if (others_ > 0)
      outcome_.other_builds.push_back(
          fmt::format("{} runs were made by another build of nacre; --fresh runs them again", others_));
    return std::move(outcome_);
  }

 private:
  void make_cells() {
    for (size_t b = 0; b < suite_.benchmarks.size(); ++b) {
      const Json identity = problems_[b]->identity();
      for (size_t s = 0; s < suite_.strategies.size(); ++s) {
        const Json declaration = declaration_of(suite_, suite_.strategies[s]);
        for (std::vector<uint64_t>& seeds : batches(suite_.seeds)) {
          Cell cell{b, s, std::move(seeds), {}, {}};
          cell.file = cell_file(options_.output, suite_.benchmarks[b].name, suite_.strategies[s].name, cell.seeds);
          cell.key = cell_key(declaration, identity, cell.seeds);
          progress_.planned += static_cast<int64_t>(cell.seeds.size());
          cells_.push_back(std::move(cell));
        }
      }
    }
  }

  void read_known() {
    std::vector<Cell> open;
    for (Cell& cell : cells_) {
      std::string build;
      auto runs = options_.fresh ? std::nullopt : read_cell(cell.file, cell.key, &build);
      if (!runs) {
        open.push_back(std::move(cell));
        continue;
      }
      if (build != build_) others_ += static_cast<int64_t>(runs->size());
      progress_.known += static_cast<int64_t>(runs->size());
      take(cell, std::move(*runs));
    }
    cells_ = std::move(open);
    progress_.done = progress_.known;
    progress_.what = "";
    options_.progress(progress_);
  }

  void take(const Cell& cell, std::vector<TableRun> runs) {
    std::vector<TableRun>& all = outcome_.runs[cell.benchmark][cell.strategy];
    for (TableRun& run : runs) all.push_back(std::move(run));
  }

  void sort_by_seed(std::vector<TableRun>& runs) const {
    const auto place = [&](const TableRun& run) {
      return std::ranges::find(suite_.seeds, run.seed) - suite_.seeds.begin();
    };
    std::ranges::stable_sort(runs, {}, place);
  }

  void run_cells() {
    int64_t jobs = options_.jobs > 0 ? options_.jobs : usable_processors();
    jobs = std::clamp<int64_t>(jobs, 1, std::max<int64_t>(1, static_cast<int64_t>(cells_.size())));
    std::vector<std::thread> threads;
    for (int64_t i = 1; i < jobs; ++i) threads.emplace_back([this] { work(); });
    work();
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

  void work() {
    for (;;) {
      const size_t next = next_.fetch_add(1);
      if (next >= cells_.size() || stop_) return;
      try {
        run_cell(cells_[next]);
      } catch (...) {
        const std::scoped_lock lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        stop_ = true;
      }
    }
  }

  void run_cell(const Cell& cell) {
    const SuiteStrategy& strategy = suite_.strategies[cell.strategy];
    std::vector<TableRun> runs;
    Json rows = Json::array();
    for (const uint64_t seed : cell.seeds) {
      TableRunSettings settings;
      settings.budget = suite_.budgets.back();
      settings.time_budget_s = suite_.time_budgets_s.empty() ? 0 : suite_.time_budgets_s.back();
      settings.seed = seed;
      settings.lookahead = suite_.lookahead;
      settings.workers = suite_.workers;
      settings.base_folder = suite_.base_folder;
      settings.interrupted = [this] { return stop_.load() || options_.interrupted(); };
      runs.push_back(run_on_table(*problems_[cell.benchmark], strategy, settings));
      rows.push_back(to_json(runs.back()));
      const std::scoped_lock lock(mutex_);
      ++progress_.done;
      progress_.what = fmt::format("{}, {}, seed {}", suite_.benchmarks[cell.benchmark].name, strategy.name, seed);
      options_.progress(progress_);
    }
    const Json json = {{"key", cell.key}, {"build", build_}, {"runs", std::move(rows)}};
    write_file_atomically(cell.file, json.dump() + "\n");
    const std::scoped_lock lock(mutex_);
    take(cell, std::move(runs));
  }

  const Suite& suite_;
  const SuiteRunOptions& options_;
  const std::string build_;
  std::vector<std::unique_ptr<TableProblem>> problems_;
  std::vector<Cell> cells_;
  SuiteOutcome outcome_;
  SuiteProgress progress_;
  int64_t others_ = 0;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

Json stored_declaration(const fs::path& output) {
  const fs::path file = output / "suite.json";
  if (!fs::exists(file))
    throw UserError("'" + output.string() + "' holds no suite.json; give a folder of nacre bench run");
  return parse_json(read_file(file), file.string());
}

}  // namespace

double SuiteOutcome::charged_regret(size_t benchmark) const {
  const SuiteBenchmarkFacts& facts = benchmarks[benchmark];
  return facts.points * std::abs(facts.table.optimum - facts.table.worst);
}

SuiteOutcome run_suite(const Suite& suite, const ConfigNode& declaration, const SuiteRunOptions& options) {
  NACRE_CHECK(suite.kind == Suite::Kind::strategies);
  return SuiteRunner(suite, options).run(declaration);
}

Suite stored_suite(const fs::path& output) {
  const Json json = stored_declaration(output);
  try {
    return read_suite(config_from_json(json.at("suite"), (output / "suite.json").string()),
                      json.at("name").get<std::string>(), json.at("base_folder").get<std::string>());
  } catch (const Json::exception& error) {
    throw UserError(fmt::format("'{}' is malformed: {}", (output / "suite.json").string(), error.what()));
  }
}

SuiteOutcome read_suite_outcome(const fs::path& output) {
  SuiteOutcome outcome;
  outcome.suite = stored_suite(output);
  const fs::path file = output / "benchmarks.json";
  try {
    for (const Json& facts : parse_json(read_file(file), file.string()))
      outcome.benchmarks.push_back(facts_from_json(facts));
  } catch (const Json::exception& error) {
    throw UserError(fmt::format("'{}' is malformed: {}", file.string(), error.what()));
  }
  const Suite& suite = outcome.suite;
  if (outcome.benchmarks.size() != suite.benchmarks.size())
    throw UserError("'" + file.string() + "' does not belong to the suite beside it; run the suite again");
  outcome.runs.assign(suite.benchmarks.size(), std::vector<std::vector<TableRun>>(suite.strategies.size()));
  for (size_t b = 0; b < suite.benchmarks.size(); ++b) {
    for (size_t s = 0; s < suite.strategies.size(); ++s) {
      const Json declaration = declaration_of(suite, suite.strategies[s]);
      for (const std::vector<uint64_t>& seeds : batches(suite.seeds)) {
        auto runs = read_cell(cell_file(output, suite.benchmarks[b].name, suite.strategies[s].name, seeds),
                              cell_key(declaration, outcome.benchmarks[b].identity, seeds));
        if (!runs) {
          outcome.missing += static_cast<int64_t>(seeds.size());
          continue;
        }
        for (TableRun& run : *runs) outcome.runs[b][s].push_back(std::move(run));
      }
    }
  }
  return outcome;
}

}  // namespace nacre
