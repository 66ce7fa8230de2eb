#include "nacre/ir/entropy.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// The best path to a value: how many layers it has and where it comes from.
struct Reach {
  int32_t layers = -1;  // -1: not reached from an input
  ValueId previous = kNone;
  bool pooled = false;  // a vector per image, made by global pooling
};

struct Layer {
  NodeId node = kNone;
  ValueId input = kNone;
  double log_width = 0;
  int64_t kernel_area = 1;
  bool linear = false;
  bool depthwise = false;
  int64_t channels_in = 0, channels = 0;
  int64_t area_in = 0, area = 0;
};

class Walk {
 public:
  explicit Walk(const Graph& graph) : graph_(graph), reach_(graph.values().size()), readers_(graph.consumers()) {}

  std::vector<EntropyScale> scales() {
    find_paths();
    const std::vector<Layer> layers = longest_path();
    std::vector<EntropyScale> scales;
    size_t begin = 0;
    for (size_t i = 1; i < layers.size(); ++i) {
      if (layers[i].area >= layers[i - 1].area) continue;
      const size_t cut = layers[i].area_in < layers[i - 1].area ? i : block_start(layers, i);  // a pool lies before
      if (cut <= begin) continue;
      scales.push_back(scale_of(std::span(layers).subspan(begin, cut - begin)));
      begin = cut;
    }
    scales.push_back(scale_of(std::span(layers).subspan(begin)));
    return scales;
  }

 private:
  Reach& reach(ValueId id) { return reach_[static_cast<size_t>(id)]; }

  int64_t extent(const Dim& dim, ValueId id) const {
    if (dim.is_fixed()) return dim.extent();
    throw UserError("the entropy of a network needs fixed extents; value '" + value_text(graph_, id) +
                    "' has the dimension '" + graph_.dim_text(dim) + "'");
  }

  // Channels and height x width of [N, C, ...] or [N, T, C] or [N, C].
  std::pair<int64_t, int64_t> extents(ValueId id, bool channels_last) const {
    const std::optional<Shape>& shape = graph_.value(id).shape;
    if (!shape || shape->rank() < 2)
      throw UserError("the entropy of a network needs the shape of value '" + value_text(graph_, id) + "'");
    const int channel_axis = channels_last ? shape->rank() - 1 : 1;
    int64_t area = 1;
    for (int axis = 1; axis < shape->rank(); ++axis) {
      if (axis != channel_axis) area *= extent((*shape)[axis], id);
    }
    return {extent((*shape)[channel_axis], id), area};
  }

  bool is_weight(ValueId id) const { return id != kNone && graph_.initializer_of(id) != nullptr; }
  bool is_convolution(const Node& node) const {
    return node.op == "Conv" && node.domain.empty() && node.inputs.size() > 1 && is_weight(node.inputs[1]);
  }
  bool is_linear(const Node& node) const {
    return (node.op == "Gemm" || node.op == "MatMul") && node.domain.empty() && node.inputs.size() > 1 &&
           is_weight(node.inputs[1]);
  }

  void find_paths() {
    for (const ValueId input : graph_.inputs) reach(input).layers = 0;
    for (const Node& node : graph_.nodes()) {
      if (node.dead) continue;
      Reach best;
      for (const ValueId input : node.inputs) {
        if (input == kNone || reach(input).layers <= best.layers) continue;
        best = {reach(input).layers, input, reach(input).pooled};
      }
      for (const ValueId input : node.inputs) {  // of two equally long paths that of the image, not that of its gate
        if (input == kNone || reach(input).layers != best.layers || reach(input).layers < 0) continue;
        if (best.pooled && !reach(input).pooled) best = {reach(input).layers, input, false};
      }
      if (best.layers < 0) continue;
      if (node.op.starts_with("Global")) best.pooled = true;
      if ((is_convolution(node) && !best.pooled) || is_linear(node)) ++best.layers;
      for (const ValueId output : node.outputs) {
        if (output != kNone) reach(output) = best;
      }
    }
  }

  Layer layer_of(NodeId id, ValueId input) const {
    const Node& node = graph_.node(id);
    Layer layer{.node = id, .input = input, .linear = is_linear(node)};
    std::tie(layer.channels_in, layer.area_in) = extents(input, layer.linear);
    std::tie(layer.channels, layer.area) = extents(node.outputs.at(0), layer.linear);
    double width = static_cast<double>(layer.channels_in);
    if (!layer.linear) {
      const Shape& weight = graph_.value(node.inputs[1]).shape.value();
      width = 1;
      for (int axis = 1; axis < weight.rank(); ++axis) width *= static_cast<double>(extent(weight[axis], input));
      for (int axis = 2; axis < weight.rank(); ++axis) layer.kernel_area *= extent(weight[axis], input);
      const int64_t groups = node.attributes.integer("group", 1);
      layer.depthwise = groups > 1 && groups == layer.channels_in;
    }
    layer.log_width = std::log(width);
    return layer;
  }

  std::vector<Layer> longest_path() {
    std::vector<Layer> layers;
    ValueId value = graph_.outputs.empty() ? kNone : graph_.outputs[0];
    while (value != kNone && graph_.value(value).producer != kNone) {
      const NodeId producer = graph_.value(value).producer;
      const ValueId previous = reach(value).previous;
      if (previous == kNone) break;
      if (reach(value).layers > reach(previous).layers) layers.push_back(layer_of(producer, previous));
      value = previous;
    }
    std::ranges::reverse(layers);
    if (layers.size() > 1 && layers.back().linear) layers.pop_back();  // the classifier
    if (layers.empty()) throw UserError("no convolution or linear layer leads to the network's first output");
    return layers;
  }

  bool branches(ValueId id) const { return readers_[static_cast<size_t>(id)].size() > 1; }

  // Components that the scopes of two layers share from the root.
  int shared_scope(const Layer& a, const Layer& b) const {
    const std::string& left = graph_.scope(graph_.node(a.node).scope);
    const std::string& right = graph_.scope(graph_.node(b.node).scope);
    int shared = 0;
    for (size_t i = 0; i < left.size() && i < right.size() && left[i] == right[i]; ++i) shared += left[i] == '/';
    return shared;
  }

  // Whether the 1x1 convolution before a depthwise one is of its block: by their scopes, else when it widens.
  bool leads_in(const std::vector<Layer>& layers, size_t depthwise) const {
    const Layer& before = layers[depthwise - 1];
    if (!layers[depthwise].depthwise || before.linear || before.kernel_area != 1) return false;
    const int here = shared_scope(before, layers[depthwise]);
    const int there = depthwise < 2 ? 0 : shared_scope(before, layers[depthwise - 2]);
    return here != there ? here > there : before.channels > before.channels_in;
  }

  // The first layer of the block whose layer `strided` halves the image: behind the branch of its shortcut, else with the
  // 1x1 convolution that leads to a depthwise one.
  size_t block_start(const std::vector<Layer>& layers, size_t strided) const {
    for (size_t i = strided;; --i) {
      if (branches(layers[i].input)) return i;
      if (i == 0 || layers[i - 1].linear || layers[i - 1].kernel_area != 1) break;
    }
    return leads_in(layers, strided) ? strided - 1 : strided;
  }

  static EntropyScale scale_of(std::span<const Layer> layers) {
    EntropyScale scale;
    for (const Layer& layer : layers) scale.log_widths += layer.log_width;
    scale.layers = static_cast<int64_t>(layers.size());
    scale.channels = layers.back().channels;
    scale.area = layers.back().area;
    return scale;
  }

  const Graph& graph_;
  std::vector<Reach> reach_;
  std::vector<std::vector<NodeId>> readers_;
};

}  // namespace

std::vector<EntropyScale> entropy_scales(const Graph& graph) { return Walk(graph).scales(); }

Entropy entropy_of(std::span<const EntropyScale> scales, const EntropySettings& settings) {
  NACRE_CHECK(!scales.empty() && !settings.weights.empty());
  Entropy result;
  double log_widths = 0;
  double layers = 0;
  for (size_t i = 0; i < scales.size(); ++i) {
    const EntropyScale& scale = scales[i];
    log_widths += scale.log_widths;
    layers += static_cast<double>(scale.layers);
    const double extent = std::log(static_cast<double>(scale.area)) + std::log(static_cast<double>(scale.channels));
    result.per_scale.push_back(extent * log_widths * (settings.half ? 0.5 : 1.0));
    result.effectiveness.push_back(layers * std::exp(-log_widths / layers));
    const size_t after = scales.size() - 1 - i;  // counted from the end, so that the last weight is the network's
    const size_t count = settings.weights.size();
    if (after < count) {
      result.weighted += settings.weights[count - 1 - after] * result.per_scale.back();
    } else {
      result.weighted += settings.weights[0] * result.per_scale.back();
    }
  }
  result.largest_effectiveness = *std::ranges::max_element(result.effectiveness);
  return result;
}

}  // namespace nacre
