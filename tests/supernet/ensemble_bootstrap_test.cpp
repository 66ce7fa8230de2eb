// The parts of ensemble bootstrapping: identities of the loss, the target without a gradient, the moving average, fair sampling.
#include "nacre/supernet/ensemble_bootstrap.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>

#include "small_supernet.hpp"

namespace nacre {
namespace {

at::Tensor rows(uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({6, 5}, at::TensorOptions(at::kDouble));
}

double number(const at::Tensor& scalar) { return scalar.item<double>(); }

TEST(CosineDistance, IsMinusTwoOfAgreementAndTwoOfOpposition) {
  const at::Tensor u = rows(1);
  EXPECT_NEAR(number(cosine_distance(u, u * 3)), -2, 1e-12);
  EXPECT_NEAR(number(cosine_distance(u, u * -0.5)), 2, 1e-12);
  for (uint64_t seed = 2; seed < 20; ++seed) {
    const double d = number(cosine_distance(u, rows(seed)));
    EXPECT_GE(d, -2);
    EXPECT_LE(d, 2);
  }
}

// Identical paths and views with a predictor that changes nothing: both halves of the loss are at their minimum.
TEST(EnsembleTarget, OfIdenticalPathsLeavesTheLeastLoss) {
  const at::Tensor z = rows(3);
  const std::vector<at::Tensor> paths(4, z);
  const at::Tensor target = ensemble_target(paths);
  EXPECT_NEAR(number(cosine_distance(z, target) + cosine_distance(z, target)), -4, 1e-12);
}

TEST(EnsembleTarget, OfOnePathIsItsNormalizedProjection) {
  const at::Tensor z = rows(4), target = ensemble_target(std::vector<at::Tensor>{z}), p = rows(5);
  EXPECT_LT(test::largest_difference(target, z / at::norm(z, 2, {1}, true)), 1e-12);
  EXPECT_NEAR(number(cosine_distance(p, target)), number(cosine_distance(p, z)), 1e-12);  // BYOL's loss
}

TEST(EnsembleTarget, NormalizesBeforeItAverages) {
  const at::Tensor a = rows(6), b = rows(7);
  const at::Tensor target = ensemble_target(std::vector<at::Tensor>{a, b}),
                   scaled = ensemble_target(std::vector<at::Tensor>{a * 100, b * 0.01});
  EXPECT_LT(test::largest_difference(target, scaled), 1e-12);
}

TEST(EnsembleTarget, HasNoGradient) {
  const at::Tensor z = rows(8).requires_grad_(true), p = rows(9).requires_grad_(true);
  const at::Tensor target = ensemble_target(std::vector<at::Tensor>{z, z * 2});
  EXPECT_FALSE(target.requires_grad());
  const auto gradients = torch::autograd::grad({cosine_distance(p, target)}, {p, z}, {}, false, false, true);
  EXPECT_TRUE(gradients[0].defined());
  EXPECT_FALSE(gradients[1].defined());
}

TEST(TargetMomentum, RisesFromTheBaseToOneByACosine) {
  EXPECT_DOUBLE_EQ(target_momentum(0.99, 0, 100), 0.99);
  EXPECT_DOUBLE_EQ(target_momentum(0.99, 100, 100), 1);
  EXPECT_NEAR(target_momentum(0.99, 50, 100), 0.995, 1e-15);
  for (int64_t t = 0; t <= 100; ++t) {
    const double expected = 1 - 0.01 * (std::cos(std::numbers::pi * static_cast<double>(t) / 100) + 1) / 2;
    EXPECT_NEAR(target_momentum(0.99, t, 100), expected, 1e-15);
    if (t > 0) {
      EXPECT_GT(target_momentum(0.99, t, 100), target_momentum(0.99, t - 1, 100));
    }
  }
}

TEST(MoveAverage, IsTheFormula) {
  const at::Tensor target = rows(10), online = rows(11);
  const at::Tensor expected = target * 0.97 + online * 0.03;
  const at::Tensor moved = target.clone();
  move_average(std::vector<at::Tensor>{moved}, std::vector<at::Tensor>{online}, 0.97);
  EXPECT_LT(test::largest_difference(moved, expected), 1e-15);
}

TEST(FairDeal, UsesEveryAlternativeOfEveryDecisionOnce) {
  Random random(5);
  std::set<std::vector<int64_t>> seen;
  for (int round = 0; round < 50; ++round) {
    const auto paths = fair_deal(3, 4, random);
    ASSERT_EQ(paths.size(), 4U);
    for (size_t decision = 0; decision < 3; ++decision) {
      std::set<int64_t> used;
      for (const auto& path : paths) used.insert(path[decision]);
      EXPECT_EQ(used, (std::set<int64_t>{0, 1, 2, 3}));
    }
    seen.insert(paths.begin(), paths.end());
  }
  EXPECT_GT(seen.size(), 50U);  // of 64
}

}  // namespace
}  // namespace nacre
