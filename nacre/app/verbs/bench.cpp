// nacre bench run SUITE.yaml | report DIR: strategies compared on tabular benchmarks (bench/suite.hpp).
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <filesystem>
#include <iostream>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/progress_line.hpp"
#include "nacre/app/suite_report/suite_report.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/log.hpp"
#include "nacre/bench/predictor_run.hpp"
#include "nacre/bench/suite_summary.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;

struct BenchOptions {
  std::string suite;
  std::vector<std::string> overrides;
  std::string output;
  int64_t jobs = 0;
  bool fresh = false;
};

// Every two seconds at most, and at the end.
class SuiteProgressLines {
 public:
  void show(const SuiteProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (progress.done == progress.known) {
      start_ = now;
      if (progress.known > 0) log_info("{} of {} runs were run before", progress.known, progress.planned);
      return;
    }
    if (progress.done < progress.planned && now - last_ < std::chrono::seconds(2)) return;
    last_ = now;
    const double spent = std::chrono::duration<double>(now - start_).count();
    const double rate = static_cast<double>(progress.done - progress.known) / std::max(spent, 1e-9);
    log_info("{} of {} runs, {:.1f}/s, {} left ({})", progress.done, progress.planned, rate,
             duration_text(static_cast<double>(progress.planned - progress.done) / rate), progress.what);
  }

 private:
  std::chrono::steady_clock::time_point start_{}, last_{};
};

void add_budgets(TextTable& table, const BenchmarkSummary& benchmark) {
  for (const StrategySummary& strategy : benchmark.strategies) {
    std::vector<std::string> cells = {strategy.name};
    const std::vector<BudgetValue>& values = benchmark.by_hypervolume ? strategy.hypervolume : strategy.regret;
    for (const BudgetValue& value : values) cells.push_back(interval_text(value.value));
    for (const GoalValue& goal : strategy.goals) {
      const std::string reached = fmt::format("{}/{}", goal.reached, strategy.seeds);
      cells.push_back(goal.median ? fmt::format("{:g} ({})", *goal.median, reached) : "- (" + reached + ")");
    }
    cells.push_back(fmt::format("{:.5g}", strategy.asked));
    cells.push_back(fmt::format("{:.5g}", strategy.unique));
    cells.push_back(std::to_string(strategy.duplicates));
    cells.push_back(quantity_text(strategy.trial_s, "", "s"));
    table.add(std::move(cells));
  }
}

void print_text(const SuiteSummary& summary) {
  const Suite& suite = summary.outcome->suite;
  std::cout << suite.title << "\n";
  for (const BenchmarkSummary& benchmark : summary.benchmarks) {
    const SuiteBenchmarkFacts& facts = benchmark.facts;
    std::string limits;
    for (const std::string& limit : facts.limits) limits += ", " + limit;
    std::cout << fmt::format("\n{}{}: {}; best by enumeration {:g} among {} rows\n", facts.name, limits,
                             benchmark.by_hypervolume
                                 ? "hypervolume ratio"
                                 : "regret" + (facts.regret_unit.empty() ? "" : " in " + facts.regret_unit),
                             facts.points * facts.table.optimum, facts.table.feasible);
    std::vector<std::string> headers = {"strategy"};
    for (const double budget : suite.budgets) headers.push_back(fmt::format(">{:g} queries", budget));
    for (const double goal : suite.goals) headers.push_back(fmt::format(">queries to {:g}", goal));
    for (const char* header : {">proposals", ">different", ">duplicates", ">own time each"})
      headers.emplace_back(header);
    TextTable table(headers);
    add_budgets(table, benchmark);
    std::cout << table.text();
  }
  if (summary.ranks.empty() || summary.ranks.back().rows.empty()) return;
  const RankSummary& ranks = summary.ranks.back();
  std::cout << fmt::format("\nranks after {:g} queries on {} benchmarks, {} blocks; Friedman p {}\n", ranks.budget,
                           ranks.benchmarks, ranks.blocks, p_text(ranks.friedman_p));
  TextTable table({"strategy", ">mean rank", ">block rank", ">won", ">p against the first"});
  for (const RankSummary::Row& row : ranks.rows) {
    table.add({row.strategy, fmt::format("{:.2f}", row.mean_rank), fmt::format("{:.2f}", row.mean_block_rank),
               std::to_string(row.first), row.p ? p_text(*row.p) : ""});
  }
  std::cout << table.text();
}

void write_files(const SuiteSummary& summary, const fs::path& output) {
  const std::string now = fmt::format("{:%Y-%m-%d %H:%M}", fmt::localtime(std::time(nullptr)));
  const std::string command = fmt::format("nacre bench run {}.yaml", summary.outcome->suite.name);
  write_file_atomically(output / "summary.json", to_json(summary).dump(1) + "\n");
  write_file_atomically(output / "summary.csv", summary_csv(summary));
  write_file_atomically(output / "curves.csv", curves_csv(summary));
  write_file_atomically(output / "runs.csv", runs_csv(*summary.outcome));
  write_file_atomically(output / "report.html", render_suite_report(summary, now, command));
}

void print(const SuiteSummary& summary, const fs::path& output, const Session& session) {
  write_files(summary, output);
  for (const std::string& note : summary.outcome->other_builds) log_warning("{}", note);
  if (summary.outcome->missing > 0)
    log_warning("{} runs are missing: the suite was stopped; nacre bench run goes on with it",
                summary.outcome->missing);
  if (session.json) {
    std::cout << to_json(summary).dump(2) << "\n";
    return;
  }
  print_text(summary);
  std::cout << "written: " << (output / "report.html").string()
            << ", summary.csv, curves.csv, runs.csv, summary.json\n";
}

void print_predictors(const PredictorOutcome& outcome, const fs::path& output, const Session& session) {
  write_file_atomically(output / "summary.json", to_json(outcome).dump(1) + "\n");
  write_file_atomically(output / "predictors.csv", predictors_csv(outcome));
  if (session.json) {
    std::cout << to_json(outcome).dump(2) << "\n";
    return;
  }
  TextTable table({"benchmark", "predictor", ">networks", ">Kendall tau", ">Spearman", ">top-10 regret", ">calibration",
                   ">fit", ">query of 1000"});
  for (const PredictorSummary& row : outcome.rows) {
    table.add({row.benchmark, row.predictor, std::to_string(row.train_size), interval_text(row.kendall),
               interval_text(row.spearman), interval_text(row.top_regret),
               row.coverage ? interval_text(*row.coverage) : "-", quantity_text(row.fit_s, "", "s"),
               quantity_text(row.query_s * 1000, "", "s")});
  }
  std::cout << outcome.suite.title << "\n" << table.text();
  std::cout << "written: " << (output / "predictors.csv").string() << ", summary.json\n";
}

void run(const BenchOptions& options, const Session& session) {
  install_interrupt_handlers();
  const fs::path file = options.suite;
  ConfigNode declaration = load_config(file);
  for (const std::string& assignment : options.overrides) override_config(declaration, assignment);
  const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  const Suite suite = read_suite(declaration, file.stem().string(), folder);
  SuiteRunOptions run_options;
  run_options.output = options.output.empty() ? fs::path("bench_output") / suite.name : fs::path(options.output);
  run_options.program = session.program;
  run_options.jobs = options.jobs;
  run_options.fresh = options.fresh;
  run_options.interrupted = [] { return interrupt_requested(); };
  SuiteProgressLines lines;
  run_options.progress = [&](const SuiteProgress& progress) { lines.show(progress); };
  if (suite.kind == Suite::Kind::predictors)
    return print_predictors(run_predictors(suite, run_options), run_options.output, session);
  const SuiteOutcome outcome = run_suite(suite, declaration, run_options);
  print(summarize(outcome), run_options.output, session);
}

void report(const std::string& folder, const Session& session) {
  const SuiteOutcome outcome = read_suite_outcome(folder);
  print(summarize(outcome), folder, session);
}

}  // namespace

void add_bench(Command& program, Session& session) {
  Command verb =
      program.add_verb("bench", "compare strategies (or predictors) on published tables: run a suite, report it");
  verb.require_verb();
  auto options = std::make_shared<BenchOptions>();
  Command run_verb = verb.add_verb(
      "run", "run what was not run yet of a suite and write its report; interrupted, the same command goes on");
  run_verb.add_option("suite", options->suite, "file that declares the comparison, e.g. benchmarks/suites/NAME.yaml")
      .required();
  run_verb.add_option("--set", options->overrides, "key=value in place of what the suite says, e.g. seeds=20");
  run_verb.add_option("-o,--output", options->output, "folder of the results (default: bench_output/NAME)");
  run_verb.add_option("-j,--jobs", options->jobs, "threads (default: as many as there are processors)").non_negative();
  run_verb.add_flag("--fresh", options->fresh, "run again what was run before");
  run_verb.on_run([options, &session] { run(*options, session); });
  Command report_verb = verb.add_verb("report", "write the report of a folder again, also of a suite that was stopped");
  report_verb.add_option("folder", options->output, "of the results").required();
  report_verb.on_run([options, &session] { report(options->output, session); });
}

}  // namespace nacre
