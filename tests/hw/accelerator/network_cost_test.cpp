#include "nacre/hw/accelerator/network_cost.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

AcceleratorDescription small_chip() {
  AcceleratorDescription chip{.name = "small", .clock_hz = 1e9};
  chip.levels.push_back({.name = "DRAM",
                         .access_bits = 64,
                         .shared_bits_per_cycle = 64,
                         .read_energy_j = 100e-12,
                         .write_energy_j = 120e-12});
  chip.levels.push_back({.name = "Buffer",
                         .capacity_bits = 8192,
                         .read_energy_j = 5e-12,
                         .write_energy_j = 5e-12,
                         .leakage_w = 1e-3,
                         .area_mm2 = 0.5,
                         .fanout = {.x = 4, .y = 4}});
  chip.compute.area_mm2 = 0.01;
  chip.compute.energy_j["int8"] = 1e-12;
  chip.vector_unit = VectorUnit{.lanes = 8, .energy_j = 2e-12, .area_mm2 = 0.1};
  chip.native = {.weights = "int8", .activations = "int8", .partial_sums = "int32"};
  return chip;
}

// A product runs at one multiply-accumulate a cycle and costs a picojoule each.
ProductMapping one_a_cycle(const Workload& workload) {
  ProductMapping mapped;
  mapped.cost.levels.resize(2);
  mapped.cost.multiply_accumulates = workload.points();
  mapped.cost.cycles = static_cast<double>(workload.points());
  mapped.cost.bottleneck = "compute";
  // A picojoule each, and the leakage of the buffer in these cycles.
  mapped.cost.energy_j = (1e-12 + 1e-3 / 1e9) * static_cast<double>(workload.points());
  return mapped;
}

Graph small_network() {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 3, 8, 8});
  x = builder.convolution_norm_activation("first", x, 4, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("second", x, 4, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("third", x, 4, {.kernel = 3}, Activation::relu);
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  return builder.take();
}

TEST(NetworkCost, IsTheSumOfItsNodes) {
  const Graph graph = small_network();
  const AcceleratorDescription chip = small_chip();
  int asked = 0;
  const NetworkCost cost = network_cost(graph, chip, [&](const Workload& workload) {
    ++asked;
    EXPECT_EQ(workload.tensors[0].bits, 8);  // native formats of the chip
    EXPECT_EQ(workload.partial_sum_bits, 32);
    return one_a_cycle(workload);
  });
  EXPECT_EQ(asked, 3);  // second and third convolution are the same product
  EXPECT_EQ(cost.multiply_accumulates, count_graph(graph).macs);
  double cycles = 0, energy = 0, products = 0;
  for (const NodeCost& node : cost.nodes) {
    cycles += node.cycles;
    energy += node.energy_j.value();
    for (const ProductCost& product : node.products) products += product.mapped.cost.cycles;
    EXPECT_TRUE(node.work.fused_into == kNone || node.cycles == 0);
  }
  EXPECT_DOUBLE_EQ(cost.cycles, cycles);
  EXPECT_DOUBLE_EQ(cost.latency_s.value(), cycles / 1e9);
  EXPECT_DOUBLE_EQ(cost.static_energy_j.value(), 1e-3 * cycles / 1e9);
  EXPECT_NEAR(cost.energy_j.value(), energy + *cost.static_energy_j - 1e-3 * products / 1e9, 1e-18);
  EXPECT_DOUBLE_EQ(cost.utilization, static_cast<double>(cost.multiply_accumulates) / (16 * cycles));
  EXPECT_THAT(cost.not_covered, testing::IsEmpty());
}

TEST(NetworkCost, PoolingMovesItsDataAndComputesOnTheVectorUnit) {
  const NetworkCost cost = network_cost(small_network(), small_chip(), one_a_cycle);
  const Graph graph = small_network();
  for (const NodeCost& node : cost.nodes) {
    if (graph.node(node.work.node).op != "GlobalAveragePool") continue;
    const double bits = 8 * (4 * 64 + 4);
    EXPECT_EQ(node.read_bits + node.written_bits, bits);
    EXPECT_DOUBLE_EQ(node.cycles, std::max(bits / 64, static_cast<double>(node.vector_operations) / 8));
    EXPECT_DOUBLE_EQ(node.energy_j.value(), static_cast<double>(node.vector_operations) * 2e-12 +
                                                4 * 64 * 8 / 64.0 * 100e-12 + 4 * 8 / 64.0 * 120e-12);
    return;
  }
  FAIL() << "no pooling";
}

TEST(NetworkCost, EachPortOfTheOutermostMemoryHasItsRate) {
  const auto pooling_cycles = [](std::optional<double> read, std::optional<double> write,
                                 std::optional<double> shared) {
    AcceleratorDescription chip = small_chip();
    chip.vector_unit->lanes = 1 << 20;  // never the slowest
    chip.levels[0].read_bits_per_cycle = read;
    chip.levels[0].write_bits_per_cycle = write;
    chip.levels[0].shared_bits_per_cycle = shared;
    const Graph graph = small_network();
    const NetworkCost cost = network_cost(graph, chip, one_a_cycle);
    for (const NodeCost& node : cost.nodes)
      if (graph.node(node.work.node).op == "GlobalAveragePool") return node.cycles;
    return -1.0;
  };
  const double read = 8 * 4 * 64, written = 8 * 4;
  EXPECT_DOUBLE_EQ(pooling_cycles(16, 1, std::nullopt), read / 16);
  EXPECT_DOUBLE_EQ(pooling_cycles(1024, 1, std::nullopt), written / 1);
  EXPECT_DOUBLE_EQ(pooling_cycles(std::nullopt, 0.25, 64), written / 0.25);
  EXPECT_DOUBLE_EQ(pooling_cycles(16, 16, 8), (read + written) / 8);
}

TEST(NetworkCost, WithoutAVectorUnitSumsAreLowerBoundsAndSaySo) {
  AcceleratorDescription chip = small_chip();
  chip.vector_unit.reset();
  const NetworkCost cost = network_cost(small_network(), chip, one_a_cycle);
  EXPECT_THAT(cost.not_covered, testing::UnorderedElementsAre("BatchNormalization", "GlobalAveragePool", "Relu"));
}

TEST(NetworkCost, UnknownStaysUnknown) {
  AcceleratorDescription chip = small_chip();
  chip.clock_hz.reset();
  chip.levels[0].read_energy_j.reset();
  const NetworkCost cost = network_cost(small_network(), chip, one_a_cycle);
  EXPECT_FALSE(cost.latency_s.has_value());
  EXPECT_FALSE(cost.energy_j.has_value());
  EXPECT_GT(cost.cycles, 0);
}

TEST(NetworkCost, AreaCountsAllInstances) {
  AcceleratorDescription chip = small_chip();
  EXPECT_DOUBLE_EQ(accelerator_area_mm2(chip).value(), 0.5 + 16 * 0.01 + 0.1);
  chip.levels[1].area_mm2.reset();
  EXPECT_FALSE(accelerator_area_mm2(chip).has_value());
}

TEST(NetworkCost, AMapperThatFindsNothingNamesTheNode) {
  const auto refuse = [](const Workload&) -> ProductMapping { throw UserError("weights tile 3 kB > 1 kB buffer"); };
  EXPECT_THAT([&] { network_cost(small_network(), small_chip(), refuse); },
              testing::ThrowsMessage<UserError>(testing::AllOf(HasSubstr("first"), HasSubstr("weights tile"))));
}

TEST(NetworkCost, KeysTellShapesAndFormatsApartButNotNames) {
  const Graph graph = small_network();
  const auto key = [&](size_t node, const OperandFormats& formats) {
    const NetworkWork work = network_work(graph, {.formats = formats});
    size_t seen = 0;
    for (const NodeWork& entry : work.nodes)
      for (const Workload& product : entry.products)
        if (seen++ == node) return workload_key(product);
    return std::string();
  };
  EXPECT_NE(key(0, {}), key(1, {}));
  EXPECT_EQ(key(1, {}), key(2, {}));
  EXPECT_NE(key(1, {}), key(1, {.weights = "int4"}));
}

}  // namespace
}  // namespace nacre
