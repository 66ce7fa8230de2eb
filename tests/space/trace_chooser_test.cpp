// Tracing: sharing, structural decisions, repeats, grammars, and what is refused.
#include "nacre/space/trace_chooser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "function_space.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

ValueId same(GraphBuilder&, ValueId x) { return x; }

void expect_exact(const FunctionSpace& space, int expected) {
  EXPECT_EQ(space.trace().count(), expected);
  const std::vector<Decisions> all = enumerate_by_building(space, 100000);
  EXPECT_EQ(all.size(), static_cast<size_t>(expected));
  std::set<std::string> indices;
  for (const Decisions& decisions : all) {
    ASSERT_TRUE(space.trace().is_complete(decisions));
    indices.insert(space.trace().index_of(decisions).get_str());
  }
  EXPECT_EQ(indices.size(), all.size());
}

// --- sharing

TEST(TraceChooserTest, ARepeatedCellIsCountedOnce) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    for (int i = 0; i < 5; ++i) {
      const auto cell = choose.scope("cell");
      x = choose.layer("op", b, x, {{"a", same}, {"b", same}, {"c", [&](GraphBuilder&, ValueId y) {
                                                                 choose.pick("kernel", {3, 5});
                                                                 return y;
                                                               }}});
    }
    return x;
  });
  expect_exact(space, 4);
}

TEST(TraceChooserTest, WhatASecondUseAddsBelongsToItsAlternative) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    for (int i = 0; i < 2; ++i) {
      x = choose.layer("op", b, x, {{"a", same}, {"b", [&](GraphBuilder&, ValueId y) {
                                                    choose.pick("first", {1, 2, 3});
                                                    if (i == 1) choose.pick("second", {1, 2});
                                                    return y;
                                                  }}});
    }
    return x;
  });
  expect_exact(space, 1 + 3 * 2);
}

TEST(TraceChooserTest, ExclusiveBranchesMayShareAKey) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    const auto with_kernel = [&](GraphBuilder&, ValueId y) {
      choose.pick("kernel", {3, 5});
      return y;
    };
    return choose.layer("op", b, x, {{"a", with_kernel}, {"b", with_kernel}, {"skip", same}});
  });
  expect_exact(space, 5);
  EXPECT_EQ(space.trace().decisions().size(), 2U);
}

TEST(TraceChooserTest, AKeyAskedBeforeALayerIsTheSameInside) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    choose.pick("kernel", {3, 5});
    return choose.layer("op", b, x, {{"a", same}, {"b", [&](GraphBuilder&, ValueId y) {
                                                     choose.pick("kernel", {3, 5});
                                                     return y;
                                                   }}});
  });
  expect_exact(space, 4);
}

TEST(TraceChooserTest, ASharedScopeLeavesThePath) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    return choose.repeat("depth", b, x, {2}, [&](GraphBuilder&, ValueId y, int64_t i) {
      const auto own = choose.scope("cell" + std::to_string(i));
      choose.pick("own", {1, 2});
      const auto shared = choose.shared_scope("cell");
      EXPECT_EQ(choose.scope_path(), "cell");
      choose.pick("shared", {1, 2, 3});
      return y;
    });
  });
  expect_exact(space, 2 * 2 * 3);
}

// --- repeat

TEST(TraceChooserTest, RepeatChainsItsBodies) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    return choose.repeat("depth", b, x, {0, 2, 3}, [&](GraphBuilder&, ValueId y, int64_t i) {
      const auto scope = choose.scope(std::to_string(i));
      choose.pick("kernel", {3, 5, 7});
      return y;
    });
  });
  expect_exact(space, 1 + 9 + 27);
}

TEST(TraceChooserTest, BodiesMayShareDecisions) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    return choose.repeat("depth", b, x, {0, 1, 4}, [&](GraphBuilder&, ValueId y, int64_t) {
      choose.pick("kernel", {3, 5, 7});
      return y;
    });
  });
  expect_exact(space, 1 + 3 + 3);
}

// --- structural decisions

TEST(TraceChooserTest, ControlFlowOnAPlainValueBranches) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder&, ValueId x) {
    choose.pick("before", {1, 2});
    const Choice n = choose.pick("n", {0, 1, 2, 3});
    choose.pick("between", {1, 2, 3});
    for (int64_t i = 0; i < n.value(); ++i) choose.pick("k" + std::to_string(i), {3, 5});
    return x;
  });
  expect_exact(space, 2 * 3 * (1 + 2 + 4 + 8));
  const Trace& trace = space.trace();
  EXPECT_TRUE(trace.decisions()[static_cast<size_t>(*trace.find_decision("n"))].structural);
  EXPECT_FALSE(trace.decisions()[static_cast<size_t>(*trace.find_decision("between"))].structural);
  // What does not depend on n stands beside it, not below.
  EXPECT_EQ(trace.nodes()[0].children.size(), 3U);
}

TEST(TraceChooserTest, StructuralDecisionsMayDependOnOneAnother) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder&, ValueId x) {
    const Choice a = choose.pick("a", {0, 1, 2});
    const Choice c = choose.pick("c", {0, 1});
    if (a.value() == 1 && c.value() == 1) choose.pick("x", {1, 2, 3});
    if (a.value() == 2) {
      const Choice d = choose.pick("d", {0, 1, 2});
      if ((d + a).value() == 4) choose.pick("y", {1, 2, 3, 4, 5});
    }
    return x;
  });
  // a=0: 2; a=1: c=0: 1, c=1: 3; a=2: 2 * (1 + 1 + 5)
  expect_exact(space, 2 + 4 + 14);
}

TEST(TraceChooserTest, AnOuterDecisionMayBecomeStructuralInside) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    const Choice n = choose.pick("n", {1, 2});
    return choose.layer("op", b, x, {{"a", same}, {"b", [&](GraphBuilder&, ValueId y) {
                                                     if (n.value() == 2) choose.pick("k", {1, 2, 3});
                                                     return y;
                                                   }}});
  });
  expect_exact(space, (1 + 1) + (1 + 3));
}

TEST(TraceChooserTest, ARepeatedCellMayHaveStructuralDecisions) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    for (int i = 0; i < 3; ++i) {
      x = choose.block("cell", b, x, [&](GraphBuilder& b2, ValueId y) {
        const Choice n = choose.pick("n", {1, 2});
        for (int64_t k = 0; k < n.value(); ++k) {
          y = choose.layer("op" + std::to_string(k), b2, y, {{"a", same}, {"b", same}, {"c", same}});
        }
        return y;
      });
    }
    return x;
  });
  expect_exact(space, 3 + 9);
}

TEST(TraceChooserTest, AStructuralDecisionOfASecondUseSplitsTheFirst) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    for (int i = 0; i < 2; ++i) {
      x = choose.layer("op", b, x, {{"a", same}, {"b", [&](GraphBuilder&, ValueId y) {
                                                    const Choice n = choose.pick("n", {1, 2, 3});
                                                    choose.pick("m", {1, 2});
                                                    if (i == 1 && n.value() == 2) choose.pick("k", {1, 2, 3, 4});
                                                    return y;
                                                  }}});
    }
    return x;
  });
  expect_exact(space, 1 + 2 * (1 + 4 + 1));
}

TEST(TraceChooserTest, BlocksKeepStructuralDecisionsApart) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    for (int i = 0; i < 20; ++i) {
      x = choose.block(std::to_string(i), b, x, [&](GraphBuilder&, ValueId y) {
        if (choose.pick("n", {1, 2, 3}).value() == 3) choose.pick("k", {1, 2});
        return y;
      });
    }
    return x;
  });
  Count expected;
  mpz_ui_pow_ui(expected.get_mpz_t(), 4, 20);
  EXPECT_EQ(space.trace().count(), expected);
}

TEST(TraceChooserTest, SubsetIsStructural) {
  const std::vector<std::string> labels = {"a", "b", "c", "d"};
  const FunctionSpace space([&labels](Chooser& choose, GraphBuilder&, ValueId x) {
    for (const int64_t edge : choose.subset("edges", labels, 2)) {
      if (edge == 3) choose.pick("d_kernel", {3, 5, 7});
    }
    return x;
  });
  expect_exact(space, 3 + 3 * 3);
  const TraceDecision& edges = space.trace().decisions()[static_cast<size_t>(*space.trace().find_decision("edges"))];
  EXPECT_EQ(edges.alternatives[0], "a+b");
  EXPECT_EQ(edges.alternatives[5], "c+d");
  EXPECT_TRUE(edges.structural);
}

// --- grammars

// tree(d) = leaf | branch(tree(d-1), tree(d-1)); terminals only at the limit.
FunctionSpace binary_trees(int64_t depth) {
  return FunctionSpace([depth](Chooser& choose, GraphBuilder& b, ValueId x) {
    std::function<ValueId(GraphBuilder&, ValueId)> tree;
    tree = [&](GraphBuilder& b1, ValueId y) {
      return choose.recurse("tree", depth, b1, y, [&](int64_t) {
        return std::vector<Production>{{"leaf", true, same}, {"branch", false, [&](GraphBuilder& b2, ValueId z) {
                                                                {
                                                                  const auto left = choose.scope("left", b2);
                                                                  z = tree(b2, z);
                                                                }
                                                                const auto right = choose.scope("right", b2);
                                                                return tree(b2, z);
                                                              }}};
      });
    };
    return tree(b, x);
  });
}

TEST(TraceChooserTest, GrammarCountsMatchTheRecurrence) {
  int64_t closed_form = 1;  // c(0) = 1, c(d) = 1 + c(d-1)^2: binary trees of height at most d
  for (int64_t depth = 0; depth <= 6; ++depth) {
    const FunctionSpace space = binary_trees(depth);
    Count expected = 1;
    for (int64_t d = 0; d < depth; ++d) expected = 1 + expected * expected;
    EXPECT_EQ(space.trace().count(), expected) << "depth " << depth;
    closed_form = expected < 1000 ? static_cast<int64_t>(expected.get_ui()) : closed_form;
    if (expected < 1000) {
      EXPECT_EQ(enumerate_by_building(space, 2000).size(), static_cast<size_t>(closed_form));
    }
  }
}

TEST(TraceChooserTest, LargeSpacesTraceFast) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    std::vector<Branch> branches;
    for (int i = 0; i < 9; ++i) branches.push_back({"op" + std::to_string(i), same});
    for (int i = 0; i < 22; ++i) x = choose.layer("layer" + std::to_string(i), b, x, branches);
    return x;
  });
  Count expected;
  mpz_ui_pow_ui(expected.get_mpz_t(), 9, 22);
  EXPECT_EQ(space.trace().count(), expected);
}

// --- refusals

TEST(TraceChooserTest, RefusesADecisionInsideAnAlternativeAndOutside) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    x = choose.layer("op", b, x, {{"a", same}, {"b", [&](GraphBuilder&, ValueId y) {
                                                  choose.pick("kernel", {3, 5});
                                                  return y;
                                                }}});
    choose.pick("kernel", {3, 5});
    return x;
  });
  EXPECT_EQ(user_error([&] { space.trace(); }),
            "decision 'kernel' is asked inside an alternative of 'op' and again outside of it, so that it is not "
            "always the same decision; "
            "ask it before both, or enter a scope");
}

TEST(TraceChooserTest, RefusesADecisionInsideTwoIndependentLayers) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    for (const char* name : {"first", "second"}) {
      x = choose.layer(name, b, x, {{"a", same}, {"b", [&](GraphBuilder&, ValueId y) {
                                                    choose.pick("kernel", {3, 5});
                                                    return y;
                                                  }}});
    }
    return x;
  });
  EXPECT_THAT(
      user_error([&] { space.trace(); }),
      HasSubstr(
          "decision 'kernel' is asked inside an alternative of 'first' and again inside an alternative of 'second'"));
}

TEST(TraceChooserTest, RefusesBranchesOfDifferentShapes) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    const auto block = choose.scope("stage1");
    return choose.layer(
        "op", b, x, {{"narrow", [](GraphBuilder& b2, ValueId y) { return b2.linear("fc", y, 4); }}, {"skip", same}});
  });
  EXPECT_EQ(user_error([&] { space.trace(); }),
            "layer 'stage1/op': alternative 'narrow' gives the shape [batch,4] and 'skip' gives [batch,8]; all "
            "alternatives must give one shape");
}

TEST(TraceChooserTest, RefusesCountsOfDifferentShapes) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    return choose.repeat("depth", b, x, {0, 1},
                         [](GraphBuilder& b2, ValueId y, int64_t) { return b2.linear("fc", y, 4); });
  });
  EXPECT_THAT(user_error([&] { space.trace(); }),
              HasSubstr("repeat 'depth': alternative '1' gives the shape [batch,4] and '0' gives [batch,8]"));
}

TEST(TraceChooserTest, RefusesOtherAlternativesUnderOneKey) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder&, ValueId x) {
    choose.pick("kernel", {3, 5});
    choose.pick("kernel", {3, 7});
    return x;
  });
  EXPECT_THAT(user_error([&] { space.trace(); }),
              HasSubstr("decision 'kernel' chooses a number of 3, 5 at one place and a number of 3, 7 at another"));
  const FunctionSpace twice([](Chooser& choose, GraphBuilder&, ValueId x) {
    choose.pick("kernel", {3, 5, 3});
    return x;
  });
  EXPECT_THAT(user_error([&] { twice.trace(); }), HasSubstr("decision 'kernel' has the alternative '3' twice"));
}

TEST(TraceChooserTest, RefusesEmptyAndUnorderedAlternatives) {
  const auto message = [](FunctionSpace::Definition definition) {
    const FunctionSpace space(std::move(definition));
    return user_error([&] { space.trace(); });
  };
  EXPECT_THAT(message([](Chooser& choose, GraphBuilder& b, ValueId x) { return choose.layer("op", b, x, {}); }),
              HasSubstr("decision 'op' has no alternatives"));
  EXPECT_THAT(message([](Chooser& choose, GraphBuilder& b, ValueId x) {
                return choose.repeat("depth", b, x, {2, 1}, [](GraphBuilder&, ValueId y, int64_t) { return y; });
              }),
              HasSubstr("repeat 'depth': counts must be ascending and not negative, found 1 at place 2"));
  EXPECT_THAT(message([](Chooser& choose, GraphBuilder&, ValueId x) {
                choose.subset("edges", std::vector<std::string>{"a", "b"}, 3);
                return x;
              }),
              HasSubstr("subset 'edges': cannot choose 3 of 2"));
  EXPECT_THAT(message([](Chooser& choose, GraphBuilder&, ValueId x) {
                choose.subset("edges", std::vector<std::string>(40, "a"), 20);
                return x;
              }),
              HasSubstr("subset 'edges': 20 of 40 has more than 100000 alternatives"));
  EXPECT_THAT(
      message([](Chooser& choose, GraphBuilder& b, ValueId x) {
        return choose.recurse("rule", 0, b, x, [](int64_t) { return std::vector<Production>{{"again", false, same}}; });
      }),
      HasSubstr("grammar 'rule' has no terminal production at depth 0"));
}

TEST(TraceChooserTest, RefusesALayerInsideItself) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    std::function<ValueId(GraphBuilder&, ValueId)> build = [&](GraphBuilder& b2, ValueId y) {
      return choose.layer("op", b2, y, {{"a", same}, {"b", build}});
    };
    return build(b, x);
  });
  EXPECT_THAT(user_error([&] { space.trace(); }),
              HasSubstr("'op' is asked again inside one of its own alternatives; enter a scope"));
}

TEST(TraceChooserTest, RefusesAPlainValueOutsideOfItsAlternative) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    Choice leaked = 0;
    x = choose.layer("op", b, x,
                     {{"a",
                       [&](GraphBuilder&, ValueId y) {
                         leaked = choose.pick("n", {1, 2});
                         return y;
                       }},
                      {"b", same}});
    static_cast<void>(leaked.value());
    return x;
  });
  EXPECT_THAT(user_error([&] { space.trace(); }),
              HasSubstr("the plain value of decision 'n' is used outside of the alternative that asked it"));
}

TEST(TraceChooserTest, RefusesAPlainValueAfterItsBlock) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    x = choose.block("part", b, x, [&](GraphBuilder&, ValueId y) {
      const auto shared = choose.shared_scope("shared");
      choose.pick("n", {1, 2});
      return y;
    });
    const auto shared = choose.shared_scope("shared");
    static_cast<void>(choose.pick("n", {1, 2}).value());
    return x;
  });
  EXPECT_THAT(user_error([&] { space.trace(); }),
              HasSubstr("the plain value of decision 'shared/n' is used after the block or body that asked it"));
}

TEST(TraceChooserTest, RefusesNewDecisionsInALaterUseUnderOtherConditions) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder& b, ValueId x) {
    const auto cell = [&](GraphBuilder& b2, ValueId y, bool more) {
      return choose.layer("op", b2, y, {{"a", same}, {"b", [&choose, more](GraphBuilder&, ValueId z) {
                                                        if (more) choose.pick("late", {1, 2});
                                                        return z;
                                                      }}});
    };
    x = cell(b, x, false);
    return choose.layer("outer", b, x,
                        {{"once", same}, {"again", [&](GraphBuilder& b2, ValueId y) { return cell(b2, y, true); }}});
  });
  EXPECT_THAT(user_error([&] { space.trace(); }), HasSubstr("decision 'late' is first asked in a later use of 'op'"));
}

TEST(TraceChooserTest, RefusesTooManyRunsAndNamesTheDecisions) {
  const FunctionSpace space([](Chooser& choose, GraphBuilder&, ValueId x) {
    for (int i = 0; i < 18; ++i) static_cast<void>(choose.pick("n" + std::to_string(i), {1, 2}).value());
    return x;
  });
  EXPECT_THAT(
      user_error([&] { space.trace(); }),
      testing::AllOf(
          HasSubstr("structural decisions multiply to more than 100000 runs of one part: 'n0' (2 alternatives)"),
          HasSubstr("put each with what depends on it into a block")));
}

}  // namespace
}  // namespace nacre
