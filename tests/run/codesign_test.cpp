// Co-design below the command line: costs by class, bounds, heterogeneous against homogeneous accelerators, early pruning.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "nacre/hw/counted_cost.hpp"
#include "nacre/run/codesign/bounds.hpp"
#include "nacre/run/codesign/costs.hpp"

namespace nacre {
namespace {

std::shared_ptr<const Space> space_of(const std::string& kind, int64_t side, std::vector<int64_t> outputs,
                                      const std::string& options = "{}") {
  const auto& entry = space_registry().get(kind);
  SpaceContext context;
  context.signature.inputs = {{"image", ElementType::float32, {3, side, side}}};
  context.signature.outputs = {{"logits", ElementType::float32, std::move(outputs)}};
  return entry.make(resolve_options(parse_config(options, "test"), entry.parameters, "space"), context);
}

std::shared_ptr<const JointSpace> classification_and_segmentation(HardwareBudget budget) {
  return std::make_shared<const JointSpace>(std::vector<JointSpace::Part>{{"classes", space_of("resnet9", 32, {10})},
                                                                          {"masks", space_of("unet", 64, {2, 64, 64})}},
                                            std::move(budget));
}

TEST(CodesignCosts, DoNotDependOnTheOrderOfInstancesOrOfQuestions) {
  const auto space = classification_and_segmentation({.pe = 512, .bandwidth_gb_per_s = 32});
  Random random(1);
  std::vector<Decisions> designs;
  for (int i = 0; i < 12; ++i) designs.push_back(space->trace().sample(random));
  CodesignCosts forward(space, {}), backward(space, {});
  std::vector<DesignCost> first, second(designs.size());
  for (const Decisions& design : designs) first.push_back(forward.cost(design));
  for (size_t i = designs.size(); i-- > 0;) second[i] = backward.cost(designs[i]);
  for (size_t i = 0; i < designs.size(); ++i) {
    EXPECT_EQ(first[i].latency_s, second[i].latency_s);
    EXPECT_EQ(first[i].energy_j, second[i].energy_j);
    const CodesignCosts::Scheduled whole = forward.scheduled(designs[i]);
    EXPECT_EQ(whole.cost.latency_s, first[i].latency_s);
    EXPECT_EQ(schedule_fault(whole.problem, whole.cost.result.schedule), "");
    HeterogeneousAccelerator turned = space->accelerator(designs[i]);
    std::ranges::reverse(turned);
    const std::vector<size_t> classes = {backward.class_of(0, space->network(designs[i], 0)),
                                         backward.class_of(1, space->network(designs[i], 1))};
    EXPECT_EQ(backward.cost(classes, turned).latency_s, first[i].latency_s);
  }
}

TEST(CodesignBounds, AreOfTheLargestNetworksOnTheWholeBudget) {
  const auto space = classification_and_segmentation({.pe = 512, .bandwidth_gb_per_s = 32});
  Random random(2);
  for (size_t part = 0; part < 2; ++part) {
    const Space& own = *space->parts()[part].space;
    const double most = *metric_value(counted_cost(own.build(largest_network(own, 0)), {}).totals, "macs");
    for (int i = 0; i < 30; ++i)
      EXPECT_LE(*metric_value(counted_cost(own.build(own.trace().sample(random)), {}).totals, "macs"), most);
  }
  for (int i = 0; i < 100; ++i) {
    int64_t pe = 0;
    double bandwidth = 0;
    for (const SubAccelerator& one : whole_budget_accelerator(space->hardware(), random)) {
      pe += one.pe;
      bandwidth += one.bandwidth_gb_per_s;
      EXPECT_TRUE(one.used());
    }
    EXPECT_EQ(pe, 512);
    EXPECT_EQ(bandwidth, 32);
  }
  CodesignCosts costs(space, {});
  const DesignCost bounds = cost_bounds(costs, *space, 40, 0);
  EXPECT_EQ(cost_bounds(costs, *space, 40, 0).latency_s, bounds.latency_s);
  EXPECT_GT(bounds.latency_s, 0);
  EXPECT_GT(bounds.energy_j, 0);
  EXPECT_GT(bounds.area_mm2, 0);
}

// The least makespan by pair of templates, all ways to share 4,096 processing elements (by 256) and 64 GB/s (by 8).
std::map<std::string, double> makespans(const std::string& unet, int64_t side) {
  const HardwareBudget budget{.pe = 4096, .pe_step = 256};
  const auto space = std::make_shared<const JointSpace>(
      std::vector<JointSpace::Part>{{"classes", space_of("resnet9", 32, {10})},
                                    {"masks", space_of("unet", side, {2, side, side}, unet)}},
      budget);
  CodesignCosts costs(space, {});
  const std::vector<size_t> classes = {costs.class_of(0, largest_network(*space->parts()[0].space, 0)),
                                       costs.class_of(1, largest_network(*space->parts()[1].space, 0))};
  std::map<std::string, double> least;
  for (const std::string& a : budget.dataflows) {
    least[a] = costs.cost(classes, {{a, 4096, 64}}).latency_s;
    for (const std::string& b : budget.dataflows) {
      if (b < a) continue;
      double& best = least.try_emplace(a + " " + b, INFINITY).first->second;
      for (int64_t pe = budget.pe_step; pe < budget.pe; pe += budget.pe_step)
        for (double bandwidth = 8; bandwidth < 64; bandwidth += 8)
          best = std::min(best, costs.cost(classes, {{a, pe, bandwidth}, {b, 4096 - pe, 64 - bandwidth}}).latency_s);
    }
  }
  return least;
}

// Sheet 01, proof 5: at equal processing elements and bandwidth two different templates run a ResNet-9 and a narrow U-Net on large
// images at least 1.2 times as quickly as two of one template, and than one alone: 2.2 times as quickly.
TEST(CodesignCosts, TwoTemplatesAreQuickerThanOneTwiceOrAlone) {
  std::map<std::string, double> least;
  for (const auto& [templates, latency] : makespans("{heights: [4], filters: [8]}", 128)) {
    const size_t space = templates.find(' ');
    const bool different = space != std::string::npos && templates.substr(0, space) != templates.substr(space + 1);
    const std::string kind = space == std::string::npos ? "single" : different ? "heterogeneous" : "homogeneous";
    double& best = least.try_emplace(kind, latency).first->second;
    best = std::min(best, latency);
  }
  EXPECT_GT(least.at("homogeneous"), 1.2 * least.at("heterogeneous"));
  EXPECT_GT(least.at("single"), 1.2 * least.at("heterogeneous"));
}

// It is no law: with a wide U-Net on smaller images both networks want the template with parallel channels.
TEST(CodesignCosts, TwoOfOneTemplateAreQuickerWhereBothNetworksWantIt) {
  const std::map<std::string, double> least = makespans("{heights: [3], filters: [32]}", 64);
  EXPECT_LT(least.at("dla dla"), least.at("dla shi"));
}

}  // namespace
}  // namespace nacre
