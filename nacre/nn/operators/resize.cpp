// Resize on libtorch. Sampling is separable and linear in the input: along each axis the result is a fixed weighting of input
// positions, so that every mode of ONNX is served by one way. Nearest and plain linear sampling, which networks are full of,
// gather their one or two positions; the others (cubic, antialiased, cropped) multiply by the matrix of weights.
#include <cmath>
#include <optional>

#include "nacre/nn/operators/late_input.hpp"

namespace nacre::torch_operators {
namespace {

struct ResizeMode {
  enum class Kernel { nearest, linear, cubic } kernel = Kernel::nearest;
  std::string coordinates;  // coordinate_transformation_mode
  std::string nearest;      // nearest_mode
  std::string policy;       // keep_aspect_ratio_policy
  double cubic_coefficient = -0.75;
  bool antialias = false;
  bool exclude_outside = false;
  double outside = 0;  // extrapolation_value

  bool crops() const { return coordinates == "tf_crop_and_resize"; }
};

// One axis: extents, the scale, and the part of the input that is sampled, relative.
struct AxisResize {
  int64_t input = 0, output = 0;
  double scale = 1;
  double crop_begin = 0, crop_end = 1;
};

double source_position(const ResizeMode& mode, int64_t i, const AxisResize& axis) {
  const auto x = static_cast<double>(i), last = static_cast<double>(axis.input - 1);
  const auto steps = static_cast<double>(axis.output - 1);
  if (mode.coordinates == "asymmetric") return x / axis.scale;
  if (mode.coordinates == "align_corners") return steps > 0 ? x * last / steps : 0;
  if (mode.coordinates == "pytorch_half_pixel") return steps > 0 ? (x + 0.5) / axis.scale - 0.5 : 0;
  if (mode.coordinates == "half_pixel_symmetric") {
    const double adjustment = (steps + 1) / (axis.scale * (last + 1));
    return (last + 1) / 2 * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5;
  }
  if (mode.crops()) {
    const double begin = axis.crop_begin * last, end = axis.crop_end * last;
    return steps > 0 ? begin + x * (end - begin) / steps : (begin + end) / 2;
  }
  return (x + 0.5) / axis.scale - 0.5;  // half_pixel
}

int64_t nearest_index(const std::string& mode, double x) {
  if (mode == "floor") return static_cast<int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<int64_t>(std::ceil(x));
  if (mode == "round_prefer_ceil") return static_cast<int64_t>(std::floor(x + 0.5));
  return static_cast<int64_t>(std::ceil(x - 0.5));  // round_prefer_floor
}

// The kernel of linear or of cubic convolution (Keys, IEEE ASSP 29, 1981) at a distance.
double kernel_weight(const ResizeMode& mode, double distance) {
  const double d = std::abs(distance), a = mode.cubic_coefficient;
  if (mode.kernel == ResizeMode::Kernel::linear) return std::max(0.0, 1 - d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0;
}

// Row i weighs the input positions for output i; `outside` marks the rows that lie outside the crop.
struct AxisWeights {
  std::vector<double> rows;
  std::vector<int64_t> outside;
};

AxisWeights axis_weights(const ResizeMode& mode, const AxisResize& axis) {
  AxisWeights weights;
  weights.rows.resize(static_cast<size_t>(axis.input * axis.output));
  // An antialiased kernel is stretched so that shrinking averages what it drops.
  const double squeeze = mode.antialias && axis.scale < 1 ? axis.scale : 1;
  const double reach = (mode.kernel == ResizeMode::Kernel::cubic ? 2 : 1) / squeeze;
  for (int64_t i = 0; i < axis.output; ++i) {
    const double x = source_position(mode, i, axis);
    double* row = weights.rows.data() + i * axis.input;
    const auto inside = [&](int64_t j) { return std::clamp<int64_t>(j, 0, axis.input - 1); };
    if (mode.crops() && (x < 0 || x > static_cast<double>(axis.input - 1))) {
      weights.outside.push_back(i);
      continue;
    }
    if (mode.kernel == ResizeMode::Kernel::nearest) {
      row[inside(nearest_index(mode.nearest, x))] = 1;
      continue;
    }
    double total = 0;
    const auto last = static_cast<int64_t>(std::ceil(x + reach));
    for (auto j = static_cast<int64_t>(std::floor(x - reach)); j <= last; ++j) {
      if (mode.exclude_outside && j != inside(j)) continue;
      const double weight = kernel_weight(mode, (static_cast<double>(j) - x) * squeeze);
      row[inside(j)] += weight;
      total += weight;
    }
    for (int64_t j = 0; total != 0 && j < axis.input; ++j) row[j] /= total;
  }
  return weights;
}

at::Tensor resize_by_weights(const at::Tensor& x, int64_t d, const AxisResize& axis, const ResizeMode& mode) {
  AxisWeights weights = axis_weights(mode, axis);
  const at::Tensor matrix = at::tensor(weights.rows, at::TensorOptions(at::kDouble))
                                .reshape({axis.output, axis.input})
                                .to(x.device(), at::isFloatingType(x.scalar_type()) ? x.scalar_type() : at::kDouble);
  at::Tensor y = at::movedim(at::matmul(at::movedim(x.to(matrix.scalar_type()), d, -1), matrix.t()), -1, d);
  if (!weights.outside.empty()) {
    const at::Tensor rows = at::tensor(weights.outside, at::TensorOptions(at::kLong)).to(x.device());
    y = at::index_fill(y, d, rows, mode.outside);
  }
  return y.to(x.scalar_type());
}

at::Tensor resize_by_index(const at::Tensor& x, int64_t d, const AxisResize& axis, const ResizeMode& mode) {
  const bool linear = mode.kernel == ResizeMode::Kernel::linear;
  std::vector<int64_t> low, high;
  std::vector<double> share;  // of the higher position
  for (int64_t i = 0; i < axis.output; ++i) {
    const double position = source_position(mode, i, axis);
    if (!linear) {
      low.push_back(std::clamp<int64_t>(nearest_index(mode.nearest, position), 0, axis.input - 1));
      continue;
    }
    const double floor = std::floor(position);
    low.push_back(std::clamp<int64_t>(static_cast<int64_t>(floor), 0, axis.input - 1));
    high.push_back(std::clamp<int64_t>(static_cast<int64_t>(floor) + 1, 0, axis.input - 1));
    share.push_back(position - floor);
  }
  const auto index = [&](const std::vector<int64_t>& positions) {
    return at::tensor(positions, at::TensorOptions(at::kLong)).to(x.device());
  };
  const at::Tensor lower = at::index_select(x, d, index(low));
  if (!linear) return lower;
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[static_cast<size_t>(d)] = axis.output;
  const at::Tensor weight = at::tensor(share, at::TensorOptions(at::kDouble)).to(x.options()).view(shape);
  return lower + (at::index_select(x, d, index(high)) - lower) * weight;
}

at::Tensor resize_axis(const at::Tensor& x, int64_t d, const AxisResize& axis, const ResizeMode& mode) {
  const bool cropped = mode.crops() && (axis.crop_begin != 0 || axis.crop_end != 1);
  if (axis.output == axis.input && axis.scale == 1 && !cropped) return x;
  if (axis.input == 0) throw UserError("an axis of extent 0 cannot be resized");
  const bool plain = mode.kernel == ResizeMode::Kernel::nearest ||
                     (mode.kernel == ResizeMode::Kernel::linear && at::isFloatingType(x.scalar_type()) &&
                      !mode.exclude_outside && !(mode.antialias && axis.scale < 1));
  return plain && !mode.crops() ? resize_by_index(x, d, axis, mode) : resize_by_weights(x, d, axis, mode);
}

// What the inputs roi, scales and sizes say, an entry per resized axis.
struct Wanted {
  std::vector<double> roi, scales;
  std::vector<int64_t> sizes;
};

std::vector<AxisResize> plan_axes(const at::Tensor& x, const std::vector<int64_t>& axes, const Wanted& wanted,
                                  const std::string& policy) {
  std::vector<AxisResize> plan;
  std::optional<double> common;  // the scale of all axes where the aspect ratio is kept
  for (size_t i = 0; i < axes.size(); ++i) {
    AxisResize axis;
    axis.input = x.size(axes[i]);
    const auto extent = static_cast<double>(axis.input);
    axis.scale = wanted.sizes.empty() ? wanted.scales[i] : static_cast<double>(wanted.sizes[i]) / extent;
    axis.output = wanted.sizes.empty() ? static_cast<int64_t>(std::floor(extent * axis.scale)) : wanted.sizes[i];
    if (wanted.roi.size() == 2 * axes.size()) {
      axis.crop_begin = wanted.roi[i];
      axis.crop_end = wanted.roi[i + axes.size()];
    }
    if (!common.has_value()) common = axis.scale;
    common = policy == "not_larger" ? std::min(*common, axis.scale) : std::max(*common, axis.scale);
    plan.push_back(axis);
  }
  if (wanted.sizes.empty() || policy == "stretch") return plan;
  for (AxisResize& axis : plan) {
    axis.scale = *common;
    axis.output = static_cast<int64_t>(std::floor(static_cast<double>(axis.input) * *common + 0.5));
  }
  return plan;
}

ResizeMode read_mode(const NodeContext& context) {
  const Attributes& attributes = context.attributes();
  const std::string_view kind = attributes.text("mode", "nearest");
  ResizeMode mode;
  if (kind != "nearest" && kind != "linear" && kind != "cubic")
    context.fail("mode '" + std::string(kind) + "' of Resize cannot be run by the torch executor");
  if (kind == "linear") mode.kernel = ResizeMode::Kernel::linear;
  if (kind == "cubic") mode.kernel = ResizeMode::Kernel::cubic;
  mode.coordinates = attributes.text("coordinate_transformation_mode", "half_pixel");
  mode.nearest = attributes.text("nearest_mode", "round_prefer_floor");
  mode.policy = attributes.text("keep_aspect_ratio_policy", "stretch");
  mode.cubic_coefficient = attributes.real("cubic_coeff_a", -0.75F);
  mode.antialias = attributes.integer("antialias", 0) != 0;
  mode.exclude_outside = attributes.integer("exclude_outside", 0) != 0;
  mode.outside = attributes.real("extrapolation_value", 0);
  return mode;
}

TorchKernel make_resize(const NodeContext& context) {
  const ResizeMode mode = read_mode(context);
  const LateNumbers roi(context, 1), scales(context, 2);
  const LateIntegers sizes(context, 3);
  const std::span<const int64_t> given = context.attributes().integers("axes");
  const std::vector<int64_t> given_axes(given.begin(), given.end());
  const std::string place = node_text(context.graph(), context.id());
  return [=](NodeRun& run) {
    at::Tensor y = run.in(0);
    std::vector<int64_t> axes = given_axes;
    if (axes.empty()) {
      for (int64_t d = 0; d < y.dim(); ++d) axes.push_back(d);
    }
    for (int64_t& axis : axes) axis += axis < 0 ? y.dim() : 0;
    const Wanted wanted{.roi = roi.of(run), .scales = scales.of(run), .sizes = sizes.of(run)};
    if ((wanted.scales.empty() ? wanted.sizes.size() : wanted.scales.size()) != axes.size())
      throw UserError(place + ": scales or sizes must have an entry for each axis");
    const std::vector<AxisResize> plan = plan_axes(y, axes, wanted, mode.policy);
    for (size_t i = 0; i < axes.size(); ++i) y = resize_axis(y, axes[i], plan[i], mode);
    run.out(0, y);
  };
}

}  // namespace

std::vector<TorchOperator> resize_operators() {
  return {{.name = "Resize", .make = make_resize, .constant_inputs = {1, 2, 3}}};
}

}  // namespace nacre::torch_operators
