// Softmax and its relatives along one axis.
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_softmax(InferenceContext& context) {
  require_floating(context);
  if (const Shape* x = context.ranked_input(0, 1)) resolve_axis(context.attributes().integer("axis", -1), x->rank());
  infer_same_as_input(context);
}

}  // namespace

std::vector<OperatorSchema> softmax_operators() {
  const std::vector<AttributeSchema> attributes = {{"axis", "int", "the axis whose elements compete; -1"}};
  return {{.name = "Softmax", .summary = "exp(x) / sum(exp(x)) along an axis", .attributes = attributes, .infer = infer_softmax, .cost = cost_per_output<5>},
          {.name = "LogSoftmax", .summary = "x - log(sum(exp(x))) along an axis", .attributes = attributes, .infer = infer_softmax, .cost = cost_per_output<5>},
          {.name = "Hardmax", .summary = "1 at the first largest element along an axis, 0 elsewhere", .attributes = attributes, .infer = infer_softmax, .cost = cost_per_output<1>}};
}

}  // namespace nacre::operators
