// The ordered lists of everything this module offers.
#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/quant/element_grid.hpp"
#include "nacre/quant/range_estimator.hpp"
#include "nacre/quant/rounding.hpp"
#include "nacre/quant/scale_scheme.hpp"

namespace nacre {

const ElementGridRegistry& element_grid_registry() {
  static const ElementGridRegistry registry = [] {
    ElementGridRegistry list("grid", "grids");
    register_integer_grids(list);
    register_float_grid(list);
    register_power_of_two_grids(list);
    register_codebook_grids(list);
    return list;
  }();
  return registry;
}

const ScaleSchemeRegistry& scale_scheme_registry() {
  static const ScaleSchemeRegistry registry = [] {
    ScaleSchemeRegistry list("scale scheme", "scale_schemes");
    register_scale_schemes(list);
    return list;
  }();
  return registry;
}

const RoundingRegistry& rounding_registry() {
  static const RoundingRegistry registry = [] {
    RoundingRegistry list("rounding", "roundings");
    list.add({.name = "nearest_even", .summary = "to the nearest, of two to the even one", .source = "IEEE 754, ONNX"},
             Rounding::nearest_even);
    list.add({.name = "half_away", .summary = "to the nearest, of two to the one farther from zero", .source = ""},
             Rounding::half_away);
    list.add({.name = "floor", .summary = "to the lower", .source = ""}, Rounding::floor);
    list.add({.name = "stochastic",
              .summary = "up with the probability of nearness: right in the mean",
              .source = "Gupta et al., arXiv 1502.02551"},
             Rounding::stochastic);
    return list;
  }();
  return registry;
}

const std::string& rounding_name(Rounding rounding) {
  const auto& entries = rounding_registry().entries();
  const auto entry = std::ranges::find(entries, rounding, &RoundingRegistry::Entry::make);
  NACRE_CHECK(entry != entries.end());
  return entry->name;
}

const RangeEstimatorRegistry& range_estimator_registry() {
  static const RangeEstimatorRegistry registry = [] {
    RangeEstimatorRegistry list("range estimator", "range_estimators");
    register_range_estimators(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
