// The space of FBNetV3: golden counts of the released networks.
#include "nacre/space/spaces/fbnetv3.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/space/network_text.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

struct Released {
  const char* name;
  int64_t input;
  const char* paddings;
  const char* network;
  int64_t macs, weights;  // of convolutions and the classifier, as the authors count: pools by their inputs, no biases
};

constexpr const char* kA =
    "16 | 3,3 16 2 1,1 | 5,5 24 4 4,2 | 5,5 40 5 5,3 | 5,3 72 5 5,3 | 3,5 120 6 5,3 | 3,5 184 6 6,4 | 5,5 224 1 6,6 | "
    "6";

const Released kReleased[] = {{"A", 224, "[-1, -1, -1, 1, -1, 0, -1]", kA, 356'598'280, 8'542'224},
                              {"B", 248, "[-1, -1, -1, 1, -1, 0, -1]", kA, 461'550'136, 8'542'224},
                              {"C", 248, "[-1, -1, -1, 1, -1, 1, -1]",
                               "16 | 3,3 16 2 1,1 | 5,3 24 5 5,3 | 5,5 48 5 5,2 | 5,3 88 5 4,3 | 3,5 120 6 4,3 | 5,5 "
                               "216 6 5,5 | 5,5 216 1 6,6 | 6",
                               556'969'904, 9'907'136},
                              {"D", 248, "[]",
                               "24 | 3,3 16 2 1,1 | 3,3 24 6 5,2 | 5,3 40 5 4,3 | 3,3 72 5 5,3 | 3,5 128 7 5,3 | 3,5 "
                               "208 6 6,5 | 5,5 240 1 6,6 | 6",
                               644'420'352, 10'237'552},
                              {"E", 264, "[-1, -1, -1, 1, -1, -1, -1]",
                               "24 | 3,3 16 3 1,1 | 5,5 24 5 4,2 | 5,5 48 5 4,3 | 5,3 80 5 5,3 | 3,5 128 8 5,3 | 3,5 "
                               "216 6 6,5 | 5,5 240 1 6,6 | 6",
                               762'046'336, 10'699'464},
                              {"F", 272, "[-1, -1, -1, -1, -1, 0, -1]",
                               "24 | 3,3 24 3 1,1 | 5,5 32 5 4,2 | 5,5 56 5 4,3 | 5,3 88 5 5,3 | 3,5 144 9 5,3 | 3,5 "
                               "248 7 6,5 | 5,5 272 1 6,6 | 6",
                               1'181'644'520, 13'803'072},
                              {"G", 320, "[]",
                               "32 | 3,3 24 3 1,1 | 5,5 40 5 4,2 | 5,5 56 5 4,3 | 5,3 104 5 5,3 | 3,5 160 9 5,3 | 3,5 "
                               "264 7 6,5 | 5,5 288 2 6,6 | 6",
                               2'129'656'384, 16'513'648}};

class ReleasedFbnetv3 : public testing::TestWithParam<Released> {};

TEST_P(ReleasedFbnetv3, HasItsGoldenCounts) {
  const Released& released = GetParam();
  const auto space = make_space("fbnetv3", space_context({3, released.input, released.input}, 1000),
                                std::string("preset: imagenet\npaddings: ") + released.paddings);
  Graph graph = space->build(decisions_from_text(*space, released.network)).graph();
  graph.bind_symbols({{"batch", 1}});
  int64_t weights = 0, pooled = 0;
  for (const Initializer& initializer : graph.initializers()) {
    const Shape& shape = *graph.value(initializer.value).shape;
    if (shape.rank() > 1) weights += shape.elements().value();
  }
  for (const Node& node : graph.nodes()) {
    if (node.op == "GlobalAveragePool") pooled += graph.value(node.inputs[0]).shape->elements().value();
  }
  EXPECT_EQ(weights, released.weights);
  // The authors pool a second time, what is one pixel already: 1984 features.
  EXPECT_EQ(count_graph(graph).macs + pooled + 1984, released.macs);
  if (std::string(released.name) == "A") EXPECT_EQ(count_graph(graph).parameters, 8'600'448);
}

INSTANTIATE_TEST_SUITE_P(All, ReleasedFbnetv3, testing::ValuesIn(kReleased),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Fbnetv3Space, SmallNetworksFitTheirTaskAndAreDrawnWithTheirRecipe) {
  const SpaceContext context = space_context({1, 28, 28}, 10);
  const auto space = make_space("fbnetv3", context, "recipe: {learning_rate: [0.03, 0.1]}");
  Random random(5);
  for (int i = 0; i < 20; ++i) {
    const Decisions decisions = space->trace().sample(random);
    EXPECT_NE(decisions.find("recipe/learning_rate"), nullptr);
    expect_fits(space->build(decisions), context);
  }
}

TEST(Fbnetv3Space, TextsAreRefusedWithWhatIsWrong) {
  const auto space = make_space("fbnetv3", space_context({3, 224, 224}, 1000));
  const auto error = [&](const std::string& text) {
    try {
      decisions_from_text(*space, text);
    } catch (const UserError& problem) {
      return std::string(problem.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error(kA), "no error");
  EXPECT_THAT(error("16 | 3,3 16 2 1,1 | 6"), testing::HasSubstr("7 stages"));
  std::string text = kA;
  EXPECT_THAT(error(text.replace(text.find("24 4"), 4, "25 4")), testing::HasSubstr("stage2/channels = 25"));
  text = kA;
  EXPECT_THAT(error(text.replace(text.find("4,2"), 3, "4;2")), testing::HasSubstr("expansion_first,expansion"));
  EXPECT_THROW(make_space("fbnetv3", space_context({3, 224, 224}, 10), "paddings: [1]"), UserError);
}

}  // namespace
}  // namespace nacre
