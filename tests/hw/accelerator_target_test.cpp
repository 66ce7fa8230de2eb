#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

std::unique_ptr<Target> make(const std::string& yaml) {
  const auto& entry = target_registry().get("accelerator");
  return entry.make(resolve_options(parse_config(yaml, "t.yaml"), entry.parameters, "target"), {});
}

Design network(int64_t channels) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 3, 16, 16});
  x = builder.convolution_norm_activation("first", x, channels, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("second", x, channels, {.kernel = 3}, Activation::relu);
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  Design design;
  design.graphs.emplace("task", builder.take());
  return design;
}

double value(const Cost& cost, const char* metric) { return metric_value(cost.totals, metric).value(); }

TEST(AcceleratorTarget, TotalsAreTheSumsOfTheItems) {
  for (const char* chip : {"eyeriss", "nvdla_large", "nvdla_small", "shidiannao", "gemmini", "tpu_like", "edge_npu"}) {
    SCOPED_TRACE(chip);
    const auto target = make(std::string("accelerator: ") + chip);
    const Cost cost = target->cost(network(8), {}, {});
    double latency_s = 0;
    for (const CostItem& item : cost.items) latency_s += metric_value(item.metrics, "latency_s").value_or(0);
    EXPECT_NEAR(value(cost, "latency_s"), latency_s, 1e-12 + 1e-9 * latency_s);
    EXPECT_GT(value(cost, "energy_j"), 0);
    EXPECT_THAT(cost.not_covered, testing::IsEmpty());
  }
}

TEST(AcceleratorTarget, ASearchedMappingIsNoWorseThanTheDataflowForItsObjective) {
  const Cost fixed = make("{accelerator: eyeriss, dataflow: rs}")->cost(network(8), {}, {});
  const Cost searched =
      make("{accelerator: eyeriss, method: exact, objective: energy, time_s: 1}")->cost(network(8), {}, {});
  EXPECT_LE(value(searched, "energy_j"), value(fixed, "energy_j"));
}

TEST(AcceleratorTarget, MoreChannelsCostMore) {
  const auto target = make("{accelerator: eyeriss}");
  EXPECT_LT(value(target->cost(network(8), {}, {}), "energy_j"), value(target->cost(network(32), {}, {}), "energy_j"));
}

TEST(AcceleratorTarget, SettingsAreItsIdentity) {
  EXPECT_NE(make("{accelerator: eyeriss}")->identity(), make("{accelerator: gemmini}")->identity());
  EXPECT_NE(make("{accelerator: eyeriss}")->identity(), make("{accelerator: eyeriss, weights: int8}")->identity());
}

TEST(AcceleratorTarget, SettingsOfAnotherMethodAreRefused) {
  for (const char* options :
       {"{accelerator: eyeriss, objective: energy}", "{accelerator: eyeriss, time_s: 1}",
        "{accelerator: eyeriss, method: lattice, dataflow: rs}", "{accelerator: eyeriss, method: lattice, time_s: 1}",
        "{accelerator: eyeriss, method: exact, evaluations: 10}"}) {
    SCOPED_TRACE(options);
    EXPECT_THAT([&] { make(options); }, testing::ThrowsMessage<UserError>(HasSubstr("as the method; method is")));
  }
  make("{accelerator: eyeriss, method: lattice, objective: energy, evaluations: 10}");
}

TEST(AcceleratorTarget, UnknownNamesAreRefused) {
  EXPECT_THAT([] { make("accelerator: eyerisss"); }, testing::ThrowsMessage<UserError>(HasSubstr("eyeriss")));
  EXPECT_THAT([] { make("{accelerator: eyeriss, weights: int99}"); },
              testing::ThrowsMessage<UserError>(HasSubstr("number format 'int99'")));
  EXPECT_THAT([] { make("{accelerator: eyeriss, method: guess}"); },
              testing::ThrowsMessage<UserError>(HasSubstr("guess")));
}

}  // namespace
}  // namespace nacre
