// A repeated cell as a graph with operators on its vertices, and as the paths through it: what predictors made for cells see
// instead of decisions.
//
// The path encoding (White, Neiswanger and Savani, BANANAS, AAAI 2021, arXiv 1910.11858, section 3) has a bit for every sequence
// of operators that leads from the input of the cell to its output. Most cells have short paths only, so that it is truncated:
// sequences are taken in order of their length, whole lengths while they fit.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nacre/design/candidate.hpp"
#include "nacre/space/cells/labeled_graph.hpp"

namespace nacre {

// Vertex 0 is the input, the last one the output; edges lead to later vertices, a path from input to output goes through every
// other vertex. A cell without any path has these two alone.
class CellGraph {
 public:
  static constexpr uint8_t kInput = 0, kOutput = 1, kFirstOperator = 2;  // labels

  // `operators`: names by label less kFirstOperator, those of the space and not only of this cell.
  CellGraph(LabeledGraph graph, std::span<const std::string> operators);

  const LabeledGraph& graph() const { return graph_; }
  int output() const { return graph_.size() - 1; }
  std::span<const std::string> operators() const { return operators_; }
  // "input", "output" or an operator.
  const std::string& name(int vertex) const;

 private:
  LabeledGraph graph_;
  std::span<const std::string> operators_;  // of static storage
};

// A cell whose operators stand on edges between nodes, node 0 the input and the last one the output; what arrives at a node is
// summed.
struct CellEdge {
  int from = 0;
  int to = 0;
  std::string name() const;  // "0-1"
};
// Of decisions "cell/0-1", ... among `operators`, of which the first hands nothing on; nothing when one is missing or others stand beside
// them.
std::optional<CellGraph> cell_of_edges(const Decisions& decisions, std::span<const CellEdge> edges,
                                       std::span<const std::string> operators);

class PathEncoding {
 public:
  // Paths of so many kinds of operators; at most `bits` of them, but those of one operator always.
  PathEncoding(size_t operators, size_t bits);

  size_t width() const { return width_; }
  size_t longest() const { return longest_; }  // operators of a path
  // [width]: 1 for each path that the cell has, shortest first; the first for the input itself.
  std::vector<float> row(const CellGraph& cell) const;

 private:
  size_t operators_;
  size_t longest_ = 0;
  size_t width_ = 0;
  std::vector<size_t> offsets_;  // of each length
};

}  // namespace nacre
