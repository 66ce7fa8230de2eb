// Supernets are built from the definitions of spaces: golden sizes of published ones, what is open, what is refused.
#include "nacre/supernet/supernet_chooser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "../space/function_space.hpp"
#include "nacre/ir/hash.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

int64_t trainable_parameters(const Graph& graph) {
  int64_t count = 0;
  for (const Initializer& initializer : graph.initializers()) {
    const Value& value = graph.value(initializer.value);
    if (!initializer.trainable || value.name.starts_with(kMixPrefix)) continue;
    int64_t elements = 1;
    for (const Dim dim : *value.shape) elements *= dim.extent();
    count += elements;
  }
  return count;
}

// Sheet 39: C = 16, 8 cells, 10 classes.
TEST(SupernetChooser, DartsSupernetsHaveTheirPublishedSize) {
  const auto space = make_space("darts", space_context({3, 32, 32}, 10), "{channels: 16, cells: 8}");
  SupernetForm form{.zero_operator = true, .normalize_pools = true, .affine = false};
  EXPECT_EQ(trainable_parameters(build_supernet(*space, form).graph), 1930618);
  form.edge_weights = true;
  form.partial_channels = 4;
  EXPECT_EQ(trainable_parameters(build_supernet(*space, form).graph), 299578);
  form.partial_channels = 2;
  EXPECT_EQ(trainable_parameters(build_supernet(*space, form).graph), 671482);
}

TEST(SupernetChooser, CellsAreSharedDecisionsWithWeightsOfTheirOwn) {
  const auto space = test::small_cells();
  const Supernet supernet = build_supernet(*space, {.zero_operator = true});
  // 2 + 3 edges per kind of cell; the node with two states takes both, the one with three chooses two of them.
  EXPECT_EQ(std::ranges::count(supernet.open, OpenDecision::Kind::operators, &OpenDecision::kind), 10);
  EXPECT_EQ(std::ranges::count(supernet.open, OpenDecision::Kind::edges, &OpenDecision::kind), 2);
  for (const OpenDecision& decision : supernet.open) {
    if (decision.kind != OpenDecision::Kind::operators) continue;
    EXPECT_THAT(decision.labels, testing::ElementsAre("none", "max", "skip", "sep3", "dil3"));
  }
  int64_t mixtures = 0;
  for (const Initializer& initializer : supernet.graph.initializers())
    mixtures += supernet.graph.value(initializer.value).name.starts_with(kMixPrefix);
  EXPECT_EQ(mixtures, 10);
}

TEST(SupernetChooser, WhatIsDecidedIsTheNetworkThatStandsAlone) {
  for (const auto& space : {test::small_layers(), test::small_cells()}) {
    Random random(3);
    for (int i = 0; i < 20; ++i) {
      const Decisions decisions = space->trace().sample(random);
      const Supernet supernet = build_supernet(*space, {}, &decisions);
      const Graph alone = space->build(decisions).graph();
      EXPECT_TRUE(supernet.open.empty());
      EXPECT_EQ(structure_hash(supernet.graph), structure_hash(alone));
      ASSERT_EQ(supernet.graph.initializers().size(), alone.initializers().size());
      for (size_t j = 0; j < alone.initializers().size(); ++j) {
        EXPECT_EQ(plain_parameter_name(supernet.graph.value(supernet.graph.initializers()[j].value).name),
                  alone.value(alone.initializers()[j].value).name);
      }
    }
  }
}

TEST(SupernetChooser, ParametersOfNetworksAreAmongThoseOfTheSupernet) {
  const auto space = test::small_layers();
  const Supernet whole = build_supernet(*space, {});
  std::set<std::string> names;
  for (const Initializer& initializer : whole.graph.initializers())
    names.insert(whole.graph.value(initializer.value).name);
  Random random(4);
  for (int i = 0; i < 20; ++i) {
    const Decisions decisions = space->trace().sample(random);
    const Supernet network = build_supernet(*space, {}, &decisions);
    for (const Initializer& initializer : network.graph.initializers())
      EXPECT_TRUE(names.contains(network.graph.value(initializer.value).name));
  }
}

TEST(SupernetChooser, OnlyActiveAlternativesAreBuilt) {
  const auto space = test::small_layers();
  const ActiveAlternatives active = {{"stage1/0/op", {1, 2}}, {"stage1/1/op", {3}}};
  const Supernet supernet = build_supernet(*space, {}, nullptr, &active);
  std::set<std::string> scopes;
  for (const Node& node : supernet.graph.nodes()) scopes.insert(supernet.graph.scope(node.scope));
  const auto any = [&](const std::string& part) {
    return std::ranges::any_of(scopes, [&](const std::string& scope) { return scope.starts_with(part); });
  };
  EXPECT_TRUE(any("stage1/0/<k3_e2>"));
  EXPECT_TRUE(any("stage1/0/<k5_e1>"));
  EXPECT_FALSE(any("stage1/0/<k3_e1>"));
  EXPECT_FALSE(any("stage1/1/<"));
  EXPECT_TRUE(any("stage2/0/<k3_e1>"));
}

TEST(SupernetChooser, DepthsShareTheirFirstBodies) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    return choose.repeat("depth", b, x, {1, 2, 3}, [](GraphBuilder& b2, ValueId y, int64_t i) {
      return b2.linear("layer" + std::to_string(i), y, 8);
    });
  });
  const Supernet supernet = build_supernet(space, {});
  ASSERT_EQ(supernet.parts.size(), 3U);
  EXPECT_THAT(supernet.parts[0].positions, testing::ElementsAre(0, 1, 2));
  EXPECT_THAT(supernet.parts[1].positions, testing::ElementsAre(1, 2));
  EXPECT_THAT(supernet.parts[2].positions, testing::ElementsAre(2));
  EXPECT_EQ(trainable_parameters(supernet.graph), 3 * (8 * 8 + 8));
}

TEST(SupernetChooser, NumbersAreAtTheirLargest) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    ElasticBuilder layers(choose, b);
    x = layers.linear("a", x, choose.pick("width", {4, 16, 8}));
    return layers.linear("b", x, 8);
  });
  EXPECT_EQ(trainable_parameters(build_supernet(space, {}).graph), 8 * 16 + 16 + 16 * 8 + 8);
}

TEST(SupernetChooser, WhatCannotBeOpenIsRefusedByName) {
  const FunctionSpace structural([](Chooser& choose, GraphBuilder& b, ValueId x) {
    const Choice count = choose.pick("count", {1, 2});
    for (int64_t i = 0; i < count.value(); ++i) x = b.linear("l" + std::to_string(i), x, 8);
    return x;
  });
  EXPECT_THAT(user_error([&] { build_supernet(structural, {}); }),
              testing::HasSubstr("decision 'count' is structural"));
  const FunctionSpace subset([](Chooser& choose, GraphBuilder& b, ValueId x) {
    const std::vector<std::string> labels = {"a", "b", "c"};
    for (const int64_t i : choose.subset("which", labels, 2)) x = b.linear("l" + std::to_string(i), x, 8);
    return x;
  });
  EXPECT_THAT(user_error([&] { build_supernet(subset, {}); }), testing::HasSubstr("decision 'which'"));
  const auto recipe = make_space("mbconv", test::quadrant_context(), "{recipe: {learning_rate: [0.1, 0.2]}}");
  EXPECT_THAT(user_error([&] { build_supernet(*recipe, {}); }), testing::HasSubstr("recipe/learning_rate"));
  const auto cells = test::small_cells();
  EXPECT_THAT(user_error([&] { build_supernet(*cells, {.partial_channels = 3}); }),
              testing::HasSubstr("multiple of partial_channels = 3"));
}

TEST(SupernetChooser, PlainNamesLackTheBranches) {
  EXPECT_EQ(plain_parameter_name("stage1/0/<k3_e1>/expand/conv/weight"), "stage1/0/expand/conv/weight");
  EXPECT_EQ(plain_parameter_name("<a>/<b>/w"), "w");
  EXPECT_EQ(plain_parameter_name("a/b"), "a/b");
}

TEST(Subsets, RankIsTheInverse) {
  for (int64_t n = 1; n <= 7; ++n) {
    for (int64_t k = 1; k <= n; ++k) {
      for (int64_t rank = 0; rank < count_subsets(n, k, 1000).value(); ++rank)
        EXPECT_EQ(subset_rank(n, subset_at(n, k, rank)), rank);
    }
  }
}

}  // namespace
}  // namespace nacre
