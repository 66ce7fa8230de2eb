// Running statistics of batch-norm taken anew for one network, in whatever store its weights lie. Includes libtorch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/nn/torch_executor.hpp"

namespace nacre {

// Mean and variance of every BatchNormalization become the plain averages of those of the batches, each a list of inputs in the
// order of the executor's graph; nothing else in the store changes. `seed`: of dropout. True when the network has any.
bool take_running_statistics(const TorchExecutor& executor, ParameterStore& store,
                             std::span<const std::vector<at::Tensor>> batches, uint64_t seed);

}  // namespace nacre
