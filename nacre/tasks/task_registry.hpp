// The registry behind `task.kind`.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "nacre/base/registry.hpp"
#include "nacre/design/task.hpp"

namespace nacre {

// `base_folder` is where the configuration lies: relative paths are looked for there first (data/data_paths.hpp).
using TaskFactory =
    std::function<std::unique_ptr<Task>(const Options& options, const std::filesystem::path& base_folder)>;
using TaskRegistry = Registry<TaskFactory>;

const TaskRegistry& task_registry();

// Called by register.cpp only.
void register_classification(TaskRegistry& registry);
void register_regression(TaskRegistry& registry);
void register_external(TaskRegistry& registry);

}  // namespace nacre
