#include "nacre/bench/predictor_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "nacre/base/file.hpp"
#include "nacre/bench/significance.hpp"
#include "nacre/bench/statistics.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kForm = 1;
constexpr size_t kTop = 10;
constexpr double kNormal95 = 1.959963984540054;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The rows of a benchmark that have both values, with what predictors see of them.
class PredictorData {
 public:
  explicit PredictorData(const TableProblem& problem) : problem_(problem) {
    ObjectiveSet set;
    for (const MetricSpec& spec : problem.objectives()) set.objectives.push_back({spec.name, spec.direction});
    set.handling = LimitHandling::none;
    for (int64_t row = 0; row < problem.table().rows(); ++row) {
      if (!problem.keeps(row)) continue;
      Trial trial;
      problem.answer(row, problem.full_epochs(), set, trial);
      const auto judged = problem.judged_value(row);
      if (trial.status != TrialStatus::ok || !judged) continue;
      rows_.push_back(row);
      values_.push_back(*metric_value(trial.metrics, problem.objectives()[0].name));
      regrets_.push_back(problem.regret(*judged));
    }
  }

  size_t size() const { return rows_.size(); }
  double value(size_t i) const { return values_[i]; }
  double regret(size_t i) const { return regrets_[i]; }

  Examples examples(std::span<const int64_t> places, bool graphs) const {
    Examples examples;
    const Space& space = problem_.table().space();
    for (const int64_t place : places) {
      const Decisions decisions = problem_.table().decisions_of(rows_[static_cast<size_t>(place)]);
      examples.features.add(space.trace().encode_one_hot(decisions));
      if (graphs) examples.graphs.push_back(std::make_shared<const Graph>(space.build(decisions).graph()));
    }
    return examples;
  }

 private:
  const TableProblem& problem_;
  std::vector<int64_t> rows_;
  std::vector<double> values_, regrets_;
};

// Numbers of networks, so that a test set is whatever is beyond the largest training set.
struct Sizes {
  int64_t train = 0, largest_train = 0, test = 0;
};

PredictorResult run_one(const PredictorData& data, const SuitePredictor& predictor, const Sizes& sizes, uint64_t seed,
                        bool larger_is_better) {
  Random drawing = Random::stream(seed, "networks");
  const std::vector<int64_t> order = drawing.permutation(static_cast<int64_t>(data.size()));
  const auto train = std::span(order).first(static_cast<size_t>(sizes.train));
  const auto test = std::span(order).subspan(static_cast<size_t>(sizes.largest_train), static_cast<size_t>(sizes.test));
  const auto made = predictor_registry().get(predictor.predictor, predictor.position).make(predictor.options);
  std::vector<double> values;
  for (const int64_t place : train) values.push_back(data.value(static_cast<size_t>(place)));
  const Examples learned = data.examples(train, made->reads_graphs());
  const Examples asked = data.examples(test, made->reads_graphs());
  PredictorResult result;
  result.seed = seed;
  Random random = Random::stream(seed, "fit");
  Clock::time_point start = Clock::now();
  made->fit(learned, values, random);
  result.fit_s = seconds_since(start);
  start = Clock::now();
  const std::vector<Prediction> predictions = made->predict(asked);
  result.query_s = seconds_since(start) / static_cast<double>(test.size());
  NACRE_CHECK(predictions.size() == test.size());
  std::vector<double> predicted, regrets;
  int64_t inside = 0;
  bool uncertain = false;
  for (size_t i = 0; i < test.size(); ++i) {
    const auto place = static_cast<size_t>(test[i]);
    predicted.push_back(larger_is_better ? -predictions[i].mean : predictions[i].mean);
    regrets.push_back(data.regret(place));
    uncertain = uncertain || predictions[i].deviation > 0;
    inside += std::abs(data.value(place) - predictions[i].mean) <= kNormal95 * predictions[i].deviation ? 1 : 0;
  }
  result.kendall = kendall(predicted, regrets);
  result.spearman = spearman(predicted, regrets);
  if (uncertain) result.coverage = static_cast<double>(inside) / static_cast<double>(test.size());
  std::vector<size_t> best(test.size());
  std::iota(best.begin(), best.end(), size_t{0});
  std::ranges::stable_sort(best, {}, [&](size_t i) { return predicted[i]; });
  double least = regrets[best[0]];
  for (size_t i = 0; i < std::min(kTop, best.size()); ++i) least = std::min(least, regrets[best[i]]);
  result.top_regret = least - *std::ranges::min_element(regrets);
  return result;
}

Json to_json(const PredictorResult& result) {
  return {{"seed", result.seed},
          {"kendall", result.kendall},
          {"spearman", result.spearman},
          {"top_regret", result.top_regret},
          {"coverage", result.coverage ? Json(*result.coverage) : Json(nullptr)},
          {"fit_s", result.fit_s},
          {"query_s", result.query_s}};
}

PredictorResult result_from_json(const Json& json) {
  PredictorResult result{.seed = json.at("seed").get<uint64_t>(),
                         .kendall = json.at("kendall").get<double>(),
                         .spearman = json.at("spearman").get<double>(),
                         .top_regret = json.at("top_regret").get<double>(),
                         .coverage = std::nullopt,
                         .fit_s = json.at("fit_s").get<double>(),
                         .query_s = json.at("query_s").get<double>()};
  if (!json.at("coverage").is_null()) result.coverage = json.at("coverage").get<double>();
  return result;
}

std::vector<PredictorResult> read_results(const fs::path& file, const std::string& key) {
  std::vector<PredictorResult> results;
  try {
    if (!fs::exists(file)) return {};
    const Json json = parse_json(read_file(file), file.string());
    if (json.at("key").get<std::string>() != key) return {};
    for (const Json& row : json.at("results")) results.push_back(result_from_json(row));
  } catch (const UserError&) {  // half a file of another program: run again
    return {};
  } catch (const Json::exception&) {
    return {};
  }
  return results;
}

PredictorSummary summarize(const std::vector<PredictorResult>& results) {
  PredictorSummary summary;
  const auto of = [&](auto member) {
    std::vector<double> values;
    for (const PredictorResult& result : results) values.push_back(result.*member);
    return values;
  };
  summary.kendall = mean_interval(of(&PredictorResult::kendall));
  summary.spearman = mean_interval(of(&PredictorResult::spearman));
  summary.top_regret = mean_interval(of(&PredictorResult::top_regret));
  summary.fit_s = quantile_of(of(&PredictorResult::fit_s), 0.5);
  summary.query_s = quantile_of(of(&PredictorResult::query_s), 0.5);
  std::vector<double> coverages;
  for (const PredictorResult& result : results) {
    if (result.coverage) coverages.push_back(*result.coverage);
  }
  if (!coverages.empty()) summary.coverage = mean_interval(coverages);
  return summary;
}

Sizes sizes_for(const Suite& suite, const SuiteBenchmark& benchmark, size_t rows) {
  Sizes sizes;
  sizes.largest_train = *std::ranges::max_element(suite.train_sizes);
  const int64_t rest = static_cast<int64_t>(rows) - sizes.largest_train;
  sizes.test = suite.test_size == 0 ? rest : suite.test_size;
  if (sizes.test < 2 || sizes.test > rest) {
    throw UserError(benchmark.position,
                    fmt::format("benchmark {}: {} networks have the values asked for; expected at least the largest "
                                "of train_sizes, {}, and {} to judge on",
                                benchmark.name, rows, sizes.largest_train, std::max<int64_t>(2, suite.test_size)));
  }
  return sizes;
}

}  // namespace

PredictorOutcome run_predictors(const Suite& suite, const SuiteRunOptions& options) {
  NACRE_CHECK(suite.kind == Suite::Kind::predictors);
  PredictorOutcome outcome{suite, {}};
  SuiteProgress progress;
  progress.planned = static_cast<int64_t>(suite.benchmarks.size() * suite.predictors.size() * suite.train_sizes.size() *
                                          suite.seeds.size());
  for (const SuiteBenchmark& benchmark : suite.benchmarks) {
    const TableProblem problem(benchmark, suite.base_folder);
    const PredictorData data(problem);
    Sizes sizes = sizes_for(suite, benchmark, data.size());
    const bool larger_is_better = problem.objectives()[0].direction == Direction::maximize;
    for (const SuitePredictor& predictor : suite.predictors) {
      for (const int64_t train_size : suite.train_sizes) {
        sizes.train = train_size;
        const fs::path file =
            options.output / "predictors" / benchmark.name / predictor.name / fmt::format("{}.json", train_size);
        const Json depends = {{"form", kForm},
                              {"problem", problem.identity()},
                              {"predictor", predictor.predictor},
                              {"options", predictor.options.json()},
                              {"train", sizes.train},
                              {"largest_train", sizes.largest_train},
                              {"test", sizes.test}};
        const std::string key = hash_text(depends.dump()).hex();
        const std::vector<PredictorResult> known =
            options.fresh ? std::vector<PredictorResult>{} : read_results(file, key);
        std::vector<PredictorResult> results;
        Json rows = Json::array();
        bool changed = false;
        for (const uint64_t seed : suite.seeds) {
          if (options.interrupted()) throw Interrupted();
          const auto found = std::ranges::find(known, seed, &PredictorResult::seed);
          const bool measured = found == known.end();
          results.push_back(measured ? run_one(data, predictor, sizes, seed, larger_is_better) : *found);
          rows.push_back(to_json(results.back()));
          changed = changed || measured;
          if (measured) write_file_atomically(file, Json{{"key", key}, {"results", rows}}.dump() + "\n");
          ++progress.done;
          progress.known += measured ? 0 : 1;
          progress.what = fmt::format("{}, {}, {} networks, seed {}", benchmark.name, predictor.name, train_size, seed);
          if (measured) options.progress(progress);
        }
        if (changed) write_file_atomically(file, Json{{"key", key}, {"results", rows}}.dump() + "\n");
        PredictorSummary summary = summarize(results);
        summary.benchmark = benchmark.name;
        summary.predictor = predictor.name;
        summary.train_size = sizes.train;
        summary.test_size = sizes.test;
        outcome.rows.push_back(std::move(summary));
      }
    }
  }
  return outcome;
}

namespace {

Json interval_json(const MeanInterval& value) {
  return {{"mean", value.mean}, {"half_width", value.half_width ? Json(*value.half_width) : Json(nullptr)}};
}

}  // namespace

Json to_json(const PredictorOutcome& outcome) {
  Json json = {{"suite", outcome.suite.name},
               {"title", outcome.suite.title},
               {"seeds", outcome.suite.seeds.size()},
               {"benchmarks", Json::object()}};
  for (const PredictorSummary& row : outcome.rows) {
    json["benchmarks"][row.benchmark]["predictors"][row.predictor][fmt::format("{}", row.train_size)] = {
        {"test_size", row.test_size},
        {"kendall", interval_json(row.kendall)},
        {"spearman", interval_json(row.spearman)},
        {"top_regret", interval_json(row.top_regret)},
        {"coverage", row.coverage ? interval_json(*row.coverage) : Json(nullptr)},
        {"fit_s", row.fit_s},
        {"query_s", row.query_s}};
  }
  return json;
}

std::string predictors_csv(const PredictorOutcome& outcome) {
  std::string csv =
      "benchmark,predictor,train_size,test_size,kendall,kendall_half_width_95,spearman,spearman_half_width_95,top_"
      "regret,"
      "top_regret_half_width_95,coverage,fit_s,query_s,seeds\n";
  for (const PredictorSummary& row : outcome.rows) {
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", row.benchmark, row.predictor, row.train_size,
                       row.test_size, row.kendall.mean, row.kendall.half_width.value_or(0), row.spearman.mean,
                       row.spearman.half_width.value_or(0), row.top_regret.mean, row.top_regret.half_width.value_or(0),
                       row.coverage ? fmt::format("{}", row.coverage->mean) : "", row.fit_s, row.query_s,
                       row.kendall.count);
  }
  return csv;
}

}  // namespace nacre
