#include "nacre/app/report/network_drawing.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "nacre/base/error.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

using Kind = DrawnLayer::Kind;

bool is_one_of(const std::string& word, std::initializer_list<const char*> words) {
  return std::ranges::any_of(words, [&](const char* other) { return word == other; });
}

int64_t extent(const Shape& shape, int axis) {
  return axis >= 0 && axis < shape.rank() && shape[axis].is_fixed() ? shape[axis].extent() : 0;
}

class Drawer {
 public:
  explicit Drawer(const Graph& graph) : graph_(graph), sources_(graph.values().size()) {
    for (const ValueId input : graph.inputs) sources_[static_cast<size_t>(input)] = {-1};
    try {
      for (const NodeStatistics& row : count_graph(graph).nodes) costs_[row.node] = {row.macs, row.parameters};
    } catch (const UserError&) {  // a size that is not known: drawn without costs
    }
  }

  NetworkDrawing draw() {
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (!graph_.nodes()[i].dead) visit(static_cast<NodeId>(i));
    }
    return std::move(drawing_);
  }

 private:
  std::set<int32_t> sources_of(const Node& node) const {
    std::set<int32_t> all;
    for (const ValueId input : node.inputs) {
      if (input != kNone)
        all.insert(sources_[static_cast<size_t>(input)].begin(), sources_[static_cast<size_t>(input)].end());
    }
    return all;
  }

  // Several inputs that come from different layers.
  bool joins(const Node& node) const {
    std::set<std::set<int32_t>> different;
    for (const ValueId input : node.inputs) {
      if (input != kNone && !sources_[static_cast<size_t>(input)].empty())
        different.insert(sources_[static_cast<size_t>(input)]);
    }
    return different.size() > 1;
  }

  bool is_weight(ValueId id) const { return id != kNone && graph_.initializer_of(id) != nullptr; }

  std::optional<Kind> kind_of(const Node& node) const {
    if (node.op == "Conv") {
      const Shape* weight = shape_of(node.inputs.size() > 1 ? node.inputs[1] : kNone);
      const int64_t groups = node.attributes.integer("group", 1);
      if (groups > 1 && weight != nullptr && extent(*weight, 0) == groups) return Kind::depthwise;
      const bool pointwise =
          weight != nullptr && extent(*weight, 2) == 1 && (weight->rank() < 4 || extent(*weight, 3) == 1);
      return pointwise ? Kind::pointwise : Kind::convolution;
    }
    if (node.op == "Gemm") return Kind::linear;
    if (node.op == "MatMul") return is_weight(node.inputs[0]) || is_weight(node.inputs[1]) ? Kind::linear : Kind::other;
    if (is_one_of(node.op, {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"}))
      return Kind::pool;
    if (node.is_opaque() || !node.bodies.empty() ||
        is_one_of(node.op, {"ConvTranspose", "LSTM", "GRU", "RNN", "Resize"}))
      return Kind::other;
    if (joins(node)) return Kind::join;
    return std::nullopt;
  }

  const Shape* shape_of(ValueId id) const {
    if (id == kNone) return nullptr;
    const Value& value = graph_.value(id);
    return value.shape ? &*value.shape : nullptr;
  }

  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    const std::set<int32_t> sources = sources_of(node);
    if (sources.empty()) return;  // of constants only
    const std::optional<Kind> kind = kind_of(node);
    std::set<int32_t> result = sources;
    if (kind) {
      result = {static_cast<int32_t>(drawing_.layers.size())};
      add_layer(id, *kind, sources);
    } else if (const auto cost = costs_.find(id);
               cost != costs_.end() && sources.size() == 1 && *sources.begin() >= 0) {
      DrawnLayer& before = drawing_.layers[static_cast<size_t>(*sources.begin())];
      before.macs += cost->second.first;
      before.params += cost->second.second;
    }
    for (const ValueId output : node.outputs) {
      if (output != kNone) sources_[static_cast<size_t>(output)] = result;
    }
  }

  void add_layer(NodeId id, Kind kind, const std::set<int32_t>& sources) {
    const Node& node = graph_.node(id);
    DrawnLayer layer;
    layer.kind = kind;
    layer.op = node.op;
    layer.place = graph_.scope(node.scope).empty() ? node.name : graph_.scope(node.scope);
    layer.from.assign(sources.begin(), sources.end());
    if (node.op == "Conv") {
      if (const Shape* weight = shape_of(node.inputs[1])) layer.kernel = std::max<int64_t>(1, extent(*weight, 2));
    } else if (const auto sizes = node.attributes.integers("kernel_shape"); !sizes.empty()) {
      layer.kernel = sizes[0];
    }
    if (const auto strides = node.attributes.integers("strides"); !strides.empty()) layer.stride = strides[0];
    if (const Shape* shape = shape_of(node.outputs.at(0))) {
      layer.channels = extent(*shape, shape->rank() == 4 ? 1 : shape->rank() - 1);
      if (shape->rank() == 4) layer.side = extent(*shape, 3);
    }
    if (const auto cost = costs_.find(id); cost != costs_.end()) {
      layer.macs = cost->second.first;
      layer.params = cost->second.second;
    }
    drawing_.layers.push_back(std::move(layer));
  }

  const Graph& graph_;
  std::vector<std::set<int32_t>> sources_;               // by value: the layers its content comes from
  std::map<NodeId, std::pair<int64_t, int64_t>> costs_;  // MACs, parameters
  NetworkDrawing drawing_;
};

}  // namespace

NetworkDrawing draw_network(const Graph& graph) {
  Graph bound = graph;
  bound.bind_symbols({{"batch", 1}, {"N", 1}});
  return Drawer(bound).draw();
}

Json to_json(const NetworkDrawing& drawing) {
  Json json = {{"layers", Json::array()}, {"from", Json::object()}, {"places", Json::array()}, {"ops", Json::object()}};
  for (size_t i = 0; i < drawing.layers.size(); ++i) {
    const DrawnLayer& layer = drawing.layers[i];
    json["layers"].push_back({static_cast<int>(layer.kind), layer.kernel, layer.stride, layer.channels, layer.side,
                              layer.macs, layer.params});
    json["places"].push_back(layer.place);
    if (layer.kind == Kind::other || layer.kind == Kind::pool || layer.kind == Kind::join)
      json["ops"][std::to_string(i)] = layer.op;
    if (layer.from != std::vector<int32_t>{static_cast<int32_t>(i) - 1}) json["from"][std::to_string(i)] = layer.from;
  }
  return json;
}

}  // namespace nacre
