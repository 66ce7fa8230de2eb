// Several spaces and the hardware as one; budgets; the penalty.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "nacre/base/error.hpp"
#include "nacre/search/joint_space.hpp"
#include "nacre/search/spec_penalty.hpp"
#include "synthetic.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::string message_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

std::shared_ptr<const Space> space_of(const std::string& kind, const std::string& options) {
  const auto& entry = space_registry().get(kind);
  SpaceContext context;
  context.signature.inputs = {{"image", ElementType::float32, {3, 32, 32}}};
  context.signature.outputs = {{"logits", ElementType::float32, {10}}};
  return entry.make(resolve_options(parse_config(options, "test"), entry.parameters, "space"), context);
}

JointSpace two_tasks(HardwareBudget budget = {.pe = 128, .bandwidth_gb_per_s = 16}) {
  return JointSpace({{"a", space_of("nasbench201", "{}")}, {"b", space_of("nasbench201", "{}")}}, std::move(budget));
}

TEST(JointSpace, DecidesEveryTaskForItself) {
  const JointSpace joint = two_tasks();
  const Count cells = joint.parts()[0].space->trace().count();
  // First instance: 3 dataflows, 4 and 2 amounts; second: 3, 4 (none to 96) and 2.
  EXPECT_EQ(joint.trace().count(), cells * cells * Count(3 * 4 * 2 * 3 * 4 * 2));
  Random random(1);
  std::set<std::string> pairs;
  for (int i = 0; i < 20; ++i) {
    const Decisions decisions = joint.trace().sample(random);
    const Decisions a = joint.network(decisions, 0), b = joint.network(decisions, 1);
    EXPECT_TRUE(joint.parts()[0].space->trace().is_complete(a));
    EXPECT_TRUE(joint.parts()[1].space->trace().is_complete(b));
    pairs.insert(a == b ? "equal" : "different");
  }
  EXPECT_TRUE(pairs.contains("different")) << "a cell is shared by the layers of a network, not by the tasks";
}

TEST(JointSpace, JoinsWhatItTookApart) {
  const JointSpace joint = two_tasks();
  Random random(2);
  int exact = 0;
  for (int i = 0; i < 200; ++i) {
    const Decisions decisions = joint.trace().sample(random);
    const HeterogeneousAccelerator accelerator = joint.accelerator(decisions);
    const std::vector<Decisions> networks = {joint.network(decisions, 0), joint.network(decisions, 1)};
    const Decisions again = joint.join(networks, accelerator);
    EXPECT_EQ(joint.accelerator(again), accelerator);
    EXPECT_EQ(joint.identity(again), joint.identity(decisions));
    exact += again == decisions;
  }
  EXPECT_GT(exact, 50) << "where the budget is kept, the decisions are those of before";
}

TEST(JointSpace, NamesTheTasksThatCannotBe) {
  const auto space = space_of("nasbench201", "{}");
  EXPECT_THAT(message_of([&] { JointSpace({{"a", space}, {"a", space}}, {}); }), HasSubstr("two tasks are named 'a'"));
  EXPECT_THAT(message_of([&] {
                JointSpace({{"hardware", space}}, {});
              }),
              HasSubstr("a task cannot be named 'hardware'"));
  EXPECT_THAT(message_of([&] { JointSpace({{"a/b", space}}, {}); }), HasSubstr("a task cannot be named 'a/b'"));
  EXPECT_THAT(message_of([&] { JointSpace({}, {}); }), HasSubstr("expected at least one task"));
}

TEST(HardwareDecisions, NeverPassTheBudget) {
  const HardwareDecisions hardware({.instances = 3, .pe = 256, .pe_step = 64, .bandwidth_gb_per_s = 32}, "hardware");
  TraceBuilder builder;
  const int32_t root = hardware.add_to(builder);
  const Trace trace = builder.finish(root);
  std::set<std::string> used;
  for (Count i = 0; i < trace.count(); i += 37) {
    const HeterogeneousAccelerator accelerator = hardware.accelerator(trace.at(i));
    int64_t pe = 0;
    double bandwidth = 0;
    for (const SubAccelerator& instance : accelerator) {
      pe += instance.pe;
      bandwidth += instance.bandwidth_gb_per_s;
    }
    EXPECT_LE(pe, 256);
    EXPECT_LE(bandwidth, 32);
    EXPECT_TRUE(accelerator[0].used());
    used.insert(std::to_string(HardwareDecisions::canonical(accelerator).size()));
  }
  EXPECT_EQ(used, (std::set<std::string>{"1", "2", "3"})) << "single, two and three instances are all in the space";
}

TEST(HardwareDecisions, InstancesInAnyOrderAreOneAccelerator) {
  const SubAccelerator dla{"dla", 64, 8}, shi{"shi", 32, 8}, none{"rs", 0, 8}, dry{"rs", 32, 0};
  EXPECT_EQ(HardwareDecisions::identity({dla, shi}), HardwareDecisions::identity({shi, dla}));
  EXPECT_EQ(HardwareDecisions::identity({dla, none}), HardwareDecisions::identity({dla}));
  EXPECT_EQ(HardwareDecisions::identity({dla, dry}), HardwareDecisions::identity({dla}));
  EXPECT_NE(HardwareDecisions::identity({dla, shi}), HardwareDecisions::identity({dla}));
}

TEST(HardwareDecisions, ControllersKeepWithinTheBudgetByThemselves) {
  const HardwareDecisions hardware({.pe = 256, .pe_step = 32, .bandwidth_gb_per_s = 32}, "hardware");
  TraceBuilder builder;
  const int32_t root = hardware.add_to(builder);
  const Trace trace = builder.finish(root);
  const Json budgets = to_json(hardware.budgets());
  Random random(3);
  const PolicyNetwork policy(trace, 8, random, sum_budgets(config_from_json(budgets, "test"), trace));
  for (int i = 0; i < 300; ++i) {
    const Decisions drawn = policy.decisions_of(policy.draw(random));
    double pe = 0;
    for (const char* key : {"hardware/0/pe", "hardware/1/pe"})
      pe += trace.decisions()[static_cast<size_t>(*trace.find_decision(key))]
                .numbers[static_cast<size_t>(*drawn.find(key))];
    EXPECT_LE(pe, 256) << "nothing was cut off";
    // What is cut off is cut off alike by both.
    const Decisions any = trace.sample(random);
    EXPECT_EQ(hardware.accelerator(policy.decisions_of(policy.episode_of(any))), hardware.accelerator(any));
  }
}

TEST(HardwareDecisions, SayWhatTheBudgetLacks) {
  const auto make = [](HardwareBudget budget) { return message_of([&] { HardwareDecisions(budget, "h"); }); };
  EXPECT_THAT(make({.instances = 0}), HasSubstr("expected at least one sub-accelerator"));
  EXPECT_THAT(make({.dataflows = {}}), HasSubstr("expected at least one dataflow"));
  EXPECT_THAT(make({.pe = 16, .pe_step = 32}), HasSubstr("steps of processing elements from 1 to the budget of 16"));
  EXPECT_THAT(make({.bandwidth_gb_per_s = 4}), HasSubstr("steps of bandwidth from 1 to the budget of 4 GB/s"));
}

TEST(SumBudget, RefusesWhatIsNone) {
  const Trace trace = synthetic::flat_trace(2, 3);
  const auto read = [&](const std::string& text) {
    return message_of([&] { sum_budgets(parse_config(text, "test.yaml"), trace); });
  };
  EXPECT_THAT(read("5"), HasSubstr("test.yaml:1:1: budgets: expected a list"));
  EXPECT_THAT(read("[{decisions: [stage0/op], limit: -1}]"), HasSubstr("expected a limit of at least 0, found -1"));
  EXPECT_THAT(read("[{decisions: [stage0/op]}]"), HasSubstr("limit"));
  EXPECT_EQ(read("[{decisions: [not_here], limit: 1}]"), "");
}

// --- penalty

TEST(SpecPenalty, IsZeroExactlyWhereAllSpecificationsHold) {
  const SpecPenalty penalty({{"latency_s", 2, 6}, {"energy_j", 10, 20}, {"area_mm2", 5, 7}});
  const auto at = [&](double latency, double energy, double area) {
    return penalty(synthetic::trial_of({{"latency_s", latency}, {"energy_j", energy}, {"area_mm2", area}}).metrics);
  };
  Random random(4);
  for (int i = 0; i < 2000; ++i) {
    const double latency = random.uniform(0, 8), energy = random.uniform(0, 30), area = random.uniform(0, 9);
    const double value = at(latency, energy, area);
    EXPECT_EQ(value == 0, latency <= 2 && energy <= 10 && area <= 5);
    EXPECT_GE(value, 0);
    EXPECT_TRUE(std::isfinite(value));
  }
  EXPECT_DOUBLE_EQ(at(6, 20, 7), 3) << "at the bounds";
  EXPECT_DOUBLE_EQ(at(4, 0, 0), 0.5);
  EXPECT_DOUBLE_EQ(at(2, 10, 5), 0);
  EXPECT_EQ(penalty(synthetic::trial_of({{"latency_s", 1}}).metrics), INFINITY) << "what is not known is not kept";
}

TEST(SpecPenalty, RefusesASpecificationThatIsNotBelowItsBound) {
  EXPECT_THAT(message_of([] {
                SpecPenalty({{"energy_j", 3, 2}});
              }),
              HasSubstr("energy_j: expected a specification below its bound of 2, found 3"));
  EXPECT_THAT(message_of([] { SpecPenalty({{"energy_j", 2, 2}}); }), HasSubstr("expected a specification below"));
  const std::vector<Limit> limits = {{"energy_j", 2, false}};
  const auto read = [&](const std::string& text) {
    return message_of([&] { spec_penalty(limits, parse_config(text, "test.yaml")); });
  };
  EXPECT_THAT(read("{energy_j: 1}"), HasSubstr("test.yaml:1:12: bounds.energy_j: expected more than the limit of 2"));
  EXPECT_THAT(read("{energy: 4}"), HasSubstr("did you mean 'energy_j'"));
  EXPECT_THAT(read("[1]"), HasSubstr("bounds: expected a map"));
  EXPECT_THAT(message_of([] { spec_penalty({{"accuracy", 0.9, true}}, {}); }), HasSubstr("holds from above"));
  EXPECT_EQ(read("{energy_j: 4}"), "");
}

}  // namespace
}  // namespace nacre
