// Folds maps of channels into the linear operator before or after them.
//
//   after    n(W x + b) = (f W) x + (f b + o)          n(y)[c] = f[c] y[c] + o[c]
//   before   W n(x) + b = (W f) x + (b + W o)          not with an offset where W pads its input
//
// The map is a BatchNormalization outside training (fold_batch_norm; Ioffe and Szegedy, arXiv 1502.03167, algorithm 2, step
// 11: f = scale / sqrt(variance + epsilon), o = bias - f mean) or arithmetic with constants (affine_into_linear), which
// is folded into a batch normalization before it too, and into arithmetic of its own kind.
#include <algorithm>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/rewrites/kernel.hpp"
#include "nacre/ir/rewrites/rewrites.hpp"
#include "nacre/ir/schema.hpp"

namespace nacre::rewrites {
namespace {

using Uses = std::vector<int32_t>;

int rank_of(const Graph& graph, ValueId id) {
  const std::optional<Shape>& shape = graph.value(id).shape;
  return shape.has_value() ? shape->rank() : -1;
}

// The axis of the channels that a kernel reads or makes, in a tensor of that rank.
int channel_axis(const Node& node, int rank) { return node.op == "MatMul" ? rank - 1 : 1; }

std::optional<ChannelMap> map_for(const MappedValue& mapped, int axis, int64_t channels) {
  if (mapped.axis != kNone && mapped.axis != axis) return std::nullopt;
  if (mapped.axis != kNone && static_cast<int64_t>(mapped.map.factor.size()) != channels) return std::nullopt;
  return spread(mapped.map, channels);
}

bool fold_into_producer(Graph& graph, NodeId id, const MappedValue& mapped, const Uses& uses) {
  const NodeId producer = private_producer(graph, mapped.source, uses);
  if (producer == kNone) return false;
  const std::optional<Kernel> kernel = read_kernel(graph, graph.node(producer));
  if (!kernel.has_value()) return false;
  const int axis = channel_axis(graph.node(producer), rank_of(graph, mapped.source));
  const std::optional<ChannelMap> map = map_for(mapped, axis, kernel->outputs);
  if (!map.has_value()) return false;
  const Kernel folded = map_outputs(*kernel, *map);
  if (!can_hold(graph, graph.node(producer), folded)) return false;
  write_kernel(graph, producer, folded, uses);
  take_over(graph, graph.node(id).outputs[0], mapped.source);
  return true;
}

NodeId only_reader(const Graph& graph, ValueId id, const Uses& uses) {
  if (uses[static_cast<size_t>(id)] != 1) return kNone;
  for (size_t i = static_cast<size_t>(graph.value(id).producer) + 1; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!node.dead && std::ranges::find(node.inputs, id) != node.inputs.end()) return static_cast<NodeId>(i);
  }
  return kNone;  // an output of the graph, or read by a nested one
}

bool fold_into_reader(Graph& graph, NodeId id, const MappedValue& mapped, const Uses& uses) {
  const ValueId result = graph.node(id).outputs[0];
  const NodeId reader = only_reader(graph, result, uses);
  if (reader == kNone || graph.node(reader).inputs[0] != result) return false;
  if (!graph.value(result).format.empty() || !graph.value(mapped.source).format.empty()) return false;
  const std::optional<Kernel> kernel = read_kernel(graph, graph.node(reader));
  if (!kernel.has_value()) return false;
  const int axis = channel_axis(graph.node(reader), rank_of(graph, result));
  const std::optional<ChannelMap> map = map_for(mapped, axis, kernel->inputs);
  if (!map.has_value()) return false;
  const std::optional<Kernel> folded = map_inputs(*kernel, *map);
  if (!folded.has_value() || !can_hold(graph, graph.node(reader), *folded)) return false;
  write_kernel(graph, reader, *folded, uses);
  graph.node(reader).inputs[0] = mapped.source;
  graph.kill_node(id);
  return true;
}

// --- arithmetic into what is no kernel --------------------------------------------------------------------------------

Tensor stored_like(const Graph& graph, ValueId old, const std::vector<double>& numbers) {
  const Tensor& tensor = *graph.constant(old);
  return operators::store<double>(tensor.type(), tensor.extents(), numbers);
}

// Scale and bias of a batch normalization take the map over.
bool fold_into_batch_norm(Graph& graph, NodeId id, const MappedValue& mapped, const Uses& uses) {
  const NodeId producer = private_producer(graph, mapped.source, uses);
  if (producer == kNone) return false;
  const std::optional<MappedValue> norm = read_batch_norm(graph, graph.node(producer));
  if (!norm.has_value()) return false;
  const auto map = map_for(mapped, 1, static_cast<int64_t>(norm->map.factor.size()));
  if (!map.has_value()) return false;
  const Node node = graph.node(producer);
  std::vector<double> scale = *known_numbers(graph, node.inputs[1]);
  std::vector<double> bias = *known_numbers(graph, node.inputs[2]);
  for (size_t c = 0; c < scale.size(); ++c) {
    scale[c] *= map->factor[c];
    bias[c] = map->factor[c] * bias[c] + map->offset[c];
  }
  const ValueId new_scale = replaced_parameter(graph, node.inputs[1], stored_like(graph, node.inputs[1], scale), uses);
  const ValueId new_bias = replaced_parameter(graph, node.inputs[2], stored_like(graph, node.inputs[2], bias), uses);
  graph.node(producer).inputs[1] = new_scale;
  graph.node(producer).inputs[2] = new_bias;
  take_over(graph, graph.node(id).outputs[0], mapped.source);
  return true;
}

enum class Kind { offset, factor, other };

Kind kind_of(const MappedValue& mapped) {
  const bool no_factor = std::ranges::all_of(mapped.map.factor, [](double f) { return f == 1; });
  const bool no_offset = std::ranges::all_of(mapped.map.offset, [](double o) { return o == 0; });
  if (no_factor) return Kind::offset;
  return no_offset ? Kind::factor : Kind::other;
}

// (x + a) + b = x + (a + b) and (x a) b = x (a b): the second node does both, the first is gone.
bool fold_into_arithmetic(Graph& graph, NodeId id, const MappedValue& outer, const Uses& uses) {
  const NodeId producer = private_producer(graph, outer.source, uses);
  if (producer == kNone) return false;
  const std::optional<MappedValue> inner = read_arithmetic(graph, graph.node(producer));
  if (!inner.has_value() || kind_of(*inner) == Kind::other || kind_of(*inner) != kind_of(outer)) return false;
  if (inner->axis != kNone && outer.axis != kNone && inner->axis != outer.axis) return false;
  const std::optional<Shape> shape = graph.value(outer.source).shape;
  if (!shape.has_value() || !graph.value(inner->source).format.empty()) return false;
  const auto channels = static_cast<int64_t>(std::max(inner->map.factor.size(), outer.map.factor.size()));
  const ChannelMap first = spread(inner->map, channels);
  const ChannelMap second = spread(outer.map, channels);
  std::vector<double> numbers;
  const bool offsets = kind_of(outer) == Kind::offset;
  for (size_t c = 0; c < first.factor.size(); ++c)
    numbers.push_back(offsets ? first.offset[c] + second.offset[c] : first.factor[c] * second.factor[c]);
  // Extents that broadcast along the one axis.
  std::vector<int64_t> extents;
  const int axis = inner->axis != kNone ? inner->axis : outer.axis;
  if (axis != kNone) {
    extents.assign(static_cast<size_t>(shape->rank() - axis), 1);
    extents[0] = channels;
  }
  const Node node = graph.node(id);
  std::string name;
  bool trainable = false;
  for (const ValueId input : node.inputs) {
    if (input == outer.source) continue;
    name = graph.value(input).name;
    trainable = graph.initializer_of(input)->trainable;
  }
  for (const ValueId input : graph.node(producer).inputs)
    trainable = trainable || (input != inner->source && graph.initializer_of(input)->trainable);
  const ElementType type = graph.value(outer.source).type;
  const ValueId constant = graph.add_initializer(unused_name(graph, name.empty() ? "constant" : name),
                                                 operators::store<double>(type, extents, numbers), trainable);
  Node& target = graph.node(id);
  target.op = offsets ? "Add" : "Mul";
  target.schema = find_operator(target.op);
  target.inputs = {inner->source, constant};
  graph.kill_node(producer);
  return true;
}

bool fold_arithmetic(Graph& graph, NodeId id, const MappedValue& mapped, const Uses& uses) {
  return fold_into_producer(graph, id, mapped, uses) || fold_into_reader(graph, id, mapped, uses) ||
         fold_into_batch_norm(graph, id, mapped, uses) || fold_into_arithmetic(graph, id, mapped, uses);
}

bool fold_norm(Graph& graph, NodeId id, const MappedValue& mapped, const Uses& uses) {
  return fold_into_producer(graph, id, mapped, uses) || fold_into_reader(graph, id, mapped, uses);
}

template <class Read, class Fold>
int fold_everywhere(Graph& graph, Read read, Fold fold) {
  int count = 0;
  Uses uses = count_uses(graph);
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    if (graph.nodes()[i].dead) continue;
    const std::optional<MappedValue> mapped = read(graph, graph.nodes()[i]);
    if (!mapped.has_value() || !fold(graph, static_cast<NodeId>(i), *mapped, uses)) continue;
    ++count;
    uses = count_uses(graph);
  }
  return count;
}

}  // namespace

int fold_batch_norm(Graph& graph) {
  return fold_everywhere(graph, read_batch_norm, fold_norm) + rewrite_bodies(graph, fold_batch_norm);
}

int affine_into_linear(Graph& graph) {
  return fold_everywhere(graph, read_arithmetic, fold_arithmetic) + rewrite_bodies(graph, affine_into_linear);
}

}  // namespace nacre::rewrites
