// Normalisation on libtorch. Batch norm uses batch statistics and updates the running ones in place when training; this is
// the plain form, used where nn/fused_norm.hpp does not apply.
#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

TorchKernel make_batch_normalization(const NodeContext& context) {
  if (context.output_count() > 1)
    context.fail("running statistics as outputs of BatchNormalization cannot be computed by the torch executor");
  const double epsilon = context.attributes().real("epsilon", 1e-5F);
  // ONNX's momentum weighs the old statistic, libtorch's the new one.
  const double momentum = 1.0 - static_cast<double>(context.attributes().real("momentum", 0.9F));
  return [=](NodeRun& run) {
    const bool training = run.mode().training;
    const bool update = training && run.mode().update_statistics;
    const at::Tensor mean = !training || update ? run.in(3) : at::Tensor();
    const at::Tensor variance = !training || update ? run.in(4) : at::Tensor();
    run.out(0, at::batch_norm(run.in(0), run.in(1), run.in(2), mean, variance, training, momentum, epsilon,
                              at::globalContext().userEnabledCuDNN()));
  };
}

TorchKernel make_layer_normalization(const NodeContext& context) {
  if (context.output_count() > 1)
    context.fail("statistics as outputs of LayerNormalization cannot be computed by the torch executor");
  const double epsilon = context.attributes().real("epsilon", 1e-5F);
  const int64_t axis = context.attributes().integer("axis", -1);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const int64_t first = axis < 0 ? axis + x.dim() : axis;
    const at::IntArrayRef extents = x.sizes().slice(static_cast<size_t>(first));
    // Scale and shift may broadcast to the normalised axes.
    const bool exact = run.in(1).sizes() == extents && (!run.has(2) || run.in(2).sizes() == extents);
    if (exact) return run.out(0, at::layer_norm(x, extents, run.in(1), run.optional_in(2), epsilon));
    at::Tensor y = at::layer_norm(x, extents, {}, {}, epsilon) * run.in(1);
    run.out(0, run.has(2) ? y + run.in(2) : y);
  };
}

TorchKernel make_instance_normalization(const NodeContext& context) {
  const double epsilon = context.attributes().real("epsilon", 1e-5F);
  return [=](NodeRun& run) {
    run.out(0,
            at::instance_norm(run.in(0), run.in(1), run.in(2), {}, {}, /*use_input_stats=*/true, 0.1, epsilon, false));
  };
}

TorchKernel make_group_normalization(const NodeContext& context) {
  const double epsilon = context.attributes().real("epsilon", 1e-5F);
  const int64_t groups = context.attributes().integer("num_groups", 0);
  if (groups < 1) context.fail("attribute 'num_groups' is " + std::to_string(groups) + ", expected at least 1");
  return [=](NodeRun& run) { run.out(0, at::group_norm(run.in(0), groups, run.in(1), run.in(2), epsilon, false)); };
}

}  // namespace

std::vector<TorchOperator> normalization_operators() {
  return {{.name = "BatchNormalization", .make = make_batch_normalization},
          {.name = "LayerNormalization", .precision = Precision::wide, .make = make_layer_normalization},
          {.name = "InstanceNormalization", .precision = Precision::wide, .make = make_instance_normalization},
          {.name = "GroupNormalization", .precision = Precision::wide, .make = make_group_normalization}};
}

}  // namespace nacre::torch_operators
