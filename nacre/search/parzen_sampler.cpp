#include "nacre/search/parzen_sampler.hpp"

#include <algorithm>
#include <cmath>

namespace nacre {

std::vector<Parameter> parzen_parameters(bool multivariate) {
  return {{.name = "good_share",
           .type = ParameterType::real,
           .description = "share of the trials that counts as good",
           .default_value = 0.2,
           .minimum = 0.001,
           .maximum = 0.9},
          {.name = "candidates",
           .type = ParameterType::integer,
           .description = "draws from the density of good trials, of which the one with the best ratio is asked",
           .default_value = 24,
           .minimum = 1,
           .maximum = 10000},
          {.name = "multivariate",
           .type = ParameterType::boolean,
           .description = "one density over all decisions together instead of one for each",
           .default_value = multivariate},
          {.name = "prior_weight",
           .type = ParameterType::real,
           .description = "weight of the uniform distribution, in trials",
           .default_value = 1,
           .minimum = 1e-6,
           .maximum = 1e6},
          {.name = "bandwidth",
           .type = ParameterType::real,
           .description =
               "how far a trial's alternatives reach: of ordered ones as share of their number, of others (in the "
               "multivariate form) as probability of another one",
           .default_value = 0.15,
           .minimum = 0.001,
           .maximum = 0.9}};
}

ParzenSettings parzen_settings(const Options& options) {
  return {.good_share = options.real("good_share"),
          .candidates = options.integer("candidates"),
          .density = {.multivariate = options.boolean("multivariate"),
                      .prior = options.real("prior_weight"),
                      .bandwidth = options.real("bandwidth")}};
}

std::vector<const DecisionRow*> ParzenSampler::part(std::vector<ParzenTrial>& trials, double good_share, bool good) {
  std::ranges::sort(trials, [](const ParzenTrial& a, const ParzenTrial& b) {
    return std::pair(a.fitness, a.number) < std::pair(b.fitness, b.number);
  });
  const auto count = static_cast<double>(trials.size());
  const auto split = static_cast<size_t>(std::clamp(std::ceil(good_share * count), 1.0, count - 1));
  std::vector<const DecisionRow*> rows;
  for (size_t i = good ? 0 : split; i < (good ? split : trials.size()); ++i) rows.push_back(trials[i].row);
  return rows;
}

ParzenSampler::ParzenSampler(const Trace& trace, const DecisionEncoding& encoding, std::vector<ParzenTrial> trials,
                             const ParzenSettings& settings)
    : trace_(trace),
      encoding_(encoding),
      settings_(settings),
      good_(trace, part(trials, settings.good_share, true), settings.density),
      bad_(trace, part(trials, settings.good_share, false), settings.density) {}

Decisions ParzenSampler::draw(const Proposals& proposals, Random& random) const {
  Decisions best;
  double most = 0;
  bool found = false, best_is_new = false;
  for (int64_t i = 0; i < settings_.candidates; ++i) {
    Decisions drawn = trace_.complete(good_.draw(random), random);
    const bool is_new = !proposals.known(drawn);
    if (found && best_is_new && !is_new) continue;
    const DecisionRow row = encoding_.row(drawn);
    const double ratio = good_.log_density(row) - bad_.log_density(row);
    if (!found || is_new > best_is_new || ratio > most) {
      best = std::move(drawn);
      most = ratio;
      best_is_new = is_new;
      found = true;
    }
  }
  return best;
}

}  // namespace nacre
