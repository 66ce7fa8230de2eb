// `training_stops`: a search over a published table whose trainings may be stopped by their curves, replayed epoch by epoch: what it
// spends and what it finds, beside the same search without. The stops are those of `nacre search` (search/stopping.hpp).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nacre/bench/interval.hpp"
#include "nacre/bench/probe.hpp"
#include "nacre/data/data_paths.hpp"
#include "nacre/data/npy.hpp"
#include "nacre/search/lagrangian.hpp"
#include "nacre/search/stopping.hpp"
#include "nacre/tables/open_benchmark.hpp"

namespace nacre {
namespace {

constexpr double kNormal95 = 1.96;

// Values of each row after each epoch; rows without exactly so many epochs are empty.
std::vector<std::vector<double>> read_curves(const Options& options, const std::filesystem::path& folder) {
  const Tensor stored = read_npy(DataPaths(folder).find(options.text("curves"), options.position("curves")));
  if (stored.extents().size() != 2 || stored.type() != ElementType::uint16)
    throw UserError(options.position("curves"), "curves: expected unsigned 16-bit numbers, a row for each network");
  const std::span<const uint16_t> values = stored.values<uint16_t>();
  const auto rows = static_cast<size_t>(stored.extents()[0]), length = static_cast<size_t>(stored.extents()[1]);
  const auto epochs = static_cast<size_t>(options.integer("epochs"));
  const auto missing = static_cast<uint16_t>(options.integer("missing"));
  if (epochs > length) throw UserError(options.position("epochs"), "epochs: more than the curves have");
  std::vector<std::vector<double>> curves(rows);
  for (size_t row = 0; row < rows; ++row) {
    const std::span<const uint16_t> curve = values.subspan(row * length, length);
    const auto end = static_cast<size_t>(std::ranges::find(curve, missing) - curve.begin());
    if (end != epochs) continue;
    for (size_t i = 0; i < epochs; ++i) curves[row].push_back(curve[i] / options.real("divide"));
  }
  return curves;
}

struct Run {
  int64_t trainings = 0, stopped = 0, wrong = 0, best_stopped = 0;
  double epochs = 0;                       // spent
  double valid = 0, test = 0;              // of the network that is chosen
  std::vector<double> missed, deviations;  // of forecasts at stops
};

class StopsRunner {
 public:
  StopsRunner(const Options& options, const ProbeContext& context)
      : options_(options),
        context_(context),
        table_(open_benchmark(options, {.data_folder = "", .base_folder = context.folder})),
        curves_(read_curves(options, context.folder)),
        metric_(options.text("metric")),
        epochs_(static_cast<double>(options.integer("epochs"))) {
    if (static_cast<int64_t>(curves_.size()) != table_->rows())
      throw UserError(options.position("curves"), fmt::format("curves: expected {} rows as the table has, found {}",
                                                              table_->rows(), curves_.size()));
    const std::optional<size_t> judged = table_->find_column(options.text("judge"));
    if (!judged) throw UserError(options.position("judge"), "judge: no metric of the table");
    judge_ = *judged;
    objectives_.objectives = {{metric_, Direction::maximize}};
    const ConfigNode& node = options.node("strategy");
    strategy_ = node.is_null()  ? "random"
                : node.is_map() ? node.at("strategy").as_text("strategy")
                                : node.as_text("strategy");
    const auto& entry = strategy_registry().get(strategy_, node.position);
    own_ =
        resolve_options(node.is_map() ? node : ConfigNode{}, entry.parameters, "strategy " + strategy_, {"strategy"});
    if (options.has("stop") && !options.node("stop").is_null()) stop_ = stopping_from_config(options.node("stop"));
    for (size_t row = 0; row < curves_.size(); ++row) {
      const std::optional<double> test = table_->value(static_cast<int64_t>(row), judge_);
      if (curves_[row].empty() || !test) continue;
      best_valid_ = std::max(best_valid_, curves_[row].back());
      best_test_ = std::max(best_test_, *test);
    }
  }

  Run run(int64_t number) const {
    const uint64_t seed = mix_seed(context_.seed, static_cast<uint64_t>(number) + 1);
    const int64_t most = options_.integer("trainings"), lookahead = options_.integer("lookahead");
    const double budget = options_.has("budget") ? options_.real("budget") * epochs_ : HUGE_VAL;
    StrategyContext context{table_->space().trace(), objectives_, most, context_.folder, context_.interrupted};
    context.build = [this](const Decisions& decisions) { return table_->space().build(decisions); };
    const auto strategy = make_strategy(strategy_, own_, context);
    TrainingStops stops(stop_, objectives_);
    Run result;
    std::vector<Trial> history;
    for (int64_t n = 0; result.trainings < most && result.epochs < budget; ++n) {
      if (context_.interrupted()) throw Interrupted();
      for (int64_t told = stops.told(); told <= n - lookahead; ++told) {
        strategy->tell(history[static_cast<size_t>(told)]);
        stops.tell(history[static_cast<size_t>(told)]);
      }
      Random random = Random::stream(seed, "ask", static_cast<uint64_t>(n));
      std::optional<Proposal> proposal = strategy->ask(n, random);
      if (!proposal) break;
      Trial trial;
      trial.number = n;
      trial.candidate = std::move(proposal->candidate);
      train(trial, stops, result);
      history.push_back(std::move(trial));
      if (n > 20 * most) throw UserError("the table holds too few of the proposed networks");
    }
    return result;
  }

  double best_valid() const { return best_valid_; }
  double best_test() const { return best_test_; }
  double epochs() const { return epochs_; }

 private:
  void train(Trial& trial, const TrainingStops& stops, Run& result) const {
    const std::optional<int64_t> row = table_->row_of(trial.candidate.decisions);
    const std::vector<double>* curve = row ? &curves_[static_cast<size_t>(*row)] : nullptr;
    const std::optional<double> test = row ? table_->value(*row, judge_) : std::nullopt;
    if (curve == nullptr || curve->empty() || !test) {
      trial.status = TrialStatus::failed;
      trial.reason = "the table does not hold this training";
      return;
    }
    const Json knowledge = stops.knowledge({.told = stops.told(), .fidelity = {}, .epochs = epochs_, .costs = {}});
    TrainingWatch watch(knowledge);
    trial.status = TrialStatus::ok;
    for (size_t i = 0; i < curve->size() && trial.status == TrialStatus::ok; ++i) {
      CurvePoint point{static_cast<double>(i + 1), {}};
      point.metrics[metric_].value = (*curve)[i];
      trial.metrics[metric_].value = (*curve)[i];
      trial.curve.push_back(point);
      if (!watch.goes_on(point)) trial.status = TrialStatus::pruned;
    }
    watch.settle(trial);
    ++result.trainings;
    result.epochs += static_cast<double>(trial.curve.size());
    if (trial.status == TrialStatus::ok) {
      if (curve->back() > result.valid) {
        result.valid = curve->back();
        result.test = *test;
      }
      return;
    }
    ++result.stopped;
    // Against the best of all that finished by then, which may be more than the rule was allowed to see.
    result.best_stopped += curve->back() > result.valid ? 1 : 0;
    if (knowledge.contains("bar")) result.wrong += curve->back() > knowledge.at("bar").get<double>() ? 1 : 0;
    const Metric& forecast = trial.metrics.at(metric_);
    if (!forecast.spread) return;
    result.missed.push_back(curve->back() - *forecast.value);
    result.deviations.push_back(*forecast.spread);
  }

  const Options& options_;
  const ProbeContext& context_;
  std::shared_ptr<const TabularBenchmark> table_;
  std::vector<std::vector<double>> curves_;
  std::string metric_, strategy_;
  double epochs_;
  size_t judge_ = 0;
  ObjectiveSet objectives_;
  Options own_;
  StoppingSettings stop_;
  double best_valid_ = 0, best_test_ = 0;
};

Json measure_stops(const Options& options, const ProbeContext& context) {
  const StopsRunner runner(options, context);
  std::vector<double> trainings, spent, valid, test, missed;
  double stopped = 0, wrong = 0, best_stopped = 0, total = 0;
  int64_t inside = 0;
  for (int64_t number = 0; number < options.integer("runs"); ++number) {
    const Run run = runner.run(number);
    const auto count = static_cast<double>(run.trainings);
    trainings.push_back(count);
    spent.push_back(run.epochs / runner.epochs());
    valid.push_back(100 * (runner.best_valid() - run.valid));
    test.push_back(100 * (runner.best_test() - run.test));
    total += count;
    stopped += static_cast<double>(run.stopped);
    wrong += static_cast<double>(run.wrong);
    best_stopped += static_cast<double>(run.best_stopped);
    for (size_t i = 0; i < run.missed.size(); ++i) {
      missed.push_back(100 * std::abs(run.missed[i]));
      inside += std::abs(run.missed[i]) <= kNormal95 * run.deviations[i] ? 1 : 0;
    }
  }
  const MeanInterval regret = mean_interval(test);
  const double spent_mean = mean_interval(spent).mean, trained = mean_interval(trainings).mean;
  Json json = {{"runs", options.integer("runs")},
               {"trainings", trained},
               {"full_trainings_spent", spent_mean},
               {"share_of_epochs", spent_mean / trained},
               {"share_saved", 1 - spent_mean / trained},
               {"valid_regret", mean_interval(valid).mean},
               {"test_regret", regret.mean},
               {"test_regret_interval", regret.half_width.value_or(0)},
               {"stopped", total > 0 ? stopped / total : 0},
               {"wrongly_stopped", stopped > 0 ? wrong / stopped : 0},
               {"would_have_led", stopped > 0 ? best_stopped / stopped : 0}};
  if (!missed.empty()) {
    const auto middle = missed.begin() + static_cast<std::ptrdiff_t>(missed.size() / 2);
    std::ranges::nth_element(missed, middle);
    json["forecast_median_error"] = *middle;
    json["forecast_coverage"] = static_cast<double>(inside) / static_cast<double>(missed.size());
  }
  return json;
}

}  // namespace

void add_training_stops_probe(Registry<ProbeFactory>& registry) {
  std::vector<Parameter> parameters = benchmark_parameters();
  const std::vector<Parameter> own = {
      {.name = "curves",
       .type = ParameterType::text,
       .description = "NPY file, found like a task's data: a row for each row of the table, a column for each epoch",
       .required = true},
      {.name = "epochs",
       .type = ParameterType::integer,
       .description = "of the trainings that count; rows with another number are as if the table did not hold them",
       .default_value = 100,
       .minimum = 4},
      {.name = "missing",
       .type = ParameterType::integer,
       .description = "what stands where a training had ended",
       .default_value = 65535,
       .minimum = 0,
       .maximum = 65535},
      {.name = "divide",
       .type = ParameterType::real,
       .description = "stored numbers by this give the metric",
       .default_value = 1,
       .minimum = 1e-12},
      {.name = "metric",
       .type = ParameterType::text,
       .description = "what the curves hold; larger is better",
       .default_value = "valid_accuracy"},
      {.name = "judge",
       .type = ParameterType::text,
       .description = "column by which the chosen network is judged",
       .default_value = "test_accuracy"},
      {.name = "strategy",
       .type = ParameterType::any,
       .description = "its name, or a map with its keys; left out: random"},
      {.name = "stop",
       .type = ParameterType::any,
       .description = "as search.stop; left out: all trainings run to their end"},
      {.name = "trainings",
       .type = ParameterType::integer,
       .description = "of a search, at most",
       .default_value = 50,
       .minimum = 1},
      {.name = "budget",
       .type = ParameterType::real,
       .description = "epochs of a search, in full trainings; left out: no bound",
       .minimum = 1},
      {.name = "lookahead",
       .type = ParameterType::integer,
       .description = "a training knows the results of those so many before it",
       .default_value = 8,
       .minimum = 1},
      {.name = "runs",
       .type = ParameterType::integer,
       .description = "searches with seeds of their own",
       .default_value = 20,
       .minimum = 1,
       .maximum = 1e6}};
  parameters.insert(parameters.end(), own.begin(), own.end());
  registry.add(
      {.name = "training_stops",
       .summary = "a search over published training curves whose trainings may be stopped: epochs saved, regret",
       .source = "Domhan, Springenberg and Hutter, IJCAI 2015",
       .parameters = parameters,
       .example = "probe: training_stops\nbenchmark: spikenas\ncurves: "
                  "spikenas/spikenas_cifar10_valcurves.npy.gz\ndivide: 25000\nstop: {by: learning_curve}\n"},
      measure_stops);
}

}  // namespace nacre
