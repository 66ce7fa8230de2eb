// Task `segmentation`: a class for every pixel of an image.
#include "nacre/base/error.hpp"
#include "nacre/tasks/dataset_task.hpp"
#include "nacre/tasks/segmentation_metrics.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

class Segmentation : public DatasetTask {
 public:
  Segmentation(const Options& options, const std::filesystem::path& base_folder)
      : DatasetTask("segmentation", options, base_folder, LabelKind::masks), classes_(pool().class_count()) {
    if (classes_ < 2)
      throw UserError(options.position("data"),
                      pool().source + ": expected at least two classes of pixels, found " + std::to_string(classes_));
    const std::vector<int64_t> extents = pool().sample_extents();
    signature_.outputs = {{"logits", ElementType::float32, {classes_, extents[1], extents[2]}}};
    loss_ = {"cross_entropy", "logits", "mask"};
    set_metrics(segmentation_metrics(), options);
  }

  std::unique_ptr<MetricAccumulator> accumulator() const override {
    return make_segmentation_accumulator(classes_, loss_.prediction, loss_.target);
  }

 private:
  int64_t classes_;
};

}  // namespace

void register_segmentation(TaskRegistry& registry) {
  std::vector<Parameter> parameters = dataset_task_parameters();
  parameters.push_back({.name = "metric",
                        .description = "what is searched for",
                        .default_value = "mean_iou",
                        .choices = {"mean_iou", "dice", "pixel_accuracy", "loss"}});
  registry.add(
      {.name = "segmentation",
       .summary = "a class for every pixel of an image",
       .source = "",
       .parameters = std::move(parameters),
       .example = "kind: segmentation\ndata: {format: textured_ground, size: [16, 16], of: {format: csv, path: "
                  "digits/digits.csv.gz, shape: [1, 8, 8]}}\nmetric: mean_iou\nsplit: {validation: 0.2, test: 0.2}\n"},
      [](const Options& options, const std::filesystem::path& base_folder) -> std::unique_ptr<Task> {
        return std::make_unique<Segmentation>(options, base_folder);
      });
}

}  // namespace nacre
