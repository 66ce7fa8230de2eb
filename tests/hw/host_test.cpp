#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/hw/host_runtime.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/graph_builder.hpp"

namespace nacre {
namespace {

using testing::HasSubstr;

Design network(int64_t channels, int64_t pixels) {
  GraphBuilder builder("net");
  ValueId x = builder.input("input", ElementType::float32, {1, 3, pixels, pixels});
  x = builder.convolution_norm_activation("stem", x, channels, {.kernel = 3}, Activation::relu);
  x = builder.convolution_norm_activation("body", x, channels, {.kernel = 3}, Activation::relu);
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  Design design;
  design.graphs.emplace("task", builder.take());
  return design;
}

std::unique_ptr<Target> target(const char* name) {
  const auto& entry = target_registry().get(name);
  return entry.make(default_options(entry.parameters, "target"), {});
}

class Host : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = host_runtime_missing(); !missing.empty()) {
      EXPECT_THROW(target("host"), UserError);
      GTEST_SKIP() << "target host: " << missing;
    }
  }
};

TEST_F(Host, CountsWhatTheTargetMacsCounts) {
  const Design design = network(8, 16);
  const Cost measured = target("host")->cost(design, {}, {});
  for (const auto& [name, metric] : target("macs")->cost(design, {}, {}).totals) {
    EXPECT_EQ(metric_value(measured.totals, name), metric.value) << name;
  }
}

TEST_F(Host, ItemsAddUpToTheMeasuredTotal) {
  const Cost cost = target("host")->cost(network(8, 16), {}, {});
  const Metric& total = cost.totals.at("latency_s");
  EXPECT_EQ(total.origin, Origin::measured);
  EXPECT_GT(total.count, 1);
  EXPECT_GE(total.spread.value(), 0);
  double sum = 0;
  for (const CostItem& item : cost.items) sum += metric_value(item.metrics, "latency_s").value_or(0);
  EXPECT_GT(sum, 0);
  EXPECT_NEAR(sum, total.value.value(), 1e-9 * sum);
}

TEST_F(Host, AThousandTimesTheWorkTakesLonger) {
  const auto host = target("host");
  const double small = metric_value(host->cost(network(4, 8), {}, {}).totals, "latency_s").value();
  const double large = metric_value(host->cost(network(64, 64), {}, {}).totals, "latency_s").value();
  EXPECT_GT(large, 2 * small);
}

TEST_F(Host, RefusesMoreThreadsThanThereAre) {
  try {
    target("host")->cost(network(4, 8), {.threads = 100000}, {});
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("target.threads"));
  }
}

TEST_F(Host, NamesWhatAMeasurementDependsOn) {
  EXPECT_THAT(target("host")->identity(), HasSubstr(host_runtime_text()));
  EXPECT_TRUE(target("host")->measures());
  EXPECT_FALSE(target("macs")->measures());
}

}  // namespace
}  // namespace nacre
