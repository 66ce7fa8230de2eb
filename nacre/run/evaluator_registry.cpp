#include "nacre/run/evaluator_registry.hpp"

#include "nacre/ir/entropy.hpp"
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

// How expressive and how effective a structure can be, without data and weights (ir/entropy.hpp).
class EntropyEvaluator final : public Evaluator {
 public:
  const std::string& name() const override { return name_; }
  std::string identity() const override { return "entropy, version 1"; }
  void evaluate(const Design& design, Trial& trial, const EvaluationContext&) override {
    try {
      Graph graph = design.graph();
      graph.bind_symbols({{"batch", 1}});
      const Entropy entropy = entropy_of(entropy_scales(graph));
      trial.metrics["entropy"] = {.value = entropy.weighted, .origin = Origin::counted, .source = "structure"};
      trial.metrics["effectiveness"] = {
          .value = entropy.largest_effectiveness, .origin = Origin::counted, .source = "structure"};
      trial.status = TrialStatus::ok;
    } catch (const UserError& error) {
      trial.status = TrialStatus::failed;
      trial.reason = error.what();
    }
  }

 private:
  std::string name_ = "entropy";
};

void register_entropy(EvaluatorRegistry& registry) {
  registry.add({.name = "entropy",
                .summary = "judges the structure alone: metrics entropy and effectiveness (depth over width)",
                .source = "Shen et al., DeepMAD, CVPR 2023, arXiv 2303.02165",
                .example = "kind: entropy\n"},
               [](const Options&, const EvaluatorContext&) { return std::make_unique<EntropyEvaluator>(); });
}

}  // namespace

std::vector<MetricSpec> evaluator_metrics(std::string_view kind) {
  if (kind != "entropy") return {};
  return {{"entropy", Direction::maximize, "", "weighted entropy of the scales"},
          {"effectiveness", Direction::minimize, "", "depth over width, the largest of all scales"}};
}

const EvaluatorRegistry& evaluator_registry() {
  static const EvaluatorRegistry registry = [] {
    EvaluatorRegistry list("evaluator", "evaluators");
    register_trained(list);
    register_entropy(list);
    register_command_evaluator(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
