// The early exit of EEEA-Net and its exchange of genes. NSGA-II has its tests in strategy_quality_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>

#include "../space/space_context.hpp"
#include "nacre/search/gene_swap.hpp"
#include "nacre/search/pareto.hpp"
#include "nacre/space/network_text.hpp"
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

TEST(Eeea, ChildrenKeepTheBoundOnDemand) {
  const Trace trace = synthetic::flat_trace(6, 4);
  for (const char* strategy_name : {"eeea", "nsga2"}) {
    const auto strategy = make_strategy(strategy_name, with_costs(trace),
                                        {{"exit_bound", 9}, {"exit_filter", "always"}, {"population_size", 20}});
    for (const Step& step : run(
             *strategy,
             [](const Decisions& decisions) {
               return synthetic::trial_of({{"accuracy", params_of(decisions)}});
             },
             200, 1)) {
      ASSERT_LE(params_of(step.candidate.decisions), 9) << strategy_name;
    }
    EXPECT_GT(strategy->statistics().at("early_exits").get<int64_t>(), 0);
    EXPECT_GT(strategy->statistics().at("exit_cost_avoided").get<double>(),
              9 * strategy->statistics().at("early_exits").get<double>());
  }
}

// The share of NAS-Bench-201 with fewer than 0.4 million parameters, by enumeration and by the redraws of a hundred thousand
// samples. All edges have the same channels, so that the parameters are a sum over edges.
TEST(Eeea, AcceptanceOnNasbench201IsTheShareOfTheSpace) {
  const auto space = make_space("nasbench201", space_context({3, 32, 32}, 10));
  const auto params = [&](const std::string& code) {
    return static_cast<double>(statistics_of(space->build(decisions_from_text(*space, code))).parameters);
  };
  const double base = params("000000");
  std::array<double, 5> per_edge{};
  for (int op = 0; op < 5; ++op) per_edge[static_cast<size_t>(op)] = params(std::to_string(op) + "00000") - base;
  const auto sum = [&](const Decisions& decisions) {
    double total = base;
    for (const Decision& decision : decisions.items()) total += per_edge[static_cast<size_t>(decision.index)];
    return total;
  };
  Random random(4);
  for (int i = 0; i < 20; ++i) {
    const Decisions decisions = space->trace().sample(random);
    ASSERT_EQ(sum(decisions), static_cast<double>(statistics_of(space->build(decisions)).parameters));
  }
  int64_t within = 0;
  for (int64_t i = 0; i < 15625; ++i) within += sum(space->trace().at(Count(i))) <= 400'000;
  const double share = static_cast<double>(within) / 15625;
  EXPECT_GT(share, 0.4);
  EXPECT_LT(share, 0.8);

  StrategyContext context{space->trace(), synthetic::maximize_accuracy(), 0};
  context.build = [&](const Decisions& decisions) {
    Design design;
    design.recipe.epochs = sum(decisions);
    return design;
  };
  context.costs = [](const Design& design) {
    Metrics metrics;
    metrics["params"].value = design.recipe.epochs;
    return metrics;
  };
  double accepted = 0, draws = 0;
  for (uint64_t seed = 0; draws < 100'000; ++seed) {
    const auto strategy = make_strategy("eeea", context, {{"exit_bound", 400'000}, {"population_size", 500}});
    Random stream(seed);
    for (int64_t i = 0; i < 500; ++i) ASSERT_LE(sum(strategy->ask(i, stream)->candidate.decisions), 400'000);
    const Json statistics = strategy->statistics();
    accepted += 500 + statistics.at("repeats_avoided").get<double>();
    draws += 500 + statistics.at("repeats_avoided").get<double>() + statistics.at("early_exits").get<double>();
  }
  EXPECT_NEAR(accepted / draws, share, 3 * std::sqrt(share * (1 - share) / draws));
}

// ZDT1 (Zitzler, Deb and Thiele, Evolutionary Computation 8(2), 2000) with 30 many-valued decisions: 250 generations of 100 reach the
// front f2 = 1 - sqrt(f1) within 0.01 (mean distance of its points from the nearest one found).
TEST(Nsga2, ReachesTheFrontOfZdt1) {
  constexpr int64_t kVariables = 30, kFirst = 501, kOthers = 21;
  TraceBuilder builder;
  std::vector<int64_t> numbers(kFirst);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<int32_t> parts;
  for (int64_t i = 0; i < kVariables; ++i) {
    const int64_t count = i == 0 ? kFirst : kOthers;
    const int32_t decision = builder.declare(std::string(i < 10 ? "x0" : "x") + std::to_string(i),
                                             {.kind = DecisionKind::number,
                                              .count = count,
                                              .integers = std::span(numbers).first(static_cast<size_t>(count))});
    parts.push_back(builder.decide(decision, std::vector<int32_t>(static_cast<size_t>(count), builder.nothing())));
  }
  const Trace trace = builder.finish(builder.all(parts));
  ObjectiveSet objectives;
  objectives.objectives = {{"f1", Direction::minimize}, {"f2", Direction::minimize}};
  const auto strategy = make_strategy("nsga2", {trace, objectives, 0}, {{"population_size", 100}});
  std::vector<Point> found;
  run(
      *strategy,
      [&](const Decisions& decisions) {
        const double f1 = static_cast<double>(decisions.items()[0].index) / (kFirst - 1);
        double sum = 0;
        for (size_t i = 1; i < kVariables; ++i) sum += static_cast<double>(decisions.items()[i].index) / (kOthers - 1);
        const double g = 1 + 9 * sum / (kVariables - 1);
        found.push_back({f1, g * (1 - std::sqrt(f1 / g))});
        return synthetic::trial_of({{"f1", found.back()[0]}, {"f2", found.back()[1]}});
      },
      25'000, 1);
  double distance = 0;
  constexpr int kPoints = 500;
  for (int i = 0; i <= kPoints; ++i) {
    const double f1 = static_cast<double>(i) / kPoints, f2 = 1 - std::sqrt(f1);
    double nearest = INFINITY;
    for (const Point& point : found) nearest = std::min(nearest, std::hypot(point[0] - f1, point[1] - f2));
    distance += nearest / (kPoints + 1);
  }
  EXPECT_LE(distance, 0.01);
}

TEST(GeneSwap, GenesAreEdgesOfCellsAndLayers) {
  const auto space = make_space("nasnet", space_context({3, 8, 8}, 10), "blocks: 2\nchannels: 4\nrepeats: 1");
  Random random(1);
  const auto genes = genes_of(space->trace(), space->trace().sample(random));
  std::vector<size_t> sizes;
  for (const auto& gene : genes) sizes.push_back(gene.size());
  EXPECT_THAT(sizes, testing::ElementsAre(2, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1)) << "input with operator; combine";
}

TEST(GeneSwap, TwoNeighborsChangePlacesAndNothingElseDoes) {
  const auto space = make_space("eeea", space_context({3, 8, 8}, 10), "blocks: 4\nchannels: 4\ncells: 3");
  const Trace& trace = space->trace();
  Random random(2);
  int64_t swapped_count = 0;
  for (int i = 0; i < 500; ++i) {
    const Decisions parent = trace.sample(random);
    const std::optional<Decisions> child = swap_neighboring_genes(trace, parent, random);
    if (!child) continue;
    ++swapped_count;
    ASSERT_TRUE(trace.is_complete(*child));
    ASSERT_NE(*child, parent);
    // The genes are the same ones, in another order at two places.
    const auto values = [&](const Decisions& decisions) {
      std::vector<std::vector<int64_t>> all;
      for (const auto& gene : genes_of(trace, decisions)) {
        all.emplace_back();
        for (const int32_t id : gene)
          all.back().push_back(*decisions.find(trace.decisions()[static_cast<size_t>(id)].key));
      }
      return all;
    };
    auto before = values(parent), after = values(*child);
    std::vector<size_t> places;
    for (size_t k = 0; k < before.size(); ++k)
      if (before[k] != after[k]) places.push_back(k);
    ASSERT_EQ(places.size(), 2U);
    EXPECT_EQ(before[places[0]], after[places[1]]);
    EXPECT_EQ(before[places[1]], after[places[0]]);
  }
  EXPECT_GT(swapped_count, 490);
}

TEST(GeneSwap, EqualGenesHaveNothingToExchange) {
  const Trace trace = synthetic::flat_trace(4, 3);
  Random random(1);
  Decisions same;
  for (int i = 0; i < 4; ++i) same.set("stage" + std::to_string(i) + "/op", 1);
  EXPECT_FALSE(swap_neighboring_genes(trace, same, random));
}

}  // namespace
}  // namespace nacre
