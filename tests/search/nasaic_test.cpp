// Strategy nasaic: episodes that keep their networks, budgets, the estimator's gradient, and that it finds what keeps the limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "nacre/search/hardware_decisions.hpp"
#include "nacre/search/policy_gradient.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::run;
using synthetic::Step;

// Networks of four decisions and an accelerator. The more the networks choose, the better and the dearer they are; more processing
// elements make them quicker and take area.
class NasaicTest : public testing::Test {
 protected:
  NasaicTest() {
    TraceBuilder builder;
    const int32_t networks = builder.graft(synthetic::flat_trace(4, 4), "net/");
    const int32_t hardware = hardware_.add_to(builder);
    trace_ = builder.finish(builder.all({networks, hardware}));
    objectives_ = synthetic::maximize_accuracy();
    objectives_.limits = {{"latency_s", 0.8, false}, {"area_mm2", 70, false}};
  }

  Trial trial_of(const Decisions& decisions) const {
    double work = 1, quality = 0;
    for (int i = 0; i < 4; ++i) {
      const auto chosen = static_cast<double>(*decisions.find("net/stage" + std::to_string(i) + "/op"));
      quality += chosen * (4 - i) / 30;
      work += chosen * (1 + i);
    }
    double speed = 0, area = 0;
    for (const SubAccelerator& one : hardware_.accelerator(decisions)) {
      const double fit = one.dataflow == "shi" ? 1 : 0.5;
      speed += fit * std::min(static_cast<double>(one.pe), 8 * one.bandwidth_gb_per_s);
      area += static_cast<double>(one.pe);
    }
    Trial trial = synthetic::trial_of({{"accuracy", quality}, {"latency_s", 4 * work / speed}, {"area_mm2", area}});
    if (!objectives_.feasible(trial.metrics)) {  // early pruning
      trial.status = TrialStatus::infeasible;
      trial.metrics.erase("accuracy");
    }
    return trial;
  }

  Json options(int64_t episodes, int64_t steps) const {
    return {
        {"episodes", episodes}, {"hardware_steps", steps}, {"hidden", 16}, {"budgets", to_json(hardware_.budgets())}};
  }
  std::vector<Step> searched(int64_t episodes, int64_t steps, uint64_t seed, int64_t lookahead = 1) const {
    const auto strategy = synthetic::make_strategy("nasaic", {trace_, objectives_, 0}, options(episodes, steps));
    return run(
        *strategy, [&](const Decisions& decisions) { return trial_of(decisions); }, 1 << 20, seed, lookahead);
  }
  static std::string networks_of(const Decisions& decisions) {
    std::string text;
    for (const Decision& decision : decisions.items())
      if (decision.key.starts_with("net/")) text += std::to_string(decision.index);
    return text;
  }

  const HardwareDecisions hardware_{{.pe = 128, .pe_step = 16, .bandwidth_gb_per_s = 16, .bandwidth_step_gb_per_s = 4},
                                    "hardware"};
  Trace trace_;
  ObjectiveSet objectives_;
};

TEST_F(NasaicTest, AnEpisodeKeepsItsNetworksAndTriesOtherHardware) {
  for (const int64_t lookahead : {1, 7}) {
    const std::vector<Step> history = searched(20, 6, 5, lookahead);
    ASSERT_EQ(history.size(), 20U * 7) << "after the last episode nothing is proposed";
    for (size_t i = 0; i < history.size(); ++i) {
      const Decisions& decisions = history[i].candidate.decisions;
      EXPECT_TRUE(trace_.is_complete(decisions));
      if (i % 7 > 0 && history[i].candidate.made_by == "controller, networks kept") {
        EXPECT_EQ(networks_of(decisions), networks_of(history[i - i % 7].candidate.decisions)) << i;
        EXPECT_NE(decisions, history[i - 1].candidate.decisions);
      }
    }
  }
}

TEST_F(NasaicTest, KeepsTheBudgetInEveryDraw) {
  for (const Step& step : searched(30, 5, 6)) {
    double pe = 0;
    for (const char* key : {"hardware/0/pe", "hardware/1/pe"})
      pe += trace_.decisions()[static_cast<size_t>(*trace_.find_decision(key))]
                .numbers[static_cast<size_t>(*step.candidate.decisions.find(key))];
    if (step.candidate.made_by != "random") {
      EXPECT_LE(pe, 128);
    }
  }
}

TEST_F(NasaicTest, FindsBetterDesignsWithinTheLimitsThanRandomSearch) {
  double ours = 0, random = 0;
  int64_t early = 0, late = 0;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const std::vector<Step> history = searched(120, 4, seed);
    for (const Step& step : history) {
      const bool kept = step.trial.status == TrialStatus::ok;
      (step.trial.number < 100 ? early : late) += kept && (step.trial.number < 100 || step.trial.number >= 500);
    }
    ours += std::max(0.0, synthetic::best_accuracy(history)) / 3;
    const auto other = synthetic::make_strategy("random", {trace_, objectives_, 0});
    const auto drawn = run(
        *other, [&](const Decisions& decisions) { return trial_of(decisions); }, 600, seed);
    random += std::max(0.0, synthetic::best_accuracy(drawn)) / 3;
  }
  EXPECT_GT(ours, random);
  EXPECT_GT(late, 1.5 * static_cast<double>(early)) << "of 100 designs each, within the limits";
}

// Sheet 01, proof 3: three decisions, one after the other, rewards by table; all episodes can be enumerated.
TEST(NasaicGradient, TheEstimatorGivesTheExactGradient) {
  const Trace trace = synthetic::flat_trace(3, 3);
  Random random(7);
  PolicyNetwork policy(trace, 4, random);
  for (double& parameter : policy.parameters()) parameter *= 6;
  const auto reward = [](const Decisions& decisions) {
    return static_cast<double>(decisions.hash().low % 1000) / 1000 -
           0.1 * static_cast<double>(decisions.items()[0].index);
  };
  const PolicyRule rule{.clips = false};
  std::vector<double> exact(policy.parameters().size(), 0);
  for (Count i = 0; i < trace.count(); ++i) {
    const Decisions decisions = trace.at(i);
    const PolicyNetwork::Episode episode = policy.episode_of(decisions);
    const std::vector<PolicySample> one = {{episode, 0, reward(decisions), {}}};
    const std::vector<double> gradient = policy_gradient(policy, one, rule);
    for (size_t p = 0; p < exact.size(); ++p) exact[p] += std::exp(policy.log_probability(episode)) * gradient[p];
  }
  constexpr int kSamples = 100'000;
  std::map<std::string, std::pair<int, Decisions>> counts;  // equal draws have equal gradients
  for (int i = 0; i < kSamples; ++i) {
    const Decisions drawn = policy.decisions_of(policy.draw(random));
    auto& [count, decisions] = counts[drawn.hash().hex()];
    ++count;
    decisions = drawn;
  }
  double mean = 0;
  for (const auto& [name, drawn] : counts) mean += reward(drawn.second) * drawn.first / kSamples;
  std::vector<double> estimate(exact.size(), 0);
  for (const auto& [name, drawn] : counts) {
    const std::vector<PolicySample> one = {{policy.episode_of(drawn.second), 0, reward(drawn.second) - mean, {}}};
    const std::vector<double> gradient = policy_gradient(policy, one, rule);
    for (size_t p = 0; p < exact.size(); ++p) estimate[p] += gradient[p] * drawn.first / kSamples;
  }
  double product = 0, a = 0, b = 0;
  for (size_t p = 0; p < exact.size(); ++p) {
    product += exact[p] * estimate[p];
    a += exact[p] * exact[p];
    b += estimate[p] * estimate[p];
  }
  EXPECT_GT(product / std::sqrt(a * b), 0.99);
  EXPECT_NEAR(std::sqrt(b / a), 1, 0.1);
}

// The gradient of what steps are weighed with is that of the weighted log-probability.
TEST(NasaicGradient, WeighsSteps) {
  const Trace trace = synthetic::flat_trace(4, 3);
  Random random(8);
  PolicyNetwork policy(trace, 3, random);
  const PolicyNetwork::Allowed allowed = [](std::span<const PolicyNetwork::Step> before, size_t) -> size_t {
    return before.empty() ? 3 : std::max<size_t>(1, 3 - before.back().alternative);
  };
  PolicyNetwork masked(trace, 3, random, allowed);
  const std::vector<double> weights = {0, 0, 0.5, 1};
  const PolicyNetwork::Episode episode = masked.draw(random);
  std::vector<double> gradient(masked.parameters().size(), 0);
  masked.accumulate(
      episode, [](double) { return 1; }, 0, gradient, weights);
  constexpr double kStep = 1e-6;
  for (size_t p = 0; p < gradient.size(); ++p) {
    const double kept = masked.parameters()[p];
    masked.parameters()[p] = kept + kStep;
    const double above = masked.log_probability(episode, weights);
    masked.parameters()[p] = kept - kStep;
    const double below = masked.log_probability(episode, weights);
    masked.parameters()[p] = kept;
    EXPECT_NEAR(gradient[p], (above - below) / (2 * kStep), 1e-7) << p;
  }
}

TEST(NasaicGradient, MaskedProbabilitiesSumToOneOverWhatIsAllowed) {
  const Trace trace = synthetic::flat_trace(3, 3);
  Random random(9);
  const PolicyNetwork::Allowed allowed = [](std::span<const PolicyNetwork::Step> before, size_t) -> size_t {
    size_t left = 4;
    for (const PolicyNetwork::Step& step : before) left -= step.alternative;
    return std::min<size_t>(3, left + 1);
  };
  PolicyNetwork policy(trace, 4, random, allowed);
  for (double& parameter : policy.parameters()) parameter *= 8;
  double sum = 0;
  for (Count i = 0; i < trace.count(); ++i) {
    int64_t total = 0;
    for (const Decision& decision : trace.at(i).items()) total += decision.index;
    const PolicyNetwork::Episode episode = policy.episode_of(trace.at(i));
    if (total > 4) {
      EXPECT_NE(policy.decisions_of(episode), trace.at(i)) << "more than the budget becomes what is left";
    } else {
      sum += std::exp(policy.log_probability(episode));
    }
  }
  EXPECT_NEAR(sum, 1, 1e-12);
}

}  // namespace
}  // namespace nacre
