#include "nacre/hw/loopnest/evaluate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

TensorAxis axis(int dimension) { return {{{dimension, 1}}}; }

// C[M, N] = sum over K of A[M, K] B[K, N]; 8 bits, partial sums 32.
Workload product(int64_t m, int64_t n, int64_t k) {
  enum { M, N, K };
  Workload result{.name = "product", .dimensions = {{"M", m}, {"N", n}, {"K", k}}};
  result.tensors = {{.name = "Weights", .role = TensorRole::weights, .axes = {axis(K), axis(N)}},
                    {.name = "Inputs", .role = TensorRole::inputs, .axes = {axis(M), axis(K)}},
                    {.name = "Outputs", .role = TensorRole::outputs, .axes = {axis(M), axis(N)}}};
  for (WorkloadTensor& tensor : result.tensors) {
    tensor.bits = 8;
    tensor.format = "int8";
  }
  result.partial_sum_bits = 32;
  return result;
}

AcceleratorDescription two_levels() {
  AcceleratorDescription result{.name = "small"};
  result.levels = {{.name = "DRAM",
                    .access_bits = 8,
                    .read_bits_per_cycle = 64,
                    .write_bits_per_cycle = 64,
                    .read_energy_j = 100,
                    .write_energy_j = 100},
                   {.name = "Buffer",
                    .capacity_bits = 1024,
                    .access_bits = 8,
                    .read_bits_per_cycle = 256,
                    .write_bits_per_cycle = 256,
                    .double_buffered = true,
                    .read_energy_j = 2,
                    .write_energy_j = 3}};
  result.levels[1].fanout = {.x = 4, .y = 4};
  result.compute.energy_j = {{"int8", 1}};
  return result;
}

MappingCost cost_of(const std::string& mapping, const Workload& workload, const AcceleratorDescription& accelerator,
                    const CountingRules& rules = {}) {
  return evaluate_mapping(workload, accelerator, parse_mapping(mapping, workload, accelerator), rules);
}

std::string error_of(const std::string& mapping, const Workload& workload, const AcceleratorDescription& accelerator) {
  try {
    cost_of(mapping, workload, accelerator);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(EvaluateMapping, CountsAProductByHand) {
  // The buffer holds a row of inputs and a column of weights; K stays inside, so that each output is finished there.
  const MappingCost cost = cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), two_levels());
  EXPECT_EQ(cost.multiply_accumulates, 128);
  EXPECT_EQ(cost.compute_cycles, 128);
  const LevelCost &dram = cost.levels[0], &buffer = cost.levels[1];
  EXPECT_EQ(dram.tensors[0].reads, 4 * 4 * 8);  // all weights for each row of inputs
  EXPECT_EQ(dram.tensors[1].reads, 4 * 8);
  EXPECT_EQ(dram.tensors[2].updates, 16);
  EXPECT_EQ(dram.tensors[2].reads, 0);
  EXPECT_EQ(buffer.tensors[0].fills, 128);
  EXPECT_EQ(buffer.tensors[0].reads, 128);
  EXPECT_EQ(buffer.tensors[2].updates, 128);
  EXPECT_EQ(buffer.tensors[2].reductions, 128 - 16);
  EXPECT_EQ(buffer.tensors[2].reads, 128 - 16 + 16);  // the additions, and the finished ones on their way out
  EXPECT_EQ(buffer.tensors[2].fills, 0);
  EXPECT_EQ(dram.tensors[2].bits, 8);     // finished
  EXPECT_EQ(buffer.tensors[2].bits, 32);  // partial sums
  // 8 bits each: DRAM 128 + 32 reads, 16 writes; buffer: weights and inputs 128 + 32 fills, 256 reads, outputs of 32 bits.
  EXPECT_DOUBLE_EQ(cost.energy_j.value(),
                   128 + 100.0 * (128 + 32 + 16) + 3.0 * (128 + 32) + 2.0 * 256 + 4 * (3.0 * 128 + 2.0 * 128));
  EXPECT_EQ(cost.bottleneck, "compute");
}

TEST(EvaluateMapping, PartialSumsThatReturnAreWide) {
  const MappingCost cost = cost_of("DRAM[WIO] K2 M4 N4 | Buffer[WIO] K4", product(4, 4, 8), two_levels());
  EXPECT_EQ(cost.levels[0].tensors[2].updates, 32);
  EXPECT_EQ(cost.levels[0].tensors[2].reads, 16);
  EXPECT_EQ(cost.levels[1].tensors[2].fills, 16);
  EXPECT_EQ(cost.levels[0].tensors[2].bits, 32);
}

TEST(EvaluateMapping, UtilizationKnowsRemainders) {
  const MappingCost cost =
      cost_of("DRAM[WIO] M2 | Buffer[WIO] M4:X", product(5, 1, 1), two_levels());  // 5 rows on 4 columns: 2 steps
  EXPECT_EQ(cost.compute_cycles, 2);
  EXPECT_EQ(cost.units_used, 4);
  EXPECT_EQ(cost.cycles, 2);
  EXPECT_DOUBLE_EQ(cost.utilization, 5.0 / (16 * 2));
}

TEST(EvaluateMapping, NamesTheBottleneck) {
  AcceleratorDescription accelerator = two_levels();
  accelerator.levels[0].read_bits_per_cycle = 1;
  const MappingCost cost = cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator);
  EXPECT_EQ(cost.bottleneck, "DRAM");
  EXPECT_DOUBLE_EQ(cost.cycles, 8 * (128 + 32));
  accelerator.levels[0].read_bits_per_cycle = std::nullopt;
  accelerator.levels[0].write_bits_per_cycle = std::nullopt;
  accelerator.levels[0].shared_bits_per_cycle = 2;
  EXPECT_DOUBLE_EQ(cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator).cycles,
                   8 * (128 + 32 + 16) / 2);
}

TEST(EvaluateMapping, WithoutASecondBufferWorkWaits) {
  AcceleratorDescription accelerator = two_levels();
  const std::string mapping = "DRAM[WIO] M4 N4 | Buffer[WIO] K8";
  const MappingCost overlapped = cost_of(mapping, product(4, 4, 8), accelerator);
  accelerator.levels[1].double_buffered = false;
  const MappingCost waiting = cost_of(mapping, product(4, 4, 8), accelerator);
  // Outputs have a tile of one element, which changes with the clock; the rest comes through 64 bits a cycle.
  EXPECT_DOUBLE_EQ(waiting.levels[1].stall_cycles, 8 * (128 + 32) / 64.0);
  EXPECT_DOUBLE_EQ(waiting.cycles, overlapped.cycles + waiting.levels[1].stall_cycles);
  EXPECT_DOUBLE_EQ(cost_of(mapping, product(4, 4, 8), accelerator, {.stall_on_exchange = false}).cycles,
                   overlapped.cycles);
}

TEST(EvaluateMapping, SparseTensorsMoveLess) {
  Workload workload = product(4, 4, 8);
  const std::string mapping = "DRAM[WIO] M4 N4 | Buffer[WIO] K8";
  const MappingCost dense = cost_of(mapping, workload, two_levels());
  workload.tensors[0].density = 0.25;
  const MappingCost sparse = cost_of(mapping, workload, two_levels());
  for (std::size_t level = 0; level < 2; ++level) {
    EXPECT_EQ(sparse.levels[level].tensors[0].reads, dense.levels[level].tensors[0].reads);
    EXPECT_DOUBLE_EQ(*sparse.levels[level].tensors[0].energy_j, 0.25 * *dense.levels[level].tensors[0].energy_j);
    EXPECT_DOUBLE_EQ(*sparse.levels[level].tensors[1].energy_j, *dense.levels[level].tensors[1].energy_j);
  }
  EXPECT_DOUBLE_EQ(*sparse.compute_energy_j, 0.25 * *dense.compute_energy_j);
  EXPECT_EQ(sparse.compute_cycles, dense.compute_cycles);  // multipliers are not skipped
}

TEST(EvaluateMapping, UnknownEnergyStaysUnknown) {
  AcceleratorDescription accelerator = two_levels();
  accelerator.levels[1].write_energy_j = std::nullopt;
  const MappingCost cost = cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator);
  EXPECT_FALSE(cost.energy_j);
  EXPECT_FALSE(cost.levels[1].energy_j);
  EXPECT_TRUE(cost.levels[0].energy_j);
  accelerator = two_levels();
  accelerator.compute.energy_j.clear();
  EXPECT_FALSE(cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator).energy_j);
  accelerator = two_levels();
  accelerator.levels[1].leakage_w = 0.5;  // but no clock
  EXPECT_FALSE(cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator).energy_j);
}

TEST(EvaluateMapping, CountsLeakageAndWires) {
  AcceleratorDescription accelerator = two_levels();
  const MappingCost without = cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator);
  accelerator.clock_hz = 2;
  accelerator.levels[1].leakage_w = 0.5;
  accelerator.levels[0].fanout.energy_per_bit_j = 0.125;
  const MappingCost with = cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator);
  EXPECT_DOUBLE_EQ(*with.energy_j, *without.energy_j + 0.5 * 128 / 2 + 0.125 * 8 * (128 + 32 + 16));
}

TEST(EvaluateMapping, FormatsHaveRates) {
  AcceleratorDescription accelerator = two_levels();
  accelerator.compute.rate = {{"int8", 2.0}};
  EXPECT_EQ(cost_of("DRAM[WIO] M4 N4 | Buffer[WIO] K8", product(4, 4, 8), accelerator).compute_cycles, 64);
}

TEST(EvaluateMapping, SaysWhyATileDoesNotFit) {
  const Workload workload = product(64, 64, 64);
  AcceleratorDescription accelerator = two_levels();
  EXPECT_EQ(error_of("DRAM[WIO] M64 N64 | Buffer[WIO] K64", workload, accelerator),
            "mapping: level 'Buffer': Weights tile 64 B + Inputs tile 64 B + Outputs tile 4 B > 64 B (half of a double "
            "buffer), 68 B missing");
  accelerator.levels[1].double_buffered = false;
  EXPECT_EQ(error_of("DRAM[WIO] M64 | Buffer[WIO] N64 K64", workload, accelerator),
            "mapping: level 'Buffer': Weights tile 4 KiB > 128 B, 3.875 KiB missing");
  const auto misfit = mapping_misfit(workload, accelerator,
                                     parse_mapping("DRAM[WIO] M64 | Buffer[WIO] N64 K64", workload, accelerator));
  ASSERT_TRUE(misfit);
  EXPECT_EQ(misfit->level, 1u);
  EXPECT_EQ(misfit->tensor, 0);
  EXPECT_EQ(misfit->missing_bits, 8 * 4096 - 1024);
  EXPECT_FALSE(mapping_misfit(workload, accelerator,
                              parse_mapping("DRAM[WIO] M64 N64 K64 | Buffer[WIO]", workload, accelerator)));
  EXPECT_EQ(error_of("DRAM[WIO] M64 N64 K8 | Buffer[WIO] K8:X", workload, accelerator),
            "mapping: level 'Buffer' spreads its loops over 8 children along x, there are 4");
  accelerator.levels[1].holds = {TensorRole::inputs, TensorRole::outputs};
  EXPECT_EQ(error_of("DRAM[WIO] M64 N64 K64 | Buffer[W]", workload, accelerator),
            "mapping: level 'Buffer' is asked to keep 'Weights', which it cannot hold");
}

TEST(EvaluateMapping, RefusesWhatIsNoMapping) {
  const AcceleratorDescription accelerator = two_levels();
  Workload workload = product(4, 4, 8);
  EXPECT_EQ(error_of("DRAM[WIO] M4 N3 | Buffer[WIO] K8", workload, accelerator),
            "mapping: the bounds of N multiply to 3, which does not cover its size 4");
  EXPECT_EQ(error_of("DRAM[WO] M4 N4 | Buffer[WIO] K8", workload, accelerator),
            "mapping: the outermost level 'DRAM' does not keep 'Inputs'");
  EXPECT_THAT(error_of("DRAM[WIO] M1000000000 M1000000000 M100 N4 | Buffer[WIO] K8", workload, accelerator),
              HasSubstr("multiply to more than 2^60"));
  Mapping mapping = parse_mapping("DRAM[WIO] M4 N4 | Buffer[WIO] K8", workload, accelerator);
  const auto message = [&] {
    try {
      evaluate_mapping(workload, accelerator, mapping);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  mapping.levels[0].loops[0].factor = -4;
  EXPECT_EQ(message(), "mapping: level 'DRAM' has the bound -4 for M, expected at least 1");
  mapping.levels[0].loops[0] = {.dimension = 7, .factor = 4};
  EXPECT_EQ(message(), "mapping: level 'DRAM' has a loop over dimension 7, 'product' has 3");
  mapping.levels[0].loops[0] = {.dimension = 0, .factor = 4};
  mapping.levels[1].keeps = {true};
  EXPECT_EQ(message(), "mapping: level 'Buffer' says of 1 tensors whether it keeps them, 'product' has 3");
  mapping.levels.pop_back();
  EXPECT_EQ(message(), "mapping: 1 levels, but 'small' has 2");
  mapping = parse_mapping("DRAM[WIO] M4 N4 | Buffer[WIO] K8", workload, accelerator);
  workload.dimensions[0].size = 0;
  EXPECT_EQ(message(), "workload 'product': dimension M has size 0, expected at least 1");
  workload.dimensions[0].size = 4;
  workload.tensors[1].axes[0].terms[0].coefficient = -1;
  EXPECT_EQ(message(), "workload 'product': tensor 'Inputs' has the coefficient -1 for M, expected at least 1");
  workload.tensors[1].axes[0] = axis(2);
  EXPECT_EQ(message(), "workload 'product': tensor 'Inputs' uses K twice, which is not modelled");
  workload = product(int64_t{1} << 40, int64_t{1} << 40, 1);
  EXPECT_THAT(message(), HasSubstr("more than 2^63 multiply-accumulates"));
}

}  // namespace
}  // namespace nacre
