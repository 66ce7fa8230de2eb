// Arithmetic of two or more tensors with broadcasting.
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

// The exponent may have a type of its own.
void infer_pow(InferenceContext& context) { context.set_output(0, context.input_type(0), broadcast_inputs(context)); }

OperatorCost cost_variadic(const Graph& graph, const Node& node) {
  const auto operations = std::max<int64_t>(1, static_cast<int64_t>(node.inputs.size()) - 1);
  return {.macs = 0, .flops = saturating_multiply(operations, output_elements(graph, node))};
}

OperatorCost cost_mean(const Graph& graph, const Node& node) {
  return {.macs = 0, .flops = saturating_multiply(static_cast<int64_t>(node.inputs.size()), output_elements(graph, node))};
}

OperatorSchema binary(const char* name, const char* summary, std::vector<AttributeSchema> attributes = {}) {
  return {.name = name,
          .summary = summary,
          .minimum_inputs = 2,
          .maximum_inputs = 2,
          .attributes = std::move(attributes),
          .infer = infer_broadcast,
          .cost = cost_per_output<1>,
          .elementwise = true};
}

OperatorSchema variadic(const char* name, const char* summary) {
  return {.name = name,
          .summary = summary,
          .minimum_inputs = 1,
          .maximum_inputs = kVariadic,
          .infer = infer_broadcast,
          .cost = cost_variadic,
          .elementwise = true};
}

}  // namespace

std::vector<OperatorSchema> arithmetic_operators() {
  std::vector<OperatorSchema> all = {binary("Add", "a + b"), binary("Sub", "a - b"), binary("Mul", "a b"),
                                     binary("Div", "a / b; of integers toward zero"),
                                     binary("Mod", "remainder with the sign of b, or of a with fmod", {{"fmod", "int", "1: C's fmod; 0"}})};
  OperatorSchema pow = binary("Pow", "a to the b");
  pow.infer = infer_pow;
  all.push_back(std::move(pow));
  all.push_back(variadic("Min", "smallest of all inputs"));
  all.push_back(variadic("Max", "largest of all inputs"));
  all.push_back(variadic("Sum", "sum of all inputs"));
  OperatorSchema mean = variadic("Mean", "mean of all inputs");
  mean.cost = cost_mean;
  all.push_back(std::move(mean));
  return all;
}

}  // namespace nacre::operators
