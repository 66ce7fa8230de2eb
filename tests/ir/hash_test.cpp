// structure_hash: invariant under what does not matter, sensitive to what does.
#include "nacre/ir/hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/text_form.hpp"
#include "tests/ir/random_graph.hpp"

namespace nacre {
namespace {

Hash128 structure_of(const std::string& text) { return structure_hash(parse_graph(text)); }

TEST(StructureHash, IgnoresNamesScopesAndOrderOfNodes) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Graph graph = testing::random_graph(seed, 12);
    EXPECT_EQ(structure_hash(testing::renamed_and_reordered(graph, seed)), structure_hash(graph)) << "seed " << seed;
  }
}

TEST(StructureHash, TellsRandomGraphsApart) {
  std::map<Hash128, Graph> structures;
  std::set<Hash128> contents;
  const auto live_nodes = [](Graph graph) {
    run_rewrite(graph, get_rewrite("dead_code"));
    return graph.nodes().size();
  };
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Graph graph = testing::random_graph(seed, 12);
    contents.insert(content_hash(graph));
    const auto [twin, fresh] = structures.emplace(structure_hash(graph), graph);
    // Only where nearly all nodes are dead can two random graphs be the same network.
    if (fresh) continue;
    EXPECT_LE(live_nodes(graph), 2U) << print_graph(graph) << "\n" << print_graph(twin->second);
  }
  EXPECT_GT(structures.size(), 980U);
  EXPECT_EQ(contents.size(), 1000U);
}

TEST(StructureHash, IgnoresWeightsAndTheirDistribution) {
  const Hash128 expected =
      structure_of("graph(x: float32[1,8]) { w: float32[8,8] = param; y = MatMul(x, w); return y }");
  EXPECT_EQ(structure_of("graph(x: float32[1,8]) { w: float32[8,8] = param normal(0.1); y = MatMul(x, w); return y }"),
            expected);
  Graph filled = parse_graph("graph(x: float32[1,8]) { w: float32[8,8] = param; y = MatMul(x, w); return y }");
  filled.initializer(0).data = std::make_shared<const Tensor>(Tensor(ElementType::float32, {8, 8}));
  EXPECT_EQ(structure_hash(filled), expected);
  EXPECT_NE(structure_of("graph(x: float32[1,8]) { w: float32[8,8] = frozen; y = MatMul(x, w); return y }"), expected);
  EXPECT_NE(structure_of("graph(x: float32[1,8]) { w: float32[8,4] = param; y = MatMul(x, w); return y }"), expected);
}

TEST(StructureHash, SeesWhichParametersAreShared) {
  const std::string begin = "graph(x: float32[1,8]) { w: float32[8,8] = param; v: float32[8,8] = param; ";
  const Hash128 separate = structure_of(begin + "a = MatMul(x, w); b = MatMul(a, v); return b }");
  const Hash128 shared = structure_of(begin + "a = MatMul(x, w); b = MatMul(a, w); return b }");
  EXPECT_NE(separate, shared);
  EXPECT_EQ(structure_of(begin + "a = MatMul(x, v); b = MatMul(a, w); return b }"), separate);
  // Four parallel products, shared by pairs: neighbors, or across.
  const auto four = [&](const std::string& weights) {
    std::string text = begin;
    for (int i = 0; i < 4; ++i)
      text += std::string(1, static_cast<char>('a' + i)) + " = MatMul(x, " + weights[static_cast<size_t>(i)] + "); ";
    return structure_of(text + "p = Sub(a, b); q = Sub(c, d); y = Sub(p, q); return y }");
  };
  EXPECT_NE(four("wwvv"), four("wvwv"));
  EXPECT_EQ(four("wwvv"), four("vvww"));
  EXPECT_NE(four("wwwv"), four("wwvv"));
}

TEST(StructureHash, OneNodeReadTwiceIsNotTwoNodes) {
  const std::string begin = "graph(x: float32[1,8]) { w: float32[8,8] = param; a = MatMul(x, w); ";
  EXPECT_NE(structure_of(begin + "y = Concat(a, a) {axis=1}; return y }"),
            structure_of(begin + "b = MatMul(x, w); y = Concat(a, b) {axis=1}; return y }"));
}

TEST(StructureHash, OperandsOfCommutativeOperatorsHaveNoOrder) {
  const std::string begin = "graph(x: float32[1,8]) { w: float32[8,8] = param; a = MatMul(x, w); b = Relu(x); ";
  EXPECT_EQ(structure_of(begin + "y = Add(a, b); return y }"), structure_of(begin + "y = Add(b, a); return y }"));
  EXPECT_EQ(structure_of(begin + "c = Tanh(x); y = Sum(a, b, c); return y }"),
            structure_of(begin + "c = Tanh(x); y = Sum(c, a, b); return y }"));
  EXPECT_NE(structure_of(begin + "y = Sub(a, b); return y }"), structure_of(begin + "y = Sub(b, a); return y }"));
  EXPECT_NE(structure_of(begin + "y = Concat(a, b) {axis=1}; return y }"),
            structure_of(begin + "y = Concat(b, a) {axis=1}; return y }"));
}

TEST(StructureHash, CountsSmallConstantsAsStructure) {
  const auto clip = [](const std::string& limit) {
    return structure_of("graph(x: float32[1,8]) { h: float32[] = frozen [" + limit +
                        "]; y = Clip(x, _, h); return y }");
  };
  EXPECT_NE(clip("6.0"), clip("3.0"));
  const auto reshape = [](const std::string& target) {
    return structure_of("graph(x: float32[4,6]) { s: int64[2] = frozen [" + target +
                        "]; y: float32 = Reshape(x, s); return y }");
  };
  EXPECT_NE(reshape("3, 8"), reshape("8, 3"));
}

TEST(StructureHash, AnAttributeAtItsDefaultIsNone) {
  const auto convolution = [](const std::string& attributes) {
    return structure_of("graph(x: float32[1,4,8,8]) { w: float32[4,4,3,3] = param; y = Conv(x, w) {" + attributes +
                        "}; return y }");
  };
  const Hash128 plain =
      structure_of("graph(x: float32[1,4,8,8]) { w: float32[4,4,3,3] = param; y = Conv(x, w); return y }");
  EXPECT_EQ(
      convolution(
          "group=1, strides=[1, 1], dilations=[1, 1], pads=[0, 0, 0, 0], kernel_shape=[3, 3], auto_pad=\"NOTSET\""),
      plain);
  EXPECT_EQ(convolution("pads=[1, 1, 1, 1], strides=[2, 2]"), convolution("strides=[2, 2], pads=[1, 1, 1, 1]"));
  EXPECT_NE(convolution("pads=[1, 1, 1, 1]"), plain);
  const auto softmax = [](const std::string& attributes) {
    return structure_of("graph(x: float32[2,8]) { y = Softmax(x) " + attributes + "; return y }");
  };
  EXPECT_EQ(softmax("{axis=1}"), softmax("{axis=-1}"));
  EXPECT_EQ(softmax("{axis=1}"), softmax(""));
  EXPECT_NE(softmax("{axis=0}"), softmax(""));
  EXPECT_EQ(softmax("{axis=0}"), softmax("{axis=-2}"));
}

TEST(StructureHash, SeesShapesTypesAndFormats) {
  const Hash128 plain = structure_of("graph(x: float32[1,8]) { y = Relu(x); return y }");
  EXPECT_NE(structure_of("graph(x: float32[2,8]) { y = Relu(x); return y }"), plain);
  EXPECT_NE(structure_of("graph(x: float16[1,8]) { y = Relu(x); return y }"), plain);
  EXPECT_NE(structure_of("graph(x: float32[1,8] ~int8) { y = Relu(x); return y }"), plain);
  EXPECT_NE(structure_of("graph(x: float32[1,8]) { y: float32[1,8] ~int8 = Relu(x); return y }"), plain);
  EXPECT_NE(structure_of("graph(x: float32[1,8], z: float32[1]) { y = Relu(x); return y }"), plain);
}

TEST(StructureHash, SymbolsCountByPositionNotByName) {
  const auto concat = [](const std::string& a, const std::string& b, const std::string& sum) {
    return structure_of("graph(x: float32[" + a + ",8], z: float32[" + b + ",8]) { y: float32[" + sum +
                        ",8] = Concat(x, z) {axis=0}; return y }");
  };
  EXPECT_EQ(concat("n", "m", "n+m"), concat("past", "new", "past+new"));
  EXPECT_NE(concat("n", "m", "n+m"), concat("n", "n", "2*n"));
  EXPECT_NE(concat("n", "m", "n+m"), concat("n", "m", "m+n"));
}

TEST(StructureHash, IgnoresNodesWithoutAWayToAnOutput) {
  EXPECT_EQ(structure_of("graph(x: float32[1,8]) { y = Relu(x); z = Tanh(x); return y }"),
            structure_of("graph(x: float32[1,8]) { y = Relu(x); return y }"));
}

TEST(StructureHash, SeesBodiesStatesAndOpaqueOperators) {
  const auto branch = [](const std::string& op) {
    return structure_of(
        "graph(c: bool[], x: float32[4]) { y = If(c) with then_branch[x] graph(a: float32[4]) { b = " + op +
        "(a); return b } with else_branch[x] graph(a: float32[4]) { b = Neg(a); return b }; return y }");
  };
  EXPECT_NE(branch("Relu"), branch("Tanh"));
  const std::string begin = "graph(x: float32[1,8]) { y: float32[1,8] = com.example::Odd(x) {level=1}; ";
  EXPECT_NE(structure_of(begin + "return y }"), structure_of(begin + "state x -> y; return y }"));
  EXPECT_NE(structure_of(begin + "return y }"),
            structure_of("graph(x: float32[1,8]) { y: float32[1,8] = com.example::Odd(x) {level=2}; return y }"));
  EXPECT_NE(structure_of(begin + "return y }"),
            structure_of("graph(x: float32[1,8]) { y: float32[1,8] = com.other::Odd(x) {level=1}; return y }"));
}

TEST(StructureHash, IsStableAcrossReleases) {
  // Studies key their results by it: a change of this value makes every stored result unreachable.
  EXPECT_EQ(
      structure_of(
          "graph(x: float32[1,3,8,8]) { w: float32[4,3,3,3] = param; y: float32[1,4,6,6] = Conv(x, w); return y }")
          .hex(),
      "4bf9526a40b8ea21ad20bd3f8b958b67");
}

TEST(ContentHash, SeesWeightsNamesScopesAndMetadata) {
  const std::string base =
      "graph(x: float32[1,2]) { w: float32[2,2] = param raw \"AAAAAAAAgD8AAABAAABAQA==\"; y = MatMul(x, w) @a; return "
      "y }";
  const auto content = [](std::string text, const std::string& from, const std::string& to) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos);
    return content_hash(parse_graph(text.replace(at, from.size(), to)));
  };
  const Hash128 expected = content_hash(parse_graph(base));
  EXPECT_EQ(content(base, "@a", "@a"), expected);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"AAAAAAAAgD8", "AAAAAAAAAD8"},
                                                        {"@a", "@b"},
                                                        {"@a", "@a #n"},
                                                        {"param", "param normal(1.0)"},
                                                        {"return y", "meta \"k\" = \"v\"; return y"}}) {
    EXPECT_NE(content(base, from, to), expected) << from << " -> " << to;
    EXPECT_EQ(structure_hash(parse_graph(std::string(base).replace(base.find(from), from.size(), to))),
              structure_hash(parse_graph(base)));
  }
}

}  // namespace
}  // namespace nacre
