// Timeloop's results, row by row: counts and cycles equal, energy within a thousandth.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "nacre/hw/loopnest/evaluate.hpp"
#include "reference_architectures.hpp"

namespace nacre {
namespace {

using reference::Row;

struct Evaluated {
  Workload workload;
  AcceleratorDescription accelerator;
  Mapping mapping;
  MappingCost cost;
};

class TimeloopReference : public testing::Test {
 protected:
  void SetUp() override {
    models_ = reference::read_rows(reference::folder("hw-reference") / "timeloop_model.csv");
    if (models_.empty())
      GTEST_SKIP() << "no " << reference::folder("hw-reference") / "timeloop_model.csv"
                   << " (set NACRE_DATA)";
    layers_ = reference::layers();
  }

  Evaluated evaluate(const Row& row, const CountingRules& rules) const {
    Evaluated result;
    result.workload = layers_.at({row.at("network"), row.at("layer")});
    result.accelerator = reference::architecture(row.at("arch"));
    result.mapping = parse_mapping(row.at("mapping"), result.workload, result.accelerator);
    result.cost = evaluate_mapping(result.workload, result.accelerator, result.mapping, rules);
    return result;
  }

  static std::string key(const Row& row) {
    return row.at("network") + "," + row.at("layer") + "," + row.at("arch") + "," + row.at("mapping_id");
  }

  std::map<std::string, Evaluated> evaluate_all() const {
    std::map<std::string, Evaluated> result;
    for (const Row& row : models_) result.emplace(key(row), evaluate(row, CountingRules::timeloop()));
    return result;
  }

  static std::size_t level_of(const AcceleratorDescription& accelerator, const std::string& name) {
    for (std::size_t i = 0; i < accelerator.levels.size(); ++i)
      if (accelerator.levels[i].name == name) return i;
    return accelerator.levels.size();
  }

  static std::size_t tensor_of(const Workload& workload, const std::string& name) {
    for (std::size_t i = 0; i < workload.tensors.size(); ++i)
      if (workload.tensors[i].name == name) return i;
    return workload.tensors.size();
  }

  std::vector<Row> models_;
  std::map<std::pair<std::string, std::string>, Workload> layers_;
};

TEST_F(TimeloopReference, CyclesAndEnergyOfAllMappings) {
  for (const Row& row : models_) {
    SCOPED_TRACE(key(row) + ": " + row.at("mapping"));
    const MappingCost cost = evaluate(row, CountingRules::timeloop()).cost;
    EXPECT_EQ(cost.multiply_accumulates, std::stoll(row.at("macs")));
    EXPECT_EQ(cost.compute_cycles, std::stoll(row.at("compute_cycles")));
    EXPECT_EQ(cost.cycles, std::stod(row.at("cycles")));
    EXPECT_EQ(cost.units_used, std::stoll(row.at("active_pes")));
    EXPECT_NEAR(cost.utilization, std::stod(row.at("utilization")), 1e-6);  // written with six digits
    ASSERT_TRUE(cost.energy_j);
    EXPECT_NEAR(*cost.energy_j, std::stod(row.at("energy_total")), 1e-3 * std::stod(row.at("energy_total")));
  }
}

TEST_F(TimeloopReference, CyclesAndEnergyOfItsNewerHead) {
  int different = 0;
  for (const Row& row : models_) {
    SCOPED_TRACE(key(row) + ": " + row.at("mapping"));
    const MappingCost cost = evaluate(row, CountingRules::timeloop_head()).cost;
    EXPECT_EQ(cost.cycles, std::stod(row.at("head_cycles")));
    ASSERT_TRUE(cost.energy_j);
    const double energy = std::stod(row.at("head_energy_per_mac"));
    const double of_mac = *cost.energy_j / std::stod(row.at("macs"));
    EXPECT_NEAR(of_mac, energy, 1e-3 * energy);
    different += std::abs(of_mac - std::stod(row.at("energy_per_mac"))) > 1e-4 * of_mac;
  }
  EXPECT_GT(different, 10);  // the rows in which it keeps halos
}

TEST_F(TimeloopReference, AccessesOfEveryLevelAndTensor) {
  const std::map<std::string, Evaluated> all = evaluate_all();
  const std::vector<Row> rows = reference::read_rows(reference::folder("hw-reference") / "timeloop_access.csv");
  ASSERT_FALSE(rows.empty());
  for (const Row& row : rows) {
    SCOPED_TRACE(key(row) + ": " + row.at("level") + " " + row.at("tensor"));
    const Evaluated& here = all.at(key(row));
    const LevelCost& level = here.cost.levels.at(level_of(here.accelerator, row.at("level")));
    const TensorTraffic& traffic = level.tensors.at(tensor_of(here.workload, row.at("tensor")));
    const int64_t instances = std::stoll(row.at("instances"));
    EXPECT_TRUE(traffic.kept);
    EXPECT_EQ(traffic.tile_elements, std::stoll(row.at("utilized_capacity_words")));
    EXPECT_EQ(traffic.instances, instances);
    EXPECT_EQ(traffic.reads, instances * std::stoll(row.at("reads_per_instance")));
    EXPECT_EQ(traffic.updates, instances * std::stoll(row.at("updates_per_instance")));
    EXPECT_EQ(traffic.fills, instances * std::stoll(row.at("fills_per_instance")));
    EXPECT_EQ(traffic.reductions, instances * std::stoll(row.at("temporal_reductions_per_instance")));
    EXPECT_NEAR(*traffic.energy_j, std::stod(row.at("energy_total")), 1e-3 * std::stod(row.at("energy_total")));
    EXPECT_EQ(level.cycles, std::stod(row.at("level_cycles")));
  }
}

TEST_F(TimeloopReference, TransfersOfEveryNetwork) {
  const std::map<std::string, Evaluated> all = evaluate_all();
  const std::vector<Row> rows = reference::read_rows(reference::folder("hw-reference") / "timeloop_noc.csv");
  ASSERT_FALSE(rows.empty());
  for (const Row& row : rows) {
    SCOPED_TRACE(key(row) + ": " + row.at("link") + " " + row.at("tensor"));
    const Evaluated& here = all.at(key(row));
    const std::string parent = row.at("link").substr(0, row.at("link").find(' '));
    const std::size_t index = level_of(here.accelerator, parent);
    const TensorTraffic& traffic = here.cost.levels.at(index).tensors.at(tensor_of(here.workload, row.at("tensor")));
    const int64_t fanout = std::stoll(row.at("fanout")), multicast = std::stoll(row.at("multicast_factor"));
    const int64_t sent = traffic.instances * std::stoll(row.at("ingresses_per_instance"));
    int64_t children = 1;
    for (const MappedLoop& loop : here.mapping.levels[index].loops)
      if (loop.kind != LoopKind::temporal) children *= loop.factor;
    EXPECT_EQ(children, fanout);
    // DRAM cannot add: Timeloop lets its partial sums travel both ways on this link, and counts both.
    const int64_t back = parent == "DRAM" && row.at("tensor") == "Outputs" ? traffic.reads : 0;
    EXPECT_EQ(traffic.sent + back, sent);
    EXPECT_EQ(traffic.delivered + back, sent * multicast);
    if (row.at("tensor") == "Outputs") {
      EXPECT_EQ(traffic.delivered - traffic.sent, traffic.instances * std::stoll(row.at("spatial_reductions")));
    }
  }
}

// Each difference between nacre's defaults and Timeloop belongs to one switch, and moves what that switch is about: halos and exact
// windows the inputs, reading what is evicted the outputs' reads, stalls the cycles alone.
TEST_F(TimeloopReference, EveryDifferenceOfTheDefaultsHasItsSwitch) {
  int halos = 0, windows = 0, evictions = 0, stalls = 0;
  for (const Row& row : models_) {
    SCOPED_TRACE(key(row) + ": " + row.at("mapping"));
    CountingRules rules = CountingRules::timeloop();
    const Evaluated before = evaluate(row, rules);
    const auto changed = [&](const MappingCost& cost, const std::string& tensor) {
      const std::size_t t = tensor_of(before.workload, tensor);
      bool result = false;
      for (std::size_t level = 0; level < cost.levels.size(); ++level) {
        const TensorTraffic &a = before.cost.levels[level].tensors[t], &b = cost.levels[level].tensors[t];
        result |= a.tile_elements != b.tile_elements || a.reads != b.reads || a.fills != b.fills ||
                  a.updates != b.updates || a.reductions != b.reductions;
      }
      return result;
    };
    const auto inputs_alone = [&](const MappingCost& cost) {
      EXPECT_FALSE(changed(cost, "Weights"));
      EXPECT_FALSE(changed(cost, "Outputs"));
      return changed(cost, "Inputs");
    };
    rules.halos = HaloRule::kept;
    const MappingCost keeping = evaluate(row, rules).cost;
    EXPECT_LE(*keeping.energy_j, *before.cost.energy_j);
    halos += inputs_alone(keeping);
    rules = CountingRules::timeloop();
    rules.exact_windows = true;
    windows += inputs_alone(evaluate(row, rules).cost);
    rules = CountingRules::timeloop();
    rules.read_when_evicted = true;
    const MappingCost evicting = evaluate(row, rules).cost;
    EXPECT_FALSE(changed(evicting, "Weights"));
    EXPECT_FALSE(changed(evicting, "Inputs"));
    evictions += changed(evicting, "Outputs");
    // Defaults are these together, and time: level by level without Timeloop's rounding, and stalls.
    rules = CountingRules{};
    rules.stall_on_exchange = false;
    const MappingCost together = evaluate(row, rules).cost, defaults = evaluate(row, {}).cost;
    EXPECT_EQ(*together.energy_j, *defaults.energy_j);
    EXPECT_LE(together.cycles, defaults.cycles);
    stalls += together.cycles < defaults.cycles;
  }
  EXPECT_GT(halos, 0);
  EXPECT_GT(windows, 0);
  EXPECT_EQ(evictions, static_cast<int>(models_.size()));
  std::cout << "of " << models_.size() << " mappings: halos " << halos << ", windows " << windows << ", stalls "
            << stalls << "\n";
}

}  // namespace
}  // namespace nacre
