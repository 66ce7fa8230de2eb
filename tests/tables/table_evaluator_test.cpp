// Evaluator and target over a table: what they answer, and what they refuse.
#include "nacre/tables/table_evaluator.hpp"

#include <gmock/gmock.h>

#include "nacre/tables/open_benchmark.hpp"
#include "nacre/tables/table_target.hpp"
#include "table_fixture.hpp"

namespace nacre {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

const std::vector<MetricSpec> kAccuracies = {{"valid_accuracy", Direction::maximize},
                                             {"test_accuracy", Direction::maximize}};

Trial evaluated(TableEvaluator& evaluator, const Design& design, double epochs = 0) {
  Trial trial;
  trial.request.fidelity.epochs = epochs;
  evaluator.evaluate(design, trial, {});
  return trial;
}

TEST(TableEvaluatorTest, AnswersWithTheRowAtTheAskedFidelity) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201");
  TableEvaluator evaluator(table, kAccuracies, 0);
  const Design design = table->space().build(table->decisions_of(0));
  const Trial whole = evaluated(evaluator, design);
  EXPECT_EQ(whole.status, TrialStatus::ok);
  EXPECT_THAT(metric_value(whole.metrics, "valid_accuracy"), Optional(DoubleEq(0.819)));
  EXPECT_THAT(metric_value(whole.metrics, "test_accuracy"), Optional(DoubleEq(0.858633)));
  EXPECT_EQ(whole.metrics.at("test_accuracy").origin, Origin::table);
  ASSERT_EQ(whole.curve.size(), 2U);
  EXPECT_EQ(whole.curve[0].epoch, 12);
  EXPECT_THAT(metric_value(whole.curve[0].metrics, "valid_accuracy"), Optional(DoubleEq(0.63364)));
  const Trial brief = evaluated(evaluator, design, 12);
  EXPECT_THAT(metric_value(brief.metrics, "valid_accuracy"), Optional(DoubleEq(0.63364)));
  const Trial between = evaluated(evaluator, design, 36);
  EXPECT_EQ(between.status, TrialStatus::failed);
  EXPECT_THAT(between.reason, HasSubstr("trainings of 12, 200 epochs, not of 36"));
}

TEST(TableEvaluatorTest, EveryRowIsADesignOfItsOwn) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201");
  const TableEvaluator evaluator(table, kAccuracies, 0);
  std::set<std::string> names;
  for (int64_t row = 0; row < table->rows(); ++row) {
    Design design;
    design.decisions = table->decisions_of(row);
    names.insert(evaluator.identity_of(design));
  }
  EXPECT_EQ(names.size(), 15625U);
}

TEST(TableEvaluatorTest, RefusesWhatTheTableDoesNotHold) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201");
  EXPECT_THAT(error_of([&] {
                TableEvaluator(table, {{"test_acuracy", Direction::maximize}}, 0);
              }),
              HasSubstr("did you mean 'test_accuracy'?"));
  EXPECT_THAT(error_of([&] { TableEvaluator(table, {{"params", Direction::minimize}}, 0); }), HasSubstr("params"));
  EXPECT_THAT(error_of([&] {
                TableEvaluator(table, {{"test_accuracy", Direction::minimize}}, 0);
              }),
              HasSubstr("wrong direction"));
  EXPECT_THAT(error_of([&] { TableEvaluator(table, kAccuracies, 90); }), HasSubstr("12, 200 epochs, not of 90"));
  TableEvaluator evaluator(table, kAccuracies, 0);
  Design stranger = table->space().build(table->decisions_of(0));
  stranger.decisions.set("recipe/learning_rate", 1);
  const Trial trial = evaluated(evaluator, stranger);
  EXPECT_EQ(trial.status, TrialStatus::failed);
  EXPECT_THAT(trial.reason, HasSubstr("does not hold this network"));
}

// The decisions fit, the network does not: the space has other options or the task another input.
TEST(TableEvaluatorTest, RefusesOtherNetworksOfTheSameDecisions) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201"), others = open_table("nasbench201", "dataset: cifar100");
  TableEvaluator evaluator(table, kAccuracies, 0);
  EXPECT_THAT(
      error_of([&] { evaluated(evaluator, others->space().build(table->decisions_of(7))); }),
      testing::AllOf(HasSubstr("benchmark nasbench201/cifar10"), HasSubstr("[batch,100]"), HasSubstr("[batch,10]")));
}

TEST(TableTargetTest, CostsOfOneDeviceOrOfAll) {
  NACRE_SKIP_WITHOUT("hwnasbench");
  const auto table = open_table("nasbench201", "costs: [hw_nas_bench]");
  EXPECT_THAT(TableTarget::devices(*table), ElementsAre("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga"));
  TableTarget edge(table, "edgegpu"), all(table, "");
  Design design;
  design.decisions = table->decisions_of(1);
  const Metrics costs = edge.cost(design, {}, {}).totals;
  EXPECT_THAT(metric_value(costs, "latency_s"), Optional(testing::DoubleNear(6.5476894e-3, 1e-15)));
  EXPECT_THAT(metric_value(costs, "energy_j"), Optional(testing::DoubleNear(29.997148e-3, 1e-15)));
  EXPECT_THAT(metric_value(costs, "params"), Optional(DoubleEq(802426)));
  EXPECT_EQ(costs.size(), edge.metrics().size());
  EXPECT_EQ(costs.at("latency_s").unit, "s");
  EXPECT_THAT(metric_value(all.cost(design, {}, {}).totals, "latency_s_edgegpu"), metric_value(costs, "latency_s"));
  EXPECT_EQ(all.metrics().size(), 11U);  // nine of devices, params, macs; the mark of complete rows is no cost
  design.decisions = table->decisions_of(6111);
  EXPECT_EQ(metric_value(edge.cost(design, {}, {}).totals, "latency_s"), std::nullopt);
  EXPECT_NE(edge.identity(), TableTarget(table, "raspi4").identity());
  EXPECT_THAT(error_of([&] { TableTarget(table, "raspi"); }), HasSubstr("did you mean 'raspi4'?"));
  EXPECT_THAT(error_of([] { TableTarget(open_table("nasbench201"), "raspi4"); }), HasSubstr("costs of no device"));
}

TEST(OpenBenchmark, SharesWhatIsOpenAlready) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const BenchmarkContext context{.data_folder = data_folder()};
  const auto first = open_benchmark("nasbench201", parse_config("{}", "test"), context);
  EXPECT_EQ(open_benchmark("nasbench201", parse_config("dataset: cifar10", "test"), context), first);
  EXPECT_NE(open_benchmark("nasbench201", parse_config("dataset: cifar100", "test"), context), first);
  const Options options = resolve_options(parse_config("{benchmark: nasbench201, dataset: cifar10}", "test"),
                                          benchmark_parameters(), "evaluator table");
  EXPECT_EQ(open_benchmark(options, context), first);
  EXPECT_THAT(error_of([&] { open_benchmark("nasbench21", parse_config("{}", "test"), context); }),
              HasSubstr("did you mean 'nasbench201'?"));
}

}  // namespace
}  // namespace nacre
