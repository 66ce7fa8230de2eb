#include "nacre/hw/mapper/mapper.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "nacre/hw/mapper/mapping_cache.hpp"
#include "reference_machines.hpp"

namespace nacre {
namespace {

Workload small_convolution() {
  return reference::convolution(
      "small", {{"depthwise", 0}, {"K", 8}, {"C", 4}, {"P", 6}, {"Q", 6}, {"R", 3}, {"S", 3}, {"stride", 1}});
}

TEST(Mapper, EveryMethodGivesTheSameForASeedOnAnyThread) {
  const Workload workload = small_convolution();
  const auto machine = reference::machine("shidiannao_os_256");
  double exact = 0;
  for (const std::string& method : mapper_registry().names()) {
    MapperOptions options;
    options.method = method;
    options.evaluations = 3000;
    options.time_s = 0;
    options.rules = CountingRules::timeloop();
    options.constraints.factors = FactorRule::exact;
    options.constraints.free_bypass = false;
    const MappingResult here = find_mapping(workload, machine, options);
    MappingResult there;
    std::thread([&] { there = find_mapping(workload, machine, options); }).join();
    EXPECT_EQ(mapping_text(here.mapping, workload, machine), mapping_text(there.mapping, workload, machine)) << method;
    EXPECT_EQ(here.evaluations, there.evaluations) << method;
    EXPECT_FALSE(mapping_misfit(workload, machine, here.mapping)) << method;
    if (method == "exact") {
      EXPECT_TRUE(here.proved);
      exact = here.objective;
    } else {
      EXPECT_FALSE(here.proved);
      EXPECT_GE(here.objective, exact * (1 - 1e-9)) << method;  // nothing is better than what is proved
    }
  }
}

TEST(Mapper, SaysWhatDoesNotFit) {
  AcceleratorDescription machine = reference::machine("nvdla_ws_256");
  MapperOptions options;
  options.constraints.levels = {
      {.level = "AccumBuffer", .temporal = {{"K", 8}, {"P", 6}, {"Q", 6}}, .keep = {"Outputs"}}};
  try {
    find_mapping(small_convolution(), machine, options);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("level 'AccumBuffer'"));
    EXPECT_THAT(error.what(), testing::HasSubstr("Outputs tile"));
    EXPECT_THAT(error.what(), testing::HasSubstr("missing"));
  }
}

TEST(Mapper, RefusesAnObjectiveWithoutItsEnergies) {
  AcceleratorDescription machine = reference::machine("shidiannao_os_256");
  machine.levels[1].read_energy_j.reset();
  MapperOptions options;
  options.time_s = 0;  // were it searched, the test would not end
  try {
    find_mapping(small_convolution(), machine, options);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("does not tell all energies (read_energy_pj of level"));
  }
  EXPECT_THROW(mapping_objective("speed"), UserError);
}

TEST(Mapper, EndsWhenToldAndKeepsTheBest) {
  const std::atomic<bool> stop = true;
  MapperOptions options;
  options.stop = &stop;
  const auto machine = reference::machine("eyeriss_rs_256");
  const MappingResult result = find_mapping(small_convolution(), machine, options);
  EXPECT_TRUE(result.interrupted);
  EXPECT_FALSE(result.proved);
  EXPECT_FALSE(mapping_misfit(small_convolution(), machine, result.mapping));
}

TEST(MappingCache, GivesBackWhatWasPutInAlsoFromItsFile) {
  const Workload workload = small_convolution();
  const auto machine = reference::machine("shidiannao_os_256");
  MapperOptions options;
  options.method = "lattice";
  options.evaluations = 500;
  MappingCache cache;
  EXPECT_FALSE(cache.find(workload, machine, options));
  const MappingResult first = cache.find_or_map(workload, machine, options);
  Workload renamed = workload;
  renamed.name = "another";
  const auto second = cache.find(renamed, machine, options);
  ASSERT_TRUE(second);
  EXPECT_EQ(mapping_text(second->mapping, workload, machine), mapping_text(first.mapping, workload, machine));
  EXPECT_DOUBLE_EQ(second->objective, first.objective);
  MapperOptions other = options;
  other.objective = MappingObjective::latency;
  EXPECT_FALSE(cache.find(workload, machine, other));
  auto changed = machine;
  changed.levels[1].capacity_bits = 1024;
  EXPECT_FALSE(cache.find(workload, changed, options));

  MappingCache copy;
  copy.read_lines(cache.lines());
  const auto third = copy.find(workload, machine, options);
  ASSERT_TRUE(third);
  EXPECT_EQ(mapping_text(third->mapping, workload, machine), mapping_text(first.mapping, workload, machine));
  EXPECT_DOUBLE_EQ(third->objective, first.objective);
  EXPECT_THROW(copy.read_lines("{\"key\": 3}\n"), UserError);

  const ProductMapping product = product_mapper(machine, options, cache)(workload);
  EXPECT_EQ(mapping_text(product.mapping, workload, machine), mapping_text(first.mapping, workload, machine));
  EXPECT_EQ(product.method, "lattice");
  EXPECT_EQ(cache.size(), 1u);
}

}  // namespace
}  // namespace nacre
