// How far a design is beyond its specifications, as one number (Yang et al., "Co-Exploration of Neural Architectures and
// Heterogeneous ASIC Accelerator Designs Targeting Multiple Tasks", DAC 2020, section 4):
//
//   P = sum over specifications of max(value - spec, 0) / (bound - spec)
//
// The bound is a value that designs reach when nothing holds them back, found once for a study: with another bound in the middle of a
// search rewards could not be compared. At the bounds P is the number of specifications.
#pragma once

#include <string>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/design/metrics.hpp"
#include "nacre/search/objective.hpp"

namespace nacre {

struct Spec {
  std::string metric;
  double spec = 0;
  double bound = 0;  // above the spec
};

class SpecPenalty {
 public:
  SpecPenalty() = default;
  // UserError where a spec is not below its bound: the denominator would be none.
  explicit SpecPenalty(std::vector<Spec> specs);

  const std::vector<Spec>& specs() const { return specs_; }
  // 0 exactly when all specs hold; infinity when one of the values is not known.
  double operator()(const Metrics& metrics) const;

 private:
  std::vector<Spec> specs_;
};

// The limits (upper ones) with bounds from a map {metric: bound}; where it has none, twice the limit. UserError with position for a
// bound on what is not limited, or not above its limit; for a limit from below.
SpecPenalty spec_penalty(const std::vector<Limit>& limits, const ConfigNode& bounds);

}  // namespace nacre
