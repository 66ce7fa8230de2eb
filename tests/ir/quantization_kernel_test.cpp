// Quantized operators by the reference executor: against their definition through real numbers, and by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nacre/ir/onnx_test_data.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/small_float.hpp"
#include "tests/ir/operator_cases.hpp"

namespace nacre {
namespace {

std::vector<Tensor> run(const std::string& op, const std::vector<std::optional<Tensor>>& inputs,
                        Attributes attributes = {}, int outputs = 1) {
  const testing::OperatorCase test{.op = op, .attributes = std::move(attributes), .inputs = inputs, .outputs = outputs};
  const Graph graph = testing::case_graph(test);
  std::vector<const Tensor*> given;
  for (const auto& input : test.inputs) given.push_back(input.has_value() ? &*input : nullptr);
  return run_reference_node(graph.node(0), given);
}

TEST(QuantizeLinear, RoundsHalvesToEvenAndSaturates) {
  const Tensor x = Tensor::of<float>({9}, {0.0F, 0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 300.0F, -300.0F, 127.5F});
  const Tensor scale = Tensor::scalar(1.0F);
  EXPECT_EQ(run("QuantizeLinear", {x, scale, Tensor::scalar<int8_t>(0)})[0],
            Tensor::of<int8_t>({9}, {0, 0, 2, 2, 0, -2, 127, -128, 127}));
  EXPECT_EQ(run("QuantizeLinear", {x, scale, Tensor::scalar<uint8_t>(1)})[0],
            Tensor::of<uint8_t>({9}, {1, 1, 3, 3, 1, 0, 255, 0, 129}));
  EXPECT_EQ(run("QuantizeLinear", {x, scale})[0].type(), ElementType::uint8);
}

// Within half a step inside the range, for every way of giving scales.
TEST(QuantizeLinear, DequantizesToWithinHalfAStep) {
  Random random(3);
  for (int i = 0; i < 200; ++i) {
    const testing::OperatorCase test = testing::cases::quantize_linear(random);
    const Tensor code = run("QuantizeLinear", test.inputs, test.attributes)[0];
    std::vector<std::optional<Tensor>> back = {code, test.inputs[1]};
    if (test.inputs.size() > 2) back.push_back(test.inputs[2]);
    Attributes attributes = test.attributes;
    attributes.erase("output_dtype");
    const Tensor real = run("DequantizeLinear", back, attributes)[0];
    // The step of each element: the scale on a tensor of ones.
    Tensor ones(ElementType::int8, test.inputs[0]->extents());
    for (int64_t e = 0; e < ones.elements(); ++e) ones.set_number_at(e, 1);
    const Tensor step = run("DequantizeLinear", {ones, test.inputs[1]}, attributes)[0];
    const bool is_signed =
        code.type() == ElementType::int8 || code.type() == ElementType::int16 || code.type() == ElementType::int4;
    const double levels = std::pow(2.0, element_bits(code.type()));
    const double low = is_signed ? -levels / 2 : 0, high = low + levels - 1;
    for (int64_t e = 0; e < code.elements(); ++e) {
      if (code.number_at(e) == low || code.number_at(e) == high) continue;  // saturated
      EXPECT_LE(std::abs(real.number_at(e) - test.inputs[0]->number_at(e)), step.number_at(e) * 0.50001);
    }
  }
}

// A block of one slice is a scale per slice.
TEST(DequantizeLinear, BlocksOfAWholeAxisEqualScalesPerSlice) {
  Random random(4);
  const Tensor x = testing::cases::random_codes(random, {3, 6}, ElementType::uint4);
  const Tensor scale = testing::cases::random_scale(random, {3});
  const Tensor zero = testing::cases::random_codes(random, {3}, ElementType::uint4);
  const Tensor per_slice = run("DequantizeLinear", {x, scale, zero}, {{"axis", int64_t{0}}})[0];
  const std::vector<int64_t> blocks = {3, 1};
  const Tensor blocked = run("DequantizeLinear", {x, scale.reshaped(blocks), zero.reshaped(blocks)},
                             {{"axis", int64_t{1}}, {"block_size", int64_t{6}}})[0];
  EXPECT_EQ(per_slice, blocked);
  // And a last block may be shorter.
  const Tensor wide = testing::cases::random_scale(random, {3, 2});
  const Tensor uneven = run("DequantizeLinear", {x, wide}, {{"axis", int64_t{-1}}, {"block_size", int64_t{4}}})[0];
  for (int64_t i = 0; i < 18; ++i) {
    const double expected =
        static_cast<double>(static_cast<float>(x.number_at(i) * wide.number_at(i / 6 * 2 + i % 6 / 4)));
    EXPECT_EQ(uneven.number_at(i), expected);
  }
}

TEST(DynamicQuantizeLinear, CoversTheRangeAndZeroExactly) {
  Random random(5);
  for (int i = 0; i < 50; ++i) {
    const Tensor x = testing::random_tensor(random, {7});
    const std::vector<Tensor> y = run("DynamicQuantizeLinear", {x}, {}, 3);
    const double scale = y[1].number_at(0), zero = y[2].number_at(0);
    for (int64_t e = 0; e < 7; ++e) {
      const double real = (y[0].number_at(e) - zero) * scale;
      EXPECT_NEAR(real, x.number_at(e), scale * 1.01);
    }
  }
  const std::vector<Tensor> zeros = run("DynamicQuantizeLinear", {Tensor(ElementType::float32, {3})}, {}, 3);
  EXPECT_EQ(zeros[1].number_at(0), 1);
  EXPECT_EQ(zeros[0], Tensor(ElementType::uint8, {3}));
}

// The integer operators are the real ones on shifted integers.
TEST(IntegerProducts, EqualTheRealOperatorsOnShiftedIntegers) {
  Random random(6);
  for (int i = 0; i < 100; ++i) {
    for (const char* op : {"MatMulInteger", "ConvInteger"}) {
      const testing::OperatorCase test = testing::make_case(op, random);
      const bool matrix = std::string(op) == "MatMulInteger";
      std::vector<std::optional<Tensor>> shifted;
      for (const size_t side : {size_t{0}, size_t{1}}) {
        Tensor real = test.inputs[side]->cast(ElementType::float64);
        if (test.inputs.size() > side + 2) {
          Tensor zero = test.inputs[side + 2]->cast(ElementType::float64);
          if (zero.rank() == 1) {  // along rows of A, columns of B, output channels of W
            std::vector<int64_t> shape(static_cast<size_t>(real.rank()), 1);
            const size_t axis = !matrix ? 0 : side == 0 ? shape.size() - 2 : shape.size() - 1;
            shape[axis] = zero.elements();
            zero = zero.reshaped(shape);
          }
          real = run("Sub", {real, zero})[0];
        }
        shifted.push_back(real);
      }
      const Tensor expected = run(matrix ? "MatMul" : "Conv", shifted, test.attributes)[0].cast(ElementType::int32);
      EXPECT_EQ(run(op, test.inputs, test.attributes)[0], expected);
    }
  }
}

// Dequantize, compute in double, quantize: the same up to one step where a half is rounded.
TEST(QLinearProducts, EqualTheRealOperatorsBetweenQuantizations) {
  Random random(8);
  int64_t equal = 0, all = 0;
  for (int i = 0; i < 150; ++i) {
    for (const char* op : {"QLinearMatMul", "QLinearConv"}) {
      const testing::OperatorCase test = testing::make_case(op, random);
      const auto& in = test.inputs;
      const bool matrix = std::string(op) == "QLinearMatMul";
      const auto real = [&](size_t x, int64_t axis) {
        return run("DequantizeLinear", {in[x], in[x + 1]->cast(ElementType::float64), in[x + 2]}, {{"axis", axis}})[0];
      };
      const Tensor a = real(0, 0), b = real(3, matrix ? -1 : 0);
      std::vector<std::optional<Tensor>> operands = {a, b};
      if (in.size() > 8) {
        Tensor bias = in[8]->cast(ElementType::float64);
        const Tensor scale = run("Mul", {in[1]->cast(ElementType::float64), in[4]->cast(ElementType::float64)})[0];
        operands.push_back(run("Mul", {bias, scale})[0]);
      }
      const Tensor y = run(matrix ? "MatMul" : "Conv", operands, test.attributes)[0];
      const Tensor expected = run("QuantizeLinear", {y, in[6]->cast(ElementType::float64), in[7]})[0];
      const Tensor found = run(op, in, test.attributes)[0];
      ASSERT_EQ(found.extents(), expected.extents());
      for (int64_t e = 0; e < found.elements(); ++e) {
        EXPECT_LE(std::abs(found.number_at(e) - expected.number_at(e)), 1);
        equal += found.number_at(e) == expected.number_at(e) ? 1 : 0;
        ++all;
      }
    }
  }
  EXPECT_GT(static_cast<double>(equal), 0.99 * static_cast<double>(all));
}

// --- small floats -------------------------------------------------------------------------------------------------

class SmallFloat : public ::testing::TestWithParam<ElementType> {};

TEST_P(SmallFloat, EveryCodeComesBack) {
  const int codes = element_bits(GetParam()) == 8 ? 256 : 16;
  int finite = 0;
  for (int code = 0; code < codes; ++code) {
    const float value = small_float_to_float(GetParam(), static_cast<uint8_t>(code));
    if (std::isnan(value)) continue;
    if (std::isinf(value)) {
      EXPECT_EQ(float_to_small_float(GetParam(), value, false), code);
      continue;
    }
    ++finite;
    EXPECT_EQ(float_to_small_float(GetParam(), value), code) << value;
    EXPECT_EQ(float_to_small_float(GetParam(), value, false), code) << value;
  }
  EXPECT_GT(finite, codes - 9);
}

// The nearest of all codes; of two, the one whose last bit is 0.
TEST_P(SmallFloat, RoundsToTheNearest) {
  Random random(9);
  const int codes = element_bits(GetParam()) == 8 ? 256 : 16;
  float largest = 0;
  for (int code = 0; code < codes; ++code) {
    const float value = small_float_to_float(GetParam(), static_cast<uint8_t>(code));
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  for (int i = 0; i < 3000; ++i) {
    float x = static_cast<float>(random.uniform(-1, 1)) * largest;
    if (i % 2 == 0) x = std::ldexp(x, -static_cast<int>(random.integer(0, 20)));
    if (i % 3 == 0) {  // exactly between two codes
      const auto code = static_cast<uint8_t>(random.integer(0, codes / 2 - 2));
      const float a = small_float_to_float(GetParam(), code);
      const float b = small_float_to_float(GetParam(), static_cast<uint8_t>(code + 1));
      if (std::isfinite(a) && std::isfinite(b)) x = (a + b) / 2;
    }
    const uint8_t found = float_to_small_float(GetParam(), x);
    const float distance = std::abs(small_float_to_float(GetParam(), found) - x);
    for (int code = 0; code < codes; ++code) {
      const float value = small_float_to_float(GetParam(), static_cast<uint8_t>(code));
      if (!std::isfinite(value)) continue;
      EXPECT_LE(distance, std::abs(value - x));
      if (std::abs(value - x) == distance && value != small_float_to_float(GetParam(), found)) {
        EXPECT_EQ(found % 2, 0) << x;
      }
    }
  }
  EXPECT_EQ(small_float_to_float(GetParam(), float_to_small_float(GetParam(), 10 * largest)), largest);
}

INSTANTIATE_TEST_SUITE_P(Types, SmallFloat,
                         ::testing::Values(ElementType::float8_e4m3fn, ElementType::float8_e4m3fnuz,
                                           ElementType::float8_e5m2, ElementType::float8_e5m2fnuz,
                                           ElementType::float4_e2m1),
                         [](const auto& info) { return std::string(element_type_name(info.param)); });

// The table of ONNX's documentation of Cast (opset 19): what does not fit.
TEST(SmallFloats, OverflowAsOnnxSays) {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto cast = [](ElementType type, float value, bool saturate) {
    return small_float_to_float(type, float_to_small_float(type, value, saturate));
  };
  EXPECT_EQ(cast(ElementType::float8_e4m3fn, infinity, true), 448);
  EXPECT_TRUE(std::isnan(cast(ElementType::float8_e4m3fn, infinity, false)));
  EXPECT_EQ(cast(ElementType::float8_e4m3fnuz, -1e9F, true), -240);
  EXPECT_TRUE(std::isnan(cast(ElementType::float8_e4m3fnuz, 1e9F, false)));
  EXPECT_EQ(cast(ElementType::float8_e5m2, 1e9F, true), 57344);
  EXPECT_EQ(cast(ElementType::float8_e5m2, -1e9F, false), -infinity);
  EXPECT_EQ(cast(ElementType::float8_e5m2fnuz, infinity, true), 57344);
  EXPECT_TRUE(std::isnan(cast(ElementType::float8_e5m2fnuz, infinity, false)));
  EXPECT_EQ(float_to_small_float(ElementType::float8_e4m3fnuz, -0.0F), 0);
}

}  // namespace
}  // namespace nacre
