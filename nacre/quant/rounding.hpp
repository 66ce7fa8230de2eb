// How a number between two neighbors of a grid becomes one of them.
#pragma once

#include "nacre/base/registry.hpp"

namespace nacre {

enum class Rounding {
  nearest_even,  // the nearer; of two equally near the one at an even place, counted from zero (IEEE 754, ONNX)
  half_away,     // the nearer; of two equally near the one farther from zero
  floor,         // the lower
  stochastic,    // the upper with the probability of its nearness: right in the mean
};

// The word in formats: "nearest_even", ...
const std::string& rounding_name(Rounding rounding);

using RoundingRegistry = Registry<Rounding>;
const RoundingRegistry& rounding_registry();

}  // namespace nacre
