// NAS-Bench-201 against what its publication and the notes beside the tables say.
#include <gmock/gmock.h>

#include "nacre/ir/statistics.hpp"
#include "nacre/space/cells/nasbench201_classes.hpp"
#include "nacre/space/spaces/nasbench201.hpp"
#include "table_fixture.hpp"

namespace nacre {
namespace {

using testing::DoubleEq;
using testing::HasSubstr;
using testing::Optional;

class Nasbench201Table : public testing::TestWithParam<std::string> {};

TEST_P(Nasbench201Table, RowsRoundTripAndStrangersAreUnknown) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201", "dataset: " + GetParam());
  EXPECT_EQ(table->rows(), 15625);
  EXPECT_EQ(table->space().trace().count(), 15625);
  expect_rows_round_trip(*table);
  expect_strangers_unknown(*table);
  EXPECT_EQ(table->fidelities(), (std::vector<double>{12, 200}));
}

TEST_P(Nasbench201Table, EveryCellIsKnownAndAccuraciesAreShares) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201", "dataset: " + GetParam());
  for (size_t column = 0; column < table->columns().size(); ++column) {
    for (int64_t row = 0; row < table->rows(); ++row) {
      const std::optional<double> value = table->value(row, column);
      ASSERT_TRUE(value.has_value());
      ASSERT_GT(*value, 0);
      if (table->columns()[column].quality) {
        ASSERT_LT(*value, 1);
      }
    }
  }
}

TEST_P(Nasbench201Table, TheSpaceBuildsTheNetworkOfTheRow) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201", "dataset: " + GetParam());
  for (int64_t row = 0; row < table->rows(); row += 1201) {
    const Decisions decisions = table->decisions_of(row);
    EXPECT_EQ(nasbench201_architecture(decisions), table->key_of(row));
    Graph graph = table->space().build(decisions).graph();
    graph.bind_symbols({{"batch", 1}});
    EXPECT_EQ(value_of(*table, row, "params"), static_cast<double>(count_graph(graph).parameters));
  }
}

INSTANTIATE_TEST_SUITE_P(Datasets, Nasbench201Table, testing::Values("cifar10", "cifar100", "imagenet16"),
                         [](const auto& info) { return info.param; });

// The published optima.
TEST(Nasbench201Golden, BestNetworks) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto cifar10 = open_table("nasbench201");
  const int64_t best = best_row(*cifar10, "test_accuracy");
  EXPECT_EQ(best, 6111);  // as good as 13714
  EXPECT_EQ(cifar10->key_of(best),
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|");
  EXPECT_THAT(value_of(*cifar10, best, "test_accuracy"), Optional(DoubleEq(0.943733)));
  EXPECT_EQ(value_of(*cifar10, 13714, "test_accuracy"), value_of(*cifar10, best, "test_accuracy"));
  const auto cifar100 = open_table("nasbench201", "dataset: cifar100");
  EXPECT_NEAR(*value_of(*cifar100, best_row(*cifar100, "test_accuracy"), "test_accuracy"), 0.73513, 5e-6);
  const auto imagenet16 = open_table("nasbench201", "dataset: imagenet16");
  EXPECT_NEAR(*value_of(*imagenet16, best_row(*imagenet16, "test_accuracy"), "test_accuracy"), 0.47311, 5e-6);
}

TEST(Nasbench201Golden, FirstRow) {
  NACRE_SKIP_WITHOUT("nasbench201");
  const auto table = open_table("nasbench201");
  EXPECT_EQ(table->key_of(0),
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|");
  EXPECT_THAT(value_of(*table, 0, "valid_accuracy", 12), Optional(DoubleEq(0.63364)));
  EXPECT_THAT(value_of(*table, 0, "valid_accuracy"), Optional(DoubleEq(0.819)));
  EXPECT_THAT(value_of(*table, 0, "test_accuracy", 12), Optional(DoubleEq(0.6955)));
  EXPECT_THAT(value_of(*table, 0, "test_accuracy", 200), Optional(DoubleEq(0.858633)));
  EXPECT_THAT(value_of(*table, 0, "test_accuracy_one_seed"), Optional(DoubleEq(0.8618)));
  EXPECT_THAT(value_of(*table, 0, "params"), Optional(DoubleEq(129306)));
  EXPECT_THAT(value_of(*table, 0, "macs"), Optional(DoubleEq(15647370)));
  EXPECT_FALSE(table->find_column("valid_accuracy", 36).has_value());
  EXPECT_FALSE(table->find_column("accuracy").has_value());
}

// Index 0 as HW-NAS-Bench prints it in its own documentation.
TEST(Nasbench201Costs, HwNasBench) {
  NACRE_SKIP_WITHOUT("hwnasbench");
  const auto table = open_table("nasbench201", "costs: [hw_nas_bench]");
  const std::map<std::string, double> published = {
      {"latency_s_edgegpu", 5.807e-3}, {"energy_j_edgegpu", 24.227e-3}, {"latency_s_raspi4", 10.482e-3},
      {"latency_s_edgetpu", 0.957e-3}, {"latency_s_pixel3", 3.606e-3},  {"latency_s_eyeriss", 3.646e-3},
      {"energy_j_eyeriss", 0.687e-3},  {"latency_s_fpga", 2.573e-3},    {"energy_j_fpga", 18.011e-3}};
  std::map<std::string, int64_t> known;
  for (const auto& [name, value] : published) {
    EXPECT_NEAR(*value_of(*table, 0, name), value, 5.1e-7) << name;
    for (int64_t row = 0; row < table->rows(); ++row) {
      const std::optional<double> cost = value_of(*table, row, name);
      if (!cost) continue;
      ++known[name];
      ASSERT_GE(*cost, 0) << name << " of " << row;
    }
  }
  int64_t complete = 0, edgetpu = 0;
  for (int64_t row = 0; row < table->rows(); ++row) {
    if (value_of(*table, row, "hw_nas_bench_complete") != 1) {
      EXPECT_FALSE(value_of(*table, row, "latency_s_edgegpu").has_value());
      EXPECT_FALSE(value_of(*table, row, "latency_s_edgetpu").has_value());
      continue;
    }
    ++complete;
    if (value_of(*table, row, "latency_s_edgetpu")) ++edgetpu;
  }
  EXPECT_EQ(complete, 12555);
  EXPECT_EQ(known["latency_s_edgegpu"], 12555);
  EXPECT_EQ(known["energy_j_edgegpu"], 12555);
  EXPECT_EQ(known["latency_s_edgetpu"], edgetpu);
  EXPECT_EQ(edgetpu, 12555 - 3768);
  EXPECT_EQ(known["latency_s_raspi4"], 15625);
  EXPECT_EQ(known["energy_j_eyeriss"], 15625);
}

TEST(Nasbench201Costs, HelpAgreesWithHwNasBenchWhereBothMeasure) {
  NACRE_SKIP_WITHOUT("hwnasbench");
  const auto help = open_table("nasbench201", "costs: [help]");
  EXPECT_EQ(std::ranges::count_if(help->columns(), [](const TableColumn& c) { return c.metric.unit == "s"; }), 24);
  EXPECT_THAT(value_of(*help, 0, "latency_s_1080ti_1"), Optional(DoubleEq(10.7544e-3)));
  EXPECT_THAT(value_of(*help, 0, "latency_s_titanxp_32"), Optional(DoubleEq(7.38505e-3)));
  const auto both = open_table("nasbench201", "costs: [hw_nas_bench, help]");
  EXPECT_EQ(both->columns().size(), help->columns().size() + 10 - 4);
  for (const std::string name : {"latency_s_raspi4", "latency_s_pixel3", "latency_s_eyeriss", "latency_s_fpga"}) {
    for (int64_t row = 0; row < help->rows(); ++row)
      ASSERT_NEAR(*value_of(*help, row, name), *value_of(*both, row, name), 1e-8 + 1e-5 * *value_of(*both, row, name));
  }
}

TEST(Nasbench201Costs, Measurements360AreThoseOfTheClass) {
  NACRE_SKIP_WITHOUT("hwnb360");
  const auto table = open_table("nasbench201", "{dataset: cifar100, costs: [hw_nas_bench_360]}");
  EXPECT_THAT(value_of(*table, 0, "latency_s_pi5_litert_cifar100"), Optional(DoubleEq(1.48767e-3)));
  EXPECT_THAT(value_of(*table, 1, "energy_j_pi5_torchmobile_ninapro"), Optional(DoubleEq(13.6233e-3)));
  std::map<std::string, double> by_class;
  for (int64_t row = 0; row < table->rows(); ++row) {
    const std::string cell = nasbench201_class(nasbench201_code(table->decisions_of(row)), CellRule::benchmark_string);
    const double value = *value_of(*table, row, "latency_s_pixel_litert_cifar100");
    EXPECT_EQ(by_class.emplace(cell, value).first->second, value) << table->key_of(row);
  }
  EXPECT_EQ(by_class.size(), 6466U);
}

TEST(Nasbench201Costs, UnknownTablesAndOtherImagesAreRefused) {
  NACRE_SKIP_WITHOUT("nasbench201");
  EXPECT_THAT(error_of([] { open_table("nasbench201", "costs: [hw_nas_bensh]"); }),
              HasSubstr("did you mean 'hw_nas_bench'?"));
  EXPECT_THAT(error_of([] { open_table("nasbench201", "{dataset: imagenet16, costs: [help]}"); }),
              HasSubstr("images of 32 x 32"));
}

// The files are those that the figures of this project are made of.
TEST(Nasbench201Golden, Checksum) {
  NACRE_SKIP_WITHOUT("nasbench201");
  EXPECT_EQ(open_table("nasbench201")->identity(), "nasbench201/cifar10/1/13c2d62d891f65a80603777ab77ab266");
}

TEST(Nasbench201Table, AbsentTablesAreSaidWithPlaceAndSource) {
  const std::string message =
      error_of([] { open_table("nasbench201", "{}", std::filesystem::temp_directory_path() / "no_tables_here"); });
  EXPECT_THAT(message, HasSubstr("cannot find 'nasbench201/nb201.csv'"));
  EXPECT_THAT(message, HasSubstr("NATS-Bench"));
  EXPECT_THAT(error_of([] { open_table("nasbench201", "dataset: cifar1000"); }), HasSubstr("cifar100"));
}

}  // namespace
}  // namespace nacre
