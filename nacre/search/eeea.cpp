// `eeea`: NSGA-II whose first population holds no network beyond a bound on a cost that is known without training (Termritthikun,
// Jamtsho, Ieamsaard, Muneesawang and Lee, EEEA-Net: an early exit evolutionary neural architecture search, Engineering
// Applications of Artificial Intelligence 104, 2021, arXiv 2108.06156). The bound is an option of `nsga2` too (early_exit.hpp);
// what is left are the paper's settings: a population of 40, mutation and inversion at 0.1 each. Where the released code differs
// from the paper it is not followed: all objectives decide who dominates, two genes really change places, and what was proposed
// once is drawn again instead of shrinking the population.
#include "nacre/search/genetic_search.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {

void add_eeea(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "eeea",
       .summary = "NSGA-II whose first population holds small networks only (early exit)",
       .source =
           "Termritthikun et al., EEEA-Net: an early exit evolutionary neural architecture search, EAAI 104, 2021",
       .parameters = GeneticSearch::parameters(40, 0.1, 0.1),
       .example = "strategy: eeea\nexit_metric: params\nexit_bound: 200000\npopulation_size: 16"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<GeneticSearch>(options, context);
      });
}

}  // namespace nacre
