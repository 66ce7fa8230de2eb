#include "nacre/hw/fusion/fusion_chain.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "nacre/base/error.hpp"
#include "nacre/ir/operators/window.hpp"

namespace nacre {
namespace {

int dimension_of(const Workload& workload, std::string_view name) {
  for (std::size_t i = 0; i < workload.dimensions.size(); ++i)
    if (workload.dimensions[i].name == name) return static_cast<int>(i);
  return -1;
}

const WorkloadTensor& tensor_of(const Workload& workload, TensorRole role) {
  const auto found = std::ranges::find(workload.tensors, role, &WorkloadTensor::role);
  NACRE_CHECK(found != workload.tensors.end(), "a product has weights, inputs and outputs");
  return *found;
}

bool has_term(const TensorAxis& axis, int dimension) {
  return std::ranges::any_of(axis.terms, [&](const ProjectionTerm& term) { return term.dimension == dimension; });
}

class ChainFinder {
 public:
  ChainFinder(const Graph& graph, const NetworkWork& work) : graph_(graph), work_(work), consumers_(graph.consumers()) {
    for (const NodeWork& node : work.nodes) by_node_[node.node] = &node;
  }

  std::vector<std::vector<FusibleLayer>> find() const {
    std::map<NodeId, NodeId> before;
    std::map<NodeId, FusibleLayer> layers;
    for (const NodeWork& node : work_.nodes) {
      std::optional<FusibleLayer> layer = fusible(node);
      if (!layer) continue;
      const NodeId producer = producer_of(graph_.node(node.node).inputs[0]);
      const auto earlier = layers.find(producer);
      if (earlier != layers.end() && earlier->second.rows() == layer->rows_in) before[node.node] = producer;
      layers.emplace(node.node, std::move(*layer));
    }
    std::map<NodeId, std::size_t> chain_of;
    std::vector<std::vector<FusibleLayer>> chains;
    for (const NodeWork& node : work_.nodes) {
      const auto layer = layers.find(node.node);
      if (layer == layers.end()) continue;
      const auto earlier = before.find(node.node);
      if (earlier == before.end()) chains.emplace_back();
      const std::size_t chain = earlier == before.end() ? chains.size() - 1 : chain_of.at(earlier->second);
      chain_of[node.node] = chain;
      chains[chain].push_back(std::move(layer->second));
    }
    std::erase_if(chains, [](const auto& chain) { return chain.size() < 2; });
    return chains;
  }

 private:
  std::optional<FusibleLayer> fusible(const NodeWork& work) const {
    const Node& node = graph_.node(work.node);
    if (work.products.size() != 1 || node.inputs.size() < 2 || graph_.initializer_of(node.inputs[1]) == nullptr)
      return std::nullopt;
    FusibleLayer layer{.node = work.node, .workload = work.products[0]};
    layer.row_dimension = dimension_of(layer.workload, "P");
    const Value& data = graph_.value(node.inputs[0]);
    if (layer.row_dimension < 0 || !data.shape || !data.shape->is_fixed()) return std::nullopt;
    const std::vector<int64_t> extents = data.shape->extents();
    if (node.op == "Conv") {
      const std::vector<int64_t> weights = graph_.value(node.inputs[1]).shape->extents();
      operators::Window window =
          operators::read_window(node.attributes, std::vector<int64_t>(weights.begin() + 2, weights.end()));
      layer.rows_in = extents[2];
      operators::window_output(window, 0, extents[2]);
      const operators::WindowAxis& axis = window.axes[0];
      layer.stride = axis.stride;
      layer.dilation = axis.dilation;
      layer.kernel = axis.kernel;
      layer.pad = axis.pad_begin;
      return layer;
    }
    // A row of the product is made of a row of the first operand, whatever stands before the last two axes stays whole.
    const bool plain = node.op == "MatMul" || (node.op == "Gemm" && node.attributes.integer("transA", 0) == 0);
    if (!plain || extents.size() < 2) return std::nullopt;
    layer.rows_in = extents[extents.size() - 2];
    if (layer.rows_in != layer.rows()) return std::nullopt;
    return layer;
  }

  // The product whose results `value` is, element by element, when nobody else reads them on the way; kNone otherwise.
  NodeId producer_of(ValueId value) const {
    const bool answered = std::ranges::find(graph_.outputs, value) != graph_.outputs.end();
    if (answered || consumers_[static_cast<std::size_t>(value)].size() != 1) return kNone;
    const NodeId producer = graph_.value(value).producer;
    if (producer == kNone) return kNone;
    const auto found = by_node_.find(producer);
    if (found == by_node_.end()) return kNone;
    const NodeWork& work = *found->second;
    if (work.kind == NodeWork::Kind::product) return producer;
    const Node& node = graph_.node(producer);
    if (node.op == "Identity" || node.op == "Dropout") return producer_of(node.inputs[0]);
    return work.fused_into;
  }

  const Graph& graph_;
  const NetworkWork& work_;
  std::vector<std::vector<NodeId>> consumers_;
  std::map<NodeId, const NodeWork*> by_node_;
};

}  // namespace

int64_t FusibleLayer::rows() const { return workload.dimensions[static_cast<std::size_t>(row_dimension)].size; }

int64_t FusibleLayer::needed(int64_t count) const {
  if (count <= 0) return 0;
  return std::clamp<int64_t>(stride * (count - 1) + dilation * (kernel - 1) + 1 - pad, 0, rows_in);
}

int64_t FusibleLayer::first_needed(int64_t first) const {
  return std::clamp<int64_t>(stride * first - pad, 0, rows_in);
}

std::vector<std::vector<FusibleLayer>> fusible_chains(const Graph& graph, const NetworkWork& work) {
  return ChainFinder(graph, work).find();
}

RowPlan plan_rows(std::span<const FusibleLayer> layers, int64_t tile_rows) {
  NACRE_CHECK(!layers.empty() && tile_rows >= 1);
  RowPlan plan{.made = std::vector<std::vector<int64_t>>(layers.size()), .fetched = {}, .held = {}};
  plan.held.assign(layers.size(), 0);
  // Rows there are after the tiles so far: of the chain's input, then of each layer's output.
  std::vector<int64_t> there(layers.size() + 1, 0);
  while (there.back() < layers.back().rows()) {
    std::vector<int64_t> now = there;
    now.back() = std::min(there.back() + tile_rows, layers.back().rows());
    const bool last = now.back() == layers.back().rows();
    for (std::size_t i = layers.size(); i-- > 0;) {
      // What no later layer reads is made all the same, as without fusion; of the chain's input it is not fetched.
      const int64_t all = i == 0 ? layers[0].needed(layers[0].rows()) : layers[i].rows_in;
      now[i] = std::max(there[i], last ? all : layers[i].needed(now[i + 1]));
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
      plan.made[i].push_back(now[i + 1] - there[i + 1]);
      plan.held[i] = std::max(plan.held[i], now[i] - layers[i].first_needed(there[i + 1]));
    }
    plan.fetched.push_back(now[0] - there[0]);
    there = std::move(now);
  }
  return plan;
}

int64_t row_elements(const Workload& workload, TensorRole role, int row_dimension) {
  int64_t elements = 1;
  for (const TensorAxis& axis : tensor_of(workload, role).axes) {
    if (has_term(axis, row_dimension)) continue;
    int64_t extent = 1;
    for (const ProjectionTerm& term : axis.terms)
      extent += term.coefficient * (workload.dimensions[static_cast<std::size_t>(term.dimension)].size - 1);
    elements *= extent;
  }
  return elements;
}

Workload with_rows(const FusibleLayer& layer, int64_t rows) {
  Workload tile = layer.workload;
  tile.dimensions[static_cast<std::size_t>(layer.row_dimension)].size = rows;
  return tile;
}

}  // namespace nacre
