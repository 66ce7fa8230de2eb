// The list of tabular benchmarks, in the order in which `nacre list benchmarks` prints them.
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

const Registry<BenchmarkFactory>& benchmark_registry() {
  static const Registry<BenchmarkFactory> registry = [] {
    Registry<BenchmarkFactory> list("benchmark", "benchmarks");
    return list;
  }();
  return registry;
}

}  // namespace nacre
