// Reductions over axes. The axes are an input since opset 13 (sums) and 18 (the others); none given means all of them,
// or nothing at all with noop_with_empty_axes.
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_reduce(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 0);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const bool keep = context.attributes().integer("keepdims", 1) != 0;
  std::vector<int64_t> axes;
  if (context.has_input(1)) {
    const std::optional<std::vector<int64_t>> known = context.known_integers(1);
    if (!known.has_value()) {
      // The rank is certain only when it is kept.
      if (!keep) return context.set_output(0, context.input_type(0), std::nullopt);
      Shape result;
      for (int axis = 0; axis < x->rank(); ++axis) result.push_back(Dim());
      return context.set_output(0, context.input_type(0), result);
    }
    axes = *known;
  }
  if (axes.empty() && context.attributes().integer("noop_with_empty_axes", 0) != 0) return infer_same_as_input(context);
  uint32_t reduced = axes.empty() ? ~0U : 0U;
  for (const int axis : resolve_axes(axes, x->rank())) reduced |= 1U << axis;
  Shape result;
  for (int axis = 0; axis < x->rank(); ++axis) {
    if ((reduced >> axis & 1U) == 0) result.push_back((*x)[axis]);
    else if (keep) result.push_back(Dim(1));
  }
  context.set_output(0, context.input_type(0), result);
}

OperatorSchema reduce(const char* name, const char* summary, OperatorCost (*cost)(const Graph&, const Node&)) {
  return {.name = name,
          .summary = summary,
          .maximum_inputs = 2,
          .attributes = {{"keepdims", "int", "1 keeps reduced axes as 1; 1"},
                         {"noop_with_empty_axes", "int", "1: no axes mean no reduction; 0: all axes"}},
          .infer = infer_reduce,
          .cost = cost};
}

}  // namespace

std::vector<OperatorSchema> reduction_operators() {
  return {reduce("ReduceSum", "sum", cost_per_input<1>),
          reduce("ReduceMean", "mean", cost_per_input<1>),
          reduce("ReduceMax", "largest element", cost_per_input<1>),
          reduce("ReduceMin", "smallest element", cost_per_input<1>),
          reduce("ReduceProd", "product", cost_per_input<1>),
          reduce("ReduceL1", "sum of magnitudes", cost_per_input<2>),
          reduce("ReduceL2", "root of the sum of squares", cost_per_input<2>),
          reduce("ReduceSumSquare", "sum of squares", cost_per_input<2>),
          reduce("ReduceLogSum", "logarithm of the sum", cost_per_input<1>),
          reduce("ReduceLogSumExp", "logarithm of the sum of exponentials", cost_per_input<2>)};
}

}  // namespace nacre::operators
