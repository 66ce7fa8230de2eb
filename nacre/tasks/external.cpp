// Task `external`: the data stay with the user's own training program (evaluator `command`); nacre knows what a network
// reads and answers, and what the metrics are called. It cannot load a sample.
#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"
#include "nacre/base/hash.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

std::vector<TensorSpec> specs_from(const Options& options, const char* key) {
  const ConfigNode& node = options.node(key);
  if (!node.is_map() || node.entries.empty())
    throw UserError(node.position, std::string("task.") + key + ": expected a map of names and shapes of one sample");
  std::vector<TensorSpec> specs;
  for (const auto& [name, shape] : node.entries) {
    const std::string what = std::string("task.") + key + "." + name;
    TensorSpec spec{name, ElementType::float32, {}};
    if (shape.kind == ConfigNode::Kind::scalar) {
      spec.extents = {shape.as_integer(what)};
    } else if (shape.kind == ConfigNode::Kind::sequence) {
      for (const ConfigNode& extent : shape.items) spec.extents.push_back(extent.as_integer(what));
    } else {
      throw UserError(shape.position, what + ": expected the extents of one sample, e.g. [3, 32, 32]");
    }
    for (const int64_t extent : spec.extents) {
      if (extent < 1 || extent > 1'000'000'000)
        throw UserError(shape.position, what + ": expected extents of at least 1");
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::vector<MetricSpec> metrics_from(const Options& options) {
  const ConfigNode& node = options.node("metrics");
  if (!node.is_map() || node.entries.empty())
    throw UserError(node.position, "task.metrics: expected a map of names and directions, e.g. {accuracy: maximize}");
  std::vector<MetricSpec> metrics;
  for (const auto& [name, direction] : node.entries) {
    const std::string word = direction.as_text("task.metrics." + name);
    const std::vector<std::string> accepted = {"maximize", "minimize"};
    if (std::ranges::find(accepted, word) == accepted.end())
      throw UserError(direction.position, unknown_name_message("direction of task.metrics." + name, word, accepted));
    metrics.push_back(
        {name, word == "maximize" ? Direction::maximize : Direction::minimize, "", "as the program says"});
  }
  return metrics;
}

class ExternalTask final : public Task {
 public:
  explicit ExternalTask(const Options& options) : metrics_(metrics_from(options)) {
    signature_ = {specs_from(options, "inputs"), specs_from(options, "outputs")};
    loss_ = {"cross_entropy", signature_.outputs[0].name, "label"};
    identity_ = "external/" + options.text("version") + "/" + hash_text(options.json().dump()).hex();
  }

  const std::string& name() const override { return name_; }
  const TaskSignature& signature() const override { return signature_; }
  const LossSpec& loss() const override { return loss_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  int64_t size(Split) const override { return 0; }
  Batch load(Split, std::span<const int64_t>, const Recipe*, Random&) const override {
    throw UserError("task external has no data: they belong to the program of evaluator command");
  }
  std::unique_ptr<MetricAccumulator> accumulator() const override {
    throw UserError("task external has no data: its metrics come from the program of evaluator command");
  }
  std::string identity() const override { return identity_; }
  int64_t test_reads() const override { return 0; }

 private:
  std::string name_ = "external";
  TaskSignature signature_;
  LossSpec loss_;
  std::vector<MetricSpec> metrics_;
  std::string identity_;
};

}  // namespace

void register_external(TaskRegistry& registry) {
  registry.add(
      {.name = "external",
       .summary = "data and metrics belong to your own program (evaluator command); only the shapes are said here",
       .source = "",
       .parameters = {{.name = "inputs",
                       .type = ParameterType::any,
                       .description = "what a network reads: names and shapes of one sample, {image: [3, 32, 32]}",
                       .required = true},
                      {.name = "outputs",
                       .type = ParameterType::any,
                       .description = "what it answers, likewise: {logits: [10]}",
                       .required = true},
                      {.name = "metrics",
                       .type = ParameterType::any,
                       .description = "names and directions of what the program reports, the searched one first",
                       .required = true},
                      {.name = "version",
                       .description = "of the data: another version, new results",
                       .default_value = ""}},
       .example = "kind: external\ninputs: {image: [1, 28, 28]}\noutputs: {logits: [10]}\nmetrics: {accuracy: "
                  "maximize}\n"},
      [](const Options& options, const std::filesystem::path&) -> std::unique_ptr<Task> {
        return std::make_unique<ExternalTask>(options);
      });
}

}  // namespace nacre
