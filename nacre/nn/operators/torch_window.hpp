// Sliding windows on libtorch: strides, dilations and pads of a node, with ONNX's asymmetric and automatic padding turned
// into what libtorch takes (symmetric padding) plus an explicit border where that does not suffice.
#pragma once

#include "nacre/nn/operators/node_context.hpp"

namespace nacre::torch_operators {

struct TorchWindow {
  std::vector<int64_t> kernel, stride, dilation;
  std::vector<int64_t> begin, end;  // pads; set by resolve() when automatic
  enum class AutoPad { none, same_upper, same_lower } auto_pad = AutoPad::none;
  bool ceil_mode = false;

  size_t rank() const { return kernel.size(); }
  // Pads for an input of these spatial extents.
  TorchWindow resolved(at::IntArrayRef spatial) const;
  bool symmetric() const { return begin == end; }
  // Pads as at::constant_pad_nd takes them: last axis first, begin and end.
  std::vector<int64_t> border() const;
};

// Reads strides, dilations, pads, auto_pad and ceil_mode for a kernel of these extents.
TorchWindow read_torch_window(const NodeContext& context, std::vector<int64_t> kernel);

}  // namespace nacre::torch_operators
