// Activations and other functions of one element: Relu to Gelu, and the unary mathematics.
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_floating(InferenceContext& context) {
  require_floating(context);
  infer_same_as_input(context);
}

void infer_prelu(InferenceContext& context) {
  require_same_type(context);
  const std::optional<Shape>& x = context.input_shape(0);
  const std::optional<Shape>& slope = context.input_shape(1);
  if (x.has_value() && slope.has_value() && broadcast_shapes(context.graph(), *x, *slope).rank() != x->rank()) {
    context.fail("slope " + context.graph().shape_text(*slope) + " does not broadcast to " + context.graph().shape_text(*x));
  }
  infer_same_as_input(context);
}

void infer_clip(InferenceContext& context) {
  require_same_type(context);
  for (int i = 1; i <= 2; ++i) {
    if (context.has_input(i)) context.ranked_input(i, 0, 1);
  }
  infer_same_as_input(context);
}

// `work`: operations per element by the field's habit: 1 for a comparison, more where an exponential is taken.
OperatorSchema unary(const char* name, const char* summary, OperatorCost (*cost)(const Graph&, const Node&),
                     std::vector<AttributeSchema> attributes = {}, bool floating = true) {
  return {.name = name,
          .summary = summary,
          .attributes = std::move(attributes),
          .infer = floating ? infer_floating : infer_same_as_input,
          .cost = cost,
          .elementwise = true};
}

}  // namespace

std::vector<OperatorSchema> activation_operators() {
  std::vector<OperatorSchema> all;
  all.push_back(unary("Relu", "max(0, x)", cost_per_output<1>, {}, false));
  all.push_back(unary("LeakyRelu", "x where x >= 0, alpha x elsewhere", cost_per_output<2>, {{"alpha", "float", "slope below 0; 0.01"}}));
  all.push_back({.name = "PRelu",
                 .summary = "x where x >= 0, slope x elsewhere; slope broadcasts to x",
                 .minimum_inputs = 2,
                 .maximum_inputs = 2,
                 .infer = infer_prelu,
                 .cost = cost_per_output<2>,
                 .elementwise = true});
  all.push_back(unary("Elu", "x where x >= 0, alpha (exp(x) - 1) elsewhere", cost_per_output<3>, {{"alpha", "float", "1"}}));
  all.push_back(unary("Selu", "gamma (x where x > 0, alpha (exp(x) - 1) elsewhere)", cost_per_output<4>,
                      {{"alpha", "float", "1.67326"}, {"gamma", "float", "1.0507"}}));
  all.push_back(unary("Celu", "max(0, x) + min(0, alpha (exp(x / alpha) - 1))", cost_per_output<5>, {{"alpha", "float", "1"}}));
  all.push_back({.name = "Clip",
                 .summary = "min(max(x, minimum), maximum); both bounds are optional",
                 .maximum_inputs = 3,
                 .infer = infer_clip,
                 .cost = cost_per_output<2>,
                 .elementwise = true});
  all.push_back(unary("Sigmoid", "1 / (1 + exp(-x))", cost_per_output<4>));
  all.push_back(unary("HardSigmoid", "max(0, min(1, alpha x + beta))", cost_per_output<4>, {{"alpha", "float", "0.2"}, {"beta", "float", "0.5"}}));
  all.push_back(unary("HardSwish", "x max(0, min(1, x / 6 + 1/2))", cost_per_output<5>));
  all.push_back(unary("Mish", "x tanh(softplus(x))", cost_per_output<5>));
  all.push_back(unary("Tanh", "hyperbolic tangent", cost_per_output<4>));
  all.push_back(unary("Gelu", "x Phi(x), exactly or by tanh", cost_per_output<5>, {{"approximate", "string", "none or tanh; none"}}));
  all.push_back(unary("Softplus", "log(1 + exp(x))", cost_per_output<3>));
  all.push_back(unary("Softsign", "x / (1 + |x|)", cost_per_output<3>));
  all.push_back(unary("ThresholdedRelu", "x where x > alpha, 0 elsewhere", cost_per_output<1>, {{"alpha", "float", "1"}}));
  all.push_back(unary("Erf", "error function", cost_per_output<4>));
  all.push_back(unary("Exp", "e to the x", cost_per_output<1>));
  all.push_back(unary("Log", "natural logarithm", cost_per_output<1>));
  all.push_back(unary("Sqrt", "square root", cost_per_output<1>));
  all.push_back(unary("Reciprocal", "1 / x", cost_per_output<1>));
  all.push_back(unary("Neg", "-x", cost_per_output<1>, {}, false));
  all.push_back(unary("Abs", "|x|", cost_per_output<1>, {}, false));
  all.push_back(unary("Sign", "-1, 0 or 1", cost_per_output<1>, {}, false));
  all.push_back(unary("Floor", "largest integer not above x", cost_per_output<1>));
  all.push_back(unary("Ceil", "smallest integer not below x", cost_per_output<1>));
  all.push_back(unary("Round", "nearest integer, halves to even", cost_per_output<1>));
  all.push_back(unary("Sin", "sine", cost_per_output<1>));
  all.push_back(unary("Cos", "cosine", cost_per_output<1>));
  all.push_back(unary("Tan", "tangent", cost_per_output<1>));
  all.push_back(unary("Atan", "inverse tangent", cost_per_output<1>));
  all.push_back(unary("Sinh", "hyperbolic sine", cost_per_output<1>));
  all.push_back(unary("Cosh", "hyperbolic cosine", cost_per_output<1>));
  return all;
}

}  // namespace nacre::operators
