// Resize on libtorch. Nearest and linear sampling are separable and linear in the input: along each axis the result is a
// fixed weighting of at most two input positions, so that every coordinate mode of ONNX is served by one way.
#include <cmath>

#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {
namespace {

struct ResizeMode {
  std::string coordinates;  // coordinate_transformation_mode
  bool linear = false;
  std::string nearest;  // nearest_mode
};

double source_position(const ResizeMode& mode, int64_t i, double scale, int64_t input, int64_t output) {
  const auto x = static_cast<double>(i);
  if (mode.coordinates == "asymmetric") return x / scale;
  if (mode.coordinates == "align_corners")
    return output > 1 ? x * static_cast<double>(input - 1) / static_cast<double>(output - 1) : 0;
  if (mode.coordinates == "pytorch_half_pixel") return output > 1 ? (x + 0.5) / scale - 0.5 : 0;
  if (mode.coordinates == "half_pixel_symmetric") {
    const double adjustment = static_cast<double>(output) / (scale * static_cast<double>(input));
    const double center = static_cast<double>(input) / 2;
    return center * (1 - adjustment) + (x + 0.5) / scale - 0.5;
  }
  return (x + 0.5) / scale - 0.5;  // half_pixel
}

int64_t nearest_index(const std::string& mode, double x) {
  if (mode == "floor") return static_cast<int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<int64_t>(std::ceil(x));
  if (mode == "round_prefer_ceil") return static_cast<int64_t>(std::floor(x + 0.5));
  return static_cast<int64_t>(std::ceil(x - 0.5));  // round_prefer_floor
}

at::Tensor resize_axis(const at::Tensor& x, int64_t axis, int64_t output, double scale, const ResizeMode& mode) {
  const int64_t input = x.size(axis);
  std::vector<int64_t> low, high;
  std::vector<double> share;  // of the higher position
  for (int64_t i = 0; i < output; ++i) {
    const double position = source_position(mode, i, scale, input, output);
    if (!mode.linear) {
      low.push_back(std::clamp<int64_t>(nearest_index(mode.nearest, position), 0, input - 1));
      continue;
    }
    const double floor = std::floor(position);
    low.push_back(std::clamp<int64_t>(static_cast<int64_t>(floor), 0, input - 1));
    high.push_back(std::clamp<int64_t>(static_cast<int64_t>(floor) + 1, 0, input - 1));
    share.push_back(position - floor);
  }
  const auto index = [&](const std::vector<int64_t>& positions) {
    return at::tensor(positions, at::TensorOptions(at::kLong)).to(x.device());
  };
  const at::Tensor lower = at::index_select(x, axis, index(low));
  if (!mode.linear) return lower;
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[static_cast<size_t>(axis)] = output;
  const at::Tensor weight = at::tensor(share, at::TensorOptions(at::kDouble)).to(x.options()).view(shape);
  return lower + (at::index_select(x, axis, index(high)) - lower) * weight;
}

TorchKernel make_resize(const NodeContext& context) {
  const Attributes& attributes = context.attributes();
  const std::string_view kind = attributes.text("mode", "nearest");
  ResizeMode mode;
  mode.coordinates = attributes.text("coordinate_transformation_mode", "half_pixel");
  mode.linear = kind == "linear";
  mode.nearest = attributes.text("nearest_mode", "round_prefer_floor");
  if (kind != "nearest" && kind != "linear")
    context.fail("mode '" + std::string(kind) + "' of Resize cannot be run by the torch executor");
  if (mode.coordinates == "tf_crop_and_resize")
    context.fail("Resize by tf_crop_and_resize cannot be run by the torch executor");
  if (attributes.integer("antialias", 0) != 0)
    context.fail("Resize with antialias cannot be run by the torch executor");
  if (attributes.text("keep_aspect_ratio_policy", "stretch") != "stretch")
    context.fail("Resize that keeps the aspect ratio cannot be run by the torch executor");
  const std::vector<double> scales = context.constant_numbers(2);
  const std::vector<int64_t> sizes = context.constant_integers(3);
  const std::span<const int64_t> given = attributes.integers("axes");
  std::vector<int64_t> axes(given.begin(), given.end());
  const size_t count = std::max(scales.size(), sizes.size());
  if (axes.empty()) {
    for (size_t i = 0; i < count; ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (count != axes.size() || count == 0) context.fail("scales or sizes must have an entry for each axis");
  return [=](NodeRun& run) {
    at::Tensor y = run.in(0);
    for (size_t i = 0; i < axes.size(); ++i) {
      const int64_t axis = axes[i] < 0 ? axes[i] + y.dim() : axes[i];
      const int64_t input = y.size(axis);
      const int64_t output =
          sizes.empty() ? static_cast<int64_t>(std::floor(static_cast<double>(input) * scales[i])) : sizes[i];
      const double scale = sizes.empty() ? scales[i] : static_cast<double>(output) / static_cast<double>(input);
      if (output != input || scale != 1) y = resize_axis(y, axis, output, scale, mode);
    }
    run.out(0, y);
  };
}

}  // namespace

std::vector<TorchOperator> resize_operators() {
  return {{.name = "Resize", .make = make_resize, .constant_inputs = {1, 2, 3}}};
}

}  // namespace nacre::torch_operators
