// Small directed graphs with labeled vertices and numbered edges, and their canonical form: two graphs have one form exactly
// when one is the other with its vertices in another order. For counting and comparing cells.
//
// The form is found as in graph-isomorphism programs (McKay and Piperno, arXiv 1301.1493): colors of vertices are refined by the
// colors around them until nothing changes; where a color is left on several vertices each is tried as the first of them; the
// smallest adjacency matrix among the orders so found is the form. Exact, unlike a hash of refined colors alone, and quick
// for cells: some microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "nacre/base/hash.hpp"

namespace nacre {

class LabeledGraph {
 public:
  static constexpr int kMaximumVertices = 16;

  // The number of the new vertex. InternalError past kMaximumVertices.
  int add_vertex(uint8_t label);
  void set_label(int vertex, uint8_t label) { labels_[static_cast<size_t>(vertex)] = label; }
  // Adds `count` edges.
  void connect(int from, int to, int count = 1);

  int size() const { return size_; }
  uint8_t label(int vertex) const { return labels_[static_cast<size_t>(vertex)]; }
  int edges(int from, int to) const { return edges_[static_cast<size_t>(from)][static_cast<size_t>(to)]; }

 private:
  int size_ = 0;
  std::array<uint8_t, kMaximumVertices> labels_{};
  std::array<std::array<uint8_t, kMaximumVertices>, kMaximumVertices> edges_{};
};

struct CanonicalForm {
  std::string code;           // number of vertices, labels, matrix: equal exactly for isomorphic graphs
  std::vector<int> position;  // of each vertex in the canonical order

  Hash128 hash() const { return hash_text(code); }
};

CanonicalForm canonical_form(const LabeledGraph& graph);

}  // namespace nacre
