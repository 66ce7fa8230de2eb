// Benchmark `nasbench_macro`: all 6,561 networks of NAS-Bench-Macro, CIFAR-10.
#include "nacre/space/spaces/nasbench_macro.hpp"

#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;

std::shared_ptr<const TabularBenchmark> make_nasbench_macro(const Options&, const BenchmarkContext& context) {
  BenchmarkFiles files(context);
  const CsvTable table =
      files.read("nasbenchmacro/nasbench_macro_cifar10.csv",
                 "NAS-Bench-Macro (github.com/xiusu/NAS-Bench-Macro), data/nas-bench-macro_cifar10.json");
  TableContent content;
  content.name = "nasbench_macro";
  content.dataset = "cifar10";
  content.space = benchmark_space("nasbench_macro", "{}", {3, 32, 32}, 10);
  content.add(quality_column("test_accuracy", "share of correct answers on the test split, mean of three seeds"),
              read_cells(table, "acc_mean", {.divide = 100}));
  content.add(quality_column("test_accuracy_one_seed", "the same of the first seed"),
              read_cells(table, "acc1", {.divide = 100}));
  content.add(note_column("test_accuracy_spread", "standard deviation over the three seeds"),
              read_cells(table, "acc_std", {.divide = 100}));
  content.add(cost_column("params", "", "trainable parameters"), read_cells(table, "params"));
  content.add(cost_column("macs", "", "multiply-accumulates of one image"), read_cells(table, "flops"));
  std::vector<Decisions> rows;
  const size_t code = table.column("arch");
  for (size_t row = 0; row < table.rows(); ++row) {
    content.keys.emplace_back(table.text(row, code));
    rows.push_back(nasbench_macro_decisions(content.keys.back()));
  }
  content.identity = files.identity("nasbench_macro", kReadingVersion);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_nasbench_macro(Registry<BenchmarkFactory>& registry) {
  registry.add({.name = "nasbench_macro",
                .summary = "NAS-Bench-Macro: all 6,561 chains of eight layers, three seeds",
                .source = "Su et al. 2021, arXiv 2103.11922",
                .parameters = {dataset_parameter("on which the networks were trained", {"cifar10"})},
                .example = "benchmark: nasbench_macro\n"},
               make_nasbench_macro);
}

}  // namespace nacre
