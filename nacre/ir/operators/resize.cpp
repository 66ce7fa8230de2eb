// Resize: sampling an image (any tensor) at another resolution, by nearest or linear interpolation.
#include <cmath>

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
      if (scale == 1.0) continue;
      dim = dim.is_fixed() ? Dim(static_cast<int64_t>(std::floor(static_cast<double>(dim.extent()) * scale))) : Dim();
    }
  }
  context.set_output(0, context.input_type(0), result);
}

OperatorCost cost_resize(const Graph& graph, const Node& node) {
  const bool linear = node.attributes.text("mode", "nearest") == "linear";
  return {.macs = 0, .flops = linear ? saturating_multiply(output_elements(graph, node), 7) : 0};
}

}  // namespace

std::vector<OperatorSchema> resize_operators() {
  return {{.name = "Resize",
           .summary = "the tensor sampled at another resolution, given by scales or sizes",
           .maximum_inputs = 4,
           .attributes = {{"antialias", "int", "1 widens the filter when shrinking; 0"},
                          {"axes", "ints", "the axes that scales or sizes speak of; all"},
                          {"coordinate_transformation_mode", "string",
                           "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or tf_crop_and_resize; half_pixel"},
                          {"cubic_coeff_a", "float", "of cubic interpolation; -0.75"},
                          {"exclude_outside", "int", "1 gives taps outside no weight; 0"},
                          {"extrapolation_value", "float", "outside the crop of tf_crop_and_resize; 0"},
                          {"keep_aspect_ratio_policy", "string", "stretch, not_larger or not_smaller; stretch"},
                          {"mode", "string", "nearest, linear or cubic; nearest"},
                          {"nearest_mode", "string", "round_prefer_floor, round_prefer_ceil, floor or ceil; round_prefer_floor"}},
           .infer = infer_resize,
           .cost = cost_resize}};
}

}  // namespace nacre::operators
