#include "nacre/tasks/task_registry.hpp"

namespace nacre {

const TaskRegistry& task_registry() {
  static const TaskRegistry registry = [] {
    TaskRegistry list("task", "tasks");
    register_classification(list);
    register_regression(list);
    register_external(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
