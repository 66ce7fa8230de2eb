// The core of the small networks: gradients, and a step of Adam by hand.
#include "nacre/predict/dense_network.hpp"

#include <gtest/gtest.h>

#include <array>

namespace nacre {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd noise(Index rows, Index columns, Random& random) {
  MatrixXd result(rows, columns);
  for (double& value : result.reshaped()) value = random.normal();
  return result;
}

// Of a weighted sum of the outputs of two stacks in a row, by every parameter and every input.
TEST(DenseStack, GradientsEqualFiniteDifferences) {
  Random random(1);
  const DenseStack first(std::array<int64_t, 3>{3, 5, 4}, 2, true);
  const DenseStack second(std::array<int64_t, 2>{4, 2}, first.end());
  ASSERT_EQ(first.end() - first.begin(), 4 * 5 + 6 * 4);
  VectorXd parameters = noise(second.end(), 1, random);
  MatrixXd x = noise(6, 3, random);
  const MatrixXd weights = noise(6, 2, random);
  const auto value = [&] {
    return second.forward(parameters, first.forward(parameters, x)).cwiseProduct(weights).sum();
  };
  DenseStack::Tape tape_1, tape_2;
  second.forward(parameters, first.forward(parameters, x, &tape_1), &tape_2);
  VectorXd gradient = VectorXd::Zero(parameters.size());
  const MatrixXd inner = second.backward(parameters, tape_2, weights, &gradient);
  const MatrixXd by_inputs = first.backward(parameters, tape_1, inner, &gradient);
  EXPECT_EQ(first.backward(parameters, tape_1, inner, nullptr), by_inputs);
  EXPECT_EQ(first.backward(parameters, tape_1, inner, nullptr, false).size(), 0);
  constexpr double kStep = 1e-6;
  const auto slope = [&](double& at) {
    const double kept = at;
    at = kept + kStep;
    const double above = value();
    at = kept - kStep;
    const double below = value();
    at = kept;
    return (above - below) / (2 * kStep);
  };
  for (Index i = 0; i < parameters.size(); ++i) EXPECT_NEAR(gradient[i], slope(parameters[i]), 1e-7) << i;
  for (Index i = 0; i < x.size(); ++i) EXPECT_NEAR(by_inputs.data()[i], slope(x.data()[i]), 1e-7) << i;
}

TEST(DenseStack, DrawsWeightsOfUnitGainAndNoBiases) {
  Random random(2);
  const DenseStack stack(std::array<int64_t, 3>{200, 400, 300});
  VectorXd parameters = VectorXd::Ones(stack.end());
  stack.draw(parameters, random);
  const double deviations[] = {0.1, 0.05};  // sqrt(2 / 200), sqrt(1 / 400)
  for (size_t l = 0; l < 2; ++l) {
    const DenseStack::Layer& layer = stack.layers()[l];
    const auto weights = parameters.segment(layer.weights, layer.biases - layer.weights);
    EXPECT_NEAR(std::sqrt(weights.array().square().mean()), deviations[l], 0.01 * deviations[l]);
    EXPECT_TRUE(parameters.segment(layer.biases, layer.outputs).isZero(0));
  }
}

// The first step of Adam is the rate times the sign; biases do not decay.
TEST(Adam, FirstStepIsTheSignAndWeightsDecay) {
  const DenseStack stack(std::array<int64_t, 2>{2, 1});
  VectorXd parameters(3), gradient(3);
  parameters << 1, -2, 3;
  gradient << 5, -0.01, 2;
  Adam adam(3);
  adam.begin_step();
  adam.move(stack, parameters, gradient, 0.1, 0.5);
  EXPECT_NEAR(parameters[0], 0.95 - 0.1, 1e-6);
  EXPECT_NEAR(parameters[1], -1.9 + 0.1, 1e-6);
  EXPECT_NEAR(parameters[2], 3 - 0.1, 1e-6);
  // The second by the definition, for one number.
  gradient << -1, 0, 0;
  adam.begin_step();
  const double before = parameters[0];
  adam.move(stack, parameters, gradient, 0.1, 0);
  const double m = (0.9 * 0.1 * 5 + 0.1 * -1) / (1 - 0.81), v = (0.999 * 0.001 * 25 + 0.001) / (1 - 0.999 * 0.999);
  EXPECT_NEAR(parameters[0], before - 0.1 * m / (std::sqrt(v) + 1e-8), 1e-12);
}

TEST(Adam, FindsTheBottomOfAParabola) {
  VectorXd x = VectorXd::Constant(4, 3.0);
  Adam adam(4);
  for (int64_t step = 0; step < 500; ++step) {
    adam.begin_step();
    adam.move(x, 2 * (x - VectorXd::LinSpaced(4, 0, 1)), cosine_rate(0.1, step, 500), 0, 4);
  }
  EXPECT_TRUE(x.isApprox(VectorXd::LinSpaced(4, 0, 1), 1e-3));
}

}  // namespace
}  // namespace nacre
