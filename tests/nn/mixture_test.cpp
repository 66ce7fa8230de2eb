// nacre.Mix on libtorch against the reference executor, and its gradients against finite differences.
#include <gtest/gtest.h>

#include "nacre/base/random.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/schema.hpp"
#include "nacre/nn/torch_executor.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre {
namespace {

// Three inputs, weights of five of which some are used.
Graph mixing_graph(const std::vector<int64_t>& positions) {
  Graph graph;
  std::vector<ValueId> inputs;
  const Dim batch = graph.symbol("batch");
  const ValueId weights =
      graph.add_parameter("mix/a", ElementType::float32, {Dim(5)}, {Distribution::Kind::normal, 1.0});
  inputs.push_back(weights);
  for (size_t i = 0; i < positions.size(); ++i)
    inputs.push_back(graph.add_input("x" + std::to_string(i), ElementType::float32, {batch, Dim(3)}));
  const NodeId node = graph.add_node("Mix", inputs, 1, {{"positions", positions}}, "nacre");
  graph.add_output(graph.node(node).outputs[0], "y");
  infer_shapes(graph);
  return graph;
}

Numerics exact() {
  Numerics numerics;
  numerics.arithmetic = Arithmetic::fp64;
  return numerics;
}

TEST(Mixture, EqualsTheReference) {
  const Graph graph = mixing_graph({4, 0, 2});
  Random random(1);
  NamedTensors inputs;
  std::vector<at::Tensor> torch_inputs;
  for (int i = 0; i < 3; ++i) {
    Tensor x(ElementType::float32, {2, 3});
    for (float& value : x.mutable_values<float>()) value = static_cast<float>(random.normal());
    inputs["x" + std::to_string(i)] = x;
    torch_inputs.push_back(copy_to_torch(x));
  }
  GraphParameters parameters(3);
  const Tensor expected = run_reference(graph, inputs, parameters).at("y");
  PlainStore store(graph, 3, {});
  const at::Tensor y = TorchExecutor(graph, {}).run(torch_inputs, store, {})[0].contiguous();
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_NEAR(y.data_ptr<float>()[i], expected.values<float>()[static_cast<size_t>(i)], 1e-6);
}

TEST(Mixture, GradientsAreThoseOfFiniteDifferences) {
  const Graph graph = mixing_graph({3, 1, 3});  // one weight twice
  const TorchExecutor executor(graph, exact());
  PlainStore store(graph, 3, exact());
  at::manual_seed(5);
  std::vector<at::Tensor> inputs;
  for (int i = 0; i < 3; ++i) inputs.push_back(at::randn({2, 3}, at::TensorOptions(at::kDouble)).requires_grad_(true));
  const auto loss = [&] { return at::sum(at::square(executor.run(inputs, store, {})[0])); };
  std::vector<at::Tensor> leaves = inputs;
  leaves.push_back(store.tensors()[0]);
  const auto gradients = torch::autograd::grad({loss()}, leaves);
  for (size_t l = 0; l < leaves.size(); ++l) {
    at::Tensor flat = leaves[l].detach().view({-1});
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const double at = flat[i].item<double>(), h = 1e-6;
      flat[i] = at + h;
      const double up = loss().item<double>();
      flat[i] = at - h;
      const double down = loss().item<double>();
      flat[i] = at;
      EXPECT_NEAR(gradients[l].view({-1})[i].item<double>(), (up - down) / (2 * h), 1e-6) << l << " " << i;
    }
  }
}

TEST(Mixture, PositionsAreChecked) {
  EXPECT_THROW(mixing_graph({5}), UserError);
  EXPECT_THROW(mixing_graph({-1, 0}), UserError);
}

}  // namespace
}  // namespace nacre
