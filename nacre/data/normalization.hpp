// Bringing features to the range that networks learn well from. The statistics come from training samples alone: nothing
// of validation or test leaks into what a network sees.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nacre/base/hash.hpp"
#include "nacre/data/dataset.hpp"

namespace nacre {

enum class NormalizationKind {
  standard,  // mean 0, standard deviation 1
  range,     // smallest 0, largest 1
  none,
};

// Along axis 1 of the features (image channels, table columns): y = x * scale + shift. A missing value (NaN) becomes
// `fill`, the mean after normalization; pixels outside an image (padding) are raw zeros, so they become `shift`.
struct Normalization {
  std::vector<float> scale;
  std::vector<float> shift;
  std::vector<float> fill;

  bool operator==(const Normalization&) const = default;
  Hash128 hash() const;
};

// A channel that never varies keeps scale 1. Sums are exact for uint8; for floats the mean comes first, then the distances
// from it. `train` must not be empty.
Normalization measure_normalization(const Dataset& dataset, std::span<const int64_t> train, NormalizationKind kind);

}  // namespace nacre
