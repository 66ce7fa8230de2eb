// What every registered strategy must do, whatever it is: a new one is tested by being registered.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::run;
using synthetic::Step;

// Settings under which a strategy that learns a model does so early and quickly: what is tested holds for any.
Json quick_settings(const std::string& name) {
  static const std::map<std::string, Json> kSettings = {
      {"bananas", {{"initial_samples", 10}, {"batch", 5}, {"candidates", 30}, {"ensemble", 2}}},
      {"bayesian", {{"initial_samples", 5}}},
      {"diffusion_nag", {{"initial", 24}, {"generated", 24}, {"batch", 12}, {"steps", 10}}},
      {"gbdt_nas", {{"initial", 12}, {"batch", 5}, {"samples", 100}, {"enumerate_up_to", 200}}},
      {"nasaic", {{"hidden", 8}}},
      {"nars", {{"rounds", 2}, {"batch", 8}, {"pool", 40}, {"pretraining", 0}, {"population", 10}, {"hidden", 8}}},
      {"npenas", {{"initial_samples", 10}, {"batch", 5}, {"candidates", 30}}},
      {"rnn_controller", {{"hidden", 8}}},
  };
  const auto found = kSettings.find(name);
  return found == kSettings.end() ? Json::object() : found->second;
}

class StrategyContract : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Strategy> make(const Trace& trace, const ObjectiveSet& objectives = synthetic::maximize_accuracy()) {
    return synthetic::make_strategy(GetParam(), {trace, objectives, 0}, quick_settings(GetParam()));
  }
  // Fewer of strategies whose asks take milliseconds; their models are at work all the same.
  static bool is_slow() { return GetParam() == "bohb" || !quick_settings(GetParam()).empty(); }
  static int64_t asks(int64_t usual) { return is_slow() ? usual * 2 / 5 : usual; }
  // Small enough to be exhausted: (3 + 9 + 27) x 4 networks, or (3 + 9) x 4.
  static Trace small_trace() { return synthetic::deep_trace(is_slow() ? 2 : 3, 3, 4); }
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
  for (const Step& step : run(*strategy, troubled_trial, asks(200), 2, 5)) {
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
      const Trace trace = small_trace();
      const size_t count = trace.count().get_ui();
      ASSERT_EQ(count, is_slow() ? 48U : 156U);
      const auto strategy = make(trace);
      const std::vector<Step> history = run(*strategy, evaluate, 1000, 3, lookahead);
      std::set<std::string> distinct;
      for (const Step& step : history) distinct.insert(trace.text(step.candidate.decisions));
      EXPECT_EQ(history.size(), count);
      EXPECT_EQ(distinct.size(), count);
      Random random(1);
      EXPECT_FALSE(strategy->ask(1000, random));
    }
  }
}

TEST_P(StrategyContract, NeverRepeatsItselfInALargeSpace) {
  const Trace trace = synthetic::flat_trace(12, 4);
  const auto strategy = make(trace);
  const int64_t count = is_slow() ? 60 : 3000;
  std::set<std::string> distinct;
  for (const Step& step : run(*strategy, additive_trial, count, 4, 4)) distinct.insert(identity_of(step));
  EXPECT_EQ(static_cast<int64_t>(distinct.size()), count);
}

// A study with epochs, where strategies may ask for fewer: nothing is evaluated twice at one fidelity, none is beyond the
// study's own, and a training is continued only from a trial of the same decisions at fewer epochs.
TEST_P(StrategyContract, NothingTwiceAtOneFidelity) {
  const Trace trace = small_trace();
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.epochs = 9;
  const auto strategy = synthetic::make_strategy(GetParam(), context, quick_settings(GetParam()));
  std::set<std::string> distinct;
  const std::vector<Step> history = run(*strategy, troubled_trial, 400, 12, 4);
  EXPECT_GE(history.size(), trace.count().get_ui()) << "every network at some fidelity";
  for (const Step& step : history) {
    EXPECT_TRUE(distinct.insert(identity_of(step)).second) << identity_of(step);
    EXPECT_LE(step.trial.request.fidelity.epochs, 9);
  }
}

// Where several decision sets are one network, each network is asked once, by whichever of them.
TEST_P(StrategyContract, ProposesEachIdentityOnceAndThenNothing) {
  for (const int64_t lookahead : {1, 8}) {
    const Trace trace = synthetic::flat_trace(3, 4);
    StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
    // The order of the layers does not matter: 20 multisets of three out of four.
    context.identify = [](const Decisions& decisions) -> std::optional<Hash128> {
      std::vector<int64_t> indices;
      for (const Decision& decision : decisions.items()) indices.push_back(decision.index);
      std::ranges::sort(indices);
      return hash_bytes(indices.data(), indices.size() * sizeof(int64_t));
    };
    const auto strategy = synthetic::make_strategy(GetParam(), context, quick_settings(GetParam()));
    std::set<Hash128> distinct;
    const std::vector<Step> history = run(*strategy, troubled_trial, 200, 13, lookahead);
    for (const Step& step : history) distinct.insert(*context.identify(step.candidate.decisions));
    EXPECT_EQ(history.size(), 20U);
    EXPECT_EQ(distinct.size(), 20U);
    Random random(1);
    EXPECT_FALSE(strategy->ask(200, random));
  }
}

// Where only some networks can be evaluated, only they are asked, each once.
TEST_P(StrategyContract, AsksOnlyForWhatCanBeEvaluated) {
  const Trace trace = synthetic::flat_trace(6, 4);
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  std::vector<Decisions> held;
  for (int64_t i = 0; i < 40; ++i) held.push_back(trace.at(Count(i * 101 % 4096)));
  const auto distance = [](const Decisions& a, const Decisions& b) {
    int64_t different = 0;
    for (size_t i = 0; i < a.size(); ++i) different += a.items()[i].index != b.items()[i].index;
    return different;
  };
  context.nearest = [&](const Decisions& wanted, const TakenNetwork& taken) {
    std::optional<Decisions> best;
    for (const Decisions& one : held) {
      if (!taken(one.hash()) && (!best || distance(one, wanted) < distance(*best, wanted))) best = one;
    }
    return best;
  };
  const auto strategy = synthetic::make_strategy(GetParam(), context, quick_settings(GetParam()));
  std::set<std::string> distinct;
  const std::vector<Step> history = run(*strategy, additive_trial, 200, 14, 3);
  for (const Step& step : history) {
    EXPECT_NE(std::ranges::find(held, step.candidate.decisions), held.end());
    distinct.insert(trace.text(step.candidate.decisions));
  }
  EXPECT_EQ(history.size(), held.size());
  EXPECT_EQ(distinct.size(), held.size());
}

TEST_P(StrategyContract, SameSeedSameAsksOtherSeedOthers) {
  const Trace trace = synthetic::flat_trace(10, 4);
  const auto asked = [&](uint64_t seed) { return texts(run(*make(trace), troubled_trial, asks(150), seed, 3)); };
  EXPECT_EQ(asked(5), asked(5));
  if (GetParam() == "grid") return;  // draws nothing
  EXPECT_NE(asked(5), asked(6));
}

// A study that is killed after some trials is resumed by replaying asks and tells: it goes on as if nothing had happened.
TEST_P(StrategyContract, ReplayRebuildsTheSameAsks) {
  const Trace trace = synthetic::deep_trace(6, 4, 4);
  for (const int64_t lookahead : {1, 8}) {
    const auto unbroken = make(trace);
    const std::vector<Step> whole = run(*unbroken, troubled_trial, asks(120), 7, lookahead);
    for (const int64_t killed_after : {int64_t{1}, asks(37), asks(90)}) {
      const auto resumed = make(trace);
      int64_t recorded = 0;
      // The record answers for the first trials; the same loop then goes on with new ones.
      const std::vector<Step> history = run(
          *resumed,
          [&](const Decisions& decisions) {
            return recorded < killed_after ? whole[static_cast<size_t>(recorded++)].trial : troubled_trial(decisions);
          },
          asks(120), 7, lookahead);
      EXPECT_EQ(texts(history), texts(whole)) << "lookahead " << lookahead << ", killed after " << killed_after;
      EXPECT_EQ(resumed->statistics(), unbroken->statistics());
    }
  }
}

// Asks between the tells that they may see change nothing that the tells would not: ask(n) depends on tells 0 .. n - L.
TEST_P(StrategyContract, LookaheadDecidesWhatAnAskSees) {
  const Trace trace = synthetic::flat_trace(10, 4);
  const int64_t count = asks(100);
  const std::vector<Step> history = run(*make(trace), additive_trial, count, 8, 8);
  // The last seven results are invisible to the last ask: other results there give the same asks.
  const auto strategy = make(trace);
  int64_t number = 0;
  const std::vector<Step> other = run(
      *strategy,
      [&](const Decisions& decisions) {
        Trial trial = additive_trial(decisions);
        if (number++ >= count - 7) trial.metrics["accuracy"].value = 2;
        return trial;
      },
      count, 8, 8);
  EXPECT_EQ(texts(other), texts(history));
}

TEST_P(StrategyContract, SurvivesASearchWithoutAnyUsableTrial) {
  const Trace trace = synthetic::flat_trace(8, 4);
  for (const TrialStatus status : {TrialStatus::failed, TrialStatus::infeasible, TrialStatus::pruned}) {
    const auto strategy = make(trace);
    const auto history = run(
        *strategy, [&](const Decisions&) { return synthetic::trial_of({}, status); }, asks(200), 9);
    EXPECT_EQ(static_cast<int64_t>(history.size()), asks(200)) << trial_status_name(status);
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
