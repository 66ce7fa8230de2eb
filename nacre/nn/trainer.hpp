// Trains one network for a task: the recipe's optimizer, schedule, augmentation, mixing, averaging, clipping, early stopping
// and distillation, at the fidelity that is asked for. Free of libtorch.
//
// Deterministic bit for bit in (graph, task, recipe, fidelity, seed, parent weights) for one Numerics on one machine: every
// random number comes from a stream named by seed, purpose and step, so that a training continued from a checkpoint draws
// what the uninterrupted one would have drawn.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nacre/design/recipe.hpp"
#include "nacre/design/task.hpp"
#include "nacre/design/trial.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/nn/arithmetic.hpp"

namespace nacre {

struct TrainingOptions {
  Numerics numerics;
  Fidelity fidelity;
  uint64_t seed = 0;
  // Weights to begin with, by name; others are drawn. With optimizer state and an epoch in its metadata (a checkpoint of
  // this function) the training goes on where that one stopped; else it begins at epoch 0.
  const Weights* initial = nullptr;
  bool keep_optimizer_state = false;                         // in the result's weights, so that they can be continued
  std::function<bool()> interrupted = [] { return false; };  // asked at every step; true: Interrupted is thrown
  std::function<bool(const CurvePoint&)> report = [](const CurvePoint&) {
    return true;
  };  // after each epoch; false: pruned
};

struct TrainingResult {
  TrialStatus status = TrialStatus::ok;  // ok, failed (diverged, or the network cannot be run), pruned
  std::string reason;
  // Of the validation split with the weights that are returned; train_time_s, train_processor_s, train_images_per_s.
  Metrics metrics;
  std::vector<CurvePoint> curve;  // one point per epoch
  Weights weights;         // averaged ones where the recipe averages; those of the best epoch where it stops early
  int64_t images = 0;      // samples trained on
  double time_s = 0;       // in training steps alone
  double processor_s = 0;  // what the process computed in them, on all threads
};

// The graph's inputs and outputs must match the task's signature by name (or be the only ones). UserError for a recipe,
// teacher or task that cannot be used; anything wrong with the network is a failed result.
TrainingResult train_network(const Graph& graph, const Task& task, const Recipe& recipe,
                             const TrainingOptions& options);

// Metrics of a graph with weights on a split. UserError when the network does not fit the task.
Metrics evaluate_network(const Graph& graph, const Task& task, Split split, const Numerics& numerics,
                         int64_t batch_size = 256);

// Training steps on random data, for measuring: images per second over `steps` steps after `warmup` ones.
double measure_training(const Graph& graph, const TaskSignature& signature, const LossSpec& loss, const Recipe& recipe,
                        const Numerics& numerics, int warmup, int steps);

}  // namespace nacre
