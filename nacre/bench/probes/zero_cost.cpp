// `zero_cost`: nacre's zero-cost proxies on networks of a published table, beside the published scores of the same networks and the
// accuracy of their trainings. Of each proxy:
//
//   networks                 that have a score of nacre's, a published one and an accuracy
//   with_published           Spearman's correlation of nacre's scores with the published ones
//   with_accuracy            of nacre's scores with the accuracy;  published_with_accuracy: of the published ones
//   accuracy_difference      between these two
//   equal                    networks whose scores agree within 1e-6 of their size
//   seconds_per_network      by the clock
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "nacre/base/rank_correlation.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/predict/proxies/zero_cost.hpp"
#include "nacre/tables/csv_table.hpp"
#include "nacre/tables/open_benchmark.hpp"
#include "nacre/tasks/task_registry.hpp"

namespace nacre {
namespace {

struct Published {
  int64_t row = 0;  // of the table
  std::map<std::string, double> scores;
};

// Rows of the file that are of the data set, in a random order of the seed.
std::vector<Published> read_published(const Options& options, const ProbeContext& context,
                                      const std::map<std::string, std::string>& columns) {
  const DataPaths paths(context.folder);
  CsvTable table = read_csv_table(paths.find(options.text("scores"), options.position("scores")));
  if (options.has("more_scores"))
    table =
        table.joined(read_csv_table(paths.find(options.text("more_scores"), options.position("more_scores"))), "idx");
  const size_t dataset = table.column("dataset"), index = table.column("idx");
  std::vector<Published> rows;
  for (size_t row = 0; row < table.rows(); ++row) {
    if (table.text(row, dataset) != options.text("scores_of")) continue;
    Published& entry = rows.emplace_back();
    const std::optional<double> number = table.number(row, index);
    if (!number) throw UserError(options.position("scores"), fmt::format("scores: line {} has no idx", row + 2));
    entry.row = static_cast<int64_t>(*number);
    for (const auto& [proxy, column] : columns) {
      if (const std::optional<double> score = table.number(row, table.column(column))) entry.scores[proxy] = *score;
    }
  }
  if (rows.empty())
    throw UserError(options.position("scores_of"),
                    fmt::format("scores_of: the file has no row of data set '{}'", options.text("scores_of")));
  Random random = Random::stream(context.seed, "zero cost networks");
  random.shuffle(std::span(rows));
  return rows;
}

std::map<std::string, std::string> column_names(const Options& options) {
  const ConfigNode& node = options.node("columns");
  if (!node.is_map()) throw UserError(node.position, "columns: expected a map from proxies to columns of the file");
  std::map<std::string, std::string> columns;
  for (const auto& [proxy, column] : node.entries) {
    zero_cost_registry().get(proxy, column.key_position);
    columns[proxy] = column.as_text("columns." + proxy);
  }
  return columns;
}

// The batch under the names of the graph's inputs, where there is one of each.
ProxyBatch named_for(const Graph& graph, ProxyBatch batch) {
  if (graph.inputs.size() != 1 || batch.inputs.size() != 1) return batch;
  const std::string name = value_text(graph, graph.inputs[0]);
  if (!batch.inputs.contains(name)) {
    auto moved = batch.inputs.extract(batch.inputs.begin());
    moved.key() = name;
    batch.inputs.insert(std::move(moved));
  }
  return batch;
}

Json rank_json(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() < 3 ? Json(nullptr) : Json(spearman(a, b));
}

Json measure_zero_cost(const Options& options, const ProbeContext& context) {
  const auto table = open_benchmark(options, {.data_folder = "", .base_folder = context.folder});
  const std::optional<size_t> quality = table->find_column(options.text("metric"));
  if (!quality) throw UserError(options.position("metric"), "metric: the table has none of that name");
  const std::map<std::string, std::string> columns = column_names(options);
  std::vector<Published> networks = read_published(options, context, columns);
  networks.resize(std::min(networks.size(), static_cast<size_t>(options.integer("networks"))));

  const ConfigNode& section = options.node("task");
  if (!section.is_map()) throw UserError(section.position, "task: expected the section task of a configuration");
  const auto& kind = task_registry().get(section.at("kind").as_text("task.kind"), section.at("kind").position);
  const std::shared_ptr<const Task> task =
      kind.make(resolve_options(section, kind.parameters, "task", {"kind"}), context.folder);
  const ProxyBatch batch = task_batch(*task, options.integer("batch_size"), context.seed);

  ZeroCostOptions asked;
  asked.seed = context.seed;
  asked.repeats = options.integer("repeats");
  for (const auto& [proxy, column] : columns) asked.proxies.push_back(proxy);

  std::map<std::string, std::vector<double>> ours, theirs, qualities;
  std::map<std::string, double> seconds;
  std::map<std::string, int64_t> equal;
  for (const Published& network : networks) {
    if (context.interrupted()) throw Interrupted();
    if (network.row < 0 || network.row >= table->rows())
      throw UserError(options.position("scores"), fmt::format("scores: the table has no row {}", network.row));
    const Design design = table->space().build(table->decisions_of(network.row));
    const std::optional<double> accuracy = table->value(network.row, *quality);
    const Graph& graph = design.graph();
    for (const auto& [proxy, score] : zero_cost_scores(graph, named_for(graph, batch), asked)) {
      seconds[proxy] += score.time_s / static_cast<double>(networks.size());
      const auto published = network.scores.find(proxy);
      if (!score.value || published == network.scores.end() || !accuracy) continue;
      ours[proxy].push_back(*score.value);
      theirs[proxy].push_back(published->second);
      qualities[proxy].push_back(*accuracy);
      equal[proxy] += std::abs(*score.value - published->second) <= 1e-6 * std::abs(published->second) ? 1 : 0;
    }
  }
  Json json = {{"networks", networks.size()}, {"proxies", Json::object()}};
  for (const auto& [proxy, column] : columns) {
    json["proxies"][proxy] = {{"networks", ours[proxy].size()},
                              {"with_published", rank_json(ours[proxy], theirs[proxy])},
                              {"with_accuracy", rank_json(ours[proxy], qualities[proxy])},
                              {"published_with_accuracy", rank_json(theirs[proxy], qualities[proxy])},
                              {"equal", equal[proxy]},
                              {"seconds_per_network", seconds[proxy]}};
    if (ours[proxy].size() >= 3) {
      json["proxies"][proxy]["accuracy_difference"] =
          std::abs(spearman(ours[proxy], qualities[proxy]) - spearman(theirs[proxy], qualities[proxy]));
    }
  }
  return json;
}

}  // namespace

void add_zero_cost_probe(Registry<ProbeFactory>& registry) {
  std::vector<Parameter> parameters = benchmark_parameters();
  const std::vector<Parameter> own = {
      {.name = "metric",
       .type = ParameterType::text,
       .description = "column of the accuracy",
       .default_value = "valid_accuracy"},
      {.name = "scores",
       .type = ParameterType::text,
       .description =
           "CSV of published scores, with columns dataset and idx (row of the table), found like a task's data",
       .required = true},
      {.name = "more_scores",
       .type = ParameterType::text,
       .description = "another CSV with a column idx, whose columns are added"},
      {.name = "scores_of",
       .type = ParameterType::text,
       .description = "the data set as the file names it",
       .required = true},
      {.name = "columns",
       .type = ParameterType::any,
       .description = "proxies (nacre list proxies) and the columns that hold them: {jacob_cov: jacov}",
       .required = true},
      {.name = "task",
       .type = ParameterType::any,
       .description = "section task of a configuration, whose training samples the networks are shown",
       .required = true},
      {.name = "networks",
       .type = ParameterType::integer,
       .description = "of those with published scores, drawn with the seed",
       .default_value = 100,
       .minimum = 3},
      {.name = "batch_size",
       .type = ParameterType::integer,
       .description = "samples shown to each",
       .default_value = 32,
       .minimum = 1,
       .maximum = 4096},
      {.name = "repeats",
       .type = ParameterType::integer,
       .description = "weights drawn; the mean counts",
       .default_value = 1,
       .minimum = 1,
       .maximum = 1000}};
  parameters.insert(parameters.end(), own.begin(), own.end());
  registry.add(
      {.name = "zero_cost",
       .summary = "zero-cost proxies of a table's networks, against published scores and against accuracy",
       .source = "Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022",
       .parameters = parameters,
       .example = "probe: zero_cost\nbenchmark: nasbench201\nscores: nasbench201/nb201_zerocost.csv.gz\nscores_of: "
                  "cifar10\ncolumns: {synflow: synflow}\ntask: {kind: classification, data: {format: cifar10, path: "
                  "cifar10_jpeg}}\n"},
      measure_zero_cost);
}

}  // namespace nacre
