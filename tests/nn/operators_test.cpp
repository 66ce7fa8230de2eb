// Every operator of the torch executor equals the reference executor on random inputs; and its gradients, in double, equal
// central finite differences.
#include <gtest/gtest.h>

#include <map>

#include "executor_check.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre {
namespace {

using test::expect_equal_to_reference;

// Builds one node over inputs and constants.
struct Case {
  std::string op;
  std::vector<std::vector<int64_t>> inputs;  // shapes of float inputs
  std::vector<Tensor> constants = {};        // appended after them; an undefined one is an omitted input
  Attributes attributes = {};
  int outputs = 1;
  double low = -2, high = 2;
  bool differentiable = true;
  size_t gradient_inputs = 99;  // as many of the first have gradients
  std::string label = "";
};

void PrintTo(const Case& test_case, std::ostream* stream) { *stream << test_case.op << test_case.label; }

Tensor ints(std::vector<int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::of<int64_t>(std::span<const int64_t>(&count, 1), values);
}
Tensor index(int64_t value) { return Tensor::scalar<int64_t>(value); }
Tensor real(float value) { return Tensor::scalar<float>(value); }

Graph graph_of(const Case& test_case) {
  GraphBuilder builder(test_case.op);
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < test_case.inputs.size(); ++i) {
    inputs.push_back(builder.input("x" + std::to_string(i), ElementType::float32, Shape::fixed(test_case.inputs[i])));
  }
  for (const Tensor& constant : test_case.constants) {
    inputs.push_back(constant.type() == ElementType::undefined ? kNone : builder.constant(constant));
  }
  const ValueId first = builder.node(test_case.op, inputs, test_case.attributes, test_case.outputs);
  const Node& node = builder.graph().nodes().back();
  const std::vector<ValueId> results = node.outputs;
  for (size_t i = 0; i < results.size(); ++i) builder.output(results[i], "y" + std::to_string(i));
  (void)first;
  return builder.take();
}

std::vector<Case> cases() {
  const Tensor none;
  std::vector<Case> all;
  const auto add = [&](Case test_case) { all.push_back(std::move(test_case)); };
  // convolutions
  add({.op = "Conv", .inputs = {{2, 4, 7, 6}, {6, 4, 3, 3}}, .label = " valid"});
  add({.op = "Conv",
       .inputs = {{2, 4, 7, 6}, {6, 4, 3, 3}, {6}},
       .attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 1}}},
       .label = " bias, stride"});
  add({.op = "Conv",
       .inputs = {{2, 4, 8, 8}, {4, 1, 3, 3}},
       .attributes = {{"group", int64_t{4}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}},
       .label = " depthwise"});
  add({.op = "Conv",
       .inputs = {{2, 4, 9, 9}, {6, 2, 3, 3}},
       .attributes = {{"group", int64_t{2}}, {"dilations", std::vector<int64_t>{2, 2}}},
       .label = " grouped, dilated"});
  add({.op = "Conv",
       .inputs = {{2, 3, 7, 7}, {5, 3, 2, 2}},
       .attributes = {{"pads", std::vector<int64_t>{0, 1, 1, 0}}},
       .label = " unequal pads"});
  add({.op = "Conv",
       .inputs = {{2, 3, 7, 7}, {5, 3, 4, 4}},
       .attributes = {{"auto_pad", std::string("SAME_UPPER")}, {"strides", std::vector<int64_t>{2, 2}}},
       .label = " same upper"});
  add({.op = "Conv", .inputs = {{2, 3, 9}, {5, 3, 3}}, .label = " 1-d"});
  add({.op = "ConvTranspose",
       .inputs = {{2, 3, 5, 5}, {3, 4, 3, 3}, {4}},
       .attributes = {{"strides", std::vector<int64_t>{2, 2}}},
       .label = " stride"});
  add({.op = "ConvTranspose",
       .inputs = {{2, 4, 5, 5}, {4, 2, 3, 3}, {4}},
       .attributes = {{"strides", std::vector<int64_t>{2, 2}},
                      {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                      {"output_padding", std::vector<int64_t>{1, 1}},
                      {"group", int64_t{2}}},
       .label = " padded"});
  // pooling
  add({.op = "MaxPool",
       .inputs = {{2, 3, 7, 7}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                      {"strides", std::vector<int64_t>{2, 2}},
                      {"pads", std::vector<int64_t>{1, 1, 1, 1}}}});
  add({.op = "MaxPool",
       .inputs = {{2, 3, 7, 7}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                      {"strides", std::vector<int64_t>{2, 2}},
                      {"ceil_mode", int64_t{1}}},
       .label = " ceil"});
  add({.op = "MaxPool",
       .inputs = {{2, 3, 7, 7}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"pads", std::vector<int64_t>{0, 0, 1, 1}}},
       .label = " unequal pads"});
  add({.op = "AveragePool",
       .inputs = {{2, 3, 7, 7}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                      {"strides", std::vector<int64_t>{2, 2}},
                      {"pads", std::vector<int64_t>{1, 1, 1, 1}}}});
  add({.op = "AveragePool",
       .inputs = {{2, 3, 7, 7}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{3, 3}},
                      {"pads", std::vector<int64_t>{1, 1, 1, 1}},
                      {"count_include_pad", int64_t{1}}},
       .label = " counted border"});
  add({.op = "AveragePool",
       .inputs = {{2, 3, 7, 7}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}},
       .label = " same upper"});
  add({.op = "AveragePool",
       .inputs = {{2, 3, 7, 7}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}},
                      {"pads", std::vector<int64_t>{0, 0, 1, 1}},
                      {"count_include_pad", int64_t{1}}},
       .label = " unequal, counted"});
  add({.op = "GlobalAveragePool", .inputs = {{2, 3, 4, 5}}});
  add({.op = "GlobalMaxPool", .inputs = {{2, 3, 4, 5}}});
  // normalisation
  add({.op = "BatchNormalization",
       .inputs = {{2, 3, 4, 4}, {3}, {3}, {3}, {3}},
       .low = 0.5,
       .high = 2,
       .gradient_inputs = 3});
  add({.op = "LayerNormalization", .inputs = {{2, 5, 6}, {6}, {6}}});
  add({.op = "LayerNormalization",
       .inputs = {{2, 5, 6}, {5, 6}},
       .attributes = {{"axis", int64_t{1}}, {"epsilon", 1e-3F}},
       .label = " two axes"});
  add({.op = "InstanceNormalization", .inputs = {{2, 3, 4, 4}, {3}, {3}}});
  add({.op = "GroupNormalization", .inputs = {{2, 6, 4, 4}, {6}, {6}}, .attributes = {{"num_groups", int64_t{3}}}});
  // functions of one tensor
  for (const char* op :
       {"Relu", "Sigmoid", "HardSwish", "Mish",        "Tanh", "Softplus",        "Softsign", "Erf",  "Exp",
        "Neg",  "Abs",     "Sin",       "Cos",         "Atan", "Asinh",           "Sinh",     "Cosh", "Elu",
        "Selu", "Celu",    "LeakyRelu", "HardSigmoid", "Gelu", "ThresholdedRelu", "Identity"}) {
    add({.op = op, .inputs = {{3, 7}}});
  }
  for (const char* op : {"Asin", "Acos", "Atanh"}) add({.op = op, .inputs = {{3, 7}}, .low = -0.9, .high = 0.9});
  add({.op = "Acosh", .inputs = {{3, 7}}, .low = 1.2, .high = 3});
  for (const char* op : {"Log", "Sqrt", "Reciprocal", "Tan"})
    add({.op = op, .inputs = {{3, 7}}, .low = 0.2, .high = 1.2});
  for (const char* op : {"Sign", "Floor", "Ceil", "Round", "IsNaN", "IsInf"})
    add({.op = op, .inputs = {{3, 7}}, .differentiable = false});
  add({.op = "Elu", .inputs = {{3, 7}}, .attributes = {{"alpha", 0.7F}}, .label = " alpha"});
  add({.op = "Celu", .inputs = {{3, 7}}, .attributes = {{"alpha", 0.7F}}, .label = " alpha"});
  add({.op = "HardSigmoid", .inputs = {{3, 7}}, .attributes = {{"alpha", 1.0F / 6}}, .label = " sixth"});
  add({.op = "Gelu", .inputs = {{3, 7}}, .attributes = {{"approximate", std::string("tanh")}}, .label = " tanh"});
  add({.op = "PRelu", .inputs = {{2, 3, 4, 4}, {3, 1, 1}}});
  add({.op = "Clip", .inputs = {{3, 7}}, .constants = {real(-0.5F), real(0.9F)}});
  add({.op = "Clip", .inputs = {{3, 7}}, .constants = {none, real(0.9F)}, .label = " upper"});
  // arithmetic
  for (const char* op : {"Add", "Sub", "Mul", "Min", "Max", "Sum", "Mean"})
    add({.op = op, .inputs = {{2, 3, 4}, {3, 1}}});
  add({.op = "Div", .inputs = {{2, 3, 4}, {3, 1}}, .low = 0.4, .high = 1.5});
  add({.op = "Pow", .inputs = {{2, 3, 4}, {3, 1}}, .low = 0.4, .high = 1.5});
  add({.op = "Pow", .inputs = {{2, 3}}, .constants = {real(2)}, .label = " square"});
  add({.op = "Mod", .inputs = {{2, 3, 4}, {3, 1}}, .attributes = {{"fmod", int64_t{1}}}, .differentiable = false});
  for (const char* op : {"Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"})
    add({.op = op, .inputs = {{2, 3, 4}, {3, 1}}, .differentiable = false});
  // matrix products
  add({.op = "MatMul", .inputs = {{2, 3, 4}, {4, 5}}});
  add({.op = "Gemm", .inputs = {{3, 4}, {4, 5}, {5}}});
  add({.op = "Gemm", .inputs = {{3, 4}, {5, 4}, {5}}, .attributes = {{"transB", int64_t{1}}}, .label = " linear"});
  add({.op = "Gemm",
       .inputs = {{4, 3}, {4, 5}, {3, 1}},
       .attributes = {{"transA", int64_t{1}}, {"alpha", 0.5F}, {"beta", 2.0F}},
       .label = " scaled"});
  // soft-max, reductions, ordering
  add({.op = "Softmax", .inputs = {{2, 3, 4}}, .attributes = {{"axis", int64_t{1}}}});
  add({.op = "LogSoftmax", .inputs = {{2, 3, 4}}});
  add({.op = "Hardmax", .inputs = {{2, 3, 4}}, .differentiable = false});
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
                         "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}) {
    add({.op = op, .inputs = {{2, 3, 4}}, .constants = {ints({1, -1})}, .low = 0.3, .high = 1.5});
    add({.op = op,
         .inputs = {{2, 3, 4}},
         .attributes = {{"keepdims", int64_t{0}}},
         .low = 0.3,
         .high = 1.5,
         .label = " all"});
  }
  add({.op = "ReduceSum", .inputs = {{2, 3}}, .attributes = {{"noop_with_empty_axes", int64_t{1}}}, .label = " none"});
  for (const char* op : {"ArgMax", "ArgMin"})
    add({.op = op, .inputs = {{3, 5}}, .attributes = {{"axis", int64_t{1}}}, .differentiable = false});
  add({.op = "TopK", .inputs = {{3, 6}}, .constants = {ints({2})}, .outputs = 2, .differentiable = false});
  add({.op = "CumSum", .inputs = {{3, 5}}, .constants = {index(1)}});
  add({.op = "CumSum",
       .inputs = {{3, 5}},
       .constants = {index(0)},
       .attributes = {{"exclusive", int64_t{1}}, {"reverse", int64_t{1}}},
       .label = " exclusive, reverse"});
  // layout
  add({.op = "Reshape", .inputs = {{2, 3, 4}}, .constants = {ints({0, -1})}});
  add({.op = "Flatten", .inputs = {{2, 3, 4}}, .attributes = {{"axis", int64_t{2}}}});
  add({.op = "Transpose", .inputs = {{2, 3, 4}}, .attributes = {{"perm", std::vector<int64_t>{1, 2, 0}}}});
  add({.op = "Transpose", .inputs = {{2, 3, 4}}, .label = " reversed"});
  add({.op = "Squeeze", .inputs = {{2, 1, 4, 1}}, .constants = {ints({1, -1})}});
  add({.op = "Squeeze", .inputs = {{2, 1, 4, 1}}, .label = " all"});
  add({.op = "Unsqueeze", .inputs = {{2, 4}}, .constants = {ints({1, -1})}});
  add({.op = "Dropout", .inputs = {{2, 4}}, .constants = {real(0.5F)}});
  add({.op = "Cast", .inputs = {{2, 4}}, .attributes = {{"to", int64_t{7}}}, .differentiable = false});
  for (const char* mode : {"DCR", "CRD"}) {
    add({.op = "DepthToSpace",
         .inputs = {{2, 8, 3, 2}},
         .attributes = {{"blocksize", int64_t{2}}, {"mode", std::string(mode)}},
         .label = std::string(" ") + mode});
  }
  add({.op = "SpaceToDepth", .inputs = {{2, 2, 4, 6}}, .attributes = {{"blocksize", int64_t{2}}}});
  // parts and joins
  add({.op = "Concat", .inputs = {{2, 3}, {2, 4}}, .attributes = {{"axis", int64_t{1}}}});
  add({.op = "Split",
       .inputs = {{2, 7}},
       .constants = {ints({3, 4})},
       .attributes = {{"axis", int64_t{1}}},
       .outputs = 2});
  add({.op = "Split",
       .inputs = {{2, 7}},
       .attributes = {{"axis", int64_t{1}}, {"num_outputs", int64_t{3}}},
       .outputs = 3,
       .label = " equal"});
  add({.op = "Slice", .inputs = {{4, 7}}, .constants = {ints({1, -3}), ints({3, 100}), ints({0, 1})}});
  add({.op = "Slice",
       .inputs = {{4, 7}},
       .constants = {ints({-1}), ints({-100}), ints({1}), ints({-2})},
       .label = " backwards"});
  add({.op = "Pad", .inputs = {{2, 4}}, .constants = {ints({0, 1, 1, 2}), real(0.5F)}});
  for (const char* mode : {"reflect", "edge", "wrap"}) {
    add({.op = "Pad",
         .inputs = {{3, 4}},
         .constants = {ints({1, 2, 0, 1})},
         .attributes = {{"mode", std::string(mode)}},
         .label = std::string(" ") + mode});
  }
  add({.op = "Tile", .inputs = {{2, 3}}, .constants = {ints({2, 1})}});
  add({.op = "Expand", .inputs = {{3, 1}}, .constants = {ints({2, 1, 4})}});
  add({.op = "Gather",
       .inputs = {{4, 5}},
       .constants = {Tensor::of<int64_t>({2, 2}, {0, -1, 2, 2})},
       .attributes = {{"axis", int64_t{1}}}});
  add({.op = "GatherElements",
       .inputs = {{3, 4}},
       .constants = {Tensor::of<int64_t>({3, 2}, {0, -1, 2, 3, 1, 0})},
       .attributes = {{"axis", int64_t{1}}}});
  add({.op = "GatherND", .inputs = {{3, 4, 2}}, .constants = {Tensor::of<int64_t>({2, 2}, {0, 1, 2, -1})}});
  add({.op = "Resize", .inputs = {{1, 2, 4, 4}}, .constants = {none, none, ints({1, 2, 8, 6})}, .label = " nearest"});
  for (const char* mode : {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"}) {
    add({.op = "Resize",
         .inputs = {{1, 2, 4, 4}},
         .constants = {none, none, ints({1, 2, 7, 3})},
         .attributes = {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string(mode)}},
         .label = std::string(" linear ") + mode});
  }
  // recurrent layers, in every direction, with what else they take
  const auto recurrent = [&](const char* op, int64_t gates, int outputs, const std::string& direction) {
    const int64_t d = direction == "bidirectional" ? 2 : 1;
    add({.op = op,
         .inputs = {{3, 2, 3}, {d, gates * 2, 3}, {d, gates * 2, 2}, {d, gates * 4}},
         .constants = {Tensor::of<int32_t>({2}, {3, 2})},
         .attributes = {{"hidden_size", int64_t{2}}, {"direction", direction}},
         .outputs = outputs,
         .low = -1,
         .high = 1,
         .label = " " + direction});
  };
  for (const char* direction : {"forward", "reverse", "bidirectional"}) {
    recurrent("RNN", 1, 2, direction);
    recurrent("GRU", 3, 2, direction);
    recurrent("LSTM", 4, 3, direction);
  }
  add({.op = "GRU",
       .inputs = {{3, 2, 3}, {1, 6, 3}, {1, 6, 2}, {1, 12}},
       .attributes = {{"linear_before_reset", int64_t{1}}, {"layout", int64_t{1}}},
       .low = -1,
       .high = 1,
       .label = " linear before reset, batch first"});
  // the rarer norms, pools and functions
  add({.op = "LRN", .inputs = {{2, 6, 3}}, .attributes = {{"size", int64_t{3}}, {"alpha", 0.3F}}});
  add({.op = "LpNormalization", .inputs = {{3, 4}}, .low = 0.3, .high = 2});
  add({.op = "LpNormalization",
       .inputs = {{3, 4}},
       .attributes = {{"p", int64_t{1}}, {"axis", int64_t{0}}},
       .low = 0.3,
       .high = 2,
       .label = " 1"});
  add({.op = "MeanVarianceNormalization", .inputs = {{2, 3, 2, 4}}});
  add({.op = "LpPool",
       .inputs = {{1, 2, 5, 5}},
       .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}},
       .low = 0.3,
       .high = 2});
  add({.op = "GlobalLpPool", .inputs = {{1, 2, 3, 3}}, .attributes = {{"p", int64_t{3}}}, .low = 0.3, .high = 2});
  add({.op = "MaxUnpool",
       .inputs = {{1, 1, 2, 2}},
       .constants = {Tensor::of<int64_t>({1, 1, 2, 2}, {5, 7, 13, 15}), ints({1, 1, 5, 5})},
       .attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}}});
  add({.op = "Shrink", .inputs = {{3, 4}}, .attributes = {{"bias", 0.25F}, {"lambd", 0.4F}}});
  add({.op = "Trilu", .inputs = {{2, 3, 4}}, .constants = {index(1)}});
  add({.op = "Trilu", .inputs = {{3, 4}}, .attributes = {{"upper", int64_t{0}}}, .label = " lower"});
  add({.op = "OneHot",
       .inputs = {},
       .constants = {ints({0, 2, -1}), index(3), Tensor::of<float>({2}, {0.5F, 2})},
       .differentiable = false});
  add({.op = "ReverseSequence", .inputs = {{4, 2, 3}}, .constants = {ints({3, 4})}});
  add({.op = "Einsum", .inputs = {{2, 3, 4}, {2, 4, 5}}, .attributes = {{"equation", std::string("bij,bjk->bik")}}});
  add({.op = "DequantizeLinear",
       .inputs = {},
       .constants = {Tensor::of<int8_t>({2, 3}, {1, -2, 3, 100, -128, 127}), Tensor::of<float>({3}, {0.1F, 0.2F, 0.3F}),
                     Tensor::of<int8_t>({3}, {0, 5, -7})},
       .differentiable = false});
  return all;
}

class OperatorTest : public testing::TestWithParam<Case> {};

TEST_P(OperatorTest, EqualsTheReference) {
  const Graph graph = graph_of(GetParam());
  for (uint64_t seed = 0; seed < 2; ++seed) {
    const NamedTensors inputs = test::random_inputs(graph, seed, GetParam().low, GetParam().high);
    expect_equal_to_reference(graph, inputs);
    Numerics plain = test::numerics_under_test();
    plain.channels_last = false;
    plain.fused = false;
    expect_equal_to_reference(graph, inputs, plain);
  }
}

// d(sum w y)/dx for random w, by autograd in double and by central differences.
TEST_P(OperatorTest, GradientsEqualFiniteDifferences) {
  const Case& test_case = GetParam();
  if (!test_case.differentiable) return;
  const Graph graph = graph_of(test_case);
  const Numerics numerics = test::numerics_under_test(Arithmetic::fp64);
  const TorchExecutor executor(graph, numerics);
  PlainStore store(graph, 1, numerics);
  std::vector<at::Tensor> inputs;
  for (const ValueId id : graph.inputs) {
    const Tensor drawn = test::random_tensor(ElementType::float64, graph.value(id).shape->extents(),
                                             5 + static_cast<uint64_t>(id), test_case.low, test_case.high);
    inputs.push_back(copy_to_torch(drawn)
                         .to(torch_device(numerics.device))
                         .requires_grad_(inputs.size() < test_case.gradient_inputs));
  }
  const auto objective = [&](std::span<const at::Tensor> x) {
    const std::vector<at::Tensor> y = executor.run(x, store, {});
    at::Tensor sum;
    for (size_t i = 0; i < y.size(); ++i) {
      const at::Tensor weight =
          at::cos(at::arange(1, y[i].numel() + 1, y[i].options().requires_grad(false))).reshape(y[i].sizes());
      const at::Tensor part = at::sum(y[i] * weight);
      sum = sum.defined() ? sum + part : part;
    }
    return sum;
  };
  const std::vector<at::Tensor> gradients = torch::autograd::grad(
      {objective(inputs)},
      {inputs.begin(),
       inputs.begin() + static_cast<std::ptrdiff_t>(std::min(inputs.size(), test_case.gradient_inputs))},
      {}, false, false, true);
  const double step = 1e-6;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const int64_t count = inputs[i].numel();
    for (int64_t j = 0; j < count; j += std::max<int64_t>(1, count / 12)) {
      const auto moved = [&](double by) {
        std::vector<at::Tensor> other;
        for (const at::Tensor& input : inputs) other.push_back(input.detach().clone());
        other[i].view(-1)[j] += by;
        const at::NoGradGuard no_grad;
        return objective(other).item<double>();
      };
      const double expected = (moved(step) - moved(-step)) / (2 * step);
      const double found = gradients[i].defined() ? gradients[i].reshape(-1)[j].item<double>() : 0;
      EXPECT_NEAR(found, expected, 1e-5 * std::max(1.0, std::abs(expected))) << "input " << i << " element " << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OperatorTest, testing::ValuesIn(cases()), [](const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.op + info.param.label + "_" + std::to_string(info.index);
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

TEST(TorchOperators, CoverTheOperatorsOfTheGraph) {
  const std::vector<std::string> names = torch_operator_names();
  std::vector<std::string> missing;
  for (const OperatorSchema* schema : all_operators()) {
    const std::string name = schema->domain.empty() ? schema->name : schema->domain + "." + schema->name;
    if (std::ranges::find(names, name) == names.end()) missing.push_back(name);
  }
  EXPECT_EQ(missing, std::vector<std::string>());
}

TEST(TorchOperators, EveryOperatorHasACase) {
  std::map<std::string, int> covered;
  for (const Case& test_case : cases()) ++covered[test_case.op];
  // Tested in executor_test.cpp, as parts of a graph: they need integers, booleans or computed shapes.
  for (const char* op : {"And", "Or", "Xor", "Not", "Where", "CastLike", "ScatterElements", "ScatterND", "Constant",
                         "ConstantOfShape", "Range", "Shape", "Size"})
    ++covered[op];
  ++covered["nacre.DropPath"];  // training_graph_test.cpp
  ++covered["nacre.Mix"];       // mixture_test.cpp
  // Tested in control_flow_test.cpp.
  for (const char* op : {"If", "Loop", "Scan"}) ++covered[op];
  // Tested on random integers in operator_case_test.cpp: they have no gradients.
  for (const char* op :
       {"QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv",
        "NonZero", "Compress", "EyeLike", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"})
    ++covered[op];
  for (const std::string& name : torch_operator_names()) EXPECT_GT(covered[name], 0) << name;
}

}  // namespace
}  // namespace nacre
