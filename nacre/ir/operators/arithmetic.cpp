// Arithmetic of two or more tensors with broadcasting.
#include <algorithm>
#include <cmath>

#include "nacre/ir/operators/elements.hpp"
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
  return {.macs = 0,
          .flops = saturating_multiply(static_cast<int64_t>(node.inputs.size()), output_elements(graph, node))};
}

// --- reference ----------------------------------------------------------------------------------------------------

struct Plus {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};

struct Minus {
  template <class T>
  T operator()(T a, T b) const {
    return a - b;
  }
};

struct Times {
  template <class T>
  T operator()(T a, T b) const {
    return a * b;
  }
};

struct Over {
  double operator()(double a, double b) const { return a / b; }
  Wide operator()(Wide a, Wide b) const {
    if (b == 0) throw UserError("an integer divided by 0");
    return a / b;
  }
};

// Not a number stays so, as in numpy.
struct Smaller {
  double operator()(double a, double b) const { return std::isnan(a) || a < b ? a : b; }
  Wide operator()(Wide a, Wide b) const { return std::min(a, b); }
};

struct Larger {
  double operator()(double a, double b) const { return std::isnan(a) || a > b ? a : b; }
  Wide operator()(Wide a, Wide b) const { return std::max(a, b); }
};

template <class Function>
Tensor combined(const Tensor& a, const Tensor& b, Function function) {
  return with_number_type(a.type(), [&]<class T>(T) { return combine<T>(a, b, a.type(), function); });
}

template <class Function>
std::vector<Tensor> reference_binary(const Node&, Inputs inputs) {
  return {combined(input_at(inputs, 0), input_at(inputs, 1), Function{})};
}

// From left to right.
template <class Function>
std::vector<Tensor> reference_variadic(const Node&, Inputs inputs) {
  Tensor result = input_at(inputs, 0);
  for (size_t i = 1; i < inputs.size(); ++i) result = combined(result, input_at(inputs, i), Function{});
  return {std::move(result)};
}

std::vector<Tensor> reference_mean(const Node& node, Inputs inputs) {
  const Tensor sum = reference_variadic<Plus>(node, inputs)[0];
  const auto count = static_cast<double>(inputs.size());
  return map_elements<double>(sum, [=](double x) { return x / count; });
}

std::vector<Tensor> reference_mod(const Node& node, Inputs inputs) {
  const bool sign_of_dividend = node.attributes.integer("fmod", 0) != 0;
  const Tensor& a = input_at(inputs, 0);
  const Tensor& b = input_at(inputs, 1);
  if (is_floating(a.type())) {
    return {combine<double>(a, b, a.type(), [=](double x, double y) {
      const double rest = std::fmod(x, y);
      return sign_of_dividend || rest == 0 || (rest < 0) == (y < 0) ? rest : rest + y;
    })};
  }
  return {combine<Wide>(a, b, a.type(), [=](Wide x, Wide y) {
    if (y == 0) throw UserError("the remainder of a division by 0");
    const Wide rest = x % y;
    return sign_of_dividend || rest == 0 || (rest < 0) == (y < 0) ? rest : rest + y;
  })};
}

// Modulo 2^64, as integers of a tensor wrap; of a negative exponent only +-1 keeps anything.
Wide integer_power(Wide base, Wide exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  auto factor = static_cast<uint64_t>(base);
  uint64_t result = 1;
  for (auto rest = static_cast<uint64_t>(exponent); rest != 0; rest >>= 1) {
    if ((rest & 1U) != 0) result *= factor;
    factor *= factor;
  }
  return static_cast<int64_t>(result);
}

std::vector<Tensor> reference_pow(const Node&, Inputs inputs) {
  const Tensor& a = input_at(inputs, 0);
  const Tensor& b = input_at(inputs, 1);
  if (!is_floating(a.type()) && !is_floating(b.type())) return {combine<Wide>(a, b, a.type(), integer_power)};
  if (is_floating(a.type()))
    return {combine<double>(a, b, a.type(), [](double x, double y) { return std::pow(x, y); })};
  const Tensor real = combine<double>(a, b, ElementType::float64, [](double x, double y) { return std::pow(x, y); });
  return {store<Wide>(a.type(), real.extents(), load<Wide>(real))};  // cut toward zero
}

OperatorSchema binary(const char* name, const char* summary, ReferenceKernel reference) {
  return {.name = name,
          .summary = summary,
          .minimum_inputs = 2,
          .maximum_inputs = 2,
          .infer = infer_broadcast,
          .cost = cost_per_output<1>,
          .reference = reference,
          .elementwise = true};
}

OperatorSchema variadic(const char* name, const char* summary, ReferenceKernel reference) {
  return {.name = name,
          .summary = summary,
          .minimum_inputs = 1,
          .maximum_inputs = kVariadic,
          .infer = infer_broadcast,
          .cost = cost_variadic,
          .reference = reference,
          .elementwise = true};
}

}  // namespace

std::vector<OperatorSchema> arithmetic_operators() {
  std::vector<OperatorSchema> all = {binary("Add", "a + b", reference_binary<Plus>),
                                     binary("Sub", "a - b", reference_binary<Minus>),
                                     binary("Mul", "a b", reference_binary<Times>),
                                     binary("Div", "a / b; of integers toward zero", reference_binary<Over>)};
  OperatorSchema mod = binary("Mod", "remainder with the sign of b, or of a with fmod", reference_mod);
  mod.attributes = {{"fmod", "int", "1 gives the sign of a; 0"}};
  all.push_back(std::move(mod));
  OperatorSchema pow = binary("Pow", "a to the b", reference_pow);
  pow.infer = infer_pow;
  all.push_back(std::move(pow));
  all.push_back(variadic("Min", "smallest of all inputs", reference_variadic<Smaller>));
  all.push_back(variadic("Max", "largest of all inputs", reference_variadic<Larger>));
  all.push_back(variadic("Sum", "sum of all inputs", reference_variadic<Plus>));
  OperatorSchema mean = variadic("Mean", "mean of all inputs", reference_mean);
  mean.cost = cost_mean;
  all.push_back(std::move(mean));
  return all;
}

}  // namespace nacre::operators
