// Networks generated under the guidance of what was taught.
#include "nacre/search/guided_generation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "synthetic.hpp"

namespace nacre {
namespace {

TEST(NormalScores, KeepTheOrderAndAreSymmetric) {
  const std::vector<double> scores = normal_scores(std::vector<double>{5, -1, 1e9, 2, 3});
  EXPECT_LT(scores[1], scores[3]);
  EXPECT_LT(scores[3], scores[4]);
  EXPECT_LT(scores[4], scores[0]);
  EXPECT_LT(scores[0], scores[2]);
  EXPECT_NEAR(scores[4], 0, 1e-12);
  EXPECT_NEAR(scores[1], -scores[2], 1e-12);
}

class GuidedGenerationTest : public testing::Test {
 protected:
  static double share_of_ones(const Decisions& decisions) {
    double sum = 0;
    for (const Decision& decision : decisions.items()) sum += decision.index == 1 ? 1.0 / 6 : 0;
    return sum;
  }

  double mean_share(const std::vector<GuidedGeneration::Goal>& goals, double kappa) {
    Random random(1);
    DecisionDiffusion::Sampling sampling;
    sampling.steps = 60;
    GuidedGeneration generation(trace_, sampling, goals, random);
    std::vector<Decisions> examples;
    std::vector<double> values;
    for (int i = 0; i < 100; ++i) {
      examples.push_back(trace_.sample(random));
      values.push_back(share_of_ones(examples.back()));
    }
    for (size_t goal = 0; goal < goals.size(); ++goal) generation.teach(goal, examples, values, random);
    const std::vector<Decisions> generated = generation.generate(80, kappa, random);
    EXPECT_EQ(generation.generated(), 80);
    EXPECT_GT(generation.valid(), 72);
    std::set<Hash128> distinct;
    double sum = 0;
    for (const Decisions& decisions : generated) {
      EXPECT_TRUE(trace_.is_complete(decisions));
      EXPECT_TRUE(distinct.insert(decisions.hash()).second);
      sum += share_of_ones(decisions) / static_cast<double>(generated.size());
    }
    return sum;
  }

  const Trace trace_ = synthetic::flat_trace(6, 4);
};

TEST_F(GuidedGenerationTest, GoesWhereItIsTaughtToGoAndAwayWithANegativeWeight) {
  const double unguided = mean_share({{}}, 0), guided = mean_share({{}}, 3), away = mean_share({{.weight = -1}}, 3);
  EXPECT_NEAR(unguided, 0.25, 0.08);
  EXPECT_GT(guided, 0.5);
  EXPECT_LT(away, 0.12);
}

TEST_F(GuidedGenerationTest, GoalsAddUp) {
  EXPECT_GT(mean_share({{.weight = 0.5}, {.weight = 0.5}}, 3), 0.5);
  EXPECT_NEAR(mean_share({{}, {.weight = -1}}, 3), 0.25, 0.15) << "one for and one against";
}

}  // namespace
}  // namespace nacre
