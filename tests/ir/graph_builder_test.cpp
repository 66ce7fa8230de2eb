// Layers written with GraphBuilder: shapes, names, scopes, and counts of a network known by heart.
#include "nacre/ir/graph_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "nacre/ir/schema.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

// ResNet-18 (He et al., arXiv 1512.03385) at 224x224 with projection shortcuts.
Graph resnet18() {
  GraphBuilder builder("resnet18");
  ValueId x = builder.input("image", ElementType::float32, {1, 3, 224, 224});
  x = builder.convolution_norm_activation("stem", x, 64, {.kernel = 7, .stride = 2}, Activation::relu);
  x = builder.max_pool(x, 3, 2, 1);
  int64_t width = 64;
  for (int stage = 0; stage < 4; ++stage, width *= 2) {
    const auto stage_scope = builder.scope("stage" + std::to_string(stage));
    for (int block = 0; block < 2; ++block) {
      const auto block_scope = builder.scope(std::to_string(block));
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      ValueId y = builder.convolution_norm_activation("a", x, width, {.kernel = 3, .stride = stride}, Activation::relu);
      y = builder.convolution_norm_activation("b", y, width, {.kernel = 3}, Activation::none);
      if (stride != 1)
        x = builder.convolution_norm_activation("shortcut", x, width, {.kernel = 1, .stride = stride},
                                                Activation::none);
      x = builder.activation(builder.add(x, y), Activation::relu);
    }
  }
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 1000), "logits");
  return builder.take();
}

TEST(GraphBuilder, CountsResNet18) {
  const GraphStatistics statistics = count_graph(resnet18());
  EXPECT_EQ(statistics.parameters, 11'689'512);  // torchvision's resnet18
  // Convolutions and the classifier, without bias.
  EXPECT_EQ(statistics.macs, 1'814'073'344);
  EXPECT_EQ(statistics.weight_bytes, 4 * (11'689'512 + 2 * 4800));  // running mean and variance of 4,800 channels
  EXPECT_TRUE(statistics.opaque.empty());
}

TEST(GraphBuilder, NamesParametersByScope) {
  const Graph graph = resnet18();
  std::vector<std::string> names;
  for (const Initializer& initializer : graph.initializers()) names.push_back(graph.value(initializer.value).name);
  EXPECT_EQ(names.front(), "stem/conv/weight");
  EXPECT_NE(std::ranges::find(names, "stage3/1/b/bn/running_var"), names.end());
  EXPECT_EQ(names.back(), "head/bias");
  EXPECT_EQ(graph.scope(graph.nodes().back().scope), "head");
}

TEST(GraphBuilder, RefusesGroupsThatDoNotDivide) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", ElementType::float32, {1, 10, 8, 8});
  const auto scope = builder.scope("stage1");
  try {
    builder.convolution("expand", x, 12, {.kernel = 1, .groups = 3});
    FAIL() << "expected a UserError";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "convolution 'stage1/expand': 10 channels do not divide into 3 groups");
  }
}

TEST(GraphBuilder, SelfAttentionKeepsTheShape) {
  GraphBuilder builder;
  const ValueId x = builder.input("x", ElementType::float32, {2, 5, 12});
  const ValueId y = builder.self_attention("attention", x, 3);
  EXPECT_EQ(builder.shape(y), (Shape{2, 5, 12}));
  builder.output(y, "y");
  // Four projections of 2*5*12*12 and two products of 2*3*5*5*4.
  EXPECT_EQ(count_graph(builder.graph()).macs, 4 * 2 * 5 * 12 * 12 + 2 * 2 * 3 * 5 * 5 * 4);
}

TEST(GraphBuilder, SymbolicBatchPassesThroughAttentionAndConvolution) {
  GraphBuilder builder;
  const Dim batch = builder.graph().symbol("batch");
  const ValueId x = builder.input("x", ElementType::float32, {batch, 5, 12});
  EXPECT_EQ(builder.shape(builder.self_attention("attention", x, 3)), (Shape{batch, 5, 12}));
  const ValueId image = builder.input("image", ElementType::float32, {batch, 8, 6, 6});
  const ValueId y = builder.channel_shuffle(builder.squeeze_excite("se", image, 2), 4);
  EXPECT_EQ(builder.shape(y), (Shape{batch, 8, 6, 6}));
  EXPECT_THROW(count_graph(builder.graph()), UserError);
}

}  // namespace
}  // namespace nacre
