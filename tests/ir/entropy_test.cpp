// Entropy and effectiveness of structures: closed forms, the walk over graphs, and the theory behind by simulation.
#include "nacre/ir/entropy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

Graph mlp(const std::vector<int64_t>& widths, int64_t classes) {
  GraphBuilder b;
  ValueId x = b.input("x", ElementType::float32, {1, widths[0]});
  for (size_t i = 1; i < widths.size(); ++i)
    x = b.activation(b.linear("l" + std::to_string(i), x, widths[i]), Activation::relu);
  b.output(b.linear("logits", x, classes), "y");
  return b.take();
}

ValueId input(GraphBuilder& b, int64_t channels = 3, int64_t side = 16) {
  return b.input("x", ElementType::float32, {1, channels, side, side});
}

TEST(Entropy, ConstantWidthIsDepthOverWidth) {
  for (const int64_t width : {4, 32, 100}) {
    for (const size_t depth : {1, 3, 12}) {
      const Graph graph = mlp(std::vector<int64_t>(depth + 1, width), 10);
      const std::vector<EntropyScale> scales = entropy_scales(graph);
      ASSERT_EQ(scales.size(), 1u);
      EXPECT_EQ(scales[0].layers, static_cast<int64_t>(depth)) << "the classifier does not count";
      const Entropy entropy = entropy_of(scales);
      EXPECT_NEAR(entropy.largest_effectiveness, static_cast<double>(depth) / static_cast<double>(width), 1e-12);
      const double log_width = std::log(static_cast<double>(width));
      EXPECT_NEAR(entropy.per_scale[0], 0.5 * log_width * static_cast<double>(depth) * log_width, 1e-9);
    }
  }
}

TEST(Entropy, DoublingAllWidthsHalvesEffectiveness) {
  const double once = entropy_of(entropy_scales(mlp({6, 10, 24, 8}, 3))).largest_effectiveness;
  const double twice = entropy_of(entropy_scales(mlp({12, 20, 48, 16}, 3))).largest_effectiveness;
  EXPECT_NEAR(twice, once / 2, 1e-12);
}

TEST(Entropy, GroupsLowerTheLogarithmOfTheWidth) {
  const auto log_widths = [](int64_t groups) {
    GraphBuilder b;
    b.output(b.convolution("c", input(b, 8), 16, {.kernel = 5, .groups = groups}), "y");
    return entropy_scales(b.graph()).at(0).log_widths;
  };
  EXPECT_NEAR(log_widths(1), std::log(8.0 * 25), 1e-12);
  for (const int64_t groups : {2, 4, 8}) EXPECT_NEAR(log_widths(groups), log_widths(1) - std::log(groups), 1e-12);
}

TEST(Entropy, TheHalfOfTheReleasedCodeKeepsTheRanking) {
  const std::vector<EntropyScale> scales = {{3.5, 2, 8, 64}, {7.25, 3, 16, 16}};
  const Entropy half = entropy_of(scales), whole = entropy_of(scales, {.half = false});
  EXPECT_NEAR(whole.weighted, 2 * half.weighted, 1e-12);
  EXPECT_EQ(whole.effectiveness, half.effectiveness);
}

TEST(Entropy, WeightsBelongToTheLastScales) {
  const std::vector<EntropyScale> scales = {{1, 1, 4, 64}, {1, 1, 8, 16}, {1, 1, 16, 4}};
  const Entropy entropy = entropy_of(scales, {.weights = {1, 8}});
  EXPECT_NEAR(entropy.weighted, entropy.per_scale[0] + entropy.per_scale[1] + 8 * entropy.per_scale[2], 1e-12);
  EXPECT_NEAR(entropy_of(std::span(scales).first(1)).weighted, 8 * entropy.per_scale[0], 1e-12);
  EXPECT_NEAR(entropy.per_scale[2], 0.5 * (std::log(4.0) + std::log(16.0)) * 3, 1e-12) << "sum of the prefix";
}

TEST(Entropy, ShortcutsAndGatesDoNotCount) {
  GraphBuilder b;
  ValueId x = b.convolution_norm_activation("stem", input(b), 8, {}, Activation::relu);
  ValueId y = b.convolution_norm_activation("a", x, 4, {.kernel = 1}, Activation::relu);
  y = b.squeeze_excite("se", y, 2);
  y = b.convolution_norm_activation("b", y, 16, {.kernel = 3}, Activation::none);
  x = b.activation(b.add(y, b.convolution_norm_activation("s", x, 16, {.kernel = 1}, Activation::none)),
                   Activation::relu);
  b.output(b.linear("logits", b.flatten(b.global_average_pool(x)), 10), "y");
  const std::vector<EntropyScale> scales = entropy_scales(b.graph());
  ASSERT_EQ(scales.size(), 1u);
  EXPECT_EQ(scales[0].layers, 3);
  EXPECT_NEAR(scales[0].log_widths, std::log(27.0) + std::log(8.0) + std::log(36.0), 1e-12);
  EXPECT_EQ(scales[0].channels, 16);
  EXPECT_EQ(scales[0].area, 256);
}

TEST(Entropy, ScalesEndBeforeTheBlockThatHalvesTheImage) {
  // A residual bottleneck: its first 1x1 convolution belongs to the block behind the cut.
  GraphBuilder b;
  ValueId x = b.convolution_norm_activation("stem", input(b), 8, {}, Activation::relu);
  ValueId y = b.convolution_norm_activation("r", x, 4, {.kernel = 1}, Activation::relu);
  y = b.convolution_norm_activation("c", y, 4, {.kernel = 3, .stride = 2}, Activation::relu);
  y = b.convolution_norm_activation("e", y, 12, {.kernel = 1}, Activation::none);
  y = b.add(y, b.convolution_norm_activation("s", x, 12, {.kernel = 1, .stride = 2}, Activation::none));
  // An inverted block without shortcut: its expansion does as well.
  y = b.convolution_norm_activation("x", y, 24, {.kernel = 1}, Activation::relu);
  y = b.activation(b.depthwise("d", y, {.kernel = 3, .stride = 2}), Activation::relu);
  y = b.convolution_norm_activation("p", y, 20, {.kernel = 1}, Activation::none);
  // A plain convolution behind a pool.
  y = b.convolution_norm_activation("q", b.max_pool(y, 2, 2, 0), 20, {}, Activation::relu);
  b.output(y, "y");
  const std::vector<EntropyScale> scales = entropy_scales(b.graph());
  std::vector<std::array<int64_t, 3>> found;
  for (const EntropyScale& scale : scales) found.push_back({scale.layers, scale.channels, scale.area});
  EXPECT_THAT(found, testing::ElementsAre(std::array<int64_t, 3>{1, 8, 256}, std::array<int64_t, 3>{3, 12, 64},
                                          std::array<int64_t, 3>{3, 20, 16}, std::array<int64_t, 3>{1, 20, 4}));
}

TEST(Entropy, NetworksWithoutLayersOrExtentsAreRefused) {
  GraphBuilder b;
  b.output(b.activation(input(b), Activation::relu), "y");
  EXPECT_THROW(entropy_scales(b.graph()), UserError);
  GraphBuilder open;
  const ValueId x = open.input("x", ElementType::float32, {1, 3, open.graph().symbol("height"), 8});
  open.output(open.convolution("c", x, 4, {}), "y");
  EXPECT_THROW(entropy_scales(open.graph()), UserError);
}

// The theory: through linear layers of independent standard normal weights the logarithm of an output's variance grows as
// the sum of the logarithms of the widths.
TEST(Entropy, LogVarianceOfRandomNetworksGrowsWithTheSumOfLogWidths) {
  Random random(20230303);
  std::vector<double> sums, logs;
  for (int draw = 0; draw < 200; ++draw) {
    const size_t depth = 1 + random.below(6);
    std::vector<size_t> widths;
    for (size_t i = 0; i <= depth; ++i) widths.push_back(40 + random.below(120));
    std::vector<double> x(widths[0]);
    for (double& value : x) value = random.normal();
    double sum = 0;
    for (size_t layer = 0; layer < depth; ++layer) {
      std::vector<double> y(widths[layer + 1]);
      for (double& value : y) {
        for (const double from : x) value += random.normal() * from;
      }
      sum += std::log(static_cast<double>(widths[layer]));
      x = std::move(y);
    }
    double square = 0;
    for (const double value : x) square += value * value;
    sums.push_back(sum);
    logs.push_back(std::log(square / static_cast<double>(x.size())));
  }
  double mean_sum = 0, mean_log = 0, product = 0, squares = 0;
  for (size_t i = 0; i < sums.size(); ++i) mean_sum += sums[i] / 200, mean_log += logs[i] / 200;
  for (size_t i = 0; i < sums.size(); ++i) {
    product += (sums[i] - mean_sum) * (logs[i] - mean_log);
    squares += (sums[i] - mean_sum) * (sums[i] - mean_sum);
  }
  EXPECT_NEAR(product / squares, 1, 0.02);
}

}  // namespace
}  // namespace nacre
