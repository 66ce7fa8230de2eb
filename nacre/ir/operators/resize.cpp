// Resize: sampling an image (any tensor) at another resolution, by nearest or linear interpolation.
#include <algorithm>
#include <cmath>
#include <optional>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {
namespace {

void infer_resize(InferenceContext& context) {
  const Shape* x = context.ranked_input(0, 1);
  if (x == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  const bool has_scales = context.has_input(2) && context.input_shape(2) != Shape{Dim(0)};
  const bool has_sizes = context.has_input(3);
  if (has_scales == has_sizes) context.fail("exactly one of scales and sizes must be given");
  std::vector<int> axes = resolve_axes(context.attributes().integers("axes"), x->rank());
  if (axes.empty()) {
    for (int axis = 0; axis < x->rank(); ++axis) axes.push_back(axis);
  }
  const std::optional<KnownTensor> wanted = context.known_input(has_scales ? 2 : 3);
  Shape result = *x;
  if (wanted.has_value() && (wanted->extents.size() != 1 || wanted->extents[0] != static_cast<int64_t>(axes.size()))) {
    context.fail("one entry per resized axis is expected: " + std::to_string(axes.size()));
  }
  const std::string_view policy = context.attributes().text("keep_aspect_ratio_policy", "stretch");
  for (size_t i = 0; i < axes.size(); ++i) {
    Dim& dim = result[axes[i]];
    if (!wanted.has_value() || policy != "stretch") {
      dim = Dim();
    } else if (has_sizes) {
      dim = known_dim(context.graph(), *wanted, i);
    } else if (!wanted->tensor.has_value()) {
      dim = Dim();
    } else {
      const double scale = wanted->tensor->number_at(static_cast<int64_t>(i));
      if (!(scale > 0) || scale > 1e9) context.fail("a scale of " + std::to_string(scale));
      const bool whole = scale == std::floor(scale);
      if (dim.is_fixed())
        dim = Dim(static_cast<int64_t>(std::floor(static_cast<double>(dim.extent()) * scale)));
      else
        dim = whole ? multiply_dims(context.graph(), dim, Dim(static_cast<int64_t>(scale))) : Dim();
    }
  }
  context.set_output(0, context.input_type(0), result);
}

OperatorCost cost_resize(const Graph& graph, const Node& node) {
  const bool linear = node.attributes.text("mode", "nearest") == "linear";
  return {.macs = 0, .flops = linear ? saturating_multiply(output_elements(graph, node), 7) : 0};
}

// --- reference ----------------------------------------------------------------------------------------------------

// The resampling of one axis.
struct AxisResize {
  int64_t input = 0;
  int64_t output = 0;
  double scale = 1;
  double crop_begin = 0;  // of tf_crop_and_resize, relative
  double crop_end = 1;
};

struct Tap {
  int64_t index = 0;
  double weight = 0;
};

// Taps of one output position; nothing where the position lies outside the crop.
using Taps = std::optional<std::vector<Tap>>;

// Where output position `at` lies on the input axis (ONNX, Resize-19).
double source_coordinate(double at, const AxisResize& axis, std::string_view mode) {
  const auto input = static_cast<double>(axis.input);
  const auto output = static_cast<double>(axis.output);
  const double half_pixel = (at + 0.5) / axis.scale - 0.5;
  if (mode == "half_pixel") return half_pixel;
  if (mode == "half_pixel_symmetric") {
    const double adjustment = output / (axis.scale * input);
    return input / 2 * (1 - adjustment) + half_pixel;
  }
  if (mode == "pytorch_half_pixel") return axis.output > 1 ? half_pixel : 0.0;
  if (mode == "align_corners") return axis.output > 1 ? at * (input - 1) / (output - 1) : 0.0;
  if (mode == "asymmetric") return at / axis.scale;
  if (mode == "tf_crop_and_resize") {
    const double span = (axis.crop_end - axis.crop_begin) * (input - 1);
    return axis.output > 1 ? axis.crop_begin * (input - 1) + at * span / (output - 1)
                           : 0.5 * (axis.crop_begin + axis.crop_end) * (input - 1);
  }
  throw UserError("attribute 'coordinate_transformation_mode' is '" + std::string(mode) + "', which is not known");
}

int64_t nearest_index(double x, std::string_view mode) {
  if (mode == "round_prefer_floor") return static_cast<int64_t>(std::ceil(x - 0.5));
  if (mode == "round_prefer_ceil") return static_cast<int64_t>(std::floor(x + 0.5));
  if (mode == "floor") return static_cast<int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<int64_t>(std::ceil(x));
  throw UserError("attribute 'nearest_mode' is '" + std::string(mode) +
                  "', expected round_prefer_floor, round_prefer_ceil, floor or ceil");
}

// Keys' convolution kernel with parameter a (IEEE ASSP 29, 1981).
double cubic_weight(double distance, double a) {
  const double d = std::abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0.0;
}

struct Interpolation {
  std::string_view mode;
  std::string_view coordinates;
  std::string_view nearest;
  double cubic_coefficient = 0;
  bool exclude_outside = false;
  bool antialias = false;

  explicit Interpolation(const Attributes& attributes)
      : mode(attributes.text("mode", "nearest")),
        coordinates(attributes.text("coordinate_transformation_mode", "half_pixel")),
        nearest(attributes.text("nearest_mode", "round_prefer_floor")),
        cubic_coefficient(attributes.real("cubic_coeff_a", -0.75F)),
        exclude_outside(attributes.integer("exclude_outside", 0) != 0),
        antialias(attributes.integer("antialias", 0) != 0) {
    if (mode != "nearest" && mode != "linear" && mode != "cubic") {
      throw UserError("attribute 'mode' is '" + std::string(mode) + "', expected nearest, linear or cubic");
    }
  }

  // The kernel stretched by 1 / scale, so that shrinking averages what it drops (ONNX, Resize-18).
  std::vector<Tap> stretched_taps(double x, double scale) const {
    const bool linear = mode == "linear";
    const auto base = static_cast<int64_t>(std::ceil(x)) - 1;
    const auto first = static_cast<int64_t>(std::floor(-(linear ? 1.0 : 2.0) / scale)) + 1;
    std::vector<Tap> taps;
    double total = 0;
    for (int64_t i = first; i < 2 - first; ++i) {
      const double distance = (static_cast<double>(base + i) - x) * scale;
      const double weight =
          linear ? std::max(0.0, 1.0 - std::abs(distance)) : cubic_weight(distance, cubic_coefficient);
      taps.push_back({.index = base + i, .weight = weight});
      total += weight;
    }
    for (Tap& tap : taps) tap.weight /= total;
    return taps;
  }

  std::vector<Tap> taps_around(double x, double scale) const {
    if (mode == "nearest") return {{.index = nearest_index(x, nearest), .weight = 1.0}};
    if (antialias && scale < 1) return stretched_taps(x, scale);
    const auto below = static_cast<int64_t>(std::floor(x));
    const double rest = x - std::floor(x);
    if (mode == "linear") return {{.index = below, .weight = 1.0 - rest}, {.index = below + 1, .weight = rest}};
    std::vector<Tap> taps;
    for (int64_t i = -1; i <= 2; ++i)
      taps.push_back({.index = below + i, .weight = cubic_weight(static_cast<double>(i) - rest, cubic_coefficient)});
    return taps;
  }

  Taps taps_at(int64_t at, const AxisResize& axis) const {
    const double x = source_coordinate(static_cast<double>(at), axis, coordinates);
    if (coordinates == "tf_crop_and_resize" && (x < 0 || x > static_cast<double>(axis.input - 1))) return std::nullopt;
    std::vector<Tap> taps = taps_around(x, axis.scale);
    double total = 0;
    for (Tap& tap : taps) {
      if (exclude_outside && (tap.index < 0 || tap.index >= axis.input)) tap.weight = 0;
      tap.index = std::clamp<int64_t>(tap.index, 0, axis.input - 1);
      total += tap.weight;
    }
    if (exclude_outside && total != 0) {
      for (Tap& tap : taps) tap.weight /= total;
    }
    return taps;
  }
};

// One entry per axis of x, from the node's inputs roi, scales, sizes.
std::vector<AxisResize> plan_resize(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  std::vector<int> axes = resolve_axes(node.attributes.integers("axes"), x.rank());
  const bool all = axes.empty();
  for (int axis = 0; all && axis < x.rank(); ++axis) axes.push_back(axis);
  std::vector<AxisResize> plan;
  for (const int64_t extent : x.extents()) plan.push_back({.input = extent, .output = extent});
  const Tensor* roi = optional_input(inputs, 1);
  const Tensor* scales = optional_input(inputs, 2);
  const Tensor* sizes = optional_input(inputs, 3);
  const bool by_scales = scales != nullptr && scales->elements() != 0;
  const Tensor* wanted = by_scales ? scales : sizes;
  if (wanted == nullptr || wanted->elements() != static_cast<int64_t>(axes.size()))
    throw UserError("one scale or size per resized axis is expected");
  const std::string_view policy = node.attributes.text("keep_aspect_ratio_policy", "stretch");
  std::optional<double> common;  // the scale of all axes when the aspect ratio is kept
  for (size_t i = 0; i < axes.size() && !by_scales && policy != "stretch"; ++i) {
    const double scale =
        wanted->number_at(static_cast<int64_t>(i)) / static_cast<double>(x.extents()[static_cast<size_t>(axes[i])]);
    common = !common.has_value() ? scale : policy == "not_larger" ? std::min(*common, scale) : std::max(*common, scale);
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    AxisResize& axis = plan[static_cast<size_t>(axes[i])];
    const double number = wanted->number_at(static_cast<int64_t>(i));
    const auto extent = static_cast<double>(axis.input);
    axis.scale = by_scales ? number : common.value_or(number / extent);
    axis.output = static_cast<int64_t>(by_scales            ? std::floor(extent * number)
                                       : common.has_value() ? std::floor(*common * extent + 0.5)
                                                            : number);
    if (roi != nullptr && roi->elements() == static_cast<int64_t>(2 * axes.size())) {
      axis.crop_begin = roi->number_at(static_cast<int64_t>(i));
      axis.crop_end = roi->number_at(static_cast<int64_t>(i + axes.size()));
    }
  }
  return plan;
}

// Interpolation separates: one axis after the other.
std::vector<Tensor> reference_resize(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Interpolation interpolation(node.attributes);
  const std::vector<AxisResize> plan = plan_resize(node, inputs);
  const double outside = node.attributes.real("extrapolation_value", 0.0F);
  std::vector<double> values = load<double>(x);
  Extents extents = x.extents();
  for (size_t d = 0; d < plan.size(); ++d) {
    const bool crops =
        interpolation.coordinates == "tf_crop_and_resize" && (plan[d].crop_begin != 0 || plan[d].crop_end != 1);
    if (plan[d].output == plan[d].input && plan[d].scale == 1.0 && !crops) continue;
    if (plan[d].input == 0) throw UserError("an axis of extent 0 cannot be resized");
    const AxisView from = view_axis(extents, static_cast<int>(d));
    extents[d] = plan[d].output;
    const AxisView to = view_axis(extents, static_cast<int>(d));
    std::vector<double> result(static_cast<size_t>(count_of(extents)));
    for (int64_t e = 0; e < to.extent; ++e) {
      const Taps taps = interpolation.taps_at(e, plan[d]);
      for (int64_t o = 0; o < to.outer; ++o) {
        for (int64_t i = 0; i < to.inner; ++i) {
          double sum = taps.has_value() ? 0.0 : outside;
          for (const Tap& tap : taps.value_or(std::vector<Tap>{}))
            sum += tap.weight * values[static_cast<size_t>(from.at(o, tap.index, i))];
          result[static_cast<size_t>(to.at(o, e, i))] = sum;
        }
      }
    }
    values = std::move(result);
  }
  return {store(x.type(), extents, values)};
}

}  // namespace

std::vector<OperatorSchema> resize_operators() {
  return {{.name = "Resize",
           .summary = "the tensor sampled at another resolution, given by scales or sizes",
           .maximum_inputs = 4,
           .attributes = {{"antialias", "int", "1 widens the filter when shrinking; 0"},
                          {"axes", "ints", "the axes that scales or sizes speak of; all"},
                          {"coordinate_transformation_mode", "string",
                           "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or "
                           "tf_crop_and_resize; half_pixel"},
                          {"cubic_coeff_a", "float", "of cubic interpolation; -0.75"},
                          {"exclude_outside", "int", "1 gives taps outside no weight; 0"},
                          {"extrapolation_value", "float", "outside the crop of tf_crop_and_resize; 0"},
                          {"keep_aspect_ratio_policy", "string", "stretch, not_larger or not_smaller; stretch"},
                          {"mode", "string", "nearest, linear or cubic; nearest"},
                          {"nearest_mode", "string",
                           "round_prefer_floor, round_prefer_ceil, floor or ceil; round_prefer_floor"}},
           .infer = infer_resize,
           .cost = cost_resize,
           .reference = reference_resize}};
}

}  // namespace nacre::operators
