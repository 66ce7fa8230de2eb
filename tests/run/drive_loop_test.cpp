// The drive loop's promises: one history whatever the workers and interruptions, repetitions answered from the record,
// limits by rejection, bounded attempts, and every reason to stop.
#include "nacre/run/drive_loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/study/memory_store.hpp"
#include "tests/run/fake_run.hpp"

namespace nacre {
namespace {

using test::FakeSettings;

std::unique_ptr<Store> new_store() {
  std::unique_ptr<Store> store = make_memory_store();
  store->create_study({});
  return store;
}

std::unique_ptr<TrialExecutor> inline_executor() {
  return make_inline_executor([](const Trial& trial, const Json& stopping) {
    return TrialOutcome{trial.number, test::fake_evaluation(trial, stopping), "", {}};
  });
}

struct Finished {
  std::unique_ptr<Store> store = new_store();
  DriveResult result;
  std::string history() const { return history_text(*store); }
};

Finished finished_run(const FakeSettings& fake, std::unique_ptr<TrialExecutor> executor) {
  Finished done;
  done.result = drive(test::drive_settings(fake), test::fake_parts(fake, *done.store, *executor));
  return done;
}

// A problem with everything in it: repetitions, failures, rejected candidates.
FakeSettings rich_problem(int64_t lookahead) {
  return {.trials = 60, .lookahead = lookahead, .alternatives = 4, .fault_share = 0.1, .macs_limit = 250};
}

// --- one history

TEST(DriveLoop, OneHistoryForAnyNumberOfWorkersAndOrderOfCompletion) {
  for (const int64_t lookahead : {1, 4, 8}) {
    const FakeSettings fake = rich_problem(lookahead);
    const Finished reference = finished_run(fake, inline_executor());
    EXPECT_EQ(reference.result.reason, StopReason::trials);
    EXPECT_GT(reference.result.progress.cached, 5);
    EXPECT_GT(reference.result.progress.infeasible, 1);
    EXPECT_GT(reference.result.progress.failed, 1);
    for (const int64_t workers : {1, 2, 4, 16}) {
      for (uint64_t seed = 0; seed < 5; ++seed) {
        SCOPED_TRACE(testing::Message() << "lookahead " << lookahead << ", workers " << workers << ", seed " << seed);
        EXPECT_EQ(finished_run(fake, test::make_shuffling_executor(workers, seed)).history(), reference.history());
      }
    }
  }
}

TEST(DriveLoop, LookaheadIsPartOfTheStudyAndChangesTheHistory) {
  EXPECT_NE(finished_run(rich_problem(1), inline_executor()).history(),
            finished_run(rich_problem(4), inline_executor()).history());
}

TEST(DriveLoop, AnAskSeesExactlyTheTellsUpToLookaheadBefore) {
  constexpr int64_t kLookahead = 5;
  const Finished done = finished_run({.trials = 40, .lookahead = kLookahead}, test::make_shuffling_executor(4, 3));
  for (const Trial& trial : done.store->trials()) {
    if (trial.number < kLookahead + 2) continue;
    const int64_t seen = trial.number - kLookahead + 1;
    EXPECT_EQ(trial.candidate.made_by,
              "mutation after " + std::to_string(seen) + " tells, last " + std::to_string(seen - 1));
  }
}

TEST(DriveLoop, InterruptedAndResumedAtAnyMomentWithAnyWorkersGivesTheSameHistory) {
  const FakeSettings fake = rich_problem(4);
  const std::string reference = finished_run(fake, inline_executor()).history();
  Random random(77);
  for (int round = 0; round < 10; ++round) {
    Finished resumed;
    int64_t sittings = 0;
    do {
      ASSERT_LT(++sittings, 200);
      const std::unique_ptr<TrialExecutor> executor =
          test::make_shuffling_executor(random.integer(1, 6), random.next());
      int64_t looks = random.integer(1, 40);
      DriveParts parts = test::fake_parts(fake, *resumed.store, *executor);
      parts.interrupted = [&] { return --looks < 0; };
      resumed.result = drive(test::drive_settings(fake), parts);
    } while (resumed.result.reason == StopReason::interrupted);
    EXPECT_GT(sittings, 1);
    EXPECT_EQ(resumed.history(), reference);
    EXPECT_EQ(static_cast<int64_t>(resumed.store->sittings().size()), sittings);
  }
}

// Trainings are stopped by what their ask saw: the same ones at the same epochs, whoever works, also after interruptions.
TEST(DriveLoop, StoppedTrainingsAreTheSameForAnyWorkersAndInterruptions) {
  FakeSettings fake = rich_problem(4);
  fake.alternatives = 6;
  const std::string unstopped = finished_run(fake, inline_executor()).history();
  for (const DriveOrder order : {DriveOrder::strict, DriveOrder::fast}) {
    fake.order = order;
    fake.stop = "{by: learning_curve, trials: 6, looks: 12}";
    const Finished reference = finished_run(fake, inline_executor());
    EXPECT_GT(reference.result.progress.pruned, 5);
    EXPECT_NE(reference.history(), unstopped);
    double best = -1;
    for (const Trial& trial : reference.store->trials()) {
      if (trial.status == TrialStatus::ok) best = std::max(best, *metric_value(trial.metrics, "accuracy"));
      if (trial.status != TrialStatus::pruned) continue;
      EXPECT_EQ(trial.metrics.at("accuracy").origin, Origin::predicted);
      EXPECT_LT(trial.curve.size(), static_cast<size_t>(test::kFakeEpochs));
      EXPECT_THAT(trial.reason, testing::HasSubstr("by learning_curve: accuracy would end at"));
    }
    EXPECT_EQ(reference.result.progress.best, best) << "a forecast is no result";
    if (order == DriveOrder::strict) {
      for (const int64_t workers : {1, 2, 4, 16})
        EXPECT_EQ(finished_run(fake, test::make_shuffling_executor(workers, 3)).history(), reference.history());
    }
    Random random(9);
    for (int round = 0; round < 4; ++round) {
      Finished resumed;
      int64_t sittings = 0;
      do {
        ASSERT_LT(++sittings, 200);
        const auto executor = order == DriveOrder::fast
                                  ? inline_executor()
                                  : test::make_shuffling_executor(random.integer(1, 6), random.next());
        int64_t looks = random.integer(5, 60);
        DriveParts parts = test::fake_parts(fake, *resumed.store, *executor);
        parts.interrupted = [&] { return --looks < 0; };
        resumed.result = drive(test::drive_settings(fake), parts);
      } while (resumed.result.reason == StopReason::interrupted);
      EXPECT_GT(sittings, 1);
      EXPECT_EQ(resumed.history(), reference.history());
    }
  }
}

TEST(DriveLoop, MoreTrialsContinueTheHistoryOfFewer) {
  FakeSettings fake = rich_problem(4);
  const std::string reference = finished_run(fake, inline_executor()).history();
  fake.trials = 20;
  Finished done = finished_run(fake, inline_executor());
  EXPECT_EQ(done.result.progress.evaluated, 20);
  fake.trials = 60;
  const std::unique_ptr<TrialExecutor> executor = test::make_shuffling_executor(3, 1);
  drive(test::drive_settings(fake), test::fake_parts(fake, *done.store, *executor));
  EXPECT_EQ(done.history(), reference);
}

TEST(DriveLoop, FastOrderTellsAsResultsComeAndReplaysTheRecordedOrder) {
  FakeSettings fake = rich_problem(4);
  fake.order = DriveOrder::fast;
  Finished resumed;
  Random random(5);
  int64_t sittings = 0;
  do {
    ASSERT_LT(++sittings, 200);
    const std::unique_ptr<TrialExecutor> executor = test::make_shuffling_executor(4, random.next());
    int64_t looks = random.integer(5, 60);
    DriveParts parts = test::fake_parts(fake, *resumed.store, *executor);
    parts.interrupted = [&] { return --looks < 0; };
    resumed.result = drive(test::drive_settings(fake), parts);  // throws when the replay proposes something else
  } while (resumed.result.reason == StopReason::interrupted);
  EXPECT_GT(sittings, 2);
  EXPECT_GE(resumed.result.progress.evaluated, fake.trials);
  // Each ask was made after exactly the results that stand before it in the log.
  int64_t told = 0;
  int64_t last = -1;
  resumed.store->for_each_event(0, [&](const Event& event) {
    if (event.kind == EventKind::result) {
      ++told;
      last = event.trial;
    } else if (event.kind == EventKind::asked) {
      const std::string made_by = event.payload["trial"]["candidate"]["made_by"].get<std::string>();
      if (told >= 3) {
        EXPECT_EQ(made_by, "mutation after " + std::to_string(told) + " tells, last " + std::to_string(last));
      }
    }
  });
}

TEST(DriveLoop, ARecordThatDoesNotFollowFromTheStrategyIsRefused) {
  FakeSettings fake = rich_problem(4);
  fake.trials = 10;
  Finished done = finished_run(fake, inline_executor());
  fake.trials = 20;
  DriveSettings other = test::drive_settings(fake);
  other.seed = 12;
  const std::unique_ptr<TrialExecutor> executor = inline_executor();
  try {
    drive(other, test::fake_parts(fake, *done.store, *executor));
    FAIL() << "expected UserError";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("the recorded history does not follow from the strategy: trial 0 is recorded as"));
    EXPECT_THAT(error.what(), testing::HasSubstr("begin a new one in another output_dir"));
  }
  EXPECT_EQ(done.store->sittings().back().reason, "failed");
}

// --- repetitions and limits

TEST(DriveLoop, RepetitionsAreNotPaidAgain) {
  FakeSettings fake{.trials = 40, .lookahead = 4, .alternatives = 3};
  std::multiset<std::string> evaluated;
  Finished done;
  const std::unique_ptr<TrialExecutor> executor = make_inline_executor([&](const Trial& trial, const Json&) {
    evaluated.insert(trial.key);
    return TrialOutcome{trial.number, test::fake_evaluation(trial), "", {}};
  });
  done.result = drive(test::drive_settings(fake), test::fake_parts(fake, *done.store, *executor));
  for (const std::string& key : evaluated) EXPECT_EQ(evaluated.count(key), 1u);
  EXPECT_EQ(static_cast<int64_t>(evaluated.size()), done.result.progress.evaluated);
  const std::vector<Trial> trials = done.store->trials();
  for (const Trial& trial : trials) {
    if (trial.cached_from < 0) continue;
    const Trial& source = trials[static_cast<size_t>(trial.cached_from)];
    EXPECT_LT(source.number, trial.number);
    EXPECT_EQ(source.cached_from, -1);
    EXPECT_EQ(source.key, trial.key);
    EXPECT_EQ(source.metrics, trial.metrics);
  }
}

TEST(DriveLoop, AFailureIsNotTheAnswerToItsRepetition) {
  const Finished done = finished_run({.trials = 30, .lookahead = 4, .alternatives = 2, .fault_share = 0.5},
                                     test::make_shuffling_executor(4, 1));
  std::map<std::string, int64_t> failures;
  for (const Trial& trial : done.store->trials()) {
    if (trial.status != TrialStatus::failed) continue;
    EXPECT_EQ(trial.cached_from, -1);
    EXPECT_EQ(trial.reason, "the loss is not a number");
    ++failures[trial.key];
  }
  EXPECT_TRUE(std::ranges::any_of(failures, [](const auto& entry) { return entry.second > 1; }));
}

TEST(DriveLoop, CandidatesBeyondALimitAreRejectedBeforeTheyAreEvaluated) {
  const FakeSettings fake{.trials = 30, .lookahead = 4, .macs_limit = 300};
  int64_t evaluated = 0;
  Finished done;
  const std::unique_ptr<TrialExecutor> executor = make_inline_executor([&](const Trial& trial, const Json&) {
    ++evaluated;
    return TrialOutcome{trial.number, test::fake_evaluation(trial), "", {}};
  });
  done.result = drive(test::drive_settings(fake), test::fake_parts(fake, *done.store, *executor));
  EXPECT_EQ(evaluated, 30);
  EXPECT_GT(done.result.progress.infeasible, 0);
  for (const Trial& trial : done.store->trials()) {
    const double params = *metric_value(trial.metrics, "params");
    EXPECT_EQ(trial.status == TrialStatus::infeasible, params > 300);
    if (trial.status == TrialStatus::infeasible) {
      EXPECT_EQ(trial.reason, "params <= 300 is not kept: " + std::to_string(static_cast<int64_t>(params)));
      EXPECT_FALSE(trial.metrics.contains("accuracy"));
    }
  }
}

TEST(DriveLoop, UnderPenaltyEverythingIsEvaluated) {
  const FakeSettings fake{.trials = 20, .lookahead = 2, .macs_limit = 100};
  DriveSettings settings = test::drive_settings(fake);
  settings.objectives.handling = LimitHandling::penalty;
  Finished done;
  const std::unique_ptr<TrialExecutor> executor = inline_executor();
  done.result = drive(settings, test::fake_parts(fake, *done.store, *executor));
  EXPECT_EQ(done.result.progress.infeasible, 0);
  EXPECT_EQ(done.result.progress.evaluated, 20);
}

TEST(DriveLoop, ANetworkThatCannotBeBuiltIsAFailedTrialWithTheReason) {
  const FakeSettings fake{.trials = 5, .lookahead = 2};
  Finished done;
  const std::unique_ptr<TrialExecutor> executor = inline_executor();
  DriveParts parts = test::fake_parts(fake, *done.store, *executor);
  parts.complete = [](const Candidate& candidate, Random&) {
    Candidate copy = candidate;
    copy.decisions.set("unbuildable", 1);
    return copy;
  };
  done.result = drive(test::drive_settings(fake), parts);
  EXPECT_EQ(done.result.progress.failed, 5);
  EXPECT_EQ(done.store->trial(0)->trial.reason, "the network cannot be built: this network has no shape");
}

// --- reasons to stop

// Proposes the first `distinct` candidates, then one of them again and again, or nothing.
class CountingStrategy final : public Strategy {
 public:
  CountingStrategy(int64_t distinct, bool repeats) : distinct_(distinct), repeats_(repeats) {}
  std::optional<Proposal> ask(int64_t number, Random&) override {
    if (number >= distinct_ && !repeats_) return std::nullopt;
    Candidate candidate;
    candidate.decisions.set("d0", 1 + number % distinct_);
    return candidate;
  }
  void tell(const Trial&) override {}

 private:
  int64_t distinct_;
  bool repeats_;
};

Finished run_counting(int64_t distinct, bool repeats, DriveSettings settings, int64_t workers = 3) {
  Finished done;
  const std::unique_ptr<TrialExecutor> executor = test::make_shuffling_executor(workers, 1);
  DriveParts parts = test::fake_parts({}, *done.store, *executor);
  parts.make_strategy = [=] { return std::make_unique<CountingStrategy>(distinct, repeats); };
  done.result = drive(settings, parts);
  return done;
}

TEST(DriveLoop, StopsWhenTheStrategyIsExhausted) {
  const Finished done = run_counting(7, false, test::drive_settings({.trials = 100}));
  EXPECT_EQ(done.result.reason, StopReason::exhausted);
  EXPECT_EQ(done.result.progress.evaluated, 7);
}

TEST(DriveLoop, StopsWhenTheStrategyKeepsRepeating) {
  DriveSettings settings = test::drive_settings({.trials = 1000});
  settings.repeats_in_a_row = 50;
  const Finished done = run_counting(6, true, settings);
  EXPECT_EQ(done.result.reason, StopReason::repeating);
  EXPECT_EQ(done.result.progress.evaluated, 6);
  EXPECT_EQ(done.result.progress.cached, 50);
  EXPECT_EQ(stop_reason_text(done.result.reason),
            "the strategy proposed almost only candidates that were evaluated before");
}

TEST(DriveLoop, StopsWhenAlmostNothingKeepsTheLimits) {
  DriveSettings settings = test::drive_settings({.trials = 10, .macs_limit = 0.5});
  settings.repeats_per_trial = 1'000'000;
  settings.repeats_in_a_row = 1'000'000;
  const Finished done = run_counting(5000, false, settings);
  EXPECT_EQ(done.result.reason, StopReason::infeasible);
  EXPECT_EQ(done.result.progress.infeasible, 1000);
  EXPECT_EQ(done.result.progress.evaluated, 0);
}

TEST(DriveLoop, CountsTheTimeOfAllSittings) {
  DriveSettings settings = test::drive_settings({.trials = 0});
  settings.time_s = 1000;
  Finished done;
  double now_s = 0;
  done.store = make_memory_store([&] { return now_s; });
  done.store->create_study({});
  const int64_t sitting = done.store->begin_sitting({});
  now_s = 2000;
  done.store->end_sitting(sitting, "interrupted");
  const std::unique_ptr<TrialExecutor> executor = inline_executor();
  done.result = drive(settings, test::fake_parts({}, *done.store, *executor));
  EXPECT_EQ(done.result.reason, StopReason::time);
  EXPECT_EQ(done.result.progress.asked, 0);
  EXPECT_GE(done.result.progress.spent_s, 2000);
}

// --- lost workers

// Loses the trials of `fragile` numbers so many times.
class LossyExecutor final : public TrialExecutor {
 public:
  explicit LossyExecutor(std::map<int64_t, int64_t> losses) : losses_(std::move(losses)) {}
  int64_t capacity() const override { return 2; }
  int64_t running() const override { return static_cast<int64_t>(trials_.size()); }
  void start(const Trial& trial, const Json&) override { trials_.push_back(trial); }
  std::vector<TrialOutcome> wait(double) override {
    std::vector<TrialOutcome> outcomes;
    for (const Trial& trial : trials_) {
      if (losses_[trial.number]-- > 0) {
        outcomes.push_back({trial.number, std::nullopt, "the worker was killed by signal 9 (Killed)", {}});
      } else {
        outcomes.push_back({trial.number, test::fake_evaluation(trial), "", {{"00.weights", "weights", -1, 3}}});
      }
    }
    trials_.clear();
    return outcomes;
  }
  std::string worker_of(int64_t) const override { return "lossy"; }
  void cancel() override { trials_.clear(); }
  void pause() override {}
  void resume() override {}

 private:
  std::map<int64_t, int64_t> losses_;
  std::vector<Trial> trials_;
};

TEST(DriveLoop, LostEvaluationsAreTriedAgainABoundedNumberOfTimes) {
  const FakeSettings fake{.trials = 8, .lookahead = 2};
  const Finished done = finished_run(fake, std::make_unique<LossyExecutor>(std::map<int64_t, int64_t>{{1, 2}, {4, 3}}));
  EXPECT_EQ(done.result.reason, StopReason::trials);
  EXPECT_EQ(done.store->trial(1)->trial.status, TrialStatus::ok);
  EXPECT_EQ(done.store->trial(1)->lease.attempt, 3);
  EXPECT_EQ(done.store->trial(4)->trial.status, TrialStatus::failed);
  EXPECT_EQ(done.store->trial(4)->trial.reason,
            "no result after 3 attempts: the worker was killed by signal 9 (Killed)");
  ASSERT_EQ(done.store->artifacts().size(), 1u);
  EXPECT_EQ(done.store->artifacts()[0].trial, 0);
}

// --- measurements

class MeasuredTarget final : public Target {
 public:
  explicit MeasuredTarget(std::function<void()> on_measure) : on_measure_(std::move(on_measure)) {}
  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return "stopwatch"; }
  bool measures() const override { return true; }
  std::string device() const override { return "test_stopwatch"; }
  Cost cost(const Design&, const Deployment&, const ActivityProfile&) override {
    on_measure_();
    return {{{"latency_s", {0.25, "s", Origin::measured, "stopwatch", 31, 0.001}}}, {}, {}};
  }

 private:
  std::function<void()> on_measure_;
  std::string name_ = "stopwatch";
  std::vector<MetricSpec> metrics_ = {{"latency_s", Direction::minimize, "s", ""}};
};

class PausableExecutor final : public TrialExecutor {
 public:
  int64_t capacity() const override { return inner_->capacity(); }
  int64_t running() const override { return inner_->running(); }
  void start(const Trial& trial, const Json& stopping) override {
    EXPECT_FALSE(paused);
    inner_->start(trial, stopping);
  }
  std::vector<TrialOutcome> wait(double timeout_s) override {
    EXPECT_FALSE(paused);
    return inner_->wait(timeout_s);
  }
  std::string worker_of(int64_t number) const override { return inner_->worker_of(number); }
  void cancel() override { inner_->cancel(); }
  void pause() override { paused = true; }
  void resume() override { paused = false; }

  bool paused = false;

 private:
  std::unique_ptr<TrialExecutor> inner_ = test::make_shuffling_executor(3, 9);
};

TEST(DriveLoop, AMeasurementHasTheMachineForItself) {
  const FakeSettings fake{.trials = 12, .lookahead = 4};
  Finished done;
  PausableExecutor executor;
  int64_t measured = 0;
  DriveParts parts = test::fake_parts(fake, *done.store, executor);
  parts.costs.push_back({std::make_shared<MeasuredTarget>([&] {
                           ++measured;
                           EXPECT_TRUE(executor.paused);
                           EXPECT_FALSE(done.store->lease_device("test_stopwatch", "somebody else", 1).has_value());
                         }),
                         {}});
  done.result = drive(test::drive_settings(fake), parts);
  EXPECT_FALSE(executor.paused);
  EXPECT_EQ(measured, 12);  // a repetition is not measured again
  EXPECT_TRUE(done.store->lease_device("test_stopwatch", "somebody else", 1).has_value());
  const Metric latency = done.store->trial(3)->trial.metrics.at("latency_s");
  EXPECT_EQ(latency.origin, Origin::measured);
  EXPECT_EQ(latency.count, 31);
}

TEST(DriveLoop, WhatTheCountsRejectIsNotMeasured) {
  const FakeSettings fake{.trials = 12, .lookahead = 4, .macs_limit = 400};
  Finished done;
  const std::unique_ptr<TrialExecutor> executor = test::make_shuffling_executor(2, 4);
  int64_t measured = 0;
  DriveParts parts = test::fake_parts(fake, *done.store, *executor);
  parts.costs.push_back({std::make_shared<MeasuredTarget>([&] { ++measured; }), {}});
  done.result = drive(test::drive_settings(fake), parts);
  int64_t rejected = 0;
  for (const Trial& trial : done.store->trials()) {
    if (trial.status != TrialStatus::infeasible) continue;
    ++rejected;
    EXPECT_FALSE(trial.metrics.contains("latency_s"));
    EXPECT_GT(metric_value(trial.metrics, "macs"), 400);
  }
  EXPECT_GT(rejected, 0);
  EXPECT_EQ(measured, 12);
}

// --- progress

TEST(DriveLoop, ReportsProgress) {
  const FakeSettings fake{.trials = 25, .lookahead = 4, .macs_limit = 400};
  std::vector<Progress> reports;
  Finished done;
  const std::unique_ptr<TrialExecutor> executor = test::make_shuffling_executor(2, 4);
  DriveParts parts = test::fake_parts(fake, *done.store, *executor);
  parts.progress = [&](const Progress& progress) { reports.push_back(progress); };
  done.result = drive(test::drive_settings(fake), parts);
  ASSERT_FALSE(reports.empty());
  const Progress& last = reports.back();
  EXPECT_EQ(last.evaluated, 25);
  EXPECT_EQ(last.running, 0);
  EXPECT_EQ(last.asked, last.evaluated + last.cached + last.infeasible);
  EXPECT_EQ(last.left_s, 0);
  double best = -1;
  std::vector<Point> points;
  for (const Trial& trial : done.store->trials()) {
    if (trial.status != TrialStatus::ok || trial.cached_from >= 0) continue;
    best = std::max(best, *metric_value(trial.metrics, "accuracy"));
    points.push_back(*test::drive_settings(fake).objectives.minimized(trial.metrics));
  }
  EXPECT_EQ(last.best, best);
  const std::vector<size_t> front = pareto_front(points);
  std::set<Point> distinct;
  for (const size_t index : front) distinct.insert(points[index]);
  EXPECT_EQ(last.front_size, static_cast<int64_t>(distinct.size()));
}

}  // namespace
}  // namespace nacre
