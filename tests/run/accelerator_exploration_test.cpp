#include "nacre/run/accelerator_exploration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/accelerator/description_file.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/run/network_file.hpp"
#include "nacre/search/pareto.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr const char* kNetwork = "examples/models/digits_resnet.onnx";

std::filesystem::path source_folder() {
  const char* given = std::getenv("NACRE_SOURCE_DIR");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::current_path();
}

std::string sweep(const std::filesystem::path& output, const std::string& more = "") {
  return "accelerator: edge_npu\n"
         "parameters:\n"
         "  columns: {path: levels.buffer.fanout.x, values: [8, 16, 32]}\n"
         "  buffer_kib: {path: levels.buffer.capacity_kib, from: 128, to: 512, factor: 2}\n"
         "networks: [" +
         std::string(kNetwork) + "]\nmapping: {dataflow: dla}\noutput_dir: " + output.string() + "\n" + more;
}

ExplorationPlan plan_of(const std::string& yaml) {
  return make_exploration_plan(parse_config(yaml, "e.yaml"), source_folder());
}

TEST(AcceleratorExploration, AGridCostsEveryAcceleratorAsItsFileDoes) {
  const TemporaryFolder folder;
  const ExplorationPlan plan = plan_of(sweep(folder.path() / "s"));
  const ExplorationResult result = run_exploration(plan, {});
  EXPECT_EQ(result.drive.reason, StopReason::exhausted);
  ASSERT_EQ(result.trials.size(), 9u);
  ASSERT_FALSE(result.front.members.empty());
  const Graph graph = graph_to_measure(read_network_file(source_folder() / kNetwork), {});
  for (std::size_t i = 0; i < result.front.members.size(); ++i) {
    // What was written describes what was costed.
    const AcceleratorDescription chip = read_accelerator(folder.path() / "s" / result.accelerator_files[i]);
    MappingCache cache;
    const NetworkCost cost = network_cost(graph, chip, product_mapper(chip, plan.mapping, cache), plan.mapping.work);
    const Metrics& metrics = result.front.members[i].metrics;
    EXPECT_DOUBLE_EQ(metric_value(metrics, "latency_s").value(), cost.latency_s.value());
    EXPECT_NEAR(metric_value(metrics, "energy_j").value(), cost.energy_j.value(), 1e-9 * *cost.energy_j);
    EXPECT_NEAR(metric_value(metrics, "area_mm2").value(), accelerator_area_mm2(chip).value(), 1e-9);
  }
}

TEST(AcceleratorExploration, TheFrontIsWhatNothingDominates) {
  const TemporaryFolder folder;
  const ExplorationPlan plan = plan_of(sweep(folder.path() / "s"));
  const ExplorationResult result = run_exploration(plan, {});
  const auto point = [&](const Trial& trial) { return plan.objectives.minimized(trial.metrics).value(); };
  for (const Trial& member : result.front.members)
    for (const Trial& other : result.trials) EXPECT_FALSE(dominates(point(other), point(member)));
}

TEST(AcceleratorExploration, EstimatedConstantsFollowTheSizes) {
  const TemporaryFolder folder;
  const ExplorationPlan plan = plan_of(sweep(folder.path() / "s"));
  const auto with = [&](int64_t columns, int64_t buffer) {
    Decisions decisions;
    decisions.set("columns", columns);
    decisions.set("buffer_kib", buffer);
    return plan.space->accelerator(decisions);
  };
  EXPECT_EQ(with(1, 2).levels[1].fanout.x, 16);
  EXPECT_EQ(with(1, 2).levels[1].capacity_bits, 512 * 8192);
  EXPECT_LT(with(0, 0).levels[1].area_mm2.value(), with(0, 2).levels[1].area_mm2.value());
  EXPECT_LT(with(0, 0).levels[1].read_energy_j.value(), with(0, 2).levels[1].read_energy_j.value());
  EXPECT_THAT(plan.space->unscaled_constants(), testing::IsEmpty());
  const std::string stated =
      "accelerator: eyeriss\nparameters: {size: {path: levels.global_buffer.capacity_kib, values: "
      "[64, 108]}}\nnetworks: [" +
      std::string(kNetwork) + "]\n";
  EXPECT_THAT(plan_of(stated).space->unscaled_constants(),
              testing::ElementsAre(HasSubstr("read_energy_pj, write_energy_pj of that level are stated")));
}

TEST(AcceleratorExploration, GoesOnWhereItWasAndMapsNothingAgain) {
  const TemporaryFolder folder;
  const std::string search = "search: {strategy: nsga2, trials: 6, population_size: 4, seed: 3}\n";
  const auto yaml = [&](const char* name) {
    std::string text = sweep(folder.path() / name, search);
    text.replace(text.find("{dataflow: dla}"), 15, "{method: random_pruned, evaluations: 60}");
    return text;
  };
  const ExplorationPlan plan = plan_of(yaml("whole"));
  const ExplorationResult whole = run_exploration(plan, {});
  EXPECT_GT(whole.mappings_searched, 0);
  // Interrupted in the middle, then resumed.
  const ExplorationPlan cut = plan_of(yaml("cut"));
  int asked = 0;
  EXPECT_THROW(run_exploration(cut, {.interrupted = [&] { return ++asked > 25; }}), Interrupted);
  const ExplorationResult resumed = run_exploration(cut, {});
  ASSERT_EQ(resumed.trials.size(), whole.trials.size());
  for (std::size_t i = 0; i < whole.trials.size(); ++i)
    EXPECT_EQ(reproducible_part(resumed.trials[i]), reproducible_part(whole.trials[i]));
  EXPECT_EQ(run_exploration(plan, {}).mappings_searched, 0);
  ExplorationPlan other = plan_of(yaml("whole"));
  other.resolved["accelerator"] = "eyeriss";
  EXPECT_THAT([&] { run_exploration(other, {}); },
              ThrowsMessage<UserError>(HasSubstr("made with another accelerator")));
}

TEST(AcceleratorExploration, LimitsAndWhatCannotRunArePartOfTheRecord) {
  const TemporaryFolder folder;
  const ExplorationResult limited =
      run_exploration(plan_of(sweep(folder.path() / "a", "limits: {area_mm2: 0.5}\n")), {});
  for (const Trial& trial : limited.front.members) EXPECT_LE(metric_value(trial.metrics, "area_mm2").value(), 0.5);
  EXPECT_TRUE(limited.front.limits_met);
  const ExplorationResult none = run_exploration(plan_of(sweep(folder.path() / "b", "limits: {area_mm2: 1e-6}\n")), {});
  EXPECT_FALSE(none.front.limits_met);
  EXPECT_THAT(none.front.binding, HasSubstr("area_mm2 <= 1e-06"));
}

TEST(AcceleratorExploration, BadConfigurationsSayWhere) {
  const std::string networks = "networks: [" + std::string(kNetwork) + "]\n";
  const auto refused = [&](const std::string& yaml, const std::string& message) {
    EXPECT_THAT([&] { plan_of(yaml); }, ThrowsMessage<UserError>(HasSubstr(message))) << yaml;
  };
  const std::string npu = "accelerator: edge_npu\n" + networks + "parameters: ";
  refused("accelerator: edge_npu\n" + networks, "missing key 'parameters'");
  refused(npu + "{a: {path: levels.bufer.capacity_kib, values: [1]}}", "did you mean 'buffer'");
  refused(npu + "{a: {path: levels.buffer.capacity, values: [1]}}", "capacity");
  refused(npu + "{a: {path: clock_mhz, values: [1, 1]}}", "1 stands here twice");
  refused(npu + "{a: {path: clock_mhz, from: 1, to: 4}}", "expected either step or factor");
  refused(npu + "{a: {path: clock_mhz, from: 4, to: 1, step: 1}}", "expected to >= from");
  refused(npu + "{a: {values: [1]}}", "expected path, or paths");
  refused(npu + "{a: {path: clock_mhz, values: [1]}, b: {path: clock_mhz, values: [2]}}",
          "is set by parameters.a already");
  refused("acelerator: x\n" + npu + "{a: {path: clock_mhz, values: [1]}}", "did you mean 'accelerator'");
  refused("accelerator: edge_npuu\n" + networks + "parameters: {a: {path: clock_mhz, values: [1]}}", "e.yaml:1:14");
  const std::string good = npu + "{a: {path: clock_mhz, values: [100, 200]}}\n";
  refused(good + "search: {strategy: nsga2}", "expected trials or time_s");
  refused(good + "search: {strategy: nsga3x, trials: 3}", "nsga3x");
  refused(good + "limits: {latency: 1}", "latency_s");
  refused("accelerator: edge_npu\nnetworks: [nowhere.onnx]\nparameters: {a: {path: clock_mhz, values: [1]}}",
          "e.yaml:2:12");
}

}  // namespace
}  // namespace nacre
