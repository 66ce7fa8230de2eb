#include "nacre/hw/accelerator/network_breakdown.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/mapper/mapping_plan.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

Graph small_network() {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 3, 16, 16});
  x = builder.convolution_norm_activation("first", x, 8, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("second", x, 16, {.kernel = 3, .stride = 2}, Activation::relu);
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  return builder.take();
}

MappingPlan plan_of(const std::string& yaml) {
  return mapping_plan(resolve_options(parse_config(yaml, "t.yaml"), mapping_parameters("dataflow"), "mapping"),
                      "mapping", {});
}

struct Mapped {
  NetworkCost cost;
  NetworkBreakdown breakdown;
};

Mapped mapped_on(const AcceleratorDescription& chip, const std::string& yaml = "{}") {
  const Graph graph = small_network();
  const MappingPlan plan = plan_of(yaml);
  MappingCache cache;
  Mapped mapped{network_cost(graph, chip, product_mapper(chip, plan, cache), plan.work), {}};
  mapped.breakdown = network_breakdown(graph, chip, mapped.cost);
  return mapped;
}

constexpr const char* kChips[] = {"eyeriss", "nvdla_large", "nvdla_small", "shidiannao",
                                  "gemmini", "tpu_like",    "edge_npu"};

TEST(NetworkBreakdown, RowsAndComponentsAddUpToTheNetwork) {
  for (const char* chip : kChips) {
    SCOPED_TRACE(chip);
    const Mapped mapped = mapped_on(load_accelerator(chip));
    double cycles = 0, energy_j = mapped.breakdown.idle_leakage_j.value_or(0), macs = 0;
    std::vector<double> parts(mapped.breakdown.components.size());
    for (const LayerBreakdown& layer : mapped.breakdown.layers) {
      cycles += layer.cycles;
      energy_j += layer.energy_j.value();
      macs += static_cast<double>(layer.multiply_accumulates);
      for (std::size_t i = 0; i < parts.size(); ++i) parts[i] += layer.parts_j[i].value();
    }
    EXPECT_DOUBLE_EQ(cycles, mapped.cost.cycles);
    EXPECT_NEAR(energy_j, mapped.cost.energy_j.value(), 1e-9 * energy_j);
    EXPECT_EQ(macs, static_cast<double>(mapped.cost.multiply_accumulates));
    for (std::size_t i = 0; i < parts.size(); ++i)
      EXPECT_NEAR(parts[i], mapped.breakdown.parts_j[i].value(), 1e-12 * energy_j) << mapped.breakdown.components[i];
  }
}

// No point of a roofline is above its roofs, whatever the memory.
TEST(NetworkBreakdown, NothingIsFasterThanItsMultipliersAndMemories) {
  for (const char* chip : kChips) {
    for (const char* plan : {"{}", "{method: random_pruned, evaluations: 200}"}) {
      SCOPED_TRACE(std::string(chip) + " " + plan);
      const Mapped mapped = mapped_on(load_accelerator(chip), plan);
      for (const LayerBreakdown& layer : mapped.breakdown.layers) {
        if (layer.multiply_accumulates > 0) {
          EXPECT_LE(static_cast<double>(layer.multiply_accumulates),
                    layer.cycles * layer.peak_macs_per_cycle * (1 + 1e-9));
          EXPECT_LE(layer.utilization, 1 + 1e-9);
        }
        for (std::size_t level = 0; level < layer.level_bits.size(); ++level)
          if (const auto roof = mapped.breakdown.level_bits_per_cycle[level])
            EXPECT_LE(layer.level_bits[level], layer.cycles * *roof * (1 + 1e-9)) << layer.name << " level " << level;
      }
    }
  }
}

TEST(NetworkBreakdown, ElementwiseNodesStandWithTheirHost) {
  const Mapped mapped = mapped_on(load_accelerator("gemmini"));
  std::string operators;
  for (const LayerBreakdown& layer : mapped.breakdown.layers) operators += layer.op + " ";
  EXPECT_THAT(operators, HasSubstr("+Relu"));
  EXPECT_EQ(mapped.breakdown.layers[0].shapes[0], "K8 C3 P16 Q16 R3 S3");
  EXPECT_EQ(mapped.breakdown.layers[0].mappings.size(), 1u);
}

TEST(NetworkBreakdown, UnknownEnergiesStayUnknown) {
  AcceleratorDescription chip = load_accelerator("gemmini");
  chip.levels[1].read_energy_j.reset();
  const Mapped mapped = mapped_on(chip);
  EXPECT_FALSE(mapped.breakdown.parts_j[1]);
  EXPECT_TRUE(mapped.breakdown.parts_j[0]);
  EXPECT_FALSE(mapped.breakdown.layers[0].energy_j);
}

TEST(NetworkBreakdown, ALayerThatDoesNotFitIsARow) {
  const Graph graph = small_network();
  const AcceleratorDescription chip = load_accelerator("gemmini");
  MappingCache cache;
  const ProductMapper fits = product_mapper(chip, plan_of("{}"), cache);
  const NetworkCost cost = network_cost(graph, chip, [&](const Workload& workload) {
    return workload.points() > 60'000 ? ProductMapping{.mapping = {}, .cost = {}, .misfit = "too large", .method = {}}
                                      : fits(workload);
  });
  EXPECT_EQ(cost.infeasible, 1);
  EXPECT_FALSE(cost.latency_s);
  EXPECT_FALSE(cost.energy_j);
  const NetworkBreakdown breakdown = network_breakdown(graph, chip, cost);
  EXPECT_EQ(breakdown.layers[1].misfit, "too large");
  EXPECT_EQ(breakdown.layers[0].misfit, "");
  EXPECT_FALSE(breakdown.parts_j[0]);
}

}  // namespace
}  // namespace nacre
