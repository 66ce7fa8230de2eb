// What every registered strategy must do, whatever it is: a new one is tested by being registered.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::run;
using synthetic::Step;

class StrategyContract : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Strategy> make(const Trace& trace, const ObjectiveSet& objectives = synthetic::maximize_accuracy()) {
    return synthetic::make_strategy(GetParam(), {trace, objectives, 0});
  }
};

Trial additive_trial(const Decisions& decisions) {
  return synthetic::trial_of(
      {{"accuracy", synthetic::additive(decisions)}, {"cost", static_cast<double>(decisions.hash().low % 100)}});
}

// Every sixth fails, every sixth is infeasible without quality, every sixth is pruned, every sixth says nothing.
Trial troubled_trial(const Decisions& decisions) {
  Trial trial = additive_trial(decisions);
  switch (decisions.hash().low % 6) {
    case 0:
      trial.status = TrialStatus::failed;
      trial.metrics.clear();
      break;
    case 1:
      trial.status = TrialStatus::infeasible;
      trial.metrics.erase("accuracy");
      break;
    case 2: trial.status = TrialStatus::pruned; break;
    case 3: trial.metrics["accuracy"].value.reset(); break;
    default: break;
  }
  return trial;
}

// Asks that take milliseconds.
bool is_model_guided(const std::string& name) {
  return name == "bayesian" || name == "bananas" || name == "npenas" || name == "rnn_controller";
}

// What must not be evaluated twice: the decisions at their fidelity.
std::string identity_of(const Step& step) {
  const Fidelity& fidelity = step.trial.request.fidelity;
  return fmt::format("{} {} {} {}", step.candidate.decisions.hash().hex(), fidelity.epochs, fidelity.data_share,
                     fidelity.resolution);
}

std::vector<std::string> texts(const std::vector<Step>& history) {
  std::vector<std::string> result;
  for (const Step& step : history) result.push_back(to_json(step.candidate).dump());
  return result;
}

TEST_P(StrategyContract, IsBuiltFromDefaultsAndFromItsExample) {
  const Trace trace = synthetic::flat_trace(4, 3);
  const auto& entry = strategy_registry().get(GetParam());
  EXPECT_FALSE(entry.summary.empty());
  const Options options =
      resolve_options(parse_config(entry.example, "example"), entry.parameters, "search", {"strategy"});
  EXPECT_THAT(entry.example, testing::HasSubstr("strategy: " + GetParam()));
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.build = [](const Decisions&) { return Design(); };
  context.costs = [](const Design&) { return synthetic::trial_of({{"params", 1000}}).metrics; };
  const auto strategy = entry.make(options, context);
  EXPECT_EQ(run(*strategy, additive_trial, 40, 1).size(), 40u);
}

TEST_P(StrategyContract, ProposesCompleteDecisionsWithParentsItKnows) {
  const Trace trace = synthetic::deep_trace(4, 3, 3);
  const auto strategy = make(trace);
  int64_t number = 0;
  for (const Step& step : run(*strategy, troubled_trial, 200, 2, 5)) {
    EXPECT_TRUE(trace.is_complete(step.candidate.decisions));
    EXPECT_FALSE(step.candidate.made_by.empty());
    for (const int64_t parent : step.candidate.parents) {
      EXPECT_GE(parent, 0);
      EXPECT_LT(parent, number) << "a parent is an earlier trial";
    }
    ++number;
  }
}

TEST_P(StrategyContract, ProposesEachNetworkOnceAndThenNothing) {
  for (const int64_t lookahead : {1, 8}) {
    for (const auto& evaluate : {additive_trial, troubled_trial}) {
      const Trace trace = synthetic::deep_trace(3, 3, 4);  // (3 + 9 + 27) x 4
      ASSERT_EQ(trace.count(), 156);
      const auto strategy = make(trace);
      const std::vector<Step> history = run(*strategy, evaluate, 1000, 3, lookahead);
      std::set<std::string> distinct;
      for (const Step& step : history) distinct.insert(trace.text(step.candidate.decisions));
      EXPECT_EQ(history.size(), 156u);
      EXPECT_EQ(distinct.size(), 156u);
      Random random(1);
      EXPECT_FALSE(strategy->ask(1000, random));
    }
  }
}

TEST_P(StrategyContract, NeverRepeatsItselfInALargeSpace) {
  const Trace trace = synthetic::flat_trace(12, 4);
  const auto strategy = make(trace);
  const size_t asks = is_model_guided(GetParam()) ? 150 : 3000;
  std::set<std::string> distinct;
  for (const Step& step : run(*strategy, additive_trial, static_cast<int64_t>(asks), 4, 4))
    distinct.insert(identity_of(step));
  EXPECT_EQ(distinct.size(), asks);
}

// A study with epochs, where strategies may ask for fewer: nothing is evaluated twice at one fidelity, none is beyond the
// study's own, and a training is continued only from a trial of the same decisions at fewer epochs.
TEST_P(StrategyContract, NothingTwiceAtOneFidelity) {
  const Trace trace = synthetic::deep_trace(3, 3, 4);
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.epochs = 9;
  const auto strategy = synthetic::make_strategy(GetParam(), context);
  std::set<std::string> distinct;
  const std::vector<Step> history = run(*strategy, troubled_trial, 400, 12, 4);
  EXPECT_GE(history.size(), 156u) << "every network at some fidelity";
  for (const Step& step : history) {
    EXPECT_TRUE(distinct.insert(identity_of(step)).second) << identity_of(step);
    EXPECT_LE(step.trial.request.fidelity.epochs, 9);
  }
}

TEST_P(StrategyContract, SameSeedSameAsksOtherSeedOthers) {
  const Trace trace = synthetic::flat_trace(10, 4);
  const auto asks = [&](uint64_t seed) { return texts(run(*make(trace), troubled_trial, 150, seed, 3)); };
  EXPECT_EQ(asks(5), asks(5));
  if (GetParam() == "grid") return;  // draws nothing
  EXPECT_NE(asks(5), asks(6));
}

// A study that is killed after some trials is resumed by replaying asks and tells: it goes on as if nothing had happened.
TEST_P(StrategyContract, ReplayRebuildsTheSameAsks) {
  const Trace trace = synthetic::deep_trace(6, 4, 4);
  for (const int64_t lookahead : {1, 8}) {
    const auto unbroken = make(trace);
    const std::vector<Step> whole = run(*unbroken, troubled_trial, 120, 7, lookahead);
    for (const int64_t killed_after : {1, 37, 90}) {
      const auto resumed = make(trace);
      int64_t recorded = 0;
      // The record answers for the first trials; the same loop then goes on with new ones.
      const std::vector<Step> history = run(
          *resumed,
          [&](const Decisions& decisions) {
            return recorded < killed_after ? whole[static_cast<size_t>(recorded++)].trial : troubled_trial(decisions);
          },
          120, 7, lookahead);
      EXPECT_EQ(texts(history), texts(whole)) << "lookahead " << lookahead << ", killed after " << killed_after;
      EXPECT_EQ(resumed->statistics(), unbroken->statistics());
    }
  }
}

// Asks between the tells that they may see change nothing that the tells would not: ask(n) depends on tells 0 .. n - L.
TEST_P(StrategyContract, LookaheadDecidesWhatAnAskSees) {
  const Trace trace = synthetic::flat_trace(10, 4);
  std::vector<Step> history = run(*make(trace), additive_trial, 100, 8, 8);
  // The last seven results are invisible to the 100th ask: other results there give the same asks.
  const auto strategy = make(trace);
  int64_t number = 0;
  const std::vector<Step> other = run(
      *strategy,
      [&](const Decisions& decisions) {
        Trial trial = additive_trial(decisions);
        if (number++ >= 93) trial.metrics["accuracy"].value = 2;
        return trial;
      },
      100, 8, 8);
  EXPECT_EQ(texts(other), texts(history));
}

TEST_P(StrategyContract, SurvivesASearchWithoutAnyUsableTrial) {
  const Trace trace = synthetic::flat_trace(8, 4);
  for (const TrialStatus status : {TrialStatus::failed, TrialStatus::infeasible, TrialStatus::pruned}) {
    const auto strategy = make(trace);
    const auto history = run(
        *strategy, [&](const Decisions&) { return synthetic::trial_of({}, status); }, 200, 9);
    EXPECT_EQ(history.size(), 200u) << trial_status_name(status);
  }
}

TEST_P(StrategyContract, ToldTrialsThatItDidNotAskAreNotAsked) {
  const Trace trace = synthetic::flat_trace(3, 4);
  const auto strategy = make(trace);
  std::set<std::string> told;
  for (int i = 0; i < 64; i += 2) {
    Trial trial = additive_trial(trace.at(i));
    trial.number = i;
    trial.candidate.decisions = trace.at(i);
    told.insert(trace.text(trial.candidate.decisions));
    strategy->tell(trial);
  }
  for (const Step& step : run(*strategy, additive_trial, 32, 10)) {
    EXPECT_TRUE(told.insert(trace.text(step.candidate.decisions)).second);
  }
  EXPECT_EQ(told.size(), 64u);
}

TEST_P(StrategyContract, SpaceOfOneNetworkIsAskedOnce) {
  TraceBuilder builder;
  const Trace trace = builder.finish(builder.all({}));
  const auto strategy = make(trace);
  EXPECT_EQ(run(*strategy, additive_trial, 10, 11).size(), 1u);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) { return info.param; }

// All but `command`, which is as good as its program (command_test.cpp).
std::vector<std::string> own_strategies() {
  std::vector<std::string> names = strategy_registry().names();
  std::erase(names, "command");
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, StrategyContract, testing::ValuesIn(own_strategies()), test_name);

TEST(StrategyRegistry, UnknownNameNamesTheNearest) {
  try {
    strategy_registry().get("regularised_evolution", {"study.yaml", 14, 9});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(
        error.what(),
        "study.yaml:14:9: unknown strategy 'regularised_evolution'; did you mean 'regularized_evolution'? (nacre list "
        "strategies)");
  }
}

}  // namespace
}  // namespace nacre
