#include "nacre/hw/loopnest/network_workloads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "nacre/base/error.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/ir/text_form.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

int64_t points_of(const NodeWork& work) {
  int64_t sum = 0;
  for (const Workload& product : work.products) sum += product.points();
  return sum;
}

// Elements of the smallest box that holds a tensor's part of the whole space.
int64_t elements_of(const Workload& workload, const WorkloadTensor& tensor) {
  int64_t elements = 1;
  for (const TensorAxis& axis : tensor.axes) {
    int64_t extent = 1;
    for (const ProjectionTerm& term : axis.terms)
      extent += term.coefficient * (workload.dimensions[static_cast<size_t>(term.dimension)].size - 1);
    elements *= extent;
  }
  return elements;
}

const WorkloadTensor& tensor_of(const Workload& workload, TensorRole role) {
  return *std::ranges::find_if(workload.tensors, [&](const WorkloadTensor& tensor) { return tensor.role == role; });
}

// One operator on inputs of the given shapes.
Graph single(const std::string& op, const std::vector<Shape>& data, const std::vector<Shape>& weights,
             const Attributes& attributes = {}) {
  GraphBuilder builder("net");
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < data.size(); ++i)
    inputs.push_back(builder.input("x" + std::to_string(i), ElementType::float32, data[i]));
  for (size_t i = 0; i < weights.size(); ++i)
    inputs.push_back(builder.parameter("w" + std::to_string(i), weights[i], {}));
  builder.output(builder.node(op, inputs, attributes), "y");
  return builder.take();
}

void expect_counts(const Graph& graph, const std::string& what) {
  SCOPED_TRACE(what);
  const NetworkWork work = network_work(graph);
  const GraphStatistics statistics = count_graph(graph);
  ASSERT_EQ(work.nodes.size(), statistics.nodes.size());
  int64_t points = 0;
  for (const NodeWork& node : work.nodes) points += points_of(node);
  EXPECT_EQ(points, statistics.macs);
}

TEST(NetworkWorkloads, PointsAreTheOperatorsMultiplyAccumulates) {
  const std::vector<int64_t> two = {2, 2}, three = {1, 3};
  expect_counts(single("Conv", {{2, 6, 9, 8}}, {{4, 6, 3, 2}}), "plain");
  expect_counts(single("Conv", {{2, 6, 9, 8}}, {{4, 6, 3, 2}}, {{"strides", two}, {"dilations", three}}),
                "strided, dilated");
  expect_counts(single("Conv", {{2, 6, 9, 8}}, {{4, 3, 3, 3}}, {{"group", int64_t{2}}}), "grouped");
  expect_counts(single("Conv", {{2, 6, 9, 8}}, {{6, 1, 3, 3}}, {{"group", int64_t{6}}}), "depthwise");
  expect_counts(single("Conv", {{2, 6, 9, 8}}, {{12, 1, 3, 3}}, {{"group", int64_t{6}}}),
                "depthwise with a multiplier");
  expect_counts(single("Conv", {{2, 6, 9}}, {{4, 6, 3}}), "one axis");
  expect_counts(single("Conv", {{1, 2, 5, 6, 7}}, {{4, 2, 3, 2, 3}}), "three axes");
  expect_counts(single("ConvTranspose", {{2, 6, 5, 4}}, {{6, 4, 3, 2}}, {{"strides", two}}), "transposed");
  expect_counts(single("ConvTranspose", {{2, 6, 5, 4}}, {{6, 4, 3, 2}}, {{"group", int64_t{2}}}),
                "transposed, grouped");
  expect_counts(single("Gemm", {{5, 7}}, {{3, 7}}, {{"transB", int64_t{1}}}), "gemm");
  expect_counts(single("MatMul", {{2, 5, 7}}, {{7, 3}}), "rows in batches");
  expect_counts(single("MatMul", {{2, 4, 5, 7}, {2, 4, 7, 3}}, {}), "attention");
  expect_counts(single("MatMul", {{2, 1, 5, 7}, {4, 7, 3}}, {}), "two batches");
  expect_counts(single("MatMul", {{7}}, {{7, 3}}), "a vector");
  expect_counts(single("Einsum", {{2, 4, 5, 7}, {2, 4, 6, 7}}, {}, {{"equation", std::string("bhid,bhjd->bhij")}}),
                "einsum");
}

TEST(NetworkWorkloads, TensorsOfAConvolutionHaveTheirExtents) {
  const std::vector<int64_t> strides = {2, 1}, dilations = {1, 2};
  const Graph graph = single("Conv", {{2, 6, 9, 8}}, {{4, 3, 3, 2}},
                             {{"strides", strides}, {"dilations", dilations}, {"group", int64_t{2}}});
  const Workload workload = network_work(graph).nodes[0].products.at(0);
  EXPECT_EQ(elements_of(workload, tensor_of(workload, TensorRole::weights)), 4 * 3 * 3 * 2);
  EXPECT_EQ(elements_of(workload, tensor_of(workload, TensorRole::outputs)), 2 * 4 * 4 * 6);
  EXPECT_EQ(elements_of(workload, tensor_of(workload, TensorRole::inputs)),
            2 * 6 * 9 * 8);  // every row and column is read
  EXPECT_EQ(workload.tensors.back().role, TensorRole::outputs);
}

TEST(NetworkWorkloads, ATransposedConvolutionHasItsWindowOnTheOutputs) {
  const std::vector<int64_t> strides = {2, 2};
  const Graph graph = single("ConvTranspose", {{1, 6, 5, 4}}, {{6, 4, 3, 3}}, {{"strides", strides}});
  const Workload workload = network_work(graph).nodes[0].products.at(0);
  EXPECT_EQ(elements_of(workload, tensor_of(workload, TensorRole::inputs)), 6 * 5 * 4);
  EXPECT_EQ(elements_of(workload, tensor_of(workload, TensorRole::outputs)), 4 * 11 * 9);
}

TEST(NetworkWorkloads, ProductsOfActivationsTakeThePlaceOfWeights) {
  const Workload workload = network_work(single("MatMul", {{2, 4, 5, 7}, {2, 4, 7, 3}}, {})).nodes[0].products.at(0);
  const WorkloadTensor& second = tensor_of(workload, TensorRole::weights);
  EXPECT_EQ(second.name, "Operands");
  EXPECT_EQ(elements_of(workload, second), 2 * 4 * 7 * 3);
}

TEST(NetworkWorkloads, FormatsComeFromAnnotationThenOptionThenType) {
  Graph graph = single("Gemm", {{5, 7}}, {{7, 3}});
  const auto bits = [&](const OperandFormats& formats) {
    const Workload workload = network_work(graph, {.formats = formats}).nodes[0].products.at(0);
    return std::vector<int64_t>{workload.tensors[0].bits, workload.tensors[1].bits, workload.tensors[2].bits,
                                workload.partial_sum_bits};
  };
  EXPECT_THAT(bits({}), testing::ElementsAre(32, 32, 32, 32));
  EXPECT_THAT(bits({.weights = "int4", .activations = "int8"}), testing::ElementsAre(4, 8, 8, 32));
  EXPECT_THAT(bits({.weights = "fp8_e4m3", .activations = "fp16", .partial_sums = "fp32"}),
              testing::ElementsAre(8, 16, 16, 32));
  EXPECT_THAT(bits({.weights = "mxfp4", .activations = "mxint8"}), testing::ElementsAre(4, 8, 8, 32));
  EXPECT_THAT(bits({.weights = "pow2:3", .activations = "mxint8", .partial_sums = "int24"}),
              testing::ElementsAre(3, 8, 8, 24));
  graph.value(graph.nodes()[0].inputs[1]).format = "int2";
  EXPECT_THAT(bits({.weights = "int4", .activations = "int8"}), testing::ElementsAre(2, 8, 8, 32));
}

TEST(NetworkWorkloads, UnknownFormatsAreRefused) {
  for (const char* format : {"int", "int0", "int99", "fp8e", "float", "int8x"}) {
    try {
      format_bits(format);
      ADD_FAILURE() << format;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("number format '" + std::string(format) + "'"));
    }
  }
}

TEST(NetworkWorkloads, ElementwiseNodesRunOnTheWayOut) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 4, 8, 8});
  const ValueId first = builder.convolution_norm_activation("first", x, 4, {.kernel = 3}, Activation::relu);
  const ValueId second = builder.convolution_norm_activation("second", first, 4, {.kernel = 3}, Activation::relu);
  builder.output(builder.add(second, first), "y");
  const Graph graph = builder.take();
  int64_t vector_operations = 0;
  for (const bool fuse : {true, false}) {
    const NetworkWork work = network_work(graph, {.fuse_elementwise = fuse});
    int64_t fused = 0, operations = 0;
    for (const NodeWork& node : work.nodes) {
      operations += node.vector_operations;
      if (node.fused_into == kNone) continue;
      ++fused;
      EXPECT_EQ(node.written_bits, 0);
      EXPECT_EQ(work.nodes[static_cast<size_t>(node.fused_into)].kind, NodeWork::Kind::product);
      // Of the sum the residual's other operand is read still.
      const std::string& op = graph.node(node.node).op;
      EXPECT_EQ(node.read_bits, op == "Add" ? 32 * 4 * 8 * 8 : op == "Relu" ? 0 : 32 * 4 * 4);
    }
    EXPECT_EQ(fused, fuse ? 5 : 0);  // two normalizations, two activations, one sum
    if (fuse) vector_operations = operations;
    EXPECT_EQ(operations, vector_operations);
  }
}

// What somebody else needs is stored, and so read again.
TEST(NetworkWorkloads, ResultsThatAreNeededElsewhereAreNotFused) {
  for (const std::string text : {"graph net(x: float32[1,4,8,8]) { w: float32[4,4,1,1] = param; h: float32[1,4,8,8] = "
                                 "Conv(x, w); y: float32[1,4,8,8] = "
                                 "Relu(h); return y, h }",
                                 "graph net(x: float32[1,4,8,8]) { w: float32[4,4,1,1] = param; h: float32[1,4,8,8] = "
                                 "Conv(x, w); i: float32[1,4,8,8] = "
                                 "Identity(h); y: float32[1,4,8,8] = Relu(i); z: float32[1,4,8,8] = MaxPool(h) "
                                 "{kernel_shape=[1,1]}; return y, z }"}) {
    SCOPED_TRACE(text);
    const Graph graph = parse_graph(text);
    bool seen = false;
    for (const NodeWork& node : network_work(graph).nodes) {
      if (graph.node(node.node).op != "Relu") continue;
      seen = true;
      EXPECT_EQ(node.fused_into, kNone);
      EXPECT_EQ(node.read_bits, 32 * 4 * 64);
      EXPECT_EQ(node.written_bits, 32 * 4 * 64);
    }
    EXPECT_TRUE(seen);
  }
}

TEST(NetworkWorkloads, UnfixedShapesAreNamed) {
  GraphBuilder builder("net");
  const Dim rows = builder.graph().symbol("rows");
  const ValueId x = builder.input("input", ElementType::float32, {rows, 7});
  builder.output(builder.linear("head", x, 3), "y");
  const Graph graph = builder.take();
  EXPECT_THAT([&] { network_work(graph); }, testing::ThrowsMessage<UserError>(HasSubstr("is not fixed")));
}

fs::path collection() {
  const char* data = std::getenv("NACRE_DATA");
  const char* source = std::getenv("NACRE_SOURCE_DIR");
  return (data != nullptr ? fs::path(data) : fs::path(source == nullptr ? "." : source) / ".." / "shared" / "data") /
         "onnx";
}

TEST(NetworkWorkloads, RealModelsAreCoveredToTheLastMultiplyAccumulate) {
  if (!fs::is_directory(collection())) GTEST_SKIP() << "no ONNX collection at " << collection() << " (set NACRE_DATA)";
  int models = 0;
  for (const char* folder : {"light", "trained", "workload_graphs"}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(collection() / folder)) {
      if (entry.path().extension() != ".onnx") continue;
      SCOPED_TRACE(entry.path().filename().string());
      OnnxReadOptions options;
      options.allow_absent_weights = true;
      Graph graph = read_onnx(entry.path(), options);
      SymbolBindings bindings;
      for (const std::string& symbol : graph.symbols()) bindings[symbol] = 1;
      graph.bind_symbols(bindings);
      infer_shapes(graph);
      const NetworkWork work = network_work(graph);
      EXPECT_THAT(work.not_covered, testing::IsEmpty());
      int64_t points = 0;
      for (const NodeWork& node : work.nodes) {
        points += points_of(node);
        EXPECT_GE(node.read_bits, 0);
        EXPECT_GE(node.vector_operations, 0);
      }
      EXPECT_EQ(points, count_graph(graph).macs);
      ++models;
    }
  }
  EXPECT_GT(models, 10);
}

}  // namespace
}  // namespace nacre
