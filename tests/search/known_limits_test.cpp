// Limits judged before training: what is known, what is not, and the strategies that go by it.
#include "nacre/search/known_limits.hpp"

#include <gtest/gtest.h>

#include "synthetic.hpp"

namespace nacre {
namespace {

class KnownLimitsTest : public testing::Test {
 protected:
  // The cost of a network is the sum of its alternatives.
  static double cost(const Decisions& decisions) {
    double sum = 0;
    for (const Decision& decision : decisions.items()) sum += static_cast<double>(decision.index);
    return sum;
  }
  StrategyContext context(LimitHandling handling = LimitHandling::rejection, const char* limited = "macs") {
    ObjectiveSet objectives = synthetic::maximize_accuracy();
    objectives.limits.push_back({.metric = limited, .bound = 6});
    objectives.handling = handling;
    StrategyContext context{trace_, objectives, 0};
    context.build = [](const Decisions& decisions) {
      Design design;
      design.decisions = decisions;
      return design;
    };
    context.costs = [this](const Design& design) {
      ++asked_;
      Metrics metrics;
      metrics["macs"].value = cost(design.decisions);
      return metrics;
    };
    return context;
  }

  const Trace trace_ = synthetic::flat_trace(5, 4);
  Random random_{1};
  int asked_ = 0;
};

TEST_F(KnownLimitsTest, AreMissedByWhatIsKnownAndAskedOnce) {
  KnownLimits limits(context());
  int missed = 0;
  for (int i = 0; i < 50; ++i) {
    const Decisions decisions = trace_.sample(random_);
    EXPECT_EQ(limits.misses(decisions), cost(decisions) > 6);
    missed += limits.misses(decisions);
  }
  EXPECT_GT(missed, 5);
  EXPECT_LT(missed, 50);
  EXPECT_LE(asked_, 50);
}

TEST_F(KnownLimitsTest, SayNothingOfWhatIsUnknownOrTraded) {
  const Decisions dearest = trace_.at(trace_.count() - Count(1));
  ASSERT_GT(cost(dearest), 6);
  EXPECT_TRUE(KnownLimits(context()).misses(dearest));
  EXPECT_FALSE(KnownLimits(context(LimitHandling::rejection, "latency_s")).misses(dearest));
  EXPECT_FALSE(KnownLimits(context(LimitHandling::penalty)).misses(dearest));
  StrategyContext blind = context();
  blind.costs = {};
  EXPECT_FALSE(KnownLimits(blind).misses(dearest));
}

// After its uniform samples diffusion_nag proposes networks within the limit; accuracy alone would lead beyond it.
TEST_F(KnownLimitsTest, GeneratedNetworksAreWithinThem) {
  for (const char* score : {"exact", "learned"}) {
    const StrategyContext here = context();
    const auto strategy = synthetic::make_strategy(
        "diffusion_nag", here, {{"initial", 20}, {"batch", 10}, {"steps", 50}, {"score", score}, {"examples", 200}});
    int generated = 0;
    for (int64_t number = 0; number < 60; ++number) {
      Random stream = Random::stream(3, static_cast<uint64_t>(number));
      const auto proposal = strategy->ask(number, stream);
      ASSERT_TRUE(proposal.has_value());
      const Decisions& decisions = proposal->candidate.decisions;
      const bool within = cost(decisions) <= 6;
      if (proposal->candidate.made_by.starts_with("generated")) {
        ++generated;
        EXPECT_TRUE(within) << score << ", ask " << number;
      }
      Trial trial =
          synthetic::trial_of({{"macs", cost(decisions)}}, within ? TrialStatus::ok : TrialStatus::infeasible);
      if (within) trial.metrics["accuracy"].value = cost(decisions) / 15;
      trial.number = number;
      trial.candidate = proposal->candidate;
      strategy->tell(trial);
    }
    EXPECT_GT(generated, 10) << score;
    if (std::string_view(score) == "learned") {
      EXPECT_GT(strategy->statistics()["examples_within_limits"].get<int64_t>(), 100);
    }
  }
}

}  // namespace
}  // namespace nacre
