// From weights to a network, as DARTS derives its cells: the two strongest edges per node, each by its best operator but "none".
#include "nacre/supernet/network_choice.hpp"

#include <gtest/gtest.h>

#include <map>

#include "nacre/supernet/architecture.hpp"
#include "small_supernet.hpp"

namespace nacre {
namespace {

struct Cells {
  std::shared_ptr<const Space> space;
  Supernet whole;
  std::vector<std::vector<double>> weights;  // 0.1 everywhere
  explicit Cells(bool edge_weights)
      : space(test::small_cells()),
        whole(build_supernet(*space, {.zero_operator = true, .edge_weights = edge_weights})) {
    for (const OpenDecision& decision : whole.open) weights.emplace_back(decision.labels.size(), 0.1);
  }
  std::vector<double>& of(const std::string& key) {
    const auto found = std::ranges::find(whole.open, key, &OpenDecision::key);
    EXPECT_NE(found, whole.open.end()) << key;
    return weights.at(static_cast<size_t>(found - whole.open.begin()));
  }
  Decisions network(bool edge_weights) const {
    return NetworkChoice(*space, whole, whole.open, {edge_weights, "longest"}).network(weights, nullptr);
  }
};

// Keys of the sum of node 1 of the normal cell, and of its edges' operators: whatever the definition calls them.
std::string sum_key(const Supernet& whole) {
  for (const OpenDecision& decision : whole.open)
    if (decision.kind == OpenDecision::Kind::edges && decision.labels.size() == 3) return decision.key;
  return "";
}
std::vector<std::string> operator_keys(const Supernet& whole, const std::string& sum) {
  std::vector<std::string> keys;
  for (const SupernetPart& edge : whole.parts) {
    if (edge.key != sum || keys.size() == 3) continue;
    for (const SupernetPart& inner : whole.parts)
      if (inner.key != sum && inner.first >= edge.first && inner.last <= edge.last &&
          std::ranges::find(keys, inner.key) == keys.end())
        keys.push_back(inner.key);
  }
  return keys;
}

TEST(NetworkChoice, KeepsTheTwoStrongestEdgesByTheirBestOperator) {
  Cells cells(false);
  const std::string sum = sum_key(cells.whole);
  const std::vector<std::string> edges = operator_keys(cells.whole, sum);
  ASSERT_EQ(edges.size(), 3U);
  cells.of(edges[0])[0] = 0.99;  // "none" never counts
  cells.of(edges[1])[2] = 0.30;
  cells.of(edges[2])[4] = 0.25;
  Decisions network = cells.network(false);
  EXPECT_EQ(*network.find(sum), subset_rank(3, std::vector<int64_t>{1, 2}));
  EXPECT_EQ(*network.find(edges[1]), 1);
  EXPECT_EQ(*network.find(edges[2]), 3);
  EXPECT_EQ(network.find(edges[0]), nullptr);  // no such edge in the network
  // Equal strengths: the earlier edge, the earlier operator.
  cells.of(edges[0])[0] = 0.1;
  cells.of(edges[0])[3] = cells.of(edges[0])[1] = 0.25;
  network = cells.network(false);
  EXPECT_EQ(*network.find(sum), subset_rank(3, std::vector<int64_t>{0, 1}));
  EXPECT_EQ(*network.find(edges[0]), 0);
}

// PC-DARTS: an edge's own weight times that of its best operator.
TEST(NetworkChoice, EdgesOwnWeightsCount) {
  Cells cells(true);
  const std::string sum = sum_key(cells.whole);
  const std::vector<std::string> edges = operator_keys(cells.whole, sum);
  ASSERT_EQ(edges.size(), 3U);
  cells.of(edges[0])[1] = 0.9;
  cells.of(sum) = {0.1, 0.5, 0.4};  // 0.09, 0.05, 0.04
  EXPECT_EQ(*cells.network(true).find(sum), subset_rank(3, std::vector<int64_t>{0, 1}));
  cells.of(sum) = {0.02, 0.5, 0.48};  // 0.018, 0.05, 0.048
  EXPECT_EQ(*cells.network(true).find(sum), subset_rank(3, std::vector<int64_t>{1, 2}));
}

TEST(NetworkChoice, DrawnSubsetsFollowTheirWeights) {
  std::map<std::vector<int64_t>, int> seen;
  Random random(3);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) ++seen[drawn_subset({0.5, 0.3, 0.2}, 2, random)];
  // Two draws without replacement, in either order.
  const auto both = [](double a, double b) { return a * b / (1 - a) + b * a / (1 - b); };
  EXPECT_NEAR(seen[(std::vector<int64_t>{0, 1})] / static_cast<double>(kDraws), both(0.5, 0.3), 0.015);
  EXPECT_NEAR(seen[(std::vector<int64_t>{1, 2})] / static_cast<double>(kDraws), both(0.3, 0.2), 0.015);
}

}  // namespace
}  // namespace nacre
