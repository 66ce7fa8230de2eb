// Pooling on libtorch. ONNX and libtorch agree on windows that fit; unequal pads, and averages that do not count the
// border, are made from explicit borders.
#include <limits>
#include <tuple>

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

// The largest elements and where in the whole tensor they are; integers go by way of double.
void max_pool_with_indices(NodeRun& run, const TorchWindow& window, bool by_columns) {
  const at::Tensor& x = run.in(0);
  const at::Tensor real = at::isFloatingType(x.scalar_type()) ? x : x.to(at::kDouble);
  const TorchWindow w = window.resolved(x.sizes().slice(2));
  const bool fits = fits_libtorch(w);
  const std::vector<int64_t> none(w.rank(), 0), padding = fits ? w.begin : none;
  const at::Tensor source =
      fits ? real : at::constant_pad_nd(real, w.border(), -std::numeric_limits<double>::infinity());
  at::Tensor y, index;  // index: flat within the spatial axes of `source`
  if (w.rank() == 1) {
    std::tie(y, index) = at::max_pool1d_with_indices(source, w.kernel, w.stride, padding, w.dilation, w.ceil_mode);
  } else if (w.rank() == 2) {
    std::tie(y, index) = at::max_pool2d_with_indices(source, w.kernel, w.stride, padding, w.dilation, w.ceil_mode);
  } else {
    std::tie(y, index) = at::max_pool3d_with_indices(source, w.kernel, w.stride, padding, w.dilation, w.ceil_mode);
  }
  run.out(0, y.to(x.scalar_type()));
  if (run.output_count() < 2) return;
  // Coordinates in `source`, then in x, then flat in the order asked for.
  at::Tensor flat = at::zeros_like(index);
  int64_t stride = 1, image = 1;
  for (size_t i = 0; i < w.rank(); ++i) image *= x.size(static_cast<int64_t>(i) + 2);
  for (size_t step = 0; step < w.rank(); ++step) {
    const size_t axis = by_columns ? step : w.rank() - 1 - step;
    int64_t below = 1;
    for (size_t i = axis + 1; i < w.rank(); ++i) below *= source.size(static_cast<int64_t>(i) + 2);
    const at::Tensor coordinate =
        at::div(index, below, "floor") % source.size(static_cast<int64_t>(axis) + 2) - (fits ? 0 : w.begin[axis]);
    flat = flat + coordinate * stride;
    stride *= x.size(static_cast<int64_t>(axis) + 2);
  }
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  run.out(1, flat + at::arange(x.size(0) * x.size(1), index.options()).reshape(shape) * image);
}

TorchKernel make_max_pool(const NodeContext& context) {
  const TorchWindow window = read_pool(context);
  if (context.output_count() > 1 || !is_floating(context.input_type(0))) {
    const bool by_columns = context.attributes().integer("storage_order", 0) != 0;
    return [=](NodeRun& run) { max_pool_with_indices(run, window, by_columns); };
  }
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
// What ceil_mode reads past the border, as at::constant_pad_nd takes it; `padded` has the border.
std::vector<int64_t> ceil_border(const at::Tensor& padded, const TorchWindow& w) {
  std::vector<int64_t> more;
  for (size_t i = w.rank(); i-- > 0;) {
    const int64_t extent = padded.size(static_cast<int64_t>(i + 2));
    const int64_t reach = w.dilation[i] * (w.kernel[i] - 1) + 1;
    int64_t steps = (extent - reach + w.stride[i] - 1) / w.stride[i];
    if (steps * w.stride[i] >= extent - w.end[i]) --steps;  // a window that starts in the end border is dropped
    more.push_back(0);
    more.push_back(std::max<int64_t>(0, steps * w.stride[i] + reach - extent));
  }
  return more;
}

// Sums of the windows of an image with its border: a depthwise convolution with ones.
at::Tensor window_sums(const at::Tensor& padded, const TorchWindow& w) {
  const int64_t channels = padded.size(1);
  std::vector<int64_t> shape = {channels, 1};
  shape.insert(shape.end(), w.kernel.begin(), w.kernel.end());
  const std::vector<int64_t> none(w.rank(), 0);
  return at::convolution(padded, at::ones(shape, padded.options()), {}, w.stride, none, w.dilation, false, none,
                         channels);
}

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
    const std::vector<int64_t> more = ceil_border(padded, w);
    padded = at::constant_pad_nd(padded, more);
    counted = at::constant_pad_nd(counted, more);
  }
  const at::Tensor sums = window_sums(padded, w);
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

// The p-norm from the sum of the powers; the root of 0 has no gradient, so that it is taken of what is not 0 only.
at::Tensor powers(const at::Tensor& x, int64_t p) {
  return p == 1 ? at::abs(x) : p == 2 ? x * x : at::pow(at::abs(x), static_cast<double>(p));
}

at::Tensor root(const at::Tensor& sum, int64_t p) {
  if (p == 1) return sum;
  const at::Tensor zero = sum <= 0;
  const at::Tensor safe = at::where(zero, at::ones_like(sum), sum);
  const at::Tensor y = p == 2 ? at::sqrt(safe) : at::pow(safe, 1.0 / static_cast<double>(p));
  return at::where(zero, at::zeros_like(y), y);
}

TorchKernel make_lp_pool(const NodeContext& context) {
  const TorchWindow window = read_pool(context);
  const int64_t p = context.attributes().integer("p", 2);
  return [=](NodeRun& run) {
    const TorchWindow w = window.resolved(run.in(0).sizes().slice(2));
    at::Tensor padded = at::constant_pad_nd(powers(run.in(0), p), w.border());
    if (w.ceil_mode) padded = at::constant_pad_nd(padded, ceil_border(padded, w));
    run.out(0, root(window_sums(padded, w), p));
  };
}

TorchKernel make_global_lp_pool(const NodeContext& context) {
  const int64_t p = context.attributes().integer("p", 2);
  return [=](NodeRun& run) {
    run.out(0, root(at::sum(powers(run.in(0), p), spatial_axes(run.in(0)), /*keepdim=*/true), p));
  };
}

// Indices count in the image that the window gives; output_shape adds zeros behind it.
TorchKernel make_max_unpool(const NodeContext& context) {
  const TorchWindow window = read_pool(context);
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    std::vector<int64_t> extents = {x.size(0), x.size(1)};
    int64_t count = extents[0] * extents[1];
    for (size_t i = 0; i < window.rank(); ++i) {
      const int64_t in = x.size(static_cast<int64_t>(i) + 2);
      extents.push_back((in - 1) * window.stride[i] + window.kernel[i] - window.begin[i] - window.end[i]);
      count *= extents.back();
    }
    at::Tensor y =
        at::scatter(at::zeros({count}, x.options()), 0, run.in(1).to(x.device()).reshape({-1}), x.reshape({-1}))
            .reshape(extents);
    if (run.has(2)) {
      const std::vector<int64_t> declared = host_integers(run.in(2));
      std::vector<int64_t> border;
      for (size_t axis = extents.size(); axis-- > 0;) {
        border.push_back(0);
        border.push_back(declared.at(axis) - extents[axis]);
      }
      y = at::constant_pad_nd(y, border);
    }
    run.out(0, y);
  };
}

TorchKernel make_global_max_pool(const NodeContext&) {
  return [](NodeRun& run) { run.out(0, at::amax(run.in(0), spatial_axes(run.in(0)), /*keepdim=*/true)); };
}

}  // namespace

std::vector<TorchOperator> pooling_operators() {
  return {{.name = "MaxPool", .make = make_max_pool},
          {.name = "AveragePool", .make = make_average_pool},
          {.name = "GlobalAveragePool", .make = make_global_average_pool},
          {.name = "GlobalMaxPool", .make = make_global_max_pool},
          {.name = "LpPool", .precision = Precision::wide, .make = make_lp_pool},
          {.name = "GlobalLpPool", .precision = Precision::wide, .make = make_global_lp_pool},
          {.name = "MaxUnpool", .make = make_max_unpool}};
}

}  // namespace nacre::torch_operators
