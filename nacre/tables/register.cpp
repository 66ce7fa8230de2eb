// The list of tabular benchmarks, in the order in which `nacre list benchmarks` prints them.
#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

const Registry<BenchmarkFactory>& benchmark_registry() {
  static const Registry<BenchmarkFactory> registry = [] {
    Registry<BenchmarkFactory> list("benchmark", "benchmarks");
    register_nasbench201(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
