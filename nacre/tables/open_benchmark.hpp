// A benchmark as a configuration names it: {benchmark: nasbench201, dataset: cifar10, options: {costs: [help]}}.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

// Keys that name a benchmark: `benchmark`, `dataset`, `options`.
std::vector<Parameter> benchmark_parameters();
// From those keys. Opened once in a process: who asks for the same again while it is in use shares it. UserError with position.
std::shared_ptr<const TabularBenchmark> open_benchmark(const Options& options, const BenchmarkContext& context);

// By name and the map of the benchmark's own keys (dataset among them); likewise shared.
std::shared_ptr<const TabularBenchmark> open_benchmark(const std::string& name, const ConfigNode& own,
                                                       const BenchmarkContext& context);

}  // namespace nacre
