// What a trace answers: counts, uniform samples, variation, enumeration and encodings, against enumeration by building.
#include "nacre/space/trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "function_space.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

ValueId same(GraphBuilder&, ValueId x) { return x; }

// Unbalanced on purpose: 1 + 3 * 4 + 2 * (2 + 4) = 25 under "op", times 3 of "width".
FunctionSpace unbalanced_space() {
  return FunctionSpace([](Chooser& choose, GraphBuilder& b, ValueId x) {
    choose.pick("width", {16, 24, 32});
    return choose.layer("op", b, x,
                        {{"skip", same},
                         {"conv",
                          [&](GraphBuilder&, ValueId y) {
                            choose.pick("kernel", {3, 5, 7});
                            choose.pick("expansion", {1, 2, 3, 6});
                            return y;
                          }},
                         {"stack", [&](GraphBuilder& b2, ValueId y) {
                            choose.pick("act", {0, 1});
                            return choose.repeat("depth", b2, y, {1, 2}, [&](GraphBuilder&, ValueId z, int64_t i) {
                              const auto scope = choose.scope(std::to_string(i));
                              choose.pick("kernel", {3, 5});
                              return z;
                            });
                          }}});
  });
}

TEST(TraceTest, CountsSumsOfProducts) {
  const FunctionSpace space = unbalanced_space();
  EXPECT_EQ(space.trace().count(), 75);
  EXPECT_EQ(enumerate_by_building(space, 1000).size(), 75U);
  EXPECT_EQ(space.trace().decisions().size(), 8U);
}

TEST(TraceTest, EveryIndexGivesAnotherCompleteSetAndBack) {
  const FunctionSpace space = unbalanced_space();
  const Trace& trace = space.trace();
  std::set<std::vector<int64_t>> codes;
  std::set<std::vector<float>> one_hots;
  for (int i = 0; i < 75; ++i) {
    const Decisions decisions = trace.at(i);
    EXPECT_TRUE(trace.is_complete(decisions));
    EXPECT_EQ(trace.index_of(decisions), i);
    codes.insert(trace.encode_indices(decisions));
    one_hots.insert(trace.encode_one_hot(decisions));
    EXPECT_EQ(static_cast<int64_t>(one_hots.begin()->size()), trace.one_hot_length());
  }
  EXPECT_EQ(codes.size(), 75U);
  EXPECT_EQ(one_hots.size(), 75U);
  EXPECT_THAT(user_error([&] { trace.at(75); }), HasSubstr("index 75 is outside of a space of 75"));
}

TEST(TraceTest, SamplesUniformlyOverDecisionSets) {
  const FunctionSpace space = unbalanced_space();
  const Trace& trace = space.trace();
  Random random(7);
  constexpr int kPerCell = 400;
  std::vector<int> hits(75, 0);
  for (int i = 0; i < 75 * kPerCell; ++i) ++hits[trace.index_of(trace.sample(random)).get_ui()];
  double chi_square = 0;
  for (const int hit : hits) chi_square += (hit - kPerCell) * (hit - kPerCell) / static_cast<double>(kPerCell);
  EXPECT_LT(chi_square, 115.0);  // 74 degrees of freedom: the 0.999 quantile is 114.8; the seed is fixed
  EXPECT_GT(chi_square, 40.0);   // far below would be as suspicious (0.001 quantile)
}

TEST(TraceTest, DrawsExactlyWhereCountsPass64Bits) {
  // "big" holds 2^80 sets, "small" 2^78: it must be chosen four times as often.
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    const auto bits = [&choose](int n) {
      return [&choose, n](GraphBuilder&, ValueId y) {
        for (int i = 0; i < n; ++i) choose.pick("bit" + std::to_string(i), {0, 1});
        return y;
      };
    };
    return choose.layer("size", b, x, {{"big", bits(80)}, {"small", bits(78)}});
  });
  const Trace& trace = space.trace();
  EXPECT_EQ(trace.count(), (Count(1) << 80) + (Count(1) << 78));
  Random random(3);
  int small = 0;
  for (int i = 0; i < 5000; ++i) small += static_cast<int>(*trace.sample(random).find("size"));
  EXPECT_NEAR(small / 5000.0, 0.2, 0.02);
  const Count last = trace.count() - 1;
  EXPECT_EQ(trace.index_of(trace.at(last)), last);
}

TEST(TraceTest, MutationChangesOneDecisionAndWhatFollows) {
  const FunctionSpace space = unbalanced_space();
  const Trace& trace = space.trace();
  Random random(11);
  std::map<std::string, int> changed;
  Decisions parent = trace.sample(random);
  for (int step = 0; step < 3000; ++step) {
    const Decisions child = trace.mutate(parent, random);
    ASSERT_TRUE(trace.is_complete(child));
    ASSERT_NE(child, parent);
    // Of the decisions active in both exactly one differs; all others that differ depend on it.
    std::vector<std::string> differing;
    for (const Decision& decision : parent.items()) {
      const int64_t* now = child.find(decision.key);
      if (now != nullptr && *now != decision.index) differing.push_back(decision.key);
    }
    ASSERT_EQ(differing.size(), 1U);
    ++changed[differing[0]];
    if (differing[0] == "kernel" || differing[0] == "width") {
      EXPECT_EQ(child.size(), parent.size());
    }
    parent = child;
  }
  EXPECT_EQ(changed.size(), trace.decisions().size());  // every decision is reached
}

TEST(TraceTest, NeighborsAreAllSingleChanges) {
  const FunctionSpace space = unbalanced_space();
  const Trace& trace = space.trace();
  Random random(5);
  for (int i = 0; i < 75; ++i) {
    const Decisions center = trace.at(i);
    size_t expected = 0;
    for (const Decision& decision : center.items()) {
      expected += trace.decisions()[static_cast<size_t>(*trace.find_decision(decision.key))].alternatives.size() - 1;
    }
    const std::vector<Decisions> neighbors = trace.neighbors(center, random);
    EXPECT_EQ(neighbors.size(), expected);
    for (const Decisions& neighbor : neighbors) {
      EXPECT_TRUE(trace.is_complete(neighbor));
      EXPECT_NE(neighbor, center);
    }
  }
}

TEST(TraceTest, CrossoverStaysInsideAndFollowsSubtrees) {
  const FunctionSpace space = unbalanced_space();
  const Trace& trace = space.trace();
  Random random(9);
  for (int i = 0; i < 2000; ++i) {
    const Decisions a = trace.sample(random);
    const Decisions b = trace.sample(random);
    const Decisions child = trace.cross_over(a, b, random);
    ASSERT_TRUE(trace.is_complete(child));
    for (const Decision& decision : child.items()) {  // nothing is invented
      const int64_t* in_a = a.find(decision.key);
      const int64_t* in_b = b.find(decision.key);
      EXPECT_TRUE((in_a != nullptr && *in_a == decision.index) || (in_b != nullptr && *in_b == decision.index))
          << decision.key;
    }
    EXPECT_EQ(trace.cross_over(a, a, random), a);
  }
}

TEST(TraceTest, CompletesPartialSetsAndDropsUnusedKeys) {
  const FunctionSpace space = unbalanced_space();
  const Trace& trace = space.trace();
  Random random(2);
  const Decisions partial({{"op", 1}, {"kernel", 2}, {"depth", 1}, {"elsewhere", 40}});
  for (int i = 0; i < 100; ++i) {
    const Decisions whole = trace.complete(partial, random);
    EXPECT_TRUE(trace.is_complete(whole));
    EXPECT_EQ(*whole.find("op"), 1);
    EXPECT_EQ(*whole.find("kernel"), 2);
    EXPECT_EQ(whole.find("depth"), nullptr);
    EXPECT_EQ(whole.find("elsewhere"), nullptr);
  }
  EXPECT_FALSE(trace.is_complete(partial));
  EXPECT_THAT(user_error([&] {
                trace.complete(Decisions({{"op", 3}}), random);
              }),
              HasSubstr("decision 'op' has index 3, but there are 3 alternatives"));
  EXPECT_THAT(user_error([&] { trace.index_of(Decisions({{"op", 0}})); }), HasSubstr("decision 'width' is missing"));
}

TEST(TraceTest, ReplayOfACompleteSetResolvesToItself) {
  const FunctionSpace space = unbalanced_space();
  Random random(4);
  for (int i = 0; i < 75; ++i) {
    const Decisions decisions = space.trace().at(i);
    Decisions resolved;
    static_cast<void>(space.build(decisions, &random, &resolved));
    EXPECT_EQ(resolved, decisions);
  }
  Decisions first;
  static_cast<void>(space.build(Decisions{}, nullptr, &first));
  EXPECT_EQ(first, space.trace().at(0));
  EXPECT_THAT(user_error([&] {
                space.build(Decisions({{"width", -1}}));
              }),
              HasSubstr("decision 'width' has index -1, but there are 3 alternatives"));
}

TEST(TraceTest, TextsNameAlternatives) {
  const FunctionSpace space = unbalanced_space();
  const Trace& trace = space.trace();
  EXPECT_EQ(trace.text(trace.at(0)), "width=16 op=skip");
  EXPECT_EQ(trace.text(trace.complete(Decisions({{"width", 2}, {"op", 1}, {"kernel", 1}, {"expansion", 3}}),
                                      *std::make_unique<Random>(1))),
            "width=32 op=conv kernel=5 expansion=6");
  EXPECT_EQ(trace.describe(),
            "75 decision sets, 8 decisions\n"
            "width: 16, 24, 32\n"
            "op: skip, conv, stack\n"
            "  if conv:\n"
            "    kernel: 3, 5, 7\n"
            "    expansion: 1, 2, 3, 6\n"
            "  if stack:\n"
            "    act: 0, 1\n"
            "    depth: 1, 2\n"
            "      always:\n"
            "        0/kernel: 3, 5\n"
            "      if 2:\n"
            "        1/kernel: 3, 5\n");
}

TEST(TraceTest, ASpaceWithoutDecisionsHasOneNetwork) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    EXPECT_TRUE(choose.pick("only", {4}).is_constant());
    return choose.layer("op", b, x, {{"skip", same}});
  });
  Random random(1);
  EXPECT_EQ(space.trace().count(), 1);
  EXPECT_TRUE(space.trace().sample(random).empty());
  EXPECT_TRUE(space.trace().mutate(Decisions{}, random).empty());
}

}  // namespace
}  // namespace nacre
