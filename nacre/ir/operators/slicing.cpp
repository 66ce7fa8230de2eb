// Parts and assemblies along axes: Concat, Split, Slice, Pad, Tile, Expand.
#include <algorithm>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"
#include "nacre/ir/operators/slice_range.hpp"

namespace nacre::operators {
namespace {

void infer_concat(InferenceContext& context) {
  require_same_type(context);
  const Attribute* attribute = context.attributes().find("axis");
  if (attribute == nullptr) context.fail("attribute 'axis' is missing");
  std::optional<Shape> result;
  int axis = 0;
  for (int i = 0; i < context.input_count(); ++i) {
    const Shape* shape = context.ranked_input(i, 1);
    if (shape == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
    if (!result.has_value()) {
      result = *shape;
      axis = resolve_axis(context.attributes().integer("axis", 0), shape->rank());
      continue;
    }
    if (shape->rank() != result->rank()) {
      context.fail("inputs " + context.graph().shape_text(*result) + " and " + context.graph().shape_text(*shape) + " differ in rank");
    }
    for (int d = 0; d < shape->rank(); ++d) {
      if (d == axis) {
        (*result)[d] = add_dims(context.graph(), (*result)[d], (*shape)[d]);
        continue;
      }
      const std::string what = "extents of the inputs along axis " + std::to_string(d);
      (*result)[d] = same_dim(context, (*result)[d], (*shape)[d], what.c_str());
    }
  }
  context.set_output(0, context.input_type(0), result);
}

void infer_split(InferenceContext& context) {
  const ElementType type = context.input_type(0);
  const int count = context.output_count();
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) {
    for (int i = 0; i < count; ++i) context.set_output(i, type, std::nullopt);
    return;
  }
  const int axis = resolve_axis(context.attributes().integer("axis", 0), x->rank());
  std::vector<Dim> parts(static_cast<size_t>(count));
  if (context.has_input(1)) {
    if (const std::optional<std::vector<int64_t>> sizes = context.known_integers(1)) {
      if (sizes->size() != parts.size()) context.fail(std::to_string(sizes->size()) + " sizes for " + std::to_string(count) + " outputs");
      int64_t sum = 0;
      for (size_t i = 0; i < parts.size(); ++i) {
        if ((*sizes)[i] < 0 || __builtin_add_overflow(sum, (*sizes)[i], &sum)) context.fail("a part of " + std::to_string((*sizes)[i]) + " elements");
        parts[i] = Dim((*sizes)[i]);
      }
      if ((*x)[axis].is_fixed() && sum != (*x)[axis].extent()) {
        context.fail("the parts add to " + std::to_string(sum) + ", the axis has " + std::to_string((*x)[axis].extent()));
      }
    }
  } else if ((*x)[axis].is_fixed()) {
    for (int i = 0; i < count; ++i) parts[static_cast<size_t>(i)] = Dim(equal_part((*x)[axis].extent(), count, i));
  } else if (count == 1) {
    parts[0] = (*x)[axis];
  }
  for (int i = 0; i < count; ++i) {
    Shape part = *x;
    part[axis] = parts[static_cast<size_t>(i)];
    context.set_output(i, type, part);
  }
}

// A slice of a symbolic dimension that keeps its meaning whatever the number: x[a:], x[:-b], x[a:-b] with step 1.
Dim symbolic_slice(Graph& graph, Dim dim, const SliceRange& range) {
  if (!dim.is_symbol() || range.step != 1 || range.start < 0) return {};
  if (range.end >= kSliceToEnd) return subtract_dims(graph, dim, Dim(range.start));
  if (range.end < 0 && range.end > -kSliceToEnd) return subtract_dims(graph, dim, Dim(range.start - range.end));
  return {};
}

void infer_slice(InferenceContext& context) {
  const ElementType type = context.input_type(0);
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) return context.set_output(0, type, std::nullopt);
  std::vector<std::vector<int64_t>> lists;  // starts, ends, axes, steps
  for (int i = 1; i <= 4; ++i) {
    lists.emplace_back();
    if (!context.has_input(i)) continue;
    std::optional<std::vector<int64_t>> list = context.known_integers(i);
    if (!list.has_value()) {
      Shape result = *x;
      const std::optional<std::vector<int64_t>> axes = context.known_integers(3);
      for (int axis = 0; axis < x->rank(); ++axis) {
        if (!axes.has_value()) result[axis] = Dim();
      }
      for (const int axis : resolve_axes(axes.value_or(std::vector<int64_t>{}), x->rank())) result[axis] = Dim();
      return context.set_output(0, type, result);
    }
    lists.back() = std::move(*list);
  }
  Shape result = *x;
  for (const auto& [axis, range] : read_slices(lists[0], lists[1], lists[2], lists[3], x->rank())) {
    result[axis] = (*x)[axis].is_fixed() ? Dim(resolve_slice(range, (*x)[axis].extent()).count) : symbolic_slice(context.graph(), (*x)[axis], range);
  }
  context.set_output(0, type, result);
}

void infer_pad(InferenceContext& context) {
  const ElementType type = context.input_type(0);
  const Shape* x = context.ranked_input(0, 0);
  if (x == nullptr) return context.set_output(0, type, std::nullopt);
  const std::optional<std::vector<int64_t>> pads = context.known_integers(1);
  std::optional<std::vector<int64_t>> axes;
  if (context.has_input(3)) axes = context.known_integers(3);
  Shape result = *x;
  if (!pads.has_value() || (context.has_input(3) && !axes.has_value())) {
    for (Dim& dim : result) dim = Dim();
    return context.set_output(0, type, result);
  }
  const std::vector<AxisPads> all = read_pads(*pads, axes, x->rank());
  for (int axis = 0; axis < x->rank(); ++axis) {
    const int64_t sum = all[static_cast<size_t>(axis)].begin + all[static_cast<size_t>(axis)].end;
    Graph& graph = context.graph();
    result[axis] = sum >= 0 ? add_dims(graph, (*x)[axis], Dim(sum)) : subtract_dims(graph, (*x)[axis], Dim(-sum));
    if ((*x)[axis].is_fixed() && !result[axis].is_fixed()) context.fail("pads leave nothing of axis " + std::to_string(axis));
  }
  context.set_output(0, type, result);
}

void infer_tile(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const std::optional<KnownTensor> repeats = context.known_input(1);
  Shape result = *x;
  for (int axis = 0; axis < x->rank(); ++axis) {
    if (repeats.has_value() && (repeats->extents.size() != 1 || repeats->extents[0] != x->rank())) {
      context.fail("one repeat per axis is expected: " + std::to_string(x->rank()));
    }
    result[axis] = repeats.has_value() ? multiply_dims(context.graph(), (*x)[axis], known_dim(context.graph(), *repeats, static_cast<size_t>(axis))) : Dim();
  }
  context.set_output(0, context.input_type(0), result);
}

void infer_expand(InferenceContext& context) {
  const std::optional<Shape>& x = context.input_shape(0);
  const std::optional<KnownTensor> target = context.known_input(1);
  if (!x.has_value() || !target.has_value()) return context.set_output(0, context.input_type(0), std::nullopt);
  if (target->extents.size() != 1 || target->extents[0] > kMaximumRank) context.fail("the target shape must be a vector of at most 8 entries");
  Shape shape;
  for (size_t i = 0; i < static_cast<size_t>(target->extents[0]); ++i) shape.push_back(known_dim(context.graph(), *target, i));
  context.set_output(0, context.input_type(0), broadcast_shapes(context.graph(), *x, shape));
}

}  // namespace

std::vector<OperatorSchema> slicing_operators() {
  return {{.name = "Concat",
           .summary = "tensors one behind the other along an axis",
           .minimum_inputs = 1,
           .maximum_inputs = kVariadic,
           .attributes = {{"axis", "int", "the axis along which they follow", true}},
           .infer = infer_concat,
           .moved_inputs = ~0U},
          {.name = "Split",
           .summary = "consecutive parts along an axis, of given or equal sizes",
           .maximum_inputs = 2,
           .maximum_outputs = kVariadic,
           .attributes = {{"axis", "int", "0"}, {"num_outputs", "int", "equal parts; the last is smaller where they do not divide"}},
           .infer = infer_split,
           .moved_inputs = 1},
          {.name = "Slice",
           .summary = "elements from start to end by step along axes; negatives count from the back",
           .minimum_inputs = 3,
           .maximum_inputs = 5,
           .infer = infer_slice,
           .moved_inputs = 1},
          {.name = "Pad",
           .summary = "a border around the tensor: constant, reflected, repeated edge or wrapped",
           .minimum_inputs = 2,
           .maximum_inputs = 4,
           .attributes = {{"mode", "string", "constant, reflect, edge or wrap; constant"}},
           .infer = infer_pad,
           .moved_inputs = 0b101},
          {.name = "Tile", .summary = "the tensor repeated along each axis", .minimum_inputs = 2, .maximum_inputs = 2, .infer = infer_tile, .moved_inputs = 1},
          {.name = "Expand",
           .summary = "broadcast to a shape",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .infer = infer_expand,
           .moved_inputs = 1}};
}

}  // namespace nacre::operators
