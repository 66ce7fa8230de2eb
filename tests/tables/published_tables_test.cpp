// Every published table but NAS-Bench-201's (nasbench201_test.cpp): rows, golden values, and the networks behind them.
#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <set>

#include "nacre/ir/statistics.hpp"
#include "nacre/space/spaces/nasbench101.hpp"
#include "nacre/tables/csv_table.hpp"
#include "table_fixture.hpp"

namespace nacre {
namespace {

using testing::DoubleEq;
using testing::HasSubstr;
using testing::Optional;

struct Published {
  std::string name, dataset, folder;
  int64_t rows;
};

class PublishedTable : public testing::TestWithParam<Published> {};

TEST_P(PublishedTable, RowsRoundTripAndStrangersAreUnknown) {
  NACRE_SKIP_WITHOUT(GetParam().folder);
  const auto table = open_table(GetParam().name, "dataset: " + GetParam().dataset);
  EXPECT_EQ(table->rows(), GetParam().rows);
  EXPECT_EQ(table->dataset(), GetParam().dataset);
  expect_rows_round_trip(*table);
  expect_strangers_unknown(*table);
}

INSTANTIATE_TEST_SUITE_P(All, PublishedTable,
                         testing::Values(Published{"nasbench101", "cifar10", "nasbench101", 30001},
                                         Published{"nasbench301", "cifar10", "nasbench301", 725},
                                         Published{"nasbench301", "svhn", "nasbench301", 199},
                                         Published{"nasbench301", "ninapro", "nasbench301", 199},
                                         Published{"nasbench301", "scifar100", "nasbench301", 199},
                                         Published{"nasbench_macro", "cifar10", "nasbenchmacro", 6561},
                                         Published{"nats_size", "cifar10", "nats_size", 32768},
                                         Published{"transnas101_micro", "class_object", "transnas101", 4096},
                                         Published{"transnas101_micro", "autoencoder", "transnas101", 4096},
                                         Published{"transnas101_macro", "jigsaw", "transnas101", 3256},
                                         Published{"transnas101_macro", "room_layout", "transnas101", 3256},
                                         Published{"nasbench_graph", "cora", "nasbenchgraph", 26206},
                                         Published{"nasbench_graph", "arxiv", "nasbenchgraph", 26206},
                                         Published{"accel_nasbench", "imagenet", "accelnasbench", 5125},
                                         Published{"spikenas", "cifar10", "spikenas", 15625},
                                         Published{"hat", "wmt14ende_cpu_raspberrypi", "hat_latency", 2000},
                                         Published{"hat", "iwslt14deen_gpu_titanxp", "hat_latency", 1998}),
                         [](const auto& info) { return info.param.name + "_" + info.param.dataset; });

double parameters_of(const TabularBenchmark& table, int64_t row) {
  Graph graph = table.space().build(table.decisions_of(row)).graph();
  graph.bind_symbols({{"batch", 1}});
  return static_cast<double>(count_graph(graph).parameters);
}

// --- NAS-Bench-101 ------------------------------------------------------------------------------------------------

TEST(Nasbench101Table, GoldenRows) {
  NACRE_SKIP_WITHOUT("nasbench101");
  const auto table = open_table("nasbench101");
  EXPECT_EQ(table->fidelities(), (std::vector<double>{4, 12, 36, 108}));
  EXPECT_EQ(table->key_of(0), "00005c142e6f48ac74fdcf73e3439874");
  EXPECT_THAT(value_of(*table, 0, "valid_accuracy", 4), Optional(DoubleEq(0.360477)));
  EXPECT_THAT(value_of(*table, 0, "valid_accuracy"), Optional(DoubleEq(0.930489)));
  EXPECT_THAT(value_of(*table, 0, "train_time_s", 108), Optional(DoubleEq(1768.98)));
  EXPECT_NEAR(*value_of(*table, best_row(*table, "valid_accuracy"), "valid_accuracy"), 0.949119, 1e-9);
}

Nasbench101Cell renamed(const Nasbench101Cell& cell, const std::vector<int>& order) {
  std::string edges, operators;
  for (int a = 0; a < cell.vertices; ++a) {
    for (int b = a + 1; b < cell.vertices; ++b)
      edges += cell.has_edge(order[static_cast<size_t>(a)], order[static_cast<size_t>(b)]) ? '1' : '0';
  }
  for (int a = 1; a + 1 < cell.vertices; ++a)
    operators += static_cast<char>('0' + cell.operators[static_cast<size_t>(order[static_cast<size_t>(a)] - 1)]);
  return nasbench101_cell(edges, operators);
}

std::vector<int> vertices_of(const Nasbench101Cell& cell) {
  std::vector<int> order(static_cast<size_t>(cell.vertices));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// Vertices that share the output's channels unevenly get one more by their order, of which the table keeps but one up to renaming:
// there some order has the published count.
TEST(Nasbench101Table, ParametersAreThoseOfTheTable) {
  NACRE_SKIP_WITHOUT("nasbench101");
  const auto table = open_table("nasbench101");
  int uneven = 0;
  for (int64_t row = 0; row < table->rows(); row += 229) {
    const double published = *value_of(*table, row, "params");
    const Nasbench101Cell cell = *nasbench101_cell_of(table->decisions_of(row));
    int feeding = 0;
    for (int v = 1; v + 1 < cell.vertices; ++v) feeding += cell.has_edge(v, cell.vertices - 1) ? 1 : 0;
    if (feeding != 3) {
      ASSERT_EQ(parameters_of(*table, row), published) << table->key_of(row);
      continue;
    }
    ASSERT_NEAR(parameters_of(*table, row), published, 0.014 * published) << table->key_of(row);
    if (++uneven > 6) continue;
    bool found = false;
    for (std::vector<int> order = vertices_of(cell); !found;) {
      const Nasbench101Cell other = renamed(cell, order);
      if (std::popcount(other.edges) == std::popcount(cell.edges)) {  // no edge leads back
        Graph graph = table->space().build(nasbench101_decisions(other)).graph();
        graph.bind_symbols({{"batch", 1}});
        found = static_cast<double>(count_graph(graph).parameters) == published;
      }
      if (!std::next_permutation(order.begin() + 1, order.end() - 1)) break;
    }
    EXPECT_TRUE(found) << table->key_of(row);
  }
  EXPECT_GT(uneven, 5);
}

// A cell with its vertices in another order is the same row.
TEST(Nasbench101Table, RenamedVerticesLeadToTheSameRow) {
  NACRE_SKIP_WITHOUT("nasbench101");
  const auto table = open_table("nasbench101");
  int swapped = 0;
  for (int64_t row = 0; row < table->rows(); row += 97) {
    const Nasbench101Cell cell = *nasbench101_cell_of(table->decisions_of(row));
    for (int v = 1; v + 2 < cell.vertices; ++v) {
      if (cell.has_edge(v, v + 1)) continue;  // neighbors without an edge may change places
      std::vector<int> order = vertices_of(cell);
      std::swap(order[static_cast<size_t>(v)], order[static_cast<size_t>(v + 1)]);
      ASSERT_EQ(table->row_of(nasbench101_decisions(renamed(cell, order))), row);
      ++swapped;
    }
  }
  EXPECT_GT(swapped, 200);
}

// Uniform decisions build networks, most of them no cell of the benchmark, or a cell that is not in the sample.
TEST(Nasbench101Table, DecisionsThatAreNoCellAreNoRow) {
  NACRE_SKIP_WITHOUT("nasbench101");
  const auto table = open_table("nasbench101");
  const Trace& trace = table->space().trace();
  EXPECT_EQ(trace.count(), Count(2097152) * 243);
  Random random(2);
  int no_cell = 0, unknown = 0;
  for (int i = 0; i < 200; ++i) {
    const Decisions decisions = trace.sample(random);
    if (i % 20 == 0) static_cast<void>(table->space().build(decisions));
    const bool cell = nasbench101_cell_of(decisions).has_value();
    if (!cell) {
      ++no_cell;
      EXPECT_EQ(table->row_of(decisions), std::nullopt);
    } else if (!table->row_of(decisions)) {
      ++unknown;
    }
  }
  EXPECT_GT(no_cell, 50);
  EXPECT_GT(unknown, 10);
}

// --- the others ---------------------------------------------------------------------------------------------------

TEST(NasbenchMacroTable, GoldenRowsAndCounts) {
  NACRE_SKIP_WITHOUT("nasbenchmacro");
  const auto table = open_table("nasbench_macro");
  const int64_t best = best_row(*table, "test_accuracy");
  EXPECT_EQ(table->key_of(best), "22212202");
  EXPECT_NEAR(*value_of(*table, best, "test_accuracy"), 0.93127, 5e-6);
  for (int64_t row = 0; row < table->rows(); row += 41) {
    Graph graph = table->space().build(table->decisions_of(row)).graph();
    graph.bind_symbols({{"batch", 1}});
    const GraphStatistics counts = count_graph(graph);
    ASSERT_EQ(static_cast<double>(counts.parameters), *value_of(*table, row, "params")) << table->key_of(row);
    ASSERT_EQ(static_cast<double>(counts.macs), *value_of(*table, row, "macs")) << table->key_of(row);
  }
}

TEST(NatsSizeTable, BestValueAndTrace) {
  NACRE_SKIP_WITHOUT("nats_size");
  const auto table = open_table("nats_size");
  EXPECT_EQ(table->space().trace().count(), 32768);
  EXPECT_NEAR(*value_of(*table, best_row(*table, "test_accuracy"), "test_accuracy"), 0.9365, 1e-9);
  EXPECT_EQ(table->key_of(0), "16:16:16:16:16");
  EXPECT_THAT(value_of(*table, 0, "test_accuracy"), Optional(DoubleEq(0.8759)));
  static_cast<void>(table->space().build(table->decisions_of(12345)));
}

// The published optima.
TEST(Transnas101Table, BestValues) {
  NACRE_SKIP_WITHOUT("transnas101");
  const auto best = [](const std::string& part, const std::string& task, const std::string& metric) {
    const auto table = open_table("transnas101_" + part, "dataset: " + task);
    return *value_of(*table, best_row(*table, metric), metric);
  };
  EXPECT_NEAR(best("micro", "class_scene", "valid_accuracy"), 0.5494, 5e-5);
  EXPECT_NEAR(best("micro", "jigsaw", "valid_accuracy"), 0.9537, 5e-5);
  EXPECT_NEAR(best("micro", "autoencoder", "valid_ssim"), 0.577, 5e-4);
  EXPECT_NEAR(best("macro", "class_scene", "valid_accuracy"), 0.5741, 5e-5);
  EXPECT_NEAR(best("macro", "jigsaw", "valid_accuracy"), 0.9702, 5e-5);
  EXPECT_NEAR(best("macro", "normal", "valid_ssim"), 0.6435, 5e-5);
}

// Parameters of two networks of each part as published beside the scores (in millions, six digits).
TEST(Transnas101Table, ParametersOfClassificationNetworks) {
  NACRE_SKIP_WITHOUT("transnas101");
  const CsvTable micro = read_csv_table(data_folder() / "transnas101" / "tnb101_micro_proxies_sample.csv.gz");
  const CsvTable macro = read_csv_table(data_folder() / "transnas101" / "tnb101_macro_proxies_sample.csv.gz");
  for (const auto& [part, scores] : {std::pair("micro", &micro), std::pair("macro", &macro)}) {
    for (const std::string task : {"class_object", "class_scene", "room_layout"}) {
      const auto table = open_table(std::string("transnas101_") + part, "dataset: " + task);
      std::map<std::string, int64_t> rows;
      for (int64_t row = 0; row < table->rows(); ++row) rows[table->key_of(row)] = row;
      int compared = 0;
      for (size_t i = 0; i < scores->rows(); ++i) {
        if (scores->text(i, scores->column("task")) != task || i % 59 != 0) continue;
        const double published = *scores->number(i, scores->column("params")) * 1e6;
        const std::string code(scores->text(i, scores->column("code")));
        ASSERT_NEAR(parameters_of(*table, rows.at(code)), published, 5e-6 * published) << part << " " << code;
        ++compared;
      }
      EXPECT_GT(compared, 8);
    }
  }
}

// The published counts leave out batch-norm in the cells' operators; without it the networks agree to their six digits.
TEST(Nasbench301Table, ParametersButForBatchNormOfOperators) {
  NACRE_SKIP_WITHOUT("nasbench301");
  const auto table = open_table("nasbench301");
  EXPECT_THAT(value_of(*table, 0, "valid_accuracy"), Optional(DoubleEq(0.933212)));
  for (int64_t row = 0; row < table->rows(); row += 103) {
    const Graph graph = table->space().build(table->decisions_of(row)).graph();
    double parameters = 0;
    for (const Initializer& initializer : graph.initializers()) {
      if (!initializer.trainable) continue;
      const Value& value = graph.value(initializer.value);
      double size = 1;
      for (const Dim extent : *value.shape) size *= static_cast<double>(extent.extent());
      const bool norm_of_operator = value.name.find("/from") != std::string::npos &&
                                    value.shape->rank() == 1;  // its operators have no other vectors
      if (!norm_of_operator) parameters += size;
    }
    const double published = *value_of(*table, row, "params");
    EXPECT_NEAR(parameters, published, 5.1e-6 * published) << table->key_of(row);
  }
}

TEST(AccelNasbenchTable, ParametersThroughputAndRepeatedRows) {
  NACRE_SKIP_WITHOUT("accelnasbench");
  const auto table = open_table("accel_nasbench");
  EXPECT_EQ(table->key_of(0), "e6k3l1s0|e4k5l2s0|e6k3l3s0|e6k5l3s0|e6k5l2s0|e1k3l2s0|e1k3l2s0");
  EXPECT_NEAR(*value_of(*table, 0, "valid_accuracy"), (0.59368 + 0.59248) / 2, 1e-12);  // trained twice
  EXPECT_NEAR(*value_of(*table, 0, "latency_s_zcu102"), (5.023424e-3 + 5.022393e-3) / 2, 1e-12);
  EXPECT_NEAR(*value_of(*table, 0, "throughput_per_s_tpuv3"), (1124.111 + 1103.763) / 2, 1e-9);
  for (int64_t row = 0; row < table->rows(); row += 87)
    ASSERT_NEAR(parameters_of(*table, row), *value_of(*table, row, "params"), 0.5) << table->key_of(row);
}

TEST(NasbenchGraphTable, GoldenRow) {
  NACRE_SKIP_WITHOUT("nasbenchgraph");
  const auto table = open_table("nasbench_graph", "dataset: arxiv");
  EXPECT_EQ(table->key_of(1), "0000 gat-gat-gat-gcn");
  EXPECT_THAT(value_of(*table, 1, "test_accuracy"), Optional(DoubleEq(0.6748006)));
  EXPECT_THAT(value_of(*table, 1, "latency_s"), Optional(DoubleEq(0.103001)));
  EXPECT_THAT(value_of(*table, 1, "params"), Optional(DoubleEq(138664)));
}

// The published best test accuracy; parameters depend only on how many edges hold a convolution.
TEST(SpikenasTable, BestValueAndUnknownCells) {
  NACRE_SKIP_WITHOUT("spikenas");
  const auto table = open_table("spikenas");
  EXPECT_EQ(table->space().trace().count(), 15625);
  EXPECT_NEAR(*value_of(*table, best_row(*table, "test_accuracy"), "test_accuracy"), 0.893, 1e-9);
  std::map<size_t, std::set<double>> params;
  int64_t known = 0;
  for (int64_t row = 0; row < table->rows(); ++row) {
    const std::string code = table->key_of(row);
    params[static_cast<size_t>(std::ranges::count_if(code, [](char digit) { return digit >= '2'; }))].insert(
        *value_of(*table, row, "params"));
    known += value_of(*table, row, "test_accuracy").has_value();
  }
  EXPECT_EQ(params.size(), 7u);
  for (const auto& [edges, counts] : params) EXPECT_EQ(counts.size(), 1u) << edges;
  EXPECT_EQ(known, 14935) << "trainings of 100 epochs";
}

TEST(HatTable, LatencyIsOfBothParts) {
  NACRE_SKIP_WITHOUT("hat_latency");
  const auto table = open_table("hat", "dataset: wmt14ende_cpu_xeon");
  EXPECT_NEAR(*value_of(*table, 0, "latency_s"), (9.922519 + 236.7689) / 1000, 1e-12);
  EXPECT_TRUE(std::ranges::none_of(table->columns(), &TableColumn::quality));
}

// The files are those that the figures of this project are made of.
TEST(PublishedTables, Checksums) {
  if (!std::filesystem::is_directory(data_folder())) GTEST_SKIP() << "no " << data_folder() << " (set NACRE_DATA)";
  const std::map<std::string, std::string> expected = {
      {"nasbench201", "nasbench201/cifar10/1/13c2d62d891f65a80603777ab77ab266"},
      {"nasbench101", "nasbench101/1/26903ad94c45648d1770d42aef6c8569"},
      {"nasbench301", "nasbench301/cifar10/1/3129ba971ece06e2e18c23f5ce2e7c63"},
      {"nasbench_macro", "nasbench_macro/1/b2a9be6129d7558feedbffd98c68473c"},
      {"nats_size", "nats_size/1/9bf81ba133452dd374f80fe46a1aa234"},
      {"transnas101_micro", "transnas101_micro/class_object/1/8b71cb33b1d4124fa2d0ef94342e21f4"},
      {"transnas101_macro", "transnas101_macro/class_object/1/17f31aa3d794e093de9f3cd0616aa6b2"},
      {"nasbench_graph", "nasbench_graph/cora/1/5def6bc1984eb6cfa56d59dcb7e1c56a"},
      {"accel_nasbench", "accel_nasbench/1/5cf9dc00682f85bff696d6d9dd6ab84f"},
      {"spikenas", "spikenas/1/b588e7f2db1c0df187fc07815bea4459"},
      {"hat", "hat/wmt14ende_cpu_raspberrypi/1/2b4cef523eb1cdb848bd7e87ea2ec2a3"}};
  for (const auto& entry : benchmark_registry().entries()) {
    if (std::ranges::any_of(entry.parameters, &Parameter::required)) continue;
    std::string identity;
    try {
      identity = open_table(entry.name)->identity();
    } catch (const UserError&) {
      continue;  // this one is absent here
    }
    ASSERT_TRUE(expected.contains(entry.name)) << identity;
    EXPECT_EQ(identity, expected.at(entry.name));
  }
}

}  // namespace
}  // namespace nacre
