// The early exit of EEEA-Net. NSGA-II has its tests in strategy_quality_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "synthetic.hpp"

namespace nacre {
namespace {

using synthetic::make_strategy;
using synthetic::run;
using synthetic::Step;

// The number of a design stands in its recipe's epochs, so that a cost is known of it.
StrategyContext with_costs(const Trace& trace) {
  StrategyContext context{trace, synthetic::maximize_accuracy(), 0};
  context.build = [](const Decisions& decisions) {
    Design design;
    for (const Decision& decision : decisions.items()) design.recipe.epochs += static_cast<double>(decision.index);
    return design;
  };
  context.costs = [](const Design& design) {
    Metrics metrics;
    metrics["params"].value = design.recipe.epochs - Design{}.recipe.epochs;
    return metrics;
  };
  return context;
}

double params_of(const Decisions& decisions) {
  double sum = 0;
  for (const Decision& decision : decisions.items()) sum += static_cast<double>(decision.index);
  return sum;
}

TEST(Eeea, FirstPopulationKeepsTheBoundAndTheShareOfExitsIsThatOfTheSpace) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("eeea", with_costs(trace), {{"exit_bound", 7}, {"population_size", 400}});
  int64_t within = 0;
  for (Count i = 0; i < trace.count(); ++i) within += params_of(trace.at(i)) <= 7;
  const double share = static_cast<double>(within) / 4096;
  for (const Step& step : run(
           *strategy,
           [](const Decisions&) {
             return synthetic::trial_of({{"accuracy", 1}});
           },
           400, 1)) {
    EXPECT_LE(params_of(step.candidate.decisions), 7);
  }
  // 400 were found in 400 + exits + repeats draws, each within the bound with `share`.
  const Json statistics = strategy->statistics();
  const auto found = 400 + statistics.at("repeats_avoided").get<double>();
  const auto draws = found + statistics.at("early_exits").get<double>();
  EXPECT_NEAR(found / draws, share, 3 * std::sqrt(share * (1 - share) / draws));
}

TEST(Eeea, ChildrenMayLeaveTheBound) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("eeea", with_costs(trace), {{"exit_bound", 5}, {"population_size", 20}});
  double largest = 0;
  for (const Step& step : run(
           *strategy,
           [](const Decisions& decisions) {
             return synthetic::trial_of({{"accuracy", params_of(decisions)}});
           },
           300, 1)) {
    largest = std::max(largest, params_of(step.candidate.decisions));
  }
  EXPECT_GT(largest, 12);
}

TEST(Eeea, ImpossibleBoundAndMissingNetworksAreRefused) {
  const Trace trace = synthetic::flat_trace(6, 4);
  const auto strategy = make_strategy("eeea", with_costs(trace), {{"exit_bound", -1}, {"exit_redraws", 50}});
  Random random(1);
  try {
    strategy->ask(0, random);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("none of 50 samples has params <= -1; the smallest has"));
  }
  try {
    make_strategy("eeea", {trace, synthetic::maximize_accuracy(), 0}, {{"exit_bound", 5}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("no cost is known before a trial"));
  }
  const auto other = make_strategy("eeea", with_costs(trace), {{"exit_bound", 5}, {"exit_metric", "latency_s"}});
  try {
    other->ask(0, random);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("'latency_s' is not known of a network before it is evaluated"));
  }
}

}  // namespace
}  // namespace nacre
