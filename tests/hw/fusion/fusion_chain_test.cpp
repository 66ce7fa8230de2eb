#include "nacre/hw/fusion/fusion_chain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "nacre/base/random.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

FusibleLayer layer_of(int64_t rows_in, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad) {
  FusibleLayer layer{.node = 0, .workload = {}, .row_dimension = 0, .rows_in = rows_in};
  layer.kernel = kernel;
  layer.stride = stride;
  layer.dilation = dilation;
  layer.pad = pad;
  layer.workload.dimensions = {{"P", (rows_in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1}};
  return layer;
}

// Chains of random windows, as many as can be made.
std::vector<FusibleLayer> random_chain(Random& random) {
  std::vector<FusibleLayer> chain;
  int64_t rows = random.integer(6, 25);
  for (int i = 0; i < 4; ++i) {
    const int64_t kernel = random.integer(1, 4), dilation = random.integer(1, 2), stride = random.integer(1, 3);
    const int64_t pad = random.integer(0, kernel - 1);
    if (rows + 2 * pad < dilation * (kernel - 1) + 1) continue;
    chain.push_back(layer_of(rows, kernel, stride, dilation, pad));
    rows = chain.back().rows();
  }
  return chain;
}

// Walks the tiles row by row with buffers of as many rows as the plan says, of which the oldest goes first.
TEST(FusionChain, RowsAreMadeOnceFromRowsThatAreStillThere) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    Random random = Random::stream(seed, "chains");
    const std::vector<FusibleLayer> chain = random_chain(random);
    if (chain.empty()) continue;
    const int64_t tile_rows = random.integer(1, chain.back().rows());
    const RowPlan plan = plan_rows(chain, tile_rows);
    std::vector<int64_t> there(chain.size() + 1, 0);  // rows of each tensor that were ever there
    std::vector<int64_t> longest(chain.size(), 0);
    for (std::size_t tile = 0; tile < plan.fetched.size(); ++tile) {
      there[0] += plan.fetched[tile];
      for (std::size_t i = 0; i < chain.size(); ++i) {
        for (int64_t made = 0; made < plan.made[i][tile]; ++made) {
          const int64_t row = there[i + 1] + made;
          for (int64_t tap = 0; tap < chain[i].kernel; ++tap) {
            const int64_t input = row * chain[i].stride + tap * chain[i].dilation - chain[i].pad;
            if (input < 0 || input >= chain[i].rows_in) continue;  // padding
            EXPECT_LT(input, there[i]) << "not made yet";
            EXPECT_GE(input, there[i] - plan.held[i]) << "gone already";
            longest[i] = std::max(longest[i], there[i] - input);
          }
        }
        there[i + 1] += plan.made[i][tile];
      }
    }
    for (std::size_t i = 0; i < chain.size(); ++i) {
      EXPECT_EQ(there[i + 1], chain[i].rows());
      EXPECT_GE(plan.held[i], longest[i]);
    }
    EXPECT_LE(there[0], chain[0].rows_in);
  }
}

TEST(FusionChain, AFewRowsByHand) {
  // Two convolutions of 3x3 with padding on 8 rows: two rows need four of the ones between, of which two stay.
  const std::vector<FusibleLayer> chain = {layer_of(8, 3, 1, 1, 1), layer_of(8, 3, 1, 1, 1)};
  const RowPlan plan = plan_rows(chain, 2);
  EXPECT_THAT(plan.made[1], testing::ElementsAre(2, 2, 2, 2));
  EXPECT_THAT(plan.made[0], testing::ElementsAre(3, 2, 2, 1));
  EXPECT_THAT(plan.fetched, testing::ElementsAre(4, 2, 2, 0));
  EXPECT_THAT(plan.held, testing::ElementsAre(4, 4));
}

TEST(FusionChain, ChainsEndWhereOthersRead) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 3, 16, 16});
  x = builder.convolution_norm_activation("a", x, 8, {.kernel = 3}, Activation::relu);
  const ValueId b = builder.convolution_norm_activation("b", x, 8, {.kernel = 3, .stride = 2}, Activation::relu);
  ValueId y = builder.convolution_norm_activation("c", b, 8, {.kernel = 3}, Activation::relu);
  y = builder.convolution_norm_activation("d", y, 8, {.kernel = 1}, Activation::relu);
  builder.output(builder.add(b, y), "sum");  // b is read twice: a-b and c-d remain
  Graph graph = builder.take();
  const auto chains = fusible_chains(graph, network_work(graph));
  ASSERT_EQ(chains.size(), 2u);
  EXPECT_EQ(chains[0].size(), 2u);
  EXPECT_EQ(chains[1].size(), 2u);
  EXPECT_EQ(chains[0][1].stride, 2);
  EXPECT_EQ(chains[0][1].pad, 1);
}

}  // namespace
}  // namespace nacre
