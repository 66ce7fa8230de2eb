// Suites: what is read, what is refused, and runs that are stopped and gone on with.
#include "nacre/bench/suite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/bench/suite_summary.hpp"
#include "nacre/run/formulation.hpp"
#include "small_table.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

const std::string kSuite =
    "title: t\n"
    "benchmarks:\n"
    "  - {kind: nasbench201, dataset: cifar100, objectives: [valid_accuracy], judge: [test_accuracy]}\n"
    "strategies:\n"
    "  - local_search\n"
    "  - {strategy: nsga2, name: small_nsga2, population_size: 10, limit_handling: penalty}\n"
    "budgets: [10, 20]\n"
    "seeds: 3\n";

Suite read(const std::string& yaml) { return read_suite(parse_config(yaml, "suite.yaml"), "suite", "."); }

TEST(Suite, IsRead) {
  const Suite suite = read(kSuite);
  ASSERT_EQ(suite.benchmarks.size(), 1u);
  EXPECT_EQ(suite.benchmarks[0].name, "nasbench201_cifar100");
  ASSERT_EQ(suite.strategies.size(), 3u);
  EXPECT_EQ(suite.strategies[1].name, "small_nsga2");
  EXPECT_EQ(suite.strategies[1].options.integer("population_size"), 10);
  EXPECT_EQ(suite.strategies[1].formulation.text("limit_handling"), "penalty");
  EXPECT_EQ(suite.strategies[2].strategy, "random") << "always beside them";
  EXPECT_EQ(suite.seeds, (std::vector<uint64_t>{0, 1, 2}));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  return at == std::string::npos ? "" : text.replace(at, from.size(), to);
}

std::string error_with(const std::string& from, const std::string& to) {
  return user_error([&] { (void)read(replaced(kSuite, from, to)); });
}

TEST(Suite, ErrorsNameThePlaceAndWhatIsAccepted) {
  EXPECT_THAT(error_with("local_search", "local_serach"), HasSubstr("suite.yaml:5:5: unknown strategy 'local_serach'"));
  EXPECT_THAT(error_with("local_search", "local_serach"), HasSubstr("did you mean 'local_search'?"));
  EXPECT_THAT(error_with("kind: nasbench201", "kind: nasbench"), HasSubstr("suite.yaml:3:12: unknown benchmark"));
  EXPECT_THAT(error_with("population_size", "population"), HasSubstr("population_size"));
  EXPECT_THAT(error_with("budgets: [10, 20]", "budgets: [20, 10]"),
              HasSubstr("suite.yaml:7:10: budgets: expected ascending"));
  EXPECT_THAT(error_with("budgets: [10, 20]\n", ""), HasSubstr("expected at least one number of queries"));
  EXPECT_THAT(error_with("seeds: 3", "seeds: [1, 1]"), HasSubstr("different ones"));
  EXPECT_THAT(error_with("seeds: 3", "seeds: 0"), HasSubstr("suite.yaml:8:8: seeds: expected 1 to 1000000"));
  EXPECT_THAT(error_with("seeds: 3", "sedes: 3"), HasSubstr("did you mean 'seeds'?"));
  EXPECT_THAT(error_with("small_nsga2", "../x"), HasSubstr("expected letters, digits"));
  EXPECT_THAT(error_with("small_nsga2", "local_search"), HasSubstr("two strategies are called 'local_search'"));
  EXPECT_THAT(error_with("judge: [test_accuracy]", "judge: [a, b]"),
              HasSubstr("expected one metric for each objective"));
  EXPECT_THAT(error_with("seeds: 3", "workers: 2\nlookahead: 3"), HasSubstr("leave one of both out"));
  EXPECT_THAT(error_with("seeds: 3", "train_sizes: [3]"), HasSubstr("belongs to a suite of kind predictors"));
  EXPECT_THAT(error_with("limit_handling: penalty", "limit_handling: panalty"), HasSubstr("did you mean 'penalty'?"));
}

bool has_table() {
  const char* given = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  const std::filesystem::path root =
      given != nullptr ? given : std::filesystem::path(source == nullptr ? "." : source) / ".." / "shared" / "data";
  return std::filesystem::exists(root / "nasbench201");
}

SuiteOutcome run(const Suite& suite, const std::string& yaml, const std::filesystem::path& output, int64_t jobs,
                 int64_t stop_after = -1) {
  SuiteRunOptions options;
  options.output = output;
  options.jobs = jobs;
  std::atomic<int64_t> done{0};
  options.progress = [&](const SuiteProgress& progress) { done = progress.done; };
  if (stop_after >= 0) options.interrupted = [&] { return done >= stop_after; };
  return run_suite(suite, parse_config(yaml, "suite.yaml"), options);
}

Json without_times(Json json) {
  for (auto& [benchmark, facts] : json["benchmarks"].items()) {
    for (auto& [strategy, row] : facts["strategies"].items()) row.erase("trial_s");
  }
  return json;
}

TEST(SuiteRun, StoppedAndGoneOnWithIsTheSameAsAtOnce) {
  if (!has_table()) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  const std::string yaml = replaced(kSuite, "seeds: 3", "seeds: 25");
  const Suite suite = read(yaml);
  const TemporaryFolder once, twice;
  const SuiteOutcome whole = run(suite, yaml, once.path(), 2);
  EXPECT_THROW(run(suite, yaml, twice.path(), 1, 22), Interrupted);
  const SuiteOutcome half = read_suite_outcome(twice.path());
  EXPECT_GT(half.missing, 0);
  EXPECT_LT(half.missing, 75);
  EXPECT_EQ(to_json(summarize(half)).at("missing"), half.missing);
  std::vector<int64_t> known;
  SuiteRunOptions options;
  options.output = twice.path();
  options.jobs = 1;
  options.progress = [&](const SuiteProgress& progress) { known.push_back(progress.known); };
  const SuiteOutcome rest = run_suite(suite, parse_config(yaml, "suite.yaml"), options);
  EXPECT_EQ(known.front(), 75 - half.missing) << "what was run is read";
  EXPECT_EQ(without_times(to_json(summarize(rest))), without_times(to_json(summarize(whole))));
  EXPECT_EQ(without_times(to_json(summarize(read_suite_outcome(twice.path())))),
            without_times(to_json(summarize(whole))));
  // Another declaration does not take these runs for its own.
  const std::string longer = replaced(yaml, "[10, 20]", "[10, 30]");
  std::vector<int64_t> none;
  options.progress = [&](const SuiteProgress& progress) { none.push_back(progress.known); };
  (void)run_suite(read(longer), parse_config(longer, "suite.yaml"), options);
  EXPECT_EQ(none.front(), 0);
}

TEST(SuiteSummary, CountsRanksAndCurves) {
  if (!has_table()) GTEST_SKIP() << "nasbench201 is not in NACRE_DATA or ../shared/data";
  const std::string yaml = replaced(kSuite, "seeds: 3", "seeds: 10\ngoals: [2, 0]");
  const TemporaryFolder folder;
  const SuiteOutcome outcome = run(read(yaml), yaml, folder.path(), 2);
  const SuiteSummary summary = summarize(outcome);
  ASSERT_EQ(summary.benchmarks.size(), 1u);
  for (const StrategySummary& strategy : summary.benchmarks[0].strategies) {
    EXPECT_EQ(strategy.seeds, 10);
    EXPECT_EQ(strategy.asked, 20);
    EXPECT_EQ(strategy.duplicates, 0);
    EXPECT_EQ(strategy.regret.size(), 2u);
    EXPECT_GE(strategy.regret[0].value.mean, strategy.regret[1].value.mean - 3);
    EXPECT_EQ(strategy.regret_curve.back().at, 20);
    EXPECT_EQ(strategy.regret_curve.back().mean, strategy.regret[1].value.mean);
    EXPECT_EQ(strategy.goals[1].reached, 0) << "nothing finds the very best of 15,625 in 20 queries";
    EXPECT_FALSE(strategy.goals[1].median);
  }
  ASSERT_EQ(summary.ranks.size(), 2u);
  EXPECT_EQ(summary.ranks[1].blocks, 10);
  double ranks = 0;
  for (const RankSummary::Row& row : summary.ranks[1].rows) ranks += row.mean_rank;
  EXPECT_EQ(ranks, 1 + 2 + 3);
  EXPECT_FALSE(summary.ranks[1].rows[0].p) << "the best is compared with nobody";
  EXPECT_THAT(summary_csv(summary), HasSubstr("nasbench201_cifar100,random,regret,queries,20,"));
  EXPECT_THAT(runs_csv(outcome), HasSubstr("\nnasbench201_cifar100,small_nsga2,9,"));
}

}  // namespace
}  // namespace nacre
