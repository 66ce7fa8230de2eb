// Order along an axis: positions of extremes, the k largest, running sums.
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_arg_extreme(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) return context.set_output(0, ElementType::int64, std::nullopt);
  const int axis = resolve_axis(context.attributes().integer("axis", 0), x->rank());
  Shape result;
  for (int i = 0; i < x->rank(); ++i) {
    if (i != axis) result.push_back((*x)[i]);
    else if (context.attributes().integer("keepdims", 1) != 0) result.push_back(Dim(1));
  }
  context.set_output(0, ElementType::int64, result);
}

void infer_top_k(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) {
    context.set_output(0, context.input_type(0), std::nullopt);
    return context.set_output(1, ElementType::int64, std::nullopt);
  }
  const int axis = resolve_axis(context.attributes().integer("axis", -1), x->rank());
  const std::optional<std::vector<int64_t>> k = context.known_integers(1);
  Shape result = *x;
  result[axis] = Dim();
  if (k.has_value()) {
    if (k->size() != 1 || (*k)[0] < 0) context.fail("k must be one number of at least 0");
    if ((*x)[axis].is_fixed() && (*k)[0] > (*x)[axis].extent()) {
      context.fail("k is " + std::to_string((*k)[0]) + ", the axis has " + std::to_string((*x)[axis].extent()) + " elements");
    }
    result[axis] = Dim((*k)[0]);
  }
  context.set_output(0, context.input_type(0), result);
  context.set_output(1, ElementType::int64, result);
}

std::vector<AttributeSchema> extreme_attributes() {
  return {{"axis", "int", "the axis searched; 0"},
          {"keepdims", "int", "1 keeps the axis as 1; 1"},
          {"select_last_index", "int", "1 returns the last of equal extremes; 0"}};
}

}  // namespace

std::vector<OperatorSchema> ordering_operators() {
  return {{.name = "ArgMax", .summary = "index of the largest element along an axis", .attributes = extreme_attributes(), .infer = infer_arg_extreme, .cost = cost_per_input<1>},
          {.name = "ArgMin", .summary = "index of the smallest element along an axis", .attributes = extreme_attributes(), .infer = infer_arg_extreme, .cost = cost_per_input<1>},
          {.name = "TopK",
           .summary = "the K largest elements along an axis, and their indices",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .maximum_outputs = 2,
           .attributes = {{"axis", "int", "-1"}, {"largest", "int", "0 takes the smallest; 1"}, {"sorted", "int", "1 returns them in order; 1"}},
           .infer = infer_top_k,
           .cost = cost_per_input<1>},
          {.name = "CumSum",
           .summary = "running sum along an axis",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .attributes = {{"exclusive", "int", "1 leaves out the element itself; 0"}, {"reverse", "int", "1 runs from the end; 0"}},
           .infer = infer_same_as_input,
           .cost = cost_per_output<1>}};
}

}  // namespace nacre::operators
