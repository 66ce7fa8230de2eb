#include "nacre/tables/table_evaluator.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nacre/base/error.hpp"
#include "nacre/ir/hash.hpp"
#include "nacre/ir/statistics.hpp"

namespace nacre {
namespace {

std::string label(const TabularBenchmark& benchmark) {
  return benchmark.dataset().empty() ? benchmark.name() : benchmark.name() + "/" + benchmark.dataset();
}

std::vector<std::string> quality_names(const TabularBenchmark& benchmark) {
  std::vector<std::string> names;
  for (const TableColumn& column : benchmark.columns()) {
    if (column.quality && std::ranges::find(names, column.metric.name) == names.end())
      names.push_back(column.metric.name);
  }
  return names;
}

}  // namespace

TableEvaluator::TableEvaluator(std::shared_ptr<const TabularBenchmark> benchmark, std::vector<MetricSpec> metrics,
                               double epochs)
    : benchmark_(std::move(benchmark)), metrics_(std::move(metrics)), epochs_(epochs) {
  const std::vector<double> fidelities = benchmark_->fidelities();
  if (epochs_ == 0) epochs_ = fidelities.empty() ? 0 : fidelities.back();
  if (std::ranges::find(fidelities, epochs_) == fidelities.end()) {
    throw UserError(fmt::format("benchmark {} has trainings of {} epochs, not of {}", label(*benchmark_),
                                fmt::join(fidelities, ", "), epochs_));
  }
  const std::vector<std::string> accepted = quality_names(*benchmark_);
  for (const MetricSpec& metric : metrics_) {
    const std::optional<size_t> column = benchmark_->find_column(metric.name);
    if (!column || !benchmark_->columns()[*column].quality)
      throw UserError(unknown_name_message("metric of benchmark " + label(*benchmark_), metric.name, accepted));
    if (benchmark_->columns()[*column].metric.direction != metric.direction)
      throw UserError(fmt::format("metric {} of the task has the wrong direction for benchmark {}", metric.name,
                                  label(*benchmark_)));
  }
}

std::string TableEvaluator::identity() const { return fmt::format("table/{}/{}", benchmark_->identity(), epochs_); }

std::string TableEvaluator::identity_of(const Design& design) const {
  const std::optional<int64_t> row = benchmark_->row_of(design.decisions);
  return row ? fmt::format("{}:{}", label(*benchmark_), benchmark_->key_of(*row))
             : fmt::format("{}: no row, {}", label(*benchmark_), design.decisions.hash().hex());
}

Metrics TableEvaluator::metrics_at(int64_t row, double epochs) const {
  Metrics metrics;
  for (const MetricSpec& spec : metrics_) {
    const std::optional<size_t> column = benchmark_->find_column(spec.name, epochs);
    if (!column) continue;
    metrics[spec.name] = {.value = benchmark_->value(row, *column),
                          .unit = benchmark_->columns()[*column].metric.unit,
                          .origin = Origin::table,
                          .source = fmt::format("{}, {} epochs", label(*benchmark_), epochs)};
  }
  return metrics;
}

void TableEvaluator::evaluate(const Design& design, Trial& trial, const EvaluationContext&) {
  const auto fail = [&](std::string reason) {
    trial.status = TrialStatus::failed;
    trial.reason = std::move(reason);
  };
  const std::optional<int64_t> row = benchmark_->row_of(design.decisions);
  if (!row) return fail(fmt::format("benchmark {} does not hold this network", label(*benchmark_)));
  if (!checked_.exchange(true)) {
    const std::string difference = difference_from_benchmark(*benchmark_, design);
    if (!difference.empty()) throw UserError(difference);
  }
  const double epochs = trial.request.fidelity.epochs > 0 ? trial.request.fidelity.epochs : epochs_;
  const std::vector<double> fidelities = benchmark_->fidelities();
  if (std::ranges::find(fidelities, epochs) == fidelities.end()) {
    return fail(fmt::format("benchmark {} has trainings of {} epochs, not of {}", label(*benchmark_),
                            fmt::join(fidelities, ", "), epochs));
  }
  Metrics metrics = metrics_at(*row, epochs);
  if (const auto& first = metrics_.at(0).name; !metric_value(metrics, first))
    return fail(fmt::format("benchmark {}: {} of this network is not known", label(*benchmark_), first));
  if (const auto time = benchmark_->find_column("train_time_s", epochs);
      time && benchmark_->columns()[*time].epochs == epochs) {
    metrics["train_time_s"] = {
        .value = benchmark_->value(*row, *time), .unit = "s", .origin = Origin::table, .source = label(*benchmark_)};
  }
  for (const double shorter : fidelities) {
    if (shorter <= epochs && fidelities.size() > 1) trial.curve.push_back({shorter, metrics_at(*row, shorter)});
  }
  for (auto& [name, metric] : metrics) trial.metrics.insert_or_assign(name, std::move(metric));
  trial.status = TrialStatus::ok;
}

std::string difference_from_benchmark(const TabularBenchmark& benchmark, const Design& design) {
  const Design own = benchmark.space().build(design.decisions);
  if (own.graphs.empty()) return "";  // decisions are all there is
  if (design.graphs.empty()) return fmt::format("benchmark {} has networks, the design has none", label(benchmark));
  if (structure_hash(own.graph()) == structure_hash(design.graph())) return "";
  const auto counts = [](Graph graph) {
    graph.bind_symbols({{"batch", 1}});
    const GraphStatistics statistics = count_graph(graph);
    return fmt::format("{} parameters and {} MACs", statistics.parameters, statistics.macs);
  };
  const auto shape = [](const Graph& graph, ValueId id) {
    const Value& value = graph.value(id);
    return value.shape ? graph.shape_text(*value.shape) : std::string("?");
  };
  const Graph &given = design.graph(), &expected = own.graph();
  return fmt::format(
      "the network is not the one that benchmark {} speaks of: {} from {} to {}, the benchmark's has {} from {} to {}; "
      "leave "
      "space {} its defaults and give the task the benchmark's input and output",
      label(benchmark), counts(given), shape(given, given.inputs.at(0)), shape(given, given.outputs.at(0)),
      counts(expected), shape(expected, expected.inputs.at(0)), shape(expected, expected.outputs.at(0)),
      benchmark.space().name());
}

}  // namespace nacre
