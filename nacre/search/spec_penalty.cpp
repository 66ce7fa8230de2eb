#include "nacre/search/spec_penalty.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "nacre/base/error.hpp"

namespace nacre {

SpecPenalty::SpecPenalty(std::vector<Spec> specs) : specs_(std::move(specs)) {
  for (const Spec& spec : specs_) {
    if (!(spec.bound > spec.spec) || !std::isfinite(spec.bound))
      throw UserError(fmt::format("{}: expected a specification below its bound of {:.6g}, found {:.6g}", spec.metric,
                                  spec.bound, spec.spec));
  }
}

double SpecPenalty::operator()(const Metrics& metrics) const {
  double sum = 0;
  for (const Spec& spec : specs_) {
    const std::optional<double> value = metric_value(metrics, spec.metric);
    if (!value || !std::isfinite(*value)) return std::numeric_limits<double>::infinity();
    sum += std::max(*value - spec.spec, 0.0) / (spec.bound - spec.spec);
  }
  return sum;
}

SpecPenalty spec_penalty(const std::vector<Limit>& limits, const ConfigNode& bounds) {
  std::vector<Spec> specs;
  for (const Limit& limit : limits) {
    if (limit.at_least)
      throw UserError(bounds.position, fmt::format("{}: a specification holds from above; expected <=", limit.text()));
    // Without a bound an excess counts relative to the limit; relative to 1 where that is 0.
    specs.push_back({limit.metric, limit.bound, limit.bound + (limit.bound == 0 ? 1 : std::abs(limit.bound))});
  }
  if (!bounds.is_null() && !bounds.is_map()) throw UserError(bounds.position, "bounds: expected a map, metric: bound");
  for (const auto& [metric, node] : bounds.entries) {
    const auto spec = std::ranges::find(specs, metric, &Spec::metric);
    if (spec == specs.end()) {
      std::vector<std::string> known;
      for (const Spec& one : specs) known.push_back(one.metric);
      throw UserError(node.key_position, unknown_name_message("limited metric", metric, known));
    }
    spec->bound = node.as_real("bounds." + metric);
    if (!(spec->bound > spec->spec))
      throw UserError(node.position, fmt::format("bounds.{}: expected more than the limit of {:.6g}, found {:.6g}",
                                                 metric, spec->spec, spec->bound));
  }
  return SpecPenalty(std::move(specs));
}

}  // namespace nacre
