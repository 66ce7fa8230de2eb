#include "nacre/hw/mapper/mapspace.hpp"

#include <gtest/gtest.h>

#include <set>

#include "reference_machines.hpp"

namespace nacre {
namespace {

TEST(Mapspace, SmallestFactorsGiveEveryNumberOfSteps) {
  for (int64_t steps = 1; steps <= 300; ++steps) {
    std::map<int64_t, int64_t> smallest;  // factor by number of steps
    for (int64_t f = steps; f >= 1; --f) smallest[(steps + f - 1) / f] = f;
    std::set<int64_t> wanted;
    for (const auto& [n, f] : smallest) wanted.insert(f);
    const auto found = smallest_factors(steps);
    EXPECT_EQ(std::set<int64_t>(found.begin(), found.end()), wanted) << steps;
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
    for (int64_t f : divisors(steps)) EXPECT_TRUE(wanted.contains(f)) << steps << " " << f;
  }
}

TEST(Mapspace, CountsTheFactorizationsOfTheReference) {
  NACRE_NEED_REFERENCE_DATA();
  int rows = 0;
  for (const auto& row : reference::table("timeloop_exhaustive.csv")) {
    const Workload workload = reference::layer(row.at("network"), row.at("layer"));
    MappingConstraints constraints = reference::constraints(reference::constraint_file(row.at("arch"), workload));
    if (row.at("spatial_free") == "0") reference::pin_spatial(row.at("arch"), workload, constraints);
    const Mapspace space(workload, reference::machine(row.at("arch")), constraints);
    ASSERT_EQ(space.keep_patterns().size(), 1u);
    EXPECT_EQ(space.factorizations(space.keep_patterns()[0]).get_str(), row.at("factorizations"))
        << row.at("layer") << " " << row.at("spatial_free");
    ++rows;
  }
  EXPECT_GT(rows, 20);
}

// Every chain of one dimension, written out, is as many as are counted.
TEST(Mapspace, CountsChainsAsEnumerated) {
  for (const FactorRule rule : {FactorRule::exact, FactorRule::uneven})
    for (const int64_t size : {1, 7, 12, 30}) {
      Workload workload;
      workload.dimensions = {{"A", size}};
      workload.tensors = {{.name = "X", .role = TensorRole::inputs, .axes = {{{{0, 1}}}}},
                          {.name = "Y", .role = TensorRole::outputs, .axes = {{{{0, 1}}}}}};
      AcceleratorDescription machine = reference::machine("shidiannao_os_256");
      machine.levels[1].fanout = {.x = 4, .y = 1};
      const Mapspace space(workload, machine, {.factors = rule, .free_bypass = false, .levels = {}});
      const auto keeps = space.keep_patterns().at(0);
      const auto slots = space.slots(keeps);
      ASSERT_EQ(slots.size(), 4u);  // registers' time, array, buffer's time, DRAM's time
      int64_t count = 0;
      for (int64_t a : space.factors(slots[0], 0, size, false, false)) {
        const int64_t left = (size + a - 1) / a;
        for (int64_t b : space.factors(slots[1], 0, left, false, false)) {
          const int64_t rest = (left + b - 1) / b;
          count += int64_t(space.factors(slots[2], 0, rest, false, false).size());
        }
      }
      EXPECT_EQ(space.chains(keeps, 0).get_si(), count) << size;
    }
}

std::string message(const MappingConstraints& constraints) {
  try {
    Mapspace(reference::convolution(
                 "c", {{"depthwise", 0}, {"K", 8}, {"C", 8}, {"P", 7}, {"Q", 7}, {"R", 3}, {"S", 3}, {"stride", 1}}),
             reference::machine("nvdla_ws_256"), constraints);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Mapspace, RefusesConstraintsThatCannotBe) {
  MappingConstraints base;
  auto with = [&](LevelConstraint level) {
    MappingConstraints result;
    result.factors = FactorRule::exact;
    result.levels = {std::move(level)};
    return message(result);
  };
  EXPECT_EQ(message(base), "");
  EXPECT_THAT(with({.level = "GlobalBufer"}), testing::HasSubstr("did you mean 'GlobalBuffer'"));
  EXPECT_THAT(with({.level = "DRAM", .temporal = {{"Z", 2}}}), testing::HasSubstr("unknown dimension 'Z'"));
  EXPECT_THAT(with({.level = "DRAM", .temporal = {{"K", 3}}}), testing::HasSubstr("does not divide its size 8"));
  EXPECT_THAT(with({.level = "DRAM", .temporal = {{"K", -2}}}), testing::HasSubstr("negative"));
  EXPECT_THAT(with({.level = "DRAM", .temporal = {{"K", 16}}}), testing::HasSubstr("a factor of 16"));
  EXPECT_THAT(with({.level = "DRAM", .temporal = {{"K", 0}}, .spatial = {{"K", 0}}}),
              testing::HasSubstr("two factors of 0"));
  EXPECT_THAT(with({.level = "WeightReg", .keep = {"Inputs"}}),
              testing::HasSubstr("'WeightReg' cannot hold tensor Inputs"));
  EXPECT_THAT(with({.level = "DRAM", .bypass = {"Inputs"}}), testing::HasSubstr("keeps every tensor"));
  EXPECT_THAT(with({.level = "DRAM", .order = {"K", "C"}}), testing::HasSubstr("names 2 of 7 dimensions"));
  EXPECT_THAT(with({.level = "DRAM", .order = {"K", "K"}}), testing::HasSubstr("stands twice"));
}

TEST(Mapspace, SpreadsOverTwoAxes) {
  const Workload workload = reference::convolution(
      "c", {{"depthwise", 0}, {"K", 48}, {"C", 8}, {"P", 7}, {"Q", 7}, {"R", 3}, {"S", 3}, {"stride", 1}});
  const Mapspace space(workload, reference::machine("shidiannao_os_256"), {});
  std::vector<int64_t> x;
  EXPECT_TRUE(space.packs(1, {1, 1, 7, 2, 1, 1, 16}, &x));  // 7 * 2 along one axis, 16 along the other
  EXPECT_TRUE(space.packs(1, {1, 1, 1, 1, 1, 1, 256}));
  EXPECT_FALSE(space.packs(1, {1, 1, 7, 7, 3, 1, 1}));  // 147 of 256, but an axis takes one of the three
  EXPECT_FALSE(space.packs(1, {1, 1, 17, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace nacre
