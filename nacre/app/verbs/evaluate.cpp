// nacre evaluate MODEL --config C | --study DIR: the metrics of a trained model on a split, and its cost on the configuration's target.
// --save keeps inputs, targets and answers as NPY files, for comparing the model in another runtime.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "nacre/app/plan_source.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/run/device_cost.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/run/recording_task.hpp"
#include "nacre/run/search_run.hpp"

namespace nacre {
namespace {

struct EvaluateOptions {
  std::string model;
  PlanSource source;
  std::string split = "validation";
  bool cost = false;
  std::string save;
};

Split split_from_name(const std::string& name) {
  const std::vector<std::string> names = {"train", "validation", "test"};
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    if (name == split_name(split)) return split;
  }
  throw UserError(unknown_name_message("split", name, names));
}

void evaluate(const EvaluateOptions& options, const Session& session) {
  const Plan plan = plan_from(options.source);
  const Split split = split_from_name(options.split);
  if (plan.task->size(split) == 0) throw UserError(fmt::format("the task has no {} split", options.split));
  const Graph graph = read_onnx(options.model);
  Numerics numerics;  // fp32: a deployed model is judged in the arithmetic it was exported in
  if (plan.device == "cuda" || (plan.device == "auto" && device_available(Device::cuda)))
    numerics.device = Device::cuda;
  const RecordingTask recording(*plan.task);
  const Task& task = options.save.empty() ? *plan.task : static_cast<const Task&>(recording);
  Metrics metrics = evaluate_model(graph, task, split, numerics);
  if (!options.save.empty()) {
    std::filesystem::create_directories(options.save);
    write_npy_files(options.save, recording.recorded());
  }
  if (options.cost) {
    Design design;
    design.graphs.emplace(plan.task->name(), graph);
    for (const auto& [name, metric] : cost_on_device(*plan.target, design, plan.deployment).totals)
      metrics[name] = metric;
  }
  if (session.json) {
    std::cout << Json{{"model", options.model},
                      {"split", options.split},
                      {"samples", plan.task->size(split)},
                      {"metrics", to_json(metrics)}}
                     .dump(2)
              << "\n";
    return;
  }
  std::cout << fmt::format("{} on {} {} samples\n", options.model, plan.task->size(split), options.split);
  TextTable table({"metric", ">value", "origin", "with"});
  for (const auto& [name, metric] : metrics) {
    table.add({name, metric.value.has_value() ? quantity_text(*metric.value, name, metric.unit) : "unknown",
               std::string(origin_name(metric.origin)), metric.source});
  }
  std::cout << table.text();
}

}  // namespace

void add_evaluate(Command& program, Session& session) {
  Command verb = program.add_verb("evaluate", "quality of an ONNX model on a task's data, and its cost");
  auto options = std::make_shared<EvaluateOptions>();
  verb.add_option("model", options->model, "ONNX file").required();
  verb.add_option("--config", options->source.configuration, "configuration that names the task and target");
  verb.add_option("--study", options->source.study, "instead: output folder of a search, whose configuration is taken");
  verb.add_option("--set", options->source.overrides, "override a key of the configuration");
  verb.add_option("--split", options->split, "train, validation or test");
  verb.add_flag("--cost", options->cost, "also the cost on the configuration's target");
  verb.add_option("--save", options->save,
                  "folder for the split's inputs, targets and the model's outputs, each as NAME.npy");
  verb.on_run([options, &session] { evaluate(*options, session); });
}

}  // namespace nacre
