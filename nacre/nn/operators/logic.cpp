// Comparisons and connectives on libtorch.
#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

using BinaryFunction = at::Tensor (*)(const at::Tensor&, const at::Tensor&);

template <BinaryFunction F>
TorchKernel make_pairwise(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, F(run.in(0), run.in(1))); };
}

at::Tensor equal(const at::Tensor& a, const at::Tensor& b) { return at::eq(a, b); }
at::Tensor greater(const at::Tensor& a, const at::Tensor& b) { return at::gt(a, b); }
at::Tensor less(const at::Tensor& a, const at::Tensor& b) { return at::lt(a, b); }
at::Tensor greater_or_equal(const at::Tensor& a, const at::Tensor& b) { return at::ge(a, b); }
at::Tensor less_or_equal(const at::Tensor& a, const at::Tensor& b) { return at::le(a, b); }

TorchKernel make_where(const NodeContext&) {
  return [](NodeRun& run) {
    const at::ScalarType type = at::result_type(run.in(1), run.in(2));
    run.out(0, at::where(run.in(0), run.in(1).to(type), run.in(2).to(type)));
  };
}

TorchKernel make_is_inf(const NodeContext& context) {
  const bool negative = context.attributes().integer("detect_negative", 1) != 0;
  const bool positive = context.attributes().integer("detect_positive", 1) != 0;
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    if (negative && positive) return run.out(0, at::isinf(x));
    if (positive) return run.out(0, at::isposinf(x));
    if (negative) return run.out(0, at::isneginf(x));
    run.out(0, at::zeros_like(x, x.options().dtype(at::kBool)));
  };
}

TorchKernel make_bit_shift(const NodeContext& context) {
  const bool left = context.attributes().text("direction", "LEFT") == "LEFT";
  return [=](NodeRun& run) {
    run.out(0, left ? at::bitwise_left_shift(run.in(0), run.in(1)) : at::bitwise_right_shift(run.in(0), run.in(1)));
  };
}

}  // namespace

std::vector<TorchOperator> logic_operators() {
  return {{.name = "Equal", .make = make_pairwise<equal>},
          {.name = "Greater", .make = make_pairwise<greater>},
          {.name = "Less", .make = make_pairwise<less>},
          {.name = "GreaterOrEqual", .make = make_pairwise<greater_or_equal>},
          {.name = "LessOrEqual", .make = make_pairwise<less_or_equal>},
          {.name = "And", .make = make_pairwise<at::logical_and>},
          {.name = "Or", .make = make_pairwise<at::logical_or>},
          {.name = "Xor", .make = make_pairwise<at::logical_xor>},
          {.name = "Not", .make = make_unary<at::logical_not>},
          {.name = "Where", .make = make_where},
          {.name = "IsNaN", .make = make_unary<at::isnan>},
          {.name = "IsInf", .make = make_is_inf},
          {.name = "BitwiseAnd", .make = make_pairwise<at::bitwise_and>},
          {.name = "BitwiseOr", .make = make_pairwise<at::bitwise_or>},
          {.name = "BitwiseXor", .make = make_pairwise<at::bitwise_xor>},
          {.name = "BitwiseNot", .make = make_unary<at::bitwise_not>},
          {.name = "BitShift", .make = make_bit_shift}};
}

}  // namespace nacre::torch_operators
