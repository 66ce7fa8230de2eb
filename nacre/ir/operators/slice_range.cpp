#include "nacre/ir/operators/slice_range.hpp"

#include <algorithm>

#include "nacre/ir/operators/shape_rules.hpp"

namespace nacre::operators {

ResolvedSlice resolve_slice(const SliceRange& range, int64_t extent) {
  // Bounds are clamped as in numpy: a forward slice into [0, extent], a backward one into [-1, extent - 1].
  const auto resolved = [&](int64_t index, int64_t low, int64_t high) {
    return std::clamp(index < 0 ? index + extent : index, low, high);
  };
  ResolvedSlice result{.start = 0, .step = range.step, .count = 0};
  if (range.step > 0) {
    result.start = resolved(range.start, 0, extent);
    const int64_t length = resolved(range.end, 0, extent) - result.start;
    result.count = length <= 0 ? 0 : (length - 1) / range.step + 1;
  } else {
    result.start = resolved(range.start, -1, extent - 1);
    const int64_t length = result.start - resolved(range.end, -1, extent - 1);
    result.count =
        length <= 0
            ? 0
            : static_cast<int64_t>(static_cast<uint64_t>(length - 1) / (~static_cast<uint64_t>(range.step) + 1)) + 1;
  }
  return result;
}

std::vector<std::pair<int, SliceRange>> read_slices(std::span<const int64_t> starts, std::span<const int64_t> ends,
                                                    std::span<const int64_t> axes, std::span<const int64_t> steps,
                                                    int rank) {
  const auto agrees = [&](std::span<const int64_t> list) { return list.empty() || list.size() == starts.size(); };
  if (ends.size() != starts.size() || !agrees(axes) || !agrees(steps))
    throw UserError("starts, ends, axes and steps differ in length");
  if (starts.size() > static_cast<size_t>(rank)) {
    throw UserError(std::to_string(starts.size()) + " slices of a tensor of " + std::to_string(rank) + " dimensions");
  }
  std::vector<int64_t> named(axes.begin(), axes.end());
  for (size_t i = named.size(); i < starts.size(); ++i) named.push_back(static_cast<int64_t>(i));
  const std::vector<int> resolved = resolve_axes(named, rank);
  std::vector<std::pair<int, SliceRange>> result;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t step = steps.empty() ? 1 : steps[i];
    if (step == 0) throw UserError("a step of 0");
    result.emplace_back(resolved[i], SliceRange{.start = starts[i], .end = ends[i], .step = step});
  }
  return result;
}

std::vector<AxisPads> read_pads(std::span<const int64_t> pads, const std::optional<std::vector<int64_t>>& axes,
                                int rank) {
  std::vector<int64_t> named;
  if (axes.has_value())
    named = *axes;
  else
    for (int axis = 0; axis < rank; ++axis) named.push_back(axis);
  if (pads.size() != 2 * named.size()) {
    throw UserError(std::to_string(pads.size()) + " pads for " + std::to_string(named.size()) +
                    " axes, expected a begin and an end of each");
  }
  std::vector<AxisPads> result(static_cast<size_t>(rank));
  const std::vector<int> resolved = resolve_axes(named, rank);
  constexpr int64_t kMaximumPad = int64_t{1} << 40;
  for (size_t i = 0; i < resolved.size(); ++i) {
    const AxisPads both{.begin = pads[i], .end = pads[i + resolved.size()]};
    if (std::max(std::abs(both.begin), std::abs(both.end)) > kMaximumPad)
      throw UserError("a pad of more than 2^40 elements");
    result[static_cast<size_t>(resolved[i])] = both;
  }
  return result;
}

int64_t equal_part(int64_t extent, int64_t count, int64_t index) {
  const int64_t part = (extent + count - 1) / count;
  return std::clamp<int64_t>(extent - part * index, 0, part);
}

}  // namespace nacre::operators
