// Convolutions on libtorch: Conv and ConvTranspose.
#include "nacre/nn/operators/node_context.hpp"
#include "nacre/nn/operators/torch_window.hpp"

namespace nacre::torch_operators {
namespace {

std::vector<int64_t> kernel_of(const NodeContext& context) {
  const std::vector<int64_t> weight = context.input_shape(1).extents();
  if (weight.size() < 3) context.fail("the weight has rank " + std::to_string(weight.size()) + ", expected at least 3");
  if (weight.size() > 5)
    context.fail("convolutions over more than three spatial axes cannot be run by the torch executor");
  return {weight.begin() + 2, weight.end()};
}

TorchKernel make_conv(const NodeContext& context) {
  const TorchWindow window = read_torch_window(context, kernel_of(context));
  const int64_t groups = context.attributes().integer("group", 1);
  const std::vector<int64_t> unused(window.rank(), 0);
  const auto apply = [groups, unused](const NodeRun& run, const at::Tensor& x, const TorchWindow& w,
                                      at::IntArrayRef padding) {
    return at::convolution(x, run.in(1), run.optional_in(2), w.stride, padding, w.dilation, false, unused, groups);
  };
  if (window.auto_pad == TorchWindow::AutoPad::none && window.symmetric()) {
    return [=](NodeRun& run) { run.out(0, apply(run, run.in(0), window, window.begin)); };
  }
  return [=](NodeRun& run) {
    const TorchWindow w = window.resolved(run.in(0).sizes().slice(2));
    if (w.symmetric()) return run.out(0, apply(run, run.in(0), w, w.begin));
    run.out(0, apply(run, at::constant_pad_nd(run.in(0), w.border()), w, unused));
  };
}

// ONNX cuts pads from the full result (unequal ones too) and adds output_padding at its end; output_shape fixes the extents
// and the pads follow (ConvTranspose-11).
TorchKernel make_conv_transpose(const NodeContext& context) {
  const TorchWindow window = read_torch_window(context, kernel_of(context));
  const size_t rank = window.rank();
  const int64_t groups = context.attributes().integer("group", 1);
  const std::vector<int64_t> extra = context.integers("output_padding", rank, 0);
  const std::span<const int64_t> given = context.attributes().integers("output_shape");
  const std::vector<int64_t> output_shape(given.begin(), given.end());
  const bool upper = window.auto_pad == TorchWindow::AutoPad::same_upper;
  return [=](NodeRun& run) {
    TorchWindow w = window;
    const at::IntArrayRef spatial = run.in(0).sizes().slice(2);
    std::vector<int64_t> extents(rank);
    for (size_t i = 0; i < rank; ++i) {
      const int64_t full = w.stride[i] * (spatial[i] - 1) + extra[i] + w.dilation[i] * (w.kernel[i] - 1) + 1;
      if (output_shape.empty() && w.auto_pad == TorchWindow::AutoPad::none) {
        extents[i] = full - w.begin[i] - w.end[i];
        continue;
      }
      extents[i] = output_shape.empty() ? spatial[i] * w.stride[i] : output_shape[i];
      const int64_t total = std::max<int64_t>(0, full - extents[i]);
      w.begin[i] = upper ? total / 2 : total - total / 2;
    }
    // The full result, with as much output padding as the end asks for, then the wanted part of it.
    std::vector<int64_t> none(rank, 0);
    at::Tensor y =
        at::convolution(run.in(0), run.in(1), run.optional_in(2), w.stride, none, w.dilation, true, none, groups);
    for (size_t i = 0; i < rank; ++i) {
      const auto axis = static_cast<int64_t>(i + 2);
      const int64_t missing = w.begin[i] + extents[i] - y.size(axis);
      if (missing > 0) {
        // Past the last tap there is only the bias.
        std::vector<int64_t> shape = y.sizes().vec();
        shape[i + 2] = missing;
        at::Tensor border = at::zeros(shape, y.options());
        if (run.has(2)) {
          std::vector<int64_t> channels(shape.size(), 1);
          channels[1] = run.in(2).size(0);
          border = border + run.in(2).view(channels);
        }
        y = at::cat({y, border}, axis);
      }
      y = y.narrow(axis, w.begin[i], extents[i]);
    }
    run.out(0, y);
  };
}

}  // namespace

std::vector<TorchOperator> convolution_operators() {
  return {{.name = "Conv", .precision = Precision::narrow, .make = make_conv},
          // In float: on the CPU libtorch 1.13 hands a bfloat16 one to a kernel that takes it for a plain convolution.
          {.name = "ConvTranspose", .precision = Precision::wide, .make = make_conv_transpose}};
}

}  // namespace nacre::torch_operators
