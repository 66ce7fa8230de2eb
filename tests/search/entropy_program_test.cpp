// Design by the mathematical programme of DeepMAD: against the exact optimum of an enumerated space, and on the budget of the
// released ResNet-18.
#include "nacre/search/entropy_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../space/space_context.hpp"
#include "nacre/search/strategy.hpp"
#include "nacre/space/network_text.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

EntropyProgram program_of(const Space& space, std::vector<Limit> limits, bool by_formula = true) {
  return EntropyProgram(
      space.trace(), std::move(limits),
      by_formula ? EntropyProgram::Summarize([&space](const Decisions& d) { return space.summarize(d); }) : nullptr,
      [&space](const Decisions& d) { return space.build(d); }, nullptr);
}

// 3 super-blocks of 4 channels x 3 bottlenecks x 2 kernels x 4 depths, all looked at.
TEST(EntropyProgram, FindsTheOptimumOfAnEnumeratedSpace) {
  const auto space = make_space("super_blocks", space_context({1, 32, 32}, 10),
                                "preset: small_resnet\nstem_channels: [16]\nchannels: [16, 32, 64, 96]\n"
                                "bottlenecks: [8, 16, 32]\nkernels: [3, 5]\ndepths: [1, 2, 4, 6]\nstrides: [1, 2, 2]");
  constexpr int64_t kCount = 96 * 96 * 96;
  ASSERT_EQ(space->trace().count(), kCount);
  const EntropyProgram program = program_of(*space, {{"params", 60'000}, {"macs", 10e6}});
  EntropyProgramSettings settings{.effectiveness = 0.6, .depths_from = 0, .evaluations = 20'000};
  double optimum = -1e300;
  for (int64_t i = 0; i < kCount; ++i) {
    const auto scored = program.score(space->trace().at(Count(i)), settings).value();
    if (scored.violation == 0) optimum = std::max(optimum, scored.score);
  }
  ASSERT_GT(optimum, 0);
  for (const bool annealing : {true, false}) {
    settings.annealing = annealing;
    int hits = 0;
    for (uint64_t seed = 0; seed < 10; ++seed) {
      Random random(seed);
      const std::vector<DesignedNetwork> found = program.solve(settings, random);
      ASSERT_FALSE(found.empty());
      EXPECT_LE(found[0].score, optimum + 1e-9);
      hits += found[0].score > optimum - 1e-9;
    }
    EXPECT_GE(hits, annealing ? 9 : 3);
  }
}

// The size that is published (11.69 million parameters with the classifier, 1.82G): the released operators reach 33,950 to
// 35,650 with as many evaluations, the released network has 32,085.
TEST(EntropyProgram, DesignsForTheBudgetOfResnet18) {
  const auto space = make_space("super_blocks", space_context({3, 224, 224}, 1000), "preset: deepmad_resnet");
  const EntropyProgram program = program_of(*space, {{"params", 11.69e6}, {"macs", 1.82e9}});
  const auto released =
      program.score(decisions_from_text(*space, "32; 96,40,5,1 384,40,5,6 384,64,5,9 1024,104,3,10 672,104,5,12"),
                    {.rising_channels = false});
  ASSERT_TRUE(released.has_value());
  EXPECT_EQ(released->violation, 0) << "the released network keeps the bounds";
  EXPECT_NEAR(released->score, 32'085, 1);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Random random(seed);
    const std::vector<DesignedNetwork> found = program.solve({}, random);
    ASSERT_FALSE(found.empty());
    const NetworkSummary summary = space->summarize(found[0].decisions).value();
    EXPECT_GE(found[0].score, 36'000);
    EXPECT_LE(found[0].effectiveness, 0.3);
    EXPECT_LE(summary.params, 11.69e6);
    EXPECT_LE(summary.macs, 1.82e9);
    EXPECT_TRUE(std::ranges::is_sorted(summary.widths));
  }
}

// Where a space has no formulas the networks are built: the same answers.
TEST(EntropyProgram, FormulasChangeNothing) {
  const auto space =
      make_space("super_blocks", space_context({1, 16, 16}, 10), "preset: small_resnet\nstrides: [1, 2]");
  const EntropyProgramSettings settings{.effectiveness = 0.8, .beta = 0, .rising_channels = false, .evaluations = 300};
  Random a(3), b(3);
  const auto fast = program_of(*space, {{"params", 40'000}}).solve(settings, a);
  const auto slow = program_of(*space, {{"params", 40'000}}, false).solve(settings, b);
  ASSERT_EQ(fast.size(), slow.size());
  ASSERT_GT(fast.size(), 10u);
  for (size_t i = 0; i < fast.size(); ++i) {
    EXPECT_EQ(fast[i].decisions, slow[i].decisions);
    EXPECT_NEAR(fast[i].score, slow[i].score, 1e-9);
  }
}

TEST(EntropyProgram, WithoutABoundNetworksGrowDeepAndThin) {
  const auto space = make_space("super_blocks", space_context({3, 224, 224}, 1000), "preset: deepmad_resnet");
  const EntropyProgram program = program_of(*space, {{"params", 11.69e6}, {"macs", 1.82e9}});
  const auto depth = [&](double bound) {
    Random random(1);
    const auto found = program.solve({.effectiveness = bound, .evaluations = 20'000}, random);
    const NetworkSummary summary = space->summarize(found.at(0).decisions).value();
    return std::accumulate(summary.depths.begin(), summary.depths.end(), int64_t{0});
  };
  EXPECT_GT(depth(100), depth(0.1));
}

TEST(DeepmadStrategy, ProposesDesignsBestFirstWithinEveryBound) {
  const auto space = make_space("super_blocks", space_context({1, 16, 16}, 10), "preset: small_resnet");
  ObjectiveSet objectives = synthetic::maximize_accuracy();
  objectives.limits = {{"params", 60'000}};
  StrategyContext context{space->trace(), objectives, 20};
  context.summarize = [&](const Decisions& d) { return space->summarize(d); };
  context.build = [&](const Decisions& d) { return space->build(d); };
  const auto strategy = synthetic::make_strategy(
      "deepmad", context, {{"effectiveness", {0.5, 0.9}}, {"evaluations", 3000}, {"archive", 16}});
  const auto steps = synthetic::run(
      *strategy,
      [](const Decisions&) {
        return synthetic::trial_of({{"accuracy", 0.5}});
      },
      20, 1);
  ASSERT_EQ(steps.size(), 20u);
  for (size_t i = 0; i < steps.size(); ++i) {
    const NetworkSummary summary = space->summarize(steps[i].candidate.decisions).value();
    EXPECT_LE(summary.params, 60'000);
    EXPECT_LE(entropy_of(summary.scales).largest_effectiveness, i % 2 == 0 ? 0.5 : 0.9) << i;
    EXPECT_THAT(steps[i].candidate.made_by, testing::StartsWith("designed for effectiveness"));
  }
}

}  // namespace
}  // namespace nacre
