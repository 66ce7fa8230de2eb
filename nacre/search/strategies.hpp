// The strategies by name: one file each, one line here and one in register.cpp.
#pragma once

#include "nacre/search/strategy.hpp"

namespace nacre {

void add_random(Registry<StrategyFactory>& registry);
void add_grid(Registry<StrategyFactory>& registry);
void add_local_search(Registry<StrategyFactory>& registry);
void add_regularized_evolution(Registry<StrategyFactory>& registry);
void add_nsga2(Registry<StrategyFactory>& registry);
void add_nsga3(Registry<StrategyFactory>& registry);
void add_deepmad(Registry<StrategyFactory>& registry);
void add_nars(Registry<StrategyFactory>& registry);
void add_diffusion_nag(Registry<StrategyFactory>& registry);
void add_eeea(Registry<StrategyFactory>& registry);
void add_ofa(Registry<StrategyFactory>& registry);
void add_tpe(Registry<StrategyFactory>& registry);
void add_mcts(Registry<StrategyFactory>& registry);
void add_successive_halving(Registry<StrategyFactory>& registry);
void add_asha(Registry<StrategyFactory>& registry);
void add_bohb(Registry<StrategyFactory>& registry);
void add_nasaic(Registry<StrategyFactory>& registry);
void add_rnn_controller(Registry<StrategyFactory>& registry);
void add_bananas(Registry<StrategyFactory>& registry);
void add_npenas(Registry<StrategyFactory>& registry);
void add_bayesian(Registry<StrategyFactory>& registry);
void add_gbdt_nas(Registry<StrategyFactory>& registry);
void add_command(Registry<StrategyFactory>& registry);

}  // namespace nacre
