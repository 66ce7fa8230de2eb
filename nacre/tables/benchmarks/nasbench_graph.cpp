// Benchmark `nasbench_graph`: 26,206 graph neural networks on seven graphs. The space has the table's decisions, one for the links
// and one for each of the four operators; nacre does not build these networks.
#include "nacre/tables/benchmarks/benchmarks.hpp"
#include "nacre/tables/decision_space.hpp"
#include "nacre/tables/stored_benchmark.hpp"

#include <fmt/format.h>

#include <sstream>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int kReadingVersion = 1;
constexpr size_t kNodes = 4;

std::shared_ptr<const DecisionSpace> graph_space() {
  std::vector<DecisionSpace::Factor> factors = {
      {"links", {}, {"0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123"}}};
  for (size_t i = 1; i <= kNodes; ++i) {
    factors.push_back(
        {fmt::format("op{}", i), {}, {"gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip"}});
  }
  return std::make_shared<const DecisionSpace>("nasbench_graph", std::move(factors));
}

Decisions decisions_of_row(const DecisionSpace& space, std::string_view links, std::string_view operators) {
  std::vector<Decision> items = {{"links", space.index_of(0, links)}};
  std::istringstream parts{std::string(operators)};
  for (std::string part; std::getline(parts, part, '-');) {
    if (items.size() > kNodes) throw UserError(fmt::format("expected four operators, found '{}'", operators));
    items.push_back({space.factors()[items.size()].key, space.index_of(items.size(), part)});
  }
  return Decisions(std::move(items));
}

std::shared_ptr<const TabularBenchmark> make_nasbench_graph(const Options& options, const BenchmarkContext& context) {
  BenchmarkFiles files(context);
  TableContent content;
  content.name = "nasbench_graph";
  content.dataset = options.text("dataset");
  const CsvTable table = files.read("nasbenchgraph/" + content.dataset + ".csv",
                                    "NAS-Bench-Graph (github.com/THUMNLab/NAS-Bench-Graph), nas-bench-graph/light");
  const std::shared_ptr<const DecisionSpace> space = graph_space();
  content.space = space;
  content.add(quality_column("valid_accuracy", "share of correct nodes of the validation split, mean of three seeds"),
              read_cells(table, "valid"));
  content.add(quality_column("test_accuracy", "share of correct nodes of the test split, mean of three seeds"),
              read_cells(table, "test"));
  content.add(cost_column("latency_s", "s", "of a pass over the graph on a GPU, measured"),
              read_cells(table, "latency_s"));
  content.add(cost_column("params", "", "trainable parameters"), read_cells(table, "params_m", {.multiply = 1e6}));
  std::vector<Decisions> rows;
  const size_t links = table.column("links"), operators = table.column("ops");
  for (size_t row = 0; row < table.rows(); ++row) {
    content.keys.push_back(fmt::format("{} {}", table.text(row, links), table.text(row, operators)));
    rows.push_back(decisions_of_row(*space, table.text(row, links), table.text(row, operators)));
  }
  content.identity = files.identity("nasbench_graph/" + content.dataset, kReadingVersion);
  return std::make_shared<CodedBenchmark>(std::move(content), rows);
}

}  // namespace

void register_nasbench_graph(Registry<BenchmarkFactory>& registry) {
  registry.add({.name = "nasbench_graph",
                .summary = "NAS-Bench-Graph: 26,206 graph neural networks on seven graphs; decisions only, no networks",
                .source = "Qin et al. 2022, arXiv 2206.09166",
                .parameters = {dataset_parameter("the graph",
                                                 {"cora", "citeseer", "pubmed", "cs", "computers", "photo", "arxiv"})},
                .example = "benchmark: nasbench_graph\ndataset: arxiv\n"},
               make_nasbench_graph);
}

}  // namespace nacre
