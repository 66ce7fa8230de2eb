#include "nacre/space/spaces/cell_operators.hpp"

#include <algorithm>
#include <array>

#include "nacre/base/error.hpp"
#include "nacre/space/blocks.hpp"

namespace nacre {
namespace {

constexpr int64_t kChoked = 32;  // channels

// One sliding window; extents are (height, width).
struct CellWindow {
  std::array<int64_t, 2> kernel = {1, 1};
  std::array<int64_t, 2> stride = {1, 1};
  int64_t dilation = 1;
};

CellWindow square(int64_t kernel, int64_t stride, int64_t dilation = 1) {
  return {.kernel = {kernel, kernel}, .stride = {stride, stride}, .dilation = dilation};
}

class CellLayers {
 public:
  CellLayers(GraphBuilder& builder, int64_t channels, int64_t stride, CellStyle style)
      : b_(builder), channels_(channels), stride_(stride), style_(style) {}

  ValueId skip(ValueId x) {
    if (stride_ == 1 && b_.channels(x) == channels_) return x;
    if (style_ == CellStyle::darts) return factorized_reduce("reduce", b_, x, channels_, stride_);
    return activated_convolution("strided", b_, x, channels_, 1, stride_);
  }

  ValueId pool(const char* op, ValueId x, int64_t kernel) {
    const int64_t channels = b_.channels(x);
    x = b_.node(op, {x}, attributes(x, square(kernel, stride_)));
    if (channels == channels_) return x;
    return b_.batch_norm("bn", b_.convolution("pointwise", x, channels_, {.kernel = 1}));
  }

  ValueId separable(ValueId x, int64_t kernel) {
    int64_t stride = stride_;
    for (const char* half : {"first", "second"}) {
      const auto scope = b_.scope(half);
      x = depthwise_pointwise(x, square(kernel, stride));
      stride = 1;
    }
    return x;
  }

  ValueId dilated(ValueId x, int64_t kernel) { return depthwise_pointwise(x, square(kernel, stride_, 2)); }

  ValueId sharp(ValueId x, int64_t kernel, int64_t middle, int64_t dilation) {
    {
      const auto scope = b_.scope("first");
      x = depthwise_pointwise(x, square(kernel, stride_, dilation), middle);
    }
    const auto scope = b_.scope("second");
    return depthwise_pointwise(x, square(kernel, 1), channels_);
  }

  ValueId inverted(ValueId x, int64_t kernel) {
    const int64_t channels = b_.channels(x);
    ValueId y = activated_convolution("expand", b_, x, channels, 1);
    {
      const auto scope = b_.scope("depthwise");
      y = b_.batch_norm("bn", convolution("conv", relu(y), channels, square(kernel, stride_), channels));
    }
    {
      const auto scope = b_.scope("project");
      y = b_.batch_norm("bn", b_.convolution("conv", y, channels_, {.kernel = 1}));
    }
    return stride_ == 1 && channels == channels_ ? b_.add(x, y) : y;
  }

  ValueId rectangular(ValueId x, int64_t kernel) {
    x = convolution("wide", relu(x), channels_, {.kernel = {1, kernel}, .stride = {1, stride_}});
    return b_.batch_norm("bn", convolution("high", x, channels_, {.kernel = {kernel, 1}, .stride = {stride_, 1}}));
  }

  ValueId plain(ValueId x, int64_t kernel, int64_t dilation = 1) {
    return b_.batch_norm("bn", convolution("conv", relu(x), channels_, square(kernel, stride_, dilation)));
  }

 private:
  ValueId relu(ValueId x) { return b_.activation(x, Activation::relu); }

  ValueId depthwise_pointwise(ValueId x, const CellWindow& window) { return depthwise_pointwise(x, window, channels_); }

  ValueId depthwise_pointwise(ValueId x, const CellWindow& window, int64_t channels) {
    x = convolution("depthwise", relu(x), b_.channels(x), window, b_.channels(x));
    return b_.batch_norm("bn", b_.convolution("pointwise", x, channels, {.kernel = 1}));
  }

  // Attributes of a window on x: kernel, pads as the style says, strides, dilations.
  Attributes attributes(ValueId x, const CellWindow& window) {
    std::vector<int64_t> pads(4, 0);
    for (int axis = 0; axis < 2; ++axis) {
      const auto i = static_cast<size_t>(axis);
      const int64_t reach = window.dilation * (window.kernel[i] - 1);
      if (style_ == CellStyle::darts) {
        pads[i] = pads[i + 2] = reach / 2;
        continue;
      }
      const int64_t extent = b_.extent(x, axis + 2), stride = window.stride[i];
      const int64_t places = (extent + stride - 1) / stride;
      const int64_t total = std::max<int64_t>((places - 1) * stride + reach + 1 - extent, 0);
      pads[i] = total / 2;
      pads[i + 2] = total - total / 2;
    }
    Attributes result;
    result.set("kernel_shape", std::vector<int64_t>{window.kernel[0], window.kernel[1]});
    if (std::ranges::any_of(pads, [](int64_t pad) { return pad != 0; })) result.set("pads", pads);
    if (window.stride != std::array<int64_t, 2>{1, 1})
      result.set("strides", std::vector<int64_t>{window.stride[0], window.stride[1]});
    if (window.dilation != 1) result.set("dilations", std::vector<int64_t>(2, window.dilation));
    return result;
  }

  ValueId convolution(const char* name, ValueId x, int64_t out_channels, const CellWindow& window, int64_t groups = 1) {
    const auto scope = b_.scope(name);
    const ValueId weight =
        b_.parameter("weight", {out_channels, b_.channels(x) / groups, window.kernel[0], window.kernel[1]},
                     {Distribution::Kind::kaiming_normal_fan_out, 1.4142135623730951});
    Attributes all = attributes(x, window);
    if (groups != 1) all.set("group", groups);
    return b_.node("Conv", {x, weight}, std::move(all));
  }

  GraphBuilder& b_;
  const int64_t channels_;
  const int64_t stride_;
  const CellStyle style_;
};

}  // namespace

const std::vector<std::string>& cell_operator_names() {
  static const std::vector<std::string> kNames = {
      "max",    "avg",    "skip",   "sep3",      "sep5",      "sep7",   "dil3",   "dil5",      "inv3",
      "inv5",   "max5",   "max7",   "rect3",     "rect7",     "conv1",  "conv3",  "dilconv3",  "sharp3",
      "sharp5", "sharp7", "flood3", "dilsharp3", "dilsharp5", "flood5", "choke3", "dilflood3", "dilchoke3"};
  return kNames;
}

ValueId apply_cell_operator(const std::string& name, GraphBuilder& builder, ValueId x, int64_t channels, int64_t stride,
                            CellStyle style) {
  const auto scope = builder.scope(name);
  CellLayers layers(builder, channels, stride, style);
  if (name == "skip") return layers.skip(x);
  if (name == "avg") return layers.pool("AveragePool", x, 3);
  if (name == "max") return layers.pool("MaxPool", x, 3);
  if (name == "dilconv3") return layers.plain(x, 3, 2);
  const int64_t kernel = name.back() - '0';
  const std::string family = name.substr(0, name.size() - 1);
  if (family == "max") return layers.pool("MaxPool", x, kernel);
  if (family == "sep") return layers.separable(x, kernel);
  if (family == "dil") return layers.dilated(x, kernel);
  if (family == "inv") return layers.inverted(x, kernel);
  if (family == "rect") return layers.rectangular(x, kernel);
  if (family == "conv") return layers.plain(x, kernel);
  if (family == "sharp") return layers.sharp(x, kernel, channels, 1);
  if (family == "dilsharp") return layers.sharp(x, kernel, channels, 2);
  if (family == "flood") return layers.sharp(x, kernel, 4 * channels, 1);
  if (family == "dilflood") return layers.sharp(x, kernel, 4 * channels, 2);
  if (family == "choke") return layers.sharp(x, kernel, kChoked, 1);
  if (family == "dilchoke") return layers.sharp(x, kernel, kChoked, 2);
  throw InternalError("internal error: no cell operator '" + name + "'");
}

}  // namespace nacre
