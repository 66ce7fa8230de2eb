#include "nacre/tasks/classification_metrics.hpp"
#include "nacre/tasks/segmentation_metrics.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {

const TaskRegistry& task_registry() {
  static const TaskRegistry registry = [] {
    TaskRegistry list("task", "tasks");
    register_classification(list);
    register_regression(list);
    register_segmentation(list);
    register_external(list);
    return list;
  }();
  return registry;
}

std::vector<std::pair<std::string, std::vector<MetricSpec>>> task_metrics() {
  constexpr int64_t kManyClasses = 1000;  // so that all metrics make sense
  return {{"classification", classification_metrics(kManyClasses)},
          {"regression", regression_metrics()},
          {"segmentation", segmentation_metrics()}};
}

}  // namespace nacre
