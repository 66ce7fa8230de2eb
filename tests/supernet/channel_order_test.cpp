// Sorting channels changes nothing of the largest network, and puts the most important ones first.
#include "nacre/supernet/channel_order.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/ir/reference_executor.hpp"
#include "nacre/nn/parameter_store.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

Graph largest_digits_network() {
  const auto space = make_space("ofa", space_context({1, 8, 8}, 10));
  Decisions largest;
  for (const TraceDecision& decision : space->trace().decisions())
    largest.set(decision.key, static_cast<int64_t>(decision.alternatives.size()) - 1);
  Graph graph = space->build(largest).graph();
  materialize_parameters(graph, 7);
  // Statistics and scales that differ from channel to channel, so that a forgotten one shows.
  Random random(3);
  Weights weights = weights_of(graph);
  for (auto& [name, tensor] : weights.tensors) {
    if (name.find("bn/") == std::string::npos) continue;
    for (float& value : tensor.mutable_values<float>()) value = static_cast<float>(random.uniform(0.5, 1.5));
  }
  apply_weights(graph, weights);
  return graph;
}

at::Tensor output_of(const Graph& graph, const at::Tensor& x) {
  PlainStore store(graph, 0, test::exact_numerics());
  const std::vector<at::Tensor> inputs = {x};
  return TorchExecutor(graph, test::exact_numerics()).run(inputs, store, {})[0];
}

TEST(ChannelOrder, KeepsTheFunctionOfTheLargestNetwork) {
  const Graph before = largest_digits_network();
  Graph after = before;
  Weights all = weights_of(before);
  int64_t changed = 0;
  for (auto& [name, tensor] : sorted_channels(before).tensors) {
    for (auto& [known, value] : all.tensors) {
      if (known != name) continue;
      const auto a = value.values<float>(), b = tensor.values<float>();
      changed += !std::equal(a.begin(), a.end(), b.begin(), b.end());
      value = tensor;
    }
  }
  EXPECT_GT(changed, 20);
  apply_weights(after, all);
  at::manual_seed(1);
  const at::Tensor x = at::randn({4, 1, 8, 8}, at::TensorOptions(at::kDouble));
  EXPECT_LT(test::largest_difference(output_of(before, x), output_of(after, x)), 1e-5);
}

TEST(ChannelOrder, TheMostImportantChannelsComeFirst) {
  const Graph graph = largest_digits_network();
  const Weights sorted = sorted_channels(graph);
  int64_t checked = 0;
  for (const auto& [name, tensor] : sorted.tensors) {
    if (!name.ends_with("project/conv/weight")) continue;
    // Squeeze-and-excite reads the middle channels, too: there the projection alone does not decide.
    // The channels of the fixed first block are those of the stem, which others read, too.
    const std::string block = name.substr(0, name.find("project"));
    if (block == "first/") continue;
    if (sorted.find(block + "squeeze_excite/reduce/weight") != nullptr) continue;
    const int64_t out = tensor.extents()[0], in = tensor.extents()[1];
    double last = INFINITY;
    for (int64_t c = 0; c < in; ++c) {
      double sum = 0;
      for (int64_t o = 0; o < out; ++o) sum += std::abs(tensor.number_at(o * in + c));
      EXPECT_LE(sum, last + 1e-5) << name << " " << c;
      last = sum;
    }
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace nacre
