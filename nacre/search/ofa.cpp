// `ofa`: the search of Once-for-All (Cai, Gan, Wang, Zhang and Han, arXiv 1908.09791, section 3.4) among the networks of one set of
// weights: a genetic algorithm with the paper's settings (a population of 100, each gene mutated with probability 0.1). Since several
// objectives make a front here, survival is that of NSGA-II instead of the best quarter of one objective. Judging costs a look at a
// slice of the weights (evaluator supernet, which is the default with this strategy), so that nothing is predicted.
#include "nacre/search/genetic_search.hpp"
#include "nacre/search/strategies.hpp"

namespace nacre {

void add_ofa(Registry<StrategyFactory>& registry) {
  registry.add(
      {.name = "ofa",
       .summary = "networks with shared weights that need no training of their own, by a genetic algorithm; the "
                  "evaluator is supernet where none is named",
       .source = "Cai et al., Once-for-All: Train One Network and Specialize it for Efficient Deployment, ICLR 2020, "
                 "arXiv 1908.09791",
       .parameters = GeneticSearch::parameters(100, 0.1),
       .example = "strategy: ofa\npopulation_size: 50"},
      [](const Options& options, const StrategyContext& context) {
        return std::make_unique<GeneticSearch>(options, context);
      });
}

}  // namespace nacre
