// The lists of strategies and stopping rules, in the order in which `nacre list strategies` prints them.
#include "nacre/search/stopping.hpp"
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
    add_nsga3(list);
    add_deepmad(list);
    add_nars(list);
    add_diffusion_nag(list);
    add_eeea(list);
    add_ofa(list);
    add_tpe(list);
    add_mcts(list);
    add_successive_halving(list);
    add_asha(list);
    add_bohb(list);
    add_rnn_controller(list);
    add_nasaic(list);
    add_bananas(list);
    add_npenas(list);
    add_bayesian(list);
    add_gbdt_nas(list);
    add_command(list);
    return list;
  }();
  return registry;
}

const Registry<StoppingRuleFactory>& stopping_rule_registry() {
  static const Registry<StoppingRuleFactory> registry = [] {
    Registry<StoppingRuleFactory> list("stopping rule", "stopping_rules");
    add_learning_curve_rule(list);
    add_median_rule(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
