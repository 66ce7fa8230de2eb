// The spaces of DeepMAD: golden entropies, effectiveness and parameters of the released structures; formulas against graphs.
#include "nacre/space/spaces/super_blocks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/ir/entropy.hpp"
#include "nacre/space/network_text.hpp"
#include "space_context.hpp"

namespace nacre {
namespace {

struct Released {
  const char* name;
  const char* options;
  const char* network;
  double entropy, effectiveness;
  int64_t params;    // without the classifier
  int64_t features;  // of the classifier
};

// Recomputed from the structures that the authors released; 224 x 224.
const Released kReleased[] = {
    {"R18", "preset: deepmad_resnet", "32; 96,40,5,1 384,40,5,6 384,64,5,9 1024,104,3,10 672,104,5,12", 32120.20,
     0.2991, 11004864, 672},
    {"R34", "preset: deepmad_resnet", "24; 128,24,5,1 512,48,5,10 896,88,5,13 1024,104,5,11 616,128,5,14", 43142.67,
     0.3000, 21073160, 616},
    {"R50", "preset: deepmad_resnet", "32; 128,40,5,1 512,48,5,11 872,88,5,12 1024,104,5,13 1232,120,5,15", 48919.28,
     0.2998, 24208144, 1232},
    {"29M", "preset: deepmad_mobile\nchannels: [40, 85, 134, 201, 312]\nbottlenecks: [240, 512, 800, 1208, 1872]",
     "40; 40,240,5,2 85,512,5,4 134,800,5,6 201,1208,5,6 312,1872,5,5", 19135.93, 0.4965, 26876956, 1792},
    {"ResNet-50", "preset: deepmad_resnet\nstrides: [2, 2, 2, 2]\nstem_kernel: 7",
     "64; 256,64,3,3 512,128,3,4 1024,256,3,6 2048,512,3,3", 16977.08, 0.0891, 23508032, 2048}};

class ReleasedNetwork : public testing::TestWithParam<Released> {};

TEST_P(ReleasedNetwork, HasItsGoldenFigures) {
  const Released& released = GetParam();
  const auto space = make_space("super_blocks", space_context({3, 224, 224}, 1000), released.options);
  const Decisions decisions = decisions_from_text(*space, released.network);
  Graph graph = space->build(decisions).graph();
  graph.bind_symbols({{"batch", 1}});
  const Entropy entropy = entropy_of(entropy_scales(graph));
  EXPECT_NEAR(entropy.weighted, released.entropy, 0.01);
  EXPECT_NEAR(entropy.largest_effectiveness, released.effectiveness, 1e-4);
  EXPECT_EQ(count_graph(graph).parameters, released.params + (released.features + 1) * 1000);
}

INSTANTIATE_TEST_SUITE_P(Deepmad, ReleasedNetwork, testing::ValuesIn(kReleased),
                         [](const auto& info) { return std::to_string(info.index); });

TEST(SuperBlocks, ScalesOfTheReleasedR18) {
  const auto space = make_space("super_blocks", space_context({3, 224, 224}, 1000), "preset: deepmad_resnet");
  const auto scales = space->summarize(decisions_from_text(*space, kReleased[0].network)).value().scales;
  const std::vector<std::array<int64_t, 3>> golden = {
      {1, 32, 112}, {4, 96, 56}, {22, 384, 28}, {79, 1024, 14}, {115, 672, 7}};
  const std::vector<double> effectiveness = {0.0370, 0.0522, 0.1167, 0.2464, 0.2991};
  const std::vector<double> weighted = {21.26, 109.49, 726.98, 2782.78, 28479.70};
  const Entropy entropy = entropy_of(scales);
  ASSERT_EQ(scales.size(), golden.size());
  int64_t layers = 0;
  for (size_t i = 0; i < golden.size(); ++i) {
    layers += scales[i].layers;
    EXPECT_EQ(layers, golden[i][0]);
    EXPECT_EQ(scales[i].channels, golden[i][1]);
    EXPECT_EQ(scales[i].area, golden[i][2] * golden[i][2]);
    EXPECT_NEAR(entropy.effectiveness[i], effectiveness[i], 1e-4);
    EXPECT_NEAR(entropy.per_scale[i] * (i == 4 ? 8 : 1), weighted[i], 0.01);
  }
}

// What the space knows by formula is what the built network has.
TEST(SuperBlocks, FormulasEqualTheBuiltNetwork) {
  Random random(42);
  for (const char* options :
       {"preset: deepmad_resnet", "preset: deepmad_mobile", "preset: small_resnet", "preset: small_mobile",
        "preset: small_resnet\nstrides: [2, 2, 2, 1]\nhead_channels: 24\nstem_stride: 2",
        "preset: small_mobile\nstrides: [2, 1, 2]\nchannels: [16]\nstem_channels: [16]"}) {
    for (const int64_t side : {33, 32, 28}) {
      SCOPED_TRACE(std::string(options) + " side " + std::to_string(side));
      const auto space = make_space("super_blocks", space_context({1, side, side}, 7), options);
      for (int i = 0; i < 4; ++i) {
        const Decisions decisions = space->trace().sample(random);
        Graph graph = space->build(decisions).graph();
        graph.bind_symbols({{"batch", 1}});
        const NetworkSummary summary = space->summarize(decisions).value();
        const GraphStatistics counted = count_graph(graph);
        EXPECT_EQ(summary.params, counted.parameters);
        EXPECT_EQ(summary.macs, counted.macs);
        const std::vector<EntropyScale> scales = entropy_scales(graph);
        ASSERT_EQ(summary.scales.size(), scales.size()) << space->trace().text(decisions);
        for (size_t s = 0; s < scales.size(); ++s) {
          EXPECT_NEAR(summary.scales[s].log_widths, scales[s].log_widths, 1e-9);
          EXPECT_EQ(summary.scales[s].layers, scales[s].layers);
          EXPECT_EQ(summary.scales[s].channels, scales[s].channels);
          EXPECT_EQ(summary.scales[s].area, scales[s].area);
        }
      }
    }
  }
}

TEST(SuperBlocks, CountIsTheProductOfTheNumbers) {
  const auto space = make_space("super_blocks", space_context({1, 8, 8}, 10),
                                "stem_channels: [8, 16]\nchannels: [8, 16, 24]\nbottlenecks: [4, 8]\nkernels: [3]\n"
                                "depths: [1, 2, 3]\nstrides: [1, 2]");
  EXPECT_EQ(space->trace().count(), Count(2 * (3 * 2 * 3) * (3 * 2 * 3)));
}

TEST(SuperBlocks, TextsAreRefusedWithWhatIsWrong) {
  const auto space = make_space("super_blocks", space_context({1, 8, 8}, 10),
                                "stem_channels: [16]\nchannels: [8, 16]\nbottlenecks: [4, 8]\nstrides: [1, 2]");
  const auto error = [&](const char* text) {
    try {
      decisions_from_text(*space, text);
    } catch (const UserError& problem) {
      return std::string(problem.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error("16; 8,4,3,1 16,8,5,2"), "no error");
  EXPECT_THAT(error("8; 8,4,3,1 16,8,5,2"), testing::HasSubstr("stem/channels = 8"));
  EXPECT_THAT(error("16; 8,4,3,1"), testing::HasSubstr("expected 2 super-blocks"));
  EXPECT_THAT(error("16; 9,4,3,1 16,8,5,2"), testing::HasSubstr("block1/channels = 9"));
  EXPECT_THAT(error("16; 8,4,3 16,8,5,2"), testing::HasSubstr("expected 'stem;"));
  EXPECT_THAT(error("16 8,4,3,1"), testing::HasSubstr("expected 'stem;"));
}

}  // namespace
}  // namespace nacre
