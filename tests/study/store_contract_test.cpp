// The contract of every study store, as one suite run on each of them. A new store adds one line at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <thread>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/study/memory_store.hpp"
#include "nacre/study/sqlite_store.hpp"
#include "tests/study/store_fixture.hpp"

namespace nacre {
namespace {

using test::asked_trial;
using test::told_trial;

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<Store>(const std::filesystem::path& folder, Store::Clock clock)> make;
};

void PrintTo(const StoreKind& kind, std::ostream* stream) { *stream << kind.name; }

class StoreContract : public testing::TestWithParam<StoreKind> {
 protected:
  StoreContract() : store_(GetParam().make(folder_.path(), [this] { return now_s_; })) {}

  void ask(int64_t count) {
    for (int64_t i = 0; i < count; ++i) ASSERT_TRUE(store_->record_ask(asked_trial(store_->next_ask_number())));
  }
  std::vector<EventKind> kinds() {
    std::vector<EventKind> result;
    store_->for_each_event(0, [&](const Event& event) { result.push_back(event.kind); });
    return result;
  }
  void expect_rebuild_changes_nothing() {
    const std::string before = store_->tables_text();
    store_->rebuild();
    EXPECT_EQ(store_->tables_text(), before);
  }

  double now_s_ = 1'700'000'000.25;
  test::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
  const LeasePolicy policy_{60, 3};
};

// --- the study and its sittings

TEST_P(StoreContract, KeepsTheStudyAsCreatedAndRefusesASecondOne) {
  EXPECT_FALSE(store_->study().has_value());
  const StudyRecord record{{{"search", {{"trials", 12}}}}, {{"cpu_model", "x"}}, "0.1.0"};
  store_->create_study(record);
  const std::optional<StudyRecord> found = store_->study();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->config, record.config);
  EXPECT_EQ(found->machine, record.machine);
  EXPECT_EQ(found->version, "0.1.0");
  EXPECT_EQ(found->created_s, now_s_);
  EXPECT_THROW(store_->create_study(record), UserError);
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, CountsTheTimeOfAllSittingsKilledOnesUpToTheirLastEvent) {
  EXPECT_EQ(store_->spent_s(), 0);
  const int64_t first = store_->begin_sitting(Json{{"host", "a"}});
  now_s_ += 10;
  store_->end_sitting(first, "interrupted");
  now_s_ += 1000;
  store_->begin_sitting(Json{{"host", "a"}});
  now_s_ += 5;
  ask(1);
  EXPECT_EQ(store_->spent_s(), 15);
  now_s_ += 2000;  // killed: nothing was recorded in this time
  EXPECT_EQ(store_->spent_s(), 15);
  const int64_t third = store_->begin_sitting(Json{{"host", "b"}});
  EXPECT_EQ(third, 3);
  now_s_ += 2;
  store_->end_sitting(third, "done");
  EXPECT_EQ(store_->spent_s(), 17);
  const std::vector<Sitting> sittings = store_->sittings();
  ASSERT_EQ(sittings.size(), 3u);
  EXPECT_EQ(sittings[0].reason, "interrupted");
  EXPECT_EQ(sittings[1].reason, "killed");
  EXPECT_EQ(sittings[2].machine, (Json{{"host", "b"}}));
  expect_rebuild_changes_nothing();
}

// --- asking

TEST_P(StoreContract, NumbersAsksWithoutGaps) {
  EXPECT_EQ(store_->next_ask_number(), 0);
  ask(3);
  EXPECT_EQ(store_->next_ask_number(), 3);
  EXPECT_FALSE(store_->record_ask(asked_trial(1, "another")));
  EXPECT_EQ(store_->trial(1)->trial.key, "key1");
  EXPECT_THROW(store_->record_ask(asked_trial(7)), InternalError);
  EXPECT_EQ(store_->trial_count(), 3);
}

TEST_P(StoreContract, KeepsAskedAndToldTrialsWhole) {
  ask(2);
  EXPECT_FALSE(store_->trial(2).has_value());
  EXPECT_FALSE(store_->trial(-1).has_value());
  EXPECT_EQ(to_json(store_->trial(1)->trial), to_json(asked_trial(1)));
  now_s_ += 3;
  const std::optional<Lease> lease = store_->lease_trial(1, "w", policy_);
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(store_->trial(1)->trial.status, TrialStatus::running);
  now_s_ += 4;
  EXPECT_EQ(store_->tell(*lease, told_trial(1)), TellOutcome::recorded);
  const std::optional<TrialRow> row = store_->trial(1);
  EXPECT_EQ(to_json(row->trial), to_json(told_trial(1)));
  EXPECT_EQ(row->completed_s - row->asked_s, 7);
  EXPECT_EQ(store_->status_counts(), (std::map<TrialStatus, int64_t>{{TrialStatus::pending, 1}, {TrialStatus::ok, 1}}));
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, AMetricThatIsNotKnownStaysUnknown) {
  ask(1);
  Trial result = told_trial(0);
  result.metrics["loss"] = {std::numeric_limits<double>::quiet_NaN()};
  result.metrics["perplexity"] = {std::numeric_limits<double>::infinity()};
  store_->tell_unleased(result);
  const Metrics metrics = store_->trial(0)->trial.metrics;
  EXPECT_FALSE(metrics.at("latency_s").value.has_value());
  EXPECT_FALSE(metrics.at("loss").value.has_value());
  EXPECT_TRUE(std::isinf(*metrics.at("perplexity").value));
  EXPECT_EQ(metrics.at("accuracy"), told_trial(0).metrics.at("accuracy"));
  expect_rebuild_changes_nothing();
}

// --- leasing

TEST_P(StoreContract, LeasesEachTrialOnceInOrder) {
  EXPECT_FALSE(store_->lease_next("w", policy_).has_value());
  ask(2);
  const std::optional<Lease> first = store_->lease_next("a", policy_);
  const std::optional<Lease> second = store_->lease_next("b", policy_);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->trial, 0);
  EXPECT_EQ(second->trial, 1);
  EXPECT_EQ(first->attempt, 1);
  EXPECT_LT(first->token, second->token);
  EXPECT_FALSE(store_->lease_next("c", policy_).has_value());
  EXPECT_FALSE(store_->lease_trial(0, "c", policy_).has_value());
}

TEST_P(StoreContract, AnExpiredLeaseReturnsTheTrialWithTheNextAttempt) {
  ask(1);
  const std::optional<Lease> lost = store_->lease_next("a", policy_);
  now_s_ += 59.9;
  EXPECT_FALSE(store_->lease_next("b", policy_).has_value());
  now_s_ += 0.2;
  const std::optional<Lease> taken = store_->lease_next("b", policy_);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->attempt, 2);
  EXPECT_GT(taken->token, lost->token);
  EXPECT_EQ(store_->trial(0)->lease.worker, "b");
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, HeartbeatsPushTheDeadlineBackUntilTheLeaseIsLost) {
  ask(1);
  std::optional<Lease> lease = store_->lease_next("a", policy_);
  for (int i = 0; i < 5; ++i) {
    now_s_ += 50;
    EXPECT_TRUE(store_->heartbeat(*lease, policy_));
    EXPECT_EQ(lease->deadline_s, now_s_ + 60);
    EXPECT_FALSE(store_->lease_next("b", policy_).has_value());
  }
  now_s_ += 61;
  EXPECT_TRUE(store_->lease_next("b", policy_).has_value());
  EXPECT_FALSE(store_->heartbeat(*lease, policy_));
}

TEST_P(StoreContract, AStaleTokenIsRefusedAndTellingTwiceIsHarmless) {
  ask(1);
  const Lease stale = *store_->lease_next("a", policy_);
  now_s_ += 61;
  const Lease current = *store_->lease_next("b", policy_);
  EXPECT_EQ(store_->tell(stale, told_trial(0, 0.1)), TellOutcome::refused);
  EXPECT_EQ(store_->trial(0)->trial.status, TrialStatus::running);
  EXPECT_EQ(store_->tell(current, told_trial(0, 0.9)), TellOutcome::recorded);
  EXPECT_EQ(store_->tell(current, told_trial(0, 0.2)), TellOutcome::repeated);
  EXPECT_EQ(store_->tell(stale, told_trial(0, 0.1)), TellOutcome::refused);
  EXPECT_EQ(metric_value(store_->trial(0)->trial.metrics, "accuracy"), 0.9);
  EXPECT_EQ(std::ranges::count(kinds(), EventKind::result), 1);
}

TEST_P(StoreContract, ALateResultIsTakenWhileNobodyElseHasTheTrial) {
  ask(1);
  const Lease lease = *store_->lease_next("a", policy_);
  now_s_ += 1000;
  EXPECT_EQ(store_->tell(lease, told_trial(0)), TellOutcome::recorded);
}

TEST_P(StoreContract, AttemptsAreBoundedAndTheTrialFailsWithTheReason) {
  ask(2);
  for (int64_t attempt = 1; attempt <= 3; ++attempt) {
    EXPECT_EQ(store_->lease_next("a", policy_)->attempt, attempt);
    now_s_ += 61;
  }
  EXPECT_EQ(store_->lease_next("b", policy_)->trial, 1);
  const Trial failed = store_->trial(0)->trial;
  EXPECT_EQ(failed.status, TrialStatus::failed);
  EXPECT_EQ(failed.reason, "no result after 3 attempts: the lease of worker 'a' expired");
  EXPECT_EQ(failed.candidate.decisions, asked_trial(0).candidate.decisions);
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, AReleasedTrialIsPendingAgainAndOnlyCrashesCount) {
  ask(1);
  for (int i = 0; i < 5; ++i) {
    const Lease lease = *store_->lease_next("a", policy_);
    EXPECT_EQ(lease.attempt, 1);
    store_->release(lease, "interrupted", false, policy_);
    EXPECT_EQ(store_->tell(lease, told_trial(0)), TellOutcome::refused);
    store_->release(lease, "again", true, policy_);  // not the newest lease: ignored
  }
  for (int64_t attempt = 1; attempt <= 3; ++attempt) {
    const Lease lease = *store_->lease_next("a", policy_);
    EXPECT_EQ(lease.attempt, attempt);
    store_->release(lease, "the worker was killed by signal 9", true, policy_);
  }
  EXPECT_FALSE(store_->lease_next("a", policy_).has_value());
  EXPECT_EQ(store_->trial(0)->trial.reason, "no result after 3 attempts: the worker was killed by signal 9");
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, ResultsWithoutALeaseOnlyForTrialsThatNobodyHas) {
  ask(2);
  Trial infeasible = asked_trial(0);
  infeasible.status = TrialStatus::infeasible;
  infeasible.reason = "macs 5000 > 1000";
  const Lease lease = *store_->lease_trial(0, "a", policy_);
  EXPECT_EQ(store_->tell_unleased(infeasible), TellOutcome::refused);
  EXPECT_EQ(store_->tell(lease, told_trial(0)), TellOutcome::recorded);
  EXPECT_EQ(store_->tell_unleased(infeasible), TellOutcome::repeated);
  infeasible.number = 1;
  EXPECT_EQ(store_->tell_unleased(infeasible), TellOutcome::recorded);
  EXPECT_EQ(store_->trial(1)->trial.reason, "macs 5000 > 1000");
  EXPECT_FALSE(store_->lease_trial(1, "a", policy_).has_value());
}

// --- reuse

TEST_P(StoreContract, FindsTheFirstOwnResultUnderAKey) {
  for (int64_t i = 0; i < 5; ++i) store_->record_ask(asked_trial(i, i == 0 ? "other" : "same"));
  EXPECT_FALSE(store_->find_result("same").has_value());
  Trial failed = told_trial(1);
  failed.status = TrialStatus::failed;
  store_->tell_unleased(failed);
  EXPECT_FALSE(store_->find_result("same").has_value());  // a failure is not reused
  store_->tell_unleased(told_trial(3));
  EXPECT_EQ(store_->find_result("same"), 3);
  store_->tell_unleased(told_trial(2));
  EXPECT_EQ(store_->find_result("same"), 2);
  EXPECT_FALSE(store_->find_result("other").has_value());
  EXPECT_FALSE(store_->find_result("").has_value());
  const std::string before = store_->tables_text();
  store_->rebuild();
  EXPECT_EQ(store_->tables_text(), before);
  EXPECT_EQ(store_->find_result("same"), 2);
}

TEST_P(StoreContract, ACachedAnswerRepeatsTheFirstResultAtNoCost) {
  ask(4);
  store_->tell_unleased(told_trial(1, 0.75));
  EXPECT_EQ(store_->tell_cached(2, 1), TellOutcome::recorded);
  EXPECT_EQ(store_->tell_cached(3, 2), TellOutcome::recorded);
  for (const int64_t number : {2, 3}) {
    const Trial cached = store_->trial(number)->trial;
    EXPECT_EQ(cached.cached_from, 1);
    EXPECT_EQ(cached.metrics, told_trial(1, 0.75).metrics);
    EXPECT_EQ(cached.time_s, 0);
    EXPECT_EQ(cached.candidate.decisions, asked_trial(number).candidate.decisions);
    EXPECT_EQ(cached.number, number);
  }
  EXPECT_EQ(store_->tell_cached(2, 1), TellOutcome::repeated);
  EXPECT_THROW(store_->tell_cached(0, 1), InternalError);
  expect_rebuild_changes_nothing();
}

// --- devices and artefacts

TEST_P(StoreContract, ADeviceIsLeasedToOneHolderAtATime) {
  std::optional<DeviceLease> first = store_->lease_device("host", "a", 10);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(store_->lease_device("host", "b", 10).has_value());
  EXPECT_FALSE(store_->lease_device("host", "a", 10).has_value());
  EXPECT_TRUE(store_->lease_device("board", "b", 10).has_value());
  now_s_ += 9;
  EXPECT_TRUE(store_->heartbeat_device(*first, 10));
  now_s_ += 9;
  EXPECT_FALSE(store_->lease_device("host", "b", 10).has_value());
  now_s_ += 2;
  const std::optional<DeviceLease> second = store_->lease_device("host", "b", 10);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(store_->heartbeat_device(*first, 10));
  store_->release_device(*first);  // lost already: ignored
  EXPECT_FALSE(store_->lease_device("host", "c", 10).has_value());
  store_->release_device(*second);
  EXPECT_TRUE(store_->lease_device("host", "c", 10).has_value());
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, RegistersEachArtifactOnce) {
  ask(1);
  const Artifact weights{"00112233445566778899aabbccddeeff.weights", "weights", 0, 4096};
  store_->register_artifact(weights);
  store_->register_artifact(weights);
  EXPECT_THAT(store_->artifacts(), testing::ElementsAre(weights));
  Artifact other = weights;
  other.bytes = 1;
  EXPECT_THROW(store_->register_artifact(other), InternalError);
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, FollowupsAreFoundByNameAndTheLastOneCounts) {
  EXPECT_EQ(store_->followup("final 3"), std::nullopt);
  store_->record_followup({"final 3", 3, {{"accuracy", 0.5}}});
  store_->record_followup({"final 4", 4, {{"accuracy", 0.25}}});
  store_->record_followup({"final 3", 3, {{"accuracy", 0.75}}});
  ASSERT_TRUE(store_->followup("final 3").has_value());
  EXPECT_EQ(store_->followup("final 3")->body, (Json{{"accuracy", 0.75}}));
  EXPECT_EQ(store_->followup("final 4")->trial, 4);
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, KeepsFollowupsTheNewestOfAName) {
  ask(2);
  EXPECT_FALSE(store_->followup("final 0").has_value());
  store_->record_followup({"final 0", 0, {{"accuracy", 0.5}}});
  store_->record_followup({"final 1", 1, {{"accuracy", 0.25}}});
  store_->record_followup({"final 0", 0, {{"accuracy", 0.75}}});
  const Followup newest{"final 0", 0, {{"accuracy", 0.75}}};
  EXPECT_EQ(store_->followup("final 0"), newest);
  EXPECT_THAT(store_->followups(), testing::ElementsAre(newest, Followup{"final 1", 1, {{"accuracy", 0.25}}}));
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, ListsDevicesFreeOnesToo) {
  const std::optional<DeviceLease> lease = store_->lease_device("host", "a", 10);
  store_->lease_device("board", "b", 10);
  store_->release_device(*lease);
  const std::vector<DeviceLease> devices = store_->devices();
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].device, "board");
  EXPECT_NE(devices[0].token, 0);
  EXPECT_EQ(devices[1].token, 0);
}

// --- the log and transactions

TEST_P(StoreContract, TheLogKeepsTheOrderOfAsksAndTells) {
  ask(2);
  store_->tell_unleased(told_trial(1));
  ask(1);
  store_->tell_unleased(told_trial(0));
  std::vector<std::pair<EventKind, int64_t>> order;
  int64_t expected = 0;
  store_->for_each_event(0, [&](const Event& event) {
    EXPECT_EQ(event.sequence, ++expected);
    order.emplace_back(event.kind, event.trial);
  });
  using E = EventKind;
  EXPECT_THAT(order, testing::ElementsAre(std::pair(E::asked, 0), std::pair(E::asked, 1), std::pair(E::result, 1),
                                          std::pair(E::asked, 2), std::pair(E::result, 0)));
  std::vector<int64_t> later;
  store_->for_each_event(3, [&](const Event& event) { later.push_back(event.sequence); });
  EXPECT_THAT(later, testing::ElementsAre(4, 5));
}

TEST_P(StoreContract, ATransactionIsRecordedWhollyOrNotAtAll) {
  ask(1);
  const std::string before = store_->tables_text();
  EXPECT_THROW(store_->transaction([&] {
    ask(2);
    store_->transaction([&] { store_->tell_unleased(told_trial(0)); });
    throw UserError("stop");
  }),
               UserError);
  EXPECT_EQ(store_->tables_text(), before);
  EXPECT_EQ(store_->next_ask_number(), 1);
  EXPECT_EQ(kinds().size(), 1u);
  store_->transaction([&] {
    ask(2);
    store_->tell_unleased(told_trial(0));
  });
  EXPECT_EQ(store_->next_ask_number(), 3);
  EXPECT_EQ(kinds().size(), 4u);
  expect_rebuild_changes_nothing();
}

TEST_P(StoreContract, ManyThreadsLoseAndDoubleNothing) {
  constexpr int64_t kTrials = 64;
  ask(kTrials);
  std::atomic<int64_t> told{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      while (const std::optional<Lease> lease = store_->lease_next("w" + std::to_string(t), policy_)) {
        told += store_->tell(*lease, told_trial(lease->trial)) == TellOutcome::recorded;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(told, kTrials);
  EXPECT_EQ(store_->status_counts(), (std::map<TrialStatus, int64_t>{{TrialStatus::ok, kTrials}}));
  expect_rebuild_changes_nothing();
}

// Any sequence of commands leaves tables that follow from the log; stores agree on them (the test below).
void play_random_commands(Store& store, double& now_s, uint64_t seed) {
  Random random(seed);
  const LeasePolicy policy{30, 2};
  std::vector<Lease> leases;
  std::vector<DeviceLease> devices;
  for (int i = 0; i < 400; ++i) {
    now_s += static_cast<double>(random.below(8));
    const int64_t count = store.trial_count();
    const int64_t some = count > 0 ? random.integer(0, count - 1) : 0;
    Lease lease =
        leases.empty() ? Lease{} : leases[leases.size() - 1 - random.below(std::min<size_t>(leases.size(), 4))];
    switch (random.below(10)) {
      case 0:
      case 1: store.record_ask(asked_trial(count, "key" + std::to_string(random.below(20)))); break;
      case 2:
      case 3:
        if (auto taken = store.lease_next("w" + std::to_string(random.below(3)), policy)) leases.push_back(*taken);
        break;
      case 4:
        if (lease.token > 0) store.tell(lease, told_trial(lease.trial, random.uniform()));
        break;
      case 5:
        if (lease.token > 0) store.heartbeat(lease, policy);
        break;
      case 6:
        if (lease.token > 0) store.release(lease, "crash", random.bernoulli(0.5), policy);
        break;
      case 7:
        if (some > 0 && store.trial(some - 1)->trial.is_complete()) store.tell_cached(some, some - 1);
        break;
      case 8:
        if (auto device = store.lease_device("host", "h", 20)) devices.push_back(*device);
        break;
      case 9:
        if (!devices.empty()) store.release_device(devices[random.below(devices.size())]);
        break;
    }
  }
}

TEST_P(StoreContract, RebuildAfterRandomCommandsChangesNothingAndAllStoresAgree) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    test::TemporaryFolder folder;
    double now_s = 1000;
    const std::unique_ptr<Store> store = GetParam().make(folder.path(), [&] { return now_s; });
    play_random_commands(*store, now_s, seed);
    const std::string text = store->tables_text();
    store->rebuild();
    EXPECT_EQ(store->tables_text(), text);
    double other_now_s = 1000;
    const std::unique_ptr<Store> reference = make_memory_store([&] { return other_now_s; });
    play_random_commands(*reference, other_now_s, seed);
    EXPECT_EQ(reference->tables_text(), text);
    EXPECT_GT(store->status_counts()[TrialStatus::ok], 5);
    EXPECT_GT(store->status_counts()[TrialStatus::failed], 1);
  }
}

INSTANTIATE_TEST_SUITE_P(AllStores, StoreContract,
                         testing::Values(StoreKind{"memory",
                                                   [](const std::filesystem::path&, Store::Clock clock) {
                                                     return make_memory_store(clock);
                                                   }},
                                         StoreKind{"sqlite",
                                                   [](const std::filesystem::path& folder, Store::Clock clock) {
                                                     return open_sqlite_store(folder / "study.sqlite",
                                                                              StoreMode::open_or_create, clock);
                                                   }}),
                         [](const testing::TestParamInfo<StoreKind>& info) { return info.param.name; });

}  // namespace
}  // namespace nacre
