// Where the elements that share a scale lie in a row-major tensor.
//
// With shape (outer, extent, inner) around the axis: a block is `block` neighbors along the axis, strided by inner; a channel is
// outer runs of inner neighbors; the tensor is one run. Scales are kept in the order of units: of blocks (outer, block, inner).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/quant/scale_scheme.hpp"

namespace nacre {

// Elements offset + row * row_stride + column * column_stride.
struct ScaleUnit {
  int64_t offset = 0;
  int64_t rows = 1, row_stride = 0;
  int64_t columns = 0, column_stride = 1;

  int64_t elements() const { return rows * columns; }
  // Visits indices in order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) visit(offset + row * row_stride + column * column_stride);
  }
};

class ScaleUnits {
 public:
  // `axis` counts from the end when negative. UserError when the shape has no such axis, or for a negative extent.
  ScaleUnits(std::span<const int64_t> shape, int axis, const ScaleScheme& scheme);

  int64_t elements() const { return outer_ * extent_ * inner_; }
  int64_t count() const { return count_; }  // 0 for an empty tensor
  ScaleUnit unit(int64_t index) const;
  // Blocks follow each other without gaps, none shorter: element i belongs to unit i / block().
  bool contiguous_blocks() const;
  int64_t block() const { return block_; }  // elements along the axis, of blocks and tokens
  int64_t extent() const { return extent_; }
  int64_t outer() const { return outer_; }
  int64_t inner() const { return inner_; }

 private:
  Granularity granularity_;
  int64_t outer_ = 1, extent_ = 1, inner_ = 1;
  int64_t block_ = 0, blocks_ = 0, count_ = 0;
};

}  // namespace nacre
