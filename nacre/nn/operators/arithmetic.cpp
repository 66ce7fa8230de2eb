// Arithmetic of two or more tensors with broadcasting, on libtorch.
#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

at::Tensor add(const at::Tensor& a, const at::Tensor& b) { return at::add(a, b); }
at::Tensor sub(const at::Tensor& a, const at::Tensor& b) { return at::sub(a, b); }
at::Tensor mul(const at::Tensor& a, const at::Tensor& b) { return at::mul(a, b); }
at::Tensor minimum(const at::Tensor& a, const at::Tensor& b) { return at::minimum(a, b); }
at::Tensor maximum(const at::Tensor& a, const at::Tensor& b) { return at::maximum(a, b); }

at::Tensor divide(const at::Tensor& a, const at::Tensor& b) {
  const bool floating = at::isFloatingType(a.scalar_type()) || at::isFloatingType(b.scalar_type());
  return floating ? at::div(a, b) : at::div(a, b, "trunc");
}

// The result has the type of the base.
at::Tensor power(const at::Tensor& a, const at::Tensor& b) { return at::pow(a, b).to(a.scalar_type()); }

template <at::Tensor (*F)(const at::Tensor&, const at::Tensor&)>
TorchKernel make_binary(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, F(run.in(0), run.in(1))); };
}

template <at::Tensor (*F)(const at::Tensor&, const at::Tensor&)>
TorchKernel make_variadic(const NodeContext&) {
  return [](NodeRun& run) {
    at::Tensor result = run.in(0);
    for (size_t i = 1; i < run.input_count(); ++i) result = F(result, run.in(i));
    run.out(0, result);
  };
}

TorchKernel make_mean(const NodeContext&) {
  return [](NodeRun& run) {
    at::Tensor sum = run.in(0);
    for (size_t i = 1; i < run.input_count(); ++i) sum = sum + run.in(i);
    run.out(0, sum / static_cast<double>(run.input_count()));
  };
}

TorchKernel make_pow(const NodeContext& context) {
  // A constant exponent of one element has its own, faster kernels in libtorch (x^2, sqrt).
  const Tensor* exponent = context.constant_input(1);
  if (exponent != nullptr && exponent->elements() == 1 && is_floating(context.input_type(0))) {
    const double value = exponent->number_at(0);
    return [=](NodeRun& run) { run.out(0, at::pow(run.in(0), value)); };
  }
  return make_binary<power>(context);
}

TorchKernel make_mod(const NodeContext& context) {
  if (context.attributes().integer("fmod", 0) != 0) {
    return [](NodeRun& run) { run.out(0, at::fmod(run.in(0), run.in(1))); };
  }
  return [](NodeRun& run) { run.out(0, at::remainder(run.in(0), run.in(1))); };
}

}  // namespace

std::vector<TorchOperator> arithmetic_operators() {
  return {{.name = "Add", .make = make_binary<add>},
          {.name = "Sub", .make = make_binary<sub>},
          {.name = "Mul", .make = make_binary<mul>},
          {.name = "Div", .make = make_binary<divide>},
          {.name = "Mod", .make = make_mod},
          {.name = "Pow", .precision = Precision::wide, .make = make_pow},
          {.name = "Min", .make = make_variadic<minimum>},
          {.name = "Max", .make = make_variadic<maximum>},
          {.name = "Sum", .make = make_variadic<add>},
          {.name = "Mean", .make = make_mean}};
}

}  // namespace nacre::torch_operators
