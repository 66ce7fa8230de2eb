#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "nacre/search/pruning.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::run;
using synthetic::Step;

// Networks of `positions` decisions of four alternatives; the value is a sum over them, alternative 0 the worst everywhere.
double worth(const Decisions& decisions) {
  double sum = 0;
  for (const Decision& decision : decisions.items()) {
    const double weight = 1 + static_cast<double>(hash_text(decision.key).low % 3);
    sum += decision.index == 0 ? -3 * weight : weight * static_cast<double>((decision.index * 2) % 3);
  }
  return sum;
}

Trial worth_trial(const Decisions& decisions) { return synthetic::trial_of({{"accuracy", worth(decisions)}}); }

double mean_queries_to_best(const std::string& strategy, const Json& options) {
  const Trace trace = synthetic::flat_trace(6, 4);  // 4,096 networks
  double best = -1e300;
  for (Count index = 0; index < trace.count(); ++index) best = std::max(best, worth(trace.at(index)));
  double sum = 0;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto searcher = synthetic::make_strategy(strategy, {trace, synthetic::maximize_accuracy(), 0}, options);
    double asked = 0;
    for (int64_t number = 0; number < 4096; ++number) {
      Random random = Random::stream(seed, "ask", static_cast<uint64_t>(number));
      const std::optional<Proposal> proposal = searcher->ask(number, random);
      Trial trial = worth_trial(proposal->candidate.decisions);
      trial.number = number;
      trial.candidate = proposal->candidate;
      asked += 1;
      if (metric_value(trial.metrics, "accuracy") == best) break;
      searcher->tell(trial);
    }
    sum += asked / 5;
  }
  return sum;
}

TEST(GbdtNas, FindsTheBestOfASpaceInAFewPercentOfWhatRandomSearchNeeds) {
  const Json options = {{"initial", 40}, {"batch", 20}};
  EXPECT_LT(mean_queries_to_best("gbdt_nas", options), 200) << "random search: 2,048";
}

TEST(GbdtNas, LargeSpacesAreRankedFromADraw) {
  const Trace trace = synthetic::flat_trace(14, 4);  // 268 million
  const auto best_of = [&](const std::string& name, const Json& options) {
    double sum = 0;
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const auto strategy = synthetic::make_strategy(name, {trace, synthetic::maximize_accuracy(), 0}, options);
      sum += synthetic::best_accuracy(run(*strategy, worth_trial, 150, seed));
    }
    return sum / 3;
  };
  EXPECT_GT(best_of("gbdt_nas", {{"samples", 2000}}), best_of("random", Json::object()) + 3);
}

TEST(GbdtNas, PrunedAlternativesAreListedAndComeBackAtTheEnd) {
  const Trace trace = synthetic::flat_trace(4, 4);  // 256 networks
  for (const std::string order : {"first", "second"}) {
    const auto strategy = synthetic::make_strategy(
        "gbdt_nas", {trace, synthetic::maximize_accuracy(), 0},
        {{"initial", 60}, {"batch", 10}, {"prune", order}, {"prune_per_round", 2}, {"trees", {{"min_leaf", 3}}}});
    std::vector<Step> history = run(*strategy, worth_trial, 100, 4);
    const std::vector<std::string> pruned = strategy->statistics()["pruned"];
    EXPECT_EQ(pruned.size(), 4u) << order;  // two rounds
    if (order == "first") {
      EXPECT_THAT(pruned, testing::Each(testing::EndsWith("=0"))) << "the alternative that hurts";
    }
    // After the fits nothing pruned is asked while other networks are left ...
    const auto has_pruned = [&](const Step& step) {
      const std::string text = trace.text(step.candidate.decisions) + " ";
      return std::ranges::any_of(pruned, [&](const std::string& word) { return text.find(word + " ") != text.npos; });
    };
    for (size_t i = 80; i < history.size(); ++i) EXPECT_FALSE(has_pruned(history[i])) << i;
  }
  // ... and everything is asked in the end.
  const auto strategy = synthetic::make_strategy("gbdt_nas", {trace, synthetic::maximize_accuracy(), 0},
                                                 {{"initial", 60}, {"prune", "first"}});
  EXPECT_EQ(run(*strategy, worth_trial, 1000, 4).size(), 256u);
}

TEST(GbdtNas, NetworksWhoseCostsMissALimitAreNotRanked) {
  const Trace trace = synthetic::flat_trace(6, 4);
  // Cost and accuracy agree: without the limit only dear networks would be asked.
  const auto cost = [](const Decisions& decisions) { return worth(decisions) + 40; };
  ObjectiveSet objectives = synthetic::maximize_accuracy();
  objectives.limits.push_back({.metric = "macs", .bound = 41});
  StrategyContext context{trace, objectives, 0};
  context.build = [](const Decisions& decisions) {
    Design design;
    design.decisions = decisions;
    return design;
  };
  context.costs = [&](const Design& design) {
    Metrics metrics;
    metrics["macs"].value = cost(design.decisions);
    return metrics;
  };
  const auto strategy = synthetic::make_strategy("gbdt_nas", context, {{"initial", 50}, {"batch", 10}});
  const std::vector<Step> history = run(
      *strategy,
      [&](const Decisions& decisions) {
        Trial trial = synthetic::trial_of({{"macs", cost(decisions)}});
        if (cost(decisions) > 41) {
          trial.status = TrialStatus::infeasible;
        } else {
          trial.metrics["accuracy"].value = worth(decisions);
        }
        return trial;
      },
      150, 2);
  int64_t infeasible_initial = 0;
  for (size_t i = 0; i < history.size(); ++i) {
    const bool infeasible = history[i].trial.status == TrialStatus::infeasible;
    if (i < 50)
      infeasible_initial += infeasible;
    else
      EXPECT_FALSE(infeasible) << i;
  }
  EXPECT_GT(infeasible_initial, 5);
  EXPECT_GT(strategy->statistics()["passed_over"].get<int64_t>(), 0);
}

TEST(GbdtNas, ExplorationKeepsSamplingAndDroppedNetworksDoNotEnter) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto count_random = [&](double share) {
    const auto strategy = synthetic::make_strategy("gbdt_nas", {trace, synthetic::maximize_accuracy(), 0},
                                                   {{"initial", 20}, {"exploration", share}});
    int64_t samples = 0;
    for (const Step& step : run(*strategy, worth_trial, 220, 3)) samples += step.candidate.made_by == "random";
    return samples;
  };
  EXPECT_EQ(count_random(0), 20);
  EXPECT_NEAR(static_cast<double>(count_random(0.3)), 80, 25);
  // With every network dropped there is nothing to learn from: all asks are samples.
  const auto strategy = synthetic::make_strategy("gbdt_nas", {trace, synthetic::maximize_accuracy(), 0},
                                                 {{"initial", 20}, {"drop_below", 1000.0}});
  for (const Step& step : run(*strategy, worth_trial, 60, 3)) EXPECT_EQ(step.candidate.made_by, "random");
  EXPECT_EQ(strategy->statistics()["fits"], 0);
}

TEST(GbdtNas, RefusesUnknownTreeParameters) {
  const Trace trace = synthetic::flat_trace(2, 2);
  EXPECT_THROW(
      synthetic::make_strategy("gbdt_nas", {trace, synthetic::maximize_accuracy(), 0}, {{"trees", {{"leafs", 3}}}}),
      UserError);
}

// Trees on all networks of a small space, from a value that is known.
struct Learned {
  Trace trace = synthetic::flat_trace(4, 4);
  FeatureMatrix features;
  std::vector<double> values;
  BoostedTrees trees;

  explicit Learned(const std::function<double(const Decisions&)>& value) {
    for (Count index = 0; index < trace.count(); ++index) {
      features.add(trace.encode_one_hot(trace.at(index)));
      values.push_back(value(trace.at(index)));
    }
    Random random(1);
    trees.fit(features, values, random);
  }
};

TEST(Pruning, TakesTheWorstAlternativesFirst) {
  const Learned learned(worth);
  const TreeExplainer explainer(learned.trees);
  Pruning pruning(learned.trace);
  EXPECT_EQ(pruning.prune_first_order(explainer, learned.features, 4), 4);
  std::vector<std::string> texts = pruning.texts();
  std::ranges::sort(texts);
  EXPECT_EQ(texts, (std::vector<std::string>{"stage0/op=0", "stage1/op=0", "stage2/op=0", "stage3/op=0"}));
  Random random(2);
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const Decisions decisions = pruning.sample(random);
    EXPECT_TRUE(pruning.allows(decisions));
    seen.insert(learned.trace.text(decisions));
  }
  EXPECT_EQ(seen.size(), 81u) << "all of what is left";
}

TEST(Pruning, EveryDecisionKeepsAnAlternative) {
  const Learned learned(worth);
  const TreeExplainer explainer(learned.trees);
  for (const bool second : {false, true}) {
    Pruning pruning(learned.trace);
    for (int round = 0; round < 5; ++round) {
      if (second) {
        pruning.prune_second_order(explainer, learned.features, 5);
      } else {
        pruning.prune_first_order(explainer, learned.features, 5);
      }
    }
    EXPECT_LE(pruning.pruned().size(), 12u);
    Random random(2);
    const Decisions decisions = pruning.sample(random);
    EXPECT_TRUE(learned.trace.is_complete(decisions));
    EXPECT_TRUE(pruning.allows(decisions));
  }
}

// Two alternatives that hurt only together: single values see half of it each, the pair sees it.
TEST(Pruning, SecondOrderSeesPairs) {
  const Learned learned([](const Decisions& decisions) {
    return *decisions.find("stage0/op") == 1 && *decisions.find("stage1/op") == 2 ? -1.0 : 0.0;
  });
  const TreeExplainer explainer(learned.trees);
  Pruning pruning(learned.trace);
  EXPECT_EQ(pruning.prune_second_order(explainer, learned.features, 2), 2);
  EXPECT_THAT(pruning.texts(), testing::UnorderedElementsAre("stage0/op=1", "stage1/op=2"));
}

TEST(Pruning, WorksWhereDecisionsComeAndGo) {
  const Trace trace = synthetic::deep_trace(4, 3, 3);
  FeatureMatrix features;
  std::vector<double> values;
  for (Count index = 0; index < trace.count(); ++index) {
    const Decisions decisions = trace.at(index);
    features.add(trace.encode_one_hot(decisions));
    double sum = 0;
    for (const Decision& decision : decisions.items()) sum += decision.index == 0 ? -1.0 : 0.2;
    values.push_back(sum);
  }
  BoostedTrees trees;
  Random random(1);
  trees.fit(features, values, random);
  Pruning pruning(trace);
  EXPECT_GT(pruning.prune_first_order(TreeExplainer(trees), features, 8), 3);
  for (int i = 0; i < 300; ++i) {
    const Decisions decisions = pruning.sample(random);
    EXPECT_TRUE(trace.is_complete(decisions));
    EXPECT_TRUE(pruning.allows(decisions));
  }
}

}  // namespace
}  // namespace nacre
