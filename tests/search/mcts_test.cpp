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
