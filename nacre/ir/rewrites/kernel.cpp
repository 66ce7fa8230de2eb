// The steps on kernels: pure functions of numbers. Reading and writing is in kernel_nodes.cpp.
#include "nacre/ir/rewrites/kernel.hpp"

#include <algorithm>
#include <numeric>

namespace nacre::rewrites {

using operators::WindowAxis;

int64_t Kernel::taps() const {
  int64_t product = 1;
  for (const WindowAxis& axis : axes) product *= axis.kernel;
  return product;
}

bool Kernel::is_padded() const {
  return std::ranges::any_of(axes, [](const WindowAxis& axis) { return axis.pad_begin != 0 || axis.pad_end != 0; });
}

bool Kernel::is_pointwise() const { return !transposed && taps() == 1 && !is_padded(); }

ChannelMap spread(const ChannelMap& map, int64_t channels) {
  if (static_cast<int64_t>(map.factor.size()) == channels) return map;
  const auto count = static_cast<size_t>(channels);
  return {std::vector<double>(count, map.factor.at(0)), std::vector<double>(count, map.offset.at(0)), map.shifts};
}

Kernel map_outputs(const Kernel& kernel, const ChannelMap& map) {
  Kernel result = kernel;
  const auto outputs = static_cast<size_t>(kernel.outputs);
  const size_t row = kernel.weight.size() / std::max<size_t>(1, outputs);
  if (map.shifts) result.bias.resize(outputs, 0.0);
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t i = 0; i < row; ++i) result.weight[o * row + i] *= map.factor[o];
    if (result.has_bias()) result.bias[o] = map.factor[o] * result.bias[o] + map.offset[o];
  }
  return result;
}

std::optional<Kernel> map_inputs(const Kernel& kernel, const ChannelMap& map) {
  if (map.shifts && (kernel.transposed || kernel.is_padded())) return std::nullopt;
  Kernel result = kernel;
  const auto taps = static_cast<size_t>(kernel.taps());
  const auto columns = static_cast<size_t>(kernel.group_inputs());
  if (map.shifts) result.bias.resize(static_cast<size_t>(kernel.outputs), 0.0);
  for (size_t o = 0; o < static_cast<size_t>(kernel.outputs); ++o) {
    const size_t first_input = o / static_cast<size_t>(kernel.group_outputs()) * columns;
    for (size_t i = 0; i < columns; ++i) {
      for (size_t t = 0; t < taps; ++t) {
        double& weight = result.weight[(o * columns + i) * taps + t];
        if (map.shifts) result.bias[o] += weight * map.offset[first_input + i];
        weight *= map.factor[first_input + i];
      }
    }
  }
  return result;
}

Kernel kernel_of(const ChannelMap& map) {
  const auto channels = static_cast<int64_t>(map.factor.size());
  Kernel result{.inputs = channels, .outputs = channels, .groups = channels};
  result.weight = map.factor;
  if (map.shifts) result.bias = map.offset;
  return result;
}

Kernel with_groups(const Kernel& kernel, int64_t groups) {
  NACRE_CHECK(groups > 0 && kernel.groups % groups == 0);
  if (groups == kernel.groups) return kernel;
  Kernel result = kernel;
  result.groups = groups;
  const auto taps = static_cast<size_t>(kernel.taps());
  const auto columns = static_cast<size_t>(kernel.group_inputs());
  const auto new_columns = static_cast<size_t>(result.group_inputs());
  result.weight.assign(static_cast<size_t>(kernel.outputs) * new_columns * taps, 0.0);
  for (size_t o = 0; o < static_cast<size_t>(kernel.outputs); ++o) {
    const size_t first_input = o / static_cast<size_t>(kernel.group_outputs()) * columns;
    const size_t new_first_input = o / static_cast<size_t>(result.group_outputs()) * new_columns;
    const auto source = kernel.weight.begin() + static_cast<std::ptrdiff_t>(o * columns * taps);
    const size_t target = (o * new_columns + first_input - new_first_input) * taps;
    std::copy_n(source, columns * taps, result.weight.begin() + static_cast<std::ptrdiff_t>(target));
  }
  return result;
}

// --- sums ---------------------------------------------------------------------------------------------------------

namespace {

// Where the last tap lies beside the output position times the stride.
int64_t last_offset(const WindowAxis& axis) { return axis.dilation * (axis.kernel - 1) - axis.pad_begin; }

// The smallest window that has the taps of both, at the same places.
std::optional<WindowAxis> common_axis(const WindowAxis& a, const WindowAxis& b, bool same_extents) {
  if (a.stride != b.stride) return std::nullopt;
  // pad_end - last_offset decides, with the input, the extent of the result.
  const int64_t slack_a = a.pad_end - last_offset(a);
  const int64_t slack_b = b.pad_end - last_offset(b);
  if (slack_a != slack_b && !same_extents) return std::nullopt;
  int64_t step = a.pad_begin > b.pad_begin ? a.pad_begin - b.pad_begin : b.pad_begin - a.pad_begin;
  if (a.kernel > 1) step = std::gcd(step, a.dilation);
  if (b.kernel > 1) step = std::gcd(step, b.dilation);
  if (step == 0) step = 1;
  WindowAxis result;
  result.stride = a.stride;
  result.dilation = step;
  result.pad_begin = std::max(a.pad_begin, b.pad_begin);
  const int64_t last = std::max(last_offset(a), last_offset(b));
  result.kernel = (last + result.pad_begin) / step + 1;
  if (result.kernel == 1) result.dilation = 1;
  result.pad_end = std::min(slack_a, slack_b) + last;
  return result;
}

// For each tap of the window `from`, the flat index of the tap of `to` at the same place.
std::vector<size_t> tap_positions(const std::vector<WindowAxis>& from, const std::vector<WindowAxis>& to) {
  std::vector<size_t> positions = {0};
  for (size_t axis = 0; axis < to.size(); ++axis) {
    std::vector<size_t> longer;
    for (const size_t position : positions) {
      for (int64_t tap = 0; tap < from[axis].kernel; ++tap) {
        const int64_t offset = from[axis].dilation * tap - from[axis].pad_begin + to[axis].pad_begin;
        longer.push_back(position * static_cast<size_t>(to[axis].kernel) +
                         static_cast<size_t>(offset / to[axis].dilation));
      }
    }
    positions = std::move(longer);
  }
  return positions;
}

void add_kernel(Kernel& sum, const Kernel& kernel) {
  const auto positions = tap_positions(kernel.axes, sum.axes);
  const auto taps = static_cast<size_t>(sum.taps());
  const size_t filters = kernel.weight.size() / std::max<size_t>(1, positions.size());
  for (size_t f = 0; f < filters; ++f) {
    for (size_t t = 0; t < positions.size(); ++t)
      sum.weight[f * taps + positions[t]] += kernel.weight[f * positions.size() + t];
  }
  if (kernel.bias.empty()) return;
  sum.bias.resize(static_cast<size_t>(sum.outputs), 0.0);
  for (size_t o = 0; o < kernel.bias.size(); ++o) sum.bias[o] += kernel.bias[o];
}

}  // namespace

std::optional<Kernel> sum_of(const Kernel& a, const Kernel& b, bool same_extents) {
  if (a.inputs != b.inputs || a.outputs != b.outputs || a.transposed || b.transposed) return std::nullopt;
  const int64_t groups = std::gcd(a.groups, b.groups);
  Kernel left = with_groups(a, groups);
  Kernel right = with_groups(b, groups);
  // A map of channels has no window of its own: it is the one tap in the middle of the other's.
  if (left.axes.empty()) left.axes.resize(right.axes.size());
  if (right.axes.empty()) right.axes.resize(left.axes.size());
  if (left.axes.size() != right.axes.size()) return std::nullopt;
  Kernel sum{.inputs = a.inputs, .outputs = a.outputs, .groups = groups};
  for (size_t i = 0; i < left.axes.size(); ++i) {
    const std::optional<WindowAxis> axis = common_axis(left.axes[i], right.axes[i], same_extents);
    if (!axis.has_value() || axis->pad_end < 0) return std::nullopt;
    sum.axes.push_back(*axis);
  }
  sum.weight.assign(static_cast<size_t>(sum.outputs * sum.group_inputs() * sum.taps()), 0.0);
  add_kernel(sum, left);
  add_kernel(sum, right);
  return sum;
}

// --- compositions -------------------------------------------------------------------------------------------------

std::optional<Kernel> composition_of(const Kernel& first, const Kernel& second) {
  if (first.outputs != second.inputs || first.transposed || second.transposed) return std::nullopt;
  if (first.axes.size() != second.axes.size()) return std::nullopt;
  const bool first_is_plain =
      first.is_pointwise() && std::ranges::all_of(first.axes, [](const WindowAxis& axis) { return axis.stride == 1; });
  Kernel result{.inputs = first.inputs, .outputs = second.outputs};
  result.groups = std::gcd(first.groups, second.groups);
  if (second.is_pointwise()) {
    result.axes = first.axes;
    for (size_t i = 0; i < result.axes.size(); ++i) result.axes[i].stride *= second.axes[i].stride;
  } else if (first_is_plain && !(first.has_bias() && second.is_padded())) {
    result.axes = second.axes;
  } else {
    return std::nullopt;
  }
  const Kernel inner = with_groups(first, result.groups);
  const Kernel outer = with_groups(second, result.groups);
  const auto taps = static_cast<size_t>(result.taps());
  const auto inner_taps = static_cast<size_t>(inner.taps());
  const auto outer_taps = static_cast<size_t>(outer.taps());
  const auto columns = static_cast<size_t>(result.group_inputs());
  const auto middle = static_cast<size_t>(outer.group_inputs());
  result.weight.assign(static_cast<size_t>(result.outputs) * columns * taps, 0.0);
  result.bias = outer.bias;
  if (inner.has_bias()) result.bias.resize(static_cast<size_t>(result.outputs), 0.0);
  for (size_t o = 0; o < static_cast<size_t>(result.outputs); ++o) {
    const size_t first_middle = o / static_cast<size_t>(outer.group_outputs()) * middle;
    for (size_t m = 0; m < middle; ++m) {
      for (size_t s = 0; s < outer_taps; ++s) {
        const double weight = outer.weight[(o * middle + m) * outer_taps + s];
        if (inner.has_bias()) result.bias[o] += weight * inner.bias[first_middle + m];
        for (size_t i = 0; i < columns; ++i) {
          for (size_t t = 0; t < inner_taps; ++t) {
            // One of s and t is 0.
            result.weight[(o * columns + i) * taps + s + t] +=
                weight * inner.weight[((first_middle + m) * columns + i) * inner_taps + t];
          }
        }
      }
    }
  }
  return result;
}

}  // namespace nacre::rewrites
