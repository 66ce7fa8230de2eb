// Functions of one tensor, element by element, on libtorch.
#include <limits>

#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

TorchKernel make_leaky_relu(const NodeContext& context) {
  const double alpha = context.attributes().real("alpha", 0.01F);
  return [=](NodeRun& run) { run.out(0, at::leaky_relu(run.in(0), alpha)); };
}

TorchKernel make_prelu(const NodeContext&) {
  // The slope broadcasts like any operand, which libtorch's own prelu does not allow.
  return [](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    run.out(0, at::relu(x) - at::relu(at::neg(x)) * run.in(1).to(x.scalar_type()));
  };
}

TorchKernel make_elu(const NodeContext& context) {
  const double alpha = context.attributes().real("alpha", 1.0F);
  return [=](NodeRun& run) { run.out(0, at::elu(run.in(0), alpha)); };
}

TorchKernel make_selu(const NodeContext& context) {
  const double alpha = context.attributes().real("alpha", 1.67326319217681884765625F);
  const double gamma = context.attributes().real("gamma", 1.05070102214813232421875F);
  return [=](NodeRun& run) { run.out(0, at::elu(run.in(0), alpha, gamma)); };
}

TorchKernel make_celu(const NodeContext& context) {
  const double alpha = context.attributes().real("alpha", 1.0F);
  return [=](NodeRun& run) { run.out(0, at::celu(run.in(0), alpha)); };
}

TorchKernel make_clip(const NodeContext& context) {
  const auto constant_or_absent = [&](size_t i) {
    return !context.has_input(i) || context.constant_input(i) != nullptr;
  };
  if (!constant_or_absent(1) || !constant_or_absent(2)) {  // computed bounds
    return [](NodeRun& run) {
      at::Tensor y = run.in(0);
      if (run.has(1)) y = at::maximum(y, run.in(1).to(y.options()));
      if (run.has(2)) y = at::minimum(y, run.in(2).to(y.options()));
      run.out(0, y);
    };
  }
  const bool floating = is_floating(context.input_type(0));
  const auto bound = [&](size_t i) {
    const std::vector<double> numbers = context.constant_numbers(i);
    const double number = numbers.empty() ? 0 : numbers[0];
    return floating ? at::Scalar(number) : at::Scalar(static_cast<int64_t>(number));
  };
  const bool has_low = context.has_input(1), has_high = context.has_input(2);
  const at::Scalar low = bound(1), high = bound(2);
  if (has_low && has_high && floating) {
    // hardtanh's gradient is 0 at both bounds, as that of a rectifier at 0.
    return [=](NodeRun& run) { run.out(0, at::hardtanh(run.in(0), low, high)); };
  }
  return [=](NodeRun& run) {
    at::Tensor y = run.in(0);
    if (has_low) y = at::clamp_min(y, low);
    if (has_high) y = at::clamp_max(y, high);
    run.out(0, y);
  };
}

TorchKernel make_hard_sigmoid(const NodeContext& context) {
  const double alpha = context.attributes().real("alpha", 0.2F);
  const double beta = context.attributes().real("beta", 0.5F);
  if (std::abs(alpha - 1.0 / 6) < 1e-6 && beta == 0.5)
    return [](NodeRun& run) { run.out(0, at::hardsigmoid(run.in(0))); };
  return [=](NodeRun& run) { run.out(0, at::hardtanh(run.in(0) * alpha + beta, 0.0, 1.0)); };
}

TorchKernel make_gelu(const NodeContext& context) {
  const bool by_tanh = context.attributes().text("approximate", "none") == "tanh";
  return [=](NodeRun& run) { run.out(0, at::gelu(run.in(0), by_tanh ? "tanh" : "none")); };
}

TorchKernel make_thresholded_relu(const NodeContext& context) {
  const double alpha = context.attributes().real("alpha", 1.0F);
  return [=](NodeRun& run) { run.out(0, at::threshold(run.in(0), alpha, 0)); };
}

TorchKernel make_shrink(const NodeContext& context) {
  const double bias = context.attributes().real("bias", 0), lambda = context.attributes().real("lambd", 0.5F);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const at::Tensor zero = at::zeros_like(x);
    run.out(0, at::where(x < -lambda, x + bias, at::where(x > lambda, x - bias, zero)));
  };
}

at::Tensor softplus(const at::Tensor& x) { return at::softplus(x, 1, /*threshold=*/30); }
at::Tensor softsign(const at::Tensor& x) { return x / (at::abs(x) + 1); }

}  // namespace

std::vector<TorchOperator> activation_operators() {
  return {{.name = "Relu", .make = make_unary<at::relu>},
          {.name = "LeakyRelu", .make = make_leaky_relu},
          {.name = "PRelu", .make = make_prelu},
          {.name = "Elu", .make = make_elu},
          {.name = "Selu", .make = make_selu},
          {.name = "Celu", .make = make_celu},
          {.name = "Clip", .make = make_clip, .constant_inputs = {1, 2}},
          {.name = "Sigmoid", .make = make_unary<at::sigmoid>},
          {.name = "HardSigmoid", .make = make_hard_sigmoid},
          {.name = "HardSwish", .make = make_unary<at::hardswish>},
          {.name = "Mish", .make = make_unary<at::mish>},
          {.name = "Tanh", .make = make_unary<at::tanh>},
          {.name = "Gelu", .make = make_gelu},
          {.name = "Softplus", .precision = Precision::wide, .make = make_unary<softplus>},
          {.name = "Softsign", .make = make_unary<softsign>},
          {.name = "Shrink", .make = make_shrink},
          {.name = "ThresholdedRelu", .make = make_thresholded_relu},
          {.name = "Erf", .make = make_unary<at::erf>},
          {.name = "Exp", .precision = Precision::wide, .make = make_unary<at::exp>},
          {.name = "Log", .precision = Precision::wide, .make = make_unary<at::log>},
          {.name = "Sqrt", .precision = Precision::wide, .make = make_unary<at::sqrt>},
          {.name = "Reciprocal", .precision = Precision::wide, .make = make_unary<at::reciprocal>},
          {.name = "Neg", .make = make_unary<at::neg>},
          {.name = "Abs", .make = make_unary<at::abs>},
          {.name = "Sign", .make = make_unary<at::sign>},
          {.name = "Floor", .make = make_unary<at::floor>},
          {.name = "Ceil", .make = make_unary<at::ceil>},
          {.name = "Round", .make = make_unary<at::round>},
          {.name = "Sin", .make = make_unary<at::sin>},
          {.name = "Cos", .make = make_unary<at::cos>},
          {.name = "Tan", .make = make_unary<at::tan>},
          {.name = "Asin", .make = make_unary<at::asin>},
          {.name = "Acos", .make = make_unary<at::acos>},
          {.name = "Atan", .make = make_unary<at::atan>},
          {.name = "Sinh", .make = make_unary<at::sinh>},
          {.name = "Cosh", .make = make_unary<at::cosh>},
          {.name = "Asinh", .make = make_unary<at::asinh>},
          {.name = "Acosh", .make = make_unary<at::acosh>},
          {.name = "Atanh", .make = make_unary<at::atanh>}};
}

}  // namespace nacre::torch_operators
