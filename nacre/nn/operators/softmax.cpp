// Soft-max and its kin on libtorch.
#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

TorchKernel make_softmax(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", -1);
  return [=](NodeRun& run) { run.out(0, at::softmax(run.in(0), axis)); };
}

TorchKernel make_log_softmax(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", -1);
  return [=](NodeRun& run) { run.out(0, at::log_softmax(run.in(0), axis)); };
}

TorchKernel make_hardmax(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", -1);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    run.out(0, at::zeros_like(x).scatter_(axis, at::argmax(x.detach(), axis, /*keepdim=*/true), 1.0));
  };
}

}  // namespace

std::vector<TorchOperator> softmax_operators() {
  return {{.name = "Softmax", .precision = Precision::wide, .make = make_softmax},
          {.name = "LogSoftmax", .precision = Precision::wide, .make = make_log_softmax},
          {.name = "Hardmax", .make = make_hardmax}};
}

}  // namespace nacre::torch_operators
