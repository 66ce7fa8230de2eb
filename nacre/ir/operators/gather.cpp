// Elements picked by index: Gather, GatherElements, GatherND, and writing by index: ScatterElements, ScatterND.
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
  if (batch < 0 || batch >= std::min(x->rank(), indices->rank())) context.fail("attribute 'batch_dims' is " + std::to_string(batch));
  if (!depth.is_fixed()) return context.set_output(0, context.input_type(0), std::nullopt);
  if (depth.extent() < 1 || depth.extent() > x->rank() - batch) context.fail("indices of " + std::to_string(depth.extent()) + " coordinates");
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

}  // namespace

std::vector<OperatorSchema> gather_operators() {
  return {{.name = "Gather",
           .summary = "slices picked along an axis by index",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"axis", "int", "0"}},
           .infer = infer_gather,
           .moved_inputs = 1},
          {.name = "GatherElements",
           .summary = "one element per index, along an axis",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"axis", "int", "0"}},
           .infer = infer_gather_elements,
           .moved_inputs = 1},
          {.name = "GatherND",
           .summary = "slices picked by tuples of coordinates",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"batch_dims", "int", "leading axes that data and indices share; 0"}},
           .infer = infer_gather_nd,
           .moved_inputs = 1},
          {.name = "ScatterElements",
           .summary = "the data with elements along an axis replaced by updates",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"axis", "int", "0"}, {"reduction", "string", "none, add, mul, max or min; none"}},
           .infer = infer_scatter},
          {.name = "ScatterND",
           .summary = "the data with slices at tuples of coordinates replaced by updates",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .attributes = {{"reduction", "string", "none, add, mul, max or min; none"}},
           .infer = infer_scatter}};
}

}  // namespace nacre::operators
