// Every strategy through `nacre search` with worker processes on a small table: one worker, two workers whose search is killed with
// SIGKILL and started again, and four workers have one history.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "nacre/base/json.hpp"
#include "nacre/run/drive_loop.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/study/sqlite_database.hpp"
#include "nacre/study/sqlite_store.hpp"
#include "tests/app/program.hpp"

namespace nacre {
namespace {

using test::run_program;
using test::Scratch;

constexpr int kTrials = 64;
constexpr int kKilledAfter = 8;  // results, at least
constexpr int kAttempts = 8;     // to kill a search before its end

// Settings under which models are at work from early on.
Json early_settings(const std::string& name) {
  static const std::map<std::string, Json> kSettings = {
      {"asha", {{"reduction", 2}}},
      {"bananas", {{"initial_samples", 10}, {"batch", 5}, {"candidates", 30}, {"ensemble", 2}}},
      {"bayesian", {{"initial_samples", 5}}},
      {"bohb", {{"reduction", 2}}},
      {"diffusion_nag", {{"initial", 24}, {"generated", 24}, {"batch", 12}, {"steps", 10}}},
      {"eeea", {{"population_size", 8}}},
      {"gbdt_nas", {{"initial", 12}, {"batch", 5}}},
      {"nars", {{"rounds", 2}, {"batch", 8}, {"pool", 40}, {"population", 10}, {"hidden", 8}}},
      {"npenas", {{"initial_samples", 10}, {"batch", 5}, {"candidates", 30}}},
      {"nsga2", {{"population_size", 8}}},
      {"nsga3", {{"population_size", 8}}},
      {"regularized_evolution", {{"population_size", 8}, {"sample_size", 3}}},
      {"rnn_controller", {{"hidden", 8}}},
      {"successive_halving", {{"reduction", 2}}},
  };
  const auto found = kSettings.find(name);
  return found == kSettings.end() ? Json::object() : found->second;
}

// 625 rows of four decisions: accuracies after 1, 2 and 4 epochs and a latency.
void write_table(const std::filesystem::path& file) {
  std::ofstream stream(file);
  stream << "a,b,c,d,short,middle,long,ms\n";
  for (int row = 0; row < 625; ++row) {
    const int digits[] = {row / 125, row / 25 % 5, row / 5 % 5, row % 5};
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += (i + 1) * ((digits[i] * 2 + i) % 5);
    const double noise = static_cast<double>(hash_text(std::to_string(row)).low % 100) / 20;
    stream << fmt::format("{},{},{},{},{},{},{},{}\n", digits[0], digits[1], digits[2], digits[3], 30 + sum + noise,
                          40 + sum + noise / 2, 50 + sum + noise / 4, 1 + digits[0] + 2 * digits[1]);
  }
}

class StrategyProcesses : public testing::TestWithParam<std::string> {
 protected:
  StrategyProcesses() {
    write_table(scratch_.path() / "table.csv");
    const Json options = {{"file", "table.csv"},
                          {"decisions", {"a", "b", "c", "d"}},
                          {"qualities",
                           {{"short", {{"metric", "accuracy"}, {"divide", 100}, {"epochs", 1}}},
                            {"middle", {{"metric", "accuracy"}, {"divide", 100}, {"epochs", 2}}},
                            {"long", {{"metric", "accuracy"}, {"divide", 100}, {"epochs", 4}}}}},
                          {"costs", {{"ms", {{"metric", "latency_s"}, {"divide", 1000}, {"unit", "s"}}}}}};
    const Json table = {{"kind", "table"}, {"benchmark", "csv"}, {"options", options}};
    Json search = early_settings(GetParam());
    search.update({{"strategy", GetParam()},
                   {"objectives", {"accuracy", "latency_s"}},
                   {"trials", kTrials},
                   {"epochs", 4},
                   {"lookahead", 4},
                   {"seed", 3},
                   {"random_baseline", false}});
    const Json configuration = {{"task",
                                 {{"kind", "external"},
                                  {"inputs", {{"x", {4}}}},
                                  {"outputs", {{"y", {2}}}},
                                  {"metrics", {{"accuracy", "maximize"}}}}},
                                {"space", table},
                                {"evaluator", table},
                                {"target", table},
                                {"search", search},
                                {"final", {{"networks", 1}}}};
    std::ofstream(scratch_.path() / "search.yaml") << configuration.dump(1);
  }

  std::filesystem::path folder(const std::string& name) const { return scratch_.path() / name; }

  std::string arguments(const std::string& name, int workers) const {
    return fmt::format("search '{}' --set search.workers={} --set output_dir='{}'",
                       (scratch_.path() / "search.yaml").string(), workers, folder(name).string());
  }

  std::string undisturbed(const std::string& name, int workers) const {
    const test::Outcome outcome = run_program(arguments(name, workers));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return history(name);
  }

  std::string history(const std::string& name) const {
    return history_text(*open_sqlite_store(folder(name) / "study.sqlite", StoreMode::read_only));
  }

  // Results so far; 0 while there is no readable study.
  int64_t results(const std::string& name) const {
    try {
      SqliteDatabase study(folder(name) / "study.sqlite", SqliteDatabase::Mode::read_only, "study");
      return study.integer("SELECT count(*) FROM trials WHERE status = 'ok'");
    } catch (const std::exception&) {
      return 0;
    }
  }

  // Starts a search and kills it in the middle; false when it was too quick.
  bool killed_in_the_middle(const std::string& name, int workers) const {
    const pid_t pid = test::start_program(arguments(name, workers), scratch_.path() / "log");
    for (int i = 0; i < 30'000 && results(name) < kKilledAfter && waitpid(pid, nullptr, WNOHANG) == 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    EXPECT_GE(results(name), kKilledAfter) << test::file_text(scratch_.path() / "log");
    return results(name) < kTrials;
  }

 private:
  Scratch scratch_;
};

TEST_P(StrategyProcesses, OneHistoryForAnyWorkersAndAfterAKill) {
  const std::string reference = undisturbed("one", 1);
  EXPECT_GE(std::ranges::count(reference, '\n'), kTrials);
  EXPECT_EQ(undisturbed("four", 4), reference);
  std::string name;
  for (int attempt = 0;; ++attempt) {
    ASSERT_LT(attempt, kAttempts) << "the search was over whenever it was to be killed";
    name = fmt::format("killed{}", attempt);
    if (killed_in_the_middle(name, 2)) break;
  }
  EXPECT_NE(history(name), reference) << "something was left to do";
  EXPECT_EQ(undisturbed(name, 2), reference);
}

// All but `command`, whose program is not nacre's.
std::vector<std::string> own_strategies() {
  std::vector<std::string> names = strategy_registry().names();
  std::erase(names, "command");
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, StrategyProcesses, testing::ValuesIn(own_strategies()),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

}  // namespace
}  // namespace nacre
