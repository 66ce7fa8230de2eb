// Counting graphs: parameters, MACs, bytes and the peak of activations, against sums made by hand.
#include "nacre/ir/statistics.hpp"

#include <gtest/gtest.h>

#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

TEST(Statistics, CountsMacsAndParametersPerNode) {
  GraphBuilder builder;
  ValueId x = builder.input("x", ElementType::float32, {2, 4, 10, 10});
  x = builder.convolution("conv", x, 6, {.kernel = 3, .stride = 2, .groups = 2, .bias = true});  // 5x5
  x = builder.linear("head", builder.flatten(builder.activation(x, Activation::relu)), 7);
  builder.output(x, "y");
  const GraphStatistics statistics = count_graph(builder.graph());
  const int64_t conv_macs = 2 * 6 * 5 * 5 * (4 / 2) * 3 * 3;
  const int64_t head_macs = 2 * 7 * 150;
  EXPECT_EQ(statistics.macs, conv_macs + head_macs);
  EXPECT_EQ(statistics.parameters, 6 * 2 * 9 + 6 + 150 * 7 + 7);
  EXPECT_EQ(statistics.weight_bytes, 4 * statistics.parameters);
  ASSERT_EQ(statistics.nodes.size(), 4U);
  EXPECT_EQ(statistics.nodes[0].macs, conv_macs);
  EXPECT_EQ(statistics.nodes[0].flops, 2 * conv_macs + 2 * 6 * 25);  // the bias is an addition per element
  EXPECT_EQ(statistics.nodes[0].parameters, 6 * 2 * 9 + 6);
  EXPECT_EQ(statistics.nodes[0].input_bytes, 4 * 2 * 4 * 100);
  EXPECT_EQ(statistics.nodes[0].output_bytes, 4 * 2 * 6 * 25);
  EXPECT_EQ(statistics.nodes[1].macs, 0);
  EXPECT_EQ(statistics.nodes[1].flops, 2 * 6 * 25);
  EXPECT_EQ(statistics.nodes[2].flops, 0);
}

TEST(Statistics, RunningStatisticsAreBytesButNotParameters) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", ElementType::float32, {1, 8, 2, 2});
  builder.output(builder.batch_norm("bn", x), "y");
  const GraphStatistics statistics = count_graph(builder.graph());
  EXPECT_EQ(statistics.parameters, 16);
  EXPECT_EQ(statistics.weight_bytes, 4 * 32);
  EXPECT_EQ(statistics.macs, 0);
}

TEST(Statistics, SharedWeightsCountOnce) {
  GraphBuilder builder;
  ValueId x = builder.input("x", ElementType::float32, {1, 8});
  const ValueId w = builder.parameter("w", {8, 8}, {});
  x = builder.node("MatMul", {builder.node("MatMul", {x, w}), w});
  builder.output(x, "y");
  const GraphStatistics statistics = count_graph(builder.graph());
  EXPECT_EQ(statistics.parameters, 64);
  EXPECT_EQ(statistics.macs, 128);
  EXPECT_EQ(statistics.nodes[0].parameters, 64);
  EXPECT_EQ(statistics.nodes[1].parameters, 0);
}

// x -> a -> b -> sum <- x: while b is made, x, a and b are alive.
TEST(Statistics, PeakOfADiamond) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", ElementType::float32, {1, 4, 8, 8});  // 1024 bytes
  const ValueId wide = builder.convolution("a", x, 12, {.kernel = 1});       // 3072
  const ValueId narrow = builder.convolution("b", wide, 4, {.kernel = 1});   // 1024
  builder.output(builder.add(x, narrow), "y");                               // 1024
  const GraphStatistics statistics = count_graph(builder.graph());
  EXPECT_EQ(statistics.peak_activation_bytes, 1024 + 3072 + 1024);
  EXPECT_EQ(statistics.peak_node, 1);
}

TEST(Statistics, ChainsHoldTwoAndOutputsStay) {
  GraphBuilder builder;
  ValueId x = builder.input("x", ElementType::float32, {256});
  for (int i = 0; i < 5; ++i) x = builder.activation(x, Activation::relu);
  builder.output(x, "y");
  EXPECT_EQ(count_graph(builder.graph()).peak_activation_bytes, 2 * 1024);

  GraphBuilder fan;
  const ValueId input = fan.input("x", ElementType::float32, {256});
  for (int i = 0; i < 5; ++i) fan.output(fan.activation(input, Activation::relu), "y" + std::to_string(i));
  EXPECT_EQ(count_graph(fan.graph()).peak_activation_bytes, 6 * 1024);
  EXPECT_EQ(count_graph(fan.graph()).peak_node, 4);
}

TEST(Statistics, AValueReadTwiceByANodeIsReleasedOnce) {
  GraphBuilder builder;
  const ValueId x = builder.activation(builder.input("x", ElementType::float32, {256}), Activation::relu);
  const ValueId square = builder.node("Mul", {x, x});
  builder.output(builder.activation(square, Activation::relu), "y");
  EXPECT_EQ(count_graph(builder.graph()).peak_activation_bytes, 2 * 1024);
}

TEST(Statistics, NamesTheDimensionThatIsNotBound) {
  GraphBuilder builder;
  const ValueId x = builder.input("image", ElementType::float32, {builder.graph().symbol("batch"), 3});
  builder.output(builder.activation(x, Activation::relu), "y");
  try {
    count_graph(builder.graph());
    FAIL() << "expected a UserError";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "value 'image' [batch,3] has the dimension 'batch' that is not fixed; bind it to a number first");
  }
}

TEST(Statistics, OpaqueNodesAreNamed) {
  Graph graph;
  const ValueId x = graph.add_input("x", ElementType::float32, {4});
  const NodeId node = graph.add_node("FancyNorm", {x}, 1, {}, "com.example");
  graph.value(graph.node(node).outputs[0]).shape = Shape{4};
  graph.add_output(graph.node(node).outputs[0], "y");
  EXPECT_EQ(count_graph(graph).opaque, (std::vector<std::string>{"FancyNorm"}));
}

Graph matmul_body() {
  GraphBuilder builder;
  builder.input("iteration", ElementType::int64, {});
  const ValueId going = builder.input("going", ElementType::boolean, {});
  const ValueId x = builder.input("x", ElementType::float32, {1, 8});
  builder.output(going, "");
  builder.output(builder.node("MatMul", {x, builder.parameter("w", {8, 8}, {})}), "");
  return builder.take();
}

TEST(Statistics, LoopsCostTheirTripsWhenKnown) {
  for (const bool known : {true, false}) {
    Graph graph;
    const ValueId trips = known ? graph.add_initializer("trips", Tensor::scalar<int64_t>(5))
                                : graph.add_input("trips", ElementType::int64, {});
    const ValueId x = graph.add_input("x", ElementType::float32, {1, 8});
    const NodeId loop = graph.add_node("Loop", {trips, kNone, x});
    graph.node(loop).bodies.push_back(
        {.name = "body", .graph = std::make_shared<Graph>(matmul_body()), .captures = {}});
    graph.add_output(graph.node(loop).outputs[0], "y");
    infer_shapes(graph);
    const GraphStatistics statistics = count_graph(graph);
    EXPECT_EQ(statistics.parameters, 64);
    EXPECT_EQ(statistics.macs, known ? 5 * 64 : 0);
    EXPECT_EQ(statistics.opaque.empty(), known);
  }
}

TEST(Statistics, PackedTypesCountTheirBits) {
  Graph graph;
  const ValueId w = graph.add_initializer("w", Tensor(ElementType::int4, {3, 5}));
  graph.add_output(graph.node(graph.add_node("Identity", {w})).outputs[0], "y");
  infer_shapes(graph);
  EXPECT_EQ(count_graph(graph).weight_bytes, 8);
}

}  // namespace
}  // namespace nacre
