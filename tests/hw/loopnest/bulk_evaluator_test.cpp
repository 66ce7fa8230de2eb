// Eight at a time against one by one.
#include "nacre/hw/loopnest/bulk_evaluator.hpp"

#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/base/random.hpp"

namespace nacre {
namespace {

TensorAxis axis(int dimension) { return {{{dimension, 1}}}; }

Workload convolution() {
  enum { K, C, P, Q, R, S };
  Workload result{.name = "conv", .dimensions = {{"K", 1}, {"C", 1}, {"P", 1}, {"Q", 1}, {"R", 1}, {"S", 1}}};
  result.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(K), axis(C), axis(R), axis(S)}},
                    {.name = "Inputs",
                     .role = TensorRole::inputs,
                     .axes = {axis(C), TensorAxis{{{P, 1}, {R, 1}}}, TensorAxis{{{Q, 1}, {S, 1}}}}},
                    {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(K), axis(P), axis(Q)}}};
  result.partial_sum_bits = 32;
  return result;
}

AcceleratorDescription random_accelerator(Random& random) {
  AcceleratorDescription result{.name = "random"};
  result.clock_hz = 1e9;
  result.compute.energy_j = {{"int16", 1.5}};
  const int64_t levels = random.integer(2, 4);
  for (int64_t i = 0; i < levels; ++i) {
    MemoryLevel level{.name = "L" + std::to_string(i)};
    if (i > 0) level.capacity_bits = random.integer(64, 20000);
    level.double_buffered = random.bernoulli(0.5);
    if (random.bernoulli(0.7)) level.read_bits_per_cycle = static_cast<double>(random.integer(1, 40));
    if (random.bernoulli(0.7)) level.write_bits_per_cycle = static_cast<double>(random.integer(1, 40));
    if (random.bernoulli(0.3)) level.shared_bits_per_cycle = static_cast<double>(random.integer(1, 40));
    level.read_energy_j = random.uniform(1, 10);
    level.write_energy_j = random.uniform(1, 10);
    if (random.bernoulli(0.3)) level.leakage_w = 0.25;
    level.fanout = {.x = 8, .y = 8, .multicast = random.bernoulli(0.7), .reduction = random.bernoulli(0.7)};
    if (random.bernoulli(0.5)) level.fanout.energy_per_bit_j = 0.125;
    result.levels.push_back(level);
  }
  return result;
}

Mapping random_template(Random& random, std::size_t levels, std::size_t tensors) {
  Mapping mapping;
  mapping.levels.resize(levels);
  for (LevelMapping& level : mapping.levels) {
    for (const int64_t d : random.permutation(6))
      if (random.bernoulli(0.6)) level.loops.push_back({static_cast<int>(d), 1, LoopKind::temporal});
    if (random.bernoulli(0.5)) level.loops.push_back({static_cast<int>(random.below(6)), 1, LoopKind::spatial_x});
    if (random.bernoulli(0.3)) level.loops.push_back({static_cast<int>(random.below(6)), 1, LoopKind::spatial_y});
    for (std::size_t t = 0; t < tensors; ++t)
      level.keeps.push_back(&level == mapping.levels.data() || random.bernoulli(0.65));
  }
  return mapping;
}

void compare(const CountingRules& rules, const char* purpose) {
  int compared = 0, refused = 0;
  for (uint64_t number = 0; number < 300; ++number) {
    Random random = Random::stream(11, purpose, number);
    const Workload workload = convolution();
    const AcceleratorDescription accelerator = random_accelerator(random);
    const Mapping loops = random_template(random, accelerator.levels.size(), workload.tensors.size());
    std::optional<BulkEvaluator> bulk;
    try {
      bulk.emplace(workload, accelerator, loops, rules);
    } catch (const UserError&) {  // fan-out loops along one window
      ++refused;
      continue;
    }
    const std::size_t rows = 1 + random.below(20);
    std::vector<int64_t> bounds, coefficients;
    for (std::size_t row = 0; row < rows; ++row) {
      for (int i = 0; i < bulk->loop_count(); ++i) bounds.push_back(random.bernoulli(0.5) ? random.integer(1, 4) : 1);
      for (int d = 0; d < 6; ++d) coefficients.push_back(random.integer(1, 3));
    }
    std::vector<BulkCost> costs(rows);
    bulk->evaluate(bounds, coefficients, costs);
    for (std::size_t row = 0; row < rows; ++row) {
      Mapping mapping = loops;
      Workload layer = workload;
      std::size_t next = row * static_cast<std::size_t>(bulk->loop_count());
      for (LevelMapping& level : mapping.levels)
        for (MappedLoop& loop : level.loops) {
          loop.factor = bounds[next++];
          layer.dimensions[static_cast<std::size_t>(loop.dimension)].size *= loop.factor;
        }
      for (TensorAxis& one : layer.tensors[1].axes)
        if (one.terms.size() > 1)
          for (ProjectionTerm& term : one.terms)
            term.coefficient = coefficients[row * 6 + static_cast<std::size_t>(term.dimension)];
      SCOPED_TRACE(std::to_string(number) + "/" + std::to_string(row) + ": " +
                   mapping_text(mapping, layer, accelerator));
      const NestEvaluator evaluator(layer, accelerator, rules);
      Nest nest;
      NestCost cost;
      evaluator.flatten(mapping, nest);
      evaluator.cost(nest, cost);
      EXPECT_EQ(costs[row].compute_cycles, static_cast<double>(cost.compute_cycles));
      EXPECT_EQ(costs[row].cycles, cost.cycles);
      EXPECT_NEAR(costs[row].energy_j, cost.energy_j, 1e-12 * cost.energy_j);  // another order of additions
      EXPECT_EQ(costs[row].energy_known, cost.energy_known);
      EXPECT_EQ(costs[row].fits, evaluator.fits(nest, cost));
      ++compared;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(compared, 2000);
  EXPECT_LT(refused, 60);
}

TEST(BulkEvaluator, EqualsTheSingleOne) { compare({}, "kept"); }
TEST(BulkEvaluator, EqualsTheSingleOneWithoutHalos) { compare({.halos = HaloRule::discarded}, "discarded"); }
TEST(BulkEvaluator, EqualsTheSingleOneAsTimeloop) { compare(CountingRules::timeloop(), "timeloop"); }
TEST(BulkEvaluator, EqualsTheSingleOneAsTimeloopsHead) { compare(CountingRules::timeloop_head(), "head"); }

TEST(BulkEvaluator, RefusesWhatHasNoVectorForm) {
  Random random(1);
  Workload workload = convolution();
  AcceleratorDescription accelerator = random_accelerator(random);
  Mapping loops;
  loops.levels.resize(accelerator.levels.size(), {.loops = {}, .keeps = {true, true, true}});
  EXPECT_NO_THROW(BulkEvaluator(workload, accelerator, loops));
  workload.tensors[1].axes[1].terms.push_back({3, 1});
  workload.tensors[1].axes.pop_back();
  EXPECT_THROW(BulkEvaluator(workload, accelerator, loops), UserError);
  workload = convolution();
  std::swap(workload.tensors[1].axes, workload.tensors[2].axes);
  EXPECT_THROW(BulkEvaluator(workload, accelerator, loops), UserError);
}

}  // namespace
}  // namespace nacre
