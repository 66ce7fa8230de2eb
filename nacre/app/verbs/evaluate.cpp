// nacre evaluate MODEL --config C: the metrics of a trained model on a split, and its cost on the configuration's target.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/nn/torch_compat.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/run/search_run.hpp"

namespace nacre {
namespace {

struct EvaluateOptions {
  std::string model;
  std::string configuration;
  std::vector<std::string> overrides;
  std::string split = "validation";
  bool cost = false;
};

Split split_from_name(const std::string& name) {
  const std::vector<std::string> names = {"train", "validation", "test"};
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    if (name == split_name(split)) return split;
  }
  throw UserError(unknown_name_message("split", name, names));
}

void evaluate(const EvaluateOptions& options, const Session& session) {
  ConfigNode root = load_config(options.configuration);
  for (const std::string& assignment : options.overrides) override_config(root, assignment);
  const Plan plan = make_plan(root, {.base_folder = std::filesystem::path(options.configuration).parent_path()});
  const Split split = split_from_name(options.split);
  if (plan.task->size(split) == 0) throw UserError(fmt::format("the task has no {} split", options.split));
  const Graph graph = read_onnx(options.model);
  Numerics numerics;  // fp32: a deployed model is judged in the arithmetic it was exported in
  if (plan.device == "cuda" || (plan.device == "auto" && device_available(Device::cuda)))
    numerics.device = Device::cuda;
  Metrics metrics = evaluate_model(graph, *plan.task, split, numerics);
  if (options.cost) {
    Design design;
    design.graphs.emplace(plan.task->name(), graph);
    for (const auto& [name, metric] : plan.target->cost(design, plan.deployment, {}).totals) metrics[name] = metric;
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

void add_evaluate(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("evaluate", "quality of an ONNX model on a task's data, and its cost");
  auto options = std::make_shared<EvaluateOptions>();
  verb->add_option("model", options->model, "ONNX file")->required();
  verb->add_option("--config", options->configuration, "configuration that names the task and target")->required();
  verb->add_option("--set", options->overrides, "override a key of the configuration");
  verb->add_option("--split", options->split, "train, validation or test");
  verb->add_flag("--cost", options->cost, "also the cost on the configuration's target");
  verb->callback([options, &session] { evaluate(*options, session); });
}

}  // namespace nacre
