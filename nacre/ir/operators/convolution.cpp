// Convolutions: Conv and ConvTranspose over 1 to 6 spatial axes, with groups, dilations and asymmetric pads.
#include <algorithm>

#include "nacre/ir/dim_expression.hpp"
#include "nacre/ir/operators/elements.hpp"
#include "nacre/ir/operators/families.hpp"
#include "nacre/ir/operators/shape_rules.hpp"
#include "nacre/ir/operators/window.hpp"

namespace nacre::operators {
namespace {

// The spatial extents of the weight (axes 2...), which the attribute kernel_shape may only repeat; nothing when neither tells.
std::optional<std::vector<int64_t>> kernel_extents(const InferenceContext& context, const Shape& weight) {
  std::vector<int64_t> kernel;
  const std::span<const int64_t> declared = context.attributes().integers("kernel_shape");
  for (int axis = 2; axis < weight.rank(); ++axis) {
    const size_t i = static_cast<size_t>(axis - 2);
    if (!weight[axis].is_fixed()) {
      if (i >= declared.size()) return std::nullopt;
      kernel.push_back(declared[i]);
      continue;
    }
    kernel.push_back(weight[axis].extent());
    if (!declared.empty() &&
        (declared.size() != static_cast<size_t>(weight.rank() - 2) || declared[i] != kernel.back())) {
      context.fail("attribute 'kernel_shape' differs from the weight " + context.graph().shape_text(weight));
    }
  }
  return kernel;
}

Shape with_unknown_extents(Shape shape, int rank) {
  while (shape.rank() < rank) shape.push_back(Dim());
  return shape;
}

int64_t read_groups(const InferenceContext& context) {
  const int64_t groups = context.attributes().integer("group", 1);
  if (groups < 1) context.fail("attribute 'group' is " + std::to_string(groups) + ", expected at least 1");
  return groups;
}

void check_bias(const InferenceContext& context, Dim channels) {
  if (!context.has_input(2)) return;
  if (const Shape* bias = context.ranked_input(2, 1, 1))
    same_dim(context, (*bias)[0], channels, "bias and output channels");
}

void infer_conv(InferenceContext& context) {
  require_same_type(context);
  const Shape* x = context.ranked_input(0, 3);
  const Shape* weight = context.ranked_input(1, 3);
  if (x == nullptr || weight == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  if (x->rank() != weight->rank()) {
    context.fail("input " + context.graph().shape_text(*x) + " and weight " + context.graph().shape_text(*weight) +
                 " differ in rank");
  }
  const int64_t groups = read_groups(context);
  const Dim in_channels = (*x)[1];
  const Dim group_channels = (*weight)[1];
  if (in_channels.is_fixed() && group_channels.is_fixed() && in_channels.extent() != group_channels.extent() * groups) {
    context.fail("input has " + std::to_string(in_channels.extent()) + " channels, expected " +
                 std::to_string(group_channels.extent() * groups) + " for weight " +
                 context.graph().shape_text(*weight) + " and group " + std::to_string(groups));
  }
  const Dim out_channels = (*weight)[0];
  if (out_channels.is_fixed() && out_channels.extent() % groups != 0) {
    context.fail(std::to_string(out_channels.extent()) + " output channels do not divide into " +
                 std::to_string(groups) + " groups");
  }
  check_bias(context, out_channels);
  Shape result = {(*x)[0], out_channels};
  const std::optional<std::vector<int64_t>> kernel = kernel_extents(context, *weight);
  if (!kernel.has_value()) return context.set_output(0, context.input_type(0), with_unknown_extents(result, x->rank()));
  Window window = read_window(context.attributes(), *kernel);
  for (int axis = 0; axis < window.rank; ++axis)
    result.push_back(window_output(context.graph(), window, axis, (*x)[axis + 2]));
  context.set_output(0, context.input_type(0), result);
}

// stride * (input - 1) + output_padding + reach - pads, unless output_shape names the extents (ONNX, ConvTranspose-11).
void infer_conv_transpose(InferenceContext& context) {
  require_same_type(context);
  const Shape* x = context.ranked_input(0, 3);
  const Shape* weight = context.ranked_input(1, 3);
  if (x == nullptr || weight == nullptr) return context.set_output(0, context.input_type(0), std::nullopt);
  if (x->rank() != weight->rank()) {
    context.fail("input " + context.graph().shape_text(*x) + " and weight " + context.graph().shape_text(*weight) +
                 " differ in rank");
  }
  const int64_t groups = read_groups(context);
  same_dim(context, (*x)[1], (*weight)[0], "channels of input and weight");
  if ((*weight)[0].is_fixed() && (*weight)[0].extent() % groups != 0) {
    context.fail(std::to_string((*weight)[0].extent()) + " input channels do not divide into " +
                 std::to_string(groups) + " groups");
  }
  const Dim out_channels = multiply_dims(context.graph(), (*weight)[1], Dim(groups));
  check_bias(context, out_channels);
  Shape result = {(*x)[0], out_channels};
  const std::optional<std::vector<int64_t>> kernel = kernel_extents(context, *weight);
  if (!kernel.has_value()) return context.set_output(0, context.input_type(0), with_unknown_extents(result, x->rank()));
  const Window window = read_window(context.attributes(), *kernel);
  const std::span<const int64_t> declared = context.attributes().integers("output_shape");
  const std::span<const int64_t> extra = context.attributes().integers("output_padding");
  const bool same = window.auto_pad == Window::AutoPad::same_upper || window.auto_pad == Window::AutoPad::same_lower;
  for (int axis = 0; axis < window.rank; ++axis) {
    const auto i = static_cast<size_t>(axis);
    const WindowAxis& w = window.axes[i];
    if (i < declared.size()) {
      result.push_back(Dim(declared[i]));
      continue;
    }
    const Dim scaled = multiply_dims(context.graph(), (*x)[axis + 2], Dim(w.stride));
    const int64_t rest = same ? 0 : (i < extra.size() ? extra[i] : 0) + w.reach() - w.stride - w.pad_begin - w.pad_end;
    const Dim extent =
        rest >= 0 ? add_dims(context.graph(), scaled, Dim(rest)) : subtract_dims(context.graph(), scaled, Dim(-rest));
    if (scaled.is_fixed() && !extent.is_fixed())
      context.fail("pads leave nothing of the result along spatial axis " + std::to_string(axis));
    result.push_back(extent);
  }
  context.set_output(0, context.input_type(0), result);
}

OperatorCost convolution_cost(const Graph& graph, const Node& node, int64_t positions, int64_t output) {
  const Shape& weight = fixed_shape(graph, node.inputs[1]);
  // MACs = positions * elements of the weight per position; the weight holds one group's input channels.
  int64_t taps = 1;
  for (int axis = 1; axis < weight.rank(); ++axis) taps = saturating_multiply(taps, weight[axis].extent());
  const int64_t macs = saturating_multiply(positions, taps);
  const bool has_bias = node.inputs.size() > 2 && node.inputs[2] != kNone;
  const int64_t products = saturating_multiply(2, macs);
  return {.macs = macs, .flops = has_bias && products < kMaximumCount ? products + output : products};
}

OperatorCost cost_conv(const Graph& graph, const Node& node) {
  const int64_t output = output_elements(graph, node);
  return convolution_cost(graph, node, output, output);
}

OperatorCost cost_conv_transpose(const Graph& graph, const Node& node) {
  // Every input element meets weight[c, :, ...]: the taps past axis 0.
  return convolution_cost(graph, node, input_elements(graph, node), output_elements(graph, node));
}

std::vector<AttributeSchema> conv_attributes() {
  return {{"auto_pad", "string", "NOTSET (pads are given), VALID, SAME_UPPER or SAME_LOWER"},
          {"dilations", "ints", "distance between taps, per spatial axis; 1"},
          {"group", "int", "number of groups; 1"},
          {"kernel_shape", "ints", "spatial extents of the weight"},
          {"pads", "ints", "all begins, then all ends; 0"},
          {"strides", "ints", "per spatial axis; 1"}};
}

std::vector<AttributeSchema> transpose_attributes() {
  std::vector<AttributeSchema> attributes = conv_attributes();
  attributes.push_back({"output_padding", "ints", "added to the end of the result, per spatial axis; 0"});
  attributes.push_back({"output_shape", "ints", "spatial extents of the result; pads follow from them"});
  return attributes;
}

// --- reference ----------------------------------------------------------------------------------------------------

// Pairs of flat offsets: the position within a channel of the image, and the tap within a channel of the weight.
struct Tap {
  int64_t image = 0;
  int64_t weight = 0;
};

// Taps of the window at `position` that fall inside an image of the given spatial extents.
std::vector<Tap> taps_at(const Window& window, std::span<const int64_t> position, std::span<const int64_t> extents,
                         const Extents& kernel) {
  const Extents strides = strides_of(extents);
  std::vector<Tap> taps;
  Extents offset(kernel.size(), 0);
  int64_t flat = 0;
  do {
    int64_t image = 0;
    bool inside = true;
    for (size_t axis = 0; axis < kernel.size(); ++axis) {
      const WindowAxis& w = window.axes[axis];
      const int64_t at = position[axis] * w.stride - w.pad_begin + offset[axis] * w.dilation;
      inside = inside && at >= 0 && at < extents[axis];
      image += at * strides[axis];
    }
    if (inside) taps.push_back({.image = image, .weight = flat});
    ++flat;
  } while (next_position(offset, kernel));
  return taps;
}

Extents spatial(const Tensor& tensor) { return {tensor.extents().begin() + 2, tensor.extents().end()}; }

// y[n, m, p] = b[m] + sum over c of the group and taps t: x[n, c, p * stride - pad + t * dilation] * w[m, c, t]
std::vector<Tensor> reference_conv(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor& weight = input_at(inputs, 1);
  const Extents image = spatial(x);
  const Extents kernel = spatial(weight);
  Window window = read_window(node.attributes, kernel);
  Extents output;
  for (size_t axis = 0; axis < image.size(); ++axis)
    output.push_back(window_output(window, static_cast<int>(axis), image[axis]));
  const int64_t batch = x.extents()[0];
  const int64_t in_channels = x.extents()[1];
  const int64_t out_channels = weight.extents()[0];
  const int64_t group_in = weight.extents()[1];
  const int64_t group_out = out_channels / node.attributes.integer("group", 1);
  const std::vector<double> xs = load<double>(x);
  const std::vector<double> ws = load<double>(weight);
  const Tensor* bias = optional_input(inputs, 2);
  const std::vector<double> bs =
      bias == nullptr ? std::vector<double>(static_cast<size_t>(out_channels)) : load<double>(*bias);
  const int64_t image_size = count_of(image);
  const int64_t kernel_size = count_of(kernel);
  const int64_t output_size = count_of(output);
  Extents extents = {batch, out_channels};
  extents.insert(extents.end(), output.begin(), output.end());
  std::vector<double> result(static_cast<size_t>(count_of(extents)));
  Extents position(output.size(), 0);
  for (int64_t p = 0; p < output_size; ++p, next_position(position, output)) {
    const std::vector<Tap> taps = taps_at(window, position, image, kernel);
    for (int64_t n = 0; n < batch; ++n) {
      for (int64_t m = 0; m < out_channels; ++m) {
        double sum = bs[static_cast<size_t>(m)];
        for (int64_t c = 0; c < group_in; ++c) {
          const double* x_channel = xs.data() + (n * in_channels + m / group_out * group_in + c) * image_size;
          const double* w_channel = ws.data() + (m * group_in + c) * kernel_size;
          for (const Tap& tap : taps) sum += x_channel[tap.image] * w_channel[tap.weight];
        }
        result[static_cast<size_t>((n * out_channels + m) * output_size + p)] = sum;
      }
    }
  }
  return {store(x.type(), extents, result)};
}

// Extents of the result; where output_shape or auto_pad give them, the pads follow.
Extents transposed_extents(const Attributes& attributes, Window& window, std::span<const int64_t> image) {
  const std::span<const int64_t> declared = attributes.integers("output_shape");
  const std::span<const int64_t> extra = attributes.integers("output_padding");
  const bool same = window.auto_pad == Window::AutoPad::same_upper || window.auto_pad == Window::AutoPad::same_lower;
  Extents result;
  for (size_t axis = 0; axis < image.size(); ++axis) {
    WindowAxis& w = window.axes[axis];
    const int64_t full = w.stride * (image[axis] - 1) + w.reach() + (axis < extra.size() ? extra[axis] : 0);
    if (axis < declared.size() || same) {
      result.push_back(axis < declared.size() ? declared[axis] : image[axis] * w.stride);
      const int64_t pads = std::max<int64_t>(0, full - result.back());
      w.pad_begin = window.auto_pad == Window::AutoPad::same_upper ? pads / 2 : pads - pads / 2;
      w.pad_end = pads - w.pad_begin;
    } else {
      result.push_back(full - w.pad_begin - w.pad_end);
    }
    if (result.back() < 0)
      throw UserError("pads leave nothing of the result along spatial axis " + std::to_string(axis));
  }
  return result;
}

// The taps of a convolution read backwards: what it would have read at p, x[p] is now added to.
std::vector<Tensor> reference_conv_transpose(const Node& node, Inputs inputs) {
  const Tensor& x = input_at(inputs, 0);
  const Tensor& weight = input_at(inputs, 1);
  const Extents image = spatial(x);
  const Extents kernel = spatial(weight);
  Window window = read_window(node.attributes, kernel);
  const Extents output = transposed_extents(node.attributes, window, image);
  const int64_t batch = x.extents()[0];
  const int64_t in_channels = x.extents()[1];
  const int64_t groups = node.attributes.integer("group", 1);
  const int64_t group_in = in_channels / groups;
  const int64_t group_out = weight.extents()[1];
  const int64_t out_channels = group_out * groups;
  const std::vector<double> xs = load<double>(x);
  const std::vector<double> ws = load<double>(weight);
  const int64_t image_size = count_of(image);
  const int64_t kernel_size = count_of(kernel);
  const int64_t output_size = count_of(output);
  Extents extents = {batch, out_channels};
  extents.insert(extents.end(), output.begin(), output.end());
  std::vector<double> result(static_cast<size_t>(count_of(extents)));
  if (const Tensor* bias = optional_input(inputs, 2)) {
    const std::vector<double> bs = load<double>(*bias);
    for (size_t i = 0; i < result.size(); ++i)
      result[i] = bs[i / static_cast<size_t>(output_size) % static_cast<size_t>(out_channels)];
  }
  Extents position(image.size(), 0);
  for (int64_t p = 0; p < image_size; ++p, next_position(position, image)) {
    const std::vector<Tap> taps = taps_at(window, position, output, kernel);
    for (int64_t n = 0; n < batch; ++n) {
      for (int64_t c = 0; c < in_channels; ++c) {
        const double value = xs[static_cast<size_t>((n * in_channels + c) * image_size + p)];
        for (int64_t m = 0; m < group_out; ++m) {
          double* y_channel = result.data() + (n * out_channels + c / group_in * group_out + m) * output_size;
          const double* w_channel = ws.data() + (c * group_out + m) * kernel_size;
          for (const Tap& tap : taps) y_channel[tap.image] += value * w_channel[tap.weight];
        }
      }
    }
  }
  return {store(x.type(), extents, result)};
}

}  // namespace

std::vector<OperatorSchema> convolution_operators() {
  return {{.name = "Conv",
           .summary = "convolution of X [N,C,...] with W [M,C/group,...], plus B [M]",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .attributes = conv_attributes(),
           .infer = infer_conv,
           .cost = cost_conv,
           .reference = reference_conv},
          {.name = "ConvTranspose",
           .summary = "transposed convolution of X [N,C,...] with W [C,M/group,...], plus B [M]",
           .minimum_inputs = 2,
           .maximum_inputs = 3,
           .attributes = transpose_attributes(),
           .infer = infer_conv_transpose,
           .cost = cost_conv_transpose,
           .reference = reference_conv_transpose}};
}

}  // namespace nacre::operators
