// Chains cut into blocks: the parts of a network one after the other are the network; paths are complete and distinct.
#include "nacre/supernet/block_chain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "nacre/ir/reference_executor.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

struct Case {
  std::string kind, options;
  BlockPartition partition;
  std::vector<size_t> first_paths;  // of the blocks after first alternatives
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.kind; }

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

SpaceContext context() { return space_context({3, 16, 16}, 10); }

class EveryChain : public testing::TestWithParam<Case> {};

// Parameters are drawn by name, so that parts and the whole have the same.
TEST_P(EveryChain, PartsOneAfterTheOtherAreTheNetwork) {
  const auto space = make_space(GetParam().kind, context(), GetParam().options);
  const BlockChain chain(*space, GetParam().partition);
  const Tensor image = draw_tensor({Distribution::Kind::normal, 1}, std::vector<int64_t>{2, 3, 16, 16}, 3);
  for (uint64_t i = 0; i < 6; ++i) {
    Random random = Random::stream(2, "network", i);
    const Decisions network = space->trace().sample(random);
    Decisions before;
    Tensor x = image;
    for (size_t block = 0; block < chain.size(); ++block) {
      const Decisions path = chain.of_block(block, network);
      const Graph part = chain.part(block, before, path);
      ASSERT_EQ(part.inputs.size(), 1U);
      x = run_reference(part, {{part.value(part.inputs[0]).name, x}}, GraphParameters(4)).begin()->second;
      before = BlockChain::joined(before, path);
    }
    EXPECT_EQ(before, network);
    // The value at which the last part ends, in the network as a whole.
    Graph whole = build_supernet(*space, {}, &network).graph;
    const NamedTensors all = [&] {
      Graph copy = whole;
      for (const auto& [nodes, value] : single_value_cuts(whole)) {
        if (nodes == 0 || copy.value(value).shape->rank() != x.rank()) continue;
        copy.value(value).name = "cut" + std::to_string(nodes);
        copy.outputs.push_back(value);
      }
      return run_reference(copy, {{copy.value(copy.inputs[0]).name, image}}, GraphParameters(4));
    }();
    bool found = false;
    for (const auto& [name, value] : all) {
      if (value.extents() != x.extents()) continue;
      double largest = 0;
      for (size_t e = 0; e < x.values<float>().size(); ++e)
        largest = std::max(largest, std::abs(static_cast<double>(value.values<float>()[e]) -
                                             static_cast<double>(x.values<float>()[e])));
      found = found || largest == 0;
    }
    EXPECT_TRUE(found) << space->trace().text(network);
  }
}

TEST_P(EveryChain, PathsAreDistinctAndMakeNetworks) {
  const auto space = make_space(GetParam().kind, context(), GetParam().options);
  const BlockChain chain(*space, GetParam().partition);
  Decisions before;
  for (size_t block = 0; block < chain.size(); ++block) {
    const std::vector<Decisions> paths = chain.paths(block, before, 1000);
    EXPECT_EQ(paths.size(), GetParam().first_paths[block]);
    std::set<std::string> seen;
    for (const Decisions& path : paths) {
      seen.insert(path.hash().hex());
      Decisions complete;
      space->build(BlockChain::joined(before, path), nullptr, &complete);
      EXPECT_EQ(chain.of_block(block, complete), path);
    }
    EXPECT_EQ(seen.size(), paths.size());
    before = BlockChain::joined(before, paths[0]);
  }
  EXPECT_TRUE(space->trace().is_complete(before));
}

INSTANTIATE_TEST_SUITE_P(
    All, EveryChain,
    testing::Values(Case{"nats_size", "", {.sizes = {2, 2, 1}, .names = {}}, {64, 64, 8}},
                    Case{"nasbench_macro", "", {.sizes = {2, 3, 3}, .names = {}}, {9, 27, 27}},
                    Case{"mbconv",
                         "{candidates: [k3_e1, k5_e3, skip], stages: [[8, 2, 1], [16, 2, 2]], stem: 8, head: 16}",
                         {.sizes = {}, .names = {{"stage1"}, {"stage2"}}},
                         {9, 9}},
                    Case{"hytra",
                         "{channels: [16, 32, 64], layers: 4, head_width: 4, start: one}",
                         {.sizes = {2, 2}, .names = {}},
                         // each after layers at the first scale
                         {11, 11}},
                    Case{"mlp",
                         "{depths: [2], widths: [8, 16], activations: [relu], normalizations: [batch_norm]}",
                         {.sizes = {1, 1}, .names = {}},
                         {2, 2}},
                    Case{"resnet",
                         "{channels: [8, 16], depths: [1, 2], kernels: [3, 5]}",
                         {.sizes = {}, .names = {{"stage1"}, {"stage2"}}},
                         {12, 12}}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.kind; });

TEST(BlockChainTest, DefaultIsThreeBlocksOfNearlyEqualLength) {
  const auto space = make_space("nasbench_macro", context());
  const BlockChain chain(*space, {});
  ASSERT_EQ(chain.size(), 3U);
  EXPECT_EQ(chain.layers(0), (std::vector<std::string>{"layer1", "layer2"}));
  EXPECT_EQ(chain.layers(2), (std::vector<std::string>{"layer6", "layer7", "layer8"}));
}

TEST(BlockChainTest, WhatDoesNotFitIsRefusedByName) {
  const auto macro = make_space("nasbench_macro", context());
  EXPECT_THAT(error_of([&] {
                BlockChain(*macro, {.sizes = {2, 2}, .names = {}});
              }),
              HasSubstr("expected 8 layers in all"));
  EXPECT_THAT(error_of([&] {
                BlockChain(*macro, {.sizes = {}, .names = {{"layer1"}, {"layer7"}}});
              }),
              HasSubstr("'layer7' names no layer that follows here; the layers are, in this order: layer1, layer2"));
  const BlockChain chain(*macro, {.sizes = {4, 4}, .names = {}});
  EXPECT_THAT(error_of([&] { chain.paths(0, {}, 80); }), HasSubstr("has more than 80 paths"));
  const auto recipe = make_space("nasbench_macro", context(), "recipe: {learning_rate: [0.1, 0.2]}");
  EXPECT_THAT(error_of([&] { BlockChain(*recipe, {}); }), HasSubstr("not about the network"));
  // The edges of a cell act beside each other.
  const auto cells =
      make_space("darts", space_context({3, 16, 16}, 10), "{channels: 4, cells: 3, nodes: 1, operators: [max, sep3]}");
  const BlockChain cell_chain(*cells, {});
  const Decisions first = cell_chain.paths(0, {}, 1000)[0];
  EXPECT_THAT(error_of([&] { cell_chain.part(0, {}, first); }), HasSubstr("cannot be cut after block 1"));
}

}  // namespace
}  // namespace nacre
