#include "nacre/hw/mapper/mapping_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

MappingPlan plan_of(const std::string& yaml) {
  return mapping_plan(resolve_options(parse_config(yaml, "t.yaml"), mapping_parameters("dataflow"), "mapping"),
                      "mapping", {});
}

Graph repeating_network() {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 8, 8, 8});
  for (const char* name : {"first", "second", "third"})
    x = builder.convolution_norm_activation(name, x, 8, {.kernel = 3}, Activation::relu);
  builder.output(builder.linear("head", builder.flatten(builder.global_average_pool(x)), 10), "logits");
  return builder.take();
}

TEST(MappingPlan, SaysHowAndRefusesWhatItWouldIgnore) {
  EXPECT_EQ(plan_of("{dataflow: dla}").text(), "dataflow dla");
  EXPECT_EQ(plan_of("{method: lattice, objective: energy, seed: 3}").text(), "mapped for energy by lattice");
  EXPECT_EQ(plan_of("{method: lattice, factors: exact}").mapper.constraints.factors, FactorRule::exact);
  EXPECT_NE(plan_of("{method: lattice, seed: 3}").identity(), plan_of("{method: lattice}").identity());
  for (const char* yaml : {"{seed: 1}", "{factors: exact}", "{method: exact, evaluations: 5}"})
    EXPECT_THAT([&] { plan_of(yaml); }, testing::ThrowsMessage<UserError>(HasSubstr("as the method; method is")));
}

TEST(MapAhead, MapsEachShapeOnceOnAnyNumberOfThreads) {
  const Graph graph = repeating_network();
  const AcceleratorDescription chip = load_accelerator("eyeriss");
  const MappingPlan plan = plan_of("{method: random_pruned, evaluations: 300}");
  MappingCache alone, together;
  const MappedAhead one = map_ahead({&graph}, chip, plan, alone, {.threads = 1});
  EXPECT_EQ(one.layers, 4);
  EXPECT_EQ(one.shapes, 2);
  EXPECT_EQ(one.searched, 2);
  map_ahead({&graph}, chip, plan, together, {.threads = 3});
  const auto mappings = [](MappingCache& cache) {
    std::string text = cache.lines();
    for (std::size_t at; (at = text.find("\"seconds\":")) != std::string::npos;)
      text.erase(at, text.find_first_of(",}\n", at) - at);
    return text;
  };
  EXPECT_EQ(mappings(alone), mappings(together));
  EXPECT_EQ(map_ahead({&graph}, chip, plan, alone, {}).searched, 0);
}

TEST(MapAhead, EndsWhenInterrupted) {
  const Graph graph = repeating_network();
  const MappingPlan plan = plan_of("{method: exact, time_s: 60}");
  MappingCache cache;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(map_ahead({&graph}, load_accelerator("eyeriss"), plan, cache, {.interrupted = [] { return true; }}),
               Interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(MapAhead, WhatDoesNotFitIsLeftToTheMapper) {
  AcceleratorDescription chip = load_accelerator("eyeriss");
  for (MemoryLevel& level : chip.levels)
    if (level.capacity_bits) level.capacity_bits = 8;
  // Each level keeps what it may: nothing fits a byte.
  MappingPlan plan = plan_of("{method: lattice, evaluations: 50}");
  plan.mapper.constraints.free_bypass = false;
  MappingCache cache;
  const Graph graph = repeating_network();
  EXPECT_EQ(map_ahead({&graph}, chip, plan, cache, {}).searched, 0);
  EXPECT_THROW(network_cost(graph, chip, product_mapper(chip, plan, cache)), UserError);
}

}  // namespace
}  // namespace nacre
