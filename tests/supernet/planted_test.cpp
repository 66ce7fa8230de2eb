// Planted problems: what is lost by each alternative of each layer is known, and what it costs; the best network is known by
// looking at each layer, and every way to learn an architecture must find it.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "nacre/supernet/architecture.hpp"
#include "nacre/supernet/update_rules.hpp"

namespace nacre {
namespace {

constexpr int64_t kLayers = 8, kOperators = 7;
constexpr double kLatencyWeight = 0.5;

struct Planted {
  std::vector<std::vector<double>> loss;  // by layer and operator, latency included
  explicit Planted(uint64_t seed) {
    Random random = Random::stream(seed, "planted");
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      loss.emplace_back();
      for (int64_t i = 0; i < kOperators; ++i)
        loss.back().push_back(random.uniform() + kLatencyWeight * random.uniform());
    }
  }
  double optimum() const {
    double sum = 0;
    for (const auto& layer : loss) sum += *std::ranges::min_element(layer);
    return sum;
  }
  double of(const std::vector<int64_t>& network) const {
    double sum = 0;
    for (size_t layer = 0; layer < loss.size(); ++layer) sum += loss[layer][static_cast<size_t>(network[layer])];
    return sum;
  }
};

std::string key_of(size_t layer) { return "layer" + std::to_string(layer); }

Architecture architecture_of(Weighting weighting, double rate, uint64_t seed) {
  std::vector<OpenDecision> open;
  for (size_t layer = 0; layer < kLayers; ++layer) {
    OpenDecision decision{.key = key_of(layer), .labels = {}};
    for (int64_t i = 0; i < kOperators; ++i) decision.labels.push_back(std::to_string(i));
    open.push_back(decision);
  }
  ArchitectureForm form{.weighting = weighting};
  form.optimizer = {.learning_rate = rate, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 0};
  return Architecture(open, form, seed, at::TensorOptions(at::kDouble));
}

std::vector<int64_t> most_probable(const Architecture& architecture) {
  std::vector<int64_t> network;
  for (const auto& p : architecture.probabilities()) network.push_back(std::ranges::max_element(p) - p.begin());
  return network;
}

// Steps by the gradient of the planted loss of mixtures.
void descend(Architecture& architecture, const Planted& planted, uint64_t seed, int64_t steps,
             const std::function<double(int64_t)>& temperature) {
  for (int64_t step = 0; step < steps; ++step) {
    Random random = Random::stream(seed, "mixture", static_cast<uint64_t>(step));
    const MixWeights weights = architecture.mixture(random, temperature(step), true);
    at::Tensor loss = at::zeros({}, at::TensorOptions(at::kDouble));
    for (size_t layer = 0; layer < kLayers; ++layer)
      loss = loss + at::dot(weights.at(key_of(layer)), at::tensor(planted.loss[layer], at::TensorOptions(at::kDouble)));
    architecture.step(torch::autograd::grad({loss}, architecture.logits()));
  }
}

// Sheet 05, proof 5: within one percent of the optimum, ten of ten seeds.
TEST(PlantedProblem, GumbelSoftmaxFindsTheOptimum) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Planted planted(seed);
    Architecture architecture = architecture_of(Weighting::gumbel, 0.05, seed);
    descend(architecture, planted, seed, 1500, [](int64_t step) { return 5 * std::pow(0.998, step); });
    EXPECT_LE(planted.of(most_probable(architecture)), 1.01 * planted.optimum()) << seed;
  }
}

// Sheet 12, proof 7: two percent for gates, and for rewards alone; the distribution settles.
TEST(PlantedProblem, BinaryGatesFindTheOptimum) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Planted planted(seed);
    Architecture architecture = architecture_of(Weighting::binary, 0.05, seed);
    descend(architecture, planted, seed, 2000, [](int64_t) { return 1.0; });
    EXPECT_LE(planted.of(most_probable(architecture)), 1.02 * planted.optimum()) << seed;
    EXPECT_LT(mean_entropy(architecture.probabilities()), 0.3) << seed;
  }
}

TEST(PlantedProblem, ReinforceFindsTheOptimum) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Planted planted(seed);
    Architecture architecture = architecture_of(Weighting::binary, 0.02, seed);
    double baseline = 0;
    for (int64_t step = 0; step < 3000; ++step) {
      Random random = Random::stream(seed, "draw", static_cast<uint64_t>(step));
      const auto p = architecture.probabilities();
      std::vector<std::vector<int64_t>> drawn;
      std::vector<double> rewards;
      for (int64_t b = 0; b < 16; ++b) {
        drawn.emplace_back();
        for (const auto& layer : p) drawn.back().push_back(draw_index(layer, random));
        rewards.push_back(-planted.of(drawn.back()));
      }
      const double mean = std::accumulate(rewards.begin(), rewards.end(), 0.0) / 16;
      baseline = step == 0 ? mean : baseline + 0.1 * (mean - baseline);
      std::vector<at::Tensor> gradients;
      for (const auto& one : reinforce_gradients(p, drawn, rewards, baseline))
        gradients.push_back(at::tensor(one, at::TensorOptions(at::kDouble)));
      architecture.step(gradients);
    }
    EXPECT_LE(planted.of(most_probable(architecture)), 1.02 * planted.optimum()) << seed;
    EXPECT_LT(mean_entropy(architecture.probabilities()), 0.3) << seed;
  }
}

}  // namespace
}  // namespace nacre
