#include "nacre/run/evaluator_registry.hpp"

#include "nacre/nn/trained_evaluator.hpp"

namespace nacre {
namespace {

void register_trained(EvaluatorRegistry& registry) {
  registry.add({.name = "trained",
                .summary = "trains the network here on the task's data, by the recipe of the section train",
                .source = "",
                .example = "kind: trained\n"},
               [](const Options&, const EvaluatorContext& context) -> std::unique_ptr<Evaluator> {
                 TrainedEvaluatorOptions options;
                 options.numerics = context.numerics;
                 options.teacher_folder = context.base_folder;
                 return std::make_unique<TrainedEvaluator>(context.task, options);
               });
}

}  // namespace

const EvaluatorRegistry& evaluator_registry() {
  static const EvaluatorRegistry registry = [] {
    EvaluatorRegistry list("evaluator", "evaluators");
    register_trained(list);
    register_command_evaluator(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
