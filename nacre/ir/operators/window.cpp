#include "nacre/ir/operators/window.hpp"

#include <algorithm>

#include "nacre/ir/dim_expression.hpp"

namespace nacre::operators {
namespace {

constexpr int64_t kMaximumStep = int64_t{1} << 40;  // no product of a kernel and a dilation overflows

std::span<const int64_t> checked_list(const Attributes& attributes, std::string_view name, size_t length,
                                      int64_t minimum) {
  const std::span<const int64_t> list = attributes.integers(name);
  if (list.empty()) return list;
  if (list.size() != length) {
    throw UserError("attribute '" + std::string(name) + "' has " + std::to_string(list.size()) + " entries, expected " +
                    std::to_string(length));
  }
  for (const int64_t entry : list) {
    if (entry < minimum || entry >= kMaximumStep) {
      throw UserError("attribute '" + std::string(name) + "' holds " + std::to_string(entry) + ", expected at least " +
                      std::to_string(minimum));
    }
  }
  return list;
}

Window::AutoPad read_auto_pad(const Attributes& attributes) {
  const std::string_view text = attributes.text("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return Window::AutoPad::none;
  if (text == "VALID") return Window::AutoPad::valid;
  if (text == "SAME_UPPER") return Window::AutoPad::same_upper;
  if (text == "SAME_LOWER") return Window::AutoPad::same_lower;
  throw UserError("attribute 'auto_pad' is '" + std::string(text) +
                  "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
}

}  // namespace

Window read_window(const Attributes& attributes, std::span<const int64_t> kernel) {
  if (kernel.empty() || kernel.size() > static_cast<size_t>(kMaximumSpatialRank)) {
    throw UserError("a window over " + std::to_string(kernel.size()) + " axes, expected 1 to " +
                    std::to_string(kMaximumSpatialRank));
  }
  Window window;
  window.rank = static_cast<int>(kernel.size());
  window.auto_pad = attributes.has("auto_pad") ? read_auto_pad(attributes) : Window::AutoPad::none;
  window.ceil_mode = attributes.integer("ceil_mode", 0) != 0;
  const auto strides = checked_list(attributes, "strides", kernel.size(), 1);
  const auto dilations = checked_list(attributes, "dilations", kernel.size(), 1);
  const auto pads = checked_list(attributes, "pads", 2 * kernel.size(), 0);
  for (size_t i = 0; i < kernel.size(); ++i) {
    WindowAxis& axis = window.axes[i];
    axis.kernel = kernel[i];
    if (axis.kernel < 1 || axis.kernel >= kMaximumStep)
      throw UserError("kernel extent " + std::to_string(kernel[i]) + ", expected at least 1");
    if (!strides.empty()) axis.stride = strides[i];
    if (!dilations.empty()) axis.dilation = dilations[i];
    if (axis.kernel > 1 && axis.dilation > kMaximumStep / axis.kernel)
      throw UserError("a dilated kernel of more than 2^40 positions");
    if (!pads.empty() && window.auto_pad == Window::AutoPad::none) {
      axis.pad_begin = pads[i];
      axis.pad_end = pads[i + kernel.size()];
    }
  }
  return window;
}

int64_t window_output(Window& window, int axis_index, int64_t input) {
  WindowAxis& axis = window.axes[static_cast<size_t>(axis_index)];
  if (window.auto_pad == Window::AutoPad::same_upper || window.auto_pad == Window::AutoPad::same_lower) {
    const int64_t output = (input + axis.stride - 1) / axis.stride;
    const int64_t padding = std::max<int64_t>(0, (output - 1) * axis.stride + axis.reach() - input);
    axis.pad_begin = window.auto_pad == Window::AutoPad::same_upper ? padding / 2 : padding - padding / 2;
    axis.pad_end = padding - axis.pad_begin;
    return output;
  }
  const int64_t room = input + axis.pad_begin + axis.pad_end - axis.reach();
  if (room < 0) {
    throw UserError("a kernel spanning " + std::to_string(axis.reach()) + " does not fit the padded input extent " +
                    std::to_string(input + axis.pad_begin + axis.pad_end));
  }
  int64_t output = room / axis.stride + 1;
  // ceil_mode keeps a last, partial window unless it starts in the right padding (ONNX, AveragePool-19).
  if (window.ceil_mode && room % axis.stride != 0 && output * axis.stride < input + axis.pad_begin) ++output;
  return output;
}

Dim window_output(Graph& graph, Window& window, int axis_index, Dim input) {
  if (input.is_fixed()) return window_output(window, axis_index, input.extent());
  if (input.is_unknown()) return {};
  const WindowAxis& axis = window.axes[static_cast<size_t>(axis_index)];
  const Dim stride(axis.stride);
  if (window.auto_pad == Window::AutoPad::same_upper || window.auto_pad == Window::AutoPad::same_lower) {
    return divide_dims(graph, add_dims(graph, input, Dim(axis.stride - 1)), stride);
  }
  if (window.ceil_mode && axis.stride != 1) return {};
  // floor((input + room) / stride) + 1 with room = pads - reach
  const int64_t room = axis.pad_begin + axis.pad_end - axis.reach() + axis.stride;
  const Dim shifted = room >= 0 ? add_dims(graph, input, Dim(room)) : subtract_dims(graph, input, Dim(-room));
  return divide_dims(graph, shifted, stride);
}

}  // namespace nacre::operators
