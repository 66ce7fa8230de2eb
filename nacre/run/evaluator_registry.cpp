#include "nacre/run/evaluator_registry.hpp"

#include "nacre/ir/entropy.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/tables/open_benchmark.hpp"
#include "nacre/tables/table_evaluator.hpp"

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
  std::string identity() const override { return "entropy, version 2"; }
  void evaluate(const Design& design, Trial& trial, const EvaluationContext&) override {
    try {
      Graph graph = design.graph();
      graph.bind_symbols({{"batch", 1}});
      const std::vector<EntropyScale> scales = entropy_scales(graph);
      const Entropy entropy = entropy_of(scales);
      int64_t layers = 0;
      for (const EntropyScale& scale : scales) layers += scale.layers;
      trial.metrics["entropy"] = {.value = entropy.weighted, .origin = Origin::counted, .source = "structure"};
      trial.metrics["effectiveness"] = {
          .value = entropy.largest_effectiveness, .origin = Origin::counted, .source = "structure"};
      trial.metrics["layers"] = {
          .value = static_cast<double>(layers), .origin = Origin::counted, .source = "structure"};
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
  registry.add(
      {.name = "entropy",
       .summary = "judges the structure alone: metrics entropy, effectiveness (depth over width) and layers in a row",
       .source = "Shen et al., DeepMAD, CVPR 2023, arXiv 2303.02165",
       .example = "kind: entropy\n"},
      [](const Options&, const EvaluatorContext&) { return std::make_unique<EntropyEvaluator>(); });
}

void register_table(EvaluatorRegistry& registry) {
  std::vector<Parameter> parameters = benchmark_parameters();
  parameters.push_back({.name = "epochs",
                        .type = ParameterType::real,
                        .description =
                            "of the training whose result counts, where a trial asks for none; left out: the longest "
                            "in the table",
                        .minimum = 0});
  registry.add({.name = "table",
                .summary = "looks results up in a published benchmark's table, by the decisions of the network",
                .source = "",
                .parameters = std::move(parameters),
                .example = "kind: table\nbenchmark: nasbench201\ndataset: cifar10\n"},
               [](const Options& options, const EvaluatorContext& context) -> std::unique_ptr<Evaluator> {
                 return std::make_unique<TableEvaluator>(open_benchmark(options, {.base_folder = context.base_folder}),
                                                         context.task->metrics(),
                                                         options.has("epochs") ? options.real("epochs") : 0);
               });
}

}  // namespace

std::vector<MetricSpec> evaluator_metrics(std::string_view kind) {
  if (kind == "zero_cost") return {{"zero_cost", Direction::maximize, "", "zero-cost proxy of the untrained network"}};
  if (kind != "entropy") return {};
  return {{"entropy", Direction::maximize, "", "weighted entropy of the scales"},
          {"effectiveness", Direction::minimize, "", "depth over width, the largest of all scales"},
          {"layers", Direction::minimize, "", "convolutions one after the other, of all scales"}};
}

const EvaluatorRegistry& evaluator_registry() {
  static const EvaluatorRegistry registry = [] {
    EvaluatorRegistry list("evaluator", "evaluators");
    register_trained(list);
    register_entropy(list);
    register_zero_cost(list);
    register_command_evaluator(list);
    register_table(list);
    register_supernet_evaluator(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
