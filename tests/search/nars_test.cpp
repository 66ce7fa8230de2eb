// Joint search of architecture and recipe.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../space/space_context.hpp"
#include "nacre/ir/statistics.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

// Two recipe decisions and five of the architecture; the best recipe depends on the depth, so that the best architecture under
// the first recipe is not the best of all.
Trace interacting_trace() {
  TraceBuilder builder;
  const std::vector<int64_t> numbers = {1, 2, 3, 4};
  std::vector<int32_t> parts;
  for (const char* key : {"recipe/learning_rate", "recipe/mixup", "depth", "width", "kernel", "expansion", "squeeze"}) {
    const int32_t decision =
        builder.declare(key, {.kind = DecisionKind::number, .count = 4, .integers = std::span(numbers)});
    parts.push_back(builder.decide(decision, std::vector<int32_t>(4, builder.nothing())));
  }
  return builder.finish(builder.all(parts));
}

double interacting(const Decisions& decisions) {
  const auto at = [&](const char* key) { return static_cast<double>(*decisions.find(key)); };
  const double rate = at("recipe/learning_rate"), mixup = at("recipe/mixup"), depth = at("depth");
  // Deep networks are best, with the last recipe; with the first, shallow ones are.
  return 0.1 * at("width") + 0.05 * at("kernel") + 0.05 * at("expansion") + 0.02 * at("squeeze") -
         0.15 * std::abs(rate - depth) - 0.1 * std::abs(mixup - depth) + 0.1 * depth;
}

Trial interacting_trial(const Decisions& decisions) {
  return synthetic::trial_of({{"accuracy", interacting(decisions)}});
}

TEST(Nars, FindsWhatTheBestRecipeForTheBestArchitectureIs) {
  const Trace trace = interacting_trace();
  ASSERT_EQ(trace.count(), 16384);
  double optimum = -1e300;
  for (int64_t i = 0; i < 16384; ++i) optimum = std::max(optimum, interacting(trace.at(Count(i))));
  // First the architecture under the first recipe, then the recipe: stays below.
  double best_fixed = -1e300;
  Decisions fixed;
  for (int64_t i = 0; i < 16384; ++i) {
    const Decisions decisions = trace.at(Count(i));
    if (*decisions.find("recipe/learning_rate") + *decisions.find("recipe/mixup") > 0) continue;
    if (interacting(decisions) > best_fixed) best_fixed = interacting(decisions), fixed = decisions;
  }
  double sequential = -1e300;
  for (int64_t rate = 0; rate < 4; ++rate) {
    for (int64_t mixup = 0; mixup < 4; ++mixup) {
      Decisions decisions = fixed;
      decisions.set("recipe/learning_rate", rate);
      decisions.set("recipe/mixup", mixup);
      sequential = std::max(sequential, interacting(decisions));
    }
  }
  ASSERT_LT(sequential, optimum - 0.05);
  int found = 0;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto strategy = synthetic::make_strategy("nars", {trace, synthetic::maximize_accuracy(), 160},
                                                   {{"rounds", 4}, {"batch", 30}, {"pool", 1000}});
    const double best = synthetic::best_accuracy(synthetic::run(*strategy, interacting_trial, 160, seed));
    EXPECT_GT(best, sequential) << "seed " << seed;
    found += best > optimum - 1e-9;
  }
  EXPECT_GE(found, 3);
}

TEST(Nars, KeepsLimitsThatAreKnownBeforehand) {
  const auto space = make_space("mbconv", space_context({1, 8, 8}, 10));
  ObjectiveSet objectives = synthetic::maximize_accuracy();
  objectives.limits = {{"macs", 600'000}};
  StrategyContext context{space->trace(), objectives, 40};
  context.build = [&](const Decisions& decisions) { return space->build(decisions); };
  const auto macs_of = [](const Design& design) {
    Graph graph = design.graph();
    graph.bind_symbols({{"batch", 1}});
    return static_cast<double>(count_graph(graph).macs);
  };
  context.costs = [&](const Design& design) {
    Metrics metrics;
    metrics["macs"].value = macs_of(design);
    return metrics;
  };
  const auto strategy =
      synthetic::make_strategy("nars", context, {{"pool", 200}, {"pretraining", 200}, {"population", 20}});
  const auto evaluate = [&](const Decisions& decisions) {
    return synthetic::trial_of(
        {{"accuracy", synthetic::additive(decisions)}, {"macs", macs_of(space->build(decisions))}});
  };
  const auto steps = synthetic::run(*strategy, evaluate, 40, 1);
  ASSERT_EQ(steps.size(), 40u);
  for (const synthetic::Step& step : steps) {
    EXPECT_LE(macs_of(space->build(step.candidate.decisions)), 600'000) << step.candidate.made_by;
  }
  EXPECT_THAT(steps[0].candidate.made_by, testing::StartsWith("pool"));
  EXPECT_THAT(steps.back().candidate.made_by, testing::StartsWith("evolved"));
}

TEST(Nars, AnswersEveryBudgetFromOnePredictor) {
  const auto space = make_space("mbconv", space_context({1, 8, 8}, 10));
  StrategyContext context{space->trace(), synthetic::maximize_accuracy(), 60};
  context.build = [&](const Decisions& decisions) { return space->build(decisions); };
  const auto macs_of = [](const Design& design) {
    Graph graph = design.graph();
    graph.bind_symbols({{"batch", 1}});
    return static_cast<double>(count_graph(graph).macs);
  };
  context.costs = [&](const Design& design) {
    Metrics metrics;
    metrics["macs"].value = macs_of(design);
    return metrics;
  };
  const std::vector<double> budgets = {600'000, 300'000, 1'200'000};  // in any order
  Json options = {{"rounds", 2}, {"batch", 15}, {"pool", 200}, {"pretraining", 100}, {"population", 20}};
  options["budgets"] = budgets;
  const auto strategy = synthetic::make_strategy("nars", context, options);
  const auto evaluate = [&](const Decisions& decisions) {
    return synthetic::trial_of({{"accuracy", synthetic::additive(decisions)}});
  };
  const auto steps = synthetic::run(*strategy, evaluate, 33, 1);
  ASSERT_EQ(steps.size(), 33u);
  const std::vector<double> ascending = {300'000, 600'000, 1'200'000};
  // What two budgets have in common is asked once, so that not every budget need appear.
  for (size_t i = 30; i < 33; ++i) {
    const auto named = std::ranges::find_if(ascending, [&](double budget) {
      return steps[i].candidate.made_by.starts_with(fmt::format("evolved for macs <= {:.6g},", budget));
    });
    ASSERT_NE(named, ascending.end()) << steps[i].candidate.made_by;
    EXPECT_LE(macs_of(space->build(steps[i].candidate.decisions)), *named);
  }
  const Json answers = strategy->statistics().at("budgets");
  ASSERT_EQ(answers.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answers[i].at("budget"), ascending[i]);
    EXPECT_LE(answers[i].at("cost").get<double>(), ascending[i]);
    if (i == 0) continue;
    EXPECT_GE(answers[i].at("predicted").get<double>(), answers[i - 1].at("predicted").get<double>());
  }
}

TEST(Nars, BudgetOnWhatNoNetworkTells) {
  const auto space = make_space("mbconv", space_context({1, 8, 8}, 10));
  StrategyContext context{space->trace(), synthetic::maximize_accuracy(), 20};
  EXPECT_THAT(
      [&] {
        synthetic::make_strategy("nars", context, {{"budgets", {1e6}}});
      },
      testing::ThrowsMessage<UserError>(testing::HasSubstr("search.budgets: the networks of this space cannot")));
  context.build = [&](const Decisions& decisions) { return space->build(decisions); };
  context.costs = [](const Design&) {
    Metrics metrics;
    metrics["macs"].value = 1;
    return metrics;
  };
  const auto strategy = synthetic::make_strategy(
      "nars", context,
      {{"batch", 2}, {"rounds", 1}, {"pool", 10}, {"pretraining", 10}, {"budgets", {1e6}}, {"budget_metric", "mac"}});
  const auto evaluate = [&](const Decisions& decisions) {
    return synthetic::trial_of({{"accuracy", synthetic::additive(decisions)}});
  };
  EXPECT_THAT([&] { synthetic::run(*strategy, evaluate, 3, 1); },
              testing::ThrowsMessage<UserError>(
                  testing::HasSubstr("search.budget_metric: unknown cost that is known before training 'mac'")));
}

}  // namespace
}  // namespace nacre
