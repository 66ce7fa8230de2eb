// Tabular benchmarks: how long one takes to load, and look-ups a second on one core.
//   NACRE_DATA=... build/release/benchmarks/tables_benchmark
#include <benchmark/benchmark.h>

#include "nacre/base/error.hpp"
#include "nacre/tables/tabular_benchmark.hpp"

namespace nacre {
namespace {

std::shared_ptr<const TabularBenchmark> open(const std::string& name) {
  const auto& entry = benchmark_registry().get(name);
  return entry.make(default_options(entry.parameters, "benchmark " + name), {});
}

void load(benchmark::State& state, const std::string& name) {
  try {
    for (auto _ : state) benchmark::DoNotOptimize(open(name));
  } catch (const UserError& error) {
    state.SkipWithError(error.what());
  }
}

// Decisions to row to the last quality, over random rows.
void look_up(benchmark::State& state, const std::string& name) {
  std::shared_ptr<const TabularBenchmark> table;
  try {
    table = open(name);
  } catch (const UserError& error) {
    state.SkipWithError(error.what());
    return;
  }
  Random random(1);
  std::vector<Decisions> asked;
  for (int i = 0; i < 4096; ++i)
    asked.push_back(table->decisions_of(static_cast<int64_t>(random.below(static_cast<uint64_t>(table->rows())))));
  size_t next = 0;
  for (auto _ : state) {
    const std::optional<int64_t> row = table->row_of(asked[next++ % asked.size()]);
    benchmark::DoNotOptimize(table->value(*row, 0));
  }
  state.SetItemsProcessed(state.iterations());
}

const bool kRegistered = [] {
  for (const auto& entry : benchmark_registry().entries()) {
    if (std::ranges::any_of(entry.parameters, &Parameter::required)) continue;  // of the user's own tables
    benchmark::RegisterBenchmark(("load/" + entry.name).c_str(), load, entry.name)->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("look_up/" + entry.name).c_str(), look_up, entry.name);
  }
  return true;
}();

}  // namespace
}  // namespace nacre
