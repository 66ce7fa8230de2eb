// nacre train: trains one network in full with a configuration's recipe: an ONNX model (from its weights, or anew), a network of
// the configuration's space as text, or the network of a study's trial.
#include <fmt/format.h>

#include <filesystem>
#include <iostream>

#include "nacre/app/interrupt.hpp"
#include "nacre/app/plan_source.hpp"
#include "nacre/app/table.hpp"
#include "nacre/app/verb.hpp"
#include "nacre/base/log.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/parameter_roles.hpp"
#include "nacre/ir/rewrite.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/run/output_folder.hpp"
#include "nacre/run/plan.hpp"
#include "nacre/run/search_run.hpp"
#include "nacre/space/network_text.hpp"
#include "nacre/study/sqlite_store.hpp"

namespace nacre {
namespace {

struct TrainOptions {
  PlanSource source;
  std::string model, network;
  int64_t trial = -1;
  bool fresh = false;
  int64_t seed = 0;
  std::string output;
};

// Weights and running statistics lose their values, so that training starts from scratch.
void forget_weights(Graph& graph) {
  const std::vector<Distribution> distributions = fresh_distributions(graph);
  for (size_t i = 0; i < distributions.size(); ++i) {
    if (distributions[i].kind == Distribution::Kind::none) continue;
    Initializer& initializer = graph.initializer(static_cast<int32_t>(i));
    initializer.distribution = distributions[i];
    initializer.data = nullptr;
  }
}

Design design_of(const TrainOptions& options, const Plan& plan) {
  Design design;
  if (!options.model.empty()) {
    Graph graph = read_onnx(options.model);
    if (options.fresh) forget_weights(graph);
    design.graphs.emplace(plan.task->name(), std::move(graph));
    design.recipe = plan.recipe;
    return design;
  }
  if (!options.network.empty()) return plan.space->build(decisions_from_text(*plan.space, options.network));
  const auto store = open_sqlite_store(study_file(options.source.study), StoreMode::read_only);
  const auto row = store->trial(options.trial);
  if (!row.has_value()) throw UserError(fmt::format("no trial {} in '{}'", options.trial, options.source.study));
  return plan.space->build(row->trial.candidate.decisions);
}

Plan plan_of(const TrainOptions& options) {
  const int subjects = (options.model.empty() ? 0 : 1) + (options.network.empty() ? 0 : 1) +
                       (options.source.study.empty() || options.trial < 0 ? 0 : 1);
  if (subjects != 1) {
    throw UserError("expected what to train: --model FILE, --network TEXT, or --study FOLDER with --trial N");
  }
  return plan_from(options.source);
}

void print_point(const CurvePoint& point) {
  std::string line = fmt::format("epoch {:g}", point.epoch);
  for (const auto& [name, metric] : point.metrics) {
    if (metric.value.has_value()) line += fmt::format("  {} {}", name, quantity_text(*metric.value, name, metric.unit));
  }
  log_info("{}", line);
}

void train(const TrainOptions& options, const Session& session) {
  install_interrupt_handlers();
  const Plan plan = plan_of(options);
  Design design = design_of(options, plan);
  const std::filesystem::path output = options.output;
  const ComputeDecision compute = decide_compute(plan);
  const auto evaluator = make_evaluator(plan, compute.numerics);
  Trial trial;
  trial.number = 0;
  trial.request.seed = static_cast<uint64_t>(options.seed);
  EvaluationContext context;
  const std::filesystem::path scratch = std::filesystem::path(output).concat(".weights");
  context.artifacts = scratch;
  context.interrupted = [] { return interrupt_requested(); };
  context.report = [](const CurvePoint& point) {
    print_point(point);
    return true;
  };
  std::filesystem::create_directories(scratch);
  evaluator->evaluate(design, trial, context);
  if (trial.status != TrialStatus::ok) {
    std::filesystem::remove_all(scratch);
    throw UserError("training failed: " + trial.reason);
  }
  Graph graph = design.graph();
  apply_weights(graph, read_weights(scratch / trial.weights));
  std::filesystem::remove_all(scratch);
  simplify_for_deployment(graph);
  graph.metadata["nacre.recipe"] = to_json(design.recipe).dump();
  graph.metadata["nacre.task"] = plan.task->identity();
  graph.metadata["nacre.metrics"] = to_json(trial.metrics).dump();
  write_onnx(graph, output);
  if (session.json) {
    std::cout << Json{{"model", options.output}, {"metrics", to_json(trial.metrics)}}.dump(2) << "\n";
    return;
  }
  std::cout << options.output << "\n";
  for (const auto& [name, metric] : trial.metrics) {
    if (metric.value.has_value())
      std::cout << fmt::format("{} {}\n", name, quantity_text(*metric.value, name, metric.unit));
  }
}

}  // namespace

void add_train(Command& program, Session& session) {
  Command verb = program.add_verb("train", "train one network in full: an ONNX model, or the network of a trial");
  auto options = std::make_shared<TrainOptions>();
  verb.add_option("--config", options->source.configuration,
                  "configuration with the task and the recipe (with --study: optional)");
  verb.add_option("--set", options->source.overrides, "override a key, e.g. --set train.epochs=30");
  verb.add_option("--model", options->model, "ONNX file to train further");
  verb.add_option("--network", options->network,
                  "network of the configuration's space as text, or a released cell's name (nasnet-a)");
  verb.add_flag("--fresh", options->fresh, "with --model: start from new weights");
  verb.add_option("--study", options->source.study, "output folder of a search");
  verb.add_option("--trial", options->trial, "the trial whose network is trained").non_negative();
  verb.add_option("--seed", options->seed, "of weights and order of samples").non_negative();
  verb.add_option("-o,--output", options->output, "ONNX file to write").required();
  verb.on_run([options, &session] { train(*options, session); });
}

}  // namespace nacre
