// Elements picked by index: Gather, GatherElements, GatherND, and writing by index: ScatterElements, ScatterND.
#include <algorithm>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void require_index_type(const InferenceContext& context, int index) {
  const ElementType type = context.input_type(index);
  if (type != ElementType::int64 && type != ElementType::int32) {
    context.fail("indices are " + std::string(element_type_name(type)) + ", expected int32 or int64");
  }
}

void infer_gather(InferenceContext& context) {
  require_index_type(context, 1);
  const Shape* x = context.ranked_input(0, 1);
  const Shape* indices = context.ranked_input(1, 0);
  if (x == nullptr || indices == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const int axis = resolve_axis(context.attributes().integer("axis", 0), x->rank());
  Shape result;
  for (int i = 0; i < axis; ++i) result.push_back((*x)[i]);
  for (const Dim dim : *indices) result.push_back(dim);
  for (int i = axis + 1; i < x->rank(); ++i) result.push_back((*x)[i]);
  context.set_output(0, context.input_type(0), result);
}

void infer_gather_elements(InferenceContext& context) {
  require_index_type(context, 1);
  const Shape* x = context.ranked_input(0, 1);
  if (x != nullptr) {
    resolve_axis(context.attributes().integer("axis", 0), x->rank());
    context.ranked_input(1, x->rank(), x->rank());
  }
  context.set_output(0, context.input_type(0), context.input_shape(1));
}

void infer_gather_nd(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  const Shape* indices = context.ranked_input(1, 1);
  if (x == nullptr || indices == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const int64_t batch = context.attributes().integer("batch_dims", 0);
  const Dim depth = (*indices)[indices->rank() - 1];
  if (batch < 0 || batch >= std::min(x->rank(), indices->rank()))
    context.fail("attribute 'batch_dims' is " + std::to_string(batch));
  if (!depth.is_fixed()) return context.set_output(0, context.input_type(0), std::nullopt);
  if (depth.extent() < 1 || depth.extent() > x->rank() - batch)
    context.fail("indices of " + std::to_string(depth.extent()) + " coordinates");
  Shape result;
  for (int i = 0; i + 1 < indices->rank(); ++i) result.push_back((*indices)[i]);
  for (int i = static_cast<int>(batch + depth.extent()); i < x->rank(); ++i) result.push_back((*x)[i]);
  context.set_output(0, context.input_type(0), result);
}

void infer_scatter(InferenceContext& context) {
  require_index_type(context, 1);
  if (context.input_type(2) != context.input_type(0)) context.fail("updates have another type than the data");
  infer_same_as_input(context);
}

// --- reference ----------------------------------------------------------------------------------------------------

int64_t checked_index(int64_t index, int64_t extent) {
  if (index < -extent || index >= extent)
    throw UserError("index " + std::to_string(index) + " on an axis of extent " + std::to_string(extent));
  return index < 0 ? index + extent : index;
}

std::vector<Tensor> reference_gather(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor& indices = input_at(inputs, 1);
  const int axis = resolve_axis(node.attributes.integer("axis", 0), x.rank());
  const AxisView view = view_axis(x.extents(), axis);
  const std::vector<int64_t> list = indices.integers();
  Extents extents(x.extents().begin(), x.extents().begin() + axis);
  extents.insert(extents.end(), indices.extents().begin(), indices.extents().end());
  extents.insert(extents.end(), x.extents().begin() + axis + 1, x.extents().end());
  std::vector<int64_t> source;
  for (int64_t o = 0; o < view.outer; ++o) {
    for (const int64_t index : list) {
      const int64_t e = checked_index(index, view.extent);
      for (int64_t i = 0; i < view.inner; ++i) source.push_back(view.at(o, e, i));
    }
  }
  return {pick_elements(x, extents, source)};
}

// For each element of `indices`, the flat index in x: the same position but along the axis, where it is the element.
std::vector<int64_t> positions_along_axis(const Tensor& x, const Tensor& indices, int axis) {
  if (indices.rank() != x.rank()) throw UserError("indices and data differ in rank");
  const Extents strides = strides_of(x.extents());
  const std::vector<int64_t> list = indices.integers();
  std::vector<int64_t> result;
  Extents index(strides.size(), 0);
  for (const int64_t element : list) {
    int64_t position = 0;
    for (size_t d = 0; d < index.size(); ++d) {
      position += checked_index(d == static_cast<size_t>(axis) ? element : index[d], x.extents()[d]) * strides[d];
    }
    result.push_back(position);
    next_position(index, indices.extents());
  }
  return result;
}

std::vector<Tensor> reference_gather_elements(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor& indices = input_at(inputs, 1);
  const int axis = resolve_axis(node.attributes.integer("axis", 0), x.rank());
  return {pick_elements(x, indices.extents(), positions_along_axis(x, indices, axis))};
}

// Tuples of coordinates, resolved: the first element and the size of each slice they name.
struct Slices {
  std::vector<int64_t> begins;
  int64_t size = 1;
};

Slices named_slices(const Tensor& x, const Tensor& indices, int64_t batch_dims) {
  const auto batch = static_cast<size_t>(batch_dims);
  const auto depth = static_cast<size_t>(indices.extents().back());
  if (batch + depth > x.extents().size()) throw UserError("indices of " + std::to_string(depth) + " coordinates");
  const Extents strides = strides_of(x.extents());
  Slices slices;
  for (size_t d = batch + depth; d < strides.size(); ++d) slices.size *= x.extents()[d];
  const std::vector<int64_t> list = indices.integers();
  const Extents tuples(indices.extents().begin(), indices.extents().end() - 1);
  Extents index(tuples.size(), 0);
  for (size_t at = 0; at < list.size(); at += depth) {
    int64_t begin = 0;
    for (size_t d = 0; d < batch; ++d) begin += index[d] * strides[d];
    for (size_t d = 0; d < depth; ++d)
      begin += checked_index(list[at + d], x.extents()[batch + d]) * strides[batch + d];
    slices.begins.push_back(begin);
    next_position(index, tuples);
  }
  return slices;
}

std::vector<Tensor> reference_gather_nd(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor& indices = input_at(inputs, 1);
  const int64_t batch = node.attributes.integer("batch_dims", 0);
  const Slices slices = named_slices(x, indices, batch);
  Extents extents(indices.extents().begin(), indices.extents().end() - 1);
  extents.insert(extents.end(), x.extents().begin() + batch + indices.extents().back(), x.extents().end());
  std::vector<int64_t> source;
  for (const int64_t begin : slices.begins) {
    for (int64_t i = 0; i < slices.size; ++i) source.push_back(begin + i);
  }
  return {pick_elements(x, extents, source)};
}

// The data with element targets[i] replaced by, or combined with, element i of the updates.
Tensor scattered(const Node& node, const Tensor& x, const std::vector<int64_t>& targets, const Tensor& updates) {
  if (static_cast<int64_t>(targets.size()) != updates.elements())
    throw UserError("indices and updates differ in extents");
  const std::string_view reduction = node.attributes.text("reduction", "none");
  if (reduction == "none") {
    std::vector<Pick> picks;
    for (int64_t i = 0; i < x.elements(); ++i) picks.push_back({.source = 0, .index = i});
    for (size_t i = 0; i < targets.size(); ++i)
      picks[static_cast<size_t>(targets[i])] = {.source = 1, .index = static_cast<int64_t>(i)};
    const Tensor* sources[] = {&x, &updates};
    return pick_elements(sources, x.extents(), picks);
  }
  return with_number_type(x.type(), [&]<class T>(T) {
    std::vector<T> result = load<T>(x);
    const std::vector<T> values = load<T>(updates);
    for (size_t i = 0; i < targets.size(); ++i) {
      T& target = result[static_cast<size_t>(targets[i])];
      if (reduction == "add")
        target += values[i];
      else if (reduction == "mul")
        target *= values[i];
      else if (reduction == "max")
        target = std::max(target, values[i]);
      else if (reduction == "min")
        target = std::min(target, values[i]);
      else
        throw UserError("attribute 'reduction' is '" + std::string(reduction) +
                        "', expected none, add, mul, max or min");
    }
    return store<T>(x.type(), x.extents(), result);
  });
}

std::vector<Tensor> reference_scatter_elements(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const int axis = resolve_axis(node.attributes.integer("axis", 0), x.rank());
  return {scattered(node, x, positions_along_axis(x, input_at(inputs, 1), axis), input_at(inputs, 2))};
}

std::vector<Tensor> reference_scatter_nd(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Slices slices = named_slices(x, input_at(inputs, 1), 0);
  std::vector<int64_t> targets;
  for (const int64_t begin : slices.begins) {
    for (int64_t i = 0; i < slices.size; ++i) targets.push_back(begin + i);
  }
  return {scattered(node, x, targets, input_at(inputs, 2))};
}

}  // namespace

std::vector<OperatorSchema> gather_operators() {
  return {{.name = "Gather",
           .summary = "slices picked along an axis by index",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"axis", "int", "0"}},
           .infer = infer_gather,
           .reference = reference_gather,
           .moved_inputs = 1},
          {.name = "GatherElements",
           .summary = "one element per index, along an axis",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"axis", "int", "0"}},
           .infer = infer_gather_elements,
           .reference = reference_gather_elements,
           .moved_inputs = 1},
          {.name = "GatherND",
           .summary = "slices picked by tuples of coordinates",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"batch_dims", "int", "leading axes that data and indices share; 0"}},
           .infer = infer_gather_nd,
           .reference = reference_gather_nd,
           .moved_inputs = 1},
          {.name = "ScatterElements",
           .summary = "the data with elements along an axis replaced by updates",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"axis", "int", "0"}, {"reduction", "string", "none, add, mul, max or min; none"}},
           .infer = infer_scatter,
           .reference = reference_scatter_elements},
          {.name = "ScatterND",
           .summary = "the data with slices at tuples of coordinates replaced by updates",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"reduction", "string", "none, add, mul, max or min; none"}},
           .infer = infer_scatter,
           .reference = reference_scatter_nd}};
}

}  // namespace nacre::operators
