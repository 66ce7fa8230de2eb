// The canonical form against trying all orders of the vertices.
#include "nacre/space/cells/labeled_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "nacre/base/random.hpp"

namespace nacre {
namespace {

LabeledGraph reordered(const LabeledGraph& graph, const std::vector<int>& order) {
  LabeledGraph result;
  for (const int vertex : order) result.add_vertex(graph.label(vertex));
  for (int from = 0; from < graph.size(); ++from) {
    for (int to = 0; to < graph.size(); ++to)
      result.connect(from, to, graph.edges(order[static_cast<size_t>(from)], order[static_cast<size_t>(to)]));
  }
  return result;
}

std::string plain_text(const LabeledGraph& graph) {
  std::string text;
  for (int v = 0; v < graph.size(); ++v) text += static_cast<char>(graph.label(v));
  for (int from = 0; from < graph.size(); ++from) {
    for (int to = 0; to < graph.size(); ++to) text += static_cast<char>(graph.edges(from, to));
  }
  return text;
}

// The smallest text over all orders: equal exactly for isomorphic graphs, by definition.
std::string reference_form(const LabeledGraph& graph) {
  std::vector<int> order(static_cast<size_t>(graph.size()));
  std::iota(order.begin(), order.end(), 0);
  std::string best;
  do {
    const std::string text = plain_text(reordered(graph, order));
    if (best.empty() || text < best) best = text;
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

// Few labels and degrees, so that many are isomorphic and many nearly so.
LabeledGraph random_small_graph(Random& random) {
  LabeledGraph graph;
  const int size = static_cast<int>(random.integer(1, 6));
  for (int v = 0; v < size; ++v) graph.add_vertex(static_cast<uint8_t>(random.below(2)));
  for (int from = 0; from < size; ++from) {
    for (int to = 0; to < size; ++to) {
      if (random.below(3) == 0) graph.connect(from, to, static_cast<int>(1 + random.below(2)));
    }
  }
  return graph;
}

TEST(CanonicalForm, IsEqualExactlyForIsomorphicGraphs) {
  Random random(5);
  std::set<std::pair<std::string, std::string>> pairs;
  std::set<std::string> codes;
  std::set<std::string> references;
  for (int i = 0; i < 3000; ++i) {
    const LabeledGraph graph = random_small_graph(random);
    const std::string code = canonical_form(graph).code;
    const std::string reference = reference_form(graph);
    pairs.emplace(code, reference);
    codes.insert(code);
    references.insert(reference);
  }
  // A one-to-one relation.
  EXPECT_EQ(pairs.size(), codes.size());
  EXPECT_EQ(pairs.size(), references.size());
  EXPECT_LT(codes.size(), 2900U);
}

TEST(CanonicalForm, DoesNotDependOnTheOrderOfVertices) {
  Random random(6);
  for (int i = 0; i < 300; ++i) {
    LabeledGraph graph;
    const int size = static_cast<int>(random.integer(8, LabeledGraph::kMaximumVertices));
    for (int v = 0; v < size; ++v) graph.add_vertex(static_cast<uint8_t>(random.below(3)));
    for (int edge = 0; edge < 2 * size; ++edge)
      graph.connect(static_cast<int>(random.integer(0, size - 1)), static_cast<int>(random.integer(0, size - 1)));
    std::vector<int> order;
    for (const int64_t vertex : random.permutation(size)) order.push_back(static_cast<int>(vertex));
    const LabeledGraph other = reordered(graph, order);
    const CanonicalForm a = canonical_form(graph);
    const CanonicalForm b = canonical_form(other);
    ASSERT_EQ(a.code, b.code);
    // The positions say which order it is.
    std::vector<int> by_position(static_cast<size_t>(size));
    for (int v = 0; v < size; ++v) by_position[static_cast<size_t>(a.position[static_cast<size_t>(v)])] = v;
    ASSERT_EQ(a.code.substr(1), plain_text(reordered(graph, by_position)));
  }
}

// Colors alone cannot tell a ring of six from two rings of three.
TEST(CanonicalForm, TellsRegularGraphsApart) {
  const auto rings = [](int length) {
    LabeledGraph graph;
    for (int v = 0; v < 6; ++v) graph.add_vertex(0);
    for (int v = 0; v < 6; ++v) graph.connect(v, v / length * length + (v + 1) % length);
    return graph;
  };
  EXPECT_NE(canonical_form(rings(6)).code, canonical_form(rings(3)).code);
}

}  // namespace
}  // namespace nacre
