// Operators as opsets 1 to 6 wrote them, rewritten into what opset 7 says: broadcasting that was asked for by attributes,
// constants that were attributes, flags that told training from inference.
#include <algorithm>
#include <array>

#include "nacre/ir/onnx_upgrade.hpp"

namespace nacre {
namespace {

using Context = UpgradeContext;

bool is_one_of(std::string_view op, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, op) != names.end();
}

ValueId integers(const Context& context, std::string_view suffix, const std::vector<int64_t>& values) {
  const std::array<int64_t, 1> extents{static_cast<int64_t>(values.size())};
  return context.add_constant(suffix, Tensor::of<int64_t>(extents, std::span<const int64_t>(values)));
}

int rank_of(const Context& context, ValueId id, const char* why) {
  const std::optional<Shape>& shape = context.graph.value(id).shape;
  if (!shape.has_value())
    context.fail(std::string("needs inputs of known rank to be read from an opset before 7: ") + why);
  return shape->rank();
}

// `id` with axes of extent 1 appended.
ValueId with_trailing_axes(const Context& context, ValueId id, int rank, int count) {
  if (count <= 0) return id;
  std::vector<int64_t> axes;
  for (int i = 0; i < count; ++i) axes.push_back(rank + i);
  return context.add_node("Unsqueeze", {id, integers(context, "axes", axes)}, {});
}

// The second operand was aligned at `axis` of the first one (at its end when there was no axis).
void upgrade_broadcast(const Context& context, NodeDraft& node) {
  const bool broadcast = node.attributes.integer("broadcast", 0) != 0;
  if (broadcast && node.attributes.has("axis") && node.inputs.size() == 2) {
    const int rank = rank_of(context, node.inputs[0], "axis of a broadcast");
    const int other = rank_of(context, node.inputs[1], "axis of a broadcast");
    int64_t axis = node.attributes.integer("axis", 0);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis + other > rank) context.fail("has a broadcast axis that does not fit");
    node.inputs[1] = with_trailing_axes(context, node.inputs[1], other, rank - static_cast<int>(axis) - other);
  }
  node.attributes.erase("broadcast");
  node.attributes.erase("axis");
}

// One slope per channel, along axis 1.
void upgrade_prelu(const Context& context, NodeDraft& node) {
  if (node.inputs.size() != 2) return;
  const int slope = rank_of(context, node.inputs[1], "the slope");
  const std::optional<Shape>& shape = context.graph.value(node.inputs[1]).shape;
  if (slope != 1 || (*shape)[0] == Dim(1)) return;
  const int rank = rank_of(context, node.inputs[0], "the slope");
  node.inputs[1] = with_trailing_axes(context, node.inputs[1], slope, rank - 2);
}

void upgrade_old_reshape(const Context& context, NodeDraft& node) {
  if (context.opset >= 5 || node.inputs.size() != 1) return;
  const std::span<const int64_t> shape = node.attributes.integers("shape");
  node.inputs.push_back(integers(context, "shape", {shape.begin(), shape.end()}));
  node.attributes.erase("shape");
}

// The type was a word: "FLOAT".
void upgrade_old_cast(const Context& context, NodeDraft& node) {
  const Attribute* to = node.attributes.find("to");
  const std::string* word = to == nullptr ? nullptr : std::get_if<std::string>(to);
  if (word == nullptr) return;
  static constexpr std::pair<std::string_view, ElementType> kWords[] = {
      {"FLOAT", ElementType::float32},   {"UINT8", ElementType::uint8},      {"INT8", ElementType::int8},
      {"UINT16", ElementType::uint16},   {"INT16", ElementType::int16},      {"INT32", ElementType::int32},
      {"INT64", ElementType::int64},     {"STRING", ElementType::string},    {"BOOL", ElementType::boolean},
      {"FLOAT16", ElementType::float16}, {"DOUBLE", ElementType::float64},   {"UINT32", ElementType::uint32},
      {"UINT64", ElementType::uint64},   {"BFLOAT16", ElementType::bfloat16}};
  for (const auto& [name, type] : kWords) {
    if (name == *word) return node.attributes.set("to", static_cast<int64_t>(type));
  }
  context.fail("casts to '" + *word + "', which is no element type");
}

// Tiles along one axis, given as two scalars.
void upgrade_old_tile(const Context& context, NodeDraft& node) {
  if (node.inputs.size() != 3) return;
  const Tensor* tiles = node.inputs[1] == kNone ? nullptr : context.graph.constant(node.inputs[1]);
  const Tensor* axis = node.inputs[2] == kNone ? nullptr : context.graph.constant(node.inputs[2]);
  if (tiles == nullptr || axis == nullptr || tiles->elements() != 1 || axis->elements() != 1)
    context.fail("tiles along an axis that is computed, which later opsets do not have");
  std::vector<int64_t> repeats(static_cast<size_t>(rank_of(context, node.inputs[0], "the axis of Tile")), 1);
  const int64_t at = axis->integers()[0];
  if (at < 0 || at >= static_cast<int64_t>(repeats.size())) context.fail("tiles along axis " + std::to_string(at));
  repeats[static_cast<size_t>(at)] = tiles->integers()[0];
  node.inputs = {node.inputs[0], integers(context, "repeats", repeats)};
}

void upgrade_old_upsample(const Context& context, NodeDraft& node) {
  if (node.attributes.has("scales")) return;
  const float width = node.attributes.real("width_scale", 0), height = node.attributes.real("height_scale", 0);
  if (width <= 0 || height <= 0) context.fail("has no scales");
  node.attributes.set("scales", std::vector<float>{1, 1, height, width});
  node.attributes.erase("width_scale");
  node.attributes.erase("height_scale");
}

void rename(NodeDraft& node, std::string_view from, std::string_view to) {
  const Attribute* attribute = node.attributes.find(from);
  if (attribute == nullptr) return;
  Attribute value = *attribute;
  node.attributes.erase(from);
  node.attributes.set(to, std::move(value));
}

// A whole number that was written as a real one.
void to_integer(NodeDraft& node, std::string_view name) {
  const Attribute* attribute = node.attributes.find(name);
  const float* real = attribute == nullptr ? nullptr : std::get_if<float>(attribute);
  if (real != nullptr) node.attributes.set(name, static_cast<int64_t>(*real));
}

}  // namespace

void upgrade_node_before_7(const UpgradeContext& context, NodeDraft& node) {
  const std::string_view op = node.op;
  node.attributes.erase("consumed_inputs");
  if (is_one_of(op, {"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"}))
    return upgrade_broadcast(context, node);
  if (op == "Gemm") node.attributes.erase("broadcast");
  if (is_one_of(op, {"BatchNormalization", "Dropout"})) node.attributes.erase("is_test");
  if (is_one_of(op, {"RNN", "GRU", "LSTM"})) node.attributes.erase("output_sequence");
  if (is_one_of(op, {"LpPool", "GlobalLpPool"})) to_integer(node, "p");
  if (op == "Concat" && context.opset < 4 && !node.attributes.has("axis")) node.attributes.set("axis", int64_t{1});
  if (op == "Pad" && context.opset < 2) rename(node, "paddings", "pads");
  if (op == "PRelu") upgrade_prelu(context, node);
  if (op == "Reshape") upgrade_old_reshape(context, node);
  if (op == "Cast") upgrade_old_cast(context, node);
  if (op == "Tile" && context.opset < 6) upgrade_old_tile(context, node);
  if (op == "Upsample") upgrade_old_upsample(context, node);
}

}  // namespace nacre
