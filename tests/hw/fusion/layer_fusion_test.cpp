#include "nacre/hw/fusion/layer_fusion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/loopnest/reference_simulation.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

MappingPlan plan_of(const std::string& yaml) {
  return mapping_plan(resolve_options(parse_config(yaml, "t.yaml"), mapping_parameters("dataflow"), "mapping"),
                      "mapping", {});
}

// Narrow layers over a wide image, whose data between are larger than all weights.
Graph wide_network(int64_t side = 24) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 4, side, side});
  x = builder.convolution_norm_activation("first", x, 6, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("second", x, 6, {.kernel = 3, .stride = 2}, Activation::relu);
  x = builder.convolution_norm_activation("third", x, 4, {.kernel = 1}, Activation::relu);
  builder.output(x, "out");
  return builder.take();
}

AcceleratorDescription chip(int64_t buffer_bits = 16 * 8192) {
  AcceleratorDescription made{.name = "chip", .clock_hz = 1e8};
  made.levels.push_back({.name = "DRAM",
                         .access_bits = 64,
                         .shared_bits_per_cycle = 16,
                         .read_energy_j = 400e-12,
                         .write_energy_j = 400e-12});
  made.levels.push_back({.name = "Buffer",
                         .capacity_bits = buffer_bits,
                         .access_bits = 64,
                         .double_buffered = true,
                         .read_energy_j = 10e-12,
                         .write_energy_j = 12e-12,
                         .leakage_w = 1e-4,
                         .fanout = {.x = 4}});
  made.levels.push_back({.name = "Registers",
                         .capacity_bits = 512,
                         .access_bits = 8,
                         .double_buffered = true,
                         .read_energy_j = 0.1e-12,
                         .write_energy_j = 0.1e-12});
  made.compute.energy_j["int8"] = 0.2e-12;
  made.native = {.weights = "int8", .activations = "int8", .partial_sums = "int8"};
  return made;
}

struct Chain {
  Graph graph;
  std::vector<FusibleLayer> layers;
};

Chain chain_on(const AcceleratorDescription& accelerator, int64_t side) {
  Chain chain{wide_network(side), {}};
  const auto chains = fusible_chains(chain.graph, network_work(chain.graph, with_native_formats({}, accelerator)));
  EXPECT_EQ(chains.size(), 1u);
  chain.layers = chains.at(0);
  return chain;
}

// What really moves, counted point by point: every tile of every layer is walked by the reference simulation, rows come
// from and go to where they stay.
struct Counted {
  int64_t outermost_reads = 0, outermost_updates = 0, reads = 0, fills = 0, updates = 0;
};

std::vector<std::vector<Counted>> walked(const Chain& chain, const AcceleratorDescription& accelerator,
                                         const MappingPlan& plan, const FusionChoice& choice, double held_bits) {
  const RowPlan rows = plan_rows(chain.layers, choice.tile_rows);
  std::vector<std::vector<Counted>> all;
  for (std::size_t i = 0; i < chain.layers.size(); ++i) {
    std::vector<Counted> counted(3);
    std::vector<TensorRole> roles = {TensorRole::inputs};
    if (i + 1 < chain.layers.size()) roles.push_back(TensorRole::outputs);
    if (choice.weights_stay) roles.push_back(TensorRole::weights);
    const AcceleratorDescription homed = with_home(accelerator, roles, held_bits);
    for (std::size_t tile = 0; tile < rows.fetched.size(); ++tile) {
      if (rows.made[i][tile] == 0) continue;
      const Workload workload = with_rows(chain.layers[i], rows.made[i][tile]);
      const Mapping mapping = fixed_dataflow_mapping(workload, homed, plan.dataflow);
      const SimulatedCost walk = simulate_mapping(workload, homed, mapping);
      for (std::size_t t = 0; t < 3; ++t) {
        const WorkloadTensor& tensor = workload.tensors[t];
        const bool stays = std::ranges::find(roles, tensor.role) != roles.end();
        const SimulatedTensor &top = walk.levels[0].tensors[t], &home = walk.levels[1].tensors[t],
                              &buffer = walk.levels[2].tensors[t];
        if (!stays) {
          counted[t].outermost_reads += top.reads;
          counted[t].outermost_updates += top.updates;
          counted[t].reads += buffer.reads;
          counted[t].fills += buffer.fills;
          counted[t].updates += buffer.updates;
          continue;
        }
        counted[t].reads += home.reads;
        counted[t].updates += home.updates;
        // Finished rows are not read to be sent away: they stay.
        if (tensor.role == TensorRole::outputs) counted[t].reads -= top.updates;
        if (tensor.role == TensorRole::inputs && i == 0) {
          const int64_t elements =
              rows.fetched[tile] * row_elements(workload, TensorRole::inputs, chain.layers[i].row_dimension);
          counted[t].outermost_reads += elements;
          counted[t].fills += elements;
        }
      }
    }
    if (choice.weights_stay)
      for (std::size_t t = 0; t < 3; ++t) {
        const Workload& workload = chain.layers[i].workload;
        if (workload.tensors[t].role != TensorRole::weights) continue;
        int64_t elements = 1;
        for (const TensorAxis& axis : workload.tensors[t].axes)
          elements *= workload.dimensions[static_cast<std::size_t>(axis.terms[0].dimension)].size;
        counted[t].outermost_reads += elements;
        counted[t].fills += elements;
      }
    all.push_back(counted);
  }
  return all;
}

TEST(LayerFusion, TrafficIsWhatAWalkThroughAllTilesCounts) {
  const AcceleratorDescription accelerator = chip();
  const Chain chain = chain_on(accelerator, 10);
  for (const char* dataflow : {"weight_stationary", "output_stationary", "input_stationary"}) {
    const MappingPlan plan = plan_of(std::string("{dataflow: ") + dataflow + "}");
    for (const int64_t rows : {1, 2, 3, 5}) {
      for (const bool weights_stay : {false, true}) {
        SCOPED_TRACE(std::string(dataflow) + " rows " + std::to_string(rows) + (weights_stay ? " with weights" : ""));
        const FusionChoice choice{.tile_rows = rows, .weights_stay = weights_stay};
        MappingCache cache;
        const auto group = fused_group(chain.layers, accelerator, plan, choice, cache);
        ASSERT_TRUE(group);
        const auto expected = walked(chain, accelerator, plan, choice, group->held_bits);
        for (std::size_t i = 0; i < chain.layers.size(); ++i) {
          const MappingCost& cost = group->mapped[i].cost;
          EXPECT_EQ(cost.multiply_accumulates, chain.layers[i].workload.points());
          for (std::size_t t = 0; t < 3; ++t) {
            SCOPED_TRACE(std::to_string(i) + " " + chain.layers[i].workload.tensors[t].name);
            EXPECT_EQ(cost.levels[0].tensors[t].reads, expected[i][t].outermost_reads);
            EXPECT_EQ(cost.levels[0].tensors[t].updates, expected[i][t].outermost_updates);
            EXPECT_EQ(cost.levels[1].tensors[t].reads, expected[i][t].reads);
            EXPECT_EQ(cost.levels[1].tensors[t].fills, expected[i][t].fills);
            EXPECT_EQ(cost.levels[1].tensors[t].updates, expected[i][t].updates);
          }
        }
      }
    }
  }
}

TEST(LayerFusion, WhatIsBetweenNeverPassesTheOutermostMemory) {
  const AcceleratorDescription accelerator = chip();
  const Chain chain = chain_on(accelerator, 24);
  MappingCache cache;
  const auto group = fused_group(chain.layers, accelerator, plan_of("{dataflow: output_stationary}"),
                                 {.tile_rows = 4, .weights_stay = true}, cache);
  ASSERT_TRUE(group);
  EXPECT_LE(group->held_bits, static_cast<double>(*accelerator.levels[1].capacity_bits));
  for (std::size_t i = 0; i < group->mapped.size(); ++i) {
    const auto& tensors = group->mapped[i].cost.levels[0].tensors;
    if (i > 0) EXPECT_EQ(tensors[1].reads, 0);
    if (i + 1 < group->mapped.size()) EXPECT_EQ(tensors[2].updates + tensors[2].reads + tensors[2].fills, 0);
  }
  // The input comes once, every row of it.
  EXPECT_EQ(group->mapped[0].cost.levels[0].tensors[1].reads, 24 * 26 * 4);
}

TEST(LayerFusion, IsNoWorseThanLayerByLayerForItsObjective) {
  const AcceleratorDescription accelerator = chip();
  const Graph graph = wide_network();
  for (const char* objective : {"energy", "latency"}) {
    SCOPED_TRACE(objective);
    const MappingPlan plan = plan_of(
        std::string("{method: random_pruned, evaluations: 150, fuse_layers: true, objective: ") + objective + "}");
    MappingCache cache;
    const PlannedCost planned = planned_cost(graph, accelerator, plan, product_mapper(accelerator, plan, cache), cache);
    if (std::string_view(objective) == "energy") {
      EXPECT_LT(planned.cost.energy_j.value(), planned.separate->energy_j.value());
      EXPECT_FALSE(planned.groups.empty());
    } else {
      EXPECT_LE(planned.cost.cycles, planned.separate->cycles * (1 + 1e-9));
    }
    EXPECT_EQ(planned.cost.multiply_accumulates, planned.separate->multiply_accumulates);
  }
}

TEST(LayerFusion, WhatDoesNotFitIsNotFused) {
  const AcceleratorDescription accelerator = chip(1024);
  const Chain chain = chain_on(accelerator, 24);
  MappingCache cache;
  EXPECT_FALSE(fused_group(chain.layers, accelerator, plan_of("{}"), {.tile_rows = 1}, cache));
  AcceleratorDescription apart = chip();
  apart.levels[1].holds = {TensorRole::weights, TensorRole::inputs};
  EXPECT_THAT([&] { fusion_level(apart); },
              testing::ThrowsMessage<UserError>(HasSubstr("layers cannot be fused on 'chip'")));
}

}  // namespace
}  // namespace nacre
