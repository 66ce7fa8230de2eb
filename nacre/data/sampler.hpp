// Turning stored samples into rows of a batch: gathering, per-sample augmentation (random crop after padding, horizontal
// flip; He et al., arXiv 1512.03385, section 4.2) and normalization in one pass over the bytes.
#pragma once

#include <cstdint>
#include <span>

#include "nacre/base/random.hpp"
#include "nacre/data/dataset.hpp"
#include "nacre/data/normalization.hpp"

namespace nacre {

struct Augmentation {
  int64_t crop_padding = 0;      // pixels added on each side before cropping back to the size
  bool horizontal_flip = false;  // with probability 1/2

  bool active() const { return crop_padding > 0 || horizontal_flip; }
};

// What augmentation does to one sample: output pixel (y, x) is input pixel (y + dy, x' + dx), x' mirrored when flipped.
struct AugmentationDraw {
  int64_t dy = 0;
  int64_t dx = 0;
  bool flip = false;
};

// The order of draws is fixed (dy, dx, flip; only what is active), so that a seed means the same batch everywhere.
AugmentationDraw draw_augmentation(const Augmentation& augmentation, Random& random);

// float32 [indices.size(), ...]. Augmentation applies to images only; for other samples it is ignored and draws nothing.
Tensor gather_features(const Dataset& dataset, std::span<const int64_t> indices, const Normalization& normalization,
                       const Augmentation& augmentation, Random& random);
// Rows of the labels: int64 [n] or float32 [n, outputs].
Tensor gather_labels(const Dataset& dataset, std::span<const int64_t> indices);

inline constexpr int64_t kIgnoredPixel =
    -100;  // class of a pixel that a crop brought in from outside: no loss is taken there
// Masks, int64 [n, height, width], cropped and flipped as gather_features does it from a `random` of the same state.
Tensor gather_masks(const Dataset& dataset, std::span<const int64_t> indices, const Augmentation& augmentation,
                    Random random);

}  // namespace nacre
