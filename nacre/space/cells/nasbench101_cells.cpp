#include "nacre/space/cells/nasbench101_cells.hpp"

#include <array>
#include <bit>
#include <unordered_set>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int kOperators = 3;
constexpr uint8_t kInputLabel = 253;
constexpr uint8_t kOutputLabel = 254;

int pairs(int vertices) { return vertices * (vertices - 1) / 2; }

int pair_index(int vertices, int from, int to) { return from * (2 * vertices - from - 1) / 2 + to - from - 1; }

// The vertices of each pair, by the number of vertices.
struct Ends {
  uint8_t from = 0, to = 0;
};
using PairEnds = std::array<Ends, 21>;
constexpr std::array<PairEnds, 8> kEnds = [] {
  std::array<PairEnds, 8> all{};
  for (uint8_t vertices = 2; vertices < all.size(); ++vertices) {
    size_t next = 0;
    for (uint8_t from = 0; from < vertices; ++from) {
      for (uint8_t to = from + 1; to < vertices; ++to) all[vertices][next++] = {from, to};
    }
  }
  return all;
}();

// Vertices on a path from input to output, as bits.
uint32_t vertices_in_use(int vertices, uint32_t edges) {
  const PairEnds& ends = kEnds[static_cast<size_t>(vertices)];
  std::array<uint32_t, Nasbench101Cell::kMaximumVertices> next{};  // of each vertex, as bits
  uint32_t forward = 1;  // pairs come by their first vertex, whose own ways in are known by then
  for (uint32_t rest = edges; rest != 0; rest &= rest - 1) {
    const auto [from, to] = ends[static_cast<size_t>(std::countr_zero(rest))];
    next[from] |= 1U << to;
    forward |= (forward >> from & 1U) << to;
  }
  uint32_t backward = 1U << (vertices - 1);
  for (int from = vertices - 2; from >= 0; --from) {
    if ((next[static_cast<size_t>(from)] & backward) != 0) backward |= 1U << from;
  }
  return forward & backward;
}

// A bijection whose every output bit depends on every input bit (the finalizer of MurmurHash3).
uint64_t scattered(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ x >> 33;
}

LabeledGraph labeled(const Nasbench101Cell& cell) {
  LabeledGraph graph;
  for (int v = 0; v < cell.vertices; ++v) {
    const bool inner = v > 0 && v + 1 < cell.vertices;
    graph.add_vertex(inner ? cell.operators[static_cast<size_t>(v - 1)] : v == 0 ? kInputLabel : kOutputLabel);
  }
  for (int from = 0; from < cell.vertices; ++from) {
    for (int to = from + 1; to < cell.vertices; ++to) {
      if (cell.has_edge(from, to)) graph.connect(from, to);
    }
  }
  return graph;
}

// Every way of giving the inner vertices operators, each class once.
void for_each_labeling(Nasbench101Cell cell, const std::function<void(const Nasbench101Cell&, const Hash128&)>& visit) {
  LabeledGraph graph = labeled(cell);
  std::unordered_set<Hash128> seen;
  int labelings = 1;
  for (size_t i = 0; i < cell.operators.size(); ++i) labelings *= kOperators;
  for (int labeling = 0; labeling < labelings; ++labeling) {
    int rest = labeling;
    for (size_t i = 0; i < cell.operators.size(); ++i, rest /= kOperators) {
      cell.operators[i] = static_cast<uint8_t>(rest % kOperators);
      graph.set_label(static_cast<int>(i) + 1, cell.operators[i]);
    }
    const Hash128 hash = canonical_form(graph).hash();
    if (seen.insert(hash).second) visit(cell, hash);
  }
}

}  // namespace

bool Nasbench101Cell::has_edge(int from, int to) const {
  return from < to && (edges >> pair_index(vertices, from, to) & 1U) != 0;
}

std::string Nasbench101Cell::edge_text() const {
  std::string text;
  for (int i = 0; i < pairs(vertices); ++i) text += (edges >> i & 1U) != 0 ? '1' : '0';
  return text;
}

std::string Nasbench101Cell::operator_text() const {
  std::string text;
  for (const uint8_t op : operators) text += static_cast<char>('0' + op);
  return text;
}

Nasbench101Cell nasbench101_cell(const std::string& edges, const std::string& operators) {
  Nasbench101Cell cell;
  cell.vertices = static_cast<int>(operators.size()) + 2;
  if (cell.vertices > Nasbench101Cell::kMaximumVertices)
    throw UserError("a cell of NAS-Bench-101 has at most 5 operators, found '" + operators + "'");
  for (const char digit : operators) {
    if (digit < '0' || digit >= '0' + kOperators)
      throw UserError("an operator of a NAS-Bench-101 cell is 0, 1 or 2, found '" + operators + "'");
    cell.operators.push_back(static_cast<uint8_t>(digit - '0'));
  }
  if (static_cast<int>(edges.size()) != pairs(cell.vertices)) {
    throw UserError("a cell of " + std::to_string(cell.vertices) + " vertices has " +
                    std::to_string(pairs(cell.vertices)) + " pairs of vertices, found '" + edges + "'");
  }
  for (size_t i = 0; i < edges.size(); ++i) {
    if (edges[i] != '0' && edges[i] != '1') throw UserError("edges are written as 0 and 1, found '" + edges + "'");
    if (edges[i] == '1') cell.edges |= 1U << i;
  }
  return cell;
}

std::optional<Nasbench101Cell> pruned(const Nasbench101Cell& cell) {
  const uint32_t used = vertices_in_use(cell.vertices, cell.edges);
  if ((used & 1U) == 0 || (used >> (cell.vertices - 1) & 1U) == 0) return std::nullopt;
  if (std::popcount(used) == cell.vertices) return cell;
  Nasbench101Cell result;
  result.vertices = std::popcount(used);
  result.operators.reserve(cell.operators.size());
  for (int v = 1; v + 1 < cell.vertices; ++v) {
    if ((used >> v & 1U) != 0) result.operators.push_back(cell.operators[static_cast<size_t>(v - 1)]);
  }
  const PairEnds& ends = kEnds[static_cast<size_t>(cell.vertices)];
  for (uint32_t rest = cell.edges; rest != 0; rest &= rest - 1) {
    const auto [from, to] = ends[static_cast<size_t>(std::countr_zero(rest))];
    if ((used >> from & used >> to & 1U) == 0) continue;
    const auto place = [used](int v) { return std::popcount(used & ((1U << v) - 1)); };
    result.edges |= 1U << pair_index(result.vertices, place(from), place(to));
  }
  return result;
}

Hash128 canonical_hash(const Nasbench101Cell& cell) { return canonical_form(labeled(cell)).hash(); }

uint64_t quick_hash(const Nasbench101Cell& cell) {
  constexpr auto kMost = static_cast<size_t>(Nasbench101Cell::kMaximumVertices);
  constexpr int kRounds = 4;
  const auto vertices = static_cast<size_t>(cell.vertices);
  std::array<uint64_t, kMost> hash{}, before{}, behind{};
  for (size_t v = 0; v < vertices; ++v) {
    hash[v] = scattered(v == 0 ? kInputLabel : v + 1 == vertices ? kOutputLabel : cell.operators[v - 1]);
  }
  for (int round = 0; round < kRounds; ++round) {
    before.fill(0);
    behind.fill(0);
    for (uint32_t rest = cell.edges; rest != 0; rest &= rest - 1) {
      const auto [from, to] = kEnds[vertices][static_cast<size_t>(std::countr_zero(rest))];
      before[to] += hash[from];
      behind[from] += hash[to];
    }
    for (size_t v = 0; v < vertices; ++v)
      hash[v] = scattered(hash[v] + 3 * std::rotl(before[v], 21) + 5 * std::rotl(behind[v], 42));
  }
  uint64_t sum = vertices;
  for (size_t v = 0; v < vertices; ++v) sum += hash[v];
  return scattered(sum);
}

void for_each_nasbench101_cell(const std::function<void(const Nasbench101Cell&, const Hash128&)>& visit) {
  for (int vertices = 2; vertices <= Nasbench101Cell::kMaximumVertices; ++vertices) {
    const uint32_t all_used = (1U << vertices) - 1;
    // A labeled cell is a labeling of its graph without labels, of which one of each class is enough.
    std::unordered_set<Hash128> seen;
    Nasbench101Cell cell;
    cell.vertices = vertices;
    cell.operators.assign(static_cast<size_t>(vertices - 2), 0);
    for (uint32_t edges = 1; edges < 1U << pairs(vertices); ++edges) {
      if (std::popcount(edges) > Nasbench101Cell::kMaximumEdges) continue;
      if (vertices_in_use(vertices, edges) != all_used) continue;
      cell.edges = edges;
      if (seen.insert(canonical_hash(cell)).second) for_each_labeling(cell, visit);
    }
  }
}

}  // namespace nacre
