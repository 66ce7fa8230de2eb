// The published tables that nacre reads, one file each. Called by register.cpp only.
#pragma once

#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {

void register_nasbench201(Registry<BenchmarkFactory>& registry);

}  // namespace nacre
