// Ranges along an axis as Slice, Split and Pad write them, resolved for an extent: shared by inference and kernels.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "nacre/ir/schema.hpp"

namespace nacre::operators {

// An end at or past this is "to the end", whatever the extent (exporters write INT32_MAX or INT64_MAX).
inline constexpr int64_t kSliceToEnd = std::numeric_limits<int32_t>::max();

struct SliceRange {
  int64_t start = 0;
  int64_t end = 0;
  int64_t step = 1;
};

// First index and number of elements, the step unchanged.
struct ResolvedSlice {
  int64_t start = 0;
  int64_t step = 1;
  int64_t count = 0;
};

ResolvedSlice resolve_slice(const SliceRange& range, int64_t extent);

// (axis, range) pairs from Slice's inputs; empty axes are 0, 1, ...; empty steps are 1. UserError for lists that do not agree.
std::vector<std::pair<int, SliceRange>> read_slices(std::span<const int64_t> starts, std::span<const int64_t> ends,
                                                    std::span<const int64_t> axes, std::span<const int64_t> steps,
                                                    int rank);

struct AxisPads {
  int64_t begin = 0;  // negative removes
  int64_t end = 0;
};

// One entry per axis of a tensor of that rank, from Pad's lists.
std::vector<AxisPads> read_pads(std::span<const int64_t> pads, const std::optional<std::vector<int64_t>>& axes,
                                int rank);

// Extent of part `index` of `count` parts of ceil(extent / count); the last ones may be smaller.
int64_t equal_part(int64_t extent, int64_t count, int64_t index);

}  // namespace nacre::operators
