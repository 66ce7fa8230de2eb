// How fast a search may go: decisions in memory (sample, mutate, cross over), and networks built from them.
//   build/release/benchmarks/space_benchmark
#include <benchmark/benchmark.h>

#include "nacre/ir/hash.hpp"
#include "nacre/ir/statistics.hpp"
#include "nacre/space/space.hpp"
#include "nacre/space/trace_chooser.hpp"

namespace nacre {
namespace {

std::unique_ptr<Space> make(const std::string& kind, std::vector<int64_t> input, int64_t classes,
                            const std::string& yaml = "") {
  SpaceContext context;
  context.signature.inputs = {{"x", ElementType::float32, std::move(input)}};
  context.signature.outputs = {{"logits", ElementType::float32, {classes}}};
  const auto& entry = space_registry().get(kind);
  return entry.make(resolve_options(parse_config(yaml, "benchmark"), entry.parameters, "space"), context);
}

// 22 layers, a width and two recipe fields: 25 decisions.
std::unique_ptr<Space> fbnet() {
  return make("mbconv", {3, 224, 224}, 1000,
              "width: [0.75, 1]\nrecipe: {learning_rate: [0.02, 0.1], batch_size: [64, 128]}");
}

void trace_of_fbnet(benchmark::State& state) {
  const auto space = fbnet();
  for (auto _ : state) {
    TraceChooser chooser;
    benchmark::DoNotOptimize(chooser.trace([&](Chooser& choose) { static_cast<void>(space->build(choose)); }));
  }
}
BENCHMARK(trace_of_fbnet)->Unit(benchmark::kMillisecond);

void sample(benchmark::State& state) {
  const auto space = fbnet();
  Random random(1);
  for (auto _ : state) benchmark::DoNotOptimize(space->trace().sample(random));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(sample);

void mutate(benchmark::State& state) {
  const auto space = fbnet();
  Random random(1);
  Decisions decisions = space->trace().sample(random);
  for (auto _ : state) decisions = space->trace().mutate(decisions, random);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(mutate);

void cross_over(benchmark::State& state) {
  const auto space = fbnet();
  Random random(1);
  const Decisions a = space->trace().sample(random);
  const Decisions b = space->trace().sample(random);
  for (auto _ : state) benchmark::DoNotOptimize(space->trace().cross_over(a, b, random));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(cross_over);

void encode_one_hot(benchmark::State& state) {
  const auto space = fbnet();
  Random random(1);
  const Decisions decisions = space->trace().sample(random);
  for (auto _ : state) benchmark::DoNotOptimize(space->trace().encode_one_hot(decisions));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_one_hot);

// Networks of about 60 nodes, each built from other decisions.
void run_builds(benchmark::State& state, bool statistics, bool hash) {
  const auto space = make("mbconv", {3, 32, 32}, 10);
  Random random(1);
  std::vector<Decisions> all;
  for (int i = 0; i < 64; ++i) all.push_back(space->trace().sample(random));
  size_t next = 0;
  double nodes = 0;
  for (auto _ : state) {
    Design design = space->build(all[next++ % all.size()]);
    nodes += static_cast<double>(design.graph().nodes().size());
    if (hash) benchmark::DoNotOptimize(structure_hash(design.graph()));
    if (statistics) {
      design.graph().bind_symbols({{"batch", 1}});
      benchmark::DoNotOptimize(count_graph(design.graph()));
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["nodes"] = nodes / static_cast<double>(state.iterations());
}
void build(benchmark::State& state) { run_builds(state, false, false); }
void build_and_hash(benchmark::State& state) { run_builds(state, false, true); }
void build_statistics_hash(benchmark::State& state) { run_builds(state, true, true); }
BENCHMARK(build);
BENCHMARK(build_and_hash);
BENCHMARK(build_statistics_hash);

}  // namespace
}  // namespace nacre
