// Sums of block scores in order, with and without a budget, against enumeration.
#include "nacre/supernet/block_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

struct Network {
  double score, cost;
  std::vector<size_t> options;
};

std::vector<std::vector<BlockOption>> random_blocks(uint64_t seed) {
  Random random = Random::stream(seed, "blocks");
  std::vector<std::vector<BlockOption>> blocks;
  for (size_t count : {7, 4, 9, 5}) {
    blocks.emplace_back();
    for (size_t i = 0; i < count; ++i)
      blocks.back().push_back({static_cast<double>(random.below(1000)) / 16, static_cast<double>(random.below(50))});
  }
  return blocks;
}

std::vector<Network> all_networks(const std::vector<std::vector<BlockOption>>& blocks) {
  std::vector<Network> networks = {{0, 0, {}}};
  for (const auto& block : blocks) {
    std::vector<Network> longer;
    for (const Network& network : networks) {
      for (size_t i = 0; i < block.size(); ++i) {
        longer.push_back({network.score + block[i].score, network.cost + block[i].cost, network.options});
        longer.back().options.push_back(i);
      }
    }
    networks = std::move(longer);
  }
  return networks;
}

TEST(BlockSums, GivesEveryNetworkWithinTheBudgetOnceInTheOrderOfItsScore) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const auto blocks = random_blocks(seed);
    for (const double budget : {1e9, 120.0, 60.0, 20.0}) {
      std::vector<Network> expected = all_networks(blocks);
      std::erase_if(expected, [&](const Network& network) { return network.cost > budget; });
      std::ranges::stable_sort(expected, {}, &Network::score);
      BlockSums sums(blocks, budget);
      std::vector<std::vector<size_t>> seen;
      for (size_t i = 0; i < expected.size(); ++i) {
        const auto next = sums.next();
        ASSERT_TRUE(next) << "seed " << seed << " budget " << budget << " place " << i;
        EXPECT_DOUBLE_EQ(next->score, expected[i].score);
        EXPECT_LE(next->cost, budget);
        seen.push_back(next->options);
      }
      EXPECT_FALSE(sums.next());
      std::ranges::sort(seen);
      EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
    }
  }
}

TEST(BlockSums, WhatCannotBeKeptGivesNothing) {
  EXPECT_FALSE(BlockSums({{{1, 10}}, {{1, 10}}}, 19.9).next());
  EXPECT_TRUE(BlockSums({{{1, 10}}, {{1, 10}}}, 20).next());
  EXPECT_FALSE(BlockSums({{{1, 10}}, {}}).next());
}

}  // namespace
}  // namespace nacre
