#include "nacre/ir/onnx_lower.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "nacre/ir/onnx_io.hpp"

namespace nacre {
namespace {

struct SinceRow {
  std::string_view op;
  int opset;
};

// Operators that opset 17 does not have, or has with another meaning.
constexpr std::array kSince = {SinceRow{"AffineGrid", 20},     SinceRow{"BitwiseAnd", 18},
                               SinceRow{"BitwiseNot", 18},     SinceRow{"BitwiseOr", 18},
                               SinceRow{"BitwiseXor", 18},     SinceRow{"CenterCropPad", 18},
                               SinceRow{"Col2Im", 18},         SinceRow{"DeformConv", 19},
                               SinceRow{"Gelu", 20},           SinceRow{"GroupNormalization", 21},
                               SinceRow{"ImageDecoder", 20},   SinceRow{"Mish", 18},
                               SinceRow{"RegexFullMatch", 20}, SinceRow{"StringConcat", 20},
                               SinceRow{"StringSplit", 20}};

bool has_input(const Node& node, size_t index) { return index < node.inputs.size() && node.inputs[index] != kNone; }

// ReduceSum has had its axes as an input since opset 13, the others since 18.
bool is_late_reduction(const Node& node) { return node.op.starts_with("Reduce") && node.op != "ReduceSum"; }

int opset_of_type(ElementType type) {
  switch (type) {
    case ElementType::float8_e4m3fn:
    case ElementType::float8_e4m3fnuz:
    case ElementType::float8_e5m2:
    case ElementType::float8_e5m2fnuz: return 19;
    case ElementType::int4:
    case ElementType::uint4: return 21;
    case ElementType::float4_e2m1: return 23;
    default: return kWrittenOpset;
  }
}

int opset_of_split(const Graph& graph, const Node& node) {
  if (has_input(node, 1)) return 17;
  // Without sizes opset 17 splits into equal parts, one per output.
  const auto parts = static_cast<int64_t>(node.outputs.size());
  const std::optional<Shape>& shape = graph.value(node.inputs[0]).shape;
  if (!shape.has_value() || node.attributes.integer("num_outputs", parts) != parts) return 18;
  const int64_t axis = node.attributes.integer("axis", 0);
  const int64_t positive = axis < 0 ? axis + shape->rank() : axis;
  if (positive < 0 || positive >= shape->rank()) return 18;
  const Dim dim = (*shape)[static_cast<int>(positive)];
  return dim.is_fixed() && dim.extent() % parts == 0 ? 17 : 18;
}

int opset_of_resize(const Node& node) {
  const Attributes& attributes = node.attributes;
  if (attributes.text("coordinate_transformation_mode", "") == "half_pixel_symmetric") return 19;
  const bool newer = attributes.integer("antialias", 0) != 0 || attributes.has("axes") ||
                     attributes.text("keep_aspect_ratio_policy", "stretch") != "stretch";
  return newer ? 18 : 17;
}

int opset_of_quantization(const Graph& graph, const Node& node) {
  if (node.attributes.integer("block_size", 0) != 0 || node.attributes.integer("output_dtype", 0) != 0) return 21;
  int result = node.attributes.integer("saturate", 1) != 1 ? 19 : 17;
  const auto consider = [&](ValueId id) {
    if (id == kNone) return;
    const ElementType type = graph.value(id).type;
    if (type == ElementType::int16 || type == ElementType::uint16) result = 21;
  };
  std::ranges::for_each(node.inputs, consider);
  std::ranges::for_each(node.outputs, consider);
  return result;
}

// Operators that took an element type later than they came.
int opset_of_typed(const Graph& graph, const Node& node) {
  if (!has_input(node, 0)) return kWrittenOpset;
  const ElementType type = graph.value(node.inputs[0]).type;
  if ((node.op == "ReduceMax" || node.op == "ReduceMin") && type == ElementType::boolean) return 20;
  if (node.op == "IsInf" && (type == ElementType::float16 || type == ElementType::bfloat16)) return 20;
  if (node.op == "IsNaN" && type == ElementType::bfloat16) return 20;
  if (node.op == "Equal" && type == ElementType::string) return 19;
  return kWrittenOpset;
}

// Before opset 18 axes are an attribute, and no axes always means all of them.
int opset_of_reduction(const Graph& graph, const Node& node) {
  bool none = !has_input(node, 1);
  if (!none) {
    const Tensor* axes = graph.constant(node.inputs[1]);
    if (axes == nullptr) return 18;
    none = axes->empty();
  }
  return none && node.attributes.integer("noop_with_empty_axes", 0) != 0 ? 18 : 17;
}

bool all_ones(std::span<const int64_t> list) {
  return std::ranges::all_of(list, [](int64_t item) { return item == 1; });
}

int opset_of_operator(const Graph& graph, const Node& node) {
  for (const SinceRow& row : kSince) {
    if (row.op == node.op) return row.opset;
  }
  const Attributes& attributes = node.attributes;
  const int typed = opset_of_typed(graph, node);
  if (typed > kWrittenOpset) return typed;
  if (is_late_reduction(node)) return opset_of_reduction(graph, node);
  if (node.op == "Split" && has_input(node, 0)) return opset_of_split(graph, node);
  if (node.op == "Pad") return attributes.text("mode", "constant") == "wrap" ? 19 : has_input(node, 3) ? 18 : 17;
  if (node.op == "Resize") return opset_of_resize(node);
  if (node.op == "AveragePool") return all_ones(attributes.integers("dilations")) ? 17 : 19;
  if (node.op == "LpPool")
    return all_ones(attributes.integers("dilations")) && attributes.integer("ceil_mode", 0) == 0 ? 17 : 18;
  if (node.op == "QuantizeLinear" || node.op == "DequantizeLinear") return opset_of_quantization(graph, node);
  if (node.op == "Cast" || node.op == "CastLike") return attributes.integer("saturate", 1) == 1 ? 17 : 19;
  if (node.op == "ScatterElements" || node.op == "ScatterND") {
    const std::string_view reduction = attributes.text("reduction", "none");
    return reduction == "max" || reduction == "min" ? 18 : 17;
  }
  return kWrittenOpset;
}

}  // namespace

int required_opset(const Graph& graph, const Node& node) {
  int result = kWrittenOpset;
  const auto consider = [&](ValueId id) {
    if (id != kNone) result = std::max(result, opset_of_type(graph.value(id).type));
  };
  std::ranges::for_each(node.inputs, consider);
  std::ranges::for_each(node.outputs, consider);
  if (node.domain.empty()) result = std::max(result, opset_of_operator(graph, node));
  return result;
}

Node lowered(const Graph& graph, const Node& node, int opset) {
  Node result = node;
  if (!node.domain.empty()) return result;
  if (opset < 18) {
    if (is_late_reduction(node)) {
      const std::vector<int64_t> axes =
          has_input(node, 1) ? graph.constant(node.inputs[1])->integers() : std::vector<int64_t>();
      if (!axes.empty()) result.attributes.set("axes", axes);
      result.attributes.erase("noop_with_empty_axes");
      result.inputs.resize(1);
    }
    if (node.op == "Split") result.attributes.erase("num_outputs");
    for (const std::string_view name : {"antialias", "keep_aspect_ratio_policy"}) {
      if (node.op == "Resize") result.attributes.erase(name);
    }
  }
  if (opset < 18 && node.op == "LpPool") {
    result.attributes.erase("dilations");
    result.attributes.erase("ceil_mode");
  }
  if (opset < 19) {
    if (node.op == "AveragePool") result.attributes.erase("dilations");
    if (node.op == "Cast" || node.op == "CastLike" || node.op == "QuantizeLinear") result.attributes.erase("saturate");
  }
  if (opset < 21 && (node.op == "QuantizeLinear" || node.op == "DequantizeLinear")) {
    result.attributes.erase("block_size");
    result.attributes.erase("output_dtype");
  }
  return result;
}

}  // namespace nacre
