// Fused and quantized operators of runtimes that onnx_decompose_test.cpp does not hold: products with activations, embeddings,
// norms, biases, and arithmetic on codes; each against plain loops written from the runtime's documentation.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/ir/fused_operator.hpp"
#include "tests/ir/operator_case.hpp"

namespace nacre {
namespace {

using testing::expect_same;
using testing::Given;
using testing::import;
using testing::OnnxAttributes;
using testing::random_codes;
using testing::random_tensor;
using testing::run_fused;

Given scale(const std::string& name, float value) { return {name, Tensor::scalar(value), true}; }
Given zero(const std::string& name, uint8_t value) { return {name, Tensor::scalar(value), true}; }

// A code of `real`, as QuantizeLinear gives it; ties and the rounding of the parts before may move it by one.
void expect_code(double code, double real, double step, double middle) {
  EXPECT_NEAR(code, std::clamp(real / step + middle, 0.0, 255.0), 0.501);
}

// Gamma and beta on the normalised row of `count` numbers.
std::vector<double> normalised(const std::vector<double>& row, double epsilon) {
  double mean = 0, variance = 0;
  for (const double value : row) mean += value / static_cast<double>(row.size());
  for (const double value : row) variance += (value - mean) * (value - mean) / static_cast<double>(row.size());
  std::vector<double> result;
  for (const double value : row) result.push_back((value - mean) / std::sqrt(variance + epsilon));
  return result;
}

// --- products with activations ------------------------------------------------------------------------------------

TEST(DecomposeRuntime, FusedConv) {
  Random random(21);
  const Tensor x = random_tensor(random, {1, 2, 5, 5}), w = random_tensor(random, {3, 2, 3, 3});
  const Tensor b = random_tensor(random, {3}), z = random_tensor(random, {1, 3, 5, 5});
  struct Activation {
    std::string name;
    std::vector<float> parameters;
    double (*function)(double);
  };
  const std::vector<Activation> activations = {
      {"Relu", {}, [](double v) { return std::max(v, 0.0); }},
      {"Tanh", {}, [](double v) { return std::tanh(v); }},
      {"Sigmoid", {}, [](double v) { return 1 / (1 + std::exp(-v)); }},
      {"LeakyRelu", {0.3F}, [](double v) { return v < 0 ? 0.3 * v : v; }},
      {"Clip", {-0.5F, 1.5F}, [](double v) { return std::clamp(v, -0.5, 1.5); }},
      {"HardSigmoid", {0.25F, 0.4F}, [](double v) { return std::clamp(0.25 * v + 0.4, 0.0, 1.0); }}};
  for (const bool with_sum : {false, true}) {
    for (const Activation& activation : activations) {
      SCOPED_TRACE(activation.name);
      std::vector<Given> inputs = {{"x", x}, {"w", w}, {"b", b}};
      if (with_sum) inputs.push_back({"z", z});
      OnnxAttributes attributes;
      attributes.integers("pads", {1, 1, 1, 1}).text("activation", activation.name);
      if (!activation.parameters.empty()) attributes.reals("activation_params", activation.parameters);
      Tensor y = z;
      for (int64_t o = 0; o < 3; ++o) {
        for (int64_t r = 0; r < 5; ++r) {
          for (int64_t c = 0; c < 5; ++c) {
            double sum = b.number_at(o) + (with_sum ? z.number_at((o * 5 + r) * 5 + c) : 0);
            for (int64_t i = 0; i < 2; ++i) {
              for (int64_t k = 0; k < 9; ++k) {
                const int64_t row = r + k / 3 - 1, column = c + k % 3 - 1;
                if (row < 0 || row > 4 || column < 0 || column > 4) continue;
                sum += w.number_at((o * 2 + i) * 9 + k) * x.number_at((i * 5 + row) * 5 + column);
              }
            }
            y.set_number_at((o * 5 + r) * 5 + c, activation.function(sum));
          }
        }
      }
      expect_same(run_fused(import("FusedConv", inputs, attributes), inputs).at("y0"), y);
    }
  }
}

TEST(DecomposeRuntime, FusedGemm) {
  Random random(22);
  const Tensor a = random_tensor(random, {4, 3}), b = random_tensor(random, {5, 4}), c = random_tensor(random, {5});
  const std::vector<Given> inputs = {{"a", a}, {"b", b}, {"c", c}};
  const auto attributes = [] {
    return OnnxAttributes().integer("transA", 1).integer("transB", 1).real("alpha", 0.5F).real("beta", 2.0F);
  };
  Tensor linear(ElementType::float32, {3, 5});
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      double sum = 2 * c.number_at(j);
      for (int64_t k = 0; k < 4; ++k) sum += 0.5 * a.number_at(k * 3 + i) * b.number_at(j * 4 + k);
      linear.set_number_at(i * 5 + j, sum);
    }
  }
  expect_same(run_fused(import("FusedGemm", inputs, attributes().text("activation", "Relu")), inputs).at("y0"),
              testing::mapped(linear, [](double v) { return std::max(v, 0.0); }));
  expect_same(run_fused(import("FusedGemm", inputs,
                               attributes().text("activation", "LeakyRelu").real("activation_alpha", 0.2F)),
                        inputs)
                  .at("y0"),
              testing::mapped(linear, [](double v) { return v < 0 ? 0.2 * v : v; }));
}

// --- embeddings, norms, biases ------------------------------------------------------------------------------------

TEST(DecomposeRuntime, EmbedLayerNormalization) {
  Random random(23);
  constexpr int64_t kBatch = 2, kLength = 3, kWidth = 4;
  const auto ids = [&](int64_t below) {
    Tensor tensor(ElementType::int32, {kBatch, kLength});
    for (int64_t i = 0; i < tensor.elements(); ++i)
      tensor.set_number_at(i, static_cast<double>(random.integer(0, below - 1)));
    return tensor;
  };
  const Tensor words = ids(7), segments = ids(2), places = ids(5);
  const Tensor word_table = random_tensor(random, {7, kWidth}), place_table = random_tensor(random, {5, kWidth}),
               segment_table = random_tensor(random, {2, kWidth}), gamma = random_tensor(random, {kWidth}),
               beta = random_tensor(random, {kWidth});
  for (const bool with_segments : {false, true}) {
    for (const bool with_places : {false, true}) {
      std::vector<Given> inputs = {{"words", words}};
      inputs.push_back(with_segments ? Given{"segments", segments} : Given{});
      inputs.push_back({"word_table", word_table});
      inputs.push_back({"place_table", place_table});
      inputs.push_back(with_segments ? Given{"segment_table", segment_table} : Given{});
      inputs.push_back({"gamma", gamma});
      inputs.push_back({"beta", beta});
      if (with_places) {
        inputs.push_back({});  // no mask
        inputs.push_back({"places", places});
      }
      const NamedTensors found = run_fused(
          import("EmbedLayerNormalization", inputs, OnnxAttributes().real("epsilon", 1e-3F), {"y0", "", "sum"}),
          inputs);
      Tensor sum(ElementType::float32, {kBatch, kLength, kWidth}), y = sum;
      for (int64_t token = 0; token < kBatch * kLength; ++token) {
        const auto row = [&](const Tensor& table, double at, int64_t i) {
          return table.number_at(static_cast<int64_t>(at) * kWidth + i);
        };
        std::vector<double> embedded;
        for (int64_t i = 0; i < kWidth; ++i) {
          const double place = with_places ? places.number_at(token) : static_cast<double>(token % kLength);
          embedded.push_back(row(word_table, words.number_at(token), i) + row(place_table, place, i) +
                             (with_segments ? row(segment_table, segments.number_at(token), i) : 0));
        }
        const std::vector<double> normal = normalised(embedded, 1e-3);
        for (int64_t i = 0; i < kWidth; ++i) {
          const auto at = static_cast<size_t>(i);
          sum.set_number_at(token * kWidth + i, embedded[at]);
          y.set_number_at(token * kWidth + i, normal[at] * gamma.number_at(i) + beta.number_at(i));
        }
      }
      expect_same(found.at("sum"), sum);
      expect_same(found.at("y0"), y);
    }
  }
}

TEST(DecomposeRuntime, GroupNorm) {
  Random random(24);
  constexpr int64_t kChannels = 4, kPixels = 6, kGroups = 2;
  const Tensor gamma = random_tensor(random, {kChannels}), beta = random_tensor(random, {kChannels});
  for (const bool last : {false, true}) {
    for (const int64_t activation : {0, 1}) {
      const Tensor x = random_tensor(
          random, last ? std::vector<int64_t>{2, 2, 3, kChannels} : std::vector<int64_t>{2, kChannels, 2, 3});
      const std::vector<Given> inputs = {{"x", x}, {"gamma", gamma}, {"beta", beta}};
      const auto attributes = OnnxAttributes()
                                  .integer("groups", kGroups)
                                  .integer("channels_last", last ? 1 : 0)
                                  .integer("activation", activation)
                                  .real("epsilon", 1e-3F);
      Tensor y = x;
      for (int64_t image = 0; image < 2; ++image) {
        const auto at = [&](int64_t channel, int64_t pixel) {
          return image * kChannels * kPixels + (last ? pixel * kChannels + channel : channel * kPixels + pixel);
        };
        for (int64_t group = 0; group < kGroups; ++group) {
          std::vector<double> members;
          for (int64_t m = 0; m < kChannels / kGroups * kPixels; ++m)
            members.push_back(x.number_at(at(group * 2 + m / kPixels, m % kPixels)));
          const std::vector<double> normal = normalised(members, 1e-3);
          for (size_t m = 0; m < normal.size(); ++m) {
            const int64_t channel = group * 2 + static_cast<int64_t>(m) / kPixels;
            const double value = normal[m] * gamma.number_at(channel) + beta.number_at(channel);
            y.set_number_at(at(channel, static_cast<int64_t>(m) % kPixels),
                            activation == 1 ? value / (1 + std::exp(-value)) : value);
          }
        }
      }
      expect_same(run_fused(import("GroupNorm", inputs, attributes), inputs).at("y0"), y);
    }
  }
}

TEST(DecomposeRuntime, BiasSoftmaxAndBiasAdd) {
  Random random(25);
  const Tensor x = random_tensor(random, {2, 3, 4}), bias = random_tensor(random, {1, 3, 4});
  const std::vector<Given> inputs = {{"x", x}, {"bias", bias}};
  Tensor y = x;
  for (int64_t row = 0; row < 6; ++row) {
    double total = 0;
    const auto power = [&](int64_t i) { return std::exp(x.number_at(row * 4 + i) + bias.number_at(row % 3 * 4 + i)); };
    for (int64_t i = 0; i < 4; ++i) total += power(i);
    for (int64_t i = 0; i < 4; ++i) y.set_number_at(row * 4 + i, power(i) / total);
  }
  expect_same(
      run_fused(import("BiasSoftmax", inputs, OnnxAttributes().integer("axis", 2).integer("is_inner_broadcast", 1)),
                inputs)
          .at("y0"),
      y);
  // Over several axes at once: not covered, and named.
  const Graph kept =
      import("BiasSoftmax", inputs, OnnxAttributes().integer("axis", 1).integer("is_inner_broadcast", 1));
  EXPECT_TRUE(kept.nodes()[0].is_opaque());

  const Tensor per_channel = random_tensor(random, {4}), skip = random_tensor(random, {2, 3, 4});
  const std::vector<Given> three = {{"x", x}, {"bias", per_channel}, {"skip", skip}};
  for (int64_t i = 0; i < 24; ++i)
    y.set_number_at(i, x.number_at(i) + per_channel.number_at(i % 4) + skip.number_at(i));
  expect_same(run_fused(import("BiasAdd", three, {}), three).at("y0"), y);
}

// --- arithmetic on codes ------------------------------------------------------------------------------------------

TEST(DecomposeRuntime, QGemm) {
  Random random(26);
  const Tensor a = random_codes(random, {3, 4}), b = random_codes(random, {5, 4});
  Tensor c(ElementType::int32, {5});
  for (int64_t i = 0; i < 5; ++i) c.set_number_at(i, static_cast<double>(random.integer(-20000, 20000)));
  std::vector<Given> inputs = {{"a", a},           scale("sa", 0.1F), zero("za", 120), {"b", b},
                               scale("sb", 0.05F), zero("zb", 130),   {"c", c}};
  const auto attributes = OnnxAttributes().integer("transB", 1).real("alpha", 0.5F);
  // C is of the scale alpha * sa * sb.
  const auto real = [&](int64_t i, int64_t j) {
    double sum = c.number_at(j);
    for (int64_t k = 0; k < 4; ++k) sum += (a.number_at(i * 4 + k) - 120) * (b.number_at(j * 4 + k) - 130);
    return 0.5 * 0.1 * 0.05 * sum;
  };
  const Tensor plain = run_fused(import("QGemm", inputs, attributes), inputs).at("y0");
  ASSERT_EQ(plain.type(), ElementType::float32);
  Tensor expected = plain;
  for (int64_t i = 0; i < 15; ++i) expected.set_number_at(i, real(i / 5, i % 5));
  expect_same(plain, expected);
  inputs.push_back(scale("sy", 1.5F));
  inputs.push_back(zero("zy", 128));
  const Tensor codes = run_fused(import("QGemm", inputs, attributes), inputs).at("y0");
  ASSERT_EQ(codes.type(), ElementType::uint8);
  for (int64_t i = 0; i < 15; ++i) expect_code(codes.number_at(i), real(i / 5, i % 5), 1.5, 128);
}

TEST(DecomposeRuntime, QLinearPools) {
  Random random(27);
  constexpr int64_t kChannels = 3, kEdge = 4;
  for (const bool last : {false, true}) {
    const Tensor x = random_codes(random, last ? std::vector<int64_t>{1, kEdge, kEdge, kChannels}
                                               : std::vector<int64_t>{1, kChannels, kEdge, kEdge});
    const std::vector<Given> inputs = {{"x", x}, scale("sx", 0.1F), zero("zx", 90), scale("sy", 0.06F), zero("zy", 40)};
    const auto at = [&](int64_t channel, int64_t row, int64_t column, int64_t edge) {
      return last ? (row * edge + column) * kChannels + channel : (channel * edge + row) * edge + column;
    };
    const auto real = [&](int64_t channel, int64_t row, int64_t column) {
      return 0.1 * (x.number_at(at(channel, row, column, kEdge)) - 90);
    };
    const auto attributes = [&] { return OnnxAttributes().integer("channels_last", last ? 1 : 0); };
    const Tensor pooled = run_fused(import("QLinearAveragePool", inputs,
                                           attributes().integers("kernel_shape", {2, 2}).integers("strides", {2, 2})),
                                    inputs)
                              .at("y0");
    ASSERT_EQ(pooled.elements(), kChannels * 4);
    const Tensor global = run_fused(import("QLinearGlobalAveragePool", inputs, attributes()), inputs).at("y0");
    ASSERT_EQ(global.elements(), kChannels);
    for (int64_t c = 0; c < kChannels; ++c) {
      double total = 0;
      for (int64_t r = 0; r < 2; ++r) {
        for (int64_t k = 0; k < 2; ++k) {
          const double sum = real(c, 2 * r, 2 * k) + real(c, 2 * r, 2 * k + 1) + real(c, 2 * r + 1, 2 * k) +
                             real(c, 2 * r + 1, 2 * k + 1);
          expect_code(pooled.number_at(at(c, r, k, 2)), sum / 4, 0.06, 40);
          total += sum;
        }
      }
      expect_code(global.number_at(c), total / 16, 0.06, 40);
    }
  }
}

TEST(DecomposeRuntime, QLinearConcat) {
  Random random(28);
  const Tensor a = random_codes(random, {2, 3}), b = random_codes(random, {2, 2});
  const std::vector<Given> inputs = {scale("sy", 0.2F), zero("zy", 100), {"a", a},          scale("sa", 0.1F),
                                     zero("za", 120),   {"b", b},        scale("sb", 0.3F), zero("zb", 60)};
  const Tensor y = run_fused(import("QLinearConcat", inputs, OnnxAttributes().integer("axis", 1)), inputs).at("y0");
  ASSERT_EQ(y.extents(), (std::vector<int64_t>{2, 5}));
  for (int64_t i = 0; i < 10; ++i) {
    const int64_t row = i / 5, column = i % 5;
    const double real =
        column < 3 ? 0.1 * (a.number_at(row * 3 + column) - 120) : 0.3 * (b.number_at(row * 2 + column - 3) - 60);
    expect_code(y.number_at(i), real, 0.2, 100);
  }
}

TEST(DecomposeRuntime, QLinearFunctions) {
  Random random(29);
  const Tensor x = random_codes(random, {2, 6});
  const auto real = [&](int64_t i) { return 0.04 * (x.number_at(i) - 128); };
  const auto run_on = [&](const std::string& op, const OnnxAttributes& attributes, float step, uint8_t middle) {
    const std::vector<Given> inputs = {
        {"x", x}, scale("sx", 0.04F), zero("zx", 128), scale("sy", step), zero("zy", middle)};
    return run_fused(import(op, inputs, attributes), inputs).at("y0");
  };
  const Tensor sigmoid = run_on("QLinearSigmoid", {}, 1 / 256.0F, 0);
  const Tensor leaky = run_on("QLinearLeakyRelu", OnnxAttributes().real("alpha", 0.2F), 0.03F, 50);
  const Tensor softmax = run_on("QLinearSoftmax", OnnxAttributes().integer("axis", 1), 1 / 256.0F, 0);
  for (int64_t i = 0; i < 12; ++i) {
    expect_code(sigmoid.number_at(i), 1 / (1 + std::exp(-real(i))), 1 / 256.0, 0);
    expect_code(leaky.number_at(i), real(i) < 0 ? 0.2 * real(i) : real(i), 0.03, 50);
    double total = 0;
    for (int64_t j = i / 6 * 6; j < i / 6 * 6 + 6; ++j) total += std::exp(real(j));
    expect_code(softmax.number_at(i), std::exp(real(i)) / total, 1 / 256.0, 0);
  }
}

TEST(DecomposeRuntime, MatMulIntegerToFloat) {
  Random random(30);
  const Tensor a = random_codes(random, {3, 4}), b = random_codes(random, {4, 5}, ElementType::int8);
  const Tensor b_scale = testing::mapped(random_tensor(random, {5}), [](double v) { return 0.01 + v * v; });
  const Tensor b_zero = random_codes(random, {5}, ElementType::int8), bias = random_tensor(random, {5});
  for (const bool with_rest : {false, true}) {
    std::vector<Given> inputs = {{"a", a}, {"b", b}, scale("sa", 0.02F), {"sb", b_scale}};
    if (with_rest) {
      inputs.push_back(zero("za", 77));
      inputs.push_back({"zb", b_zero});
      inputs.push_back({"bias", bias});
    }
    Tensor y(ElementType::float32, {3, 5});
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 5; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < 4; ++k)
          sum += (a.number_at(i * 4 + k) - (with_rest ? 77 : 0)) *
                 (b.number_at(k * 5 + j) - (with_rest ? b_zero.number_at(j) : 0));
        y.set_number_at(i * 5 + j, sum * 0.02 * b_scale.number_at(j) + (with_rest ? bias.number_at(j) : 0));
      }
    }
    expect_same(run_fused(import("MatMulIntegerToFloat", inputs, {}), inputs).at("y0"), y);
  }
}

TEST(DecomposeRuntime, DynamicQuantizeMatMul) {
  Random random(31);
  const Tensor b = random_codes(random, {4, 5}), bias = random_tensor(random, {5});
  const Tensor none(ElementType::float32, {3, 4});  // a tensor of zeros has no range
  for (const Tensor& a : {random_tensor(random, {3, 4}), none}) {
    const std::vector<Given> inputs = {{"a", a}, {"b", b}, scale("sb", 0.03F), zero("zb", 111), {"bias", bias}};
    double low = 0, high = 0;
    for (int64_t i = 0; i < 12; ++i) {
      low = std::min(low, a.number_at(i));
      high = std::max(high, a.number_at(i));
    }
    const double step = high > low ? (high - low) / 255 : 1, middle = std::nearbyint(-low / step);
    Tensor y(ElementType::float32, {3, 5});
    double largest_b = 0;
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 5; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < 4; ++k) {
          const double code = std::clamp(std::nearbyint(a.number_at(i * 4 + k) / step) + middle, 0.0, 255.0);
          sum += (code - middle) * step * 0.03 * (b.number_at(k * 5 + j) - 111);
          largest_b = std::max(largest_b, std::abs(0.03 * (b.number_at(k * 5 + j) - 111)));
        }
        y.set_number_at(i * 5 + j, sum + bias.number_at(j));
      }
    }
    const Tensor found = run_fused(import("DynamicQuantizeMatMul", inputs, {}), inputs).at("y0");
    // A code on the edge may go to either side, in float and in double.
    for (int64_t i = 0; i < 15; ++i) EXPECT_NEAR(found.number_at(i), y.number_at(i), 1.01 * step * largest_b);
  }
}

}  // namespace
}  // namespace nacre
