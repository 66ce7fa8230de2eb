#include "nacre/space/cell_graph.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {

CellGraph::CellGraph(LabeledGraph graph, std::span<const std::string> operators)
    : graph_(std::move(graph)), operators_(operators) {
  NACRE_CHECK(graph_.size() >= 2 && graph_.label(0) == kInput && graph_.label(output()) == kOutput,
              "a cell from its input to its output");
}

const std::string& CellGraph::name(int vertex) const {
  static const std::string kEnds[] = {"input", "output"};
  const uint8_t label = graph_.label(vertex);
  return label < kFirstOperator ? kEnds[label] : operators_[label - kFirstOperator];
}

std::string CellEdge::name() const { return fmt::format("{}-{}", from, to); }

std::optional<CellGraph> cell_of_edges(const Decisions& decisions, std::span<const CellEdge> edges,
                                       std::span<const std::string> operators) {
  if (decisions.size() != edges.size()) return std::nullopt;
  std::vector<int64_t> kinds;
  int last = 0;
  for (const CellEdge& edge : edges) {
    const int64_t* const kind = decisions.find("cell/" + edge.name());
    if (kind == nullptr) return std::nullopt;
    kinds.push_back(*kind);
    last = std::max(last, edge.to);
  }
  // Edges with something to hand on: from the input, and on to the output.
  std::vector<char> fed(static_cast<size_t>(last) + 1), heard(fed.size());
  fed[0] = heard[static_cast<size_t>(last)] = 1;
  for (int pass = 0; pass < last; ++pass) {
    for (size_t i = 0; i < edges.size(); ++i) {
      if (kinds[i] == 0) continue;
      const auto from = static_cast<size_t>(edges[i].from), to = static_cast<size_t>(edges[i].to);
      if (fed[from] != 0) fed[to] = 1;
      if (heard[to] != 0) heard[from] = 1;
    }
  }
  LabeledGraph graph;
  graph.add_vertex(CellGraph::kInput);
  std::vector<std::pair<CellEdge, int>> placed;  // with their vertices
  for (size_t i = 0; i < edges.size(); ++i) {
    if (kinds[i] == 0 || fed[static_cast<size_t>(edges[i].from)] == 0 || heard[static_cast<size_t>(edges[i].to)] == 0)
      continue;
    placed.emplace_back(edges[i], graph.add_vertex(static_cast<uint8_t>(CellGraph::kFirstOperator + kinds[i])));
  }
  const int output = graph.add_vertex(CellGraph::kOutput);
  for (const auto& [edge, vertex] : placed) {
    if (edge.from == 0) graph.connect(0, vertex);
    if (edge.to == last) graph.connect(vertex, output);
    for (const auto& [next, reader] : placed) {
      if (next.from == edge.to) graph.connect(vertex, reader);
    }
  }
  return CellGraph(std::move(graph), operators);
}

PathEncoding::PathEncoding(size_t operators, size_t bits) : operators_(operators), offsets_{0} {
  NACRE_CHECK(operators > 0, "a cell has operators");
  width_ = 1;
  size_t paths = operators;
  while (longest_ + 2 < LabeledGraph::kMaximumVertices && (longest_ == 0 || width_ + paths <= bits)) {
    offsets_.push_back(width_);
    width_ += paths;
    paths *= operators;
    ++longest_;
  }
}

std::vector<float> PathEncoding::row(const CellGraph& cell) const {
  NACRE_CHECK(cell.operators().size() == operators_, "cells of one space");
  std::vector<float> bits(width_, 0.0F);
  struct Step {
    int vertex;
    size_t length, number;  // the path so far, its operators as digits
  };
  std::vector<Step> stack{{0, 0, 0}};
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    for (int next = 1; next < cell.graph().size(); ++next) {
      if (cell.graph().edges(step.vertex, next) == 0) continue;
      if (next == cell.output()) {
        bits[offsets_[step.length] + step.number] = 1;
      } else if (step.length < longest_) {
        const size_t kind = cell.graph().label(next) - CellGraph::kFirstOperator;
        stack.push_back({next, step.length + 1, step.number * operators_ + kind});
      }
    }
  }
  return bits;
}

}  // namespace nacre
