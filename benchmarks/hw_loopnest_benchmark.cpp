// Evaluations of mappings: the cost engine on three accelerators of 256 multipliers, one core.
#include <benchmark/benchmark.h>

#include "nacre/base/random.hpp"
#include "nacre/hw/loopnest/bulk_evaluator.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"
#include "nacre/hw/loopnest/systolic.hpp"

namespace {

using namespace nacre;

MemoryLevel memory(const char* name, std::optional<int64_t> words, double words_per_cycle, double energy) {
  return {.name = name,
          .capacity_bits = words ? std::optional<int64_t>(*words * 16) : std::nullopt,
          .read_bits_per_cycle = words_per_cycle * 16,
          .write_bits_per_cycle = words_per_cycle * 16,
          .read_energy_j = energy,
          .write_energy_j = energy};
}

// The eyeriss-, nvdla- and shidiannao-like arrays of 256 multipliers that Timeloop's published examples use, 16 bits.
AcceleratorDescription architecture(int kind) {
  AcceleratorDescription result{.name = kind == 0 ? "eyeriss_256" : kind == 1 ? "nvdla_256" : "shidiannao_256"};
  result.compute.energy_j = {{"int16", 1.0}};
  result.levels.push_back(memory("DRAM", std::nullopt, 8, 200));
  result.levels.push_back(memory("GlobalBuffer", 65536, kind == 2 ? 256 : kind == 1 ? 32 : 16, 6));
  result.levels.back().fanout.x = 16;
  if (kind == 0) {
    result.levels.push_back({.name = "Column", .holds = {}});
    result.levels.back().fanout.y = 16;
    result.levels.push_back(memory("InputRF", 12, 2, 1));
    result.levels.push_back(memory("WeightRF", 192, 2, 1));
    result.levels.push_back(memory("PsumRF", 16, 2, 1));
  } else if (kind == 1) {
    result.levels.push_back(memory("AccumBuffer", 256, 2, 1));
    result.levels.back().fanout.y = 16;
    result.levels.push_back(memory("WeightReg", 1, 2, 1));
  } else {
    result.levels.back().fanout.y = 16;
    result.levels.push_back(memory("PsumReg", 1, 2, 1));
  }
  return result;
}

// W, I, O kept by the levels of `architecture`.
std::vector<std::vector<bool>> keeps(int kind) {
  if (kind == 0) return {{1, 1, 1}, {0, 1, 1}, {0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {0, 0, 1}};
  if (kind == 1) return {{1, 1, 1}, {1, 1, 1}, {0, 0, 1}, {1, 0, 0}};
  return {{1, 1, 1}, {1, 1, 1}, {0, 0, 1}};
}

Workload convolution(int64_t k, int64_t c, int64_t p, int64_t r, int64_t stride) {
  enum { R, S, P, Q, C, K, N };
  const auto axis = [](int dimension) { return TensorAxis{{{dimension, 1}}}; };
  Workload result{.name = "conv"};
  result.dimensions = {{"R", r}, {"S", r}, {"P", p}, {"Q", p}, {"C", c}, {"K", k}, {"N", 1}};
  result.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(K), axis(C), axis(R), axis(S)}},
                    {.name = "Inputs",
                     .role = TensorRole::inputs,
                     .axes = {axis(N), axis(C), TensorAxis{{{P, stride}, {R, 1}}}, TensorAxis{{{Q, stride}, {S, 1}}}}},
                    {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(N), axis(K), axis(P), axis(Q)}}};
  return result;
}

// Random bounds over all levels, spatial ones within the fan-outs; with `uneven` any bounds that cover, else divisors.
Mapping random_mapping(Random& random, const Workload& workload, const AcceleratorDescription& accelerator, int kind,
                       bool uneven) {
  Mapping mapping;
  mapping.levels.resize(accelerator.levels.size());
  const auto kept = keeps(kind);
  std::vector<int64_t> x(mapping.levels.size(), 1), y(mapping.levels.size(), 1);
  for (std::size_t d = 0; d < workload.dimensions.size(); ++d) {
    int64_t rest = workload.dimensions[d].size;
    while (rest > 1) {
      int64_t factor = random.integer(2, std::min<int64_t>(rest, 16));
      if (!uneven)
        while (rest % factor) factor = factor == 2 ? rest : factor - 1;
      const std::size_t level = random.below(mapping.levels.size());
      const Fanout& fanout = accelerator.levels[level].fanout;
      LoopKind loop = LoopKind::temporal;
      if (x[level] * factor <= fanout.x) {
        loop = LoopKind::spatial_x;
        x[level] *= factor;
      } else if (y[level] * factor <= fanout.y) {
        loop = LoopKind::spatial_y;
        y[level] *= factor;
      }
      mapping.levels[level].loops.push_back({static_cast<int>(d), factor, loop});
      rest = uneven ? (rest + factor - 1) / factor : rest / factor;
    }
  }
  for (std::size_t level = 0; level < mapping.levels.size(); ++level) {
    LevelMapping& here = mapping.levels[level];
    random.shuffle(std::span<MappedLoop>(here.loops));
    std::stable_partition(here.loops.begin(), here.loops.end(),
                          [](const MappedLoop& loop) { return loop.kind == LoopKind::temporal; });
    here.keeps = kept[level];
  }
  return mapping;
}

void evaluate(benchmark::State& state, const CountingRules& rules, bool uneven) {
  const int kind = static_cast<int>(state.range(0));
  const AcceleratorDescription accelerator = architecture(kind);
  const Workload workload = convolution(128, 128, 28, 3, 1);
  Random random(7);
  std::vector<Mapping> mappings;
  for (int i = 0; i < 512; ++i) mappings.push_back(random_mapping(random, workload, accelerator, kind, uneven));
  const NestEvaluator evaluator(workload, accelerator, rules);
  Nest nest;
  NestCost cost;
  std::size_t next = 0;
  for (auto _ : state) {
    evaluator.flatten(mappings[next++ % mappings.size()], nest);
    evaluator.cost(nest, cost);
    benchmark::DoNotOptimize(cost.energy_j);
    benchmark::DoNotOptimize(cost.cycles);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetLabel(accelerator.name);
}

void mappings_with_divisors(benchmark::State& state) { evaluate(state, {}, false); }
void mappings_with_any_bounds(benchmark::State& state) { evaluate(state, {}, true); }
void mappings_as_timeloop(benchmark::State& state) { evaluate(state, CountingRules::timeloop(), false); }

// One order of loops on each array: weights, rows or outputs stay where the array is named for it.
Mapping loops_of(int kind, const Workload& workload, const AcceleratorDescription& accelerator) {
  const char* text =
      kind == 0   ? "DRAM[WIO] Q2 K2 C2 | GlobalBuffer[IO] K2 P2 Q2:X | Column[] K2:Y C2:Y S2:Y | InputRF[I] | "
                    "WeightRF[W] R2 C2 | PsumRF[O] K2"
      : kind == 1 ? "DRAM[WIO] P2 Q2 C2 K2 | GlobalBuffer[WIO] K2 C2 Q2 P2 R2 S2 K2:X | AccumBuffer[O] Q2 P2 "
                    "C2:Y | WeightReg[W]"
                  : "DRAM[WIO] K2 Q2 P2 | GlobalBuffer[WIO] P2 K2 R2 S2 Q2:Y P2:X | PsumReg[O] C2 R2 S2";
  return parse_mapping(text, workload, accelerator);
}

void bulk(benchmark::State& state, const CountingRules& rules) {
  const int kind = static_cast<int>(state.range(0));
  const AcceleratorDescription accelerator = architecture(kind);
  const Workload workload = convolution(128, 128, 28, 3, 1);
  const BulkEvaluator evaluator(workload, accelerator, loops_of(kind, workload, accelerator), rules);
  Random random(7);
  constexpr std::size_t kRows = 512;
  std::vector<int64_t> bounds(kRows * static_cast<std::size_t>(evaluator.loop_count()));
  for (int64_t& bound : bounds) bound = random.integer(1, 8);
  std::vector<BulkCost> costs(kRows);
  for (auto _ : state) {
    evaluator.evaluate(bounds, {}, costs);
    benchmark::DoNotOptimize(costs.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kRows));
  state.SetLabel(accelerator.name);
}

void mappings_in_bulk(benchmark::State& state) { bulk(state, {}); }
void mappings_in_bulk_as_timeloop(benchmark::State& state) { bulk(state, CountingRules::timeloop()); }

struct Layer {
  int64_t k, c, p, r, stride;
};

// ResNet-50 (v1.5, 224 x 224): 53 convolutions and the classifier.
std::vector<Layer> resnet50() {
  std::vector<Layer> layers = {{64, 3, 112, 7, 2}};
  int64_t in = 64, size = 56;
  const std::array<int64_t, 4> blocks = {3, 4, 6, 3}, widths = {64, 128, 256, 512};
  for (std::size_t stage = 0; stage < 4; ++stage)
    for (int64_t block = 0; block < blocks[stage]; ++block) {
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1, width = widths[stage];
      layers.push_back({width, in, size, 1, 1});
      size /= stride;
      layers.push_back({width, width, size, 3, stride});
      layers.push_back({4 * width, width, size, 1, 1});
      if (block == 0) layers.push_back({4 * width, in, size, 1, stride});
      in = 4 * width;
    }
  layers.push_back({1000, 2048, 1, 1, 1});
  return layers;
}

// Bounds of a layer under the nvdla-like order: 16 filters over columns, 16 channels over rows, a row of outputs accumulates, the
// kernel above it; the rest outside.
void fixed_bounds(const Layer& layer, int64_t* bounds) {
  const auto parts = [](int64_t size, int64_t part) { return (size + part - 1) / part; };
  const std::array<int64_t, 14> values = {layer.p,
                                          1,
                                          parts(layer.c, 16),
                                          parts(layer.k, 16),
                                          1,
                                          1,
                                          1,
                                          1,
                                          layer.r,
                                          layer.r,
                                          std::min<int64_t>(16, layer.k),
                                          layer.p,
                                          1,
                                          std::min<int64_t>(16, layer.c)};
  std::copy(values.begin(), values.end(), bounds);
}

// All layers under one dataflow, from their sizes to cycles and energy.
void layers_under_a_fixed_dataflow(benchmark::State& state) {
  const AcceleratorDescription accelerator = architecture(1);
  const Workload workload = convolution(128, 128, 28, 3, 1);
  const BulkEvaluator evaluator(workload, accelerator, loops_of(1, workload, accelerator));
  const std::vector<Layer> layers = resnet50();
  const auto loops = static_cast<std::size_t>(evaluator.loop_count());
  std::vector<int64_t> bounds(layers.size() * loops), coefficients(layers.size() * 7);
  std::vector<BulkCost> costs(layers.size());
  for (auto _ : state) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      fixed_bounds(layers[i], &bounds[i * loops]);
      for (std::size_t d = 0; d < 7; ++d) coefficients[i * 7 + d] = d == 2 || d == 3 ? layers[i].stride : 1;
    }
    evaluator.evaluate(bounds, coefficients, costs);
    benchmark::DoNotOptimize(costs.data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(layers.size()));
  state.SetLabel("54 layers of ResNet-50 an iteration");
}

void layers_on_a_systolic_array(benchmark::State& state) {
  const std::vector<Layer> layers = resnet50();
  for (auto _ : state)
    for (const Layer& layer : layers) {
      const SystolicCost cost = systolic_cost({.m = layer.p * layer.p, .n = layer.k, .t = layer.c * layer.r * layer.r},
                                              {16, 16}, SystolicDataflow::weight_stationary);
      benchmark::DoNotOptimize(cost.cycles);
    }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(layers.size()));
}

BENCHMARK(mappings_in_bulk)->Arg(0)->Arg(1)->Arg(2);
BENCHMARK(mappings_in_bulk_as_timeloop)->Arg(0)->Arg(1)->Arg(2);
BENCHMARK(layers_under_a_fixed_dataflow);
BENCHMARK(layers_on_a_systolic_array);
BENCHMARK(mappings_with_divisors)->Arg(0)->Arg(1)->Arg(2);
BENCHMARK(mappings_with_any_bounds)->Arg(0)->Arg(1)->Arg(2);
BENCHMARK(mappings_as_timeloop)->Arg(0)->Arg(1)->Arg(2);

}  // namespace
