// Evaluator `command`: the user's own training program says how good a design is.
//
// It is given the network as an ONNX file (weights drawn by the trial's seed, or inherited) and, on its standard input, one
// JSON object; the same object lies in the file {design}:
//
//   {"model": path, "output": path, "folder": path, "decisions": {..}, "recipe": {..}, "epochs", "data_share", "seed",
//    "metrics": ["accuracy", ..], "direction": "maximize", "threads"}
//
// It answers in JSON lines on standard output; lines that do not begin with a brace are taken for its log:
//
//   {"epoch": 3, "accuracy": 0.81, "loss": 0.6}          intermediate: a point of the curve, by which it may be stopped early
//   {"result": {"accuracy": 0.84}, "model": path}        the end; without it the last point is the result
//   {"error": "why"}                                     the trial fails with this reason
//
// A metric is a number, null, or {"value", "spread", "count"}. A trained network that it leaves at `output` (or names as
// "model") is kept with the trial and exported if it reaches the front. `folder` is the trial's own and survives a killed
// search: a checkpoint left there is found again. Stopped early means SIGTERM, five seconds, SIGKILL.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nacre/base/command.hpp"
#include "nacre/design/evaluator.hpp"
#include "nacre/ir/graph.hpp"

namespace nacre {

const std::vector<std::string>& command_evaluator_placeholders();

class CommandEvaluator : public Evaluator {
 public:
  CommandEvaluator(std::shared_ptr<const Task> task, CommandSettings settings, int64_t threads);

  const std::string& name() const override;
  std::string identity() const override;
  void evaluate(const Design& design, Trial& trial, const EvaluationContext& context) override;

 private:
  class Run;

  std::shared_ptr<const Task> task_;
  CommandSettings settings_;
  int64_t threads_;
};

// The trained network of a trial: its weights artefact is either weights for `design_graph` (.safetensors) or, from a program
// whose model has other names or another form, the whole network (.onnx).
Graph trained_network(const Graph& design_graph, const std::string& artifact_bytes, const std::string& artifact_name);

}  // namespace nacre
