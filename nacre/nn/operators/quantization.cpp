// Quantized operators on libtorch. Sums of products of integers are exact in double; quotients and factors are float, as the
// reference and the runtimes have them.
#include <limits>

#include "nacre/nn/operators/node_context.hpp"
#include "nacre/nn/operators/torch_window.hpp"
#include "nacre/nn/torch_types.hpp"

namespace nacre::torch_operators {
namespace {

struct Range {
  double low = 0, high = 0;
};

Range range_of(at::ScalarType type) {
  switch (type) {
    case at::kChar: return {-128, 127};
    case at::kByte: return {0, 255};
    case at::kShort: return {-32768, 32767};
    default: return {-2147483648.0, 2147483647.0};
  }
}

at::ScalarType wide_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

// A scale or zero point of one number, a vector along the axis, or a number per block, spread so that it broadcasts with x.
at::Tensor spread(const at::Tensor& scale, const at::Tensor& x, int64_t axis, int64_t block) {
  if (scale.numel() == 1) return scale.reshape({});
  if (axis < 0) axis += x.dim();
  if (block > 0) return at::repeat_interleave(scale, block, axis).narrow(axis, 0, x.size(axis));
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[static_cast<size_t>(axis)] = scale.numel();
  return scale.reshape(shape);
}

at::Tensor saturated(const at::Tensor& real, at::ScalarType type, const Range& range) {
  return at::clamp(real, range.low, range.high).to(type);
}

at::Tensor saturated(const at::Tensor& real, at::ScalarType type) { return saturated(real, type, range_of(type)); }

TorchKernel make_quantize(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 1), block = context.attributes().integer("block_size", 0);
  const ElementType declared = context.graph().value(context.node().outputs[0]).type;
  const at::ScalarType type = torch_type(declared);
  const Range range = declared == ElementType::uint16 ? Range{0, 65535} : range_of(type);
  if (at::isFloatingType(type)) context.fail("quantizing to a floating-point type cannot be run by the torch executor");
  return [=](NodeRun& run) {
    const at::Tensor x = run.in(0).to(wide_type(run.in(0)));
    at::Tensor y = at::round(x / spread(run.in(1).to(x.scalar_type()), x, axis, block));
    if (run.has(2)) y = y + spread(run.in(2).to(x.options()), x, axis, block);
    run.out(0, saturated(y, type, range));
  };
}

TorchKernel make_dequantize(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 1), block = context.attributes().integer("block_size", 0);
  return [=](NodeRun& run) {
    // Differences of 32-bit integers are exact in double only.
    const at::ScalarType type = run.in(1).scalar_type();
    at::Tensor x = run.in(0).to(run.in(1).device(), run.in(0).scalar_type() == at::kInt ? at::kDouble : type);
    if (run.has(2)) x = x - spread(run.in(2).to(x.options()), x, axis, block);
    run.out(0, (x * spread(run.in(1), x, axis, block)).to(type));
  };
}

TorchKernel make_dynamic_quantize(const NodeContext&) {
  return [](NodeRun& run) {
    const at::Tensor x = run.in(0).to(at::kFloat);
    const at::Tensor low = at::clamp_max(at::amin(x), 0), high = at::clamp_min(at::amax(x), 0);
    const at::Tensor range = high - low;
    const at::Tensor scale = at::where(range == 0, at::ones_like(range), range / 255);
    const at::Tensor zero = at::clamp(at::round(-low / scale), 0, 255);
    run.out(0, saturated(at::round(x / scale) + zero, at::kByte));
    if (run.output_count() > 1) run.out(1, scale.to(wide_type(run.in(0))));
    if (run.output_count() > 2) run.out(2, zero.to(at::kByte));
  };
}

at::Tensor centered(const at::Tensor& x, const at::Tensor& zero, int64_t axis) {
  const at::Tensor wide = x.to(at::kDouble);
  return zero.defined() ? wide - spread(zero.to(wide.options()), wide, axis, 0) : wide;
}

at::Tensor matrix_product(const at::Tensor& a, const at::Tensor& a_zero, const at::Tensor& b,
                          const at::Tensor& b_zero) {
  return at::matmul(centered(a, a_zero, a.dim() < 2 ? 0 : -2), centered(b, b_zero, -1));
}

TorchKernel make_matmul_integer(const NodeContext&) {
  return [](NodeRun& run) {
    run.out(0, matrix_product(run.in(0), run.optional_in(2), run.in(1), run.optional_in(3)).to(at::kInt));
  };
}

// Inputs of the convolution at `x`, `w`: their zero points follow.
struct ConvolutionSettings {
  TorchWindow window;
  int64_t groups = 1;
};

ConvolutionSettings read_convolution(const NodeContext& context, size_t weight) {
  const std::vector<int64_t> extents = context.input_shape(weight).extents();
  if (extents.size() < 3 || extents.size() > 5)
    context.fail("a weight of rank " + std::to_string(extents.size()) + " cannot be run by the torch executor");
  return {.window = read_torch_window(context, {extents.begin() + 2, extents.end()}),
          .groups = context.attributes().integer("group", 1)};
}

at::Tensor convolve(const ConvolutionSettings& settings, const at::Tensor& x, const at::Tensor& w,
                    const at::Tensor& bias) {
  const TorchWindow window = settings.window.resolved(x.sizes().slice(2));
  const std::vector<int64_t> none(window.rank(), 0);
  return at::convolution(at::constant_pad_nd(x, window.border()), w, bias, window.stride, none, window.dilation, false,
                         none, settings.groups);
}

TorchKernel make_conv_integer(const NodeContext& context) {
  const ConvolutionSettings settings = read_convolution(context, 1);
  return [=](NodeRun& run) {
    const at::Tensor x = centered(run.in(0), run.optional_in(2), 0), w = centered(run.in(1), run.optional_in(3), 0);
    run.out(0, convolve(settings, x, w, {}).to(at::kInt));
  };
}

// round(sums * a_scale * b_scale / y_scale) + y_zero, in float.
at::Tensor requantized(const at::Tensor& sums, const at::Tensor& a_scale, const at::Tensor& b_scale,
                       const at::Tensor& y_scale, const at::Tensor& y_zero) {
  const at::Tensor factor = a_scale.to(at::kFloat) * b_scale.to(at::kFloat) / y_scale.to(at::kFloat).reshape({});
  const at::Tensor y = at::round(sums.to(at::kFloat) * factor).to(at::kDouble);
  return saturated(y + y_zero.to(y.options()).reshape({}), y_zero.scalar_type());
}

TorchKernel make_qlinear_matmul(const NodeContext&) {
  return [](NodeRun& run) {
    const at::Tensor sums = matrix_product(run.in(0), run.in(2), run.in(3), run.in(5));
    const auto along = [&](const at::Tensor& scale, int64_t axis) {
      return scale.numel() == 1 ? scale.reshape({}) : spread(scale, sums, axis, 0);
    };
    run.out(0,
            requantized(sums, along(run.in(1), sums.dim() < 2 ? 0 : -2), along(run.in(4), -1), run.in(6), run.in(7)));
  };
}

TorchKernel make_qlinear_conv(const NodeContext& context) {
  const ConvolutionSettings settings = read_convolution(context, 3);
  return [=](NodeRun& run) {
    const at::Tensor x = centered(run.in(0), run.in(2), 0), w = centered(run.in(3), run.in(5), 0);
    const at::Tensor sums = convolve(settings, x, w, run.has(8) ? run.in(8).to(at::kDouble) : at::Tensor());
    run.out(0, requantized(sums, run.in(1).reshape({}), spread(run.in(4), sums, 1, 0), run.in(6), run.in(7)));
  };
}

}  // namespace

std::vector<TorchOperator> quantization_operators() {
  return {{.name = "QuantizeLinear", .precision = Precision::wide, .make = make_quantize},
          {.name = "DequantizeLinear", .precision = Precision::wide, .make = make_dequantize},
          {.name = "DynamicQuantizeLinear", .precision = Precision::wide, .make = make_dynamic_quantize},
          {.name = "MatMulInteger", .make = make_matmul_integer},
          {.name = "ConvInteger", .make = make_conv_integer},
          {.name = "QLinearMatMul", .precision = Precision::wide, .make = make_qlinear_matmul},
          {.name = "QLinearConv", .precision = Precision::wide, .make = make_qlinear_conv}};
}

}  // namespace nacre::torch_operators
