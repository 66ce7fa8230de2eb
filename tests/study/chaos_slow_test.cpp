// Eight processes on one SQLite study: they ask, lease, send heartbeats, tell, sleep past their deadlines, and are killed at
// random moments. Afterwards nothing is lost and nothing is doubled.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "nacre/base/random.hpp"
#include "nacre/study/sqlite_store.hpp"
#include "tests/study/store_fixture.hpp"

namespace nacre {
namespace {

constexpr int64_t kTrials = 600;
constexpr int kProcesses = 8;
const LeasePolicy kPolicy{0.5, 1'000'000};

void sleep_ms(int64_t duration) { std::this_thread::sleep_for(std::chrono::milliseconds(duration)); }

// The accuracy says who told: under which token.
Trial told_under(const Lease& lease) {
  Trial result = test::told_trial(lease.trial);
  result.metrics["accuracy"].value = static_cast<double>(lease.token);
  return result;
}

void work_on_a_lease(Store& store, Lease lease, Random& random) {
  switch (random.below(8)) {
    case 0: return;                // forgets it
    case 1: sleep_ms(600); break;  // past the deadline, tells late
    case 2: store.release(lease, "crash", true, kPolicy); return;
    case 3:
      if (!store.heartbeat(lease, kPolicy)) return;
      break;
    default: break;
  }
  store.tell(lease, told_under(lease));
  if (random.bernoulli(0.3)) store.tell(lease, told_under(lease));
}

[[noreturn]] void live(const std::filesystem::path& path, uint64_t seed) {
  Random random(seed);
  int code = 1;
  try {
    const std::unique_ptr<Store> store = open_sqlite_store(path, StoreMode::open_or_create);
    const std::string name = "process " + std::to_string(getpid());
    while (true) {
      const int64_t next = store->next_ask_number();
      if (next < kTrials && random.bernoulli(0.5)) store->record_ask(test::asked_trial(next));
      if (std::optional<DeviceLease> device = store->lease_device("host", name, 0.2)) {
        if (random.bernoulli(0.9)) store->release_device(*device);
      }
      if (std::optional<Lease> lease = store->lease_next(name, kPolicy)) {
        work_on_a_lease(*store, *lease, random);
      } else if (next >= kTrials) {
        const std::map<TrialStatus, int64_t> counts = store->status_counts();
        if (counts.contains(TrialStatus::ok) && counts.at(TrialStatus::ok) == kTrials) break;
        sleep_ms(10);
      }
    }
    code = 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "process %d: %s\n", getpid(), error.what());
  }
  _exit(code);
}

pid_t start(const std::filesystem::path& path, uint64_t seed) {
  const pid_t child = fork();
  if (child == 0) live(path, seed);
  return child;
}

// What the log says of each trial must be one story: leases with rising tokens, one result under the newest of them.
void check_log(Store& store) {
  std::map<int64_t, int64_t> token_of;
  std::map<int64_t, int64_t> results;
  std::set<int64_t> asked;
  int64_t device_token = 0;
  double device_deadline_s = 0;
  store.for_each_event(0, [&](const Event& event) {
    switch (event.kind) {
      case EventKind::asked: EXPECT_TRUE(asked.insert(event.trial).second); break;
      case EventKind::leased:
        EXPECT_EQ(token_of[event.trial], 0) << "leased twice: trial " << event.trial;
        EXPECT_EQ(results[event.trial], 0);
        token_of[event.trial] = event.sequence;
        break;
      case EventKind::expired:
      case EventKind::released:
        EXPECT_EQ(event.payload["token"], token_of[event.trial]);
        token_of[event.trial] = 0;
        break;
      case EventKind::result:
        EXPECT_EQ(event.payload["token"], token_of[event.trial]);
        EXPECT_EQ(++results[event.trial], 1) << "told twice: trial " << event.trial;
        break;
      case EventKind::device_leased:
        EXPECT_TRUE(device_token == 0 || device_deadline_s <= event.time_s + 0.001) << "the device was leased twice";
        device_token = event.sequence;
        device_deadline_s = event.payload["deadline_s"].get<double>();
        break;
      case EventKind::device_released:
        EXPECT_EQ(event.payload["token"], device_token);
        device_token = 0;
        break;
      default: break;
    }
  });
  EXPECT_EQ(static_cast<int64_t>(asked.size()), kTrials);
  for (const int64_t number : asked) EXPECT_EQ(results[number], 1) << "lost: trial " << number;
}

TEST(Chaos, EightProcessesLoseAndDoubleNothing) {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "study.sqlite";
  Random random(4);
  std::vector<pid_t> processes;
  for (int i = 0; i < kProcesses; ++i) processes.push_back(start(path, random.next()));
  int kills = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(300);
  while (!processes.empty()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    sleep_ms(random.integer(5, 60));
    const size_t chosen = random.below(processes.size());
    int status = 0;
    if (waitpid(processes[chosen], &status, WNOHANG) == processes[chosen]) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
      processes.erase(processes.begin() + static_cast<std::ptrdiff_t>(chosen));
    } else if (kills < 80) {
      kill(processes[chosen], SIGKILL);
      waitpid(processes[chosen], &status, 0);
      // It may have come to its end just before.
      if (WIFSIGNALED(status)) {
        ++kills;
        processes[chosen] = start(path, random.next());
      } else {
        processes.erase(processes.begin() + static_cast<std::ptrdiff_t>(chosen));
      }
    }
  }
  EXPECT_GT(kills, 20);
  const std::unique_ptr<Store> store = open_sqlite_store(path, StoreMode::open);  // checks the file's integrity
  EXPECT_EQ(store->status_counts(), (std::map<TrialStatus, int64_t>{{TrialStatus::ok, kTrials}}));
  check_log(*store);
  store->for_each_trial(0, [](const TrialRow& row) {
    EXPECT_EQ(*metric_value(row.trial.metrics, "accuracy"), static_cast<double>(row.lease.told_token));
  });
  const std::string tables = store->tables_text();
  store->rebuild();
  EXPECT_EQ(store->tables_text(), tables);
}

}  // namespace
}  // namespace nacre
