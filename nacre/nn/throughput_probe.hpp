// Decides once, by measuring, how the trials of a study are trained: in which arithmetic and memory order, and with how many
// workers of how many threads. The answer is plain data that is kept with the study and used again when it is resumed,
// because another choice would round differently. Free of libtorch.
#pragma once

#include <string>
#include <vector>

#include "nacre/base/json.hpp"
#include "nacre/design/recipe.hpp"
#include "nacre/design/task.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/nn/arithmetic.hpp"

namespace nacre {

struct ProbeMeasurement {
  Numerics numerics;
  int workers = 1;
  double images_per_s = 0;  // of all workers together, in training steps
};

struct ProbeDecision {
  Numerics numerics;
  int workers = 1;
  std::string reason;  // one sentence for people
  std::vector<ProbeMeasurement> measurements;
};

Json to_json(const ProbeDecision& decision);
ProbeDecision probe_decision_from_json(const Json& json);

struct ProbeRequest {
  const Graph& graph;  // a typical network of the space
  const TaskSignature& signature;
  const LossSpec& loss;
  const Recipe& recipe;
  std::string precision = "auto";  // auto, fp32, bf16 (train.precision)
  std::string device = "auto";     // auto, cpu, cuda (train.device)
  int workers = 0;                 // 0: decide; given: one thread each, so that results do not depend on the number
  int cores = 0;                   // 0: all of this machine
  double time_s = 3;               // about as much measuring as this
};

// On a CPU: first fp32 against bf16, each with images channels-last, on one thread; then, when the number of workers is
// open, all cores in one worker against one core in each. On a GPU: fp32 against bf16, one worker. bf16 must be at least
// 10 % faster to be chosen.
ProbeDecision probe_throughput(const ProbeRequest& request);

// Images per second of `workers` trainings side by side in threads of this process.
double measure_side_by_side(const ProbeRequest& request, const Numerics& numerics, int workers, double time_s);

}  // namespace nacre
