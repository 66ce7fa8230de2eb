// Predictors judged alike on tabular benchmarks: what they learn from so many networks, and what that is worth for the others.
//
// Networks are drawn once per seed, the same for every predictor; a larger training set contains the smaller ones. Inputs are
// one-hot codes of the decisions, and the graphs for predictors that read graphs; values are the searched metric; ranks are
// judged against the judged metric. Times are those of one thread with nothing beside it.
//
//   output/predictors/<benchmark>/<predictor>/<train size>.json     results of all seeds, with the key of what they depend on
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nacre/bench/interval.hpp"
#include "nacre/bench/suite_run.hpp"

namespace nacre {

struct PredictorResult {  // of one seed
  uint64_t seed = 0;
  double kendall = 0, spearman = 0;
  double top_regret =
      0;  // best judged value of the test networks less the best among the ten that are predicted best; points
  std::optional<double>
      coverage;                   // share of values within the predicted 95 % interval; nothing where none is predicted
  double fit_s = 0, query_s = 0;  // of the fit; of one network
};

struct PredictorSummary {
  std::string benchmark, predictor;
  int64_t train_size = 0, test_size = 0;
  MeanInterval kendall, spearman, top_regret;
  std::optional<MeanInterval> coverage;
  double fit_s = 0, query_s = 0;  // medians over seeds
};

struct PredictorOutcome {
  Suite suite;
  std::vector<PredictorSummary> rows;
};

// Throws Interrupted when asked to stop; what was run is kept.
PredictorOutcome run_predictors(const Suite& suite, const SuiteRunOptions& options);

Json to_json(const PredictorOutcome& outcome);
std::string predictors_csv(const PredictorOutcome& outcome);

}  // namespace nacre
