// Benchmark `nasbench101`: 30,001 of the 423,624 cells of NAS-Bench-101. A row is a cell up to the order of its vertices, so that many
// decisions lead to it.
#include <fmt/format.h>

#include <unordered_map>

#include "nacre/base/error.hpp"
#include "nacre/space/spaces/nasbench101.hpp"
#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;
constexpr const char* kSource =
    "a sample of NAS-Bench-101 (github.com/google-research/nasbench), as nasbench101/nb101_sample.csv: hash, adj, ops, "
    "val4, val12, "
    "val36, val108, train_time_s, params";

class Nasbench101Benchmark final : public StoredBenchmark {
 public:
  Nasbench101Benchmark(TableContent content, std::vector<Nasbench101Cell> cells)
      : StoredBenchmark(std::move(content)), cells_(std::move(cells)) {
    for (size_t row = 0; row < cells_.size(); ++row) {
      if (!rows_.emplace(quick_hash(cells_[row]), static_cast<int32_t>(row)).second)
        throw UserError(fmt::format("benchmark nasbench101: row {} ('{}') is a cell that stands there before", row,
                                    key_of(static_cast<int64_t>(row))));
    }
  }

  std::optional<int64_t> row_of(const Decisions& decisions) const override {
    const std::optional<Nasbench101Cell> cell = nasbench101_cell_of(decisions);
    if (!cell) return std::nullopt;
    const auto found = rows_.find(quick_hash(*cell));
    return found == rows_.end() ? std::nullopt : std::optional<int64_t>(found->second);
  }

  Decisions decisions_of(int64_t row) const override {
    return nasbench101_decisions(cells_.at(static_cast<size_t>(row)));
  }

 private:
  std::vector<Nasbench101Cell> cells_;
  std::unordered_map<uint64_t, int32_t> rows_;
};

std::shared_ptr<const TabularBenchmark> make_nasbench101(const Options&, const BenchmarkContext& context) {
  BenchmarkFiles files(context);
  const CsvTable table = files.read("nasbench101/nb101_sample.csv", kSource);
  TableContent content;
  content.name = "nasbench101";
  content.dataset = "cifar10";
  content.space = benchmark_space("nasbench101", "{}", {3, 32, 32}, 10);
  for (const int epochs : {4, 12, 36, 108}) {
    content.add(
        quality_column("valid_accuracy",
                       fmt::format("share of correct answers on the validation split after {} epochs", epochs), epochs),
        read_cells(table, fmt::format("val{}", epochs), {.divide = 100}));
  }
  TableColumn time = cost_column("train_time_s", "s", "time of the training of 108 epochs");
  time.epochs = 108;
  content.add(std::move(time), read_cells(table, "train_time_s"));
  content.add(cost_column("params", "", "trainable parameters"), read_cells(table, "params"));
  std::vector<Nasbench101Cell> cells;
  const size_t hash = table.column("hash"), edges = table.column("adj"), operators = table.column("ops");
  for (size_t row = 0; row < table.rows(); ++row) {
    content.keys.emplace_back(table.text(row, hash));
    const std::optional<Nasbench101Cell> cell =
        pruned(nasbench101_cell(std::string(table.text(row, edges)), std::string(table.text(row, operators))));
    if (!cell) throw UserError(fmt::format("'{}': row {} is no cell", table.origin(), row));
    cells.push_back(*cell);
  }
  content.identity = files.identity("nasbench101", kReadingVersion);
  return std::make_shared<Nasbench101Benchmark>(std::move(content), std::move(cells));
}

}  // namespace

void register_nasbench101(Registry<BenchmarkFactory>& registry) {
  registry.add({.name = "nasbench101",
                .summary = "NAS-Bench-101: 30,001 of its 423,624 cells, trained for 4, 12, 36 and 108 epochs",
                .source = "Ying et al. 2019, arXiv 1902.09635",
                .parameters = {dataset_parameter("on which the cells were trained", {"cifar10"})},
                .example = "benchmark: nasbench101\n"},
               make_nasbench101);
}

}  // namespace nacre
