#include "nacre/nn/operators/torch_window.hpp"

#include <algorithm>

namespace nacre::torch_operators {

TorchWindow read_torch_window(const NodeContext& context, std::vector<int64_t> kernel) {
  const size_t rank = kernel.size();
  TorchWindow window;
  window.kernel = std::move(kernel);
  window.stride = context.integers("strides", rank, 1);
  window.dilation = context.integers("dilations", rank, 1);
  const std::vector<int64_t> pads = context.integers("pads", 2 * rank, 0);
  window.begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
  window.end.assign(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
  window.ceil_mode = context.attributes().integer("ceil_mode", 0) != 0;
  const std::string_view auto_pad = context.attributes().text("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER") window.auto_pad = TorchWindow::AutoPad::same_upper;
  if (auto_pad == "SAME_LOWER") window.auto_pad = TorchWindow::AutoPad::same_lower;
  return window;
}

TorchWindow TorchWindow::resolved(at::IntArrayRef spatial) const {
  if (auto_pad == AutoPad::none) return *this;
  TorchWindow result = *this;
  for (size_t i = 0; i < rank(); ++i) {
    const int64_t output = (spatial[i] + stride[i] - 1) / stride[i];
    const int64_t total =
        std::max<int64_t>(0, (output - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - spatial[i]);
    const int64_t smaller = total / 2;
    result.begin[i] = auto_pad == AutoPad::same_upper ? smaller : total - smaller;
    result.end[i] = total - result.begin[i];
  }
  return result;
}

std::vector<int64_t> TorchWindow::border() const {
  std::vector<int64_t> pads;
  for (size_t i = rank(); i-- > 0;) {
    pads.push_back(begin[i]);
    pads.push_back(end[i]);
  }
  return pads;
}

}  // namespace nacre::torch_operators
