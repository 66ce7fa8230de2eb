// If, Loop and Scan, and whole networks of the kinds users bring, by the torch executor: equal to the reference executor, with
// gradients where they are trained.
#include "nacre/nn/control_flow.hpp"

#include <gtest/gtest.h>

#include "executor_check.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "tests/ir/model_cases.hpp"

namespace nacre {
namespace {

TEST(ControlFlow, BranchAndLoopEqualTheReference) {
  const Graph graph = testing::branch_and_loop(2);
  Random random(3);
  for (int i = 0; i < 6; ++i) {  // both branches come up
    const NamedTensors inputs = {{"x", testing::random_tensor(random, {2, 6})},
                                 {"count", Tensor::scalar<int64_t>(i % 4)}};
    test::expect_equal_to_reference(graph, inputs);
  }
}

TEST(ControlFlow, ScanEqualsTheReference) {
  Random random(4);
  for (int form = 0; form < 16; ++form) {
    const testing::ScanForm f{.in_axis = form & 1,
                              .out_axis = (form >> 1) & 1,
                              .in_backwards = (form & 4) != 0,
                              .out_backwards = (form & 8) != 0};
    const Graph graph = testing::scan_network(f, 9);
    test::expect_equal_to_reference(graph, test::random_inputs(graph, static_cast<uint64_t>(form)));
  }
}

// d(sum of squares)/d(weight captured by the loop's body), by autograd and by central differences.
TEST(ControlFlow, GradientsReachWhatBodiesCapture) {
  const Numerics numerics = test::numerics_under_test(Arithmetic::fp64);
  for (const bool scan : {false, true}) {
    const Graph graph = scan ? testing::scan_network({}, 9) : testing::branch_and_loop(2);
    Random random(5);
    NamedTensors inputs;
    if (scan) {
      inputs = test::random_inputs(graph, 6);
    } else {
      inputs = {{"x", testing::random_tensor(random, {2, 6})}, {"count", Tensor::scalar<int64_t>(3)}};
    }
    PlainStore store(graph, 1, numerics);
    const auto objective = [&] {
      at::Tensor sum;
      for (const at::Tensor& y : test::run_torch(graph, inputs, store, numerics))
        sum = sum.defined() ? sum + at::sum(y * y) : at::sum(y * y);
      return sum;
    };
    const at::Tensor weight = store.tensors()[0];
    const at::Tensor gradient = torch::autograd::grad({objective()}, {weight})[0];
    const at::NoGradGuard no_grad;
    const double step = 1e-6;
    for (int64_t i = 0; i < weight.numel(); i += 2) {
      const at::Tensor flat = weight.detach().view(-1);
      const double kept = flat[i].item<double>();
      flat[i] = kept + step;
      const double above = objective().item<double>();
      flat[i] = kept - step;
      const double below = objective().item<double>();
      flat[i] = kept;
      const double expected = (above - below) / (2 * step);
      EXPECT_NEAR(gradient.reshape(-1)[i].item<double>(), expected, 1e-5 * std::max(1.0, std::abs(expected)));
    }
  }
}

TEST(ControlFlow, NamesWhatABodyCannotRun) {
  Graph graph;
  const ValueId condition = graph.add_input("c", ElementType::boolean, {});
  const ValueId x = graph.add_input("x", ElementType::float32, {2});
  const NodeId node = graph.add_node("If", {condition});
  for (const char* name : {"then_branch", "else_branch"}) {
    Graph body;
    const ValueId in = body.add_input("in", ElementType::float32, {2});
    body.add_output(body.node(body.add_node("Mystery", {in}, 1, {}, "far")).outputs[0]);
    graph.node(node).bodies.push_back(
        {.name = name, .graph = std::make_shared<const Graph>(std::move(body)), .captures = {x}});
  }
  graph.add_output(graph.node(node).outputs[0], "y");
  try {
    const TorchExecutor executor(graph, test::numerics_under_test());
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("Mystery"), std::string::npos) << error.what();
  }
}

TEST(ModelsOnTorch, RecurrentQuantizedAndDecoderEqualTheReference) {
  Random random(7);
  test::expect_equal_to_reference(
      testing::lstm_classifier(1),
      {{"tokens", Tensor::of<int64_t>({3, 2}, {1, 7, 3, 10, 2, 0})}, {"lengths", Tensor::of<int32_t>({2}, {3, 2})}});
  const Graph quantized = testing::quantized_network(4);
  // A sum on the border of two codes may fall on either side: one step of the last scale is 1/64.
  test::expect_equal_to_reference(quantized, {{"image", testing::random_tensor(random, {2, 3, 8, 8})}},
                                  test::numerics_under_test(), 0.02);
  const Graph decoder = read_onnx_bytes(testing::decoder_file(6), "decoder.onnx");
  test::expect_equal_to_reference(decoder, testing::decoder_inputs({3, 11, 0, 7, 5}, {}));
}

}  // namespace
}  // namespace nacre
