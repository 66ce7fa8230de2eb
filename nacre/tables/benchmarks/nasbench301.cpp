// Benchmark `nasbench301`: cells of the DARTS space whose quality and zero-cost scores are published: 725 with the accuracy that the
// surrogate of NAS-Bench-301 gives on CIFAR-10, 199 that were trained on each of three other tasks.
#include <fmt/format.h>

#include <sstream>

#include "nacre/base/error.hpp"
#include "nacre/space/spaces/cell_genotype.hpp"
#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;
constexpr const char* kSource = "NAS-Bench-301 as in NAS-Bench-Suite-Zero (github.com/automl/NASLib)";
constexpr const char* kOperators[] = {"max", "avg", "skip", "sep3", "sep5", "dil3", "dil5"};

// "00.15.11.01.13.03.13.32/...": input and operator of each edge, two edges a node, normal and reduction cell.
std::string genotype(std::string_view published, const std::string& origin) {
  std::string text;
  size_t edges = 0;
  for (size_t i = 0; i < published.size(); i += 3) {
    const bool digits = i + 1 < published.size() && published[i] >= '0' && published[i] <= '9' &&
                        published[i + 1] >= '0' && published[i + 1] <= '6';
    if (!digits)
      throw UserError(fmt::format("'{}': expected cells such as 00.15.11.../..., found '{}'", origin, published));
    text += fmt::format("{} {}", kOperators[published[i + 1] - '0'], published[i]);
    ++edges;
    if (i + 2 < published.size()) text += published[i + 2] == '/' ? " / " : edges % 2 == 0 ? " | " : ", ";
  }
  return text;
}

std::shared_ptr<const TabularBenchmark> make_nasbench301(const Options& options, const BenchmarkContext& context) {
  const std::string dataset = options.text("dataset");
  BenchmarkFiles files(context);
  const CsvTable table = files.read(
      dataset == "cifar10" ? "nasbench301/nb301_zerocost.csv" : "nasbench301/nb301_other_tasks.csv", kSource);
  TableContent content;
  content.name = "nasbench301";
  content.dataset = dataset;
  content.space = benchmark_space("darts", "{channels: 32, cells: 8}", {3, 32, 32}, 10);
  std::vector<size_t> kept;
  for (size_t row = 0; row < table.rows(); ++row) {
    if (dataset == "cifar10" || table.text(row, table.column("dataset")) == dataset) kept.push_back(row);
  }
  const auto cells = [&](const std::string& column, const CellUnit& unit) {
    const std::vector<double> all = read_cells(table, column, unit);
    std::vector<double> own;
    for (const size_t row : kept) own.push_back(all[row]);
    return own;
  };
  content.add(
      quality_column("valid_accuracy", dataset == "cifar10"
                                           ? "share of correct answers, as the surrogate of NAS-Bench-301 predicts it"
                                           : "share of correct answers on the validation split"),
      cells("val_acc", {.divide = 100}));
  content.add(cost_column("params", "", "parameters, six digits; batch-norm in the operators has none"),
              cells("params", {.multiply = 1e6}));
  content.add(cost_column("macs", "", "operations as the publication counts them, six digits"),
              cells("flops", {.multiply = 1e6}));
  for (const std::string& column : table.names()) {
    const bool other = column == "idx" || column == "arch" || column == "dataset" || column == "val_acc" ||
                       column == "params" || column == "flops";
    if (!other) content.add(note_column(column, "published zero-cost score at initialization"), cells(column, {}));
  }
  std::vector<Decisions> rows;
  const size_t architecture = table.column("arch");
  for (const size_t row : kept) {
    content.keys.emplace_back(table.text(row, architecture));
    rows.push_back(genotype_decisions(cell_grammar_of(*content.space), genotype(content.keys.back(), table.origin())));
  }
  content.identity = files.identity("nasbench301/" + dataset, kReadingVersion);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_nasbench301(Registry<BenchmarkFactory>& registry) {
  registry.add({.name = "nasbench301",
                .summary = "cells of the DARTS space: 725 with surrogate accuracy, 199 trained on three other tasks",
                .source = "Zela et al. 2022, arXiv 2008.09777; NAS-Bench-Suite-Zero, arXiv 2210.03230",
                .parameters = {dataset_parameter("the task", {"cifar10", "svhn", "ninapro", "scifar100"})},
                .example = "benchmark: nasbench301\n"},
               make_nasbench301);
}

}  // namespace nacre
