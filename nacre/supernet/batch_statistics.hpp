// Batch-norm statistics taken anew. The running statistics of shared weights are those of no network in particular: before one is
// judged or exported, its own are taken from training samples (Once-for-All, arXiv 1908.09791, section 3.4). No libtorch here.
#pragma once

#include <cstdint>

#include "nacre/design/task.hpp"
#include "nacre/ir/graph.hpp"
#include "nacre/nn/arithmetic.hpp"

namespace nacre {

// Replaces mean and variance of every BatchNormalization of `graph`, which carries its weights, by the plain averages of those of
// batches of the training split, without augmentation: `samples` of them (at least one batch), drawn with `seed`. Nothing else
// changes. Batches of at most `batch_size`, all of one size.
void recalibrate_batch_norm(Graph& graph, const Task& task, int64_t samples, int64_t batch_size, uint64_t seed,
                            const Numerics& numerics);

}  // namespace nacre
