// The registry behind `evaluator.kind`: who says how good a design is.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "nacre/base/registry.hpp"
#include "nacre/design/evaluator.hpp"
#include "nacre/nn/arithmetic.hpp"
#include "nacre/space/space.hpp"

namespace nacre {

struct EvaluatorContext {
  std::shared_ptr<const Task> task;
  Numerics numerics;
  std::filesystem::path base_folder;  // of the configuration
  // Of the study, for what is prepared before its trials.
  std::shared_ptr<const Space> space = nullptr;
  Recipe recipe = {};
  uint64_t seed = 0;
};

using EvaluatorFactory =
    std::function<std::unique_ptr<Evaluator>(const Options& options, const EvaluatorContext& context)>;
using EvaluatorRegistry = Registry<EvaluatorFactory>;

const EvaluatorRegistry& evaluator_registry();

// Metrics that an evaluator of that kind gives beside the task's own, the main one first; empty for those that train.
std::vector<MetricSpec> evaluator_metrics(std::string_view kind);

// Called by evaluator_registry.cpp only.
void register_command_evaluator(EvaluatorRegistry& registry);
void register_zero_cost(EvaluatorRegistry& registry);
void register_supernet_evaluator(EvaluatorRegistry& registry);

}  // namespace nacre
