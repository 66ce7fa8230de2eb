// Tables of costs: groups, keys, the residual, and a whole table built on a device whose law is known.
#include "nacre/hw/cost_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nacre/base/error.hpp"
#include "nacre/base/file.hpp"
#include "nacre/base/random.hpp"
#include "nacre/base/temporary_folder.hpp"
#include "nacre/hw/command_target.hpp"
#include "nacre/hw/single_node.hpp"
#include "nacre/hw/table_builder.hpp"
#include "nacre/hw/target_registry.hpp"
#include "nacre/ir/graph_builder.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A chain of convolutions with ReLU and a residual sum, `width` channels.
Graph chain(int64_t width, int64_t blocks, int64_t size = 8) {
  GraphBuilder builder("chain");
  ValueId x = builder.input("input", ElementType::float32, {Dim(1), Dim(3), Dim(size), Dim(size)});
  x = builder.convolution_norm_activation("stem", x, width, {.kernel = 3}, Activation::relu);
  for (int64_t i = 0; i < blocks; ++i) {
    const ValueId before = x;
    x = builder.convolution_norm_activation("block" + std::to_string(i), x, width, {.kernel = 1}, Activation::relu);
    x = builder.add(before, x);
  }
  x = builder.flatten(builder.global_average_pool(x));
  builder.output(builder.linear("head", x, 10), "logits");
  return builder.take();
}

Graph deployed_chain(int64_t width, int64_t blocks, int64_t size = 8) {
  return graph_to_measure(chain(width, blocks, size), {});
}

Design design_of(Graph graph) {
  Design design;
  design.graphs.emplace("task", std::move(graph));
  return design;
}

std::string text_of_groups(const Graph& graph, const FusedPairs& fused) {
  std::string text;
  for (const std::vector<NodeId>& group : node_groups(graph, fused)) text += ops_text(graph, group) + " ";
  return text;
}

TEST(NodeGroups, FollowFusedPairsAsLongAsNobodyElseReads) {
  const Graph graph = deployed_chain(4, 1);
  EXPECT_EQ(text_of_groups(graph, {}), "Conv Relu Conv Relu Add GlobalAveragePool Flatten Gemm ");
  EXPECT_EQ(text_of_groups(graph, {{"Conv", "Relu"}}), "Conv+Relu Conv+Relu Add GlobalAveragePool Flatten Gemm ");
  // The first ReLU is read twice, by the block and by the sum: it ends its group.
  EXPECT_EQ(text_of_groups(graph, {{"Conv", "Relu"}, {"Relu", "Conv"}, {"Relu", "Add"}}),
            "Conv+Relu Conv+Relu+Add GlobalAveragePool Flatten Gemm ");
}

TEST(NodeGroups, EveryNodeIsInOneGroup) {
  const Graph graph = deployed_chain(4, 3);
  for (const FusedPairs& fused :
       {FusedPairs{}, FusedPairs{{"Conv", "Relu"}}, FusedPairs{{"Conv", "Relu"}, {"Relu", "Add"}, {"Add", "Conv"}}}) {
    std::vector<int> seen(graph.nodes().size(), 0);
    double flops = 0;
    for (const std::vector<NodeId>& group : node_groups(graph, fused)) {
      for (const NodeId id : group) ++seen[static_cast<size_t>(id)];
      const Graph alone = node_group_graph(graph, group).value();
      flops += static_cast<double>(count_graph(alone).flops);
    }
    EXPECT_THAT(seen, testing::Each(1));
    EXPECT_EQ(flops, static_cast<double>(count_graph(graph).flops)) << "groups share the work of the network";
  }
}

TEST(NodeGroups, AGroupIsTheSameWhereverItStands) {
  const Graph a = deployed_chain(4, 1), b = deployed_chain(4, 5);
  const auto keys = [](const Graph& graph) {
    std::set<std::string> result;
    for (const std::vector<NodeId>& group : node_groups(graph, {{"Conv", "Relu"}}))
      result.insert(describe_probe(*node_group_graph(graph, group), ops_text(graph, group)).key);
    return result;
  };
  EXPECT_EQ(keys(a), keys(b)) << "more blocks of one kind need no more entries";
  EXPECT_NE(keys(a), keys(deployed_chain(5, 1)));
}

TEST(Probe, IsReadableAndCountsItsTraffic) {
  const Graph graph = deployed_chain(4, 1);
  const std::vector<NodeId> group = node_groups(graph, {{"Conv", "Relu"}})[0];
  const Probe probe = describe_probe(*node_group_graph(graph, group), ops_text(graph, group));
  EXPECT_EQ(probe.text, "Conv+Relu 1x3x8x8, 4x3x3x3 -> 1x4x8x8");
  EXPECT_EQ(probe.bytes, 4 * (3 * 64 + 4 * 27 + 4 + 4 * 64));
}

// --- residual

std::vector<ResidualRow> rows_of(double sum, double groups, double bytes, double constant, double call, double noise) {
  Random random(3);
  std::vector<ResidualRow> rows;
  for (int i = 0; i < 30; ++i) {
    ResidualRow row;
    row.groups = static_cast<double>(random.integer(5, 40));
    row.bytes = random.uniform(1e5, 1e6);
    row.sum = call * row.groups + random.uniform(1e-4, 1e-3);
    row.measured = (sum * (row.sum - call * row.groups) + groups * row.groups + bytes * row.bytes + constant) *
                   (1 + noise * random.normal());
    rows.push_back(row);
  }
  return rows;
}

TEST(Residual, RecoversALinearLaw) {
  const double call = 1e-6;
  const Residual residual = fit_residual(rows_of(1.2, 2e-6, 3e-10, 5e-5, call, 0), call);
  EXPECT_NEAR(residual.sum, 1.2, 0.01);
  EXPECT_NEAR(residual.groups, 2e-6, 1e-7);
  EXPECT_NEAR(residual.bytes, 3e-10, 1e-11);
  EXPECT_NEAR(residual.constant, 5e-5, 2e-6);
}

TEST(Residual, TakesNoTermThatOnlyFitsNoise) {
  const Residual residual = fit_residual(rows_of(1.0, 0, 0, 0, 1e-6, 0.02), 1e-6);
  EXPECT_NEAR(residual.sum, 1.0, 0.03);
  EXPECT_EQ(residual.bytes, 0);
}

TEST(Residual, PredictsWhatItWasNotFittedOn) {
  std::vector<ResidualRow> rows = rows_of(1.2, 2e-6, 3e-10, 5e-5, 1e-6, 0.01);
  const std::vector<ResidualRow> kept(rows.begin() + 20, rows.end());
  rows.resize(20);
  const Residual residual = fit_residual(rows, 1e-6);
  std::vector<double> said, truth;
  for (const ResidualRow& row : kept) {
    said.push_back(residual.apply(row.sum, row.groups, row.bytes));
    truth.push_back(row.measured);
  }
  const TableError error = table_error(said, truth);
  EXPECT_LT(error.mean_relative, 0.02);
  EXPECT_GT(error.spearman, 0.9);
  EXPECT_EQ(error.networks, 10);
}

TEST(Corrections, RecoverWhatGroupsTakeInsideNetworks) {
  // Ten groups, of which each network has five; what they take inside is 0.4 to 1.6 times what the table says.
  Random random(7);
  const auto true_factor = [](int64_t group) { return 0.4 + 0.12 * static_cast<double>((group * 7) % 11); };
  std::vector<CorrectionRow> rows;
  for (int64_t i = 0; i < 60; ++i) {
    std::map<std::string, double> said;
    double sum = 0, truth = 0;
    for (int64_t j = 0; j < 5; ++j) {
      const auto group = static_cast<int64_t>(random.below(10));
      const double cost = 1 + static_cast<double>(group % 3);
      said[std::to_string(group)] += cost;
      sum += cost;
      truth += cost * true_factor(group);
    }
    CorrectionRow row;
    for (const auto& [key, cost] : said) row.shares[key] = cost / truth;
    row.left_over = 1 - sum / truth;
    rows.push_back(std::move(row));
  }
  const std::map<std::string, double> corrections = fit_corrections(rows);
  ASSERT_EQ(corrections.size(), 10u);
  for (const auto& [key, factor] : corrections) EXPECT_NEAR(factor, true_factor(std::stoll(key)), 0.02) << key;
}

TEST(Corrections, AreLeftOutWhereTheyOnlyFitNoise) {
  Random random(11);
  std::vector<CorrectionRow> rows;
  for (int64_t i = 0; i < 40; ++i) {
    CorrectionRow row;
    for (int64_t j = 0; j < 4; ++j) row.shares[std::to_string(i * 4 + j)] = 0.25;  // no two networks share a group
    row.left_over = 0.1 * (random.uniform() - 0.5);
    rows.push_back(std::move(row));
  }
  EXPECT_TRUE(fit_corrections(rows).empty());
  EXPECT_TRUE(fit_corrections({}).empty());
}

// --- building, on a device whose law is known

// One call takes `call_`, each operator by its work and traffic; a ReLU straight behind a convolution is free. A whole
// network has a further fixed part.
class LawfulTarget : public Target {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<MetricSpec>& metrics() const override { return metrics_; }
  std::string identity() const override { return "lawful/1"; }
  bool measures() const override { return true; }
  std::string device() const override { return "lawful"; }
  Cost cost(const Design& design, const Deployment&, const ActivityProfile&) override {
    ++calls;
    if (fail_after > 0 && calls > fail_after) throw DeviceError("unplugged");
    const Graph& graph = design.graph();
    double time_s = 2e-6;
    const std::vector<std::vector<NodeId>> consumers = graph.consumers();
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
      const Node& node = graph.node(id);
      if (node.dead) continue;
      const bool free = node.op == "Relu" && graph.value(node.inputs[0]).producer != kNone &&
                        graph.node(graph.value(node.inputs[0]).producer).op == "Conv";
      if (!free) time_s += time_of(graph, id);
    }
    if (slow_from <= calls && calls < slow_until) time_s *= 1.7;
    Cost cost;
    cost.totals["latency_s"] = {.value = time_s, .unit = "s", .origin = Origin::measured};
    cost.totals["energy_j"] = {.value = 3 * time_s, .unit = "J", .origin = Origin::measured};
    return cost;
  }

  int calls = 0;
  int fail_after = 0;
  int slow_from = 0, slow_until = 0;  // calls during which the device is slower

 private:
  static double time_of(const Graph& graph, NodeId id) {
    const Graph alone = single_node_graph(graph, id).value();
    const Probe probe = describe_probe(alone, "");
    return 1e-7 + probe.flops * 1e-10 + probe.bytes * 2e-11;
  }

  std::string name_ = "lawful";
  std::vector<MetricSpec> metrics_ = {{"latency_s", Direction::minimize, "s", ""},
                                      {"energy_j", Direction::minimize, "J", ""}};
};

std::vector<Graph> chains() {
  std::vector<Graph> networks;
  for (int64_t i = 0; i < 16; ++i) networks.push_back(deployed_chain(4 + 4 * (i % 5), 1 + (i * 7) % 6, 8));
  return networks;
}

CostTable head(const Target& target) {
  CostTable table;
  table.target = {{"kind", "lawful"}};
  table.identity = target.identity();
  table.metrics = additive_metrics(target);
  return table;
}

TEST(TableBuilder, FindsFusionAndPredictsNetworksItNeverMeasured) {
  LawfulTarget target;
  CostTable table = head(target);
  EXPECT_THAT(table.metrics, ElementsAre("latency_s", "energy_j"));
  build_cost_table(table, {.target = target,
                           .probe_target = target,
                           .metrics = table.metrics,
                           .networks = chains(),
                           .whole = 16,
                           .kept_aside = 5});
  EXPECT_TRUE(table.complete);
  EXPECT_TRUE(table.fused.contains({"Conv", "Relu"}));
  EXPECT_FALSE(table.fused.contains({"Relu", "Conv"}));
  EXPECT_FALSE(table.fused.contains({"GlobalAveragePool", "Flatten"}));
  EXPECT_LT(table.errors.at("latency_s").mean_relative, 0.01);
  EXPECT_LT(table.errors.at("energy_j").mean_relative, 0.01);
  EXPECT_EQ(table.errors.at("latency_s").networks, 5);
  // Another depth of known groups: exact. Another width: estimated, and said so.
  for (const auto& [width, blocks, estimated] : {std::tuple<int64_t, int64_t, bool>{8, 9, false}, {10, 3, true}}) {
    const Graph network = deployed_chain(width, blocks);
    const TableAnswer answer = look_up(table, network);
    const double truth = target.cost(design_of(network), {}, {}).totals.at("latency_s").value.value();
    EXPECT_EQ(answer.estimated > 0, estimated);
    EXPECT_TRUE(answer.not_covered.empty());
    EXPECT_NEAR(predicted(table, answer, "latency_s").value(), truth, (estimated ? 0.3 : 0.02) * truth);
  }
  EXPECT_FALSE(predicted(table, look_up(table, deployed_chain(4, 1)), "area_mm2").has_value());
}

TEST(TableBuilder, ASlowPeriodOfTheDeviceIsForgottenInTheNextPass) {
  const auto build = [](int slow_from, int slow_until, int64_t passes) {
    LawfulTarget target;
    target.slow_from = slow_from;
    target.slow_until = slow_until;
    CostTable table = head(target);
    build_cost_table(table, {.target = target,
                             .probe_target = target,
                             .metrics = table.metrics,
                             .networks = chains(),
                             .whole = 16,
                             .kept_aside = 5,
                             .passes = passes,
                             .steady = false});
    return std::pair(table, target.calls);
  };
  const auto [steady, calls] = build(0, 0, 1);
  EXPECT_GT(build(calls - 20, calls - 10, 1).first.errors.at("latency_s").mean_relative, 0.1);
  const auto [twice, twice_calls] = build(calls - 20, calls - 10, 2);
  EXPECT_EQ(twice_calls, 2 * calls);
  EXPECT_EQ(twice.fused, steady.fused);
  ASSERT_EQ(twice.entries.size(), steady.entries.size());
  for (const auto& [key, entry] : steady.entries)
    EXPECT_EQ(twice.entries.at(key).measured.values, entry.measured.values);
  for (const auto& [key, network] : steady.networks) EXPECT_EQ(twice.networks.at(key).values, network.values);
}

// The reference between the values tells that the device is slow: one pass is enough.
TEST(TableBuilder, AReferenceTellsWhenTheDeviceIsSlow) {
  const auto build = [](int slow_from, int slow_until) {
    LawfulTarget target;
    target.slow_from = slow_from;
    target.slow_until = slow_until;
    CostTable table = head(target);
    build_cost_table(table, {.target = target,
                             .probe_target = target,
                             .metrics = table.metrics,
                             .networks = chains(),
                             .whole = 16,
                             .kept_aside = 5,
                             .steady = true});
    return std::pair(table, target.calls);
  };
  const auto [undisturbed, calls] = build(0, 0);
  for (const int slow_from : {1, 30, calls - 20}) {
    const auto [disturbed, more_calls] = build(slow_from, slow_from + 11);
    EXPECT_GE(more_calls, calls);
    const auto expect_equal = [&](const MeasuredValues& found, const MeasuredValues& expected) {
      for (const auto& [metric, value] : expected.values)
        EXPECT_NEAR(found.values.at(metric), value, 1e-9 * value) << slow_from;
    };
    for (const auto& [key, entry] : undisturbed.entries)
      expect_equal(disturbed.entries.at(key).measured, entry.measured);
    for (const auto& [key, network] : undisturbed.networks) expect_equal(disturbed.networks.at(key), network);
  }
  // Slow for good: it ends all the same, with what it has.
  EXPECT_TRUE(build(60, 1'000'000'000).first.complete);
}

// Groups that are blocks: as exact on a device whose law they do not know.
TEST(TableBuilder, BlocksAreGroupsToo) {
  LawfulTarget target;
  CostTable table = head(target);
  table.by_blocks = true;
  build_cost_table(table, {.target = target,
                           .probe_target = target,
                           .metrics = table.metrics,
                           .networks = chains(),
                           .whole = 16,
                           .kept_aside = 5});
  EXPECT_TRUE(table.fused.empty());
  EXPECT_LT(table.errors.at("latency_s").mean_relative, 0.02);
  const TemporaryFolder folder;
  write_cost_table(table, folder.path() / "t.json");
  EXPECT_TRUE(read_cost_table(folder.path() / "t.json").by_blocks);
}

TEST(BlockGroups, AreWhatLiesBelowTheFirstNumberedScope) {
  GraphBuilder b;
  ValueId x = b.input("x", ElementType::float32, {1, 4, 8, 8});
  x = b.convolution_norm_activation("stem", x, 4, {}, Activation::relu);
  for (const char* scope : {"stage1/0/a", "stage1/1/a"}) {
    const auto guard = b.scope(scope);
    ValueId y = b.convolution_norm_activation("one", x, 4, {}, Activation::relu);
    x = b.add(x, b.convolution("two", y, 4, {}));
  }
  b.output(x, "y");
  std::vector<size_t> sizes;
  for (const std::vector<NodeId>& group : block_groups(b.graph())) sizes.push_back(group.size());
  EXPECT_THAT(sizes, ElementsAre(3, 5, 5));
}

TEST(TableBuilder, GoesOnWhereItWasStopped) {
  LawfulTarget whole_target;
  CostTable whole = head(whole_target);
  const std::vector<Graph> networks = chains();
  build_cost_table(whole, {.target = whole_target,
                           .probe_target = whole_target,
                           .metrics = whole.metrics,
                           .networks = networks,
                           .whole = 16,
                           .kept_aside = 5,
                           .steady = false});
  LawfulTarget target;
  target.fail_after = 40;
  CostTable saved = head(target), table = saved;
  const auto save = [&](const CostTable& t) { saved = t; };
  EXPECT_THROW(build_cost_table(table, {.target = target,
                                        .probe_target = target,
                                        .metrics = table.metrics,
                                        .networks = networks,
                                        .whole = 16,
                                        .kept_aside = 5,
                                        .steady = false,
                                        .save = save}),
               DeviceError);
  EXPECT_FALSE(saved.complete);
  EXPECT_EQ(static_cast<int>(saved.entries.size()), 40);
  target.fail_after = 0;
  target.calls = 0;
  build_cost_table(saved, {.target = target,
                           .probe_target = target,
                           .metrics = table.metrics,
                           .networks = networks,
                           .whole = 16,
                           .kept_aside = 5,
                           .steady = false});
  EXPECT_EQ(target.calls, whole_target.calls - 40) << "nothing is measured twice";
  const TemporaryFolder folder;
  write_cost_table(saved, folder.path() / "a.json");
  write_cost_table(whole, folder.path() / "b.json");
  EXPECT_EQ(read_file(folder.path() / "a.json"), read_file(folder.path() / "b.json"));
}

TEST(CostTableFile, IsReadBackEqual) {
  LawfulTarget target;
  CostTable table = head(target);
  table.deployment = {.batch = 2, .threads = 3, .symbols = {{"past", 7}}};
  build_cost_table(table, {.target = target,
                           .probe_target = target,
                           .metrics = table.metrics,
                           .networks = chains(),
                           .whole = 16,
                           .kept_aside = 5});
  const TemporaryFolder folder;
  const std::filesystem::path first = folder.path() / "first.json", second = folder.path() / "second.json";
  write_cost_table(table, first);
  write_cost_table(read_cost_table(first), second);
  EXPECT_EQ(read_file(first), read_file(second));
  write_file_atomically(first, "{\"kind\": \"something\"}");
  EXPECT_THROW(read_cost_table(first), UserError);
  write_file_atomically(first, "{\"kind\": \"nacre cost table\", \"form\": 99}");
  EXPECT_THROW(read_cost_table(first), UserError);
  write_file_atomically(first, "{\"kind\": \"nacre cost table\", \"form\": 3, \"target\": 3}");
  EXPECT_THROW(read_cost_table(first), UserError);
}

// --- target host_table, on a device behind a command

class TableTargetTest : public testing::Test {
 protected:
  // "Measures" by the size of the file.
  TableTargetTest() {
    write_file_atomically(folder_.path() / "measure.sh", "echo \"{\\\"latency_s\\\": 0.00$(wc -c <\"$1\")}\"\n");
    section_ = {{"kind", "command"}, {"command", {"sh", "measure.sh", "{model}"}}};
    device_ = make_target(section_, folder_.path());
    table_.target = section_;
    table_.base_folder = folder_.path().string();
    table_.identity = device_->identity();
    table_.metrics = {"latency_s"};
    table_.complete = true;
    const Graph network = deployed_chain(4, 1);
    for (const std::vector<NodeId>& group : node_groups(network, {})) {
      TableEntry entry{describe_probe(*node_group_graph(network, group), ops_text(network, group)),
                       {.values = {{"latency_s", 1e-4}}, .passes = 1}};
      table_.entries.emplace(entry.probe.key, entry);
    }
    table_.residuals["latency_s"] = {};
    table_.errors["latency_s"] = {.networks = 9, .mean_relative = 0.05, .largest_relative = 0.1, .spearman = 0.99};
    save();
  }
  void save() { write_cost_table(table_, folder_.path() / "table.json"); }
  std::unique_ptr<Target> target(const std::string& more = "") {
    const auto& entry = target_registry().get("host_table");
    return entry.make(
        resolve_options(parse_config("table: table.json\n" + more, "test.yaml"), entry.parameters, "target"),
        {folder_.path()});
  }
  std::string error_of(Target& target, const Deployment& deployment = {}) {
    try {
      target.cost(design_of(chain(4, 1)), deployment, {});
    } catch (const DeviceError& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  Json section_;
  std::unique_ptr<Target> device_;
  CostTable table_;
};

TEST_F(TableTargetTest, SumsGroupsAndSaysHowGoodThatIs) {
  const auto table = target();
  EXPECT_FALSE(table->measures());
  const Cost cost = table->cost(design_of(chain(4, 1)), {}, {});
  const Metric& latency = cost.totals.at("latency_s");
  EXPECT_NEAR(latency.value.value(), 8e-4, 1e-12);
  EXPECT_EQ(latency.origin, Origin::table);
  EXPECT_THAT(latency.source, HasSubstr("table table.json, 8 groups; off by 5.0 % on 9 networks kept aside"));
  double sum = 0;
  for (const CostItem& item : cost.items) sum += metric_value(item.metrics, "latency_s").value();
  EXPECT_NEAR(sum, 8e-4, 1e-12) << "the items share the total";
}

TEST_F(TableTargetTest, MeasuresAgainOnTheDeviceThatFilledIt) {
  const std::shared_ptr<Target> device = target()->measured();
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->identity(), device_->identity());
  EXPECT_EQ(device->cost(design_of(chain(4, 1)), {}, {}).totals.at("latency_s").origin, Origin::measured);
}

TEST_F(TableTargetTest, AStaleTableIsRefused) {
  write_file_atomically(folder_.path() / "measure.sh", "echo '{\"latency_s\": 1}' # another version\n");
  EXPECT_THAT(error_of(*target()), testing::AllOf(HasSubstr("is stale"), HasSubstr("build it anew")));
  EXPECT_EQ(error_of(*target("stale: accept\n")), "no error");
}

TEST_F(TableTargetTest, AnotherDeploymentIsRefused) {
  EXPECT_THAT(error_of(*target(), {.batch = 2}), HasSubstr("was measured with batch 1 and 1 threads"));
  EXPECT_THAT(error_of(*target(), {.threads = 2}), HasSubstr("threads"));
}

TEST_F(TableTargetTest, AnUnfinishedTableIsRefused) {
  table_.complete = false;
  save();
  EXPECT_THROW(target(), UserError);
}

TEST_F(TableTargetTest, OperatorsThatItDoesNotHoldAreNamed) {
  std::erase_if(table_.entries, [](const auto& entry) { return entry.second.probe.ops == "Gemm"; });
  save();
  const Cost cost = target()->cost(design_of(chain(4, 1)), {}, {});
  EXPECT_THAT(cost.not_covered, ElementsAre("Gemm"));
  EXPECT_THAT(cost.totals.at("latency_s").source, HasSubstr("a lower bound, without Gemm"));
}

}  // namespace
}  // namespace nacre
