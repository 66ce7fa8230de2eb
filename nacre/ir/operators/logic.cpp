// Truth: comparisons, connectives, choice by a condition.
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void require_boolean(const InferenceContext& context, int index) {
  if (context.input_type(index) != ElementType::boolean) {
    context.fail("input " + std::to_string(index) + " is " + std::string(element_type_name(context.input_type(index))) + ", expected bool");
  }
}

void infer_comparison(InferenceContext& context) {
  require_same_type(context);
  context.set_output(0, ElementType::boolean, broadcast_inputs(context));
}

void infer_connective(InferenceContext& context) {
  for (int i = 0; i < context.input_count(); ++i) require_boolean(context, i);
  context.set_output(0, ElementType::boolean, broadcast_inputs(context));
}

void infer_where(InferenceContext& context) {
  require_boolean(context, 0);
  require_same_type(context, 1);
  context.set_output(0, context.input_type(1), broadcast_inputs(context));
}

void infer_test(InferenceContext& context) {
  require_floating(context);
  context.set_output(0, ElementType::boolean, context.input_shape(0));
}

OperatorSchema pairwise(const char* name, const char* summary, void (*infer)(InferenceContext&)) {
  return {.name = name,
          .summary = summary,
          .minimum_inputs = 2,
          .maximum_inputs = 2,
          .infer = infer,
          .cost = cost_per_output<1>,
          .elementwise = true};
}

}  // namespace

std::vector<OperatorSchema> logic_operators() {
  std::vector<OperatorSchema> all = {
      pairwise("Equal", "a = b", infer_comparison),
      pairwise("Greater", "a > b", infer_comparison),
      pairwise("Less", "a < b", infer_comparison),
      pairwise("GreaterOrEqual", "a >= b", infer_comparison),
      pairwise("LessOrEqual", "a <= b", infer_comparison),
      pairwise("And", "a and b", infer_connective),
      pairwise("Or", "a or b", infer_connective),
      pairwise("Xor", "either a or b", infer_connective),
  };
  all.push_back({.name = "Not", .summary = "not a", .infer = infer_connective, .cost = cost_per_output<1>, .elementwise = true});
  all.push_back({.name = "Where",
                 .summary = "X where the condition holds, Y elsewhere",
                 .minimum_inputs = 3,
                 .maximum_inputs = 3,
                 .infer = infer_where,
                 .cost = cost_per_output<1>,
                 .elementwise = true,
                 .moved_inputs = 0b110});
  all.push_back({.name = "IsNaN", .summary = "whether x is not a number", .infer = infer_test, .cost = cost_per_output<1>, .elementwise = true});
  all.push_back({.name = "IsInf",
                 .summary = "whether x is infinite",
                 .attributes = {{"detect_negative", "int", "1 counts -infinity; 1"}, {"detect_positive", "int", "1 counts +infinity; 1"}},
                 .infer = infer_test,
                 .cost = cost_per_output<1>,
                 .elementwise = true});
  return all;
}

}  // namespace nacre::operators
