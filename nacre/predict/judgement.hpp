// How good a predictor is: everything that may be asked of one, measured alike for all.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "nacre/base/json.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre {

struct Calibration {
  double coverage_50 = 0;  // share of values within the central interval that should hold half of them
  double coverage_95 = 0;
  double log_likelihood = 0;  // mean log density of the values, in the values' unit
  double sharpness = 0;       // mean deviation that was claimed
};

struct Judgement {
  int64_t examples = 0;  // learned from
  int64_t questions = 0;
  double fit_s = 0;
  double query_s = 0;  // for all questions
  double kendall = 0;  // tau-b of answers and values
  double spearman = 0;
  // Best value of all questions minus the best among the k best answered: what a search would miss that tried k.
  double regret_1 = 0, regret_10 = 0, regret_100 = 0;
  std::optional<double> error;             // root mean square; nothing of predictors that only rank
  std::optional<double> r2;                // 1 - mean square error / variance of the values
  std::optional<Calibration> calibration;  // of predictors that give deviations (Gaussian, noise included)
};

// Larger values are better networks. At least two questions.
Judgement judge(Predictor& predictor, const Examples& examples, std::span<const double> values,
                const Examples& questions, std::span<const double> truth, Random& random);

// Of answers at hand, without times.
Judgement judge_answers(std::span<const Prediction> answers, std::span<const double> truth, bool only_ranks);

Json to_json(const Judgement& judgement);

}  // namespace nacre
