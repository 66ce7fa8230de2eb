// Tensors from nothing or from shapes: Constant, ConstantOfShape, Range, Shape, Size.
#include <algorithm>
#include <cmath>

#include "nacre/ir/operators/creation.hpp"
#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {

Tensor constant_value(const Node& node) {
  const Attributes& attributes = node.attributes;
  if (const Tensor* value = attributes.tensor("value")) return *value;
  if (attributes.has("value_int")) return Tensor::scalar<int64_t>(attributes.integer("value_int", 0));
  if (attributes.has("value_float")) return Tensor::scalar<float>(attributes.real("value_float", 0));
  if (attributes.has("value_ints")) {
    const std::span<const int64_t> list = attributes.integers("value_ints");
    const int64_t extent = static_cast<int64_t>(list.size());
    return Tensor::of<int64_t>(std::span(&extent, 1), list);
  }
  if (attributes.has("value_floats")) {
    const std::span<const float> list = attributes.reals("value_floats");
    const int64_t extent = static_cast<int64_t>(list.size());
    return Tensor::of<float>(std::span(&extent, 1), list);
  }
  if (attributes.has("value_string")) return Tensor::of_strings({}, {std::string(attributes.text("value_string", ""))});
  if (const auto* list = std::get_if<std::vector<std::string>>(attributes.find("value_strings"))) {
    const int64_t extent = static_cast<int64_t>(list->size());
    return Tensor::of_strings(std::span(&extent, 1), *list);
  }
  throw UserError(
      "a constant without a value; expected one of value, value_int, value_ints, value_float, value_floats");
}

namespace {

void infer_constant(InferenceContext& context) {
  const Tensor value = constant_value(context.node());
  context.set_output(0, value.type(), value.shape());
}

void infer_constant_of_shape(InferenceContext& context) {
  const Tensor* fill = context.attributes().tensor("value");
  if (fill != nullptr && fill->elements() != 1)
    context.fail("attribute 'value' has " + std::to_string(fill->elements()) + " elements, expected 1");
  const ElementType type = fill == nullptr ? ElementType::float32 : fill->type();
  const std::optional<KnownTensor> target = context.known_input(0);
  if (!target.has_value()) return context.set_output(0, type, std::nullopt);
  if (target->extents.size() != 1 || target->extents[0] > kMaximumRank)
    context.fail("the shape must be a vector of at most 8 entries");
  Shape result;
  for (size_t i = 0; i < static_cast<size_t>(target->extents[0]); ++i)
    result.push_back(known_dim(context.graph(), *target, i));
  context.set_output(0, type, result);
}

void infer_range(InferenceContext& context) {
  require_same_type(context);
  std::array<double, 3> bounds = {};  // start, limit, delta
  bool known = true;
  for (int i = 0; i < 3; ++i) {
    const std::optional<KnownTensor> bound = context.known_input(i);
    if (bound.has_value() && bound->tensor.has_value() && bound->tensor->elements() == 1)
      bounds[static_cast<size_t>(i)] = bound->tensor->number_at(0);
    else
      known = false;
  }
  if (!known && bounds[0] == 0 && bounds[2] == 1) {  // as long as its limit, which may be an expression
    const std::optional<KnownTensor> start = context.known_input(0), limit = context.known_input(1);
    const bool whole = start.has_value() && start->tensor.has_value() && limit.has_value() &&
                       limit->expressions.size() == 1 && !is_floating(context.input_type(0));
    if (whole) return context.set_output(0, context.input_type(0), Shape{known_dim(context.graph(), *limit, 0)});
  }
  context.set_output(0, context.input_type(0),
                     Shape{known ? Dim(range_length(bounds[0], bounds[1], bounds[2])) : Dim()});
}

void infer_shape_operator(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  if (x == nullptr) return context.set_output(0, ElementType::int64, Shape{Dim()});
  const auto clamped = [&](int64_t axis) {
    return std::clamp<int64_t>(axis < 0 ? axis + x->rank() : axis, 0, x->rank());
  };
  const int64_t begin = clamped(context.attributes().integer("start", 0));
  const int64_t end = clamped(context.attributes().integer("end", x->rank()));
  context.set_output(0, ElementType::int64, Shape{Dim(std::max<int64_t>(0, end - begin))});
}

void infer_size(InferenceContext& context) { context.set_output(0, ElementType::int64, Shape{}); }

// --- reference ----------------------------------------------------------------------------------------------------

std::vector<Tensor> reference_constant(const Node& node, Inputs) { return {constant_value(node)}; }

std::vector<Tensor> reference_constant_of_shape(const Node& node, Inputs inputs) {
  const Tensor* given = node.attributes.tensor("value");
  const Tensor fill = given != nullptr ? *given : Tensor::scalar(0.0F);
  const Extents extents = input_at(inputs, 0).integers();
  return {pick_elements(fill, extents, std::vector<int64_t>(static_cast<size_t>(count_of(extents)), 0))};
}

std::vector<Tensor> reference_range(const Node&, Inputs inputs) {
  const Tensor& start = input_at(inputs, 0);
  if (start.elements() != 1 || input_at(inputs, 1).elements() != 1 || input_at(inputs, 2).elements() != 1) {
    throw UserError("start, limit and delta must have one element each");
  }
  const int64_t length = range_length(start.number_at(0), inputs[1]->number_at(0), inputs[2]->number_at(0));
  return with_number_type(start.type(), [&]<class T>(T) {
    const T first = load<T>(start)[0];
    const T delta = load<T>(*inputs[2])[0];
    std::vector<T> result;
    for (int64_t i = 0; i < length; ++i) result.push_back(first + static_cast<T>(i) * delta);
    return std::vector<Tensor>{store<T>(start.type(), Extents{length}, result)};
  });
}

std::vector<Tensor> reference_shape(const Node& node, Inputs inputs) {
  const Extents& extents = input_at(inputs, 0).extents();
  const auto rank = static_cast<int64_t>(extents.size());
  const auto clamped = [&](int64_t axis) { return std::clamp<int64_t>(axis < 0 ? axis + rank : axis, 0, rank); };
  const int64_t begin = clamped(node.attributes.integer("start", 0));
  const int64_t end = std::max(begin, clamped(node.attributes.integer("end", rank)));
  const Extents part(extents.begin() + begin, extents.begin() + end);
  return {Tensor::of<int64_t>(Extents{end - begin}, part)};
}

std::vector<Tensor> reference_size(const Node&, Inputs inputs) {
  return {Tensor::scalar<int64_t>(input_at(inputs, 0).elements())};
}

}  // namespace

int64_t range_length(double start, double limit, double delta) {
  if (delta == 0) throw UserError("a range with a delta of 0");
  const double length = std::max(0.0, std::ceil((limit - start) / delta));
  if (!(length < 1e12)) throw UserError("a range of more than 10^12 elements");
  return static_cast<int64_t>(length);
}

std::vector<OperatorSchema> creation_operators() {
  return {{.name = "Constant",
           .summary = "a tensor that is part of the model",
           .minimum_inputs = 0,
           .maximum_inputs = 0,
           .attributes = {{"value", "tensor", "the tensor"},
                          {"value_float", "float", "a scalar"},
                          {"value_floats", "floats", "a vector"},
                          {"value_int", "int", "a scalar"},
                          {"value_ints", "ints", "a vector"},
                          {"value_string", "string", "a scalar"},
                          {"value_strings", "strings", "a vector"}},
           .infer = infer_constant,
           .reference = reference_constant},
          {.name = "ConstantOfShape",
           .summary = "a tensor of the given shape, filled with one value",
           .attributes = {{"value", "tensor", "the value, one element; 0 of float32"}},
           .infer = infer_constant_of_shape,
           .reference = reference_constant_of_shape},
          {.name = "Range",
           .summary = "start, start + delta, ... below limit",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .infer = infer_range,
           .reference = reference_range},
          {.name = "Shape",
           .summary = "the extents of a tensor",
           .attributes = {{"end", "int", "axis after the last; rank"}, {"start", "int", "first axis; 0"}},
           .infer = infer_shape_operator,
           .reference = reference_shape},
          {.name = "Size",
           .summary = "the number of elements of a tensor",
           .infer = infer_size,
           .reference = reference_size}};
}

}  // namespace nacre::operators
