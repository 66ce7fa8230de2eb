// Whole graphs on the reference executor: parameters, control flow, messages.
#include "nacre/ir/reference_executor.hpp"
#include "nacre/base/random.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {
namespace {

std::string message_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

Graph small_network() {
  GraphBuilder builder("small");
  ValueId x = builder.input("image", ElementType::float32, {2, 3, 8, 8});
  x = builder.convolution_norm_activation("stem", x, 8, {.kernel = 3, .stride = 2}, Activation::hard_swish);
  x = builder.squeeze_excite("se", x, 4);
  x = builder.channel_shuffle(x, 2);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 5), "logits");
  return builder.take();
}

Tensor image() {
  Tensor tensor(ElementType::float32, {2, 3, 8, 8});
  Random random(1);
  for (float& value : tensor.mutable_values<float>()) value = static_cast<float>(random.normal());
  return tensor;
}

TEST(ReferenceExecutor, SameSeedSameWeightsSameOutputs) {
  Graph graph = small_network();
  const Tensor drawn = run_reference(graph, {{"image", image()}}, GraphParameters(3)).at("logits");
  EXPECT_EQ(drawn.extents(), (std::vector<int64_t>{2, 5}));
  EXPECT_FALSE(drawn == run_reference(graph, {{"image", image()}}, GraphParameters(4)).at("logits"));
  materialize_parameters(graph, 3);
  for (const Initializer& initializer : graph.initializers()) EXPECT_NE(initializer.data, nullptr);
  EXPECT_TRUE(drawn == run_reference(graph, {{"image", image()}}).at("logits"));
}

// A parameter's numbers depend on its name, not on its neighbours.
TEST(ReferenceExecutor, AParameterKeepsItsNumbersWhenOthersCome) {
  const auto head_of = [](bool longer) {
    GraphBuilder builder;
    ValueId x = builder.input("x", ElementType::float32, {1, 4});
    if (longer) x = builder.linear("extra", x, 4);
    builder.output(builder.linear("head", x, 3), "y");
    Graph graph = builder.take();
    materialize_parameters(graph, 1);
    for (const Initializer& initializer : graph.initializers()) {
      if (graph.value(initializer.value).name == "head/weight") return *initializer.data;
    }
    return Tensor();
  };
  EXPECT_TRUE(head_of(false) == head_of(true));
}

TEST(ReferenceExecutor, DrawsHaveTheirDeviation) {
  const std::vector<int64_t> extents = {64, 32, 3, 3};
  const auto deviation = [&](Distribution::Kind kind, double a) {
    const Tensor tensor = draw_tensor({kind, a}, extents, 5);
    double sum = 0;
    double squares = 0;
    for (const float value : tensor.values<float>()) {
      sum += value;
      squares += static_cast<double>(value) * value;
    }
    const auto count = static_cast<double>(tensor.elements());
    EXPECT_NEAR(sum / count, 0, 0.02);
    return std::sqrt(squares / count);
  };
  using Kind = Distribution::Kind;
  EXPECT_NEAR(deviation(Kind::normal, 0.5), 0.5, 0.01);
  EXPECT_NEAR(deviation(Kind::uniform, 0.5), 0.5 / std::sqrt(3.0), 0.01);
  EXPECT_NEAR(deviation(Kind::kaiming_normal_fan_out, std::sqrt(2.0)), std::sqrt(2.0 / (64 * 9)), 0.001);
  EXPECT_NEAR(deviation(Kind::kaiming_normal_fan_in, std::sqrt(2.0)), std::sqrt(2.0 / (32 * 9)), 0.001);
  EXPECT_NEAR(deviation(Kind::xavier_uniform, 1), std::sqrt(2.0 / (9 * (64 + 32))), 0.001);
  EXPECT_NEAR(deviation(Kind::truncated_normal, 1), 0.8796, 0.01);  // of a normal cut at two deviations
  EXPECT_EQ(draw_tensor({Kind::constant, 2.5}, extents, 1).number_at(7), 2.5);
}

TEST(ReferenceExecutor, SaysWhatIsWrongWithInputs) {
  const Graph graph = small_network();
  EXPECT_EQ(message_of([&] { run_reference(graph, {}); }), "input 'image' is missing");
  EXPECT_EQ(message_of([&] {
              run_reference(graph, {{"image", Tensor(ElementType::float32, {2, 3, 8})}});
            }),
            "input 'image' is [2,3,8], expected [2,3,8,8]");
  EXPECT_EQ(message_of([&] {
              run_reference(graph, {{"image", Tensor(ElementType::float64, {2, 3, 8, 8})}});
            }),
            "input 'image' is float64, expected float32");
}

TEST(ReferenceExecutor, RefusesByName) {
  Graph graph;
  const ValueId x = graph.add_input("x", ElementType::float32, {1});
  const NodeId node = graph.add_node("FancyNorm", {x}, 1, {}, "com.example");
  graph.add_output(graph.node(node).outputs[0], "y");
  EXPECT_EQ(message_of([&] {
              run_reference(graph, {{"x", Tensor::of<float>({1}, {1})}});
            }),
            "node 'FancyNorm_0' (com.example.FancyNorm): the reference executor has no kernel for operator "
            "'com.example.FancyNorm'");
  Graph without;
  const ValueId w = without.add_parameter("w", ElementType::float32, {1}, {});
  without.add_output(without.node(without.add_node("Relu", {w})).outputs[0], "y");
  EXPECT_EQ(message_of([&] { run_reference(without, {}); }),
            "node 'Relu_0' (Relu): parameter 'w' has neither data nor a distribution to draw it from");
}

// --- control flow -------------------------------------------------------------------------------------------------

Graph branch(const char* op) {
  Graph body;
  const ValueId x = body.add_input("captured", ElementType::float32, {2});
  const NodeId node = body.add_node(op, {x});
  body.add_output(body.node(node).outputs[0], "out");
  return body;
}

TEST(ReferenceExecutor, RunsTheBranchTaken) {
  Graph graph;
  const ValueId condition = graph.add_input("condition", ElementType::boolean, {});
  const ValueId x = graph.add_input("x", ElementType::float32, {2});
  const NodeId node = graph.add_node("If", {condition});
  graph.node(node).bodies.push_back(
      {.name = "then_branch", .graph = std::make_shared<Graph>(branch("Neg")), .captures = {x}});
  graph.node(node).bodies.push_back(
      {.name = "else_branch", .graph = std::make_shared<Graph>(branch("Abs")), .captures = {x}});
  graph.add_output(graph.node(node).outputs[0], "y");
  infer_shapes(graph);
  const Tensor data = Tensor::of<float>({2}, {-1, 2});
  EXPECT_EQ(run_reference(graph, {{"condition", Tensor::scalar<bool>(true)}, {"x", data}}).at("y").numbers(),
            (std::vector<double>{1, -2}));
  EXPECT_EQ(run_reference(graph, {{"condition", Tensor::scalar<bool>(false)}, {"x", data}}).at("y").numbers(),
            (std::vector<double>{1, 2}));
}

// state = 2 state + step until it passes the limit; every state is kept.
TEST(ReferenceExecutor, LoopsByCountAndCondition) {
  Graph body;
  const ValueId iteration = body.add_input("iteration", ElementType::int64, {});
  body.add_input("going", ElementType::boolean, {});
  const ValueId state = body.add_input("state", ElementType::int64, {});
  const ValueId limit = body.add_input("limit", ElementType::int64, {});  // captured
  const auto add = [&](const char* op, std::vector<ValueId> inputs) {
    return body.node(body.add_node(op, std::move(inputs))).outputs[0];
  };
  const ValueId next = add("Add", {add("Add", {state, state}), iteration});
  body.add_output(add("Less", {next, limit}), "");
  body.add_output(next, "");
  body.add_output(next, "");
  Graph graph;
  const ValueId trips = graph.add_input("trips", ElementType::int64, {});
  const ValueId start = graph.add_input("start", ElementType::int64, {});
  const ValueId bound = graph.add_input("bound", ElementType::int64, {});
  const NodeId loop = graph.add_node("Loop", {trips, kNone, start}, 2);
  graph.node(loop).bodies.push_back({.name = "body", .graph = std::make_shared<Graph>(body), .captures = {bound}});
  graph.add_output(graph.node(loop).outputs[0], "last");
  graph.add_output(graph.node(loop).outputs[1], "all");
  infer_shapes(graph);
  const auto run = [&](int64_t count, int64_t most) {
    return run_reference(
        graph,
        {{"trips", Tensor::scalar(count)}, {"start", Tensor::scalar<int64_t>(1)}, {"bound", Tensor::scalar(most)}});
  };
  EXPECT_EQ(run(4, 1000).at("all").integers(), (std::vector<int64_t>{2, 5, 12, 27}));
  EXPECT_EQ(run(4, 1000).at("last").integers(), (std::vector<int64_t>{27}));
  EXPECT_EQ(run(100, 10).at("all").integers(), (std::vector<int64_t>{2, 5, 12}));
  EXPECT_EQ(run(0, 10).at("last").integers(), (std::vector<int64_t>{1}));
  EXPECT_EQ(run(0, 10).at("all").extents(), (std::vector<int64_t>{0}));
}

TEST(ReferenceExecutor, PassesParametersIntoBodies) {
  class Tens : public ParameterSource {
   public:
    Tensor view(const Graph& graph, ValueId key) const override {
      Tensor tensor(ElementType::float32, graph.value(key).shape->extents());
      for (float& value : tensor.mutable_values<float>()) value = 10;
      return tensor;
    }
  };
  Graph body;
  const ValueId x = body.add_input("captured", ElementType::float32, {2});
  const ValueId w = body.add_parameter("w", ElementType::float32, {2}, {});
  body.add_output(body.node(body.add_node("Add", {x, w})).outputs[0], "");
  Graph graph;
  const ValueId condition = graph.add_input("condition", ElementType::boolean, {});
  const ValueId input = graph.add_input("x", ElementType::float32, {2});
  const NodeId node = graph.add_node("If", {condition});
  for (const char* name : {"then_branch", "else_branch"}) {
    graph.node(node).bodies.push_back({.name = name, .graph = std::make_shared<Graph>(body), .captures = {input}});
  }
  graph.add_output(graph.node(node).outputs[0], "y");
  infer_shapes(graph);
  const NamedTensors inputs = {{"condition", Tensor::scalar<bool>(true)}, {"x", Tensor::of<float>({2}, {1, 2})}};
  EXPECT_EQ(run_reference(graph, inputs, Tens()).at("y").numbers(), (std::vector<double>{11, 12}));
}

// Attention written with GraphBuilder equals softmax(Q K^T / sqrt(d)) V written as loops.
TEST(ReferenceExecutor, SelfAttentionEqualsItsFormula) {
  constexpr int64_t kTokens = 4;
  constexpr int64_t kFeatures = 6;
  constexpr int64_t kHeads = 2;
  constexpr int64_t kWidth = kFeatures / kHeads;
  GraphBuilder builder;
  const ValueId x = builder.input("x", ElementType::float32, {1, kTokens, kFeatures});
  builder.output(builder.self_attention("attention", x, kHeads), "y");
  Graph graph = builder.take();
  materialize_parameters(graph, 2);
  Tensor input(ElementType::float32, {1, kTokens, kFeatures});
  Random random(3);
  for (float& value : input.mutable_values<float>()) value = static_cast<float>(random.normal());
  const auto parameter = [&](const std::string& name) {
    for (const Initializer& initializer : graph.initializers()) {
      if (graph.value(initializer.value).name == name) return initializer.data->numbers();
    }
    throw InternalError("no parameter " + name);
  };
  using Matrix = std::vector<double>;  // [tokens, features]
  const auto project = [&](const std::string& part, const Matrix& rows) {
    const Matrix w = parameter("attention/" + part + "/weight");
    const Matrix b = parameter("attention/" + part + "/bias");
    Matrix result;
    for (int64_t t = 0; t < kTokens; ++t) {
      for (int64_t f = 0; f < kFeatures; ++f) {
        double sum = b[static_cast<size_t>(f)];
        for (int64_t k = 0; k < kFeatures; ++k)
          sum += rows[static_cast<size_t>(t * kFeatures + k)] * w[static_cast<size_t>(k * kFeatures + f)];
        result.push_back(sum);
      }
    }
    return result;
  };
  const Matrix q = project("query", input.numbers());
  const Matrix k = project("key", input.numbers());
  const Matrix v = project("value", input.numbers());
  Matrix mixed(kTokens * kFeatures, 0.0);
  for (int64_t h = 0; h < kHeads; ++h) {
    const auto at = [&](int64_t token, int64_t i) { return static_cast<size_t>(token * kFeatures + h * kWidth + i); };
    for (int64_t t = 0; t < kTokens; ++t) {
      Matrix weights;
      double total = 0;
      for (int64_t s = 0; s < kTokens; ++s) {
        double score = 0;
        for (int64_t i = 0; i < kWidth; ++i) score += q[at(t, i)] * k[at(s, i)];
        weights.push_back(std::exp(score / std::sqrt(static_cast<double>(kWidth))));
        total += weights.back();
      }
      for (int64_t s = 0; s < kTokens; ++s) {
        for (int64_t i = 0; i < kWidth; ++i) mixed[at(t, i)] += weights[static_cast<size_t>(s)] / total * v[at(s, i)];
      }
    }
  }
  const Matrix expected = project("out", mixed);
  const Tensor actual = run_reference(graph, {{"x", input}}).at("y");
  for (int64_t i = 0; i < actual.elements(); ++i)
    EXPECT_NEAR(actual.number_at(i), expected[static_cast<size_t>(i)], 1e-5);
}

}  // namespace
}  // namespace nacre
