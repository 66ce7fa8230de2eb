// Workers as processes: results, every way to lose one, memory limits, pausing, and the end of the parent.
#include "nacre/run/worker_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "nacre/base/error.hpp"
#include "tests/run/fake_run.hpp"

namespace nacre {
namespace {

using test::fake_workers;
using test::Fault;

Trial trial_with(int64_t number, Fault fault) {
  Trial trial;
  trial.number = number;
  trial.candidate.decisions.set("d0", number % 5);
  trial.candidate.decisions.set("fault", static_cast<int64_t>(fault));
  return trial;
}

// Starts one trial and waits for what comes of it.
TrialOutcome outcome_of(TrialExecutor& executor, const Trial& trial, const Json& stopping = nullptr) {
  executor.start(trial, stopping);
  for (int i = 0; i < 100; ++i) {
    std::vector<TrialOutcome> outcomes = executor.wait(0.5);
    if (!outcomes.empty()) return outcomes.at(0);
  }
  ADD_FAILURE() << "nothing came of trial " << trial.number;
  return {};
}

int64_t pid_of(const TrialExecutor& executor, int64_t number) {
  return std::stoll(executor.worker_of(number).substr(std::string("worker ").size()));
}

// Processor time of a process in clock ticks, -1 when there is no such process.
int64_t used_ticks(int64_t pid) {
  std::ifstream stream("/proc/" + std::to_string(pid) + "/stat");
  std::string word;
  int64_t ticks = -1;
  for (int field = 1; stream >> word; ++field) {
    if (field == 3 && word == "Z") return -1;
    if (field == 14) ticks = std::stoll(word);
    if (field == 15) return ticks + std::stoll(word);
  }
  return -1;
}

TEST(WorkerProcess, StopsATrainingByWhatItIsHanded) {
  TrainingStops stops(stopping_from_config(parse_config("{by: learning_curve, looks: 12}", "test")),
                      {.objectives = {{"accuracy", Direction::maximize}}});
  for (int64_t i = 0; i < 24; ++i) {
    Trial trial = trial_with(i, Fault::none);
    trial.candidate.decisions.set("d1", i / 5);
    stops.tell(test::fake_evaluation(trial));
  }
  const Json knowledge = stops.knowledge({stops.told(), {}, test::kFakeEpochs, {}});
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(fake_workers(1));
  int64_t stopped = 0;
  for (int64_t i = 0; i < 8; ++i) {
    Trial trial = trial_with(i, Fault::none);
    trial.candidate.decisions.set("d2", 1 + i % 3);
    const TrialOutcome outcome = outcome_of(*executor, trial, knowledge);
    ASSERT_TRUE(outcome.result.has_value());
    EXPECT_EQ(to_json(*outcome.result), to_json(test::fake_evaluation(trial, knowledge)));
    stopped += outcome.result->status == TrialStatus::pruned;
  }
  EXPECT_GE(stopped, 2);
}

TEST(WorkerProcess, ManyTrialsInARowByTheSameProcesses) {
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(fake_workers(2));
  EXPECT_EQ(executor->capacity(), 2);
  std::map<int64_t, Trial> results;
  std::set<std::string> workers;
  int64_t next = 0;
  while (results.size() < 40) {
    while (next < 40 && executor->running() < executor->capacity()) {
      executor->start(trial_with(next, Fault::none), nullptr);
      workers.insert(executor->worker_of(next++));
    }
    for (TrialOutcome& outcome : executor->wait(5)) results[outcome.number] = outcome.result.value();
  }
  EXPECT_EQ(workers.size(), 2u);
  for (const auto& [number, result] : results) {
    EXPECT_EQ(to_json(result), to_json(test::fake_evaluation(trial_with(number, Fault::none))));
  }
}

TEST(WorkerProcess, AnExceptionFailsTheTrialAndNotTheWorker) {
  WorkerProcessOptions options = fake_workers(1);
  options.memory_limit_bytes = uint64_t{256} << 20;
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(options);
  const TrialOutcome exhausted = outcome_of(*executor, trial_with(0, Fault::out_of_memory));
  ASSERT_TRUE(exhausted.result.has_value());
  EXPECT_EQ(exhausted.result->status, TrialStatus::failed);
  EXPECT_EQ(exhausted.result->reason, "out of memory");
  const TrialOutcome thrown = outcome_of(*executor, trial_with(1, Fault::throws));
  EXPECT_EQ(thrown.result->reason, "the loss is not a number");
  EXPECT_EQ(outcome_of(*executor, trial_with(2, Fault::none)).result->status, TrialStatus::ok);
}

TEST(WorkerProcess, AWorkerThatDiesLosesItsTrialAndIsReplaced) {
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(fake_workers(1));
  const TrialOutcome aborted = outcome_of(*executor, trial_with(0, Fault::aborts));
  EXPECT_FALSE(aborted.result.has_value());
  EXPECT_EQ(aborted.reason, "the worker was killed by signal 6 (Aborted)");
  EXPECT_EQ(outcome_of(*executor, trial_with(1, Fault::leaves)).reason, "the worker left with exit code 7");
  executor->start(trial_with(2, Fault::silent), nullptr);
  executor->wait(4);  // long enough for a new worker to be ready: before that it would only be started again
  kill(static_cast<pid_t>(pid_of(*executor, 2)), SIGKILL);
  EXPECT_EQ(executor->wait(5).at(0).reason, "the worker was killed by signal 9 (Killed); was memory short?");
  EXPECT_EQ(executor->running(), 0);
  EXPECT_EQ(outcome_of(*executor, trial_with(3, Fault::none)).result->status, TrialStatus::ok);
}

TEST(WorkerProcess, ASilentWorkerIsKilledABusyOneIsNot) {
  WorkerProcessOptions options = fake_workers(1, 4.5);  // an evaluation of 4.5 s that gives signs of life
  options.silence_limit_s = 3;
  EXPECT_TRUE(outcome_of(*make_worker_processes(options), trial_with(0, Fault::none)).result.has_value());
  options.setup["delay_s"] = 0.0;
  const TrialOutcome lost = outcome_of(*make_worker_processes(options), trial_with(0, Fault::silent));
  EXPECT_EQ(lost.reason, "the worker gave no sign of life for 3 s");
}

TEST(WorkerProcess, ASetupThatIsRefusedIsTheUsersError) {
  WorkerProcessOptions options = fake_workers(1);
  options.setup["refuse"] = "task: no such file 'x.csv'";
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(options);
  executor->start(trial_with(0, Fault::none), nullptr);
  try {
    for (int i = 0; i < 20; ++i) executor->wait(0.5);
    FAIL() << "expected UserError";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "task: no such file 'x.csv'");
  }
}

TEST(WorkerProcess, WorkersThatNeverGetReadyEndTheRun) {
  WorkerProcessOptions options = fake_workers(1);
  options.setup["die"] = true;
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(options);
  executor->start(trial_with(0, Fault::none), nullptr);
  try {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(executor->wait(1).empty());
    FAIL() << "expected InternalError";
  } catch (const InternalError& error) {
    EXPECT_THAT(
        error.what(),
        testing::HasSubstr("3 worker processes ended before they were ready; the last one was killed by signal 6"));
  }
  options = fake_workers(1);
  options.program = "/no/such/program";
  EXPECT_THROW(make_worker_processes(options)->start(trial_with(0, Fault::none), nullptr), UserError);
}

TEST(WorkerProcess, APausedWorkerUsesNoProcessorTimeAndGoesOn) {
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(fake_workers(2, 1.0));
  executor->start(trial_with(0, Fault::none), nullptr);
  executor->start(trial_with(1, Fault::none), nullptr);
  executor->wait(0.3);
  const std::vector<int64_t> pids = {pid_of(*executor, 0), pid_of(*executor, 1)};
  executor->pause();
  const std::vector<int64_t> before = {used_ticks(pids[0]), used_ticks(pids[1])};
  EXPECT_GE(before[0], 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));  // longer than the evaluation
  EXPECT_EQ(used_ticks(pids[0]), before[0]);
  EXPECT_EQ(used_ticks(pids[1]), before[1]);
  EXPECT_TRUE(executor->wait(0).empty());
  executor->resume();
  size_t finished = 0;
  for (int i = 0; i < 20 && finished < 2; ++i) finished += executor->wait(1).size();
  EXPECT_EQ(finished, 2u);
}

TEST(WorkerProcess, CancelStopsAtOnceAndTheExecutorCanBeUsedAgain) {
  const std::unique_ptr<TrialExecutor> executor = make_worker_processes(fake_workers(2, 0));
  executor->start(trial_with(0, Fault::silent), nullptr);
  executor->wait(0.3);
  const int64_t pid = pid_of(*executor, 0);
  executor->cancel();
  EXPECT_EQ(used_ticks(pid), -1);
  EXPECT_EQ(executor->running(), 0);
  EXPECT_TRUE(outcome_of(*executor, trial_with(1, Fault::none)).result.has_value());
}

TEST(WorkerProcess, RefusesToBeStartedByHand) {
  try {
    serve_trials([](const Json&) -> TrialHandler { return nullptr; });
    FAIL() << "expected UserError";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "worker processes are started by nacre itself; use nacre search");
  }
}

}  // namespace
}  // namespace nacre
