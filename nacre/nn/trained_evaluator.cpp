#include "nacre/nn/trained_evaluator.hpp"

#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/trainer.hpp"

namespace nacre {

TrainedEvaluator::TrainedEvaluator(std::shared_ptr<const Task> task, TrainedEvaluatorOptions options)
    : task_(std::move(task)), options_(std::move(options)) {}

const std::string& TrainedEvaluator::name() const {
  static const std::string kName = "trained";
  return kName;
}

std::string TrainedEvaluator::identity() const { return "trained, " + numerics_class(options_.numerics); }

const Graph& graph_for_task(const Design& design, const Task& task) {
  const auto found = design.graphs.find(task.name());
  if (found != design.graphs.end()) return found->second;
  if (design.graphs.size() == 1) return design.graphs.begin()->second;
  throw UserError("the design has no network for task '" + task.name() + "'");
}

void TrainedEvaluator::evaluate(const Design& design, Trial& trial, const EvaluationContext& context) {
  Recipe recipe = design.recipe;
  if (!recipe.teacher.empty() && std::filesystem::path(recipe.teacher).is_relative()) {
    recipe.teacher = (options_.teacher_folder / recipe.teacher).string();
  }
  const bool continued = !trial.request.parent_checkpoint.empty();
  const std::string& source = continued ? trial.request.parent_checkpoint : trial.candidate.inherited_weights;
  std::optional<Weights> initial;
  if (!source.empty()) {
    initial = read_weights(context.artifacts / source);
    // Inherited weights are a beginning, not a training to go on with.
    if (!continued) initial->metadata.erase("training_step");
  }
  TrainingOptions options;
  options.numerics = options_.numerics;
  options.fidelity = trial.request.fidelity;
  options.seed = trial.request.seed;
  options.initial = initial.has_value() ? &*initial : nullptr;
  options.keep_optimizer_state = options_.keep_optimizer_state;
  options.interrupted = context.interrupted;
  options.report = context.report;
  TrainingResult result;
  try {
    result = train_network(graph_for_task(design, *task_), *task_, recipe, options);
  } catch (const UserError& error) {
    result.status = TrialStatus::failed;
    result.reason = error.what();
  }
  release_cached_memory();
  trial.status = result.status;
  trial.reason = result.reason;
  trial.curve = std::move(result.curve);
  trial.time_s = result.time_s;
  for (auto& [name, metric] : result.metrics) trial.metrics.insert_or_assign(name, std::move(metric));
  if (options_.keep_weights && result.status != TrialStatus::failed) {
    trial.weights = write_weights_artifact(result.weights, context.artifacts);
  }
}

Metrics evaluate_model(const Graph& graph, const Task& task, Split split, const Numerics& numerics) {
  for (const Initializer& initializer : graph.initializers()) {
    if (initializer.data == nullptr)
      throw UserError("parameter '" + value_text(graph, initializer.value) + "' has no weights");
  }
  return evaluate_network(graph, task, split, numerics);
}

Graph with_artifact_weights(const Graph& graph, const std::filesystem::path& artifact) {
  Graph result = graph;
  apply_weights(result, read_weights(artifact));
  return result;
}

}  // namespace nacre
