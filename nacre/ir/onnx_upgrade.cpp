#include "nacre/ir/onnx_upgrade.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace nacre {
namespace {

using Context = UpgradeContext;

Tensor integer_list(std::span<const int64_t> values) {
  const std::array<int64_t, 1> extents{static_cast<int64_t>(values.size())};
  return Tensor::of<int64_t>(extents, values);
}

void set_input(NodeDraft& node, size_t index, ValueId id) {
  if (node.inputs.size() <= index) node.inputs.resize(index + 1, kNone);
  node.inputs[index] = id;
}

bool has_input(const NodeDraft& node, size_t index) {
  return index < node.inputs.size() && node.inputs[index] != kNone;
}

// The attribute `name` becomes the constant input `index`.
void list_to_input(const Context& context, NodeDraft& node, std::string_view name, size_t index) {
  if (!node.attributes.has(name)) return;
  const auto values = node.attributes.integers(name);
  set_input(node, index, context.add_constant(name, integer_list(values)));
  node.attributes.erase(name);
}

// A scalar of the type of the node's first input, for what older opsets kept in a float attribute.
Tensor scalar_like(const Context& context, const NodeDraft& node, float value) {
  const ElementType type = has_input(node, 0) ? context.graph.value(node.inputs[0]).type : ElementType::float32;
  if (type == ElementType::float64) return Tensor::scalar<double>(value);
  if (type == ElementType::float16 || type == ElementType::bfloat16) return Tensor::scalar<float>(value).cast(type);
  return Tensor::scalar<float>(value);
}

void upgrade_reduction(const Context& context, NodeDraft& node) {
  const int changed = node.op == "ReduceSum" ? 13 : 18;
  if (context.opset < changed) list_to_input(context, node, "axes", 1);
}

void upgrade_squeeze(const Context& context, NodeDraft& node) {
  if (context.opset < 13) list_to_input(context, node, "axes", 1);
}

void upgrade_split(const Context& context, NodeDraft& node) {
  if (context.opset < 13) list_to_input(context, node, "split", 1);
  if (context.opset < 18 && !has_input(node, 1))
    node.attributes.set("num_outputs", static_cast<int64_t>(node.outputs.size()));
}

void upgrade_pad(const Context& context, NodeDraft& node) {
  if (context.opset >= 11) return;
  if (!node.attributes.has("pads")) context.fail("has no pads");
  list_to_input(context, node, "pads", 1);
  const float value = node.attributes.real("value", 0);
  if (value != 0) set_input(node, 2, context.add_constant("value", scalar_like(context, node, value)));
  node.attributes.erase("value");
}

void upgrade_slice(const Context& context, NodeDraft& node) {
  if (context.opset >= 10) return;
  list_to_input(context, node, "starts", 1);
  list_to_input(context, node, "ends", 2);
  list_to_input(context, node, "axes", 3);
  if (!has_input(node, 1) || !has_input(node, 2)) context.fail("has no starts or ends");
}

void upgrade_clip(const Context& context, NodeDraft& node) {
  if (context.opset >= 11) return;
  // The old defaults are the largest floats: no limit.
  const auto limit = [&](std::string_view name, size_t index) {
    if (!node.attributes.has(name)) return;
    const float value = node.attributes.real(name, 0);
    node.attributes.erase(name);
    if (std::abs(value) < std::numeric_limits<float>::max())
      set_input(node, index, context.add_constant(name, scalar_like(context, node, value)));
  };
  limit("min", 1);
  limit("max", 2);
}

void upgrade_dropout(const Context& context, NodeDraft& node) {
  if (context.opset >= 12 || !node.attributes.has("ratio")) return;
  const float ratio = node.attributes.real("ratio", 0.5F);
  node.attributes.erase("ratio");
  set_input(node, 1, context.add_constant("ratio", Tensor::scalar<float>(ratio)));
}

void upgrade_batch_normalization(const Context& context, NodeDraft& node) {
  if (context.opset < 9) {
    if (node.attributes.integer("spatial", 1) != 1)
      context.fail("normalizes per element (spatial=0), which later opsets do not have");
    node.attributes.erase("spatial");
  }
  if (context.opset < 14 && node.outputs.size() > 1) node.outputs.resize(1);  // statistics of training
}

void upgrade_upsample(const Context& context, NodeDraft& node) {
  if (context.opset >= 10) return;
  if (node.attributes.has("scales")) {
    const auto scales = node.attributes.reals("scales");
    const std::array<int64_t, 1> extents{static_cast<int64_t>(scales.size())};
    set_input(node, 1, context.add_constant("scales", Tensor::of<float>(extents, scales)));
    node.attributes.erase("scales");
  }
  if (!has_input(node, 1)) context.fail("has no scales");
  node.op = "Resize";
  node.inputs = {node.inputs[0], kNone, node.inputs[1]};
  node.attributes.set("coordinate_transformation_mode", std::string("asymmetric"));
  node.attributes.set("nearest_mode", std::string("floor"));
}

void upgrade_resize(const Context& context, NodeDraft& node) {
  if (context.opset < 11) {
    if (node.inputs.size() != 2) context.fail("has " + std::to_string(node.inputs.size()) + " inputs, expected 2");
    node.inputs = {node.inputs[0], kNone, node.inputs[1]};
    node.attributes.set("coordinate_transformation_mode", std::string("asymmetric"));
    node.attributes.set("nearest_mode", std::string("floor"));
  }
  // Opset 11 wrote empty tensors for what later opsets leave out.
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Tensor* constant = context.graph.constant(node.inputs[i]);
    if (constant != nullptr && constant->empty()) node.inputs[i] = kNone;
  }
  while (!node.inputs.empty() && node.inputs.back() == kNone) node.inputs.pop_back();
}

// Before opset 13 Softmax worked on the matrix [product of the extents before axis, product of the others].
void upgrade_softmax(const Context& context, NodeDraft& node) {
  if (context.opset >= 13 || node.inputs.empty()) return;
  const int64_t axis = node.attributes.integer("axis", 1);
  const std::optional<Shape> shape = context.graph.value(node.inputs[0]).shape;
  if (shape.has_value()) {
    const int64_t rank = shape->rank();
    const int64_t positive = axis < 0 ? axis + rank : axis;
    bool single = positive >= 0 && positive < rank;  // no more than one extent is summed over
    for (int64_t i = positive + 1; single && i < rank; ++i) single = (*shape)[static_cast<int>(i)] == Dim(1);
    if (single) {
      node.attributes.set("axis", positive == rank - 1 ? int64_t{-1} : positive);
      return;
    }
  }
  const ValueId input = node.inputs[0];
  const ValueId matrix = context.add_node("Flatten", {input}, {{"axis", axis}});
  const ValueId result = context.add_node(node.op, {matrix}, {{"axis", int64_t{-1}}});
  node.op = "Reshape";
  node.attributes = {};
  if (shape.has_value() && shape->is_fixed()) {
    const std::vector<int64_t> extents = shape->extents();
    node.inputs = {result, context.add_constant("shape", integer_list(extents))};
  } else {
    node.inputs = {result, context.add_node("Shape", {input}, {})};
  }
}

void upgrade_top_k(const Context& context, NodeDraft& node) {
  if (context.opset >= 10 || !node.attributes.has("k")) return;
  const std::array<int64_t, 1> k{node.attributes.integer("k", 1)};
  set_input(node, 1, context.add_constant("k", integer_list(k)));
  node.attributes.erase("k");
}

// Opset 18 had one scale and bias per group, opset 21 has one per channel.
void upgrade_group_normalization(const Context& context, NodeDraft& node) {
  if (context.opset >= 21 || node.inputs.size() < 3) return;
  const std::optional<Shape> shape = context.graph.value(node.inputs[0]).shape;
  const int64_t groups = node.attributes.integer("num_groups", 0);
  if (!shape.has_value() || shape->rank() < 2 || !(*shape)[1].is_fixed() || groups < 1 ||
      (*shape)[1].extent() % groups != 0) {
    context.fail("needs a known number of channels, a multiple of num_groups, to be read from an opset before 21");
  }
  const int64_t repeats = (*shape)[1].extent() / groups;
  for (const size_t index : {size_t{1}, size_t{2}}) {
    if (node.inputs[index] == kNone) context.fail("needs a scale and a bias");
    const std::string suffix = index == 1 ? "scale" : "bias";
    // [groups] -> [groups, 1] -> [groups, repeats] -> [channels]
    const ValueId column = context.add_constant(suffix + "_column", integer_list(std::array<int64_t, 2>{groups, 1}));
    const ValueId wide =
        context.add_constant(suffix + "_expanded", integer_list(std::array<int64_t, 2>{groups, repeats}));
    const ValueId flat = context.add_constant(suffix + "_flat", integer_list(std::array<int64_t, 1>{groups * repeats}));
    ValueId value = context.add_node("Reshape", {node.inputs[index], column}, {});
    value = context.add_node("Expand", {value, wide}, {});
    node.inputs[index] = context.add_node("Reshape", {value, flat}, {});
  }
}

void upgrade_scatter(const Context& context, NodeDraft& node) {
  if (context.opset < 11) node.op = "ScatterElements";
}

void upgrade_scan(const Context& context, NodeDraft&) {
  if (context.opset < 9) context.fail("is the batched Scan of opset 8, which later opsets do not have");
}

struct UpgradeRow {
  std::string_view op;
  void (*upgrade)(const Context&, NodeDraft&);
};

constexpr std::array kUpgrades = {
    UpgradeRow{"BatchNormalization", upgrade_batch_normalization},
    UpgradeRow{"Clip", upgrade_clip},
    UpgradeRow{"Dropout", upgrade_dropout},
    UpgradeRow{"GroupNormalization", upgrade_group_normalization},
    UpgradeRow{"Hardmax", upgrade_softmax},
    UpgradeRow{"LogSoftmax", upgrade_softmax},
    UpgradeRow{"Pad", upgrade_pad},
    UpgradeRow{"ReduceL1", upgrade_reduction},
    UpgradeRow{"ReduceL2", upgrade_reduction},
    UpgradeRow{"ReduceLogSum", upgrade_reduction},
    UpgradeRow{"ReduceLogSumExp", upgrade_reduction},
    UpgradeRow{"ReduceMax", upgrade_reduction},
    UpgradeRow{"ReduceMean", upgrade_reduction},
    UpgradeRow{"ReduceMin", upgrade_reduction},
    UpgradeRow{"ReduceProd", upgrade_reduction},
    UpgradeRow{"ReduceSum", upgrade_reduction},
    UpgradeRow{"ReduceSumSquare", upgrade_reduction},
    UpgradeRow{"Resize", upgrade_resize},
    UpgradeRow{"Scan", upgrade_scan},
    UpgradeRow{"Scatter", upgrade_scatter},
    UpgradeRow{"Slice", upgrade_slice},
    UpgradeRow{"Softmax", upgrade_softmax},
    UpgradeRow{"Split", upgrade_split},
    UpgradeRow{"Squeeze", upgrade_squeeze},
    UpgradeRow{"TopK", upgrade_top_k},
    UpgradeRow{"Unsqueeze", upgrade_squeeze},
    UpgradeRow{"Upsample", upgrade_upsample},
};

}  // namespace

void upgrade_node(const UpgradeContext& context, NodeDraft& node) {
  if (!node.domain.empty()) return;
  if (context.opset < 7) upgrade_node_before_7(context, node);
  for (const UpgradeRow& row : kUpgrades) {
    if (row.op == node.op) return row.upgrade(context, node);
  }
}

}  // namespace nacre
