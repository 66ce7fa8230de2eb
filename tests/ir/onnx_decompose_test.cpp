// Fused operators of runtimes, taken apart on import: each against a plain loop written from its documentation.
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/ir/onnx_decompose.hpp"
#include "tests/ir/fused_operator.hpp"
#include "tests/ir/operator_case.hpp"

namespace nacre {
namespace {

using testing::expect_same;
using testing::Given;
using testing::import;
using testing::mapped;
using testing::OnnxAttributes;
using testing::random_tensor;
using testing::run_fused;

TEST(Decompose, Activations) {
  Random random(1);
  const Tensor x = random_tensor(random, {3, 4});
  const auto erf_gelu = [](double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); };
  const auto tanh_gelu = [](double v) {
    return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  };
  const std::vector<Given> one = {{"x", x}};
  expect_same(run_fused(import("Gelu", one, {}), one).at("y0"), mapped(x, erf_gelu));
  expect_same(run_fused(import("FastGelu", one, {}), one).at("y0"), mapped(x, tanh_gelu));
  expect_same(run_fused(import("QuickGelu", one, OnnxAttributes().real("alpha", 1.702F)), one).at("y0"),
              mapped(x, [](double v) { return v / (1 + std::exp(-1.702 * v)); }));
  expect_same(run_fused(import("Silu", one, {}, {"y0"}, ""), one).at("y0"),
              mapped(x, [](double v) { return v / (1 + std::exp(-v)); }));
  const Tensor bias = random_tensor(random, {4});
  const std::vector<Given> two = {{"x", x}, {"b", bias}};
  Tensor sum = x;
  for (int64_t i = 0; i < 12; ++i) sum.set_number_at(i, x.number_at(i) + bias.number_at(i % 4));
  expect_same(run_fused(import("BiasGelu", two, {}), two).at("y0"), mapped(sum, erf_gelu));
  expect_same(run_fused(import("FastGelu", two, {}), two).at("y0"), mapped(sum, tanh_gelu));
}

TEST(Decompose, SkipLayerNormalizations) {
  Random random(2);
  const Tensor x = random_tensor(random, {2, 3, 4}), skip = random_tensor(random, {2, 3, 4});
  const Tensor gamma = random_tensor(random, {4}), beta = random_tensor(random, {4}), bias = random_tensor(random, {4});
  for (const bool simplified : {false, true}) {
    std::vector<Given> inputs = {{"x", x}, {"skip", skip}, {"gamma", gamma}};
    if (!simplified) inputs.push_back({"beta", beta});
    inputs.push_back({"bias", bias});
    const Graph graph = import(simplified ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization", inputs,
                               OnnxAttributes().real("epsilon", 1e-3F), {"y0", "", "", "sum"});
    const NamedTensors found = run_fused(graph, inputs);
    Tensor sum = x, y = x;
    for (int64_t i = 0; i < 24; ++i) sum.set_number_at(i, x.number_at(i) + skip.number_at(i) + bias.number_at(i % 4));
    for (int64_t row = 0; row < 6; ++row) {
      double mean = 0, squares = 0;
      for (int64_t i = 0; i < 4; ++i) mean += simplified ? 0 : sum.number_at(row * 4 + i) / 4;
      for (int64_t i = 0; i < 4; ++i) squares += std::pow(sum.number_at(row * 4 + i) - mean, 2) / 4;
      for (int64_t i = 0; i < 4; ++i) {
        const double normal = (sum.number_at(row * 4 + i) - mean) / std::sqrt(squares + 1e-3);
        y.set_number_at(row * 4 + i, normal * gamma.number_at(i) + (simplified ? 0 : beta.number_at(i)));
      }
    }
    expect_same(found.at("sum"), sum);
    expect_same(found.at("y0"), y);
  }
}

TEST(Decompose, FusedMatMul) {
  Random random(3);
  const Tensor a = random_tensor(random, {2, 4, 3}), b = random_tensor(random, {2, 5, 4});
  const std::vector<Given> inputs = {{"a", a}, {"b", b}};
  const Tensor y = run_fused(import("FusedMatMul", inputs,
                                    OnnxAttributes().integer("transA", 1).integer("transB", 1).real("alpha", 0.5F)),
                             inputs)
                       .at("y0");
  Tensor expected(ElementType::float32, {2, 3, 5});
  for (int64_t n = 0; n < 2; ++n) {
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 5; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < 4; ++k) sum += a.number_at((n * 4 + k) * 3 + i) * b.number_at((n * 5 + j) * 4 + k);
        expected.set_number_at((n * 3 + i) * 5 + j, 0.5 * sum);
      }
    }
  }
  expect_same(y, expected);
}

// Codes two to a byte, rows padded to whole blocks, with and without zero points.
TEST(Decompose, MatMulNBits) {
  Random random(4);
  const int64_t k = 40, n = 3, block = 16, blocks = 3;
  for (const int64_t bits : {4, 8}) {
    for (const bool has_zeros : {false, true}) {
      const int64_t block_bytes = block * bits / 8, zero_bytes = (blocks * bits + 7) / 8;
      Tensor codes(ElementType::uint8, {n, blocks, block_bytes}), zeros(ElementType::uint8, {n * zero_bytes});
      for (Tensor* bytes : {&codes, &zeros}) {
        for (int64_t i = 0; i < bytes->elements(); ++i)
          bytes->set_number_at(i, static_cast<double>(random.integer(0, 255)));
      }
      const Tensor scales = random_tensor(random, {n * blocks}), x = random_tensor(random, {2, k});
      std::vector<Given> inputs = {{"x", x}, {"codes", codes, true}, {"scales", scales, true}};
      if (has_zeros) inputs.push_back({"zeros", zeros, true});
      const Graph graph =
          import("MatMulNBits", inputs,
                 OnnxAttributes().integer("K", k).integer("N", n).integer("bits", bits).integer("block_size", block));
      const auto code = [&](const Tensor& bytes, int64_t first, int64_t i) {
        const auto byte = static_cast<int64_t>(bytes.number_at(first + i * bits / 8));
        return static_cast<double>(bits == 8 ? byte : i % 2 == 0 ? byte % 16 : byte / 16);
      };
      Tensor expected(ElementType::float32, {2, n});
      for (int64_t row = 0; row < 2; ++row) {
        for (int64_t out = 0; out < n; ++out) {
          double sum = 0;
          for (int64_t i = 0; i < k; ++i) {
            const double zero = has_zeros ? code(zeros, out * zero_bytes, i / block) : bits == 4 ? 8 : 128;
            sum += x.number_at(row * k + i) * scales.number_at(out * blocks + i / block) *
                   (code(codes, out * blocks * block_bytes, i) - zero);
          }
          expected.set_number_at(row * n + out, sum);
        }
      }
      expect_same(run_fused(graph, inputs).at("y0"), expected);
      if (bits != 4) continue;
      // The codes keep their four bits.
      const bool packed = std::ranges::any_of(graph.initializers(), [&](const Initializer& initializer) {
        return graph.value(initializer.value).type == ElementType::uint4 && initializer.data->bytes() == n * k / 2;
      });
      EXPECT_TRUE(packed);
    }
  }
}

struct AttentionSizes {
  int64_t batch = 2, heads = 4, groups = 2, depth = 4, now = 3, past = 2;
};

// softmax(q k' / sqrt(d)) v by loops: q [B, S, N D], keys and values [B, G, T, D]; `visible` says which positions are seen.
template <class Visible>
Tensor attention_by_loops(const Tensor& q, const Tensor& keys, const Tensor& values, const AttentionSizes& n,
                          Visible visible) {
  const int64_t total = keys.extents()[2];
  Tensor y(ElementType::float32, {n.batch, n.now, n.heads * n.depth});
  for (int64_t b = 0; b < n.batch; ++b) {
    for (int64_t h = 0; h < n.heads; ++h) {
      const int64_t g = h / (n.heads / n.groups);
      for (int64_t s = 0; s < n.now; ++s) {
        std::vector<double> weights;
        double sum = 0;
        for (int64_t t = 0; t < total; ++t) {
          double score = 0;
          for (int64_t d = 0; d < n.depth; ++d)
            score += q.number_at((b * n.now + s) * n.heads * n.depth + h * n.depth + d) *
                     keys.number_at(((b * n.groups + g) * total + t) * n.depth + d);
          weights.push_back(visible(b, s, t) ? std::exp(score / std::sqrt(static_cast<double>(n.depth))) : 0);
          sum += weights.back();
        }
        for (int64_t d = 0; d < n.depth; ++d) {
          double out = 0;
          for (int64_t t = 0; t < total; ++t)
            out += weights[static_cast<size_t>(t)] / sum *
                   values.number_at(((b * n.groups + g) * total + t) * n.depth + d);
          y.set_number_at((b * n.now + s) * n.heads * n.depth + h * n.depth + d, out);
        }
      }
    }
  }
  return y;
}

// [B, G, P, D] and [B, S, G D] -> [B, G, P + S, D], the new ones rotated by position where angles are given.
Tensor appended_by_loops(const Tensor& past, const Tensor& now, const AttentionSizes& n) {
  const int64_t total = n.past + n.now;
  Tensor y(ElementType::float32, {n.batch, n.groups, total, n.depth});
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t d = i % n.depth, t = i / n.depth % total, g = i / n.depth / total % n.groups,
                  b = i / n.depth / total / n.groups;
    y.set_number_at(i, t < n.past ? past.number_at(((b * n.groups + g) * n.past + t) * n.depth + d)
                                  : now.number_at((b * n.now + t - n.past) * n.groups * n.depth + g * n.depth + d));
  }
  return y;
}

// Rotates pairs (i, i + D/2), or (2i, 2i + 1) interleaved, of x [B, S, heads D] by the angle of position past + s.
Tensor rotated_by_loops(const Tensor& x, int64_t heads, const AttentionSizes& n, const Tensor& cos, const Tensor& sin,
                        bool interleaved) {
  Tensor y = x;
  const int64_t half = n.depth / 2;
  for (int64_t row = 0; row < n.batch * n.now; ++row) {
    for (int64_t h = 0; h < heads; ++h) {
      for (int64_t i = 0; i < half; ++i) {
        const int64_t base = (row * heads + h) * n.depth;
        const int64_t a = base + (interleaved ? 2 * i : i), b = base + (interleaved ? 2 * i + 1 : i + half);
        const int64_t at = (n.past + row % n.now) * half + i;
        const double u = x.number_at(a), v = x.number_at(b);
        y.set_number_at(a, u * cos.number_at(at) - v * sin.number_at(at));
        y.set_number_at(b, u * sin.number_at(at) + v * cos.number_at(at));
      }
    }
  }
  return y;
}

TEST(Decompose, GroupQueryAttention) {
  Random random(5);
  const AttentionSizes n;
  for (const bool rotary : {false, true}) {
    for (const bool interleaved : {false, true}) {
      for (const bool packed : {false, true}) {
        for (const int64_t window : {int64_t{-1}, int64_t{2}}) {
          const Tensor q = random_tensor(random, {n.batch, n.now, n.heads * n.depth});
          const Tensor k = random_tensor(random, {n.batch, n.now, n.groups * n.depth});
          const Tensor v = random_tensor(random, {n.batch, n.now, n.groups * n.depth});
          const Tensor past_k = random_tensor(random, {n.batch, n.groups, n.past, n.depth});
          const Tensor past_v = random_tensor(random, {n.batch, n.groups, n.past, n.depth});
          const Tensor cos = random_tensor(random, {8, n.depth / 2}), sin = random_tensor(random, {8, n.depth / 2});
          Tensor all(ElementType::float32, {n.batch, n.now, (n.heads + 2 * n.groups) * n.depth});
          for (int64_t i = 0; i < all.elements(); ++i) {
            const int64_t width = (n.heads + 2 * n.groups) * n.depth, row = i / width, at = i % width;
            const int64_t queries = n.heads * n.depth, keys = n.groups * n.depth;
            all.set_number_at(i, at < queries          ? q.number_at(row * queries + at)
                                 : at < queries + keys ? k.number_at(row * keys + at - queries)
                                                       : v.number_at(row * keys + at - queries - keys));
          }
          std::vector<Given> inputs = {{"q", packed ? all : q}};
          if (packed) {
            inputs.push_back({"", {}});
            inputs.push_back({"", {}});
          } else {
            inputs.push_back({"k", k});
            inputs.push_back({"v", v});
          }
          inputs.push_back({"past_k", past_k});
          inputs.push_back({"past_v", past_v});
          inputs.push_back({"last", Tensor::of<int32_t>({2}, {4, 4})});
          inputs.push_back({"total", Tensor::scalar<int32_t>(5)});
          if (rotary) {
            inputs.push_back({"cos", cos});
            inputs.push_back({"sin", sin});
          }
          auto attributes = OnnxAttributes().integer("num_heads", n.heads).integer("kv_num_heads", n.groups);
          attributes.integer("local_window_size", window);
          if (rotary) attributes.integer("do_rotary", 1).integer("rotary_interleaved", interleaved ? 1 : 0);
          const NamedTensors found =
              run_fused(import("GroupQueryAttention", inputs, attributes, {"y0", "keys", "values"}), inputs);
          const Tensor turned_q = rotary ? rotated_by_loops(q, n.heads, n, cos, sin, interleaved) : q;
          const Tensor turned_k = rotary ? rotated_by_loops(k, n.groups, n, cos, sin, interleaved) : k;
          const Tensor keys = appended_by_loops(past_k, turned_k, n), values = appended_by_loops(past_v, v, n);
          expect_same(found.at("keys"), keys);
          expect_same(found.at("values"), values);
          expect_same(found.at("y0"), attention_by_loops(turned_q, keys, values, n, [&](int64_t, int64_t s, int64_t t) {
                        return t <= n.past + s && (window < 0 || t > n.past + s - window);
                      }));
        }
      }
    }
  }
}

TEST(Decompose, MultiHeadAttention) {
  Random random(6);
  AttentionSizes n;
  n.groups = n.heads;
  n.past = 0;
  const int64_t width = n.heads * n.depth, total = n.now;
  const Tensor q = random_tensor(random, {n.batch, n.now, width}), k = random_tensor(random, {n.batch, total, width});
  const Tensor v = random_tensor(random, {n.batch, total, width}), bias = random_tensor(random, {3 * width});
  const Tensor lengths = Tensor::of<int32_t>({2}, {2, 3});
  const Tensor mask = Tensor::of<int32_t>({2, 3}, {1, 0, 1, 1, 1, 1});
  const auto shifted = [&](const Tensor& x, int64_t part) {
    Tensor y = x;
    for (int64_t i = 0; i < y.elements(); ++i)
      y.set_number_at(i, x.number_at(i) + bias.number_at(part * width + i % width));
    return y;
  };
  const Tensor none(ElementType::float32, {n.batch, n.heads, 0, n.depth});
  const Tensor keys = appended_by_loops(none, shifted(k, 1), n), values = appended_by_loops(none, shifted(v, 2), n);
  for (const bool by_length : {false, true}) {
    const std::vector<Given> inputs = {
        {"q", q}, {"k", k}, {"v", v}, {"bias", bias}, {"mask", by_length ? lengths : mask}};
    const NamedTensors found =
        run_fused(import("MultiHeadAttention", inputs, OnnxAttributes().integer("num_heads", n.heads)), inputs);
    expect_same(found.at("y0"), attention_by_loops(shifted(q, 0), keys, values, n, [&](int64_t b, int64_t, int64_t t) {
                  return by_length ? t < lengths.number_at(b) : mask.number_at(b * 3 + t) != 0;
                }));
  }
}

TEST(Decompose, Attention) {
  Random random(7);
  AttentionSizes n;
  n.groups = n.heads;
  const int64_t width = n.heads * n.depth, in = 5;
  const Tensor x = random_tensor(random, {n.batch, n.now, in}), weight = random_tensor(random, {in, 3 * width});
  const Tensor bias = random_tensor(random, {3 * width}),
               past = random_tensor(random, {2, n.batch, n.heads, n.past, n.depth});
  std::vector<Tensor> parts;
  for (int64_t part = 0; part < 3; ++part) {
    Tensor y(ElementType::float32, {n.batch, n.now, width});
    for (int64_t i = 0; i < y.elements(); ++i) {
      double sum = bias.number_at(part * width + i % width);
      for (int64_t c = 0; c < in; ++c)
        sum += x.number_at(i / width * in + c) * weight.number_at(c * 3 * width + part * width + i % width);
      y.set_number_at(i, sum);
    }
    parts.push_back(y);
  }
  std::vector<Tensor> pasts(2, Tensor(ElementType::float32, {n.batch, n.heads, n.past, n.depth}));
  for (int64_t i = 0; i < past.elements(); ++i)
    pasts[static_cast<size_t>(i / pasts[0].elements())].set_number_at(i % pasts[0].elements(), past.number_at(i));
  const Tensor keys = appended_by_loops(pasts[0], parts[1], n), values = appended_by_loops(pasts[1], parts[2], n);
  const std::vector<Given> inputs = {{"x", x}, {"w", weight, true}, {"b", bias, true}, {"", {}}, {"past", past}};
  const NamedTensors found =
      run_fused(import("Attention", inputs, OnnxAttributes().integer("num_heads", n.heads).integer("unidirectional", 1),
                       {"y0", "present"}),
                inputs);
  expect_same(found.at("y0"), attention_by_loops(parts[0], keys, values, n,
                                                 [&](int64_t, int64_t s, int64_t t) { return t <= n.past + s; }));
  EXPECT_EQ(found.at("present").extents(), (std::vector<int64_t>{2, n.batch, n.heads, n.past + n.now, n.depth}));
  for (int64_t i = 0; i < keys.elements(); ++i) {
    EXPECT_NEAR(found.at("present").number_at(i), keys.number_at(i), 1e-5);
    EXPECT_NEAR(found.at("present").number_at(keys.elements() + i), values.number_at(i), 1e-5);
  }
}

TEST(Decompose, RotaryEmbedding) {
  Random random(8);
  const AttentionSizes n;
  const Tensor x = random_tensor(random, {n.batch, n.now, n.heads * n.depth});
  const Tensor cos = random_tensor(random, {8, n.depth / 2}), sin = random_tensor(random, {8, n.depth / 2});
  for (const bool interleaved : {false, true}) {
    for (const bool offset : {false, true}) {
      const Tensor positions = offset ? Tensor::of<int64_t>({1}, {2}) : Tensor::of<int64_t>({2, 3}, {2, 3, 4, 2, 3, 4});
      const std::vector<Given> inputs = {{"x", x}, {"at", positions}, {"cos", cos, true}, {"sin", sin, true}};
      const NamedTensors found = run_fused(
          import("RotaryEmbedding", inputs, OnnxAttributes().integer("interleaved", interleaved ? 1 : 0)), inputs);
      expect_same(found.at("y0"), rotated_by_loops(x, n.heads, n, cos, sin, interleaved));
    }
  }
}

// DequantizeLinear, the real operator, QuantizeLinear.
TEST(Decompose, QLinearOperators) {
  Random random(9);
  const auto codes = [&](std::vector<int64_t> extents) {
    Tensor x(ElementType::uint8, extents);
    for (int64_t i = 0; i < x.elements(); ++i) x.set_number_at(i, static_cast<double>(random.integer(0, 255)));
    return x;
  };
  const Tensor a = codes({2, 3}), b = codes({3});
  const auto scale = [](const std::string& name, float value) { return Given{name, Tensor::scalar(value), true}; };
  const auto zero = [](const std::string& name, uint8_t value) { return Given{name, Tensor::scalar(value), true}; };
  const std::vector<Given> inputs = {{"a", a},           scale("sa", 0.1F), zero("za", 100),   {"b", b},
                                     scale("sb", 0.05F), zero("zb", 7),     scale("sy", 0.2F), zero("zy", 90)};
  for (const char* op : {"QLinearAdd", "QLinearMul"}) {
    const Tensor y = run_fused(import(op, inputs, {}), inputs).at("y0");
    for (int64_t i = 0; i < 6; ++i) {
      const double u = (a.number_at(i) - 100) * 0.1, v = (b.number_at(i % 3) - 7) * 0.05;
      const double real = std::string(op) == "QLinearAdd" ? u + v : u * v;
      EXPECT_NEAR(y.number_at(i), std::clamp(real / 0.2 + 90, 0.0, 255.0), 0.501);
    }
  }
}

// What is not covered stays a node of its name, and what nobody writes without the domain is not touched.
TEST(Decompose, KeepsWhatItDoesNotCover) {
  Random random(10);
  const std::vector<Given> inputs = {{"q", random_tensor(random, {1, 2, 3, 4, 5})}};
  const Graph graph = import("MultiHeadAttention", inputs, OnnxAttributes().integer("num_heads", 2));
  ASSERT_EQ(graph.nodes().size(), 1u);
  EXPECT_TRUE(graph.nodes()[0].is_opaque());
  EXPECT_EQ(graph.nodes()[0].domain, "com.microsoft");
  const Graph plain = import("Attention", {{"x", random_tensor(random, {2})}}, {}, {"y0"}, "");
  EXPECT_TRUE(plain.nodes()[0].is_opaque());
}

// Parts carry the names of what they are parts of, and dimensions stay symbols.
TEST(Decompose, KeepsNamesAndSymbols) {
  Random random(11);
  const std::vector<Given> inputs = {{"x", random_tensor(random, {2, 4})},
                                     {"skip", random_tensor(random, {2, 4})},
                                     {"gamma", random_tensor(random, {4}), true}};
  const Graph graph = import("SkipLayerNormalization", inputs, {}, {"y0"}, "com.microsoft", true);
  EXPECT_EQ(graph.shape_text(*graph.value(graph.outputs[0]).shape), "[batch,4]");
  EXPECT_EQ(value_text(graph, graph.outputs[0]), "y0");
  for (const Node& node : graph.nodes()) EXPECT_EQ(graph.scope(node.scope), "fused");
}

}  // namespace
}  // namespace nacre
