// Parts, joins, borders and repetitions of tensors, on libtorch.
#include <algorithm>
#include <limits>

#include "nacre/nn/operators/late_input.hpp"

namespace nacre::torch_operators {
namespace {

TorchKernel make_concat(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 0);
  return [=](NodeRun& run) {
    at::ScalarType type = run.in(0).scalar_type();
    for (size_t i = 1; i < run.input_count(); ++i) type = at::promote_types(type, run.in(i).scalar_type());
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : run.inputs()) parts.push_back(part.to(type));
    run.out(0, at::cat(parts, axis));
  };
}

TorchKernel make_split(const NodeContext& context) {
  const int64_t axis = context.attributes().integer("axis", 0);
  const LateIntegers given(context, 1);
  const auto parts = static_cast<int64_t>(context.output_count());
  const std::string place = node_text(context.graph(), context.id());
  return [=](NodeRun& run) {
    const std::vector<int64_t> sizes = given.of(run);
    const int64_t extent = run.in(0).size(axis);
    const int64_t equal = (extent + parts - 1) / parts;
    if (!sizes.empty() && sizes.size() != run.output_count())
      throw UserError(place + ": split has " + std::to_string(sizes.size()) + " entries for " + std::to_string(parts) +
                      " outputs");
    int64_t start = 0;
    for (size_t i = 0; i < run.output_count(); ++i) {
      const int64_t size = sizes.empty() ? std::min(equal, extent - start) : sizes[i];
      run.out(i, run.in(0).narrow(axis, start, size));
      start += size;
    }
  };
}

struct SliceRange {
  int64_t axis, start, end, step;
};

at::Tensor slice(const at::Tensor& x, const SliceRange& range) {
  const int64_t extent = x.size(range.axis);
  const auto from_end = [&](int64_t i) { return i < 0 ? i + extent : i; };
  if (range.step > 0) {
    const int64_t start = std::clamp<int64_t>(from_end(range.start), 0, extent);
    const int64_t end = std::clamp<int64_t>(from_end(range.end), start, extent);
    return x.slice(range.axis, start, end, range.step);
  }
  // Backwards: the forward slice of the same elements, flipped. libtorch's slices only go forward.
  const int64_t first = std::clamp<int64_t>(from_end(range.start), -1, extent - 1);
  const int64_t last = std::clamp<int64_t>(range.end < -extent ? -1 : from_end(range.end), -1, extent - 1);
  const int64_t count = first > last ? (first - last + (-range.step) - 1) / (-range.step) : 0;
  const int64_t lowest = first + (count - 1) * range.step;
  if (count == 0) return x.slice(range.axis, 0, 0, 1);
  return at::flip(x.slice(range.axis, lowest, first + 1, -range.step), range.axis);
}

at::Tensor slice_all(const at::Tensor& x, const std::vector<int64_t>& starts, const std::vector<int64_t>& ends,
                     const std::vector<int64_t>& axes, const std::vector<int64_t>& steps) {
  const auto fits = [&](const std::vector<int64_t>& list) { return list.empty() || list.size() == starts.size(); };
  if (ends.size() != starts.size() || !fits(axes) || !fits(steps))
    throw UserError("starts, ends, axes and steps of a Slice must have the same number of entries");
  at::Tensor y = x;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t axis = axes.empty() ? static_cast<int64_t>(i) : axes[i];
    y = slice(y, {axis < 0 ? axis + x.dim() : axis, starts[i], ends[i], steps.empty() ? 1 : steps[i]});
  }
  return y;
}

TorchKernel make_slice(const NodeContext& context) {
  const LateIntegers starts(context, 1), ends(context, 2), axes(context, 3), steps(context, 4);
  return [=](NodeRun& run) {
    run.out(0, slice_all(run.in(0), starts.of(run), ends.of(run), axes.of(run), steps.of(run)));
  };
}

// Any border but a constant one: an index per axis says which element stands where.
at::Tensor pad_by_index(const at::Tensor& x, int64_t axis, int64_t begin, int64_t end, std::string_view mode) {
  const int64_t extent = x.size(axis);
  std::vector<int64_t> index;
  for (int64_t i = -begin; i < extent + end; ++i) {
    int64_t j = i;
    if (mode == "edge") j = std::clamp<int64_t>(i, 0, extent - 1);
    if (mode == "wrap") j = ((i % extent) + extent) % extent;
    if (mode == "reflect") {
      const int64_t period = std::max<int64_t>(1, 2 * (extent - 1));
      j = ((i % period) + period) % period;
      if (j >= extent) j = period - j;
    }
    index.push_back(j);
  }
  return at::index_select(x, axis, at::tensor(index, at::TensorOptions(at::kLong)).to(x.device()));
}

TorchKernel make_pad(const NodeContext& context) {
  const std::string mode(context.attributes().text("mode", "constant"));
  const LateIntegers given_pads(context, 1), given_axes(context, 3);
  const LateNumbers given_value(context, 2);
  const std::string place = node_text(context.graph(), context.id());
  return [=](NodeRun& run) {
    const at::Tensor& x = run.in(0);
    const std::vector<int64_t> pads = given_pads.of(run);
    const std::vector<double> values = given_value.of(run);
    const double value = values.empty() ? 0 : values[0];
    std::vector<int64_t> axes = given_axes.of(run);
    if (axes.empty()) {
      for (int64_t i = 0; i < x.dim(); ++i) axes.push_back(i);
    }
    if (pads.size() != 2 * axes.size())
      throw UserError(place + ": pads has " + std::to_string(pads.size()) + " entries for " +
                      std::to_string(axes.size()) + " axes");
    std::vector<int64_t> border(static_cast<size_t>(2 * x.dim()), 0);  // last axis first
    at::Tensor y = x;
    for (size_t i = 0; i < axes.size(); ++i) {
      const int64_t axis = axes[i] < 0 ? axes[i] + x.dim() : axes[i];
      const int64_t begin = pads[i], end = pads[i + axes.size()];
      border[static_cast<size_t>(2 * (x.dim() - 1 - axis))] = begin;
      border[static_cast<size_t>(2 * (x.dim() - 1 - axis) + 1)] = end;
      if (mode == "constant" || (begin == 0 && end == 0)) continue;
      // Negative pads cut first.
      y = y.narrow(axis, std::max<int64_t>(0, -begin),
                   y.size(axis) - std::max<int64_t>(0, -begin) - std::max<int64_t>(0, -end));
      y = pad_by_index(y, axis, std::max<int64_t>(0, begin), std::max<int64_t>(0, end), mode);
    }
    run.out(0, mode == "constant" ? at::constant_pad_nd(x, border, value) : y);
  };
}

TorchKernel make_tile(const NodeContext& context) {
  const LateIntegers repeats(context, 1);
  return [=](NodeRun& run) { run.out(0, run.in(0).repeat(repeats.of(run))); };
}

// ONNX's Expand broadcasts both ways: a 1 in the target keeps the input's extent.
at::Tensor expand(const at::Tensor& x, std::vector<int64_t> target) {
  while (static_cast<int64_t>(target.size()) < x.dim()) target.insert(target.begin(), 1);
  const size_t offset = target.size() - static_cast<size_t>(x.dim());
  for (size_t i = offset; i < target.size(); ++i) {
    if (target[i] == 1) target[i] = x.size(static_cast<int64_t>(i - offset));
  }
  return x.expand(target);
}

TorchKernel make_expand(const NodeContext& context) {
  const LateIntegers target(context, 1);
  return [=](NodeRun& run) { run.out(0, expand(run.in(0), target.of(run))); };
}

}  // namespace

std::vector<TorchOperator> slicing_operators() {
  return {{.name = "Concat", .make = make_concat},
          {.name = "Split", .make = make_split, .constant_inputs = {1}},
          {.name = "Slice", .make = make_slice, .constant_inputs = {1, 2, 3, 4}},
          {.name = "Pad", .make = make_pad, .constant_inputs = {1, 2, 3}},
          {.name = "Tile", .make = make_tile, .constant_inputs = {1}},
          {.name = "Expand", .make = make_expand, .constant_inputs = {1}}};
}

}  // namespace nacre::torch_operators
