// Benchmark `nasbench201`: all 15,625 cells of NAS-Bench-201 on three data sets. Rows stand in the benchmark's own order.
#include <fmt/format.h>

#include "nacre/base/error.hpp"
#include "nacre/space/spaces/nasbench201.hpp"
#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/benchmarks/nasbench201_costs.hpp"
#include "nacre/tables/stored_benchmark.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;
constexpr const char* kSource =
    "NATS-Bench topology space (github.com/D-X-Y/NATS-Bench), as nasbench201/nb201.csv: idx, code, arch, and per data "
    "set "
    "macs, params, test200, test200_1, val200_1, test12, val12";

struct Dataset {
  std::string name, suffix;
  int64_t side, classes;
};

const std::vector<Dataset>& datasets() {
  static const std::vector<Dataset> kDatasets = {
      {"cifar10", "c10", 32, 10}, {"cifar100", "c100", 32, 100}, {"imagenet16", "in16", 16, 120}};
  return kDatasets;
}

struct Accuracy {
  const char *metric, *file, *description;
  double epochs;
};

constexpr std::array<Accuracy, 5> kAccuracies = {{
    {"valid_accuracy", "val12", "share of correct answers on the validation split after 12 epochs", 12},
    {"valid_accuracy", "val200_1", "share of correct answers on the validation split after 200 epochs, one seed", 200},
    {"test_accuracy", "test12", "share of correct answers on the test split after 12 epochs", 12},
    {"test_accuracy", "test200", "share of correct answers on the test split after 200 epochs, mean over the seeds",
     200},
    {"test_accuracy_one_seed", "test200_1", "share of correct answers on the test split after 200 epochs, one seed",
     200},
}};

std::shared_ptr<const TabularBenchmark> make_nasbench201(const Options& options, const BenchmarkContext& context) {
  const Dataset& dataset = *std::ranges::find(datasets(), options.text("dataset"), &Dataset::name);
  BenchmarkFiles files(context);
  const CsvTable table = files.read("nasbench201/nb201.csv", kSource);
  TableContent content;
  content.name = "nasbench201";
  content.dataset = dataset.name;
  content.space = benchmark_space("nasbench201", "{}", {3, dataset.side, dataset.side}, dataset.classes);
  for (const Accuracy& accuracy : kAccuracies) {
    content.add({.metric = {accuracy.metric, Direction::maximize, "", accuracy.description},
                 .epochs = accuracy.epochs,
                 .quality = true},
                read_cells(table, fmt::format("{}_{}", accuracy.file, dataset.suffix), {.divide = 100}));
  }
  content.add({.metric = {"params", Direction::minimize, "", "trainable parameters"}},
              read_cells(table, "params_" + dataset.suffix));
  content.add(
      {.metric = {"macs", Direction::minimize, "", "multiply-accumulates of one image, with the classifier's bias"}},
      read_cells(table, "macs_" + dataset.suffix));
  std::vector<Decisions> rows;
  const size_t code = table.column("code"), index = table.column("idx"), architecture = table.column("arch");
  for (size_t row = 0; row < table.rows(); ++row) {
    if (table.number(row, index) != static_cast<double>(row))
      throw UserError(fmt::format("'{}': row {} has the index {}; expected the benchmark's order", table.origin(), row,
                                  table.text(row, index)));
    rows.push_back(nasbench201_decisions(std::string(table.text(row, code))));
    content.keys.emplace_back(table.text(row, architecture));
  }
  for (const std::string& costs : options.texts("costs")) {
    if (std::ranges::find(nasbench201_cost_tables(), costs) == nasbench201_cost_tables().end())
      throw UserError(options.position("costs"), unknown_name_message("cost table", costs, nasbench201_cost_tables()));
    if (dataset.side != 32)
      throw UserError(options.position("costs"), "costs were measured on images of 32 x 32; expected another dataset");
    add_nasbench201_costs(costs, files, content);
  }
  content.identity = files.identity("nasbench201/" + dataset.name, kReadingVersion);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_nasbench201(Registry<BenchmarkFactory>& registry) {
  std::vector<std::string> names;
  for (const Dataset& dataset : datasets()) names.push_back(dataset.name);
  registry.add(
      {.name = "nasbench201",
       .summary = "NAS-Bench-201: all 15,625 cells, trained for 12 and 200 epochs",
       .source = "Dong and Yang 2020, arXiv 2001.00326; NATS-Bench, arXiv 2009.00437",
       .parameters = {{.name = "dataset",
                       .type = ParameterType::text,
                       .description = "on which the cells were trained",
                       .default_value = "cifar10",
                       .choices = names},
                      {.name = "costs",
                       .type = ParameterType::text_list,
                       .description = "tables of device costs to add: hw_nas_bench (6 devices), help (24), "
                                      "hw_nas_bench_360 (Raspberry Pi 5 and Pixel, 21 columns); cifar10 and cifar100",
                       .default_value = Json::array()}},
       .example = "benchmark: nasbench201\ndataset: cifar10\ncosts: [hw_nas_bench]\n"},
      make_nasbench201);
}

}  // namespace nacre
