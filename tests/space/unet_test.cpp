#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "tests/space/space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

SpaceContext segmentation(int64_t height, int64_t width, int64_t classes) {
  SpaceContext context = space_context({1, height, width}, classes);
  context.signature.outputs[0].extents = {classes, height, width};
  return context;
}

TEST(Unet, EveryHeightAnswersWithThePixelsOfItsInput) {
  const SpaceContext context = segmentation(16, 24, 3);
  const auto space = make_space("unet", context, "{heights: [0, 1, 2, 3], filters: [4, 8]}");
  Random random(3);
  for (int i = 0; i < 20; ++i) expect_fits(space->build(Decisions{}, &random), context);
}

TEST(Unet, ALevelIsDecidedOnlyWhereTheHeightReachesIt) {
  const auto space = make_space("unet", segmentation(16, 16, 2), "{heights: [0, 1, 2], filters: [4, 8, 16]}");
  // 3 networks of height 0, 9 of height 1, 27 of height 2.
  EXPECT_EQ(space->trace().count().get_str(), "39");
}

TEST(Unet, CountsAsWrittenDown) {
  const auto space = make_space("unet", segmentation(8, 8, 2), "{heights: [1], filters: [4]}");
  const GraphStatistics statistics = statistics_of(space->build(Decisions{}));
  const int64_t down = 1 * 4 * 9 + 4 * 4 * 9, below = 2 * 4 * 4 * 9, up = 4 * 4 * 4, merge = 8 * 4 * 9 + 4 * 4 * 9;
  const int64_t norms = 6 * 2 * 4, logits = 4 * 2 + 2;
  EXPECT_EQ(statistics.parameters, down + below + up + merge + norms + logits);
  EXPECT_EQ(statistics.macs, 64 * down + 16 * below + 16 * up + 64 * merge + 64 * 4 * 2);
}

TEST(Unet, RefusesWhatItCannotHalveAndOtherTasks) {
  EXPECT_THAT([] { make_space("unet", segmentation(12, 16, 2), "{heights: [3]}"); },
              testing::ThrowsMessage<UserError>(HasSubstr("does not divide by 8")));
  EXPECT_THAT(
      [] {
        make_space("unet", space_context({1, 8, 8}, 10));
      },
      testing::ThrowsMessage<UserError>(HasSubstr("one output [classes, height, width]")));
  EXPECT_THAT([] { make_space("resnet9", segmentation(8, 8, 2)); },
              testing::ThrowsMessage<UserError>(HasSubstr("output [2, 8, 8]")));
}

TEST(Resnet9, CountsItsNetworksAndLayers) {
  const SpaceContext context = space_context({3, 32, 32}, 10);
  const auto space = make_space("resnet9", context, "{stem_filters: [8, 16], filters: [16, 32], skips: [0, 1, 2]}");
  EXPECT_EQ(space->trace().count().get_str(), "432");  // 2 stems, (2 filters, 3 skips) in each of 3 blocks
  Random random(5);
  for (int i = 0; i < 10; ++i) expect_fits(space->build(Decisions{}, &random), context);
  const auto fixed = make_space("resnet9", context, "{stem_filters: [8], filters: [16], skips: [2]}");
  const Design design = fixed->build(Decisions{});
  const Graph& graph = design.graph();
  EXPECT_EQ(std::ranges::count_if(graph.nodes(), [](const Node& node) { return node.op == "Conv"; }), 1 + 3 * 3);
}

}  // namespace
}  // namespace nacre
