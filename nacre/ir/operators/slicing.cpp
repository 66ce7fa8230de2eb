// Parts and assemblies along axes: Concat, Split, Slice, Pad, Tile, Expand.
#include <algorithm>
#include <numeric>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/operators/elements.hpp"
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
      context.fail("inputs " + context.graph().shape_text(*result) + " and " + context.graph().shape_text(*shape) +
                   " differ in rank");
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
      if (sizes->size() != parts.size())
        context.fail(std::to_string(sizes->size()) + " sizes for " + std::to_string(count) + " outputs");
      int64_t sum = 0;
      for (size_t i = 0; i < parts.size(); ++i) {
        if ((*sizes)[i] < 0 || __builtin_add_overflow(sum, (*sizes)[i], &sum))
          context.fail("a part of " + std::to_string((*sizes)[i]) + " elements");
        parts[i] = Dim((*sizes)[i]);
      }
      if ((*x)[axis].is_fixed() && sum != (*x)[axis].extent()) {
        context.fail("the parts add to " + std::to_string(sum) + ", the axis has " +
                     std::to_string((*x)[axis].extent()));
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
    result[axis] = (*x)[axis].is_fixed() ? Dim(resolve_slice(range, (*x)[axis].extent()).count)
                                         : symbolic_slice(context.graph(), (*x)[axis], range);
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
    if ((*x)[axis].is_fixed() && !result[axis].is_fixed())
      context.fail("pads leave nothing of axis " + std::to_string(axis));
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
    result[axis] = repeats.has_value() ? multiply_dims(context.graph(), (*x)[axis],
                                                       known_dim(context.graph(), *repeats, static_cast<size_t>(axis)))
                                       : Dim();
  }
  context.set_output(0, context.input_type(0), result);
}

void infer_expand(InferenceContext& context) {
  const std::optional<Shape>& x = context.input_shape(0);
  const std::optional<KnownTensor> target = context.known_input(1);
  if (!x.has_value() || !target.has_value()) return context.set_output(0, context.input_type(0), std::nullopt);
  if (target->extents.size() != 1 || target->extents[0] > kMaximumRank)
    context.fail("the target shape must be a vector of at most 8 entries");
  Shape shape;
  for (size_t i = 0; i < static_cast<size_t>(target->extents[0]); ++i)
    shape.push_back(known_dim(context.graph(), *target, i));
  context.set_output(0, context.input_type(0), broadcast_shapes(context.graph(), *x, shape));
}

// --- reference ----------------------------------------------------------------------------------------------------

std::vector<Tensor> reference_concat(const Node& node, Inputs inputs) {
  const Tensor& first = input_at(inputs, 0);
  const int axis = resolve_axis(node.attributes.integer("axis", 0), first.rank());
  Extents extents = first.extents();
  extents[static_cast<size_t>(axis)] = 0;
  for (const Tensor* input : inputs) {
    Extents expected = extents;
    expected[static_cast<size_t>(axis)] =
        input->rank() == first.rank() ? input->extents()[static_cast<size_t>(axis)] : -1;
    if (expected != input->extents())
      throw UserError("inputs differ in extents beside the axis along which they follow");
    extents[static_cast<size_t>(axis)] += expected[static_cast<size_t>(axis)];
  }
  const AxisView all = view_axis(extents, axis);
  std::vector<Pick> picks;
  for (int64_t o = 0; o < all.outer; ++o) {
    for (size_t source = 0; source < inputs.size(); ++source) {
      const int64_t run = inputs[source]->extents()[static_cast<size_t>(axis)] * all.inner;
      for (int64_t i = 0; i < run; ++i) picks.push_back({.source = static_cast<int32_t>(source), .index = o * run + i});
    }
  }
  return {pick_elements(inputs, extents, picks)};
}

// Elements along each axis of x by lists of indices, one list per axis.
Tensor take(const Tensor& x, const std::vector<Extents>& along) {
  Extents extents;
  for (const Extents& list : along) extents.push_back(static_cast<int64_t>(list.size()));
  const Extents strides = strides_of(x.extents());
  std::vector<int64_t> source(static_cast<size_t>(count_of(extents)));
  Extents index(extents.size(), 0);
  for (int64_t& position : source) {
    position = 0;
    for (size_t axis = 0; axis < index.size(); ++axis)
      position += along[axis][static_cast<size_t>(index[axis])] * strides[axis];
    next_position(index, extents);
  }
  return pick_elements(x, extents, source);
}

// All indices of every axis, in order.
std::vector<Extents> whole_of(const Tensor& x) {
  std::vector<Extents> along;
  for (const int64_t extent : x.extents()) {
    along.emplace_back(static_cast<size_t>(extent));
    std::iota(along.back().begin(), along.back().end(), 0);
  }
  return along;
}

std::vector<Tensor> reference_split(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const auto axis = static_cast<size_t>(resolve_axis(node.attributes.integer("axis", 0), x.rank()));
  const Tensor* given = optional_input(inputs, 1);
  std::vector<int64_t> sizes;
  if (given != nullptr) {
    sizes = given->integers();
  } else {
    const auto count = static_cast<int64_t>(node.outputs.size());
    for (int64_t i = 0; i < count; ++i) sizes.push_back(equal_part(x.extents()[axis], count, i));
  }
  std::vector<Extents> along = whole_of(x);
  const Extents all = along[axis];
  std::vector<Tensor> parts;
  auto begin = all.begin();
  for (const int64_t size : sizes) {
    if (size < 0 || size > all.end() - begin) throw UserError("the parts do not add to the extent of the axis");
    along[axis].assign(begin, begin + size);
    begin += size;
    parts.push_back(take(x, along));
  }
  return parts;
}

std::vector<Tensor> reference_slice(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const auto list = [&](size_t index) {
    const Tensor* tensor = optional_input(inputs, index);
    return tensor == nullptr ? std::vector<int64_t>{} : tensor->integers();
  };
  std::vector<Extents> along = whole_of(x);
  for (const auto& [axis, range] : read_slices(list(1), list(2), list(3), list(4), x.rank())) {
    const ResolvedSlice slice = resolve_slice(range, x.extents()[static_cast<size_t>(axis)]);
    Extents& indices = along[static_cast<size_t>(axis)];
    indices.clear();
    for (int64_t i = 0; i < slice.count; ++i) indices.push_back(slice.start + i * slice.step);
  }
  return {take(x, along)};
}

// The index inside [0, extent) that stands at `at` outside of it; -1 for the constant.
int64_t padded_index(int64_t at, int64_t extent, std::string_view mode) {
  if (at >= 0 && at < extent) return at;
  if (mode == "constant") return -1;
  if (extent == 0) throw UserError("an axis of extent 0 has nothing to pad with");
  if (mode == "edge") return std::clamp<int64_t>(at, 0, extent - 1);
  if (mode == "wrap") return (at % extent + extent) % extent;
  if (mode != "reflect")
    throw UserError("attribute 'mode' is '" + std::string(mode) + "', expected constant, reflect, edge or wrap");
  if (extent == 1) return 0;
  const int64_t period = 2 * (extent - 1);
  const int64_t folded = (at % period + period) % period;
  return std::min(folded, period - folded);
}

std::vector<Tensor> reference_pad(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor* axes = optional_input(inputs, 3);
  const std::vector<AxisPads> pads = read_pads(
      input_at(inputs, 1).integers(), axes == nullptr ? std::nullopt : std::optional(axes->integers()), x.rank());
  const std::string_view mode = node.attributes.text("mode", "constant");
  const Tensor* given = optional_input(inputs, 2);
  const Tensor fill = given != nullptr                  ? *given
                      : x.type() == ElementType::string ? Tensor::of_strings({}, {""})
                                                        : Tensor(x.type(), {});
  if (fill.elements() != 1)
    throw UserError("the padding value has " + std::to_string(fill.elements()) + " elements, expected 1");
  Extents extents;
  for (size_t axis = 0; axis < pads.size(); ++axis) {
    extents.push_back(x.extents()[axis] + pads[axis].begin + pads[axis].end);
    if (extents.back() < 0) throw UserError("pads leave nothing of axis " + std::to_string(axis));
  }
  const Extents strides = strides_of(x.extents());
  std::vector<Pick> picks(static_cast<size_t>(count_of(extents)));
  Extents index(extents.size(), 0);
  for (Pick& pick : picks) {
    for (size_t axis = 0; axis < index.size() && pick.source == 0; ++axis) {
      const int64_t at = padded_index(index[axis] - pads[axis].begin, x.extents()[axis], mode);
      pick = at < 0 ? Pick{.source = 1, .index = 0} : Pick{.source = 0, .index = pick.index + at * strides[axis]};
    }
    next_position(index, extents);
  }
  const Tensor* sources[] = {&x, &fill};
  return {pick_elements(sources, extents, picks)};
}

std::vector<Tensor> reference_tile(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const std::vector<int64_t> repeats = input_at(inputs, 1).integers();
  if (repeats.size() != x.extents().size())
    throw UserError("one repeat per axis is expected: " + std::to_string(x.rank()));
  std::vector<Extents> along = whole_of(x);
  for (size_t axis = 0; axis < along.size(); ++axis) {
    const Extents once = along[axis];
    along[axis].clear();
    for (int64_t i = 0; i < repeats[axis]; ++i) along[axis].insert(along[axis].end(), once.begin(), once.end());
  }
  return {take(x, along)};
}

std::vector<Tensor> reference_expand(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Extents extents = broadcast_extents(x.extents(), input_at(inputs, 1).integers());
  return {pick_elements(x, extents, broadcast_positions(x.extents(), extents))};
}

}  // namespace

std::vector<OperatorSchema> slicing_operators() {
  return {{.name = "Concat",
           .summary = "tensors one behind the other along an axis",
           .minimum_inputs = 1,
           .maximum_inputs = kVariadic,
           .attributes = {{"axis", "int", "the axis along which they follow", true}},
           .infer = infer_concat,
           .reference = reference_concat,
           .moved_inputs = ~0U},
          {.name = "Split",
           .summary = "consecutive parts along an axis, of given or equal sizes",
           .maximum_inputs = 2,
           .maximum_outputs = kVariadic,
           .attributes = {{"axis", "int", "0"},
                          {"num_outputs", "int", "equal parts; the last is smaller where they do not divide"}},
           .infer = infer_split,
           .reference = reference_split,
           .moved_inputs = 1},
          {.name = "Slice",
           .summary = "elements from start to end by step along axes; negatives count from the back",
           .minimum_inputs = 3,
           .maximum_inputs = 5,
           .infer = infer_slice,
           .reference = reference_slice,
           .moved_inputs = 1},
          {.name = "Pad",
           .summary = "a border around the tensor: constant, reflected, repeated edge or wrapped",
           .minimum_inputs = 2,
           .maximum_inputs = 4,
           .attributes = {{"mode", "string", "constant, reflect, edge or wrap; constant"}},
           .infer = infer_pad,
           .reference = reference_pad,
           .moved_inputs = 0b101},
          {.name = "Tile",
           .summary = "the tensor repeated along each axis",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .infer = infer_tile,
           .reference = reference_tile,
           .moved_inputs = 1},
          {.name = "Expand",
           .summary = "broadcast to a shape",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .infer = infer_expand,
           .reference = reference_expand,
           .moved_inputs = 1}};
}

}  // namespace nacre::operators
