// Draws candidates where good trials are dense and bad ones are not: what `tpe` and `bohb` share.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "nacre/base/options.hpp"
#include "nacre/search/objective.hpp"
#include "nacre/search/parzen_density.hpp"
#include "nacre/search/proposals.hpp"

namespace nacre {

struct ParzenSettings {
  double good_share = 0.2;
  int64_t candidates = 24;
  ParzenDensity::Settings density;
};

// Records of good_share, candidates, multivariate, prior_weight and bandwidth, for a strategy's own.
std::vector<Parameter> parzen_parameters(bool multivariate);
ParzenSettings parzen_settings(const Options& options);

// What was learned of one decision set.
struct ParzenTrial {
  const DecisionRow* row;
  Fitness fitness;
  int64_t number;
};

class ParzenSampler {
 public:
  // `trials` in any order, at least two; the best `good_share` of them (at least one, never all) are the good ones.
  ParzenSampler(const Trace& trace, const DecisionEncoding& encoding, std::vector<ParzenTrial> trials,
                const ParzenSettings& settings);
  // The best of `candidates` draws from the good density by the ratio of densities, among those not yet proposed if any is.
  Decisions draw(const Proposals& proposals, Random& random) const;
  const ParzenDensity& good() const { return good_; }
  const ParzenDensity& bad() const { return bad_; }

 private:
  static std::vector<const DecisionRow*> part(std::vector<ParzenTrial>& trials, double good_share, bool good);

  const Trace& trace_;
  const DecisionEncoding& encoding_;
  const ParzenSettings settings_;
  ParzenDensity good_, bad_;
};

}  // namespace nacre
