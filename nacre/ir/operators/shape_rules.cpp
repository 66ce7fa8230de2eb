#include "nacre/ir/operators/shape_rules.hpp"

#include <algorithm>

#include "nacre/ir/dim_expression.hpp"

namespace nacre::operators {

int resolve_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    throw UserError("axis " + std::to_string(axis) + " of a tensor of " + std::to_string(rank) + " dimensions");
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

std::vector<int> resolve_axes(std::span<const int64_t> axes, int rank) {
  std::vector<int> result;
  for (const int64_t axis : axes) {
    const int resolved = resolve_axis(axis, rank);
    if (std::ranges::find(result, resolved) != result.end())
      throw UserError("axis " + std::to_string(axis) + " is named twice");
    result.push_back(resolved);
  }
  return result;
}

Shape broadcast_shapes(const Graph& graph, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  Shape result;
  for (int axis = 0; axis < rank; ++axis) {
    const int in_a = axis - (rank - a.rank());
    const int in_b = axis - (rank - b.rank());
    const Dim x = in_a < 0 ? Dim(1) : a[in_a];
    const Dim y = in_b < 0 ? Dim(1) : b[in_b];
    if (x == y || y == Dim(1)) {
      result.push_back(x);
    } else if (x == Dim(1)) {
      result.push_back(y);
    } else if (x.is_fixed() && y.is_fixed()) {
      throw UserError("shapes " + graph.shape_text(a) + " and " + graph.shape_text(b) + " do not broadcast");
    } else if (x.is_fixed() || y.is_fixed()) {
      result.push_back(x.is_fixed() ? x : y);  // the other is equal or 1
    } else {
      result.push_back(Dim());
    }
  }
  return result;
}

std::optional<Shape> broadcast_inputs(const InferenceContext& context) {
  std::optional<Shape> result;
  for (int i = 0; i < context.input_count(); ++i) {
    const std::optional<Shape>& shape = context.input_shape(i);
    if (!shape.has_value()) return std::nullopt;
    result = result.has_value() ? broadcast_shapes(context.graph(), *result, *shape) : *shape;
  }
  return result;
}

Dim same_dim(const InferenceContext& context, Dim a, Dim b, const char* what) {
  if (a.is_fixed() && b.is_fixed() && a != b) {
    context.fail(std::string(what) + " differ: " + std::to_string(a.extent()) + " and " + std::to_string(b.extent()));
  }
  if (a.is_fixed() || b.is_unknown()) return a;
  return b.is_fixed() || a.is_unknown() ? b : a;
}

void require_same_type(const InferenceContext& context, int first, int last) {
  ElementType expected = ElementType::undefined;
  for (int i = first; i < std::min(last, context.input_count()); ++i) {
    if (!context.has_input(i)) continue;
    const ElementType type = context.input_type(i);
    if (type == ElementType::undefined) continue;  // the result of an opaque operator
    if (expected == ElementType::undefined) expected = type;
    if (type != expected) {
      context.fail("input " + std::to_string(i) + " is " + std::string(element_type_name(type)) + ", expected " +
                   std::string(element_type_name(expected)) + " as input " + std::to_string(first));
    }
  }
}

void require_floating(const InferenceContext& context, int index) {
  const ElementType type = context.input_type(index);
  // The result of an opaque operator may have no known type.
  if (type != ElementType::undefined && !is_floating(type)) {
    context.fail("input " + std::to_string(index) + " is " + std::string(element_type_name(type)) +
                 ", expected a floating-point type");
  }
}

void infer_same_as_input(InferenceContext& context) {
  context.set_output(0, context.input_type(0), context.input_shape(0));
}

void infer_broadcast(InferenceContext& context) {
  require_same_type(context);
  context.set_output(0, context.input_type(0), broadcast_inputs(context));
}

const Shape& fixed_shape(const Graph& graph, ValueId id) {
  const std::optional<Shape>& shape = graph.value(id).shape;
  NACRE_CHECK(shape.has_value() && shape->is_fixed(), value_text(graph, id));
  return *shape;
}

int64_t input_elements(const Graph& graph, const Node& node, int index) {
  return fixed_shape(graph, node.inputs[static_cast<size_t>(index)])
      .elements()
      .value_or(std::numeric_limits<int64_t>::max());
}

int64_t output_elements(const Graph& graph, const Node& node, int index) {
  return fixed_shape(graph, node.outputs[static_cast<size_t>(index)])
      .elements()
      .value_or(std::numeric_limits<int64_t>::max());
}

Dim known_dim(Graph& graph, const KnownTensor& known, size_t element) {
  if (const std::optional<int64_t> number = known_number(known, element)) return *number >= 0 ? Dim(*number) : Dim();
  const std::string& text = known.expressions[element];
  return text.empty() ? Dim() : graph.symbol(text);
}

std::optional<int64_t> known_number(const KnownTensor& known, size_t element) {
  if (known.tensor.has_value()) return static_cast<int64_t>(known.tensor->number_at(static_cast<int64_t>(element)));
  const std::string& text = known.expressions[element];
  return text.empty() ? std::nullopt : evaluate_dim_expression(text, {});
}

}  // namespace nacre::operators
