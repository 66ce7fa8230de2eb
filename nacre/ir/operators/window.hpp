// Sliding windows: what convolution and pooling share. Strides, dilations, pads and auto_pad of a node are read once,
// then give the extents of the result (symbolic ones as expressions) and the taps of the reference kernels.
#pragma once

#include <array>
#include <span>

#include "nacre/ir/schema.hpp"

namespace nacre::operators {

inline constexpr int kMaximumSpatialRank = kMaximumRank - 2;

struct WindowAxis {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;

  int64_t reach() const { return dilation * (kernel - 1) + 1; }  // input positions spanned by the kernel
};

struct Window {
  enum class AutoPad { none, valid, same_upper, same_lower };

  int rank = 0;
  std::array<WindowAxis, kMaximumSpatialRank> axes;
  AutoPad auto_pad = AutoPad::none;
  bool ceil_mode = false;
};

// From attributes strides, dilations, pads, auto_pad, ceil_mode; `kernel` holds the extents of the kernel. UserError for lists of
// the wrong length or values below 1 (0 for pads).
Window read_window(const Attributes& attributes, std::span<const int64_t> kernel);

// Extent of the result along a spatial axis of `input`; resolves auto_pad into pads of the window first. UserError when
// the kernel does not fit.
int64_t window_output(Window& window, int axis, int64_t input);
// The same for a dimension that may be a symbol.
Dim window_output(Graph& graph, Window& window, int axis, Dim input);

}  // namespace nacre::operators
