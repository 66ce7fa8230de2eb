// The reference kernels against the words of the ONNX specification: sums written as plain loops, identities between
// operators, and examples worked by hand. Nothing here calls what it checks to make its expectation.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/schema.hpp"
#include "tests/ir/operator_cases.hpp"

namespace nacre {
namespace {

using testing::integer_vector;
using testing::random_tensor;

constexpr double kTolerance = 1e-5;  // float32 results of sums of a few dozen terms of size 1

std::vector<Tensor> run_all(std::string_view op, const std::vector<std::optional<Tensor>>& inputs,
                            Attributes attributes = {}, int outputs = 1) {
  testing::OperatorCase test{.op = std::string(op),
                             .attributes = std::move(attributes),
                             .inputs = inputs,
                             .structural = {},
                             .outputs = outputs};
  const Graph graph = testing::case_graph(test);
  std::vector<const Tensor*> pointers;
  for (const auto& input : inputs) pointers.push_back(input.has_value() ? &*input : nullptr);
  return run_reference_node(graph.node(0), pointers);
}

Tensor run(std::string_view op, const std::vector<std::optional<Tensor>>& inputs, Attributes attributes = {}) {
  return run_all(op, inputs, std::move(attributes))[0];
}

Tensor floats(std::vector<int64_t> extents, std::vector<float> values) {
  return Tensor::of<float>(extents, std::span<const float>(values));
}

void expect_near(const Tensor& actual, const Tensor& expected, double tolerance = kTolerance) {
  ASSERT_EQ(actual.extents(), expected.extents());
  for (int64_t i = 0; i < actual.elements(); ++i) {
    ASSERT_NEAR(actual.number_at(i), expected.number_at(i), tolerance * (1 + std::abs(expected.number_at(i))))
        << "element " << i;
  }
}

void expect_numbers(const Tensor& actual, const std::vector<int64_t>& extents, const std::vector<double>& numbers,
                    double tolerance = kTolerance) {
  ASSERT_EQ(actual.extents(), extents);
  ASSERT_EQ(static_cast<size_t>(actual.elements()), numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i)
    EXPECT_NEAR(actual.number_at(static_cast<int64_t>(i)), numbers[i], tolerance * (1 + std::abs(numbers[i])))
        << "element " << i;
}

template <class Function>
void expect_error(Function function, const std::string& message) {
  try {
    function();
    FAIL() << "expected a UserError: " << message;
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
  }
}

// --- convolution --------------------------------------------------------------------------------------------------

struct PlaneConvolution {
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t groups = 1;
  std::array<int64_t, 4> pads = {0, 0, 0, 0};  // top, left, bottom, right
};

// The definition, over NCHW.
Tensor convolve_by_definition(const Tensor& x, const Tensor& w, const PlaneConvolution& options) {
  const auto& [stride, dilation, groups, pads] = options;
  const std::vector<int64_t>& xe = x.extents();
  const std::vector<int64_t>& we = w.extents();
  const int64_t height = (xe[2] + pads[0] + pads[2] - dilation * (we[2] - 1) - 1) / stride + 1;
  const int64_t width = (xe[3] + pads[1] + pads[3] - dilation * (we[3] - 1) - 1) / stride + 1;
  Tensor y(ElementType::float32, {xe[0], we[0], height, width});
  int64_t cell = 0;
  for (int64_t n = 0; n < xe[0]; ++n) {
    for (int64_t m = 0; m < we[0]; ++m) {
      const int64_t group = m / (we[0] / groups);
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t j = 0; j < width; ++j) {
          double sum = 0;
          for (int64_t c = 0; c < we[1]; ++c) {
            for (int64_t a = 0; a < we[2]; ++a) {
              for (int64_t b = 0; b < we[3]; ++b) {
                const int64_t row = i * stride - pads[0] + a * dilation;
                const int64_t column = j * stride - pads[1] + b * dilation;
                if (row < 0 || row >= xe[2] || column < 0 || column >= xe[3]) continue;
                const int64_t channel = group * we[1] + c;
                sum += x.number_at(((n * xe[1] + channel) * xe[2] + row) * xe[3] + column) *
                       w.number_at(((m * we[1] + c) * we[2] + a) * we[3] + b);
              }
            }
          }
          y.set_number_at(cell++, sum);
        }
      }
    }
  }
  return y;
}

TEST(ReferenceConv, EqualsItsDefinition) {
  Random random(1);
  for (int round = 0; round < 30; ++round) {
    PlaneConvolution o{
        .stride = random.integer(1, 3), .dilation = random.integer(1, 2), .groups = random.integer(1, 3)};
    for (int64_t& pad : o.pads) pad = random.integer(0, 2);
    const Tensor x = random_tensor(
        random, {random.integer(1, 2), o.groups * random.integer(1, 2), random.integer(5, 8), random.integer(5, 8)});
    const Tensor w = random_tensor(random, {o.groups * random.integer(1, 3), x.extents()[1] / o.groups,
                                            random.integer(1, 3), random.integer(1, 3)});
    const Tensor y = run("Conv", {x, w},
                         {{"strides", std::vector<int64_t>{o.stride, o.stride}},
                          {"dilations", std::vector<int64_t>{o.dilation, o.dilation}},
                          {"group", o.groups},
                          {"pads", std::vector<int64_t>(o.pads.begin(), o.pads.end())}});
    expect_near(y, convolve_by_definition(x, w, o));
  }
}

TEST(ReferenceConv, DepthwiseIsOneConvolutionPerChannel) {
  Random random(2);
  const Tensor x = random_tensor(random, {2, 3, 6, 6});
  const Tensor w = random_tensor(random, {3, 1, 3, 3});
  const Tensor whole = run("Conv", {x, w}, {{"group", int64_t{3}}});
  const std::vector<Tensor> channels = run_all("Split", {x}, {{"axis", int64_t{1}}, {"num_outputs", int64_t{3}}}, 3);
  const std::vector<Tensor> filters = run_all("Split", {w}, {{"axis", int64_t{0}}, {"num_outputs", int64_t{3}}}, 3);
  std::vector<std::optional<Tensor>> parts;
  for (size_t c = 0; c < 3; ++c) parts.emplace_back(run("Conv", {channels[c], filters[c]}));
  expect_near(whole, run("Concat", parts, {{"axis", int64_t{1}}}));
}

TEST(ReferenceConv, OneAndThreeSpatialAxesAreSlicesOfTwo) {
  Random random(3);
  const Tensor x = random_tensor(random, {2, 2, 9});
  const Tensor w = random_tensor(random, {3, 2, 3});
  const Tensor line = run("Conv", {x, w}, {{"strides", std::vector<int64_t>{2}}, {"pads", std::vector<int64_t>{1, 0}}});
  const Tensor plane =
      convolve_by_definition(x.reshaped(std::vector<int64_t>{2, 2, 1, 9}), w.reshaped(std::vector<int64_t>{3, 2, 1, 3}),
                             {.stride = 2, .pads = {0, 1, 0, 0}});
  expect_near(line.reshaped(plane.extents()), plane);
  const Tensor volume =
      run("Conv", {x.reshaped(std::vector<int64_t>{2, 2, 1, 1, 9}), w.reshaped(std::vector<int64_t>{3, 2, 1, 1, 3})},
          {{"strides", std::vector<int64_t>{1, 1, 2}}, {"pads", std::vector<int64_t>{0, 0, 1, 0, 0, 0}}});
  expect_near(volume.reshaped(line.extents()), line);
}

TEST(ReferenceConv, SameUpperPadsTheEndMore) {
  const Tensor x = floats({1, 1, 4}, {1, 2, 3, 4});
  const Tensor w = floats({1, 1, 2}, {1, 1});
  expect_numbers(run("Conv", {x, w}, {{"auto_pad", std::string("SAME_UPPER")}}), {1, 1, 4}, {3, 5, 7, 4});
  expect_numbers(run("Conv", {x, w}, {{"auto_pad", std::string("SAME_LOWER")}}), {1, 1, 4}, {1, 3, 5, 7});
  expect_numbers(run("Conv", {x, w}, {{"auto_pad", std::string("VALID")}}), {1, 1, 3}, {3, 5, 7});
}

// <Conv(x), y> = <x, ConvTranspose(y)>: one is the adjoint of the other.
TEST(ReferenceConvTranspose, IsTheAdjointOfConv) {
  Random random(4);
  for (int round = 0; round < 20; ++round) {
    const int64_t stride = random.integer(1, 3);
    const int64_t groups = random.integer(1, 2);
    const int64_t kernel = random.integer(1, 3);
    const int64_t pad = random.integer(0, kernel - 1);
    const int64_t extent = kernel + stride * random.integer(1, 3) - 2 * pad;  // the windows cover it without rest
    const Tensor w = random_tensor(random, {groups * 2, 2, kernel, kernel});
    const Tensor x = random_tensor(random, {1, groups * 2, extent, extent});
    const Attributes attributes = {
        {"strides", std::vector<int64_t>{stride, stride}}, {"pads", std::vector<int64_t>(4, pad)}, {"group", groups}};
    const Tensor forward = run("Conv", {x, w}, attributes);
    const Tensor y = random_tensor(random, forward.extents());
    const Tensor back = run("ConvTranspose", {y, w}, attributes);
    ASSERT_EQ(back.extents(), x.extents());
    double left = 0;
    double right = 0;
    for (int64_t i = 0; i < y.elements(); ++i) left += forward.number_at(i) * y.number_at(i);
    for (int64_t i = 0; i < x.elements(); ++i) right += x.number_at(i) * back.number_at(i);
    EXPECT_NEAR(left, right, 1e-4 * (1 + std::abs(left)));
  }
}

TEST(ReferenceConvTranspose, OutputShapeSetsThePads) {
  const Tensor x = floats({1, 1, 3}, {1, 2, 3});
  const Tensor w = floats({1, 1, 3}, {1, 1, 1});
  expect_numbers(run("ConvTranspose", {x, w}, {{"strides", std::vector<int64_t>{2}}}), {1, 1, 7},
                 {1, 1, 3, 2, 5, 3, 3});
  expect_numbers(run("ConvTranspose", {x, w},
                     {{"strides", std::vector<int64_t>{2}},
                      {"output_shape", std::vector<int64_t>{6}},
                      {"auto_pad", std::string("SAME_UPPER")}}),
                 {1, 1, 6}, {1, 1, 3, 2, 5, 3});
  expect_numbers(
      run("ConvTranspose", {x, w}, {{"strides", std::vector<int64_t>{2}}, {"output_padding", std::vector<int64_t>{1}}}),
      {1, 1, 8}, {1, 1, 3, 2, 5, 3, 3, 0});
}

// --- pooling ------------------------------------------------------------------------------------------------------

TEST(ReferencePool, EqualsLoopsOverWindows) {
  Random random(5);
  for (int round = 0; round < 30; ++round) {
    const int64_t kernel = random.integer(1, 3);
    const int64_t stride = random.integer(1, 3);
    const int64_t pad = random.integer(0, kernel - 1);
    const bool count_padding = random.bernoulli(0.5);
    const int64_t extent = random.integer(4, 9);
    const Tensor x = random_tensor(random, {1, 2, extent});
    const Attributes attributes = {{"kernel_shape", std::vector<int64_t>{kernel}},
                                   {"strides", std::vector<int64_t>{stride}},
                                   {"pads", std::vector<int64_t>{pad, pad}},
                                   {"count_include_pad", static_cast<int64_t>(count_padding)}};
    const Tensor mean = run("AveragePool", {x}, attributes);
    Attributes without = attributes;
    without.erase("count_include_pad");
    const std::vector<Tensor> largest = run_all("MaxPool", {x}, without, 2);
    const int64_t output = (extent + 2 * pad - kernel) / stride + 1;
    ASSERT_EQ(mean.extents(), (std::vector<int64_t>{1, 2, output}));
    for (int64_t c = 0; c < 2; ++c) {
      for (int64_t i = 0; i < output; ++i) {
        double sum = 0;
        double best = -1e9;
        int64_t inside = 0;
        for (int64_t k = 0; k < kernel; ++k) {
          const int64_t at = i * stride - pad + k;
          if (at < 0 || at >= extent) continue;
          ++inside;
          sum += x.number_at(c * extent + at);
          best = std::max(best, x.number_at(c * extent + at));
        }
        EXPECT_NEAR(mean.number_at(c * output + i), sum / static_cast<double>(count_padding ? kernel : inside),
                    kTolerance);
        EXPECT_EQ(largest[0].number_at(c * output + i), best);
        EXPECT_EQ(x.number_at(static_cast<int64_t>(largest[1].number_at(c * output + i))), best);
      }
    }
  }
}

TEST(ReferencePool, CeilModeKeepsThePartialWindow) {
  const Tensor x = floats({1, 1, 4, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  const Attributes attributes = {
      {"kernel_shape", std::vector<int64_t>{3, 3}}, {"strides", std::vector<int64_t>{2, 2}}, {"ceil_mode", int64_t{1}}};
  expect_numbers(run("MaxPool", {x}, attributes), {1, 1, 2, 2}, {11, 12, 15, 16});        // ONNX: maxpool_2d_ceil
  expect_numbers(run("AveragePool", {x}, attributes), {1, 1, 2, 2}, {6, 7.5, 12, 13.5});  // ONNX: averagepool_2d_ceil
  // A window that would start in the right padding is left out.
  const Tensor line = floats({1, 1, 2}, {1, 2});
  expect_numbers(
      run("AveragePool", {line},
          {{"kernel_shape", std::vector<int64_t>{1}}, {"strides", std::vector<int64_t>{2}}, {"ceil_mode", int64_t{1}}}),
      {1, 1, 1}, {1});
}

TEST(ReferencePool, StorageOrderCountsByColumns) {
  const Tensor x = floats({1, 1, 2, 3}, {1, 2, 3, 6, 5, 4});
  const Attributes attributes = {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"storage_order", int64_t{1}}};
  expect_numbers(run_all("MaxPool", {x}, attributes, 2)[1], {1, 1, 1, 2}, {1, 3});
}

TEST(ReferencePool, GlobalIsTheWholeWindow) {
  Random random(6);
  const Tensor x = random_tensor(random, {2, 3, 4, 5});
  const Attributes whole = {{"kernel_shape", std::vector<int64_t>{4, 5}}};
  expect_near(run("GlobalAveragePool", {x}), run("AveragePool", {x}, whole));
  expect_near(run("GlobalMaxPool", {x}), run("MaxPool", {x}, whole));
  expect_near(run("GlobalAveragePool", {x}), run("ReduceMean", {x, integer_vector({2, 3})}));
}

// --- normalisation ------------------------------------------------------------------------------------------------

TEST(ReferenceNormalization, BatchNormalizationIsAffinePerChannel) {
  const Tensor x = floats({1, 2, 2}, {1, 2, 3, 4});
  const Tensor y = run("BatchNormalization",
                       {x, floats({2}, {2, 3}), floats({2}, {1, -1}), floats({2}, {1, 3}), floats({2}, {4, 0.25F})},
                       {{"epsilon", 0.0F}});
  expect_numbers(y, {1, 2, 2}, {1, 2, -1, 5});
  expect_error(
      [&] {
        run("BatchNormalization",
            {x, floats({2}, {2, 3}), floats({2}, {1, -1}), floats({2}, {1, 3}), floats({2}, {4, 1})},
            {{"training_mode", int64_t{1}}});
      },
      "BatchNormalization in training mode");
}

TEST(ReferenceNormalization, LayerNormalizationHasMeanZeroAndVarianceOne) {
  Random random(7);
  const Tensor x = random_tensor(random, {3, 4, 5});
  const Tensor ones = floats({4, 5}, std::vector<float>(20, 1.0F));
  const std::vector<Tensor> results =
      run_all("LayerNormalization", {x, ones}, {{"axis", int64_t{1}}, {"epsilon", 0.0F}}, 3);
  ASSERT_EQ(results[1].extents(), (std::vector<int64_t>{3, 1, 1}));
  for (int64_t n = 0; n < 3; ++n) {
    double mean = 0;
    double square = 0;
    double original = 0;
    for (int64_t i = 0; i < 20; ++i) {
      mean += results[0].number_at(n * 20 + i) / 20;
      square += results[0].number_at(n * 20 + i) * results[0].number_at(n * 20 + i) / 20;
      original += x.number_at(n * 20 + i) / 20;
    }
    EXPECT_NEAR(mean, 0, kTolerance);
    EXPECT_NEAR(square, 1, kTolerance);
    EXPECT_NEAR(results[1].number_at(n), original, kTolerance);
    EXPECT_NEAR((x.number_at(n * 20) - original) * results[2].number_at(n), results[0].number_at(n * 20), kTolerance);
  }
}

TEST(ReferenceNormalization, GroupsOfOneChannelAreInstancesAndOneGroupIsALayer) {
  Random random(8);
  const Tensor x = random_tensor(random, {2, 4, 3, 3});
  const Tensor scale = random_tensor(random, {4});
  const Tensor bias = random_tensor(random, {4});
  expect_near(run("GroupNormalization", {x, scale, bias}, {{"num_groups", int64_t{4}}}),
              run("InstanceNormalization", {x, scale, bias}));
  const std::vector<int64_t> wide = {4, 1, 1};
  const Tensor layer = run("LayerNormalization",
                           {x, run("Expand", {scale.reshaped(wide), integer_vector({4, 3, 3})}),
                            run("Expand", {bias.reshaped(wide), integer_vector({4, 3, 3})})},
                           {{"axis", int64_t{1}}});
  expect_near(run("GroupNormalization", {x, scale, bias}, {{"num_groups", int64_t{1}}}), layer);
}

// --- functions of one number --------------------------------------------------------------------------------------

TEST(ReferenceFunctions, GiveTheValuesOfTheSpecification) {
  const double e = std::numbers::e;
  struct Row {
    const char* op;
    double at_minus_one, at_half, at_two;
  };
  const std::vector<Row> rows = {
      {"Relu", 0, 0.5, 2},
      {"LeakyRelu", -0.01, 0.5, 2},
      {"Elu", 1 / e - 1, 0.5, 2},
      {"Selu", 1.0507009873554805 * 1.6732632423543772 * (1 / e - 1), 1.0507009873554805 * 0.5, 1.0507009873554805 * 2},
      {"Celu", 1 / e - 1, 0.5, 2},
      {"Sigmoid", 1 / (1 + e), 1 / (1 + std::exp(-0.5)), 1 / (1 + std::exp(-2.0))},
      {"HardSigmoid", 0.3, 0.6, 0.9},
      {"HardSwish", -1.0 / 3, 0.5 * 3.5 / 6, 2 * 5.0 / 6},
      {"Tanh", std::tanh(-1.0), std::tanh(0.5), std::tanh(2.0)},
      {"Mish", -std::tanh(std::log(1 + 1 / e)), 0.5 * std::tanh(std::log(1 + std::exp(0.5))),
       2 * std::tanh(std::log(1 + e * e))},
      {"Gelu", -0.15865525393145707, 0.34573123063700656, 1.9544997361036416},
      {"Softplus", std::log(1 + 1 / e), std::log(1 + std::exp(0.5)), std::log(1 + e * e)},
      {"Softsign", -0.5, 1.0 / 3, 2.0 / 3},
      {"ThresholdedRelu", 0, 0, 2},
      {"Erf", -0.8427007929497149, 0.5204998778130465, 0.9953222650189527},
      {"Exp", 1 / e, std::sqrt(e), e * e},
      {"Neg", 1, -0.5, -2},
      {"Abs", 1, 0.5, 2},
      {"Sign", -1, 1, 1},
      {"Floor", -1, 0, 2},
      {"Ceil", -1, 1, 2},
      {"Round", -1, 0, 2},
      {"Reciprocal", -1, 2, 0.5},
      {"Sin", -0.8414709848078965, 0.479425538604203, 0.9092974268256817},
      {"Cos", 0.5403023058681398, 0.8775825618903728, -0.4161468365471424},
      {"Tan", -1.5574077246549023, 0.5463024898437905, -2.185039863261519},
      {"Atan", -std::numbers::pi / 4, 0.4636476090008061, 1.1071487177940904},
      {"Sinh", (1 / e - e) / 2, 0.5210953054937474, 3.626860407847019},
      {"Cosh", (e + 1 / e) / 2, 1.1276259652063807, 3.7621956910836314},
      {"Asinh", -0.881373587019543, 0.48121182505960347, 1.4436354751788103}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.op);
    expect_numbers(run(row.op, {floats({3}, {-1, 0.5F, 2})}), {3}, {row.at_minus_one, row.at_half, row.at_two}, 1e-6);
  }
  expect_numbers(run("Sqrt", {floats({2}, {0.25F, 9})}), {2}, {0.5, 3});
  expect_numbers(run("Log", {floats({2}, {1, 2})}), {2}, {0, std::numbers::ln2});
  expect_numbers(run("Round", {floats({4}, {0.5F, 1.5F, 2.5F, -2.5F})}), {4}, {0, 2, 2, -2});
  expect_numbers(run("Acosh", {floats({2}, {1, 2})}), {2}, {0, 1.3169578969248166}, 1e-6);
  expect_numbers(run("Atanh", {floats({1}, {0.5F})}), {1}, {0.5493061443340549}, 1e-6);
  expect_numbers(run("Asin", {floats({2}, {0.5F, 1})}), {2}, {std::numbers::pi / 6, std::numbers::pi / 2}, 1e-6);
  expect_numbers(run("Acos", {floats({2}, {0.5F, 1})}), {2}, {std::numbers::pi / 3, 0}, 1e-6);
}

TEST(ReferenceFunctions, ReadTheirAttributes) {
  const Tensor x = floats({2}, {-1, 2});
  expect_numbers(run("LeakyRelu", {x}, {{"alpha", 0.25F}}), {2}, {-0.25, 2});
  expect_numbers(run("HardSigmoid", {x}, {{"alpha", 0.5F}, {"beta", 0.25F}}), {2}, {0, 1});
  expect_numbers(run("Gelu", {x}, {{"approximate", std::string("tanh")}}), {2},
                 {-0.15880800939172324, 1.954597694087775}, 1e-6);
  expect_numbers(run("PRelu", {floats({2, 2}, {-1, -2, 3, -4}), floats({2}, {0.5F, 10})}), {2, 2}, {-0.5, -20, 3, -40});
  expect_numbers(run("Clip", {x, Tensor::scalar(0.0F), Tensor::scalar(1.0F)}), {2}, {0, 1});
  expect_numbers(run("Clip", {x, std::nullopt, Tensor::scalar(1.0F)}), {2}, {-1, 1});
  expect_error([&] { run("Gelu", {x}, {{"approximate", std::string("sigmoid")}}); }, "expected none or tanh");
}

// --- arithmetic ---------------------------------------------------------------------------------------------------

TEST(ReferenceArithmetic, BroadcastsAsTheSpecificationSays) {
  const Tensor column = floats({2, 1}, {1, 2});
  const Tensor row = floats({3}, {10, 20, 30});
  expect_numbers(run("Add", {column, row}), {2, 3}, {11, 21, 31, 12, 22, 32});
  expect_numbers(run("Sub", {column, row}), {2, 3}, {-9, -19, -29, -8, -18, -28});
  expect_numbers(run("Mul", {row, Tensor::scalar(2.0F)}), {3}, {20, 40, 60});
  expect_numbers(run("Max", {column, row, Tensor::scalar(25.0F)}), {2, 3}, {25, 25, 30, 25, 25, 30});
  expect_numbers(run("Min", {column, row}), {2, 3}, {1, 1, 1, 2, 2, 2});
  expect_numbers(run("Mean", {column, row}), {2, 3}, {5.5, 10.5, 15.5, 6, 11, 16});
  expect_numbers(run("Sum", {row, row, row}), {3}, {30, 60, 90});
  expect_error([&] { run("Add", {floats({2}, {1, 2}), row}); }, "do not broadcast");
}

TEST(ReferenceArithmetic, TreatsIntegersAsIntegers) {
  const auto ints = [](std::vector<int64_t> values) { return integer_vector(values); };
  expect_numbers(run("Div", {ints({7, -7, 7}), ints({2, 2, -2})}), {3}, {3, -3, -3});
  expect_numbers(run("Mod", {ints({7, -7, 7, -7}), ints({3, 3, -3, -3})}), {4}, {1, 2, -2, -1});
  expect_numbers(run("Mod", {ints({7, -7}), ints({3, 3})}, {{"fmod", int64_t{1}}}), {2}, {1, -1});
  expect_numbers(run("Pow", {ints({2, -3, 7}), ints({10, 3, 0})}), {3}, {1024, -27, 1});
  expect_error([&] { run("Div", {ints({1}), ints({0})}); }, "divided by 0");
  // Exact past 2^53, wrapping past 2^63.
  const int64_t large = (int64_t{1} << 62) + 1;
  EXPECT_EQ(run("Sub", {ints({large}), ints({1})}).integers()[0], large - 1);
  EXPECT_EQ(run("Add", {ints({std::numeric_limits<int64_t>::max()}), ints({1})}).integers()[0],
            std::numeric_limits<int64_t>::min());
  expect_numbers(run("Add", {Tensor::of<int8_t>({2}, {100, -100}), Tensor::of<int8_t>({2}, {100, -100})}), {2},
                 {-56, 56});
  expect_numbers(run("Abs", {Tensor::of<int32_t>({2}, {-3, 4})}), {2}, {3, 4});
}

TEST(ReferenceArithmetic, KeepsWhatIsNotANumber) {
  const float nan = std::nanf("");
  EXPECT_TRUE(std::isnan(run("Max", {floats({1}, {nan}), floats({1}, {1})}).number_at(0)));
  EXPECT_TRUE(std::isnan(run("Min", {floats({1}, {1}), floats({1}, {nan})}).number_at(0)));
  expect_numbers(run("IsNaN", {floats({2}, {nan, 1})}), {2}, {1, 0});
  expect_numbers(run("IsInf", {floats({3}, {-HUGE_VALF, HUGE_VALF, 0})}, {{"detect_negative", int64_t{0}}}), {3},
                 {0, 1, 0});
}

TEST(ReferenceLogic, FollowsTheTruthTables) {
  const Tensor a = Tensor::of<bool>({4}, {false, false, true, true});
  const Tensor b = Tensor::of<bool>({4}, {false, true, false, true});
  expect_numbers(run("And", {a, b}), {4}, {0, 0, 0, 1});
  expect_numbers(run("Or", {a, b}), {4}, {0, 1, 1, 1});
  expect_numbers(run("Xor", {a, b}), {4}, {0, 1, 1, 0});
  expect_numbers(run("Not", {a}), {4}, {1, 1, 0, 0});
  const Tensor x = floats({3}, {1, 2, 3});
  const Tensor two = Tensor::scalar(2.0F);
  expect_numbers(run("Equal", {x, two}), {3}, {0, 1, 0});
  expect_numbers(run("Greater", {x, two}), {3}, {0, 0, 1});
  expect_numbers(run("Less", {x, two}), {3}, {1, 0, 0});
  expect_numbers(run("GreaterOrEqual", {x, two}), {3}, {0, 1, 1});
  expect_numbers(run("LessOrEqual", {x, two}), {3}, {1, 1, 0});
  expect_numbers(run("Where", {run("Less", {x, two}), x, two}), {3}, {1, 2, 2});
  const std::vector<int64_t> pair = {2};
  const Tensor words = Tensor::of_strings(pair, {"a", "b"});
  expect_numbers(run("Equal", {words, Tensor::of_strings({}, {"b"})}), {2}, {0, 1});
}

// --- matrix products ----------------------------------------------------------------------------------------------

TEST(ReferenceMatrixProduct, GemmIsMatMulPlusBias) {
  Random random(9);
  const Tensor a = random_tensor(random, {3, 4});
  const Tensor b = random_tensor(random, {4, 5});
  const Tensor c = random_tensor(random, {5});
  const Tensor product = run("MatMul", {a, b});
  expect_near(run("Gemm", {a, b, c}), run("Add", {product, c}));
  const Tensor at = run("Transpose", {a});
  const Tensor bt = run("Transpose", {b});
  expect_near(run("Gemm", {at, bt, c}, {{"transA", int64_t{1}}, {"transB", int64_t{1}}}), run("Gemm", {a, b, c}));
  const Tensor scaled = run("Gemm", {a, b, c}, {{"alpha", 0.5F}, {"beta", 2.0F}});
  expect_near(scaled, run("Add", {run("Mul", {product, Tensor::scalar(0.5F)}), run("Mul", {c, Tensor::scalar(2.0F)})}));
}

TEST(ReferenceMatrixProduct, MatMulEqualsItsSums) {
  Random random(10);
  const Tensor a = random_tensor(random, {2, 1, 3, 4});
  const Tensor b = random_tensor(random, {5, 4, 2});
  const Tensor y = run("MatMul", {a, b});
  ASSERT_EQ(y.extents(), (std::vector<int64_t>{2, 5, 3, 2}));
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      for (int64_t r = 0; r < 3; ++r) {
        for (int64_t c = 0; c < 2; ++c) {
          double sum = 0;
          for (int64_t k = 0; k < 4; ++k) sum += a.number_at((i * 3 + r) * 4 + k) * b.number_at((j * 4 + k) * 2 + c);
          EXPECT_NEAR(y.number_at(((i * 5 + j) * 3 + r) * 2 + c), sum, kTolerance);
        }
      }
    }
  }
  expect_numbers(run("MatMul", {floats({2}, {1, 2}), floats({2}, {3, 4})}), {}, {11});
  expect_numbers(run("MatMul", {floats({2, 2}, {1, 2, 3, 4}), floats({2}, {1, 1})}), {2}, {3, 7});
  expect_numbers(run("MatMul", {integer_vector({2, -3}), integer_vector({5, 7})}), {}, {-11});
}

TEST(ReferenceMatrixProduct, PointwiseConvolutionIsMatMul) {
  Random random(11);
  const Tensor x = random_tensor(random, {1, 3, 2, 2});
  const Tensor w = random_tensor(random, {4, 3, 1, 1});
  const Tensor y = run("Conv", {x, w});
  const std::vector<int64_t> matrix = {3, 4};
  const std::vector<int64_t> weight = {4, 3};
  expect_near(y, run("MatMul", {w.reshaped(weight), x.reshaped(matrix)}).reshaped(y.extents()));
}

// --- softmax and reductions ---------------------------------------------------------------------------------------

TEST(ReferenceSoftmax, SumsToOneAndDoesNotOverflow) {
  const Tensor x = floats({2, 3}, {1000, 1001, 1002, -1, 0, 1});
  const Tensor y = run("Softmax", {x});
  expect_numbers(y, {2, 3}, {0.09003057, 0.24472847, 0.66524096, 0.09003057, 0.24472847, 0.66524096});
  expect_near(run("Exp", {run("LogSoftmax", {x})}), y);
  expect_numbers(run("Softmax", {floats({2, 2}, {0, 1, 0, 1})}, {{"axis", int64_t{0}}}), {2, 2}, {0.5, 0.5, 0.5, 0.5});
  expect_numbers(run("Hardmax", {floats({2, 3}, {1, 3, 3, 5, 2, 1})}), {2, 3}, {0, 1, 0, 1, 0, 0});
}

TEST(ReferenceReduce, GivesSumsOverAxes) {
  const Tensor x = floats({2, 3}, {1, -2, 3, 4, 5, -6});
  const Tensor rows = integer_vector({1});
  const Attributes drop = {{"keepdims", int64_t{0}}};
  expect_numbers(run("ReduceSum", {x, rows}, drop), {2}, {2, 3});
  expect_numbers(run("ReduceSum", {x, integer_vector({-2})}), {1, 3}, {5, 3, -3});
  expect_numbers(run("ReduceSum", {x}, drop), {}, {5});
  expect_numbers(run("ReduceSum", {x}, {{"noop_with_empty_axes", int64_t{1}}}), {2, 3}, {1, -2, 3, 4, 5, -6});
  expect_numbers(run("ReduceMean", {x, rows}, drop), {2}, {2.0 / 3, 1});
  expect_numbers(run("ReduceMax", {x, rows}, drop), {2}, {3, 5});
  expect_numbers(run("ReduceMin", {x, rows}, drop), {2}, {-2, -6});
  expect_numbers(run("ReduceProd", {x, rows}, drop), {2}, {-6, -120});
  expect_numbers(run("ReduceL1", {x, rows}, drop), {2}, {6, 15});
  expect_numbers(run("ReduceL2", {x, rows}, drop), {2}, {std::sqrt(14.0), std::sqrt(77.0)});
  expect_numbers(run("ReduceSumSquare", {x, rows}, drop), {2}, {14, 77});
  expect_numbers(run("ReduceLogSum", {x, rows}, drop), {2}, {std::log(2.0), std::log(3.0)});
  expect_numbers(run("ReduceLogSumExp", {floats({2}, {1000, 1000})}, drop), {}, {1000 + std::numbers::ln2}, 1e-6);
  expect_numbers(run("ReduceMean", {integer_vector({1, 2, 4})}, drop), {}, {2});
}

TEST(ReferenceOrdering, FindsExtremesAndLargest) {
  const Tensor x = floats({2, 4}, {3, 9, 9, 1, 5, 5, 0, 7});
  expect_numbers(run("ArgMax", {x}, {{"axis", int64_t{1}}}), {2, 1}, {1, 3});
  expect_numbers(
      run("ArgMax", {x}, {{"axis", int64_t{1}}, {"select_last_index", int64_t{1}}, {"keepdims", int64_t{0}}}), {2},
      {2, 3});
  expect_numbers(run("ArgMin", {x}, {{"axis", int64_t{-1}}, {"keepdims", int64_t{0}}}), {2}, {3, 2});
  const std::vector<Tensor> top = run_all("TopK", {x, integer_vector({2})}, {}, 2);
  expect_numbers(top[0], {2, 2}, {9, 9, 7, 5});
  expect_numbers(top[1], {2, 2}, {1, 2, 3, 0});
  expect_numbers(run_all("TopK", {x, integer_vector({1})}, {{"largest", int64_t{0}}}, 2)[1], {2, 1}, {3, 2});
  const Tensor axis = Tensor::scalar<int64_t>(0);
  const Tensor line = floats({4}, {1, 2, 3, 4});
  expect_numbers(run("CumSum", {line, axis}), {4}, {1, 3, 6, 10});
  expect_numbers(run("CumSum", {line, axis}, {{"exclusive", int64_t{1}}}), {4}, {0, 1, 3, 6});
  expect_numbers(run("CumSum", {line, axis}, {{"reverse", int64_t{1}}}), {4}, {10, 9, 7, 4});
  expect_numbers(run("CumSum", {line, axis}, {{"reverse", int64_t{1}}, {"exclusive", int64_t{1}}}), {4}, {9, 7, 4, 0});
}

// --- layout -------------------------------------------------------------------------------------------------------

TEST(ReferenceLayout, TransposeTwiceIsNothing) {
  Random random(12);
  const Tensor x = random_tensor(random, {2, 3, 4, 5});
  const Tensor turned = run("Transpose", {x}, {{"perm", std::vector<int64_t>{3, 0, 2, 1}}});
  ASSERT_EQ(turned.extents(), (std::vector<int64_t>{5, 2, 4, 3}));
  EXPECT_EQ(turned.number_at(((1 * 2 + 1) * 4 + 3) * 3 + 2), x.number_at(((1 * 3 + 2) * 4 + 3) * 5 + 1));
  EXPECT_TRUE(run("Transpose", {turned}, {{"perm", std::vector<int64_t>{1, 3, 2, 0}}}) == x);
  EXPECT_TRUE(run("Transpose", {run("Transpose", {x})}) == x);
}

TEST(ReferenceLayout, ReshapeCopiesZerosAndFillsMinusOne) {
  Random random(13);
  const Tensor x = random_tensor(random, {2, 3, 4});
  EXPECT_EQ(run("Reshape", {x, integer_vector({0, -1})}).extents(), (std::vector<int64_t>{2, 12}));
  EXPECT_EQ(run("Reshape", {x, integer_vector({4, 0, 2})}).extents(), (std::vector<int64_t>{4, 3, 2}));
  EXPECT_EQ(
      run("Reshape", {random_tensor(random, {0, 3}), integer_vector({3, 0})}, {{"allowzero", int64_t{1}}}).extents(),
      (std::vector<int64_t>{3, 0}));
  expect_error([&] { run("Reshape", {x, integer_vector({5, 5})}); }, "another number of elements");
}

TEST(ReferenceLayout, DepthToSpaceFollowsItsExamples) {
  // ONNX: depthtospace example, 1x8x2x3, block 2.
  std::vector<float> values;
  for (int c = 0; c < 8; ++c) {
    for (int i = 0; i < 6; ++i) values.push_back(static_cast<float>(9 * c + i));
  }
  const Tensor x = floats({1, 8, 2, 3}, values);
  const Tensor dcr = run("DepthToSpace", {x}, {{"blocksize", int64_t{2}}, {"mode", std::string("DCR")}});
  expect_numbers(run("Slice", {dcr, integer_vector({0, 0}), integer_vector({1, 2}), integer_vector({1, 2})}),
                 {1, 1, 2, 6}, {0, 18, 1, 19, 2, 20, 36, 54, 37, 55, 38, 56});
  const Tensor crd = run("DepthToSpace", {x}, {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}});
  expect_numbers(run("Slice", {crd, integer_vector({0, 0}), integer_vector({1, 2}), integer_vector({1, 2})}),
                 {1, 1, 2, 6}, {0, 9, 1, 10, 2, 11, 18, 27, 19, 28, 20, 29});
  EXPECT_TRUE(run("SpaceToDepth", {dcr}, {{"blocksize", int64_t{2}}}) == x);
}

TEST(ReferenceLayout, CastCutsWrapsAndTests) {
  const auto to = [](ElementType type) { return Attributes{{"to", static_cast<int64_t>(type)}}; };
  const Tensor x = floats({4}, {-1.7F, 0, 2.9F, 300});
  expect_numbers(run("Cast", {x}, to(ElementType::int32)), {4}, {-1, 0, 2, 300});
  expect_numbers(run("Cast", {x}, to(ElementType::boolean)), {4}, {1, 0, 1, 1});
  expect_numbers(run("Cast", {Tensor::of<int32_t>({2}, {300, -129})}, to(ElementType::int8)), {2}, {44, 127});
  expect_numbers(run("Cast", {Tensor::of<bool>({2}, {true, false})}, to(ElementType::float32)), {2}, {1, 0});
  EXPECT_EQ(run("Cast", {floats({1}, {1.0009765F})}, to(ElementType::float16)).number_at(0), 1.0009765625);
  EXPECT_EQ(run("Cast", {integer_vector({16777217})}, to(ElementType::float32)).number_at(0), 16777216.0);
  const Tensor words = run("Cast", {floats({3}, {1.5F, -HUGE_VALF, 0.1F})}, to(ElementType::string));
  EXPECT_EQ(words.strings(), (std::vector<std::string>{"1.5", "-INF", "0.1"}));
  EXPECT_EQ(run("Cast", {words}, to(ElementType::float64)).numbers(), (std::vector<double>{1.5, -HUGE_VAL, 0.1}));
  expect_numbers(run("Cast", {floats({3}, {-1.7F, 0, 1000})}, to(ElementType::float8_e4m3fn)), {3}, {-1.75, 0, 448});
  Attributes unsaturated = to(ElementType::float8_e5m2);
  unsaturated.set("saturate", int64_t{0});
  EXPECT_EQ(run("Cast", {floats({1}, {1e9F})}, unsaturated).number_at(0), HUGE_VAL);
  EXPECT_EQ(run("CastLike", {x, Tensor::scalar<int64_t>(0)}).type(), ElementType::int64);
}

TEST(ReferenceLayout, DropoutIsIdentityOutsideTraining) {
  Random random(14);
  const Tensor x = random_tensor(random, {3, 3});
  const std::vector<Tensor> results = run_all("Dropout", {x, Tensor::scalar(0.5F)}, {}, 2);
  EXPECT_TRUE(results[0] == x);
  for (int64_t i = 0; i < 9; ++i) EXPECT_EQ(results[1].number_at(i), 1);
  expect_error(
      [&] {
        run("Dropout", {x, Tensor::scalar(0.5F), Tensor::scalar<bool>(true)});
      },
      "Dropout in training mode");
}

// --- slicing and gathering ----------------------------------------------------------------------------------------

TEST(ReferenceSlicing, SplitAndConcatAreInverse) {
  Random random(15);
  const Tensor x = random_tensor(random, {2, 7, 3});
  const std::vector<Tensor> parts = run_all("Split", {x, integer_vector({2, 0, 5})}, {{"axis", int64_t{1}}}, 3);
  EXPECT_EQ(parts[1].extents(), (std::vector<int64_t>{2, 0, 3}));
  EXPECT_TRUE(run("Concat", {parts[0], parts[1], parts[2]}, {{"axis", int64_t{-2}}}) == x);
  const std::vector<Tensor> uneven = run_all("Split", {x}, {{"axis", int64_t{1}}, {"num_outputs", int64_t{3}}}, 3);
  EXPECT_EQ(uneven[0].extents()[1], 3);
  EXPECT_EQ(uneven[2].extents()[1], 1);
  const std::vector<int64_t> two = {2};
  EXPECT_EQ(
      run("Concat", {Tensor::of_strings(two, {"a", "b"}), Tensor::of_strings(two, {"c", "d"})}, {{"axis", int64_t{0}}})
          .strings(),
      (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(ReferenceSlicing, SliceReadsBackwardsAndClamps) {
  const Tensor x = floats({5}, {0, 1, 2, 3, 4});
  const auto slice = [&](int64_t start, int64_t end, int64_t step) {
    return run("Slice",
               {x, integer_vector({start}), integer_vector({end}), integer_vector({0}), integer_vector({step})});
  };
  expect_numbers(slice(1, 4, 2), {2}, {1, 3});
  expect_numbers(slice(-3, 1000, 1), {3}, {2, 3, 4});
  expect_numbers(slice(-1, std::numeric_limits<int64_t>::min(), -1), {5}, {4, 3, 2, 1, 0});
  expect_numbers(slice(20, 0, -2), {2}, {4, 2});
  expect_numbers(slice(3, 1, 1), {0}, {});
  expect_error([&] { slice(0, 1, 0); }, "a step of 0");
}

TEST(ReferenceSlicing, PadAndSliceAreInverse) {
  Random random(16);
  const Tensor x = random_tensor(random, {3, 4});
  for (const char* mode : {"constant", "reflect", "edge", "wrap"}) {
    const Tensor padded = run("Pad", {x, integer_vector({1, 2, 2, 3})}, {{"mode", std::string(mode)}});
    EXPECT_TRUE(run("Slice", {padded, integer_vector({1, 2}), integer_vector({-2, -3})}) == x) << mode;
    EXPECT_TRUE(run("Pad", {padded, integer_vector({-1, -2, -2, -3})}) == x) << mode;
  }
  const Tensor line = floats({3}, {1, 2, 3});
  const auto pad = [&](const char* mode) {
    return run("Pad", {line, integer_vector({2, 2})}, {{"mode", std::string(mode)}});
  };
  expect_numbers(pad("constant"), {7}, {0, 0, 1, 2, 3, 0, 0});
  expect_numbers(pad("reflect"), {7}, {3, 2, 1, 2, 3, 2, 1});
  expect_numbers(pad("edge"), {7}, {1, 1, 1, 2, 3, 3, 3});
  expect_numbers(pad("wrap"), {7}, {2, 3, 1, 2, 3, 1, 2});
  expect_numbers(run("Pad", {x, integer_vector({1, 0}), Tensor::scalar(9.0F), integer_vector({-1})})
                     .reshaped(std::vector<int64_t>{15}),
                 {15}, run("Concat", {floats({3, 1}, {9, 9, 9}), x}, {{"axis", int64_t{1}}}).numbers());
}

TEST(ReferenceSlicing, TileAndExpandRepeat) {
  const Tensor x = floats({2, 1}, {1, 2});
  expect_numbers(run("Tile", {x, integer_vector({2, 3})}), {4, 3}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2});
  expect_numbers(run("Expand", {x, integer_vector({3, 1, 2})}), {3, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2});
}

TEST(ReferenceGather, PicksByIndex) {
  const Tensor x = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  const Tensor picks = Tensor::of<int64_t>({2, 2}, {0, -1, 1, 1});
  expect_numbers(run("Gather", {x, picks}), {2, 2, 2}, {1, 2, 5, 6, 3, 4, 3, 4});
  expect_numbers(run("Gather", {x, integer_vector({1})}, {{"axis", int64_t{1}}}), {3, 1}, {2, 4, 6});
  expect_numbers(run("Gather", {x, Tensor::scalar<int64_t>(2)}), {2}, {5, 6});
  expect_error([&] { run("Gather", {x, integer_vector({3})}); }, "index 3 on an axis of extent 3");
  // The examples of the specification.
  const Tensor square = floats({2, 2}, {1, 2, 3, 4});
  expect_numbers(run("GatherElements", {square, Tensor::of<int64_t>({2, 2}, {0, 0, 1, 0})}, {{"axis", int64_t{1}}}),
                 {2, 2}, {1, 1, 4, 3});
  expect_numbers(run("GatherND", {floats({2, 2}, {0, 1, 2, 3}), Tensor::of<int64_t>({2, 2}, {0, 0, 1, 1})}), {2},
                 {0, 3});
  expect_numbers(run("GatherND", {floats({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}), Tensor::of<int64_t>({2, 1}, {1, 0})},
                     {{"batch_dims", int64_t{1}}}),
                 {2, 2}, {2, 3, 4, 5});
}

TEST(ReferenceGather, ScatterIsItsInverse) {
  expect_numbers(
      run("ScatterElements",
          {floats({1, 5}, {1, 2, 3, 4, 5}), Tensor::of<int64_t>({1, 2}, {1, 3}), floats({1, 2}, {1.1F, 2.1F})},
          {{"axis", int64_t{1}}}),
      {1, 5}, {1, 1.1, 3, 2.1, 5});
  expect_numbers(
      run("ScatterElements",
          {floats({1, 5}, {1, 2, 3, 4, 5}), Tensor::of<int64_t>({1, 2}, {1, 1}), floats({1, 2}, {1.1F, 2.1F})},
          {{"axis", int64_t{1}}, {"reduction", std::string("add")}}),
      {1, 5}, {1, 5.2, 3, 4, 5});
  const Tensor updated = run("ScatterND", {floats({8}, {1, 2, 3, 4, 5, 6, 7, 8}),
                                           Tensor::of<int64_t>({4, 1}, {4, 3, 1, 7}), floats({4}, {9, 10, 11, 12})});
  expect_numbers(updated, {8}, {1, 11, 3, 10, 9, 6, 7, 12});
  expect_numbers(run("GatherND", {updated, Tensor::of<int64_t>({4, 1}, {4, 3, 1, 7})}), {4}, {9, 10, 11, 12});
}

// --- resize -------------------------------------------------------------------------------------------------------

TEST(ReferenceResize, FollowsTheSpecificationsExamples) {
  const auto resize = [](const Tensor& x, std::vector<float> scales, Attributes attributes) {
    return run("Resize", {x, std::nullopt, floats({static_cast<int64_t>(scales.size())}, scales)},
               std::move(attributes));
  };
  const Tensor square = floats({1, 1, 2, 2}, {1, 2, 3, 4});
  expect_numbers(resize(square, {1, 1, 2, 3}, {{"mode", std::string("nearest")}}), {1, 1, 4, 6},
                 {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4});
  expect_numbers(resize(square, {1, 1, 2, 2}, {{"mode", std::string("linear")}}), {1, 1, 4, 4},
                 {1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4});
  expect_numbers(
      resize(square, {1, 1, 2, 2},
             {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("align_corners")}}),
      {1, 1, 4, 4},
      {1, 4.0 / 3, 5.0 / 3, 2, 5.0 / 3, 2, 7.0 / 3, 8.0 / 3, 7.0 / 3, 8.0 / 3, 3, 10.0 / 3, 3, 10.0 / 3, 11.0 / 3, 4});
  const Tensor wide = floats({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  expect_numbers(resize(wide, {1, 1, 0.6F, 0.6F}, {{"mode", std::string("linear")}}), {1, 1, 1, 2},
                 {2.6666665, 4.3333331}, 1e-5);
  expect_numbers(resize(wide, {1, 1, 0.6F, 0.6F}, {{"mode", std::string("nearest")}}), {1, 1, 1, 2}, {1, 3});
  std::vector<float> sixteen;
  for (int i = 1; i <= 16; ++i) sixteen.push_back(static_cast<float>(i));
  const Tensor grid = floats({1, 1, 4, 4}, sixteen);
  // ONNX: resize_downsample_scales_cubic.
  expect_numbers(
      resize(grid, {1, 1, 0.8F, 0.8F}, {{"mode", std::string("cubic")}}), {1, 1, 3, 3},
      {1.47119141, 2.78125, 4.08251953, 6.71142578, 8.02148438, 9.32275391, 11.91650391, 13.2265625, 14.52783203},
      1e-5);
  // ONNX: resize_downsample_scales_cubic_A_n0p5_exclude_outside.
  expect_numbers(
      resize(grid, {1, 1, 0.8F, 0.8F},
             {{"mode", std::string("cubic")}, {"cubic_coeff_a", -0.5F}, {"exclude_outside", int64_t{1}}}),
      {1, 1, 3, 3},
      {1.36812675, 2.6695014, 4.0133367, 6.57362535, 7.875, 9.2188353, 11.94896657, 13.25034122, 14.59417652}, 1e-5);
  // ONNX: resize_tf_crop_and_resize.
  const Tensor crop = run(
      "Resize", {grid, floats({8}, {0, 0, 0.4F, 0.6F, 1, 1, 0.6F, 0.8F}), std::nullopt, integer_vector({1, 1, 3, 3})},
      {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("tf_crop_and_resize")}});
  expect_numbers(crop, {1, 1, 3, 3}, {7.6, 7.9, 8.2, 8.8, 9.1, 9.4, 10, 10.3, 10.6}, 1e-5);
}

TEST(ReferenceResize, KeepsTheAspectRatio) {
  const Tensor x = floats({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const std::vector<int64_t> axes = {2, 3};
  const auto resized = [&](const char* policy) {
    return run("Resize", {x, std::nullopt, std::nullopt, integer_vector({7, 8})},
               {{"axes", axes}, {"keep_aspect_ratio_policy", std::string(policy)}})
        .extents();
  };
  EXPECT_EQ(resized("stretch"), (std::vector<int64_t>{1, 1, 7, 8}));
  EXPECT_EQ(resized("not_larger"), (std::vector<int64_t>{1, 1, 4, 8}));
  EXPECT_EQ(resized("not_smaller"), (std::vector<int64_t>{1, 1, 7, 14}));
}

// --- creation -----------------------------------------------------------------------------------------------------

TEST(ReferenceCreation, MakesTensors) {
  expect_numbers(run("Range", {Tensor::scalar<int64_t>(10), Tensor::scalar<int64_t>(6), Tensor::scalar<int64_t>(-3)}),
                 {2}, {10, 7});
  expect_numbers(run("Range", {Tensor::scalar(1.0F), Tensor::scalar(5.0F), Tensor::scalar(2.0F)}), {2}, {1, 3});
  const Tensor filled = run("ConstantOfShape", {integer_vector({2, 1})}, {{"value", Tensor::of<int32_t>({1}, {7})}});
  EXPECT_EQ(filled.type(), ElementType::int32);
  expect_numbers(filled, {2, 1}, {7, 7});
  expect_numbers(run("ConstantOfShape", {integer_vector({})}), {}, {0});
  Random random(17);
  const Tensor x = random_tensor(random, {2, 3, 4});
  expect_numbers(run("Shape", {x}), {3}, {2, 3, 4});
  expect_numbers(run("Shape", {x}, {{"start", int64_t{-2}}, {"end", int64_t{-1}}}), {1}, {3});
  expect_numbers(run("Size", {x}), {}, {24});
  expect_error([&] { run("Constant", {}); }, "a constant without a value");
}

}  // namespace
}  // namespace nacre
