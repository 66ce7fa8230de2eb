// The DARTS space: size, golden counts of published networks, genotypes; and networks as text in every space.
#include "nacre/space/network_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/space/spaces/mbconv.hpp"
#include "nacre/space/spaces/nasbench201.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

constexpr const char* kPcDarts =
    "sep3 1, skip 0 | sep3 0, dil3 1 | sep5 0, sep3 1 | avg 0, dil3 1 / "
    "sep5 1, max 0 | sep5 1, sep5 2 | sep3 0, sep3 3 | sep3 1, sep3 2";

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(DartsSpaceTest, CountIsTheProductOverNodes) {
  const auto space = make_space("darts", space_context({3, 32, 32}, 10), "cells: 3\nchannels: 4");
  // per cell: prod over nodes of (pairs of inputs) x 7^2
  Count cell = 1;
  for (const int inputs : {2, 3, 4, 5}) cell *= inputs * (inputs - 1) / 2 * 49;
  EXPECT_EQ(space->trace().count(), cell * cell);
}

// Parameters as the reference code logs them (without auxiliary head).
TEST(DartsSpaceTest, PublishedNetworksHaveTheirGoldenCounts) {
  const auto cifar = make_space("darts", space_context({3, 32, 32}, 10), "channels: 36\ncells: 20");
  EXPECT_EQ(statistics_of(cifar->build(decisions_from_text(*cifar, kPcDarts))).parameters, 3634678);
  const auto imagenet =
      make_space("darts", space_context({3, 224, 224}, 1000), "channels: 48\ncells: 14\nstem: imagenet");
  EXPECT_EQ(statistics_of(imagenet->build(decisions_from_text(*imagenet, kPcDarts))).parameters, 5270560);
}

TEST(DartsSpaceTest, GenotypesNameExactlyWhatIsBuilt) {
  const auto space = make_space("darts", space_context({3, 32, 32}, 10), "cells: 3\nchannels: 4");
  const Decisions decisions = decisions_from_text(*space, kPcDarts);
  EXPECT_TRUE(space->trace().is_complete(decisions));
  EXPECT_THAT(space->trace().text(decisions),
              testing::AllOf(HasSubstr("normal/node1/inputs=0+1"), HasSubstr("normal/node1/from0/op=sep3")));
  EXPECT_THAT(space->trace().text(decisions), HasSubstr("reduction/node2/inputs=0+3"));
  EXPECT_EQ(decisions_from_text(*space, space->trace().text(decisions)), decisions);
}

TEST(DartsSpaceTest, MalformedGenotypesAreRefused) {
  const auto space = make_space("darts", space_context({3, 32, 32}, 10), "cells: 3\nchannels: 4\nnodes: 1");
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "sep3 0, sep3 1"); }), HasSubstr("with a / between"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "sep3 0, sep3 0 / sep3 0, sep3 1"); }),
              HasSubstr("one input"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "sep3 0, sep3 2 / sep3 0, sep3 1"); }),
              HasSubstr("inputs 0 .. 1, found 2"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "sep4 0, sep3 1 / sep3 0, sep3 1"); }),
              HasSubstr("did you mean"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*space, "sep3 0 / sep3 0, sep3 1"); }), HasSubstr("two edges"));
}

TEST(DartsSpaceTest, OddSidesAreRefused) {
  EXPECT_THAT(error_of([] {
                make_space("darts", space_context({1, 30, 30}, 10));
              }),
              HasSubstr("multiples of 4, found 30 x 30"));
}

TEST(NetworkText, LabelsAndIndicesAreTheDecisionsOfEverySpace) {
  for (const char* kind :
       {"mbconv", "resnet", "mlp", "nasbench201", "darts", "nasnet", "eeea", "super_blocks", "fbnetv3"}) {
    SCOPED_TRACE(kind);
    const auto space = make_space(kind, space_context({3, 32, 32}, 10));
    Random random(7);
    for (int i = 0; i < 5; ++i) {
      const Decisions decisions = space->trace().sample(random);
      EXPECT_EQ(decisions_from_text(*space, space->trace().text(decisions)), decisions);
    }
  }
}

TEST(NetworkText, NotationsOfTheSpaces) {
  const auto cells = make_space("nasbench201", space_context({3, 32, 32}, 10));
  const Decisions cell = nasbench201_decisions("301243");
  EXPECT_EQ(decisions_from_text(*cells, "301243"), cell);
  EXPECT_EQ(decisions_from_text(*cells, nasbench201_architecture(cell)), cell);
  EXPECT_EQ(decisions_from_text(*cells, "3_0_1_2_4_3"), cell);
  const auto layers = make_space("mbconv", space_context({3, 224, 224}, 1000), "stages: [[16, 2, 1]]");
  EXPECT_EQ(decisions_from_text(*layers, "3/1 5/6"), mbconv_decisions(*layers, "3/1 5/6"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*cells, "3_0_1"); }), HasSubstr("open"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*cells, "3_0_1_2_4_9"); }), HasSubstr("no index of cell/2-3"));
  EXPECT_THAT(error_of([&] { decisions_from_text(*cells, "cell/0-1=nor_conv_3x4"); }), HasSubstr("did you mean"));
}

TEST(MbconvAlwaysExpand, KeepsTheFirstConvolution) {
  const SpaceContext context = space_context({3, 32, 32}, 100);
  const std::string skeleton = "stages: [[16, 1, 1]]\nstem: 16\nstem_stride: 1\nhead: 0";
  const auto plain = make_space("mbconv", context, skeleton);
  const auto full = make_space("mbconv", context, skeleton + "\nalways_expand: true");
  const auto params = [](const Space& space, const char* layer) {
    return statistics_of(space.build(mbconv_decisions(space, layer))).parameters;
  };
  EXPECT_EQ(params(*full, "3/1") - params(*plain, "3/1"), 16 * 16 + 2 * 16);
  EXPECT_EQ(params(*full, "3/3"), params(*plain, "3/3"));
}

}  // namespace
}  // namespace nacre
