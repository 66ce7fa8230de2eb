// Weightings of alternatives: identities, gradients in double against finite differences, and what is sampled.
#include "nacre/supernet/architecture.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/supernet/expected_cost.hpp"
#include "nacre/supernet/policies.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

const at::TensorOptions kDouble = at::TensorOptions(at::kDouble);

std::vector<OpenDecision> two_decisions() {
  return {{.key = "a", .kind = OpenDecision::Kind::operators, .labels = {"x", "y", "z"}},
          {.key = "b", .kind = OpenDecision::Kind::operators, .labels = {"none", "u"}, .has_zero = true}};
}

void set_logits(const Architecture& architecture, size_t i, std::vector<double> values) {
  architecture.logits()[i].detach().copy_(at::tensor(values, kDouble));
}

TEST(Architecture, GumbelSamplesTheSoftmax) {
  Architecture architecture(two_decisions(), {.weighting = Weighting::gumbel_hard}, 0, kDouble);
  set_logits(architecture, 0, {0.3, -0.5, 1.1});
  const std::vector<double> p = architecture.probabilities()[0];
  std::vector<double> counts(3, 0);
  constexpr int kDraws = 20000;
  Random random(9);
  for (int i = 0; i < kDraws; ++i) {
    const MixWeights weights = architecture.mixture(random, 1.0, false);
    const at::Tensor& gates = weights.find("a")->second;
    counts[static_cast<size_t>(at::argmax(gates).item<int64_t>())] += 1;
    if (i % 1000 == 0) EXPECT_NEAR(at::sum(gates).item<double>(), 1, 1e-12);
  }
  double chi_square = 0;
  for (size_t i = 0; i < 3; ++i) chi_square += std::pow(counts[i] - kDraws * p[i], 2) / (kDraws * p[i]);
  EXPECT_LT(chi_square, 9.21);  // 2 degrees of freedom, p = 0.01
}

TEST(Architecture, SoftGumbelSumsToOneAndBecomesOneHot) {
  Architecture architecture(two_decisions(), {.weighting = Weighting::gumbel}, 0, kDouble);
  Random random(9);
  for (const double temperature : {5.0, 1.0, 1e-4}) {
    for (int i = 0; i < 100; ++i) {
      const at::Tensor weights = architecture.mixture(random, temperature, false).find("a")->second;
      EXPECT_NEAR(at::sum(weights).item<double>(), 1, 1e-12);
      if (temperature == 1e-4) EXPECT_GT(at::max(weights).item<double>(), 0.999);
    }
  }
}

TEST(Architecture, MaxWeightingGivesTheBestAlternativeOne) {
  Architecture architecture(two_decisions(), {.weighting = Weighting::max_w}, 0, kDouble);
  Random random(1);
  for (const std::vector<double>& logits : {std::vector<double>{0.1, 0.2, -0.3}, {5, 1, 1}, {-40, 60, -40}}) {
    set_logits(architecture, 0, logits);
    const at::Tensor weights = architecture.mixture(random, 1, false).find("a")->second;
    EXPECT_EQ(at::max(weights).item<double>(), 1.0);
    EXPECT_GE(at::min(weights).item<double>(), 0.0);
  }
  // One-hot: the others are out altogether.
  const at::Tensor weights = architecture.mixture(random, 1, false).find("a")->second;
  EXPECT_EQ(weights[1].item<double>(), 1.0);
  EXPECT_NEAR(weights[0].item<double>(), 0, 1e-40);
}

// d/da of a fixed function of the weights, noise held fixed by the stream.
TEST(Architecture, GradientsOfWeightingsAreThoseOfFiniteDifferences) {
  for (const char* name : {"softmax", "gumbel", "sigmoid", "max_w"}) {
    Architecture architecture(two_decisions(), {.weighting = weighting_from_name(name)}, 0, kDouble);
    set_logits(architecture, 0, {0.3, -0.5, 1.1});
    const at::Tensor direction = at::tensor({0.7, -1.3, 0.4}, kDouble);
    const auto loss = [&](bool differentiable) {
      Random random(4);
      return at::sum(at::square(architecture.mixture(random, 0.7, differentiable).find("a")->second) * direction);
    };
    const at::Tensor gradient = torch::autograd::grad({loss(true)}, {architecture.logits()[0]})[0];
    for (int64_t i = 0; i < 3; ++i) {
      at::Tensor logits = architecture.logits()[0].detach();
      const double at = logits[i].item<double>(), h = 1e-6;
      logits[i] = at + h;
      const double up = loss(false).item<double>();
      logits[i] = at - h;
      const double down = loss(false).item<double>();
      logits[i] = at;
      EXPECT_NEAR(gradient[i].item<double>(), (up - down) / (2 * h), 1e-7) << name << " " << i;
    }
  }
}

// Sheet 12, proof 1: for a linear loss the rule of the gates is the exact gradient of sum_j p_j c_j.
TEST(Architecture, BinaryGatesHaveTheExactGradientOfALinearLoss) {
  Architecture architecture(two_decisions(), {.weighting = Weighting::binary}, 0, kDouble);
  set_logits(architecture, 0, {0.3, -0.5, 1.1});
  const at::Tensor c = at::tensor({1.5, -2.0, 0.25}, kDouble);
  Random random(4);
  for (int i = 0; i < 20; ++i) {
    const at::Tensor gates = architecture.mixture(random, 1, true).find("a")->second;
    const at::Tensor rule = torch::autograd::grad({at::sum(gates * c)}, {architecture.logits()[0]})[0];
    const at::Tensor p = at::softmax(architecture.logits()[0], 0);
    const at::Tensor exact = torch::autograd::grad({at::sum(p * c)}, {architecture.logits()[0]})[0];
    EXPECT_LT(test::largest_difference(rule, exact), 1e-12);
    EXPECT_NEAR(at::max(gates).item<double>(), 1, 1e-15);
    EXPECT_NEAR(at::sum(gates).item<double>(), 1, 1e-15);
  }
}

TEST(Architecture, AdamFollowsItsFormulaAndItsStateIsKept) {
  const ArchitectureForm form{.weighting = Weighting::softmax,
                              .optimizer = {.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.9, .weight_decay = 0.01}};
  Architecture a(two_decisions(), form, 3, kDouble), b(two_decisions(), form, 4, kDouble);
  double x = a.logits()[0][0].item<double>(), m = 0, v = 0;
  const auto gradients = [](double g) { return std::vector<at::Tensor>{at::full({3}, g, kDouble), at::Tensor()}; };
  const at::Tensor untouched = a.logits()[1].detach().clone();
  for (int t = 1; t <= 5; ++t) {
    const double g = 0.3 * t + 0.01 * x;
    m = 0.5 * m + 0.5 * g;
    v = 0.9 * v + 0.1 * g * g;
    x -= 0.1 * (m / (1 - std::pow(0.5, t))) / (std::sqrt(v / (1 - std::pow(0.9, t))) + 1e-8);
    a.step(gradients(0.3 * t));
    if (t == 3) b.load(a.state());
    if (t > 3) b.step(gradients(0.3 * t));
  }
  EXPECT_NEAR(a.logits()[0][0].item<double>(), x, 1e-12);
  EXPECT_TRUE(at::equal(a.logits()[0], b.logits()[0]));
  EXPECT_TRUE(at::equal(a.logits()[1], untouched));
}

TEST(Architecture, EntropyOfEqualChancesIsTheLogarithm) {
  Architecture architecture({two_decisions()[0]}, {.initial_spread = 0}, 0, kDouble);
  EXPECT_NEAR(mean_entropy(architecture.probabilities()), std::log(3.0), 1e-12);
}

TEST(CostTerm, GradientsOfTheFormsAreClosed) {
  // Sheet 05: dL/dLAT = alpha beta CE (log LAT)^(beta - 1) / LAT.
  at::Tensor cost = at::full({}, 250e-6, kDouble).requires_grad_(true);
  const at::Tensor loss = at::full({}, 1.7, kDouble);
  CostTerm term{.form = CostTerm::Form::multiplicative_log, .alpha = 0.2, .beta = 0.6, .unit = 1e-6};
  const double gradient = torch::autograd::grad({loss_with_cost(loss, cost, term)}, {cost})[0].item<double>();
  EXPECT_NEAR(gradient, 0.2 * 0.6 * 1.7 * std::pow(std::log(250.0), -0.4) / 250e-6, 1e-6);
  term = {.form = CostTerm::Form::additive, .lambda = 0.1, .reference = 200e-6};
  EXPECT_NEAR(loss_with_cost(loss, cost, term).item<double>(), 1.7 + 0.1 * 0.25, 1e-12);
  term = {.form = CostTerm::Form::logarithmic, .lambda = 0.5, .unit = 1e-6};
  EXPECT_NEAR(loss_with_cost(loss, cost, term).item<double>(), 1.7 + 0.5 * std::log(250.0), 1e-12);
  term = {.form = CostTerm::Form::relative_log, .alpha = 0.2, .beta = 0.3, .reference = 250e-6, .unit = 1e-6};
  EXPECT_NEAR(loss_with_cost(loss, cost, term).item<double>(), 1.7 * 0.2, 1e-12);
  term = {.form = CostTerm::Form::multiplicative_log, .unit = 1e-3};
  EXPECT_THROW(loss_with_cost(loss, cost, term), UserError);
}

TEST(Policies, EveryNameIsKnown) {
  for (const std::string& name : weighting_names()) EXPECT_NO_THROW(weighting_from_name(name));
  for (const std::string& name : cost_form_names()) EXPECT_NO_THROW(cost_form_from_name(name));
}

}  // namespace
}  // namespace nacre
