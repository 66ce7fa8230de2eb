#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nacre/base/error.hpp"
#include "nacre/hw/counted_cost.hpp"
#include "nacre/hw/single_node.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Conv 3->8, 3x3, stride 2 on 8x8; batch norm; ReLU; global pool; Gemm 8->10.
Graph small_network(bool symbolic_batch = true) {
  GraphBuilder builder("net");
  const Dim batch = symbolic_batch ? builder.graph().symbol("batch") : Dim(1);
  ValueId x = builder.input("input", ElementType::float32, {batch, 3, 8, 8});
  x = builder.convolution_norm_activation("stem", x, 8, {.kernel = 3, .stride = 2}, Activation::relu);
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  return builder.take();
}

Design design_of(Graph graph) {
  Design design;
  design.graphs.emplace("task", std::move(graph));
  return design;
}

std::unique_ptr<Target> make_macs() {
  const auto& entry = target_registry().get("macs");
  return entry.make(default_options(entry.parameters, "target"), {});
}

double total(const Cost& cost, std::string_view name) { return metric_value(cost.totals, name).value(); }

TEST(Macs, EqualHandCount) {
  const Cost cost = make_macs()->cost(design_of(small_network()), {}, {});
  EXPECT_EQ(total(cost, "macs"), 3 * 9 * 8 * 16 + 8 * 10);
  EXPECT_EQ(total(cost, "params"), 3 * 9 * 8 + 2 * 8 + 8 * 10 + 10);
  EXPECT_EQ(total(cost, "model_bytes"), 4 * (3 * 9 * 8 + 4 * 8 + 8 * 10 + 10));
  EXPECT_EQ(total(cost, "peak_memory_bytes"), 4 * (3 * 64 + 8 * 16));  // input and first map
}

TEST(Macs, EqualsTheStatisticsOfTheGraph) {
  for (const int64_t batch : {1, 4}) {
    Graph bound = small_network();
    bound.bind_symbols({{"batch", batch}});
    const GraphStatistics statistics = count_graph(bound);
    const Cost cost = make_macs()->cost(design_of(small_network()), {.batch = batch}, {});
    EXPECT_EQ(total(cost, "macs"), static_cast<double>(statistics.macs));
    EXPECT_EQ(total(cost, "flops"), static_cast<double>(statistics.flops));
    EXPECT_EQ(total(cost, "params"), static_cast<double>(statistics.parameters));
    EXPECT_EQ(total(cost, "model_bytes"), static_cast<double>(statistics.weight_bytes));
    EXPECT_EQ(total(cost, "peak_memory_bytes"), static_cast<double>(statistics.peak_activation_bytes));
    EXPECT_TRUE(cost.not_covered.empty());
  }
}

TEST(Macs, ItemsAddUpToTotals) {
  const Cost cost = make_macs()->cost(design_of(small_network()), {.batch = 2}, {});
  for (const char* name : {"macs", "flops", "params", "model_bytes"}) {
    double sum = 0;
    for (const CostItem& item : cost.items) sum += metric_value(item.metrics, name).value();
    EXPECT_EQ(sum, total(cost, name)) << name;
  }
  EXPECT_THAT(cost.items[0].name, HasSubstr("stem"));
}

TEST(Macs, WorkGrowsWithTheBatchAndParametersDoNot) {
  const auto target = make_macs();
  const Cost one = target->cost(design_of(small_network()), {.batch = 1}, {});
  const Cost eight = target->cost(design_of(small_network()), {.batch = 8}, {});
  EXPECT_EQ(total(eight, "macs"), 8 * total(one, "macs"));
  EXPECT_EQ(total(eight, "peak_memory_bytes"), 8 * total(one, "peak_memory_bytes"));
  EXPECT_EQ(total(eight, "params"), total(one, "params"));
}

TEST(Macs, EveryMetricIsCountedAndNamed) {
  const auto target = make_macs();
  const Cost cost = target->cost(design_of(small_network()), {}, {});
  ASSERT_EQ(cost.totals.size(), target->metrics().size());
  for (const MetricSpec& spec : target->metrics()) {
    const Metric& metric = cost.totals.at(spec.name);
    EXPECT_EQ(metric.origin, Origin::counted) << spec.name;
    EXPECT_EQ(metric.unit, spec.unit) << spec.name;
  }
  EXPECT_FALSE(target->measures());
  EXPECT_EQ(target->metrics()[0].name, "macs");
}

TEST(Macs, UnknownOperatorsMakeLowerBounds) {
  Graph graph = small_network();
  const NodeId node = graph.add_node("Mystery", {graph.outputs[0]});
  const ValueId output = graph.node(node).outputs[0];
  graph.value(output).shape = graph.value(graph.outputs[0]).shape;
  graph.outputs[0] = output;
  const Cost cost = make_macs()->cost(design_of(graph), {}, {});
  EXPECT_THAT(cost.not_covered, ElementsAre("Mystery"));
  EXPECT_THAT(cost.totals.at("macs").source, HasSubstr("a lower bound, without Mystery"));
  EXPECT_FALSE(metric_value(cost.items.back().metrics, "macs").has_value());
}

TEST(Macs, FixedBatchMustFit) {
  const auto target = make_macs();
  EXPECT_NO_THROW(target->cost(design_of(small_network(false)), {.batch = 1}, {}));
  try {
    target->cost(design_of(small_network(false)), {.batch = 4}, {});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "the model's input 'input' has a fixed batch of 1, target.batch asks for 4");
  }
}

TEST(SingleNode, CountsAsItsNodeDoes) {
  Graph bound = small_network();
  bound.bind_symbols({{"batch", 2}});
  const GraphStatistics statistics = count_graph(bound);
  int64_t macs = 0;
  for (const NodeStatistics& node : statistics.nodes) {
    const std::optional<Graph> alone = single_node_graph(bound, node.node);
    ASSERT_TRUE(alone.has_value());
    const GraphStatistics counted = count_graph(*alone);
    EXPECT_EQ(counted.macs, node.macs);
    EXPECT_EQ(counted.flops, node.flops);
    EXPECT_EQ(counted.weight_bytes, node.weight_bytes);
    macs += counted.macs;
  }
  EXPECT_EQ(macs, statistics.macs);
}

TEST(TargetRegistry, EveryExampleIsComplete) {
  for (const auto& entry : target_registry().entries()) {
    EXPECT_FALSE(entry.summary.empty());
    const ConfigNode example = parse_config(entry.example, entry.name);
    EXPECT_EQ(example.at("kind").as_text("kind"), entry.name);
    EXPECT_NO_THROW(resolve_options(example, entry.parameters, entry.name, {"kind", "batch", "threads"}));
  }
}

}  // namespace
}  // namespace nacre
