// Walking decisions one by one, and the tree search that does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/search/decision_walk.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;
using synthetic::run;

TEST(DecisionWalk, ReachesEveryDecisionSetOnce) {
  const Trace trace = synthetic::deep_trace(3, 2, 3);
  // Depth first over all walks.
  std::set<Count> reached;
  const std::function<void(const std::vector<size_t>&)> follow = [&](const std::vector<size_t>& prefix) {
    DecisionWalk walk(trace);
    for (const size_t alternative : prefix) walk.take(alternative);
    if (walk.done()) {
      EXPECT_TRUE(trace.is_complete(walk.decisions()));
      EXPECT_TRUE(reached.insert(trace.index_of(walk.decisions())).second);
      return;
    }
    for (size_t i = 0; i < walk.alternatives(); ++i) {
      std::vector<size_t> longer = prefix;
      longer.push_back(i);
      follow(longer);
    }
  };
  follow({});
  EXPECT_EQ(trace.count(), reached.size());
}

double mean_best(const std::string& name, const Trace& trace, const std::function<double(const Decisions&)>& objective,
                 int64_t trials) {
  double sum = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const auto strategy = make_strategy(name, {trace, synthetic::maximize_accuracy(), 0});
    sum += synthetic::best_accuracy(run(
               *strategy,
               [&](const Decisions& decisions) {
                 return synthetic::trial_of({{"accuracy", objective(decisions)}});
               },
               trials, seed)) /
           6;
  }
  return sum;
}

TEST(Mcts, BeatsRandomOnAdditiveAndConditionalObjectives) {
  const Trace flat = synthetic::flat_trace(8, 4);
  EXPECT_GT(mean_best("mcts", flat, synthetic::additive, 400),
            mean_best("random", flat, synthetic::additive, 400) + 0.04);
  const Trace deep = synthetic::deep_trace(5, 4, 4);
  const auto objective = [](const Decisions& decisions) {
    return static_cast<double>(*decisions.find("depth")) / 4 + synthetic::additive(decisions);
  };
  EXPECT_GT(mean_best("mcts", deep, objective, 300), mean_best("random", deep, objective, 300) + 0.02);
}

TEST(Mcts, FindsTheOptimumOfATrap) {
  const Trace trace = synthetic::flat_trace(9, 2);  // 512 sets, the slope leads away from the best
  const auto strategy = make_strategy("mcts", {trace, synthetic::maximize_accuracy(), 0});
  const auto history = run(
      *strategy,
      [](const Decisions& decisions) {
        return synthetic::trial_of({{"accuracy", synthetic::deceptive(decisions)}});
      },
      512, 1);
  EXPECT_EQ(history.size(), 512u) << "every set once";
  EXPECT_DOUBLE_EQ(synthetic::best_accuracy(history), 1);
}

TEST(Mcts, VisitsGatherWhereRewardsAre) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("mcts", {trace, synthetic::maximize_accuracy(), 0});
  int64_t late = 0;
  const auto history = run(
      *strategy,
      [](const Decisions& decisions) {  // only the first decision matters
        return synthetic::trial_of({{"accuracy", decisions.items().front().index == 2 ? 1.0 : 0.0}});
      },
      400, 2);
  for (size_t i = 200; i < 400; ++i) late += history[i].candidate.decisions.items().front().index == 2;
  EXPECT_GT(late, 120) << "a quarter would be 50";
}

}  // namespace
}  // namespace nacre
