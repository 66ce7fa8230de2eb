// Paths through lattices: the longest one is that of trying all, greedy ones are what they say, and a lattice's supernet holds the
// networks that stand alone.
#include "nacre/supernet/lattice_path.hpp"

#include <gtest/gtest.h>

#include "small_supernet.hpp"

namespace nacre {
namespace {

LatticeWeights random_weights(uint64_t seed, int64_t steps, int64_t states, int64_t operators) {
  Random random(seed);
  LatticeWeights weights(static_cast<size_t>(steps));
  for (auto& step : weights)
    for (int64_t i = 0; i < states * states * operators; ++i) step.push_back(random.uniform());
  return weights;
}

double sum_of(const LatticeWeights& weights, const LatticePath& path, int64_t states, int64_t operators) {
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    sum += weights[i].at(
        static_cast<size_t>((path.states[i] * states + path.states[i + 1]) * operators + path.operators[i]));
  return sum;
}

// The largest sum over all paths, tried one by one.
double largest_sum(const LatticeWeights& weights, size_t step, int64_t from, int64_t states, int64_t operators) {
  if (step == weights.size()) return 0;
  double best = -1e300;
  for (int64_t to = 0; to < states; ++to) {
    const double rest = largest_sum(weights, step + 1, to, states, operators);
    for (int64_t op = 0; op < operators; ++op)
      best = std::max(best, rest + weights[step][static_cast<size_t>((from * states + to) * operators + op)]);
  }
  return best;
}

// Sheet 06, proof 5.
TEST(LatticePath, LongestIsThatOfTryingAll) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const int64_t states = 2 + static_cast<int64_t>(seed % 3), operators = 1 + static_cast<int64_t>(seed % 2);
    const LatticeWeights weights = random_weights(seed, 5, states, operators);
    const LatticePath path = longest_path(weights, states, operators);
    double best = -1e300;
    for (int64_t start = 0; start < states; ++start)
      best = std::max(best, largest_sum(weights, 0, start, states, operators));
    EXPECT_NEAR(path.sum, best, 1e-12);
    EXPECT_NEAR(sum_of(weights, path, states, operators), best, 1e-12);
    for (const bool down : {false, true}) {
      const LatticePath greedy = greedy_path(weights, states, operators, down);
      EXPECT_NEAR(sum_of(weights, greedy, states, operators), greedy.sum, 1e-12);
      EXPECT_LE(greedy.sum, best + 1e-12);
      const std::vector<double>& end = down ? weights.front() : weights.back();
      const size_t at = down ? 0 : weights.size() - 1;
      EXPECT_EQ(end.at(static_cast<size_t>((greedy.states[at] * states + greedy.states[at + 1]) * operators +
                                           greedy.operators[at])),
                *std::ranges::max_element(end));
    }
  }
}

TEST(LatticePath, DrawnOnesFollowTheWeights) {
  LatticeWeights weights = random_weights(1, 2, 2, 2);
  double all = 0;
  for (const double w : weights[0]) all += w;
  int64_t counted = 0;
  constexpr int kDraws = 20000;
  Random random(5);
  for (int i = 0; i < kDraws; ++i) {
    const LatticePath path = drawn_path(weights, 2, 2, random);
    counted += path.states[0] == 1 && path.states[1] == 0 && path.operators[0] == 1 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(counted) / kDraws, weights[0][5] / all, 0.015);
}

TEST(Hypercuboid, HasThePublishedSizeAndLogits) {
  const auto space = make_space("hypercuboid", space_context({3, 32, 32}, 10),
                                "{channels: [32, 64, 128, 256], pairs: 4, features: 768}");
  EXPECT_EQ(space->trace().count(), Count("67108864"));  // 4^9 2^8
  const Supernet whole = build_supernet(*space, {});
  size_t logits = 0;
  for (const OpenDecision& decision : whole.open) {
    EXPECT_EQ(decision.labels.size(), 32U);
    logits += decision.labels.size();
  }
  EXPECT_EQ(logits, 256U);
}

// With weight 1 on the edges of a path and 0 elsewhere the whole computes what the path does, but for what states that are not
// reached add in the end; there all features are those of zeros.
TEST(Hypercuboid, OneHotEdgesAreThePath) {
  const at::NoGradGuard no_grad;
  const auto space = make_space("hypercuboid", test::quadrant_context(), "{channels: [4, 8], pairs: 2, features: 8}");
  const Supernet whole = build_supernet(*space, {});
  SharedStore store(whole.graph, {}, 3, test::exact_numerics());
  const at::Tensor images = test::random_images(4, at::kDouble);
  Random random(6);
  for (int i = 0; i < 10; ++i) {
    const Decisions decisions = space->trace().sample(random);
    const Graph path = build_supernet(*space, {}, &decisions).graph;
    const at::Tensor alone =
        TorchExecutor(path, test::exact_numerics()).run(std::vector<at::Tensor>{images}, store, {})[0];
    std::map<std::string, at::Tensor, std::less<>> mixture;
    int64_t from = *decisions.find("grid/start");
    for (const OpenDecision& decision : whole.open) {
      const std::string step = decision.key.substr(0, decision.key.rfind('/'));
      const int64_t to = *decisions.find(step + "/state"), op = *decisions.find(step + "/op");
      at::Tensor weights = at::zeros({static_cast<int64_t>(decision.labels.size())}, at::TensorOptions(at::kDouble));
      weights[(from * 2 + to) * 2 + op] = 1;
      mixture[decision.key] = weights;
      from = to;
    }
    store.set_mixture(mixture);
    // Without training a normalized zero is zero, so that the other state leaves nothing.
    const at::Tensor mixed =
        TorchExecutor(whole.graph, test::exact_numerics()).run(std::vector<at::Tensor>{images}, store, {})[0];
    EXPECT_LT(test::largest_difference(alone, mixed), 1e-9) << space->trace().text(decisions);
  }
}

}  // namespace
}  // namespace nacre
