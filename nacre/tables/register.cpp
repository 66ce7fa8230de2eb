// The list of tabular benchmarks, in the order in which `nacre list benchmarks` prints them.
#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

const Registry<BenchmarkFactory>& benchmark_registry() {
  static const Registry<BenchmarkFactory> registry = [] {
    Registry<BenchmarkFactory> list("benchmark", "benchmarks");
    register_nasbench201(list);
    register_nasbench101(list);
    register_nasbench301(list);
    register_nasbench_macro(list);
    register_nats_size(list);
    register_transnas101(list);
    register_nasbench_graph(list);
    register_accel_nasbench(list);
    register_hat(list);
    register_spikenas(list);
    register_csv_benchmark(list);
    return list;
  }();
  return registry;
}

}  // namespace nacre
