// Cells as graphs and as paths; which decisions of NAS-Bench-101 are one network.
#include "nacre/space/cell_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "nacre/space/cells/nasbench201_classes.hpp"
#include "nacre/space/spaces/nasbench101.hpp"
#include "nacre/space/spaces/nasbench201.hpp"
#include "tests/space/space_context.hpp"

namespace nacre {
namespace {

std::unique_ptr<Space> space_of(const std::string& kind, const std::string& options = "{}") {
  return make_space(kind, space_context({3, 32, 32}, 10), options);
}

// The paths of a bit row as texts of digits, "" for the input itself.
std::vector<std::string> paths_of(const std::vector<float>& row, size_t operators) {
  std::vector<std::string> all = {""};
  for (size_t begin = 0; all.size() < row.size();) {
    const size_t end = all.size();
    for (; begin < end; ++begin) {
      for (size_t kind = 0; kind < operators; ++kind) all.push_back(all[begin] + std::to_string(kind));
    }
  }
  std::vector<std::string> taken;
  for (size_t i = 0; i < row.size(); ++i) {
    if (row[i] == 1) taken.push_back(all[i]);
  }
  return taken;
}

TEST(PathEncoding, WholeLengthsWhileTheyFit) {
  EXPECT_EQ(PathEncoding(3, 40).width(), 40U) << "1 + 3 + 9 + 27, as the paper has it for NAS-Bench-101";
  EXPECT_EQ(PathEncoding(3, 40).longest(), 3U);
  EXPECT_EQ(PathEncoding(3, 364).width(), 364U);
  EXPECT_EQ(PathEncoding(3, 363).width(), 121U);
  EXPECT_EQ(PathEncoding(5, 1).width(), 6U) << "single operators always";
}

TEST(PathEncoding, PathsOfANasbench201Cell) {
  const auto space = space_of("nasbench201");
  const PathEncoding encoding(5, 1000);
  const auto paths = [&](const std::string& code) {
    return paths_of(encoding.row(*space->cell_of(nasbench201_decisions(code))), 5);
  };
  using Paths = std::vector<std::string>;
  // Edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
  EXPECT_EQ(paths("000000"), Paths{});
  EXPECT_EQ(paths("000300"), Paths{"3"});
  EXPECT_EQ(paths("020001"), Paths{"21"});
  EXPECT_EQ(paths("234123"), (Paths{"1", "22", "33", "243"}));
  EXPECT_EQ(paths("234003"), (Paths{"33", "243"})) << "nothing arrives by the edges of 'none'";
  EXPECT_EQ(paths("300000"), Paths{}) << "an edge that leads nowhere";
}

// What the output does not depend on is no part of a cell: two codes of one network without skips have one form.
TEST(CellGraph, Nasbench201CodesOfOneNetworkHaveOneForm) {
  const auto space = space_of("nasbench201");
  std::map<std::string, std::string> form_of_class;
  int64_t cells = 0;
  for (const std::string& code : nasbench201_codes()) {
    if (code.find('1') != std::string::npos) continue;  // skips stand in the graph, not in the class
    const std::string form = canonical_form(space->cell_of(nasbench201_decisions(code))->graph()).code;
    const auto [place, fresh] = form_of_class.emplace(nasbench201_class(code, CellRule::exact), form);
    EXPECT_EQ(place->second, form) << code;
    ++cells;
  }
  EXPECT_EQ(cells, 4096);
  EXPECT_GT(form_of_class.size(), 1000U);
}

// Another order of the inner vertices, where the edges still lead on.
std::optional<Nasbench101Cell> reordered(const Nasbench101Cell& cell, const std::vector<int>& order) {
  Nasbench101Cell result;
  result.vertices = cell.vertices;
  size_t bit = 0;
  for (int from = 0; from < cell.vertices; ++from) {
    for (int to = from + 1; to < cell.vertices; ++to, ++bit) {
      const int a = order[static_cast<size_t>(from)], b = order[static_cast<size_t>(to)];
      if (a < b && cell.has_edge(a, b)) result.edges |= 1U << bit;
    }
  }
  if (std::popcount(result.edges) != std::popcount(cell.edges)) return std::nullopt;  // an edge would lead back
  for (int v = 1; v + 1 < cell.vertices; ++v)
    result.operators.push_back(cell.operators[static_cast<size_t>(order[static_cast<size_t>(v)] - 1)]);
  return result;
}

TEST(Nasbench101Identity, IsThatOfTheCellUpToTheOrderOfItsVertices) {
  const auto space = space_of("nasbench101");
  Random random(3);
  int64_t others = 0;
  std::map<Hash128, std::string> form_of;  // of cells of the benchmark, by identity
  for (int i = 0; i < 3000; ++i) {
    const Decisions decisions = space->trace().sample(random);
    const std::optional<Hash128> identity = space->identity_of(decisions);
    ASSERT_TRUE(identity);
    const std::string form = canonical_form(space->cell_of(decisions)->graph()).code;
    const auto [place, fresh] = form_of.emplace(*identity, form);
    EXPECT_EQ(place->second, form) << "equal identities are equal cells";
    const std::optional<Nasbench101Cell> cell = nasbench101_cell_of(decisions);
    if (!cell) continue;
    EXPECT_EQ(space->identity_of(nasbench101_decisions(*cell)), identity) << "unused vertices do not matter";
    std::vector<int> order(static_cast<size_t>(cell->vertices));
    std::iota(order.begin(), order.end(), 0);
    while (std::next_permutation(order.begin() + 1, order.end() - 1)) {
      const std::optional<Nasbench101Cell> other = reordered(*cell, order);
      if (!other) continue;
      ++others;
      EXPECT_EQ(space->identity_of(nasbench101_decisions(*other)), identity);
    }
  }
  EXPECT_GT(others, 100);
  std::map<std::string, Hash128> identity_of;
  for (const auto& [identity, form] : form_of) EXPECT_TRUE(identity_of.emplace(form, identity).second) << "and back";
}

TEST(Nasbench101Identity, RecipesAreToldApart) {
  const auto space = space_of("nasbench101", "{recipe: {learning_rate: [0.01, 0.1]}}");
  Random random(4);
  Decisions decisions = space->trace().sample(random);
  const std::optional<Hash128> identity = space->identity_of(decisions);
  ASSERT_TRUE(identity);
  decisions.set("recipe/learning_rate", 1 - *decisions.find("recipe/learning_rate"));
  EXPECT_NE(space->identity_of(decisions), identity);
  EXPECT_FALSE(space->cell_of(decisions)) << "the cell does not say all";
}

TEST(Nasbench201Identity, EveryCodeIsItsOwnNetwork) {
  EXPECT_FALSE(space_of("nasbench201")->identity_of(nasbench201_decisions("123403")));
}

}  // namespace
}  // namespace nacre
