// Evaluator `supernet`: a network is as good as the shared weights of a supernet make it, with batch statistics of its own; no
// network is trained by itself. The supernet is trained once, before the search (supernet_stage.hpp); every worker reads its state.
#pragma once

#include "nacre/run/evaluator_registry.hpp"
#include "nacre/supernet/supernet_training.hpp"

namespace nacre {

// What the evaluator's options ask of the supernet. UserError for what cannot be.
SupernetSettings shared_weight_settings(const Options& options, const Recipe& train, const Space& space);

std::unique_ptr<Evaluator> make_supernet_evaluator(const Options& options, const EvaluatorContext& context);

}  // namespace nacre
