// What devices need for the cells of NAS-Bench-201, from three publications, as columns of benchmark `nasbench201`.
#pragma once

#include <string>
#include <vector>

#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {

// "hw_nas_bench", "help", "hw_nas_bench_360".
const std::vector<std::string>& nasbench201_cost_tables();
// Appends the columns of one of them: latency_s_<device> and energy_j_<device>. A column that is there already stays as it is.
// UserError when the file is absent.
void add_nasbench201_costs(const std::string& costs, BenchmarkFiles& files, TableContent& content);

}  // namespace nacre
