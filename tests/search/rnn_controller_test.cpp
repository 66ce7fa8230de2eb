// The recurrent controller: probabilities, gradients, clipping, and that it learns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nacre/search/policy_gradient.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;
using synthetic::run;
using synthetic::Step;

PolicyNetwork::Episode episode_of(const Trace& trace, const PolicyNetwork& policy, const Decisions& decisions) {
  // Episodes are drawn in the order of the walk: draw until this one comes.
  for (uint64_t seed = 0;; ++seed) {
    Random random(seed);
    PolicyNetwork::Episode episode = policy.draw(random);
    if (policy.decisions_of(episode) == decisions) return episode;
    if (seed > 100'000) throw InternalError("a decision set of " + trace.count().get_str() + " was never drawn");
  }
}

TEST(PolicyNetwork, ProbabilitiesOfAllDecisionSetsSumToOne) {
  const Trace trace = synthetic::deep_trace(3, 2, 2);  // conditional decisions are masked by never being asked
  Random random(1);
  PolicyNetwork policy(trace, 6, random);
  for (double& parameter : policy.parameters()) parameter *= 8;  // far from uniform
  double sum = 0;
  for (Count i = 0; i < trace.count(); ++i)
    sum += std::exp(policy.log_probability(episode_of(trace, policy, trace.at(i))));
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(PolicyNetwork, EpisodesFollowFromDecisions) {
  const Trace trace = synthetic::deep_trace(4, 3, 2);
  Random random(3);
  const PolicyNetwork policy(trace, 5, random);
  for (int i = 0; i < 50; ++i) {
    const PolicyNetwork::Episode drawn = policy.draw(random);
    const PolicyNetwork::Episode again = policy.episode_of(policy.decisions_of(drawn));
    ASSERT_EQ(again.size(), drawn.size());
    for (size_t step = 0; step < drawn.size(); ++step) {
      EXPECT_EQ(again[step].decision, drawn[step].decision);
      EXPECT_EQ(again[step].alternative, drawn[step].alternative);
    }
  }
}

class PolicyGradientTest : public testing::Test {
 protected:
  PolicyGradientTest() {
    Random random(2);
    policy_.emplace(trace_, 5, random);
    for (double& parameter : policy_->parameters()) parameter *= 4;
    for (int i = 0; i < 6; ++i) {
      const PolicyNetwork::Episode episode = policy_->draw(random);
      samples_.push_back({episode, policy_->log_probability(episode), random.uniform(-1, 1)});
    }
  }

  void expect_finite_differences(const PolicyRule& rule) {
    const std::vector<double> gradient = policy_gradient(*policy_, samples_, rule);
    constexpr double kStep = 1e-5;
    for (size_t i = 0; i < gradient.size(); i += 3) {
      double& parameter = policy_->parameters()[i];
      const double kept = parameter;
      parameter = kept + kStep;
      const double above = policy_objective(*policy_, samples_, rule);
      parameter = kept - kStep;
      const double below = policy_objective(*policy_, samples_, rule);
      parameter = kept;
      ASSERT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-7) << "parameter " << i;
    }
  }

  const Trace trace_ = synthetic::deep_trace(3, 3, 2);
  std::optional<PolicyNetwork> policy_;
  std::vector<PolicySample> samples_;
};

TEST_F(PolicyGradientTest, ReinforceEqualsFiniteDifferences) { expect_finite_differences({.clips = false}); }

// The entropy's part is that of the choices along the episodes, as controllers use it.
TEST_F(PolicyGradientTest, EntropyEqualsFiniteDifferences) {
  for (PolicySample& sample : samples_) sample.advantage = 0;
  expect_finite_differences({.clips = false, .entropy_weight = 0.7});
}

TEST_F(PolicyGradientTest, PpoEqualsFiniteDifferencesAwayFromRatioOne) {
  for (size_t i = 0; i < samples_.size(); ++i) samples_[i].log_probability += i % 2 == 0 ? 0.1 : -0.5;
  expect_finite_differences({.clips = true, .clip = 0.2});
}

TEST_F(PolicyGradientTest, PpoAtRatioOneIsReinforce) {
  const std::vector<double> ppo = policy_gradient(*policy_, samples_, {.clips = true});
  const std::vector<double> reinforce = policy_gradient(*policy_, samples_, {.clips = false});
  for (size_t i = 0; i < ppo.size(); ++i) ASSERT_NEAR(ppo[i], reinforce[i], 1e-12);
}

TEST_F(PolicyGradientTest, ClippingEndsTheGradientExactlyWhereItShould) {
  samples_.resize(1);
  const double now = samples_[0].log_probability;
  const auto is_zero = [&](double advantage, double ratio) {
    samples_[0].advantage = advantage;
    samples_[0].log_probability = now - std::log(ratio);
    const std::vector<double> gradient = policy_gradient(*policy_, samples_, {.clips = true, .clip = 0.2});
    return std::ranges::all_of(gradient, [](double value) { return value == 0; });
  };
  EXPECT_TRUE(is_zero(1, 1.21));
  EXPECT_FALSE(is_zero(1, 1.19));
  EXPECT_FALSE(is_zero(1, 0.5)) << "a good one that became rare is pulled back";
  EXPECT_TRUE(is_zero(-1, 0.79));
  EXPECT_FALSE(is_zero(-1, 0.81));
  EXPECT_FALSE(is_zero(-1, 2));
}

TEST(RnnController, LearnsABandit) {
  const Trace trace = synthetic::flat_trace(8, 3);
  for (const char* algorithm : {"ppo", "reinforce"}) {
    const auto strategy = make_strategy("rnn_controller", {trace, synthetic::maximize_accuracy(), 0},
                                        {{"algorithm", algorithm}, {"hidden", 16}, {"learning_rate", 0.02}});
    // Two decisions pay, the others leave room for ever new sets.
    const auto pay = [](const Decisions& decisions) {
      return (decisions.items()[0].index == 1) + (decisions.items()[3].index == 2 ? 1.0 : 0.0);
    };
    const std::vector<Step> history = run(
        *strategy,
        [&](const Decisions& decisions) {
          return synthetic::trial_of({{"accuracy", pay(decisions)}});
        },
        500, 1);
    double early = 0, late = 0;
    for (size_t i = 0; i < 50; ++i) early += pay(history[i].candidate.decisions) / 50;
    for (size_t i = 450; i < 500; ++i) late += pay(history[i].candidate.decisions) / 50;
    EXPECT_LT(early, 1) << algorithm << ": 2/3 by chance";
    EXPECT_GT(late, 1.7) << algorithm;
    EXPECT_GT(strategy->statistics().at("updates").get<int64_t>(), 40);
  }
}

// Settled, it draws the same again and again; what is proposed then are neighbors, not samples from anywhere.
TEST(RnnController, StaysNearWhatItLearnedOnceItHasSettled) {
  const Trace trace = synthetic::flat_trace(12, 4);
  const auto strategy = make_strategy("rnn_controller", {trace, synthetic::maximize_accuracy(), 0},
                                      {{"hidden", 16}, {"learning_rate", 0.02}, {"entropy_weight", 0}});
  const auto share_of_twos = [](const Decisions& decisions) {
    double sum = 0;
    for (const Decision& decision : decisions.items()) sum += decision.index == 2 ? 1.0 / 12 : 0;
    return sum;
  };
  const std::vector<Step> history = run(
      *strategy,
      [&](const Decisions& decisions) {
        return synthetic::trial_of({{"accuracy", share_of_twos(decisions)}});
      },
      1200, 1);
  double late = 0;
  int neighbors = 0, samples = 0;
  for (size_t i = 1000; i < 1200; ++i) {
    late += share_of_twos(history[i].candidate.decisions) / 200;
    samples += history[i].candidate.made_by == "random";
    neighbors += history[i].candidate.made_by == "neighbor of a draw";
  }
  EXPECT_GT(neighbors, 100) << "it has settled";
  EXPECT_LT(samples, 10) << "three changes nearly always lead to something new";
  EXPECT_GT(late, 0.7) << "1/4 by chance";
}

}  // namespace
}  // namespace nacre
