// The list of strategies, in the order in which `nacre list strategies` prints them.
#include "nacre/search/strategies.hpp"

namespace nacre {

const Registry<StrategyFactory>& strategy_registry() {
  static const Registry<StrategyFactory> registry = [] {
    Registry<StrategyFactory> list("strategy", "strategies");
    add_random(list);
    add_grid(list);
    add_local_search(list);
    add_regularized_evolution(list);
    add_nsga2(list);
    add_deepmad(list);
    add_nars(list);
    add_diffusion_nag(list);
    add_bayesian(list);
    add_command(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
