// Matrix products on libtorch.
#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

TorchKernel make_gemm(const NodeContext& context) {
  const double alpha = context.attributes().real("alpha", 1.0F);
  const double beta = context.attributes().real("beta", 1.0F);
  const bool transpose_a = context.attributes().integer("transA", 0) != 0;
  const bool transpose_b = context.attributes().integer("transB", 0) != 0;
  if (!transpose_a && alpha == 1 && beta == 1) {
    return [=](NodeRun& run) {
      const at::Tensor b = transpose_b ? run.in(1) : run.in(1).t();
      if (run.has(2) && run.in(2).dim() != 1) return run.out(0, at::linear(run.in(0), b) + run.in(2));
      run.out(0, at::linear(run.in(0), b, run.optional_in(2)));
    };
  }
  return [=](NodeRun& run) {
    at::Tensor y = at::matmul(transpose_a ? run.in(0).t() : run.in(0), transpose_b ? run.in(1).t() : run.in(1));
    if (alpha != 1) y = y * alpha;
    if (run.has(2)) y = at::add(y, run.in(2), beta);
    run.out(0, y);
  };
}

TorchKernel make_einsum(const NodeContext& context) {
  const std::string equation(context.attributes().text("equation", ""));
  return
      [=](NodeRun& run) { run.out(0, at::einsum(equation, at::TensorList(run.inputs().data(), run.inputs().size()))); };
}

TorchKernel make_matmul(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, at::matmul(run.in(0), run.in(1))); };
}

}  // namespace

std::vector<TorchOperator> matrix_product_operators() {
  return {{.name = "Gemm", .precision = Precision::narrow, .make = make_gemm},
          {.name = "MatMul", .precision = Precision::narrow, .make = make_matmul},
          {.name = "Einsum", .precision = Precision::narrow, .make = make_einsum}};
}

}  // namespace nacre::torch_operators
