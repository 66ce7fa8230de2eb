// Methods that learn an architecture with the weights of a supernet: settings of one engine (supernet_training.hpp) under one key
// of the configuration, search.strategy, as the ask/tell strategies have. A method trains its supernet once, then proposes
// networks: the most probable one first, then others drawn from what was learned; they are trained and recorded as any trial.
//
// A new method is a record with its own defaults and a line in register.cpp. No libtorch here.
#pragma once

#include "nacre/base/registry.hpp"
#include "nacre/supernet/supernet_training.hpp"

namespace nacre {

// Settings from a method's options; `train` is the recipe of the networks that stand alone, which the supernet's weights are trained
// by but for what the method's options say. UserError for values that contradict each other.
using MethodFactory = std::function<SupernetSettings(const Options& options, const Recipe& train)>;

const Registry<MethodFactory>& supernet_method_registry();

// Networks that a trained supernet proposes, each once: the most probable one, then drawn ones until there are `count`, or a hundred
// draws bring nothing new.
std::vector<Decisions> proposed_networks(const SupernetTraining& training, int64_t count, uint64_t seed);

}  // namespace nacre
