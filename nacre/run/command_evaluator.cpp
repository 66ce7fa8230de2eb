#include "nacre/run/command_evaluator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/base/log.hpp"
#include "nacre/base/spawn.hpp"
#include "nacre/design/decisions_json.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/nn/trained_evaluator.hpp"
#include "nacre/run/evaluator_registry.hpp"
#include "nacre/study/artifacts.hpp"

namespace nacre {
namespace {

constexpr double kGraceS = 5;  // for a program that is stopped early

std::string shortened(const std::string& text) { return text.size() > 200 ? text.substr(0, 200) + " ..." : text; }

// Same request, same folder: what was begun before a search was killed is found again.
std::string folder_name(const Trial& trial) {
  const Json parts = {{"candidate", to_json(trial.candidate)},
                      {"epochs", trial.request.fidelity.epochs},
                      {"data_share", trial.request.fidelity.data_share},
                      {"seed", trial.request.seed},
                      {"key", trial.key}};
  return hash_text(parts.dump()).hex();
}

void check_signature(const Graph& graph, const TaskSignature& signature) {
  const auto check = [&](const std::vector<ValueId>& values, const std::vector<TensorSpec>& specs, const char* what) {
    for (const TensorSpec& spec : specs) {
      const auto named = std::ranges::find_if(values, [&](ValueId id) { return graph.value(id).name == spec.name; });
      if (named == values.end() && values.size() != 1)
        throw UserError(fmt::format("the trained model has no {} '{}'", what, spec.name));
      const Value& value = graph.value(named == values.end() ? values[0] : *named);
      if (!value.shape) continue;
      bool fits = value.shape->rank() == static_cast<int>(spec.extents.size()) + 1;
      for (size_t i = 0; fits && i < spec.extents.size(); ++i) {
        const Dim dim = (*value.shape)[static_cast<int>(i) + 1];
        fits = !dim.is_fixed() || dim.extent() == spec.extents[i];
      }
      if (!fits) {
        throw UserError(fmt::format("the trained model's {} '{}' is {}, the task has [{}] per sample", what, spec.name,
                                    graph.shape_text(*value.shape), fmt::join(spec.extents, ",")));
      }
    }
  };
  check(graph.inputs, signature.inputs, "input");
  check(graph.outputs, signature.outputs, "output");
}

}  // namespace

// --- one call of the program ----------------------------------------------------------------------------------------

class CommandEvaluator::Run {
 public:
  Run(const CommandEvaluator& evaluator, const Design& design, Trial& trial, const EvaluationContext& context)
      : evaluator_(evaluator),
        task_(*evaluator.task_),
        design_(design),
        graph_(graph_for_task(design, task_)),
        trial_(trial),
        context_(context),
        folder_(std::filesystem::absolute(context.artifacts.parent_path() / "evaluations" / folder_name(trial))) {}

  void evaluate() {
    const auto start = std::chrono::steady_clock::now();
    write_request();
    for (int64_t tried = 0;; ++tried) {
      std::string failure = call();
      if (failure.empty()) break;
      if (final_failure_ || tried >= evaluator_.settings_.retries) {
        trial_.status = TrialStatus::failed;
        trial_.reason = failure;
        break;
      }
      log_warning("trial {}: {}; trying again", trial_.number, failure);
    }
    trial_.time_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (trial_.status == TrialStatus::ok || trial_.status == TrialStatus::pruned) keep_trained_network();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

 private:
  const MetricSpec& main_metric() const { return task_.metrics().at(0); }

  void write_request() {
    std::filesystem::create_directories(folder_);
    Graph graph = graph_;
    const bool continued = !trial_.request.parent_checkpoint.empty();
    const std::string& source = continued ? trial_.request.parent_checkpoint : trial_.candidate.inherited_weights;
    materialize_parameters(graph, trial_.request.seed);
    if (!source.empty()) graph = trained_network(graph, read_file(context_.artifacts / source), source);
    write_onnx(graph, folder_ / "model.onnx");
    const Fidelity& fidelity = trial_.request.fidelity;
    request_ = {{"model", (folder_ / "model.onnx").string()},
                {"output", output().string()},
                {"folder", folder_.string()},
                {"decisions", decisions_json(trial_.candidate.decisions)},
                {"recipe", to_json(design_.recipe)},
                {"epochs", fidelity.epochs > 0 ? fidelity.epochs : design_.recipe.epochs},
                {"data_share", fidelity.data_share},
                {"seed", static_cast<int64_t>(trial_.request.seed & ((uint64_t{1} << 53) - 1))},
                {"direction", main_metric().direction == Direction::maximize ? "maximize" : "minimize"},
                {"threads", evaluator_.threads_}};
    Json& metrics = request_["metrics"] = Json::array();
    for (const MetricSpec& spec : task_.metrics()) metrics.push_back(spec.name);
    write_file_atomically(folder_ / "design.json", request_.dump(2) + "\n");
  }

  std::filesystem::path output() const { return folder_ / "trained.onnx"; }

  // Runs the program once. Returns why it failed, "" when the trial has its result.
  std::string call() {
    trial_.curve.clear();
    trial_.metrics.clear();
    best_point_.reset();
    std::filesystem::remove(output());
    trained_ = output();
    SubprocessOptions options = filled_command(evaluator_.settings_, {{"model", request_["model"].get<std::string>()},
                                                                      {"design", (folder_ / "design.json").string()},
                                                                      {"output", output().string()},
                                                                      {"folder", folder_.string()},
                                                                      {"seed", request_["seed"].dump()},
                                                                      {"epochs", request_["epochs"].dump()},
                                                                      {"threads", request_["threads"].dump()}});
    options.interrupted = context_.interrupted;
    try {
      Subprocess program(options);
      program.send(request_);
      program.close_input();
      return follow(program);
    } catch (const UserError& error) {
      return error.what();
    }
  }

  std::string follow(Subprocess& program) {
    const auto start = std::chrono::steady_clock::now();
    const double timeout_s = evaluator_.settings_.timeout_s;
    std::optional<Json> result;
    while (true) {
      const double spent_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const Heard heard = program.listen(timeout_s - spent_s);
      if (heard.kind == Heard::Kind::nothing) {
        program.stop(kGraceS);
        return fmt::format("the program took longer than {:g} s (evaluator.timeout_s) and was stopped", timeout_s);
      }
      if (heard.kind == Heard::Kind::ended) break;
      const size_t first = heard.line.find_first_not_of(" \t");
      if (first == std::string::npos || heard.line[first] != '{') continue;  // its log
      Json message = Json::parse(heard.line, nullptr, false);
      if (!message.is_object()) {
        program.stop(kGraceS);
        return "the program printed a line that is no JSON object: '" + shortened(heard.line) + "'";
      }
      if (message.contains("error")) {
        program.stop(kGraceS);
        final_failure_ = true;
        return message["error"].is_string() ? message["error"].get<std::string>() : message["error"].dump();
      }
      if (message.contains("result")) {
        result = std::move(message);
      } else if (message.contains("epoch") && !take_point(message)) {
        program.stop(kGraceS);
        return settle_early();
      }
    }
    if (!program.succeeded()) {
      const std::string line = last_line(program.error_tail());
      return "the program " + end_text(program.status()) + (line.empty() ? "" : ": " + line);
    }
    return settle(result);
  }

  // False: enough of it.
  bool take_point(const Json& message) {
    CurvePoint point;
    if (!message["epoch"].is_number())
      throw UserError("the program's epoch is no number: " + shortened(message.dump()));
    point.epoch = message["epoch"].get<double>();
    point.metrics = metrics_of(message, fmt::format("epoch {:g}", point.epoch));
    trial_.curve.push_back(point);
    const std::optional<double> value = metric_value(point.metrics, main_metric().name);
    const std::optional<double> best =
        best_point_ ? metric_value(trial_.curve[*best_point_].metrics, main_metric().name) : std::nullopt;
    const bool maximize = main_metric().direction == Direction::maximize;
    if (value && (!best || (maximize ? *value > *best : *value < *best))) best_point_ = trial_.curve.size() - 1;
    if (!context_.report(point)) {
      pruned_ = true;
      return false;
    }
    const int64_t patience = design_.recipe.patience;
    const size_t since = trial_.curve.size() - 1 - best_point_.value_or(0);
    return patience == 0 || static_cast<int64_t>(since) < patience;
  }

  Metrics metrics_of(const Json& values, const std::string& when) const {
    Metrics metrics;
    for (const auto& [name, value] : values.items()) {
      if (name == "epoch") continue;
      Metric metric{.value = std::nullopt, .origin = Origin::trained, .source = "your program, " + when};
      for (const MetricSpec& spec : task_.metrics()) {
        if (spec.name == name) metric.unit = spec.unit;
      }
      const Json& number = value.is_object() && value.contains("value") ? value["value"] : value;
      if (number.is_number() && std::isfinite(number.get<double>())) {
        metric.value = number.get<double>();
      } else if (!number.is_null() && !number.is_number()) {
        continue;  // a text: a remark of the program
      }
      if (value.is_object()) {
        if (value.contains("spread") && value["spread"].is_number()) metric.spread = value["spread"].get<double>();
        if (value.contains("count") && value["count"].is_number_integer()) metric.count = value["count"].get<int64_t>();
      }
      metrics[name] = std::move(metric);
    }
    return metrics;
  }

  std::string settle(const std::optional<Json>& result) {
    if (!result && trial_.curve.empty()) {
      return "the program ended without a result; expected a line such as {\"result\": {\"" + main_metric().name +
             "\": ..}} on its standard output";
    }
    if (result && !(*result)["result"].is_object()) {
      return "expected {\"result\": {..}}, found " + shortened(result->dump());
    }
    trial_.metrics = result ? metrics_of((*result)["result"], "its result") : trial_.curve.back().metrics;
    if (!trial_.metrics.contains(main_metric().name)) {
      std::vector<std::string> names;
      for (const auto& [name, metric] : trial_.metrics) names.push_back(name);
      return fmt::format("the program's result has no {}; it has {}", main_metric().name,
                         names.empty() ? std::string("nothing") : fmt::format("{}", fmt::join(names, ", ")));
    }
    if (!metric_value(trial_.metrics, main_metric().name)) {
      final_failure_ = true;
      return fmt::format("{} is not a finite number; the training diverged", main_metric().name);
    }
    if (result && result->contains("model") && (*result)["model"].is_string()) {
      trained_ = folder_ / (*result)["model"].get<std::string>();  // an absolute path stays one
      if (!std::filesystem::exists(trained_)) return "the trained model '" + trained_.string() + "' does not exist";
    }
    trial_.status = TrialStatus::ok;
    return "";
  }

  // Pruned from outside, or no gain for `train.patience` points: then the best point is the result.
  std::string settle_early() {
    const size_t chosen = pruned_ ? trial_.curve.size() - 1 : best_point_.value_or(trial_.curve.size() - 1);
    trial_.metrics = trial_.curve[chosen].metrics;
    if (pruned_) {
      trial_.status = TrialStatus::pruned;
      trial_.reason = fmt::format("stopped after epoch {:g}", trial_.curve.back().epoch);
      return "";
    }
    if (!metric_value(trial_.metrics, main_metric().name)) {
      final_failure_ = true;
      return fmt::format("{} was not reported, or is not finite, for {} points", main_metric().name,
                         design_.recipe.patience);
    }
    for (auto& [name, metric] : trial_.metrics) {
      metric.source += fmt::format("; no gain until epoch {:g}", trial_.curve.back().epoch);
    }
    trial_.status = TrialStatus::ok;
    return "";
  }

  void keep_trained_network() {
    if (!std::filesystem::exists(trained_)) return;
    try {
      const Graph trained = read_onnx(trained_);
      check_signature(trained, task_.signature());
      trial_.weights = artifact_of(trained);
    } catch (const UserError& error) {
      trial_.status = TrialStatus::failed;
      trial_.reason = error.what();
    }
  }

  // As weights where the names and shapes are those of the design, else as a whole.
  std::string artifact_of(const Graph& trained) const {
    const Weights weights = weights_of(trained);
    try {
      Graph fits = graph_;
      apply_weights(fits, weights);
      return write_weights_artifact(weights_of(fits), context_.artifacts);
    } catch (const UserError&) {
      return ArtifactFolder(context_.artifacts).put(write_onnx_bytes(trained), ".onnx");
    }
  }

  const CommandEvaluator& evaluator_;
  const Task& task_;
  const Design& design_;
  const Graph& graph_;
  Trial& trial_;
  const EvaluationContext& context_;
  const std::filesystem::path folder_;
  Json request_;
  std::filesystem::path trained_;
  std::optional<size_t> best_point_;  // of the curve
  bool pruned_ = false;
  bool final_failure_ = false;  // trying again gives the same
};

// --- the evaluator --------------------------------------------------------------------------------------------------

const std::vector<std::string>& command_evaluator_placeholders() {
  static const std::vector<std::string> kNames = {"model", "design", "output", "folder", "seed", "epochs", "threads"};
  return kNames;
}

CommandEvaluator::CommandEvaluator(std::shared_ptr<const Task> task, CommandSettings settings, int64_t threads)
    : task_(std::move(task)), settings_(std::move(settings)), threads_(threads) {
  check_program_exists(settings_);
}

const std::string& CommandEvaluator::name() const {
  static const std::string kName = "command";
  return kName;
}

std::string CommandEvaluator::identity() const { return "command/1/" + command_identity(settings_); }

void CommandEvaluator::evaluate(const Design& design, Trial& trial, const EvaluationContext& context) {
  Run(*this, design, trial, context).evaluate();
}

Graph trained_network(const Graph& design_graph, const std::string& artifact_bytes, const std::string& artifact_name) {
  if (artifact_name.ends_with(".onnx")) return read_onnx_bytes(artifact_bytes, artifact_name);
  Graph graph = design_graph;
  apply_weights(graph, read_weights_bytes(artifact_bytes, artifact_name));
  return graph;
}

void register_command_evaluator(EvaluatorRegistry& registry) {
  registry.add({.name = "command",
                .summary = "your own training program: network as ONNX and JSON in, metrics as JSON lines out "
                           "(docs/your_training.md)",
                .source = "",
                .parameters = command_parameters(command_evaluator_placeholders(), 86400, 0),
                .example = "kind: command\ncommand: python3 your_training/train.py\ntimeout_s: 3600\n"},
               [](const Options& options, const EvaluatorContext& context) -> std::unique_ptr<Evaluator> {
                 return std::make_unique<CommandEvaluator>(
                     context.task, command_from_options(options, context.base_folder, command_evaluator_placeholders()),
                     context.numerics.threads);
               });
}

}  // namespace nacre
