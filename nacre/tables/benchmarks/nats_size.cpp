// Benchmark `nats_size`: the 32,768 networks of the size space of NATS-Bench, CIFAR-10.
#include "nacre/space/spaces/nats_size.hpp"

#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;

std::shared_ptr<const TabularBenchmark> make_nats_size(const Options&, const BenchmarkContext& context) {
  BenchmarkFiles files(context);
  const CsvTable table =
      files.read("nats_size/nats_size_cifar10.csv",
                 "NATS-Bench size space (github.com/changlin31/BossNAS, ranking_nats/): channels, acc");
  TableContent content;
  content.name = "nats_size";
  content.dataset = "cifar10";
  content.space = benchmark_space("nats_size", "{}", {3, 32, 32}, 10);
  content.add(quality_column("test_accuracy", "share of correct answers on the test split"),
              read_cells(table, "acc", {.divide = 100}));
  std::vector<Decisions> rows;
  const size_t widths = table.column("channels");
  for (size_t row = 0; row < table.rows(); ++row) {
    content.keys.emplace_back(table.text(row, widths));
    rows.push_back(nats_size_decisions(content.keys.back()));
  }
  content.identity = files.identity("nats_size", kReadingVersion);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_nats_size(Registry<BenchmarkFactory>& registry) {
  registry.add({.name = "nats_size",
                .summary = "NATS-Bench size space: 32,768 widths of one cell network",
                .source = "Dong et al. 2021, arXiv 2009.00437",
                .parameters = {dataset_parameter("on which the networks were trained", {"cifar10"})},
                .example = "benchmark: nats_size\n"},
               make_nats_size);
}

}  // namespace nacre
