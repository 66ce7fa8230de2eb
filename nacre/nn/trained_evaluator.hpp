// The evaluator `trained`: a design is as good as its network is after training on the task. Free of libtorch.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "nacre/design/evaluator.hpp"
#include "nacre/nn/arithmetic.hpp"

namespace nacre {

struct TrainedEvaluatorOptions {
  Numerics numerics;
  std::filesystem::path teacher_folder;  // where a relative recipe.teacher lies
  bool keep_weights = true;              // leave the trained weights as an artefact
  bool keep_optimizer_state = false;     // so that a later trial can continue from it (Request::parent_checkpoint)
};

// Fills the validation metrics, train_time_s, train_processor_s and train_images_per_s, the curve and the weights artefact. Weights inherited
// by the candidate and parent checkpoints are read from the context's artefact folder. Never touches the test split.
class TrainedEvaluator : public Evaluator {
 public:
  TrainedEvaluator(std::shared_ptr<const Task> task, TrainedEvaluatorOptions options);

  const std::string& name() const override;
  std::string identity() const override;
  void evaluate(const Design& design, Trial& trial, const EvaluationContext& context) override;

 private:
  std::shared_ptr<const Task> task_;
  TrainedEvaluatorOptions options_;
};

// The network of a design for a task: by the task's name, or the only one. UserError when there is none.
const Graph& graph_for_task(const Design& design, const Task& task);

// Metrics of a network that carries its weights, on one split ("evaluate", and the test of exported models).
Metrics evaluate_model(const Graph& graph, const Task& task, Split split, const Numerics& numerics = {});

// A copy of the graph with the weights of an artefact.
Graph with_artifact_weights(const Graph& graph, const std::filesystem::path& artifact);

}  // namespace nacre
