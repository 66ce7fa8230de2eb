// The scale that a unit of elements gets, before it is kept in the scheme's codec.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "nacre/base/registry.hpp"
#include "nacre/quant/element_grid.hpp"

namespace nacre {

// What an estimator may ask: the mean of squared errors of the unit under a scale, as the format will keep it.
using ScaleError = std::function<double(float scale)>;

struct RangeQuestion {
  std::span<const float> values;  // finite, not all zero
  const ElementGrid& grid;
  double argument = 0;  // of percentile
  ScaleError error;
};

// A scale above 0.
using RangeEstimator = std::function<float(const RangeQuestion& question)>;
using RangeEstimatorRegistry = Registry<RangeEstimator>;
const RangeEstimatorRegistry& range_estimator_registry();

// max |x| of finite values; 0 for none.
float largest_magnitude(std::span<const float> values);

// Called by register.cpp only.
void register_range_estimators(RangeEstimatorRegistry& registry);

}  // namespace nacre
