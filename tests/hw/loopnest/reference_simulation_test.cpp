// The cost engine against a walk through the loop nest, on random small layers and mappings.
#include "nacre/hw/loopnest/reference_simulation.hpp"

#include <gtest/gtest.h>

#include "nacre/base/random.hpp"
#include "nacre/hw/loopnest/nest_evaluator.hpp"

namespace nacre {
namespace {

TensorAxis axis(int dimension) { return {{{dimension, 1}}}; }

Workload convolution(Random& random, bool transposed) {
  enum { N, G, K, C, P, Q, R, S };
  Workload result{.name = "conv"};
  for (const char* name : {"N", "G", "K", "C"}) result.dimensions.push_back({name, random.integer(1, 3)});
  for (const char* name : {"P", "Q"}) result.dimensions.push_back({name, random.integer(1, 6)});
  for (const char* name : {"R", "S"}) result.dimensions.push_back({name, random.integer(1, 3)});
  if (random.bernoulli(0.3)) result.dimensions[K].size = result.dimensions[C].size = 1;  // depthwise
  const auto window = [&](int position, int kernel) {
    return TensorAxis{{{position, random.integer(1, 3)}, {kernel, random.integer(1, 3)}}};
  };
  result.tensors = {
      {.name = "Weights", .role = TensorRole::weights, .axes = {axis(G), axis(K), axis(C), axis(R), axis(S)}},
      {.name = "Inputs", .role = TensorRole::inputs, .axes = {axis(N), axis(G), axis(C)}},
      {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(N), axis(G), axis(K)}}};
  for (int i = 0; i < 2; ++i) {
    result.tensors[transposed ? 2 : 1].axes.push_back(window(P + i, R + i));
    result.tensors[transposed ? 1 : 2].axes.push_back(axis(P + i));
  }
  return result;
}

Workload product(Random& random, bool batched) {
  enum { B, M, N, K };
  Workload result{.name = "product"};
  for (const char* name : {"B", "M", "N", "K"})
    result.dimensions.push_back({name, name[0] == 'B' && !batched ? 1 : random.integer(1, 7)});
  result.tensors = {
      {.name = "Left", .role = TensorRole::inputs, .axes = {axis(B), axis(M), axis(K)}},
      {.name = "Right", .role = batched ? TensorRole::inputs : TensorRole::weights, .axes = {axis(K), axis(N)}},
      {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(B), axis(M), axis(N)}}};
  if (batched) result.tensors[1].axes.push_back(axis(B));
  return result;
}

AcceleratorDescription random_accelerator(Random& random) {
  AcceleratorDescription result{.name = "random"};
  const int64_t levels = random.integer(2, 4);
  for (int64_t i = 0; i < levels; ++i) {
    MemoryLevel level{.name = "L" + std::to_string(i)};
    level.fanout = {.x = 64, .y = 64, .multicast = random.bernoulli(0.7), .reduction = random.bernoulli(0.7)};
    result.levels.push_back(level);
  }
  return result;
}

Mapping random_mapping(Random& random, const Workload& workload, std::size_t levels) {
  Mapping mapping;
  mapping.levels.resize(levels);
  int64_t children = 1;
  const bool divisors = random.bernoulli(0.4);  // counted on a way of its own
  for (std::size_t d = 0; d < workload.dimensions.size(); ++d) {
    int64_t rest = workload.dimensions[d].size;
    while (rest > 1) {
      int64_t factor = random.bernoulli(0.3) ? rest : random.integer(2, rest);
      while (divisors && rest % factor) ++factor;
      const std::size_t level = random.below(levels);
      LoopKind kind = LoopKind::temporal;
      if (random.bernoulli(0.35) && children * factor <= 12) {
        kind = random.bernoulli(0.5) ? LoopKind::spatial_x : LoopKind::spatial_y;
        children *= factor;
      }
      mapping.levels[level].loops.push_back({static_cast<int>(d), factor, kind});
      rest = (rest + factor - 1) / factor;
    }
  }
  for (LevelMapping& level : mapping.levels) {
    random.shuffle(std::span<MappedLoop>(level.loops));
    std::stable_partition(level.loops.begin(), level.loops.end(),
                          [](const MappedLoop& loop) { return loop.kind == LoopKind::temporal; });
    for (std::size_t t = 0; t < workload.tensors.size(); ++t)
      level.keeps.push_back(&level == mapping.levels.data() || random.bernoulli(0.65));
  }
  return mapping;
}

struct Pair {
  Workload workload;
  AcceleratorDescription accelerator;
  Mapping mapping;
  std::string text() const {
    std::string result = mapping_text(mapping, workload, accelerator) + " of";
    for (const LoopDimension& dimension : workload.dimensions)
      result += " " + dimension.name + std::to_string(dimension.size);
    for (const WorkloadTensor& tensor : workload.tensors)
      for (const TensorAxis& one : tensor.axes)
        if (one.terms.size() > 1)
          result += " " + tensor.name + " " + std::to_string(one.terms[0].coefficient) + "," +
                    std::to_string(one.terms[1].coefficient);
    for (const MemoryLevel& level : accelerator.levels)
      result += std::string(level.fanout.multicast ? " m" : " -") + (level.fanout.reduction ? "r" : "-");
    return result;
  }
};

Pair random_pair(uint64_t number) {
  Random random = Random::stream(2020, "loop nests", number);
  Pair pair;
  while (true) {
    const uint64_t kind = random.below(6);
    pair.workload = kind < 3 ? convolution(random, kind == 2) : product(random, kind % 2 == 0);
    pair.accelerator = random_accelerator(random);
    pair.mapping = random_mapping(random, pair.workload, pair.accelerator.levels.size());
    int64_t points = 1;  // of the bounds as they stand: what the simulation walks
    for (const LevelMapping& level : pair.mapping.levels)
      for (const MappedLoop& loop : level.loops) points *= loop.factor;
    if (points <= 3000) return pair;
  }
}

void compare(const Pair& pair, const CountingRules& rules) {
  const SimulatedCost expected = simulate_mapping(pair.workload, pair.accelerator, pair.mapping, rules);
  const MappingCost cost = evaluate_mapping(pair.workload, pair.accelerator, pair.mapping, rules);
  EXPECT_EQ(cost.multiply_accumulates, expected.multiply_accumulates);
  EXPECT_EQ(cost.compute_cycles, expected.steps);
  EXPECT_EQ(cost.units_used, expected.units_used);
  for (std::size_t level = 0; level < expected.levels.size(); ++level)
    for (std::size_t t = 0; t < pair.workload.tensors.size(); ++t) {
      SCOPED_TRACE("level " + std::to_string(level) + ", " + pair.workload.tensors[t].name);
      const SimulatedTensor& simulated = expected.levels[level].tensors[t];
      const TensorTraffic& counted = cost.levels[level].tensors[t];
      EXPECT_EQ(counted.kept, simulated.kept);
      EXPECT_EQ(counted.instances, expected.levels[level].instances);
      EXPECT_EQ(counted.tile_elements, simulated.tile_elements);
      EXPECT_EQ(counted.reads, simulated.reads);
      EXPECT_EQ(counted.fills, simulated.fills);
      EXPECT_EQ(counted.updates, simulated.updates);
      EXPECT_EQ(counted.reductions, simulated.reductions);
      EXPECT_EQ(counted.sent, simulated.sent);
      EXPECT_EQ(counted.delivered, simulated.delivered);
    }
}

void compare_all(const CountingRules& rules, uint64_t first, uint64_t count) {
  for (uint64_t number = first; number < first + count; ++number) {
    const Pair pair = random_pair(number);
    SCOPED_TRACE("pair " + std::to_string(number) + ": " + pair.text());
    compare(pair, rules);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ReferenceSimulation, EngineEqualsItOnRandomPairs) { compare_all({}, 0, 2000); }

TEST(ReferenceSimulation, EngineEqualsItWhereHalosAreDiscarded) {
  compare_all({.halos = HaloRule::discarded}, 2000, 2000);
}

TEST(ReferenceSimulation, EngineEqualsItWhereZerosAreFetched) {
  compare_all({.zero_first_reads = false, .read_when_evicted = false}, 4000, 300);
}

// What must hold whatever is counted, on the simulation itself.
TEST(ReferenceSimulation, ConservesWhatMoves) {
  for (uint64_t number = 0; number < 300; ++number) {
    const Pair pair = random_pair(number);
    SCOPED_TRACE("pair " + std::to_string(number) + ": " + pair.text());
    const SimulatedCost cost = simulate_mapping(pair.workload, pair.accelerator, pair.mapping);
    EXPECT_EQ(cost.multiply_accumulates, pair.workload.points());
    for (std::size_t t = 0; t < pair.workload.tensors.size(); ++t) {
      const bool output = pair.workload.tensors[t].role == TensorRole::outputs;
      for (std::size_t level = 0; level < cost.levels.size(); ++level) {
        const SimulatedTensor& here = cost.levels[level].tensors[t];
        EXPECT_LE(here.sent, here.delivered);
        if (!here.kept || output) continue;
        std::size_t child = level + 1;
        while (child < cost.levels.size() && !cost.levels[child].tensors[t].kept) ++child;
        EXPECT_EQ(here.reads, here.sent);
        EXPECT_EQ(cost.levels[child - 1].tensors[t].delivered,
                  child < cost.levels.size() ? cost.levels[child].tensors[t].fills : cost.multiply_accumulates);
      }
    }
  }
}

}  // namespace
}  // namespace nacre
