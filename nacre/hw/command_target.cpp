#include "nacre/hw/command_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/log.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/ir/onnx_io.hpp"
#include "nacre/ir/reference_executor.hpp"
#include "nacre/ir/rewrite.hpp"

namespace nacre {
namespace {

constexpr size_t kLargestAnswerBytes = 16 << 20;

// The whole text, or its last line that begins with a brace.
std::optional<Json> find_answer(const std::string& output) {
  const auto parsed = [](const std::string& text) -> std::optional<Json> {
    Json json = Json::parse(text, nullptr, false);
    return json.is_object() ? std::optional<Json>(std::move(json)) : std::nullopt;
  };
  if (std::optional<Json> whole = parsed(output)) return whole;
  size_t end = output.size();
  while (end > 0) {
    const size_t before = output.rfind('\n', end - 1);
    const size_t start = before == std::string::npos ? 0 : before + 1;
    const size_t first = output.find_first_not_of(" \t\r", start);
    if (first < end && output[first] == '{') {
      if (std::optional<Json> line = parsed(output.substr(first, end - first))) return line;
    }
    if (before == std::string::npos) break;
    end = before;
  }
  return std::nullopt;
}

double number_of(const Json& json, const std::string& name) {
  if (!json.is_number()) throw UserError(fmt::format("the answer's {} is no number: {}", name, json.dump()));
  const double value = json.get<double>();
  if (!std::isfinite(value)) throw UserError(fmt::format("the answer's {} is not finite", name));
  return value;
}

Metric metric_of(const Json& json, const MetricSpec& spec, const std::string& how) {
  Metric metric{.value = std::nullopt, .unit = spec.unit, .origin = Origin::measured, .source = how};
  if (json.is_null()) return metric;
  if (!json.is_object()) {
    metric.value = number_of(json, spec.name);
  } else {
    if (!json.contains("value")) throw UserError(fmt::format("the answer's {} has no value", spec.name));
    if (!json["value"].is_null()) metric.value = number_of(json["value"], spec.name);
    if (json.contains("spread") && !json["spread"].is_null()) metric.spread = number_of(json["spread"], "spread");
    if (json.contains("count")) metric.count = static_cast<int64_t>(number_of(json["count"], "count"));
    if (json.contains("source") && json["source"].is_string())
      metric.source += ", " + json["source"].get<std::string>();
  }
  if (metric.value && *metric.value < 0) throw UserError(fmt::format("the answer's {} is negative", spec.name));
  return metric;
}

std::string keys_text(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys.empty() ? "nothing" : fmt::format("{}", fmt::join(keys, ", "));
}

std::string inputs_json(const Graph& graph) {
  Json inputs = Json::array();
  for (const ValueId id : graph.inputs) {
    const Value& value = graph.value(id);
    inputs.push_back({{"name", value_text(graph, id)},
                      {"type", std::string(element_type_name(value.type))},
                      {"shape", value.shape ? Json(value.shape->extents()) : Json()}});
  }
  return inputs.dump();
}

}  // namespace

const std::vector<std::string>& command_target_placeholders() {
  static const std::vector<std::string> kNames = {"model", "inputs", "batch", "threads", "device"};
  return kNames;
}

MetricSpec metric_spec_of_name(const std::string& name) {
  const std::pair<const char*, const char*> units[] = {{"_per_s", "1/s"}, {"_s", "s"},     {"_j", "J"},
                                                       {"_w", "W"},       {"_bytes", "B"}, {"_mm2", "mm2"}};
  MetricSpec spec{name, name.ends_with("_per_s") ? Direction::maximize : Direction::minimize, "",
                  "as the program says"};
  for (const auto& [end, unit] : units) {
    if (!name.ends_with(end)) continue;
    spec.unit = unit;
    break;
  }
  return spec;
}

Graph graph_to_measure(const Graph& graph, const Deployment& deployment) {
  Graph deployed = deployed_graph(graph, deployment);
  materialize_parameters(deployed, 0);
  simplify_for_deployment(deployed);
  return deployed;
}

Metrics read_command_answer(const std::string& output, const std::vector<MetricSpec>& wanted, const std::string& how) {
  const std::optional<Json> answer = find_answer(output);
  if (!answer) {
    const std::string line = last_line(output, 120);
    throw UserError(line.empty() ? std::string("it printed nothing; expected one JSON object")
                                 : fmt::format("it printed no JSON object but '{}'", line));
  }
  if (const auto error = answer->find("error"); error != answer->end() && !error->is_null()) {
    throw CommandRefusal(error->is_string() ? error->get<std::string>() : error->dump());
  }
  const auto nested = answer->find("metrics");
  const Json& values = nested != answer->end() && nested->is_object() ? *nested : *answer;
  const auto device = answer->find("device");
  const std::string source =
      device != answer->end() && device->is_string() ? how + ", " + device->get<std::string>() : how;
  Metrics metrics;
  for (const MetricSpec& spec : wanted) {
    const auto found = values.find(spec.name);
    if (found == values.end())
      throw UserError(fmt::format("its answer has no {}; it has {}", spec.name, keys_text(values)));
    metrics[spec.name] = metric_of(*found, spec, source);
  }
  return metrics;
}

CommandTarget::CommandTarget(CommandTargetSettings settings)
    : settings_(std::move(settings)), metrics_(settings_.metrics) {
  NACRE_CHECK(!metrics_.empty(), "a target that fills a metric");
  for (MetricSpec& spec : counted_metric_specs()) {
    if (std::ranges::find(metrics_, spec.name, &MetricSpec::name) == metrics_.end())
      metrics_.push_back(std::move(spec));
  }
}

std::string CommandTarget::identity() const {
  if (!described_ && settings_.describe) {
    SubprocessOptions options = filled_command(*settings_.describe, {{"device", settings_.device}});
    options.interrupted = interrupted_;
    FinishedProcess finished;
    try {
      finished = run_subprocess(options, settings_.describe->timeout_s);
    } catch (const UserError& error) {
      throw DeviceError(fmt::format("target {}: describe: {}", settings_.name, error.what()));
    }
    if (!finished.succeeded()) {
      throw DeviceError(fmt::format("target {}: describe: '{}' {}", settings_.name, options.arguments[0],
                                    finished.failure_text(settings_.describe->timeout_s)));
    }
    const std::optional<Json> answer = find_answer(finished.output);
    described_ = answer ? answer->dump() : last_line(finished.output);
  }
  return fmt::format("{}/{}/{}", settings_.identity, settings_.device, described_.value_or(""));
}

Metrics CommandTarget::attempt(const SubprocessOptions& options) {
  const FinishedProcess finished = run_subprocess(options, settings_.command.timeout_s, "", kLargestAnswerBytes);
  if (!finished.succeeded()) throw UserError(finished.failure_text(settings_.command.timeout_s));
  const std::string how = settings_.name == settings_.device ? settings_.name : settings_.name + " " + settings_.device;
  return read_command_answer(finished.output, settings_.metrics, how);
}

Metrics CommandTarget::measure(const Graph& deployed, const Deployment& deployment) {
  const TemporaryFolder folder;
  const std::filesystem::path model = folder.path() / "model.onnx";
  write_onnx(deployed, model);
  SubprocessOptions options = filled_command(settings_.command, {{"model", model.string()},
                                                                 {"inputs", inputs_json(deployed)},
                                                                 {"batch", std::to_string(deployment.batch)},
                                                                 {"threads", std::to_string(deployment.threads)},
                                                                 {"device", settings_.device}});
  options.interrupted = interrupted_;
  std::string failure;
  for (int64_t tried = 0; tried <= settings_.command.retries; ++tried) {
    if (tried > 0) log_warning("target {}: '{}' {}; trying again", settings_.name, options.arguments[0], failure);
    try {
      Metrics metrics = attempt(options);
      failures_in_a_row_ = 0;
      return metrics;
    } catch (const CommandRefusal& refusal) {
      failures_in_a_row_ = 0;
      throw UserError(
          fmt::format("target {}: '{}' cannot measure it: {}", settings_.name, options.arguments[0], refusal.what()));
    } catch (const Interrupted&) {
      throw;
    } catch (const UserError& error) {
      failure = error.what();
      if (failure.starts_with("cannot start")) throw DeviceError(fmt::format("target {}: {}", settings_.name, failure));
    }
  }
  std::string message = fmt::format("target {}: '{}' {}", settings_.name, options.arguments[0], failure);
  if (settings_.command.retries > 0) message += fmt::format(" ({} attempts)", settings_.command.retries + 1);
  if (++failures_in_a_row_ >= settings_.failures_in_a_row) {
    throw DeviceError(
        fmt::format("{}; {} networks in a row could not be measured: mend device or program, then the same "
                    "command goes on",
                    message, failures_in_a_row_));
  }
  throw UserError(message);
}

Cost CommandTarget::cost(const Design& design, const Deployment& deployment, const ActivityProfile&) {
  Cost cost = counted_cost(design, deployment);
  cost.items.clear();  // of the trained form; below come those of the deployed one
  bool first = true;
  for (const auto& [graph_name, graph] : design.graphs) {
    const Graph deployed = graph_to_measure(graph, deployment);
    for (auto& [name, metric] : measure(deployed, deployment)) {
      const Metric& sum = cost.totals[name];
      if (!first && metric.value && sum.value) {
        metric.value = *metric.value + *sum.value;
        if (metric.spread) metric.spread = *metric.spread + sum.spread.value_or(0);
      } else if (!first) {
        metric.value.reset();
      }
      cost.totals[name] = metric;
    }
    Design form;
    form.graphs.emplace(graph_name, deployed);
    std::ranges::move(counted_cost(form, {}).items, std::back_inserter(cost.items));
    first = false;
  }
  return cost;
}

}  // namespace nacre
