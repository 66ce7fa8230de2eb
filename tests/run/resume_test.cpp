// A search in a process of its own that is killed with SIGKILL at random moments and started again, with real worker
// processes and a real SQLite study: the history is that of a search that was never disturbed.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "nacre/base/random.hpp"
#include "nacre/study/file_lock.hpp"
#include "nacre/study/sqlite_store.hpp"
#include "tests/run/fake_run.hpp"
#include "tests/study/store_fixture.hpp"

extern char** environ;

namespace nacre {
namespace {

pid_t start_search(const std::filesystem::path& folder, int64_t workers, double delay_s) {
  std::vector<std::string> words = {"/proc/self/exe", "drive", folder.string(), std::to_string(workers),
                                    std::to_string(delay_s)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ), 0);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

// Processes whose parent is `pid`.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::ifstream stream("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child = 0; stream >> child;) children.push_back(child);
  return children;
}

std::string history_in(const std::filesystem::path& folder) {
  return history_text(*open_sqlite_store(folder / "study.sqlite", StoreMode::read_only));
}

TEST(Resume, KilledAtRandomMomentsAndResumedGivesTheUndisturbedHistory) {
  const test::TemporaryFolder undisturbed;
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_EQ(wait_for(start_search(undisturbed.path(), 1, 0)), 0);
  const int64_t startup_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun).count();
  const std::string reference = history_in(undisturbed.path());
  EXPECT_GE(std::ranges::count(reference, '\n'), 60);

  Random random(20);
  // Starts, kills and resumes until the search has ended; the number of sittings that got as far as a record.
  const auto disturbed = [&](const std::filesystem::path& folder, int64_t workers) -> size_t {
    int kills = 0;
    for (bool done = false; !done;) {
      const pid_t pid = start_search(folder, workers, 0.004);
      // Some kills come before there is a study, others anywhere in it: 60 trials take about a quarter of a second.
      std::this_thread::sleep_for(std::chrono::microseconds(random.integer(startup_us / 2, startup_us + 250'000)));
      done = kills >= 8;
      if (!done) {
        kill(pid, SIGKILL);
        ++kills;
      }
      const int status = wait_for(pid);
      if (WIFEXITED(status)) {
        EXPECT_EQ(WEXITSTATUS(status), 0);
        done = true;
      }
    }
    EXPECT_EQ(history_in(folder), reference) << workers << " workers";
    const std::unique_ptr<Store> store = open_sqlite_store(folder / "study.sqlite", StoreMode::open);
    const std::string tables = store->tables_text();
    store->rebuild();
    EXPECT_EQ(store->tables_text(), tables);
    return store->sittings().size();
  };
  for (const int64_t workers : {1, 2, 4}) {
    // On a busy machine all kills may come too early, or the search may end before the first: then once more.
    size_t sittings = 0;
    for (int attempt = 0; attempt < 5 && sittings < 2; ++attempt) {
      const test::TemporaryFolder folder;
      sittings = disturbed(folder.path(), workers);
    }
    EXPECT_GE(sittings, 2U);
  }
}

TEST(Resume, WorkersEndWithTheirParent) {
  const test::TemporaryFolder folder;
  const pid_t pid = start_search(folder.path(), 3, 30);
  std::vector<pid_t> workers;
  for (int i = 0; i < 200 && workers.size() < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    workers = children_of(pid);
  }
  ASSERT_EQ(workers.size(), 3u);
  kill(pid, SIGKILL);
  wait_for(pid);
  const auto alive = [](pid_t worker) {
    std::ifstream stream("/proc/" + std::to_string(worker) + "/stat");
    std::string number, name, state;
    stream >> number >> name >> state;
    return !state.empty() && state != "Z";
  };
  for (int i = 0; i < 200 && std::ranges::any_of(workers, alive); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(std::ranges::any_of(workers, alive));
}

}  // namespace
}  // namespace nacre
