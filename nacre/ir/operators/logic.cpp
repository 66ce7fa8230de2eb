// Truth: comparisons, connectives, choice by a condition.
#include <cmath>
#include <functional>

#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void require_boolean(const InferenceContext& context, int index) {
  if (context.input_type(index) != ElementType::boolean) {
    context.fail("input " + std::to_string(index) + " is " + std::string(element_type_name(context.input_type(index))) +
                 ", expected bool");
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

bool is_integer(ElementType type) {
  return !is_floating(type) && type != ElementType::boolean && type != ElementType::string;
}

void infer_bitwise(InferenceContext& context) {
  for (int i = 0; i < context.input_count(); ++i) {
    if (context.input_type(i) != ElementType::undefined && !is_integer(context.input_type(i)))
      context.fail("input " + std::to_string(i) + " is " + std::string(element_type_name(context.input_type(i))) +
                   ", expected an integer type");
  }
  infer_broadcast(context);
}

// --- reference ----------------------------------------------------------------------------------------------------

template <class Relation>
std::vector<Tensor> reference_relation(const Node&, Inputs inputs) {
  const Tensor& a = input_at(inputs, 0);
  const Tensor& b = input_at(inputs, 1);
  return with_number_type(a.type(), [&]<class T>(T) {
    return std::vector<Tensor>{
        combine<T>(a, b, ElementType::boolean, [](T x, T y) -> bool { return Relation{}(x, y); })};
  });
}

std::vector<Tensor> reference_equal(const Node& node, Inputs inputs) {
  const Tensor& a = input_at(inputs, 0);
  const Tensor& b = input_at(inputs, 1);
  if (a.type() != ElementType::string) return reference_relation<std::equal_to<>>(node, inputs);
  const Extents extents = broadcast_extents(a.extents(), b.extents());
  const std::vector<int64_t> at_a = broadcast_positions(a.extents(), extents);
  const std::vector<int64_t> at_b = broadcast_positions(b.extents(), extents);
  std::vector<Wide> equal;
  for (size_t i = 0; i < at_a.size(); ++i) {
    equal.push_back(a.strings()[static_cast<size_t>(at_a[i])] == b.strings()[static_cast<size_t>(at_b[i])] ? 1 : 0);
  }
  return {store<Wide>(ElementType::boolean, extents, equal)};
}

std::vector<Tensor> reference_not(const Node&, Inputs inputs) {
  return map_elements<Wide>(input_at(inputs, 0), [](Wide x) { return x == 0 ? 1 : 0; });
}

std::vector<Tensor> reference_where(const Node&, Inputs inputs) {
  const std::vector<Wide> condition = load<Wide>(input_at(inputs, 0));
  const Tensor* choices[] = {&input_at(inputs, 1), &input_at(inputs, 2)};
  const Extents extents =
      broadcast_extents(inputs[0]->extents(), broadcast_extents(choices[0]->extents(), choices[1]->extents()));
  const std::vector<int64_t> at_condition = broadcast_positions(inputs[0]->extents(), extents);
  const std::vector<int64_t> at_choice[] = {broadcast_positions(choices[0]->extents(), extents),
                                            broadcast_positions(choices[1]->extents(), extents)};
  std::vector<Pick> picks;
  for (size_t i = 0; i < at_condition.size(); ++i) {
    const int32_t source = condition[static_cast<size_t>(at_condition[i])] != 0 ? 0 : 1;
    picks.push_back({.source = source, .index = at_choice[source][i]});
  }
  return {pick_elements(choices, extents, picks)};
}

template <class Function>
std::vector<Tensor> reference_bitwise(const Node&, Inputs inputs) {
  const Tensor& a = input_at(inputs, 0);
  return {combine<Wide>(a, input_at(inputs, 1), a.type(), [](Wide x, Wide y) -> Wide { return Function{}(x, y); })};
}

std::vector<Tensor> reference_bitwise_not(const Node&, Inputs inputs) {
  return map_elements<Wide>(input_at(inputs, 0), [](Wide x) { return ~x; });
}

// What is shifted out is lost, as the tensor's type has it.
std::vector<Tensor> reference_bit_shift(const Node& node, Inputs inputs) {
  const std::string_view direction = node.attributes.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    throw UserError("attribute 'direction' is '" + std::string(direction) + "', expected LEFT or RIGHT");
  const Tensor& a = input_at(inputs, 0);
  return {combine<Wide>(a, input_at(inputs, 1), a.type(), [&](Wide x, Wide by) -> Wide {
    if (by < 0 || by >= 64) return 0;
    return direction == "LEFT" ? x * (Wide{1} << by) : x >> by;
  })};
}

template <class Test>
std::vector<Tensor> reference_test(const Tensor& x, Test test) {
  std::vector<Wide> result;
  for (const double number : load<double>(x)) result.push_back(test(number) ? 1 : 0);
  return {store<Wide>(ElementType::boolean, x.extents(), result)};
}

std::vector<Tensor> reference_is_nan(const Node&, Inputs inputs) {
  return reference_test(input_at(inputs, 0), [](double x) { return std::isnan(x); });
}

std::vector<Tensor> reference_is_inf(const Node& node, Inputs inputs) {
  const bool negative = node.attributes.integer("detect_negative", 1) != 0;
  const bool positive = node.attributes.integer("detect_positive", 1) != 0;
  return reference_test(input_at(inputs, 0), [=](double x) { return std::isinf(x) && (x < 0 ? negative : positive); });
}

OperatorSchema pairwise(const char* name, const char* summary, void (*infer)(InferenceContext&),
                        ReferenceKernel reference) {
  return {.name = name,
          .summary = summary,
          .minimum_inputs = 2,
          .maximum_inputs = 2,
          .infer = infer,
          .cost = cost_per_output<1>,
          .reference = reference,
          .elementwise = true};
}

OperatorSchema test_of_one(const char* name, const char* summary, void (*infer)(InferenceContext&),
                           ReferenceKernel reference) {
  OperatorSchema schema = pairwise(name, summary, infer, reference);
  schema.minimum_inputs = schema.maximum_inputs = 1;
  return schema;
}

}  // namespace

std::vector<OperatorSchema> logic_operators() {
  OperatorSchema is_inf = test_of_one("IsInf", "whether x is infinite", infer_test, reference_is_inf);
  is_inf.attributes = {{"detect_negative", "int", "1 counts -infinity; 1"},
                       {"detect_positive", "int", "1 counts +infinity; 1"}};
  OperatorSchema bit_shift = pairwise("BitShift", "bits moved left or right", infer_bitwise, reference_bit_shift);
  bit_shift.attributes = {{"direction", "string", "LEFT or RIGHT", true}};
  return {pairwise("Equal", "a = b", infer_comparison, reference_equal),
          pairwise("Greater", "a > b", infer_comparison, reference_relation<std::greater<>>),
          pairwise("Less", "a < b", infer_comparison, reference_relation<std::less<>>),
          pairwise("GreaterOrEqual", "a >= b", infer_comparison, reference_relation<std::greater_equal<>>),
          pairwise("LessOrEqual", "a <= b", infer_comparison, reference_relation<std::less_equal<>>),
          pairwise("And", "a and b", infer_connective, reference_relation<std::logical_and<>>),
          pairwise("Or", "a or b", infer_connective, reference_relation<std::logical_or<>>),
          pairwise("Xor", "either a or b", infer_connective, reference_relation<std::not_equal_to<>>),
          test_of_one("Not", "not a", infer_connective, reference_not),
          {.name = "Where",
           .summary = "X where the condition holds, Y elsewhere",
           .minimum_inputs = 3,
           .maximum_inputs = 3,
           .infer = infer_where,
           .cost = cost_per_output<1>,
           .reference = reference_where,
           .elementwise = true,
           .moved_inputs = 0b110},
          test_of_one("IsNaN", "whether x is not a number", infer_test, reference_is_nan),
          std::move(is_inf),
          pairwise("BitwiseAnd", "and of each bit", infer_bitwise, reference_bitwise<std::bit_and<>>),
          pairwise("BitwiseOr", "or of each bit", infer_bitwise, reference_bitwise<std::bit_or<>>),
          pairwise("BitwiseXor", "exclusive or of each bit", infer_bitwise, reference_bitwise<std::bit_xor<>>),
          test_of_one("BitwiseNot", "complement of each bit", infer_bitwise, reference_bitwise_not),
          std::move(bit_shift)};
}

}  // namespace nacre::operators
