// Pooling on libtorch. ONNX and libtorch agree on windows that fit; unequal pads, and averages that do not count the
// border, are made from explicit borders.
#include <limits>

#include "nacre/nn/operators/node_context.hpp"
#include "nacre/nn/operators/torch_window.hpp"

namespace nacre::torch_operators {
namespace {

TorchWindow read_pool(const NodeContext& context) {
  const std::span<const int64_t> kernel = context.attributes().integers("kernel_shape");
  if (kernel.empty() || kernel.size() > 3)
    context.fail("pooling over " + std::to_string(kernel.size()) + " spatial axes cannot be run by the torch executor");
  return read_torch_window(context, {kernel.begin(), kernel.end()});
}

// libtorch refuses padding above half the kernel.
bool fits_libtorch(const TorchWindow& w) {
  if (!w.symmetric()) return false;
  for (size_t i = 0; i < w.rank(); ++i) {
    if (2 * w.begin[i] > w.kernel[i]) return false;
  }
  return true;
}

at::Tensor max_pool(const at::Tensor& x, const TorchWindow& w, at::IntArrayRef padding) {
  if (w.rank() == 1) return at::max_pool1d(x, w.kernel, w.stride, padding, w.dilation, w.ceil_mode);
  if (w.rank() == 2) return at::max_pool2d(x, w.kernel, w.stride, padding, w.dilation, w.ceil_mode);
  return at::max_pool3d(x, w.kernel, w.stride, padding, w.dilation, w.ceil_mode);
}

TorchKernel make_max_pool(const NodeContext& context) {
  if (context.output_count() > 1) context.fail("indices of MaxPool cannot be computed by the torch executor");
  const TorchWindow window = read_pool(context);
  return [=](NodeRun& run) {
    const TorchWindow w = window.resolved(run.in(0).sizes().slice(2));
    if (fits_libtorch(w)) return run.out(0, max_pool(run.in(0), w, w.begin));
    const at::Tensor padded = at::constant_pad_nd(run.in(0), w.border(), -std::numeric_limits<double>::infinity());
    run.out(0, max_pool(padded, w, std::vector<int64_t>(w.rank(), 0)));
  };
}

at::Tensor average_pool(const at::Tensor& x, const TorchWindow& w, at::IntArrayRef padding, bool count_padding) {
  if (w.rank() == 1) return at::avg_pool1d(x, w.kernel, w.stride, padding, w.ceil_mode, count_padding);
  if (w.rank() == 2) return at::avg_pool2d(x, w.kernel, w.stride, padding, w.ceil_mode, count_padding);
  return at::avg_pool3d(x, w.kernel, w.stride, padding, w.ceil_mode, count_padding);
}

// Mean over dilated windows or unequal borders: sum by a depthwise convolution with ones, divided by the count of the
// positions that belong to the input (or, with count_include_pad, to input and border).
at::Tensor average_by_convolution(const at::Tensor& x, const TorchWindow& w, bool count_padding) {
  const int64_t channels = x.size(1);
  std::vector<int64_t> shape = {channels, 1};
  shape.insert(shape.end(), w.kernel.begin(), w.kernel.end());
  const at::Tensor ones = at::ones(shape, x.options());
  const std::vector<int64_t> none(w.rank(), 0);
  std::vector<int64_t> border = w.border();
  at::Tensor counted = count_padding ? at::constant_pad_nd(at::ones_like(x), border, 1.0)
                                     : at::constant_pad_nd(at::ones_like(x), border);
  at::Tensor padded = at::constant_pad_nd(x, border);
  if (w.ceil_mode) {  // positions past the border take part in no count
    std::vector<int64_t> more;
    for (size_t i = w.rank(); i-- > 0;) {
      const int64_t extent = padded.size(static_cast<int64_t>(i + 2));
      const int64_t reach = w.dilation[i] * (w.kernel[i] - 1) + 1;
      int64_t steps = (extent - reach + w.stride[i] - 1) / w.stride[i];
      if (steps * w.stride[i] >= extent - w.end[i]) --steps;  // a window that starts in the end border is dropped
      more.push_back(0);
      more.push_back(std::max<int64_t>(0, steps * w.stride[i] + reach - extent));
    }
    padded = at::constant_pad_nd(padded, more);
    counted = at::constant_pad_nd(counted, more);
  }
  const at::Tensor sums = at::convolution(padded, ones, {}, w.stride, none, w.dilation, false, none, channels);
  const at::Tensor counts = at::convolution(counted, ones, {}, w.stride, none, w.dilation, false, none, channels);
  return sums / counts;
}

TorchKernel make_average_pool(const NodeContext& context) {
  const TorchWindow window = read_pool(context);
  const bool count_padding = context.attributes().integer("count_include_pad", 0) != 0;
  const bool dilated = std::ranges::any_of(window.dilation, [](int64_t d) { return d != 1; });
  return [=](NodeRun& run) {
    const TorchWindow w = window.resolved(run.in(0).sizes().slice(2));
    if (!dilated && fits_libtorch(w)) return run.out(0, average_pool(run.in(0), w, w.begin, count_padding));
    run.out(0, average_by_convolution(run.in(0), w, count_padding));
  };
}

std::vector<int64_t> spatial_axes(const at::Tensor& x) {
  std::vector<int64_t> axes;
  for (int64_t axis = 2; axis < x.dim(); ++axis) axes.push_back(axis);
  return axes;
}

TorchKernel make_global_average_pool(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, at::mean(run.in(0), spatial_axes(run.in(0)), /*keepdim=*/true)); };
}

TorchKernel make_global_max_pool(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, at::amax(run.in(0), spatial_axes(run.in(0)), /*keepdim=*/true)); };
}

}  // namespace

std::vector<TorchOperator> pooling_operators() {
  return {{.name = "MaxPool", .make = make_max_pool},
          {.name = "AveragePool", .make = make_average_pool},
          {.name = "GlobalAveragePool", .make = make_global_average_pool},
          {.name = "GlobalMaxPool", .make = make_global_max_pool}};
}

}  // namespace nacre::torch_operators
