// The exact mapper: time to a proof and partial mappings a second, one core. A layer of ResNet-50 (3x3, 128 to 128 channels, stride 2,
// 28x28) on an array of 256 multipliers, weights stationary: exact factors, channels spread as NVDLA spreads them.
#include <benchmark/benchmark.h>

#include "nacre/hw/mapper/mapper.hpp"

namespace {

using namespace nacre;

MemoryLevel memory(const char* name, std::optional<int64_t> words, double words_per_cycle, double energy,
                   std::vector<TensorRole> holds, int64_t x, int64_t y) {
  return {.name = name,
          .capacity_bits = words ? std::optional<int64_t>(*words * 16) : std::nullopt,
          .read_bits_per_cycle = words_per_cycle * 16,
          .write_bits_per_cycle = words_per_cycle * 16,
          .read_energy_j = energy,
          .write_energy_j = energy,
          .holds = std::move(holds),
          .fanout = {.x = x, .y = y}};
}

AcceleratorDescription array() {
  const auto W = TensorRole::weights, I = TensorRole::inputs, O = TensorRole::outputs;
  AcceleratorDescription result{.name = "nvdla_256"};
  result.compute.energy_j = {{"int16", 1.0}};
  result.levels = {memory("DRAM", std::nullopt, 8, 200, {W, I, O}, 1, 1),
                   memory("GlobalBuffer", 65536, 32, 6, {W, I, O}, 16, 1), memory("AccumBuffer", 256, 2, 1, {O}, 1, 16),
                   memory("WeightReg", 1, 2, 1, {W}, 1, 1)};
  return result;
}

Workload layer() {
  enum { N, C, P, Q, R, S, K };
  const auto axis = [](int dimension) { return TensorAxis{{{dimension, 1}}}; };
  Workload result{.name = "conv"};
  result.dimensions = {{"N", 1}, {"C", 128}, {"P", 28}, {"Q", 28}, {"R", 3}, {"S", 3}, {"K", 128}};
  result.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(K), axis(C), axis(R), axis(S)}},
                    {.name = "Inputs",
                     .role = TensorRole::inputs,
                     .axes = {axis(N), axis(C), {{{P, 2}, {R, 1}}}, {{{Q, 2}, {S, 1}}}}},
                    {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(N), axis(K), axis(P), axis(Q)}}};
  return result;
}

void prove(benchmark::State& state) {
  MapperOptions options;
  options.objective = static_cast<MappingObjective>(state.range(0));
  options.rules = CountingRules::timeloop();
  options.constraints.factors = FactorRule::exact;
  options.constraints.free_bypass = false;
  options.constraints.levels = {
      {.level = "GlobalBuffer", .spatial = {{"N", 1}, {"C", 1}, {"P", 1}, {"Q", 1}, {"R", 1}, {"S", 1}, {"K", 16}}},
      {.level = "AccumBuffer",
       .temporal = {{"N", 1}, {"C", 1}, {"R", 1}, {"S", 1}, {"K", 1}},
       .spatial = {{"N", 1}, {"C", 16}, {"P", 1}, {"Q", 1}, {"R", 1}, {"S", 1}, {"K", 1}}},
      {.level = "WeightReg", .temporal = {{"N", 1}, {"C", 1}, {"P", 1}, {"Q", 1}, {"R", 1}, {"S", 1}, {"K", 1}}}};
  const Workload workload = layer();
  const AcceleratorDescription machine = array();
  int64_t nodes = 0;
  MappingResult result;
  for (auto _ : state) {
    result = find_mapping(workload, machine, options);
    nodes += result.nodes;
  }
  state.SetLabel(count_text(result.mapspace) + " points, " + (result.proved ? "proved" : "open"));
  state.counters["nodes"] = static_cast<double>(result.nodes);
  state.counters["nodes/s"] = benchmark::Counter(static_cast<double>(nodes), benchmark::Counter::kIsRate);
}
BENCHMARK(prove)->Arg(0)->Arg(1)->Arg(2)->ArgName("objective")->Unit(benchmark::kMillisecond);

}  // namespace
