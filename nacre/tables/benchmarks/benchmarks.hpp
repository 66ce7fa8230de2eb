// The published tables that nacre reads, one file each. Called by register.cpp only.
#pragma once

#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

void register_nasbench201(Registry<BenchmarkFactory>& registry);
void register_nasbench101(Registry<BenchmarkFactory>& registry);
void register_nasbench301(Registry<BenchmarkFactory>& registry);
void register_nasbench_macro(Registry<BenchmarkFactory>& registry);
void register_nats_size(Registry<BenchmarkFactory>& registry);
void register_transnas101(Registry<BenchmarkFactory>& registry);
void register_nasbench_graph(Registry<BenchmarkFactory>& registry);
void register_accel_nasbench(Registry<BenchmarkFactory>& registry);
void register_hat(Registry<BenchmarkFactory>& registry);
void register_spikenas(Registry<BenchmarkFactory>& registry);
void register_csv_benchmark(Registry<BenchmarkFactory>& registry);

}  // namespace nacre
