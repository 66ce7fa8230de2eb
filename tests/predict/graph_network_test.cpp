// Graph networks: gradients, invariance, what they can tell apart.
#include "nacre/predict/graph_network.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "nacre/ir/graph_builder.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre {
namespace {

using Eigen::Index;
using Eigen::VectorXd;

// A random acyclic graph of operators: kinds a, b, c with sizes by kind.
OperatorGraph random_graph(int64_t vertices, Random& random) {
  OperatorGraph graph;
  for (int64_t v = 0; v < vertices; ++v) {
    OperatorGraph::Vertex& vertex = graph.vertices.emplace_back();
    const auto kind = random.below(3);
    vertex.operators[std::string(1, static_cast<char>('a' + kind))] = 1;
    vertex.sizes[0] = static_cast<double>(kind);
    vertex.sizes[3] = random.bernoulli(0.5) ? 1 : 2;
    for (int64_t u = 0; u < v; ++u) {
      if (!random.bernoulli(2.0 / static_cast<double>(vertices))) continue;
      graph.vertices[static_cast<size_t>(v)].inputs.push_back(static_cast<int32_t>(u));
      graph.vertices[static_cast<size_t>(u)].outputs.push_back(static_cast<int32_t>(v));
    }
  }
  return graph;
}

OperatorGraph renumbered(const OperatorGraph& graph, Random& random) {
  const std::vector<int64_t> order = random.permutation(static_cast<int64_t>(graph.vertices.size()));
  OperatorGraph result;
  result.vertices.resize(order.size());
  for (size_t v = 0; v < order.size(); ++v) {
    OperatorGraph::Vertex vertex = graph.vertices[v];
    for (auto* list : {&vertex.inputs, &vertex.outputs}) {
      for (int32_t& neighbor : *list) neighbor = static_cast<int32_t>(order[static_cast<size_t>(neighbor)]);
      random.shuffle(std::span(*list));
    }
    result.vertices[static_cast<size_t>(order[v])] = std::move(vertex);
  }
  return result;
}

ColoredGraphs colored(const std::vector<OperatorGraph>& graphs, int64_t levels) {
  ColoredGraphs result({"a", "b", "c"}, levels);
  for (const OperatorGraph& graph : graphs) result.add(graph);
  return result;
}

class GraphNetworkKinds : public testing::TestWithParam<GraphNetworkSettings::Kind> {};

TEST_P(GraphNetworkKinds, GradientsEqualFiniteDifferences) {
  Random random(1);
  std::vector<OperatorGraph> graphs;
  for (int i = 0; i < 5; ++i) graphs.push_back(random_graph(7, random));
  const ColoredGraphs data = colored(graphs, 3);
  GraphNetwork network({.kind = GetParam(), .width = 3, .levels = 3, .hidden = 4}, data, random);
  const std::vector<int64_t> some = {0, 3, 1, 4};
  const VectorXd values = VectorXd::LinSpaced(4, -1, 2);
  VectorXd gradient;
  network.loss(data, some, values, &gradient);
  constexpr double kStep = 1e-6;
  for (Index i = 0; i < gradient.size(); ++i) {
    double& at = network.parameters()[i];
    const double kept = at;
    at = kept + kStep;
    const double above = network.loss(data, some, values, nullptr);
    at = kept - kStep;
    const double below = network.loss(data, some, values, nullptr);
    at = kept;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-6 * (1 + std::abs(gradient[i]))) << i;
  }
}

TEST_P(GraphNetworkKinds, AnswersDoNotDependOnTheOrderOfVertices) {
  Random random(2);
  std::vector<OperatorGraph> graphs, others;
  for (int i = 0; i < 20; ++i) graphs.push_back(random_graph(12, random));
  for (const OperatorGraph& graph : graphs) others.push_back(renumbered(graph, random));
  std::reverse(others.begin(), others.end());
  const ColoredGraphs data = colored(graphs, 4), moved = colored(others, 4);
  const GraphNetwork network({.kind = GetParam(), .levels = 4}, data, random);
  std::vector<int64_t> all, back;
  for (int64_t i = 0; i < 20; ++i) all.push_back(i), back.push_back(19 - i);
  const VectorXd answers = network.predict(data, all), same = network.predict(moved, back);
  EXPECT_TRUE(answers.isApprox(same, 1e-10));
  EXPECT_GT((answers.array() - answers.mean()).abs().maxCoeff(), 1e-3);  // and they differ between graphs
}

// Colors are no approximation: the same as passing messages between vertices one by one.
TEST_P(GraphNetworkKinds, ColorsEqualMessagesVertexByVertex) {
  Random random(3);
  const std::vector<OperatorGraph> graphs = {random_graph(9, random), random_graph(9, random)};
  const ColoredGraphs data = colored(graphs, 2);
  const GraphNetworkSettings settings{.kind = GetParam(), .width = 4, .levels = 2, .hidden = 3};
  GraphNetwork network(settings, data, random);
  // Every vertex a color of its own: a feature that differs, whose weights are zero.
  std::vector<OperatorGraph> marked = graphs;
  for (OperatorGraph& graph : marked) {
    double mark = 0;
    for (OperatorGraph::Vertex& vertex : graph.vertices) vertex.sizes[7] = (mark += 0.25);
  }
  const ColoredGraphs apart = colored(marked, 2);
  ASSERT_GT(apart.colors(2).size(), data.colors(2).size() - 1);
  const DenseStack::Layer& first = network.stacks()[0]->layers()[0];
  const Index width = data.width(), mark = 3 + 1 + 7;
  Eigen::Map<Eigen::MatrixXd> weights(network.parameters().data() + first.weights, first.inputs, first.outputs);
  for (Index row = mark; row < first.inputs; row += width) weights.row(row).setZero();
  const std::vector<int64_t> both = {0, 1};
  EXPECT_TRUE(network.predict(data, both).isApprox(network.predict(apart, both), 1e-12));
}

std::string kind_name(const testing::TestParamInfo<GraphNetworkSettings::Kind>& info) {
  return info.param == GraphNetworkSettings::Kind::gin ? "gin" : "gcn";
}
INSTANTIATE_TEST_SUITE_P(All, GraphNetworkKinds,
                         testing::Values(GraphNetworkSettings::Kind::gin, GraphNetworkSettings::Kind::gcn), kind_name);

TEST(OperatorGraph, ElementwiseOperatorsBelongToTheirNeighbor) {
  Graph graph;
  const Dim batch = graph.symbol("batch");
  const ValueId x = graph.add_input("x", ElementType::float32, {batch, 3, 8, 8});
  const ValueId w = graph.add_parameter("w", ElementType::float32, {4, 3, 3, 3}, {});
  const auto result = [&](NodeId node, Shape shape) {
    const ValueId value = graph.node(node).outputs[0];
    graph.value(value).shape = shape;
    return value;
  };
  const Shape plane = {batch, 4, 8, 8};
  const ValueId conv =
      result(graph.add_node("Conv", {x, w}, 1,
                            {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}}),
             plane);
  const ValueId relu = result(graph.add_node("Relu", {conv}), plane);
  const ValueId left = result(graph.add_node("Sigmoid", {relu}), plane);  // relu has two readers
  const ValueId sum = result(graph.add_node("Add", {relu, left}), plane);
  graph.add_output(sum, "y");
  const OperatorGraph found = operator_graph(graph);
  ASSERT_EQ(found.vertices.size(), 4U);  // input; conv with relu; sigmoid; sum
  EXPECT_EQ(found.vertices[1].operators, (std::map<std::string, int64_t>{{"Conv", 1}, {"Relu", 1}}));
  EXPECT_EQ(found.vertices[3].inputs, (std::vector<int32_t>{1, 2}));
  EXPECT_NEAR(std::expm1(found.vertices[1].sizes[0]), 108, 1e-9);       // parameters
  EXPECT_NEAR(std::expm1(found.vertices[1].sizes[1]), 108 * 64, 1e-6);  // multiply-accumulates
  EXPECT_NEAR(std::expm1(found.vertices[1].sizes[2]), 256, 1e-9);
  EXPECT_NEAR(std::expm1(found.vertices[1].sizes[5]), 9, 1e-9);
  EXPECT_EQ(found.vertices[3].sizes[8], 1);
}

// Chains of convolutions of different depth and width: learned from 60, told for others.
TEST(GraphPredictors, LearnWhatTheGraphSaysAndKeepTheContract) {
  const auto chain = [](int64_t depth, int64_t width, bool skip) {
    auto graph = std::make_shared<Graph>();
    const Dim batch = graph->symbol("batch");
    ValueId value = graph->add_input("x", ElementType::float32, {batch, width, 8, 8});
    for (int64_t i = 0; i < depth; ++i) {
      const ValueId weights = graph->add_parameter("", ElementType::float32, {width, width, 3, 3}, {});
      const NodeId conv = graph->add_node("Conv", {value, weights}, 1, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
      const ValueId made = graph->node(conv).outputs[0];
      graph->value(made).shape = Shape{batch, width, 8, 8};
      if (skip) {
        const NodeId add = graph->add_node("Add", {made, value});
        value = graph->node(add).outputs[0];
        graph->value(value).shape = Shape{batch, width, 8, 8};
      } else {
        value = made;
      }
    }
    graph->add_output(value, "y");
    return std::shared_ptr<const Graph>(std::move(graph));
  };
  Examples known, fresh;
  std::vector<double> values, truth;
  Random random(4);
  for (int i = 0; i < 90; ++i) {
    const int64_t depth = 1 + static_cast<int64_t>(random.below(6)),
                  width = 4 + 4 * static_cast<int64_t>(random.below(5));
    const bool skip = random.bernoulli(0.5);
    const double value =
        0.5 + 0.05 * std::log(static_cast<double>(width)) * static_cast<double>(depth) * (skip ? 1 : -0.5);
    (i < 60 ? known : fresh).graphs.push_back(chain(depth, width, skip));
    (i < 60 ? values : truth).push_back(value);
  }
  for (const char* name : {"gin", "gcn"}) {
    const auto predictor = make_predictor(name, {{"width", 8}, {"levels", 2}, {"steps", 300}});
    ASSERT_TRUE(predictor->reads_graphs());
    EXPECT_THROW(predictor->predict(fresh), InternalError);
    Random first(1), second(1);
    predictor->fit(known, values, first);
    const std::vector<Prediction> answers = predictor->predict(fresh);
    double error = 0, variance = 0;
    for (size_t i = 0; i < truth.size(); ++i) {
      error += std::pow(answers[i].mean - truth[i], 2);
      variance += std::pow(0.5 - truth[i], 2);
    }
    EXPECT_LT(error, 0.1 * variance) << name;
    const auto again = make_predictor(name, {{"width", 8}, {"levels", 2}, {"steps", 300}});
    again->fit(known, values, second);
    EXPECT_EQ(again->predict(fresh)[3].mean, answers[3].mean);
    EXPECT_NEAR(again->predict(fresh.pick(std::vector<size_t>{3}))[0].mean, answers[3].mean, 1e-9);
    predictor->fit(known, std::vector<double>(60, 0.25), first);
    EXPECT_NEAR(predictor->predict(fresh)[0].mean, 0.25, 1e-12);
  }
}

}  // namespace
}  // namespace nacre
