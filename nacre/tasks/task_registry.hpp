// The registry behind `task.kind`.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nacre/base/registry.hpp"
#include "nacre/design/task.hpp"

namespace nacre {

// `base_folder` is where the configuration lies: relative paths are looked for there first (data/data_paths.hpp).
using TaskFactory =
    std::function<std::unique_ptr<Task>(const Options& options, const std::filesystem::path& base_folder)>;
using TaskRegistry = Registry<TaskFactory>;

const TaskRegistry& task_registry();

// Metrics that tasks of each kind may have, by the name of the kind.
std::vector<std::pair<std::string, std::vector<MetricSpec>>> task_metrics();
std::vector<MetricSpec> regression_metrics();

// Called by register.cpp only.
void register_classification(TaskRegistry& registry);
void register_regression(TaskRegistry& registry);
void register_segmentation(TaskRegistry& registry);
void register_external(TaskRegistry& registry);

}  // namespace nacre
