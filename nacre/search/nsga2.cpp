// `nsga2`: the elitist genetic algorithm for several objectives (Deb, Pratap, Agarwal and Meyarivan, A fast and elitist
// multiobjective genetic algorithm: NSGA-II, IEEE TEC 6(2), 2002): who survives is decided by front, then by crowding distance
// (genetic_search.hpp has the rest).
#include "nacre/search/genetic_search.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {

void add_nsga2(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "nsga2",
       .summary = "genetic algorithm for several objectives: non-dominated sorting and crowding",
       .source = "Deb et al., A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE TEC 6(2), 2002",
       .parameters = GeneticSearch::parameters(24, 0.6),
       .example = "strategy: nsga2\npopulation_size: 16"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<GeneticSearch>(options, context);
      });
}

}  // namespace nacre
