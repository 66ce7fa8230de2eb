// The random search beside a search, killed with SIGKILL and started again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "nacre/run/drive_loop.hpp"
#include "nacre/study/sqlite_database.hpp"
#include "nacre/study/sqlite_store.hpp"
#include "tests/app/program.hpp"
#include "tests/app/small_search.hpp"

namespace nacre {
namespace {

using test::file_text;
using test::run_program;
using test::Scratch;
using test::small_search;
using testing::HasSubstr;

// Results of the random search so far; 0 while there is no readable file.
int64_t baseline_results(const std::filesystem::path& folder) {
  try {
    SqliteDatabase baseline(folder / "random_baseline.sqlite", SqliteDatabase::Mode::read_only, "baseline");
    return baseline.integer("SELECT count(*) FROM trials WHERE cached_from < 0 AND status = 'ok'");
  } catch (const std::exception&) {
    return 0;
  }
}

TEST(EndToEndSlow, RandomSearchThatWasKilledGoesOnWhereItWas) {
  const Scratch scratch;
  const std::filesystem::path folder = scratch.path() / "study", file = folder / "random_baseline.sqlite";
  ASSERT_EQ(run_program(small_search(folder)).exit_code, 0);
  const auto history = [&] { return history_text(*open_sqlite_store(file, StoreMode::read_only)); };
  const std::string arguments = "resume '" + folder.string() + "' --set search.random_baseline=true";
  ASSERT_EQ(run_program(arguments).exit_code, 0);
  const std::string undisturbed = history();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("random_baseline")) std::filesystem::remove(entry.path());
  }
  const std::filesystem::path log = scratch.path() / "log";
  const pid_t pid = test::start_program(arguments, log);
  for (int i = 0; i < 3000 && baseline_results(folder) == 0 && waitpid(pid, nullptr, WNOHANG) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  ASSERT_GE(baseline_results(folder), 1) << file_text(log);
  ASSERT_LT(baseline_results(folder), 4) << "it was killed before its end";
  EXPECT_EQ(run_program("report '" + folder.string() + "'").exit_code, 0);
  EXPECT_THAT(file_text(folder / "report.html"), HasSubstr("drawn uniformly at random"));
  ASSERT_EQ(run_program(arguments).exit_code, 0);
  EXPECT_EQ(history(), undisturbed);
}

}  // namespace
}  // namespace nacre
