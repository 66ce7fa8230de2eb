#include "nacre/space/spaces/nasbench101.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "nacre/ir/tensor.hpp"
#include "nacre/space/blocks.hpp"
#include "nacre/space/cell_graph.hpp"
#include "nacre/space/network_space.hpp"

namespace nacre {
namespace {

constexpr int kVertices = Nasbench101Cell::kMaximumVertices;
constexpr int kInner = kVertices - 2;
constexpr int kPairs = kVertices * (kVertices - 1) / 2;

// Keys by pair of vertices, row by row, then of the operators: in this order they are also sorted.
const std::array<std::string, kPairs + kInner>& keys() {
  static const auto kKeys = [] {
    std::array<std::string, kPairs + kInner> names;
    size_t next = 0;
    for (int from = 0; from < kVertices; ++from) {
      for (int to = from + 1; to < kVertices; ++to) names[next++] = fmt::format("cell/{}-{}", from, to);
    }
    for (int v = 1; v <= kInner; ++v) names[next++] = fmt::format("cell/op{}", v);
    return names;
  }();
  return kKeys;
}

// From the alternatives, one for each key.
Nasbench101Cell cell_from(const std::array<int64_t, kPairs + kInner>& indices) {
  Nasbench101Cell cell;
  cell.vertices = kVertices;
  cell.operators.reserve(kInner);
  for (size_t i = 0; i < kPairs; ++i) {
    if (indices[i] == 1) cell.edges |= 1U << i;
  }
  for (size_t i = kPairs; i < indices.size(); ++i) cell.operators.push_back(static_cast<uint8_t>(indices[i]));
  return cell;
}

const std::array<std::string, 3> kOperators = {"conv3x3", "conv1x1", "maxpool3x3"};

// The alternatives of the cell among the decisions; nothing when one is missing, twice or out of range.
std::optional<std::array<int64_t, kPairs + kInner>> cell_indices(const Decisions& decisions) {
  const auto& names = keys();
  std::array<int64_t, kPairs + kInner> indices{};
  size_t next = 0;
  for (const Decision& decision : decisions.items()) {
    if (next < names.size() && decision.key == names[next]) {
      if (decision.index < 0 || decision.index >= (next < kPairs ? 2 : 3)) return std::nullopt;
      indices[next++] = decision.index;
    }
  }
  return next == names.size() ? std::optional(indices) : std::nullopt;
}

ValueId convolution(std::string_view name, GraphBuilder& b, ValueId x, int64_t channels, int64_t kernel) {
  return b.convolution_norm_activation(name, x, channels, {.kernel = kernel}, Activation::relu);
}

ValueId first_channels(GraphBuilder& b, ValueId x, int64_t channels) {
  if (b.channels(x) == channels) return x;
  return b.node("Slice", {x, b.constant(Tensor::of<int64_t>({1}, {0}), "starts"),
                          b.constant(Tensor::of<int64_t>({1}, {channels}), "ends"),
                          b.constant(Tensor::of<int64_t>({1}, {1}), "axes")});
}

// Channels of every vertex (section 2.2 and the released code): inner vertices that feed the output share its channels, the first
// ones take one more where they do not divide; the others have as many as the widest vertex they feed.
std::vector<int64_t> vertex_channels(const Nasbench101Cell& cell, int64_t in, int64_t out) {
  const int last = cell.vertices - 1;
  std::vector<int64_t> channels(static_cast<size_t>(cell.vertices), 0);
  channels.front() = in;
  channels.back() = out;
  int64_t feeding = 0;
  for (int v = 1; v < last; ++v) feeding += cell.has_edge(v, last) ? 1 : 0;
  if (feeding == 0) return channels;
  int64_t rest = out % feeding;
  for (int v = 1; v < last; ++v) {
    if (!cell.has_edge(v, last)) continue;
    channels[static_cast<size_t>(v)] = out / feeding + (rest > 0 ? 1 : 0);
    if (rest > 0) --rest;
  }
  for (int v = last - 2; v > 0; --v) {
    if (cell.has_edge(v, last)) continue;
    for (int to = v + 1; to < last; ++to) {
      if (cell.has_edge(v, to))
        channels[static_cast<size_t>(v)] =
            std::max(channels[static_cast<size_t>(v)], channels[static_cast<size_t>(to)]);
    }
  }
  return channels;
}

class Nasbench101Space : public NetworkSpace {
 public:
  Nasbench101Space(const Options& options, const SpaceContext& context)
      : NetworkSpace("nasbench101", options, context),
        channels_(options.integer("channels")),
        stacks_(options.integer("stacks")),
        cells_(options.integer("cells")) {
    static_cast<void>(image_extents());
  }

  // Cells of the benchmark by their own key, up to the order of vertices; larger ones likewise, those without a path are one.
  // Decisions of the recipe are told apart.
  std::optional<Hash128> identity_of(const Decisions& complete) const override {
    const auto indices = cell_indices(complete);
    if (!indices) return std::nullopt;
    const std::optional<Nasbench101Cell> cell = pruned(cell_from(*indices));
    Hash128 identity;
    if (cell && std::popcount(cell->edges) <= Nasbench101Cell::kMaximumEdges) {
      identity = {1, quick_hash(*cell)};
    } else if (cell) {
      identity = canonical_hash(*cell);
    }
    if (complete.size() == keys().size()) return identity;
    std::vector<Decision> others;
    for (const Decision& decision : complete.items()) {
      if (!decision.key.starts_with("cell/")) others.push_back(decision);
    }
    return hash_combine(identity, Decisions(std::move(others)).hash());
  }

  std::optional<CellGraph> cell_of(const Decisions& complete) const override {
    const auto indices = cell_indices(complete);
    if (!indices || complete.size() != keys().size()) return std::nullopt;
    const std::optional<Nasbench101Cell> cell = pruned(cell_from(*indices));
    LabeledGraph graph;
    graph.add_vertex(CellGraph::kInput);
    for (size_t v = 0; cell && v < cell->operators.size(); ++v)
      graph.add_vertex(static_cast<uint8_t>(CellGraph::kFirstOperator + cell->operators[v]));
    graph.add_vertex(CellGraph::kOutput);
    for (int from = 0; cell && from < cell->vertices; ++from) {
      for (int to = from + 1; to < cell->vertices; ++to) {
        if (cell->has_edge(from, to)) graph.connect(from, to);
      }
    }
    return CellGraph(std::move(graph), kOperators);
  }

 protected:
  ValueId network(Chooser& choose, GraphBuilder& b, ValueId x, const Recipe& recipe) const override {
    const std::optional<Nasbench101Cell> cell = decided_cell(choose);
    int64_t channels = channels_;
    x = convolution("stem", b, x, channels, 3);
    for (int64_t stack = 0; stack < stacks_; ++stack) {
      const auto scope = b.scope(fmt::format("stack{}", stack + 1));
      if (stack > 0) {
        x = b.max_pool(x, 2, 2, 0);
        channels *= 2;
      }
      for (int64_t i = 0; i < cells_; ++i) {
        const auto cell_scope = b.scope(fmt::format("cell{}", i + 1));
        x = cell ? build_cell(*cell, b, x, channels) : empty_cell(b, x, channels);
      }
    }
    return classifier(choose, b, b.flatten(b.global_average_pool(x)), recipe);
  }

 private:
  // Without unused vertices; nothing when no path leads from input to output.
  static std::optional<Nasbench101Cell> decided_cell(Chooser& choose) {
    constexpr std::array<int64_t, 2> kAbsentPresent = {0, 1};
    constexpr std::array<int64_t, 3> kOperatorNumbers = {0, 1, 2};
    std::array<int64_t, kPairs + kInner> indices{};
    for (size_t i = 0; i < indices.size(); ++i) {
      indices[i] = i < kPairs ? choose.pick(keys()[i], kAbsentPresent).elastic()
                              : choose.pick(keys()[i], kOperatorNumbers).elastic();
    }
    return pruned(cell_from(indices));
  }

  static ValueId empty_cell(GraphBuilder& b, ValueId x, int64_t channels) {
    return b.node("Mul", {convolution("project", b, x, channels, 1), b.constant(Tensor::scalar(0.0F), "zero")});
  }

  static ValueId build_cell(const Nasbench101Cell& cell, GraphBuilder& b, ValueId x, int64_t channels) {
    const int last = cell.vertices - 1;
    const std::vector<int64_t> widths = vertex_channels(cell, b.channels(x), channels);
    std::vector<ValueId> vertices = {x};
    std::vector<ValueId> output;
    for (int v = 1; v < last; ++v) {
      const auto scope = b.scope(fmt::format("vertex{}", v));
      const int64_t width = widths[static_cast<size_t>(v)];
      ValueId sum = kNone;
      const auto add = [&](ValueId value) { sum = sum == kNone ? value : b.add(sum, value); };
      for (int from = 1; from < v; ++from) {
        if (cell.has_edge(from, v)) add(first_channels(b, vertices[static_cast<size_t>(from)], width));
      }
      if (cell.has_edge(0, v)) add(convolution("project", b, x, width, 1));
      switch (cell.operators[static_cast<size_t>(v - 1)]) {
        case 0: vertices.push_back(convolution("conv3x3", b, sum, width, 3)); break;
        case 1: vertices.push_back(convolution("conv1x1", b, sum, width, 1)); break;
        default: vertices.push_back(b.max_pool(sum, 3, 1, 1));
      }
      if (cell.has_edge(v, last)) output.push_back(vertices.back());
    }
    if (output.empty()) return convolution("project", b, x, channels, 1);
    ValueId result = output.size() == 1 ? output[0] : b.node("Concat", output, {{"axis", int64_t{1}}});
    if (cell.has_edge(0, last)) result = b.add(result, convolution("project", b, x, channels, 1));
    return result;
  }

  int64_t channels_;
  int64_t stacks_;
  int64_t cells_;
};

}  // namespace

RegistryRecord nasbench101_record() {
  return {.name = "nasbench101",
          .summary = "one repeated cell, a graph of up to seven vertices and nine edges, the network of the benchmark",
          .source = "NAS-Bench-101, Ying et al. 2019, arXiv 1902.09635",
          .parameters =
              network_space_parameters({{.name = "channels",
                                         .type = ParameterType::integer,
                                         .description = "channels of the first stack; doubled from stack to stack",
                                         .default_value = 128,
                                         .minimum = 5,
                                         .maximum = 4096},
                                        {.name = "stacks",
                                         .type = ParameterType::integer,
                                         .description = "of cells, the image halved between them",
                                         .default_value = 3,
                                         .minimum = 1,
                                         .maximum = 10},
                                        {.name = "cells",
                                         .type = ParameterType::integer,
                                         .description = "cells per stack",
                                         .default_value = 3,
                                         .minimum = 1,
                                         .maximum = 100}}),
          .example = "space:\n  kind: nasbench101\n  channels: 16\n  cells: 1\n"};
}

std::unique_ptr<Space> make_nasbench101_space(const Options& options, const SpaceContext& context) {
  return std::make_unique<Nasbench101Space>(options, context);
}

Decisions nasbench101_decisions(const Nasbench101Cell& cell) {
  std::array<int64_t, kPairs + kInner> indices{};
  size_t next = 0;
  for (int from = 0; from < kVertices; ++from) {
    for (int to = from + 1; to < kVertices; ++to, ++next) {
      const auto own = [&](int v) { return v == kVertices - 1 ? cell.vertices - 1 : v; };
      const bool used = (from < cell.vertices - 1) && (to == kVertices - 1 || to < cell.vertices - 1);
      const bool edge = used && cell.has_edge(own(from), own(to));
      indices[next] = edge ? 1 : 0;
    }
  }
  for (const uint8_t op : cell.operators) indices[next++] = op;
  std::vector<Decision> items;
  for (size_t i = 0; i < keys().size(); ++i) items.push_back({keys()[i], indices[i]});
  return Decisions(std::move(items));
}

std::optional<Nasbench101Cell> nasbench101_cell_of(const Decisions& decisions) {
  if (decisions.size() != keys().size()) return std::nullopt;
  const auto indices = cell_indices(decisions);
  if (!indices) return std::nullopt;
  const std::optional<Nasbench101Cell> cell = pruned(cell_from(*indices));
  if (!cell || std::popcount(cell->edges) > Nasbench101Cell::kMaximumEdges) return std::nullopt;
  return cell;
}

}  // namespace nacre
