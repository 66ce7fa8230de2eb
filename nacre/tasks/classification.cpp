// Task `classification`: one class out of several per sample.
#include "nacre/base/error.hpp"
#include "nacre/tasks/classification_metrics.hpp"
#include "nacre/tasks/dataset_task.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

class Classification : public DatasetTask {
 public:
  Classification(const Options& options, const std::filesystem::path& base_folder)
      : DatasetTask("classification", options, base_folder, LabelKind::classes), classes_(pool().class_count()) {
    if (classes_ < 2)
      throw UserError(options.position("data"),
                      pool().source + ": expected at least two classes, found " + std::to_string(classes_));
    signature_.outputs = {{"logits", ElementType::float32, {classes_}}};
    loss_ = {"cross_entropy", "logits", "label"};
    set_metrics(classification_metrics(classes_), options);
  }

  std::unique_ptr<MetricAccumulator> accumulator() const override {
    return make_classification_accumulator(classes_, loss_.prediction, loss_.target);
  }

 private:
  int64_t classes_;
};

}  // namespace

void register_classification(TaskRegistry& registry) {
  std::vector<Parameter> parameters = dataset_task_parameters();
  parameters.push_back({.name = "metric",
                        .description = "what is searched for",
                        .default_value = "accuracy",
                        .choices = {"accuracy", "balanced_accuracy", "top5_accuracy", "loss"}});
  registry.add(
      {.name = "classification",
       .summary = "one class out of several per sample: images, tables, arrays",
       .source = "",
       .parameters = std::move(parameters),
       .example =
           "kind: classification\ndata: {format: csv, path: digits/digits.csv.gz, shape: [1, 8, 8]}\nmetric: accuracy\n"
           "split: {validation: 0.2, test: 0.2, seed: 0}\n"},
      [](const Options& options, const std::filesystem::path& base_folder) -> std::unique_ptr<Task> {
        return std::make_unique<Classification>(options, base_folder);
      });
}

}  // namespace nacre
