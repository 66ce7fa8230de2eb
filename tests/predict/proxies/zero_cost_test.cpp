// Zero-cost proxies on networks so small that they can be computed by hand.
#include "nacre/predict/proxies/zero_cost.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/ir/text_form.hpp"

namespace nacre {
namespace {

// y = W x for two samples of three features and two classes.
constexpr const char* kLinear =
    "graph linear(x: float32[batch,3]) { w: float32[2,3] = param [0.5, -1.0, 0.25, 1.5, 0.75, -0.5]; "
    "logits: float32[batch,2] = Gemm(x, w) {transB=1}; return logits }";
const std::vector<double> kWeights = {0.5, -1.0, 0.25, 1.5, 0.75, -0.5};
const std::vector<double> kInputs = {1, 2, -1, 0.5, -0.5, 2};
const std::vector<int64_t> kLabels = {0, 1};

ProxyBatch linear_batch() {
  ProxyBatch batch;
  const std::vector<float> inputs(kInputs.begin(), kInputs.end());
  batch.inputs.emplace("x", Tensor::of<float>(std::vector<int64_t>{2, 3}, inputs));
  batch.target = Tensor::of<int64_t>(std::vector<int64_t>{2}, kLabels);
  batch.loss = {"cross_entropy", "logits", "label"};
  return batch;
}

struct Step {
  std::vector<double> gradient;  // of the mean cross-entropy by W
  std::vector<double> pull;      // by the logits, [sample, class]
  std::vector<double> logits;
};

Step by_hand(const std::vector<double>& w) {
  Step step{std::vector<double>(6, 0.0), std::vector<double>(4), std::vector<double>(4)};
  for (size_t n = 0; n < 2; ++n) {
    double sum = 0;
    for (size_t c = 0; c < 2; ++c) {
      double logit = 0;
      for (size_t i = 0; i < 3; ++i) logit += w[c * 3 + i] * kInputs[n * 3 + i];
      step.logits[n * 2 + c] = logit;
      sum += std::exp(logit);
    }
    for (size_t c = 0; c < 2; ++c) {
      const double hit = kLabels[n] == static_cast<int64_t>(c) ? 1 : 0;
      step.pull[n * 2 + c] = (std::exp(step.logits[n * 2 + c]) / sum - hit) / 2;
      for (size_t i = 0; i < 3; ++i) step.gradient[c * 3 + i] += step.pull[n * 2 + c] * kInputs[n * 3 + i];
    }
  }
  return step;
}

double score(const std::string& graph, const ProxyBatch& batch, const std::string& proxy, uint64_t seed = 0) {
  ZeroCostOptions options;
  options.proxies = {proxy};
  options.seed = seed;
  const ZeroCostScore found = zero_cost_scores(parse_graph(graph), batch, options).at(proxy);
  EXPECT_TRUE(found.value) << proxy << ": " << found.reason;
  return found.value.value_or(NAN);
}

TEST(ZeroCost, GradientProxiesByHand) {
  const Step step = by_hand(kWeights);
  double norm = 0, snip = 0, plain = 0, l2 = 0, fisher = 0;
  for (size_t i = 0; i < 6; ++i) {
    norm += step.gradient[i] * step.gradient[i];
    snip += std::abs(kWeights[i] * step.gradient[i]);
    plain += kWeights[i] * step.gradient[i];
    l2 += kWeights[i] * kWeights[i];
  }
  for (size_t c = 0; c < 2; ++c) {
    double sum = 0;
    for (size_t n = 0; n < 2; ++n) sum += std::pow(step.logits[n * 2 + c] * step.pull[n * 2 + c], 2);
    fisher += sum / 2 / 2;
  }
  EXPECT_NEAR(score(kLinear, linear_batch(), "grad_norm"), std::sqrt(norm), 1e-6);
  EXPECT_NEAR(score(kLinear, linear_batch(), "snip"), snip, 1e-6);
  EXPECT_NEAR(score(kLinear, linear_batch(), "plain"), plain, 1e-6);
  EXPECT_NEAR(score(kLinear, linear_batch(), "l2_norm"), std::sqrt(l2), 1e-6);
  EXPECT_NEAR(score(kLinear, linear_batch(), "fisher"), fisher, 1e-6);
}

// H g by finite differences of the gradient.
TEST(ZeroCost, GraspByFiniteDifferences) {
  const Step step = by_hand(kWeights);
  constexpr double kStep = 1e-5;
  std::vector<double> more = kWeights, less = kWeights;
  for (size_t i = 0; i < 6; ++i) {
    more[i] += kStep * step.gradient[i];
    less[i] -= kStep * step.gradient[i];
  }
  const Step after = by_hand(more), before = by_hand(less);
  double expected = 0;
  for (size_t i = 0; i < 6; ++i) expected -= kWeights[i] * (after.gradient[i] - before.gradient[i]) / (2 * kStep);
  EXPECT_NEAR(score(kLinear, linear_batch(), "grasp"), expected, 1e-5);
}

// Of two matrices without biases R = 1' |W2| |W1| 1, and each matrix contributes R; a rectifier and a normalization between
// them change nothing.
TEST(ZeroCost, SynflowOfTwoMatrices) {
  const std::string first = "w: float32[2,3] = param [0.5, -1.0, 0.25, 1.5, 0.75, -0.5]; ";
  const std::string second = "v: float32[2,2] = param [2.0, -1.0, 0.5, 3.0]; ";
  const double r = (2 + 0.5) * 1.75 + (1 + 3) * 2.75;
  const std::string plain =
      "graph g(x: float32[batch,3]) { " + first + second +
      "h: float32[batch,2] = Gemm(x, w) {transB=1}; logits: float32[batch,2] = Gemm(h, v) {transB=1}; "
      "return logits }";
  const std::string normalized =
      "graph g(x: float32[batch,3]) { " + first + second +
      "s: float32[2] = param [7.0, 3.0]; b: float32[2] = param [1.0, -2.0]; m: float32[2] = frozen [4.0, 5.0]; "
      "u: float32[2] = frozen [9.0, 16.0]; h: float32[batch,2] = Gemm(x, w) {transB=1}; "
      "n: float32[batch,2] = BatchNormalization(h, s, b, m, u) {epsilon=0.0}; a: float32[batch,2] = Relu(n); "
      "logits: float32[batch,2] = Gemm(a, v) {transB=1}; return logits }";
  EXPECT_NEAR(score(plain, linear_batch(), "synflow"), std::log(2 * r), 1e-9);
  EXPECT_NEAR(score(normalized, linear_batch(), "synflow"), std::log(2 * r), 1e-9);
}

// Codes of the rectifier for the two samples: (1,1,0) and (1,0,1); they agree in one unit of three.
TEST(ZeroCost, NwotByHand) {
  const std::string graph =
      "graph g(x: float32[batch,3]) { w: float32[2,3] = param [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]; a: float32[batch,3] = "
      "Relu(x); "
      "logits: float32[batch,2] = Gemm(a, w) {transB=1}; return logits }";
  EXPECT_NEAR(score(graph, linear_batch(), "nwot"), std::log(3.0 * 3 - 1), 1e-9);
}

// All samples of a linear network have one Jacobian: correlations of 1, eigenvalues n, 0, 0, ...
TEST(ZeroCost, JacobianCovarianceOfALinearNetwork) {
  ProxyBatch batch = noise_batch(parse_graph(kLinear), 4, 3);
  constexpr double k = 1e-5;
  const double expected = -(3 * (std::log(k) + 1 / k) + std::log(4 + k) + 1 / (4 + k));
  EXPECT_NEAR(score(kLinear, batch, "jacob_cov"), expected, 1e-3 * std::abs(expected));
}

std::string convolutions(const std::string& between, int scale) {
  return "graph g(x: float32[batch,3,16,16]) { w: float32[32,3,3,3] = param normal(" + std::to_string(scale) +
         ".0); v: float32[32,32,3,3] = param kaiming_normal_fan_out(1.0); l: float32[4,32] = param normal(1.0); "
         "s: float32[32] = param constant(1.0); b: float32[32] = param constant(0.0); m: float32[32] = frozen "
         "constant(0.0); "
         "u: float32[32] = frozen constant(1.0); h: float32[batch,32,16,16] = Conv(x, w) {pads=[1, 1, 1, 1]}; " +
         between +
         "z: float32[batch,32,16,16] = Conv(a, v) {pads=[1, 1, 1, 1]}; p: float32[batch,32,1,1] = "
         "GlobalAveragePool(z); "
         "f: float32[batch,32] = Flatten(p); logits: float32[batch,4] = Gemm(f, l) {transB=1}; return logits }";
}

// What normalization divides by is multiplied back: the score of a network with and without it is about the same, which is
// what the score was made for. And the scale of the drawn weights plays no part.
TEST(ZeroCost, ZenUndoesNormalization) {
  const std::string plain = convolutions("a: float32[batch,32,16,16] = Relu(h); ", 1);
  const std::string normalized = convolutions(
      "n: float32[batch,32,16,16] = BatchNormalization(h, s, b, m, u); a: float32[batch,32,16,16] = Relu(n); ", 1);
  const ProxyBatch batch = noise_batch(parse_graph(plain), 8, 1);
  EXPECT_NEAR(score(plain, batch, "zen"), score(normalized, batch, "zen"), 0.1);
  EXPECT_NEAR(score(convolutions("a: float32[batch,32,16,16] = Relu(h); ", 9), batch, "zen"),
              score(plain, batch, "zen"), 1e-9);
}

TEST(ZeroCost, EveryProxyIsDeterministicAndFinite) {
  const Graph graph = parse_graph(convolutions(
      "n: float32[batch,32,16,16] = BatchNormalization(h, s, b, m, u); a: float32[batch,32,16,16] = Relu(n); ", 1));
  const ProxyBatch batch = noise_batch(graph, 8, 1);
  const auto once = zero_cost_scores(graph, batch, {.proxies = {}, .repeats = 2, .seed = 5});
  const auto again = zero_cost_scores(graph, batch, {.proxies = {}, .repeats = 2, .seed = 5});
  EXPECT_EQ(once.size(), zero_cost_registry().names().size());
  for (const auto& [name, found] : once) {
    ASSERT_TRUE(found.value) << name << ": " << found.reason;
    EXPECT_EQ(*found.value, *again.at(name).value) << name;
    EXPECT_FALSE(zero_cost_registry().get(name).source.empty());
  }
  EXPECT_EQ(*once.at("params").value, 32 * 27 + 32 * 32 * 9 + 4 * 32 + 64);
  EXPECT_EQ(*once.at("macs").value, 256 * 32 * 27 + 256 * 32 * 32 * 9 + 4 * 32);
}

TEST(ZeroCost, WhatHasNoMeaningIsSaid) {
  const auto scores = zero_cost_scores(parse_graph(kLinear), linear_batch(), {.proxies = {"nwot", "zen"}});
  for (const char* name : {"nwot", "zen"}) {
    EXPECT_FALSE(scores.at(name).value);
    EXPECT_FALSE(scores.at(name).reason.empty());
  }
  try {
    zero_cost_scores(parse_graph(kLinear), linear_batch(), {.proxies = {"synflov"}});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "unknown proxy 'synflov'; did you mean 'synflow'? (nacre list proxies)");
  }
  EXPECT_THROW(
      noise_batch(parse_graph("graph g(x: float32[batch,n]) { y: float32[batch,n] = Relu(x); return y }"), 2, 1),
      UserError);
}

}  // namespace
}  // namespace nacre
