#include "nacre/quant/scale_unit.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {

ScaleUnits::ScaleUnits(std::span<const int64_t> shape, int axis, const ScaleScheme& scheme)
    : granularity_(scheme.granularity) {
  const int rank = static_cast<int>(shape.size());
  const int at = axis < 0 ? axis + std::max(rank, 1) : axis;  // a scalar has one axis of one element
  if (at < 0 || at >= std::max(rank, 1))
    throw UserError("axis " + std::to_string(axis) + " of a tensor of rank " + std::to_string(rank));
  for (int i = 0; i < rank; ++i) {
    const int64_t extent = shape[static_cast<size_t>(i)];
    if (extent < 0) throw UserError("a tensor of a negative extent, " + std::to_string(extent));
    int64_t& part = i < at ? outer_ : i == at ? extent_ : inner_;
    if (__builtin_mul_overflow(part, extent, &part)) throw UserError("a tensor of more than 2^63 elements");
  }
  int64_t all = 0;
  if (__builtin_mul_overflow(outer_, extent_, &all) || __builtin_mul_overflow(all, inner_, &all))
    throw UserError("a tensor of more than 2^63 elements");
  if (all == 0) return;
  block_ = granularity_ == Granularity::block ? std::min(scheme.block, extent_) : extent_;
  switch (granularity_) {
    case Granularity::none:
    case Granularity::tensor: count_ = 1; break;
    case Granularity::channel: count_ = extent_; break;
    case Granularity::token:
    case Granularity::block:
      blocks_ = (extent_ + block_ - 1) / block_;
      count_ = outer_ * blocks_ * inner_;
      break;
  }
}

ScaleUnit ScaleUnits::unit(int64_t index) const {
  NACRE_CHECK(index >= 0 && index < count_);
  if (granularity_ == Granularity::channel)
    return {.offset = index * inner_, .rows = outer_, .row_stride = extent_ * inner_, .columns = inner_};
  if (granularity_ == Granularity::none || granularity_ == Granularity::tensor) return {.columns = elements()};
  const int64_t within = index % inner_, block = index / inner_ % blocks_, before = index / inner_ / blocks_;
  return {.offset = before * extent_ * inner_ + block * block_ * inner_ + within,
          .columns = std::min(block_, extent_ - block * block_),
          .column_stride = inner_};
}

bool ScaleUnits::contiguous_blocks() const {
  return (granularity_ == Granularity::block || granularity_ == Granularity::token) && inner_ == 1 && count_ > 0 &&
         extent_ % block_ == 0;
}

}  // namespace nacre
