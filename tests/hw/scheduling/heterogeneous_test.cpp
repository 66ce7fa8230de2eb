#include "nacre/hw/scheduling/heterogeneous.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Two convolutions side by side, their sum, a depthwise one, pooling, a linear layer.
Graph branched(int64_t side = 16) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 3, side, side});
  x = builder.convolution_norm_activation("stem", x, 16, {.kernel = 3}, Activation::relu);
  const ValueId a = builder.convolution("left", x, 16, {.kernel = 3});
  const ValueId b = builder.convolution("right", x, 16, {.kernel = 1});
  x = builder.depthwise("depthwise", builder.add(a, b), {.kernel = 3, .stride = 2});
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  return builder.take();
}

Design design_of(std::initializer_list<std::pair<const char*, Graph>> graphs) {
  Design design;
  for (const auto& [name, graph] : graphs) design.graphs.emplace(name, graph);
  return design;
}

std::unique_ptr<Target> target_of(const std::string& yaml) {
  const auto& entry = target_registry().get("heterogeneous");
  return entry.make(resolve_options(parse_config(yaml, "test"), entry.parameters, "target"), {});
}

constexpr const char* kTwo =
    "sub_accelerators: [{dataflow: dla, pe: 256, bandwidth_gb_per_s: 32}, {dataflow: shi, pe: 256, "
    "bandwidth_gb_per_s: 32}]";

TEST(NetworkLayers, FollowTheGraph) {
  const NetworkLayers layers = network_layers("net", branched());
  ASSERT_EQ(layers.layers.size(), 5u);
  EXPECT_TRUE(layers.layers[0].predecessors.empty());
  EXPECT_THAT(layers.layers[1].predecessors, ElementsAre(0));
  EXPECT_THAT(layers.layers[2].predecessors, ElementsAre(0));
  EXPECT_THAT(layers.layers[3].predecessors, ElementsAre(1, 2));
  EXPECT_THAT(layers.layers[4].predecessors, ElementsAre(3));
  EXPECT_EQ(layers.macs(), count_graph(branched()).macs);
  EXPECT_EQ(layers.shapes[layers.layers[3].shape].groups, 16);
  EXPECT_EQ(layers.shapes[layers.layers[3].shape].stride_rows, 2);
  EXPECT_THAT(layers.not_covered, ElementsAre("GlobalAveragePool"));
}

TEST(HeterogeneousTarget, ItemizesLayersAndSubAccelerators) {
  const auto target = target_of(kTwo);
  const Cost cost = target->cost(design_of({{"a", branched()}, {"b", branched(32)}}), {}, {});
  double layer_energy = 0, core_energy = 0, core_area = 0;
  for (const CostItem& item : cost.items) {
    const std::optional<double> energy = metric_value(item.metrics, "energy_j");
    if (!energy) continue;
    (item.op == "sub_accelerator" ? core_energy : layer_energy) += *energy;
    if (item.op == "sub_accelerator") core_area += metric_value(item.metrics, "area_mm2").value();
  }
  const double energy = metric_value(cost.totals, "energy_j").value();
  EXPECT_NEAR(layer_energy, energy, 1e-9 * energy);
  EXPECT_NEAR(core_energy, energy, 1e-9 * energy);
  EXPECT_NEAR(core_area, metric_value(cost.totals, "area_mm2").value(), 1e-9);
  EXPECT_THAT(cost.totals.at("latency_s").source,
              HasSubstr("optimal schedule; a lower bound, without GlobalAveragePool"));
  EXPECT_EQ(cost.totals.at("latency_s").origin, Origin::modelled);
}

TEST(HeterogeneousTarget, TradesTimeForEnergyUpToTheLimit) {
  const HeterogeneousModel model({network_layers("a", branched()), network_layers("b", branched(32))}, {});
  const HeterogeneousAccelerator accelerator = {{"dla", 256, 32}, {"shi", 512, 32}};
  const HeterogeneousCost quick = model.cost(accelerator, {});
  EXPECT_TRUE(quick.proved);
  double last = quick.energy_j * (1 + 1e-9);
  for (const double slack : {1.0, 1.2, 1.5, 3.0, 100.0}) {
    const HeterogeneousCost cost = model.cost(accelerator, {quick.latency_s * slack});
    EXPECT_TRUE(cost.within_latency);
    EXPECT_LE(cost.latency_s, quick.latency_s * slack * (1 + 1e-9));
    EXPECT_LE(cost.energy_j, last);
    last = cost.energy_j * (1 + 1e-9);
    EXPECT_EQ(schedule_fault(model.problem(accelerator), cost.result.schedule), "");
  }
  EXPECT_FALSE(model.cost(accelerator, {quick.latency_s * 0.99}).within_latency);
  // An instance without PEs is no core, whatever its share of the bandwidth.
  HeterogeneousAccelerator with_empty = accelerator;
  with_empty.push_back({"rs", 0, 8});
  EXPECT_EQ(model.problem(with_empty).cores.size(), 2u);
  EXPECT_EQ(model.cost(with_empty, {}).latency_s, quick.latency_s);
}

TEST(HeterogeneousTarget, RefusesBadDescriptions) {
  const auto message_of = [](const std::string& yaml) -> std::string {
    try {
      target_of(yaml);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message_of("{}"), HasSubstr("sub_accelerators"));
  EXPECT_THAT(message_of("sub_accelerators: []"), HasSubstr("expected a list of {dataflow, pe, bandwidth_gb_per_s}"));
  EXPECT_THAT(message_of("sub_accelerators: [{dataflow: dlq, pe: 64, bandwidth_gb_per_s: 1}]"), HasSubstr("dla"));
  EXPECT_THAT(message_of("sub_accelerators: [{dataflow: dla, pe: -64, bandwidth_gb_per_s: 1}]"), HasSubstr("pe"));
  EXPECT_THAT(message_of("sub_accelerators: [{dataflow: dla, pe: 64, bandwidth_gb_per_s: 0}]"),
              HasSubstr("at least one instance with PEs and bandwidth above 0"));
  EXPECT_THAT(message_of("sub_accelerators: [{dataflow: dla, pe: 64, bandwidth_gb_per_s: 1, width: 2}]"),
              HasSubstr("unknown"));
  EXPECT_THAT(message_of(std::string(kTwo) + "\nclock_hz: 0"), HasSubstr("clock_hz"));
}

}  // namespace
}  // namespace nacre
