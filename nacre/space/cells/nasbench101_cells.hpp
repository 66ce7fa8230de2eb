// The cells of NAS-Bench-101 (Ying et al., arXiv 1902.09635, section 2): directed acyclic graphs of at most 7 vertices and 9
// edges, the first vertex the input and the last the output, each vertex between them one of three operators. A cell is
// valid when a path leads from input to output; vertices on no such path compute nothing and are left out. Up to the order of
// vertices there are 423,624.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nacre/space/cells/labeled_graph.hpp"

namespace nacre {

struct Nasbench101Cell {
  static constexpr int kMaximumVertices = 7;
  static constexpr int kMaximumEdges = 9;

  int vertices = 2;
  // Upper triangle of the adjacency matrix, row by row: bit k is the k-th pair (0,1), (0,2), ..., (1,2), ...
  uint32_t edges = 0;
  // Of the vertices between input and output: 0 conv3x3-bn-relu, 1 conv1x1-bn-relu, 2 maxpool3x3.
  std::vector<uint8_t> operators;

  bool has_edge(int from, int to) const;
  std::string edge_text() const;      // "0110100...": the bits in order
  std::string operator_text() const;  // "012"
};

// From the two texts, as a table of the benchmark holds them. UserError when malformed.
Nasbench101Cell nasbench101_cell(const std::string& edges, const std::string& operators);

// Without the vertices that lie on no path from input to output; nothing when there is no such path.
std::optional<Nasbench101Cell> pruned(const Nasbench101Cell& cell);

// Equal exactly for cells that are one cell with its vertices in another order. Not pruned before.
Hash128 canonical_hash(const Nasbench101Cell& cell);

// The same for the cells of the benchmark in a tenth of the time, by the benchmark's own method: hashes of vertices that take in
// those of their neighbors, before and behind, again and again. Equal for cells that are one cell with its vertices in another
// order, different for all 423,624 classes (tests/space/cells_test.cpp goes through them); larger cells may share one.
uint64_t quick_hash(const Nasbench101Cell& cell);

// Calls `visit` with one cell of each class and its hash, ordered by vertices and edges: 423,624 times.
void for_each_nasbench101_cell(const std::function<void(const Nasbench101Cell&, const Hash128&)>& visit);

}  // namespace nacre
