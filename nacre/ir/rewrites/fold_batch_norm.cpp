// Folds BatchNormalization into the convolution or matrix product before it.
//
//   a = scale / sqrt(variance + epsilon);  W'[o] = a[o] W[o];  b'[o] = a[o] (b[o] - mean[o]) + bias[o]
//
// Exact up to rounding for the inference form of batch normalization (Ioffe and Szegedy, arXiv 1502.03167, algorithm 2,
// step 11). It applies where all five tensors and the weights are known and nobody else reads the product.
#include <algorithm>
#include <array>
#include <cmath>

#include "nacre/ir/rewrites/rewrites.hpp"

namespace nacre::rewrites {
namespace {

struct Affine {
  std::vector<double> factor;  // per channel: y = factor x + offset
  std::vector<double> offset;
};

// A float32 constant of the graph, trained or not.
const Tensor* weight(const Graph& graph, const Node& node, size_t index) {
  if (index >= node.inputs.size() || node.inputs[index] == kNone) return nullptr;
  const Tensor* tensor = graph.constant(node.inputs[index]);
  return tensor != nullptr && tensor->type() == ElementType::float32 ? tensor : nullptr;
}

std::optional<Affine> affine_of(const Graph& graph, const Node& node) {
  if (node.inputs.size() != 5 || node.outputs.size() != 1 || node.attributes.integer("training_mode", 0) != 0)
    return std::nullopt;
  std::array<std::span<const float>, 4> parts;  // scale, bias, mean, variance
  for (size_t i = 0; i < 4; ++i) {
    const Tensor* tensor = weight(graph, node, i + 1);
    if (tensor == nullptr) return std::nullopt;
    parts[i] = tensor->values<float>();
    if (parts[i].size() != parts[0].size()) return std::nullopt;
  }
  const double epsilon = node.attributes.real("epsilon", 1e-5F);
  Affine result;
  for (size_t c = 0; c < parts[0].size(); ++c) {
    const double factor = parts[0][c] / std::sqrt(parts[3][c] + epsilon);
    result.factor.push_back(factor);
    result.offset.push_back(parts[1][c] - factor * parts[2][c]);
  }
  return result;
}

// Which output channel each element of the weight makes: stepping through its elements in order, `channel(i)`.
struct WeightLayout {
  int64_t channels = 0;
  int64_t inner = 1;       // consecutive elements of one channel
  int64_t per_group = 0;   // channels of one group
  int64_t group_rows = 0;  // rows of the weight that belong to one group; 0: channels are the rows

  size_t channel(int64_t element) const {
    if (group_rows == 0) return static_cast<size_t>(element / inner);
    const int64_t row = element / (inner * per_group);
    return static_cast<size_t>(row / group_rows * per_group + element / inner % per_group);
  }
};

std::optional<WeightLayout> layout_of(const Node& node, const Tensor& weight) {
  const std::vector<int64_t>& extents = weight.extents();
  WeightLayout layout;
  if (node.op == "Gemm") {
    if (extents.size() != 2) return std::nullopt;
    const bool transposed = node.attributes.integer("transB", 0) != 0;
    layout.channels = extents[transposed ? 0 : 1];
    if (transposed) {
      layout.inner = extents[1];
    } else {
      layout.per_group = extents[1];
      layout.group_rows = std::max<int64_t>(1, extents[0]);
    }
    return layout;
  }
  if (extents.size() < 3) return std::nullopt;
  for (size_t i = 2; i < extents.size(); ++i) layout.inner *= extents[i];
  if (node.op == "Conv") {
    layout.channels = extents[0];
    layout.inner *= extents[1];
    return layout;
  }
  const int64_t groups = node.attributes.integer("group", 1);  // ConvTranspose: [inputs, outputs / groups, kernel...]
  if (groups < 1 || extents[0] % groups != 0) return std::nullopt;
  layout.channels = extents[1] * groups;
  layout.per_group = extents[1];
  layout.group_rows = std::max<int64_t>(1, extents[0] / groups);
  return layout;
}

Tensor scaled_weight(const Tensor& weight, const WeightLayout& layout, const Affine& affine) {
  Tensor result = weight;
  const std::span<float> values = result.mutable_values<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(values[i] * affine.factor[layout.channel(static_cast<int64_t>(i))]);
  }
  return result;
}

// The bias after folding, or nothing where the old one does not go along the channels.
std::optional<Tensor> folded_bias(const Graph& graph, const Node& product, const Affine& affine) {
  const size_t channels = affine.factor.size();
  const bool has_bias = product.inputs.size() > 2 && product.inputs[2] != kNone;
  const Tensor* old = has_bias ? weight(graph, product, 2) : nullptr;
  if (has_bias && old == nullptr) return std::nullopt;
  const auto old_elements = old == nullptr ? 0 : static_cast<size_t>(old->elements());
  if (old != nullptr && old_elements != channels && old_elements != 1) return std::nullopt;
  if (old != nullptr && old_elements == channels && old->rank() > 0 &&
      old->extents().back() != static_cast<int64_t>(channels))
    return std::nullopt;
  const double beta = product.op == "Gemm" ? product.attributes.real("beta", 1) : 1;
  std::vector<float> values(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double before = old == nullptr ? 0 : beta * old->values<float>()[old_elements == 1 ? 0 : c];
    values[c] = static_cast<float>(affine.factor[c] * before + affine.offset[c]);
  }
  return Tensor::of<float>(std::vector<int64_t>{static_cast<int64_t>(channels)}, values);
}

// Puts `data` in the place of the parameter `old`, under its name when nobody else reads it.
ValueId replaced_parameter(Graph& graph, ValueId old, Tensor data, bool shared, const std::string& fallback_name) {
  const bool trainable = old == kNone || graph.initializer_of(old)->trainable;
  std::string name = fallback_name;
  if (old != kNone) name = graph.value(old).name;
  if (old != kNone && !shared) graph.value(old).name.clear();
  return graph.add_initializer(unused_name(graph, name), std::move(data), trainable);
}

std::string bias_name(const std::string& weight_name) {
  constexpr std::string_view kWeight = "weight";
  if (weight_name.ends_with(kWeight)) return weight_name.substr(0, weight_name.size() - kWeight.size()) + "bias";
  return weight_name + "_bias";
}

bool fold(Graph& graph, NodeId norm_id, const std::vector<std::vector<NodeId>>& readers) {
  const ValueId middle = graph.node(norm_id).inputs.empty() ? kNone : graph.node(norm_id).inputs[0];
  const NodeId product_id = middle == kNone ? kNone : graph.value(middle).producer;
  if (product_id == kNone || graph.node(product_id).dead || readers[static_cast<size_t>(middle)].size() != 1)
    return false;
  if (std::ranges::find(graph.outputs, middle) != graph.outputs.end() || !graph.value(middle).format.empty())
    return false;
  const Node product = graph.node(product_id);
  if (!product.domain.empty() || (product.op != "Conv" && product.op != "ConvTranspose" && product.op != "Gemm"))
    return false;
  const std::optional<Affine> affine = affine_of(graph, graph.node(norm_id));
  const Tensor* old_weight = weight(graph, product, 1);
  if (!affine.has_value() || old_weight == nullptr) return false;
  const std::optional<WeightLayout> layout = layout_of(product, *old_weight);
  if (!layout.has_value() || layout->channels != static_cast<int64_t>(affine->factor.size())) return false;
  std::optional<Tensor> bias = folded_bias(graph, product, *affine);
  if (!bias.has_value()) return false;

  const auto is_shared = [&](ValueId id) { return readers[static_cast<size_t>(id)].size() != 1; };
  const ValueId weight_id = product.inputs[1];
  const ValueId bias_id = product.inputs.size() > 2 ? product.inputs[2] : kNone;
  const std::string weight_name = graph.value(weight_id).name;
  const ValueId new_weight =
      replaced_parameter(graph, weight_id, scaled_weight(*old_weight, *layout, *affine), is_shared(weight_id), "");
  const ValueId new_bias = replaced_parameter(graph, bias_id, std::move(*bias), bias_id != kNone && is_shared(bias_id),
                                              bias_name(weight_name));
  Node& target = graph.node(product_id);
  target.inputs = {product.inputs[0], new_weight, new_bias};
  if (target.op == "Gemm") target.attributes.erase("beta");
  const ValueId result = graph.node(norm_id).outputs[0];
  graph.value(middle).name = graph.value(result).name;
  graph.value(middle).format = graph.value(result).format;
  graph.replace_uses(result, middle);
  graph.kill_node(norm_id);
  return true;
}

}  // namespace

int fold_batch_norm(Graph& graph) {
  int count = 0;
  const auto readers = graph.consumers();
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!node.dead && node.domain.empty() && node.op == "BatchNormalization" &&
        fold(graph, static_cast<NodeId>(i), readers))
      ++count;
  }
  return count + rewrite_bodies(graph, fold_batch_norm);
}

}  // namespace nacre::rewrites
