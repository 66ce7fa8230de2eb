// The rewrites that compute with weights, and common subexpressions, each as a graph before and what must be left of it.
#include <gtest/gtest.h>

#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/text_form.hpp"

namespace nacre {
namespace {

// Operators that remain after the rewrite ran until nothing changed, in order; the values are compared at each step.
std::string operators_after(const std::string& name, const std::string& text) {
  Graph graph = parse_graph(text);
  materialize_parameters(graph, 5);
  const Graph before = graph;
  while (run_rewrite(graph, get_rewrite(name), {.verify_values = true}).count > 0) {
  }
  const std::optional<double> difference = compare_by_running(before, graph, 3);
  EXPECT_TRUE(difference.has_value() && *difference <= 1e-5) << print_graph(graph);
  std::string operators;
  for (const Node& node : graph.nodes()) operators += (operators.empty() ? "" : " ") + node.op;
  return operators;
}

const std::string kNorm =
    "s: float32[2] = param uniform(1.0); t: float32[2] = param uniform(1.0); m: float32[2] = frozen uniform(1.0); "
    "v: float32[2] = frozen constant(2.0); ";
const std::string kWeights =
    "w: float32[2,2,1,1] = param normal(1.0); k: float32[2,2,3,3] = param normal(1.0); b: float32[2] = param "
    "normal(1.0); ";

std::string image(const std::string& statements) {
  return "graph(x: float32[1,2,4,4]) { " + kNorm + kWeights + statements + " return y }";
}

// --- batch normalization ------------------------------------------------------------------------------------------

TEST(FoldBatchNorm, IntoTheConvolutionAfterIt) {
  const std::string norm = "n = BatchNormalization(x, s, t, m, v); ";
  EXPECT_EQ(operators_after("fold_batch_norm", image(norm + "y = Conv(n, k, b);")), "Conv");
  // Padding would see zero where the normalization gives its offset.
  EXPECT_EQ(operators_after("fold_batch_norm", image(norm + "y = Conv(n, k) {pads=[1, 1, 1, 1]};")),
            "BatchNormalization Conv");
  EXPECT_EQ(operators_after("fold_batch_norm", image(norm + "a = Conv(n, k); z = Conv(n, k); y = Sub(a, z);")),
            "BatchNormalization Conv Conv Sub");
}

TEST(FoldBatchNorm, CountsReadersAnewAfterEachFold) {
  // Once the first is folded, the convolution is read by the second and by Relu.
  EXPECT_EQ(
      operators_after("fold_batch_norm",
                      image("c = Conv(x, w); n = BatchNormalization(c, s, t, m, v); o = BatchNormalization(n, s, t, "
                            "m, v); r = Relu(n); y = Add(o, r);")),
      "Conv BatchNormalization Relu Add");
}

// --- arithmetic ---------------------------------------------------------------------------------------------------

TEST(AffineIntoLinear, BeforeAndAfter) {
  const std::string per_channel = "c: float32[2,1,1] = frozen [2.0, 3.0]; o: float32[] = frozen [0.5]; ";
  EXPECT_EQ(operators_after("affine_into_linear", image(per_channel + "h = Conv(x, k); g = Mul(h, c); y = Sub(o, g);")),
            "Conv");
  EXPECT_EQ(operators_after("affine_into_linear", image(per_channel + "g = Add(x, o); h = Div(g, c); y = Conv(h, k);")),
            "Conv");
  EXPECT_EQ(
      operators_after("affine_into_linear", image(per_channel + "h = Mul(x, c); y = Conv(h, k) {pads=[1, 1, 1, 1]};")),
      "Conv");
  EXPECT_EQ(
      operators_after("affine_into_linear", image(per_channel + "h = Add(x, o); y = Conv(h, k) {pads=[1, 1, 1, 1]};")),
      "Add Conv");
  EXPECT_EQ(
      operators_after("affine_into_linear",
                      image(per_channel + "n = BatchNormalization(x, s, t, m, v); g = Mul(n, c); y = Add(g, o);")),
      "BatchNormalization");
  EXPECT_EQ(operators_after("affine_into_linear", image(per_channel + "g = Mul(x, c); h = Neg(g); y = Mul(o, h);")),
            "Mul");
}

TEST(AffineIntoLinear, LeavesAloneWhatGoesAlongAnotherAxis) {
  // As many columns as channels: the constant varies along the width.
  const std::string text =
      "graph(x: float32[1,2,2,2]) { w: float32[2,2,1,1] = param normal(1.0); c: float32[2] = frozen [2.0, 3.0]; h = "
      "Conv(x, w); "
      "y = Mul(h, c); return y }";
  EXPECT_EQ(operators_after("affine_into_linear", text), "Conv Mul");
}

TEST(AffineIntoLinear, AMatMulTakesAScaleButABiasOnlyAsGemm) {
  const auto product = [](const std::string& input, const std::string& statement) {
    return "graph(x: float32[" + input +
           "]) { w: float32[3,2] = param normal(1.0); c: float32[2] = frozen [2.0, 3.0]; h = "
           "MatMul(x, w); " +
           statement + " return y }";
  };
  EXPECT_EQ(operators_after("affine_into_linear", product("4,3", "y = Mul(h, c);")), "MatMul");
  EXPECT_EQ(operators_after("affine_into_linear", product("5,4,3", "y = Mul(h, c);")), "MatMul");
  EXPECT_EQ(operators_after("affine_into_linear", product("4,3", "y = Add(h, c);")), "Gemm");
  EXPECT_EQ(operators_after("affine_into_linear", product("5,4,3", "y = Add(h, c);")), "MatMul Add");
}

// --- pointwise pairs ----------------------------------------------------------------------------------------------

TEST(MergePointwise, WhereABiasDoesNotMeetPadding) {
  EXPECT_EQ(operators_after("merge_pointwise", image("h = Conv(x, w, b); y = Conv(h, k);")), "Conv");
  EXPECT_EQ(operators_after("merge_pointwise", image("h = Conv(x, w); y = Conv(h, k, b) {pads=[1, 1, 1, 1]};")),
            "Conv");
  EXPECT_EQ(operators_after("merge_pointwise", image("h = Conv(x, w, b); y = Conv(h, k) {pads=[1, 1, 1, 1]};")),
            "Conv Conv");
  EXPECT_EQ(
      operators_after("merge_pointwise", image("h = Conv(x, k, b) {auto_pad=\"SAME_UPPER\"}; y = Conv(h, w, b);")),
      "Conv");
  EXPECT_EQ(operators_after("merge_pointwise", image("h = Conv(x, k); r = Relu(h); y = Conv(r, w);")),
            "Conv Relu Conv");
}

TEST(MergePointwise, NotABottleneck) {
  const auto pair = [](const std::string& middle) {
    return "graph(x: float32[1,8]) { v: float32[8," + middle + "] = param normal(1.0); w: float32[" + middle +
           ",8] = param normal(1.0); h = MatMul(x, v); y = MatMul(h, w); return y }";
  };
  EXPECT_EQ(operators_after("merge_pointwise", pair("3")), "MatMul MatMul");
  EXPECT_EQ(operators_after("merge_pointwise", pair("4")), "MatMul");
}

// --- sums ---------------------------------------------------------------------------------------------------------

TEST(SumKernels, ARepVggBlockIsOneConvolution) {
  const std::string block =
      "p = Conv(x, k, b) {pads=[1, 1, 1, 1]}; q = Conv(x, w); n = BatchNormalization(x, s, t, m, v); ";
  EXPECT_EQ(operators_after("sum_kernels", image(block + "a = Add(p, q); y = Add(a, n);")), "Conv");
  EXPECT_EQ(operators_after("sum_kernels", image(block + "a = Add(n, q); y = Add(p, a);")), "Conv");
  EXPECT_EQ(operators_after("sum_kernels", image(block + "y = Sum(n, q, p, x);")), "Conv");
  // What is read elsewhere stays.
  EXPECT_EQ(operators_after("sum_kernels", image(block + "a = Add(p, q); r = Relu(q); z = Add(a, n); y = Add(z, r);")),
            "Conv Conv Relu Add Add");
}

TEST(SumKernels, LaysWindowsOnACommonOne) {
  // Kernels of 2 and 1 with stride 2 give the same even positions of a fixed image.
  EXPECT_EQ(
      operators_after("sum_kernels",
                      "graph(x: float32[1,1,4,4]) { w: float32[1,1,2,2] = param normal(1.0); v: float32[1,1,1,1] = "
                      "param normal(1.0); a = Conv(x, w) {strides=[2, 2]}; b = Conv(x, v) {strides=[2, 2]}; y = "
                      "Add(a, b); return y }"),
      "Conv");
  // A dilated kernel inside a large one (UniRepLKNet).
  EXPECT_EQ(
      operators_after("sum_kernels",
                      "graph(x: float32[1,2,9,9]) { w: float32[2,1,5,5] = param normal(1.0); v: float32[2,1,3,3] = "
                      "param normal(1.0); a = Conv(x, w) {group=2, pads=[2, 2, 2, 2]}; b = Conv(x, v) {group=2, "
                      "dilations=[2, 2], pads=[2, 2, 2, 2]}; y = Add(a, b); return y }"),
      "Conv");
  // A depthwise 3x3 and a dense 1x1 are cheaper apart.
  EXPECT_EQ(
      operators_after("sum_kernels",
                      "graph(x: float32[1,4,5,5]) { w: float32[4,1,3,3] = param normal(1.0); v: float32[4,4,1,1] = "
                      "param normal(1.0); a = Conv(x, w) {group=4, pads=[1, 1, 1, 1]}; b = Conv(x, v); y = Add(a, b); "
                      "return y }"),
      "Conv Conv Add");
}

TEST(SumKernels, MatricesAndShortcuts) {
  EXPECT_EQ(operators_after("sum_kernels",
                            "graph(x: float32[5,3]) { w: float32[3,3] = param normal(1.0); v: float32[3,3] = param "
                            "normal(1.0); c: float32[3] = param normal(1.0); a = MatMul(x, w); b = Gemm(x, v, c) "
                            "{transB=1}; d = Add(a, b); y = Add(x, d); return y }"),
            "Gemm");
}

// --- common subexpressions ----------------------------------------------------------------------------------------

TEST(CommonSubexpressions, MergesWhatIsEqual) {
  const auto after = [](const std::string& statements) {
    return operators_after("common_subexpressions",
                           "graph(x: float32[2,2], z: float32[2,2]) { " + statements + " return y }");
  };
  EXPECT_EQ(after("a = Add(x, z); b = Add(z, x); y = Mul(a, b);"), "Add Mul");
  EXPECT_EQ(after("a = Sub(x, z); b = Sub(z, x); y = Mul(a, b);"), "Sub Sub Mul");
  EXPECT_EQ(after("a = Softmax(x); b = Softmax(x) {axis=-1}; c = Softmax(x) {axis=0}; d = Mul(a, b); y = Mul(c, d);"),
            "Softmax Softmax Mul Mul");
  // Constants of equal content are one value, parameters are not.
  EXPECT_EQ(
      after("p: float32[] = frozen [2.0]; q: float32[] = frozen [2.0]; a = Mul(x, p); b = Mul(x, q); y = Add(a, b);"),
      "Mul Add");
  EXPECT_EQ(
      after("p: float32[] = param [2.0]; q: float32[] = param [2.0]; a = Mul(x, p); b = Mul(x, q); y = Add(a, b);"),
      "Mul Mul Add");
  // From equal things follow equal things.
  EXPECT_EQ(after("a = Tanh(x); b = Tanh(x); c = Exp(a); d = Exp(b); y = Add(c, d);"), "Tanh Exp Add");
}

TEST(CommonSubexpressions, LeavesAloneWhatIsNotEqual) {
  const auto count = [](const std::string& text) {
    Graph graph = parse_graph(text);
    return run_rewrite(graph, get_rewrite("common_subexpressions")).count;
  };
  EXPECT_EQ(count("graph(x: float32[2]) { a = RandomNormalLike(x); b = RandomNormalLike(x); y = Sub(a, b); return y }"),
            0);
  EXPECT_EQ(count("graph(x: float32[2]) { a: float32[2] = com.example::Mystery(x); b: float32[2] = "
                  "com.example::Mystery(x); y = "
                  "Sub(a, b); return y }"),
            0);
  // Each output has its name.
  EXPECT_EQ(count("graph(x: float32[2]) { y = Relu(x); z = Relu(x); return y, z }"), 0);
  EXPECT_EQ(count("graph(x: float32[2]) { a: float32[2] ~int8 = Relu(x); b = Relu(x); y = Sub(a, b); return y }"), 0);
}

}  // namespace
}  // namespace nacre
