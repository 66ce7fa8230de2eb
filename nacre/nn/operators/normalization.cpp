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
  const double epsilon = context.attributes().real("epsilon", 1e-5F);
  const int64_t axis = context.attributes().integer("axis", -1);
  if (context.output_count() > 1) {  // with mean and inverse deviation
    return [=](NodeRun& run) {
      const at::Tensor& x = run.in(0);
      const at::IntArrayRef extents = x.sizes().slice(static_cast<size_t>(axis < 0 ? axis + x.dim() : axis));
      const auto [y, mean, inverse] = at::native_layer_norm(x, extents, {}, {}, epsilon);
      const at::Tensor scaled = y * run.in(1);
      run.out(0, run.has(2) ? scaled + run.in(2) : scaled);
      run.out(1, mean);
      if (run.output_count() > 2) run.out(2, inverse);
    };
  }
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

// x / (bias + alpha / size * sum of squares over `size` channels around)^beta
TorchKernel make_local_response(const NodeContext& context) {
  const int64_t size = context.attributes().integer("size", 1);
  const double alpha = context.attributes().real("alpha", 1e-4F) / static_cast<double>(size);
  const double beta = context.attributes().real("beta", 0.75F), bias = context.attributes().real("bias", 1.0F);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const int64_t channels = x.size(1), before = (size - 1) / 2;
    std::vector<int64_t> border(static_cast<size_t>(2 * (x.dim() - 1)), 0);
    border[border.size() - 2] = before;
    border[border.size() - 1] = size - 1 - before;
    const at::Tensor squares = at::constant_pad_nd(x * x, border);
    at::Tensor sum = squares.narrow(1, 0, channels);
    for (int64_t i = 1; i < size; ++i) sum = sum + squares.narrow(1, i, channels);
    run.out(0, x / at::pow(sum * alpha + bias, beta));
  };
}

TorchKernel make_lp_normalization(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", -1);
  const bool squared = context.attributes().integer("p", 2) == 2;
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const at::Tensor sum = at::sum(squared ? x * x : at::abs(x), axis, /*keepdim=*/true);
    const at::Tensor safe = at::where(sum == 0, at::ones_like(sum), sum);  // a line of zeros stays so
    run.out(0, x / (squared ? at::sqrt(safe) : safe));
  };
}

TorchKernel make_mean_variance(const NodeContext& context) {
  const std::span<const int64_t> given = context.attributes().integers("axes");
  const std::vector<int64_t> axes =
      given.empty() ? std::vector<int64_t>{0, 2, 3} : std::vector<int64_t>(given.begin(), given.end());
  return [=](NodeRun& run) {
    const at::Tensor distance = run.in(0) - at::mean(run.in(0), axes, /*keepdim=*/true);
    const at::Tensor variance = at::mean(distance * distance, axes, /*keepdim=*/true);
    run.out(0, distance / (at::sqrt(variance) + 1e-9));
  };
}

}  // namespace

std::vector<TorchOperator> normalization_operators() {
  return {{.name = "BatchNormalization", .make = make_batch_normalization},
          {.name = "LayerNormalization", .precision = Precision::wide, .make = make_layer_normalization},
          {.name = "InstanceNormalization", .precision = Precision::wide, .make = make_instance_normalization},
          {.name = "GroupNormalization", .precision = Precision::wide, .make = make_group_normalization},
          {.name = "LRN", .precision = Precision::wide, .make = make_local_response},
          {.name = "LpNormalization", .precision = Precision::wide, .make = make_lp_normalization},
          {.name = "MeanVarianceNormalization", .precision = Precision::wide, .make = make_mean_variance}};
}

}  // namespace nacre::torch_operators
