// Activations and other functions of one element: Relu to Gelu, and the unary mathematics.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "nacre/ir/operators/elements.hpp"
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
    context.fail("slope " + context.graph().shape_text(*slope) + " does not broadcast to " +
                 context.graph().shape_text(*x));
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

// --- reference ----------------------------------------------------------------------------------------------------

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
constexpr auto kRectified = [](auto x) { return x < 0 ? decltype(x){0} : x; };
constexpr auto kMagnitude = [](auto x) { return x < 0 ? -x : x; };
constexpr auto kSign = [](auto x) { return decltype(x)(x > 0 ? 1 : x < 0 ? -1 : 0); };
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// A kernel of one function of one number, without attributes.
template <auto Function>
std::vector<Tensor> reference_of(const Node&, Inputs inputs) {
  return map_elements<double>(input_at(inputs, 0), [](double x) { return Function(x); });
}

// The same where integers are allowed, too.
template <auto Function>
std::vector<Tensor> reference_of_any(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  return with_number_type(x.type(),
                          [&]<class T>(T) { return map_elements<T>(x, [](T number) { return Function(number); }); });
}

std::vector<Tensor> reference_leaky_relu(const Node& node, Inputs inputs) {
  const double alpha = node.attributes.real("alpha", 0.01F);
  return map_elements<double>(input_at(inputs, 0), [=](double x) { return x >= 0 ? x : alpha * x; });
}

std::vector<Tensor> reference_prelu(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  return with_number_type(x.type(), [&]<class T>(T) {
    return std::vector<Tensor>{
        combine<T>(x, input_at(inputs, 1), x.type(), [](T a, T slope) { return a < 0 ? slope * a : a; })};
  });
}

std::vector<Tensor> reference_elu(const Node& node, Inputs inputs) {
  const double alpha = node.attributes.real("alpha", 1.0F);
  return map_elements<double>(input_at(inputs, 0), [=](double x) { return x >= 0 ? x : alpha * std::expm1(x); });
}

std::vector<Tensor> reference_selu(const Node& node, Inputs inputs) {
  const double alpha = node.attributes.real("alpha", 1.67326319217681884765625F);
  const double gamma = node.attributes.real("gamma", 1.05070102214813232421875F);
  return map_elements<double>(input_at(inputs, 0),
                              [=](double x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
}

std::vector<Tensor> reference_celu(const Node& node, Inputs inputs) {
  const double alpha = node.attributes.real("alpha", 1.0F);
  return map_elements<double>(
      input_at(inputs, 0), [=](double x) { return std::max(0.0, x) + std::min(0.0, alpha * std::expm1(x / alpha)); });
}

std::vector<Tensor> reference_clip(const Node&, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor* low = optional_input(inputs, 1);
  const Tensor* high = optional_input(inputs, 2);
  return with_number_type(x.type(), [&]<class T>(T) {
    const auto bound = [](const Tensor* tensor) {
      if (tensor == nullptr) return std::optional<T>();
      if (tensor->elements() != 1)
        throw UserError("a bound of " + std::to_string(tensor->elements()) + " elements, expected 1");
      return std::optional<T>(load<T>(*tensor)[0]);
    };
    const std::optional<T> minimum = bound(low);
    const std::optional<T> maximum = bound(high);
    return map_elements<T>(x, [&](T number) {
      if (minimum.has_value() && number < *minimum) number = *minimum;
      return maximum.has_value() && number > *maximum ? *maximum : number;
    });
  });
}

std::vector<Tensor> reference_hard_sigmoid(const Node& node, Inputs inputs) {
  const double alpha = node.attributes.real("alpha", 0.2F);
  const double beta = node.attributes.real("beta", 0.5F);
  return map_elements<double>(input_at(inputs, 0),
                              [=](double x) { return std::max(0.0, std::min(1.0, alpha * x + beta)); });
}

std::vector<Tensor> reference_gelu(const Node& node, Inputs inputs) {
  const std::string_view approximate = node.attributes.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    throw UserError("attribute 'approximate' is '" + std::string(approximate) + "', expected none or tanh");
  const bool by_tanh = approximate == "tanh";
  const double scale = std::sqrt(2.0 / std::numbers::pi);
  return map_elements<double>(input_at(inputs, 0), [=](double x) {
    return by_tanh ? 0.5 * x * (1.0 + std::tanh(scale * (x + 0.044715 * x * x * x)))
                   : 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
  });
}

std::vector<Tensor> reference_shrink(const Node& node, Inputs inputs) {
  const double bias = node.attributes.real("bias", 0), lambda = node.attributes.real("lambd", 0.5F);
  return map_elements<double>(input_at(inputs, 0), [=](double x) {
    return x < -lambda ? x + bias : x > lambda ? x - bias : 0.0;
  });
}

std::vector<Tensor> reference_thresholded_relu(const Node& node, Inputs inputs) {
  const double alpha = node.attributes.real("alpha", 1.0F);
  return map_elements<double>(input_at(inputs, 0), [=](double x) { return x > alpha ? x : 0.0; });
}

// `work`: operations per element by the field's habit: 1 for a comparison, more where an exponential is taken.
OperatorSchema unary(const char* name, const char* summary, int work, ReferenceKernel reference,
                     std::vector<AttributeSchema> attributes = {}) {
  constexpr OperatorCost (*kCosts[])(const Graph&, const Node&) = {
      cost_per_output<1>, cost_per_output<2>, cost_per_output<3>, cost_per_output<4>, cost_per_output<5>};
  return {.name = name,
          .summary = summary,
          .attributes = std::move(attributes),
          .infer = infer_floating,
          .cost = kCosts[work - 1],
          .reference = reference,
          .elementwise = true};
}

// Of integers, too.
OperatorSchema unary_of_any(const char* name, const char* summary, ReferenceKernel reference) {
  OperatorSchema schema = unary(name, summary, 1, reference);
  schema.infer = infer_same_as_input;
  return schema;
}

std::vector<OperatorSchema> activations() {
  return {unary_of_any("Relu", "max(0, x)", reference_of_any<kRectified>),
          unary("LeakyRelu", "x where x >= 0, alpha x elsewhere", 2, reference_leaky_relu,
                {{"alpha", "float", "slope below 0; 0.01"}}),
          {.name = "PRelu",
           .summary = "x where x >= 0, slope x elsewhere; slope broadcasts to x",
           .minimum_inputs = 2,
           .maximum_inputs = 2,
           .infer = infer_prelu,
           .cost = cost_per_output<2>,
           .reference = reference_prelu,
           .elementwise = true},
          unary("Elu", "x where x >= 0, alpha (exp(x) - 1) elsewhere", 3, reference_elu, {{"alpha", "float", "1"}}),
          unary("Selu", "gamma (x where x > 0, alpha (exp(x) - 1) elsewhere)", 4, reference_selu,
                {{"alpha", "float", "1.67326"}, {"gamma", "float", "1.0507"}}),
          unary("Celu", "max(0, x) + min(0, alpha (exp(x / alpha) - 1))", 5, reference_celu, {{"alpha", "float", "1"}}),
          {.name = "Clip",
           .summary = "min(max(x, minimum), maximum); both bounds are optional",
           .maximum_inputs = 3,
           .infer = infer_clip,
           .cost = cost_per_output<2>,
           .reference = reference_clip,
           .elementwise = true},
          unary("Sigmoid", "1 / (1 + exp(-x))", 4, reference_of<sigmoid>),
          unary("HardSigmoid", "max(0, min(1, alpha x + beta))", 4, reference_hard_sigmoid,
                {{"alpha", "float", "0.2"}, {"beta", "float", "0.5"}}),
          unary("HardSwish", "x max(0, min(1, x / 6 + 1/2))", 5,
                reference_of<[](double x) { return x * std::clamp(x / 6.0 + 0.5, 0.0, 1.0); }>),
          unary("Mish", "x tanh(softplus(x))", 5, reference_of<[](double x) { return x * std::tanh(softplus(x)); }>),
          unary("Tanh", "hyperbolic tangent", 4, reference_of<[](double x) { return std::tanh(x); }>),
          unary("Gelu", "x Phi(x), exactly or by tanh", 5, reference_gelu,
                {{"approximate", "string", "none or tanh; none"}}),
          unary("Softplus", "log(1 + exp(x))", 3, reference_of<softplus>),
          unary("Softsign", "x / (1 + |x|)", 3, reference_of<[](double x) { return x / (1.0 + std::abs(x)); }>),
          unary("Shrink", "x - bias above lambd, x + bias below -lambd, 0 between", 2, reference_shrink,
                {{"bias", "float", "0"}, {"lambd", "float", "0.5"}}),
          unary("ThresholdedRelu", "x where x > alpha, 0 elsewhere", 1, reference_thresholded_relu,
                {{"alpha", "float", "1"}})};
}

std::vector<OperatorSchema> functions_of_one_number() {
  return {
      unary("Erf", "error function", 4, reference_of<[](double x) { return std::erf(x); }>),
      unary("Exp", "e to the x", 1, reference_of<[](double x) { return std::exp(x); }>),
      unary("Log", "natural logarithm", 1, reference_of<[](double x) { return std::log(x); }>),
      unary("Sqrt", "square root", 1, reference_of<[](double x) { return std::sqrt(x); }>),
      unary("Reciprocal", "1 / x", 1, reference_of<[](double x) { return 1.0 / x; }>),
      unary_of_any("Neg", "-x", reference_of_any<[](auto x) { return -x; }>),
      unary_of_any("Abs", "|x|", reference_of_any<kMagnitude>),
      unary_of_any("Sign", "-1, 0 or 1", reference_of_any<kSign>),
      unary("Floor", "largest integer not above x", 1, reference_of<[](double x) { return std::floor(x); }>),
      unary("Ceil", "smallest integer not below x", 1, reference_of<[](double x) { return std::ceil(x); }>),
      unary("Round", "nearest integer, halves to even", 1, reference_of<[](double x) { return std::nearbyint(x); }>),
      unary("Sin", "sine", 1, reference_of<[](double x) { return std::sin(x); }>),
      unary("Cos", "cosine", 1, reference_of<[](double x) { return std::cos(x); }>),
      unary("Tan", "tangent", 1, reference_of<[](double x) { return std::tan(x); }>),
      unary("Asin", "inverse sine", 1, reference_of<[](double x) { return std::asin(x); }>),
      unary("Acos", "inverse cosine", 1, reference_of<[](double x) { return std::acos(x); }>),
      unary("Atan", "inverse tangent", 1, reference_of<[](double x) { return std::atan(x); }>),
      unary("Sinh", "hyperbolic sine", 1, reference_of<[](double x) { return std::sinh(x); }>),
      unary("Cosh", "hyperbolic cosine", 1, reference_of<[](double x) { return std::cosh(x); }>),
      unary("Asinh", "inverse hyperbolic sine", 1, reference_of<[](double x) { return std::asinh(x); }>),
      unary("Acosh", "inverse hyperbolic cosine", 1, reference_of<[](double x) { return std::acosh(x); }>),
      unary("Atanh", "inverse hyperbolic tangent", 1, reference_of<[](double x) { return std::atanh(x); }>)};
}

}  // namespace

std::vector<OperatorSchema> activation_operators() {
  std::vector<OperatorSchema> all = activations();
  for (OperatorSchema& schema : functions_of_one_number()) all.push_back(std::move(schema));
  return all;
}

}  // namespace nacre::operators
