#include "nacre/predict/judgement.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "nacre/base/rank_correlation.hpp"

namespace nacre {
namespace {

// Half widths of the central intervals of a standard normal.
constexpr double kHalf = 0.674489750196082;
constexpr double kNearlyAll = 1.959963984540054;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::optional<Calibration> calibration_of(std::span<const Prediction> answers, std::span<const double> truth) {
  const bool known = std::ranges::any_of(answers, [](const Prediction& answer) { return answer.deviation > 0; });
  if (!known) return std::nullopt;
  Calibration result;
  const auto n = static_cast<double>(truth.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    const double deviation = answers[i].total_deviation();
    const double off = std::abs(truth[i] - answers[i].mean);
    result.coverage_50 += off <= kHalf * deviation;
    result.coverage_95 += off <= kNearlyAll * deviation;
    result.sharpness += deviation;
    const double floor = std::max(deviation, 1e-12 * std::max(1.0, std::abs(truth[i])));
    result.log_likelihood += -0.5 * std::log(2 * std::numbers::pi) - std::log(floor) - off * off / (2 * floor * floor);
  }
  result.coverage_50 /= n;
  result.coverage_95 /= n;
  result.sharpness /= n;
  result.log_likelihood /= n;
  return result;
}

}  // namespace

Judgement judge_answers(std::span<const Prediction> answers, std::span<const double> truth, bool only_ranks) {
  NACRE_CHECK(answers.size() == truth.size() && truth.size() >= 2, "an answer for each of at least two questions");
  Judgement result;
  result.questions = static_cast<int64_t>(truth.size());
  std::vector<double> means;
  for (const Prediction& answer : answers) means.push_back(answer.mean);
  result.kendall = kendall(means, truth);
  result.spearman = spearman(means, truth);
  std::vector<size_t> order(truth.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater{}, [&](size_t i) { return means[i]; });
  const double best = *std::ranges::max_element(truth);
  const auto regret = [&](size_t k) {
    double found = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < std::min(k, order.size()); ++i) found = std::max(found, truth[order[i]]);
    return best - found;
  };
  result.regret_1 = regret(1);
  result.regret_10 = regret(10);
  result.regret_100 = regret(100);
  if (only_ranks) return result;
  double mean = 0, square = 0, variance = 0;
  const auto n = static_cast<double>(truth.size());
  for (const double value : truth) mean += value / n;
  for (size_t i = 0; i < truth.size(); ++i) {
    square += (means[i] - truth[i]) * (means[i] - truth[i]) / n;
    variance += (truth[i] - mean) * (truth[i] - mean) / n;
  }
  result.error = std::sqrt(square);
  if (variance > 0) result.r2 = 1 - square / variance;
  result.calibration = calibration_of(answers, truth);
  return result;
}

Judgement judge(Predictor& predictor, const Examples& examples, std::span<const double> values,
                const Examples& questions, std::span<const double> truth, Random& random) {
  const auto begin = std::chrono::steady_clock::now();
  predictor.fit(examples, values, random);
  const double fit_s = seconds_since(begin);
  const auto middle = std::chrono::steady_clock::now();
  const std::vector<Prediction> answers = predictor.predict(questions);
  const double query_s = seconds_since(middle);
  Judgement result = judge_answers(answers, truth, predictor.only_ranks());
  result.examples = static_cast<int64_t>(values.size());
  result.fit_s = fit_s;
  result.query_s = query_s;
  return result;
}

Json to_json(const Judgement& judgement) {
  Json json = {
      {"examples", judgement.examples}, {"questions", judgement.questions}, {"fit_s", judgement.fit_s},
      {"query_s", judgement.query_s},   {"kendall", judgement.kendall},     {"spearman", judgement.spearman},
      {"regret_1", judgement.regret_1}, {"regret_10", judgement.regret_10}, {"regret_100", judgement.regret_100}};
  json["error"] = judgement.error ? Json(*judgement.error) : Json(nullptr);
  json["r2"] = judgement.r2 ? Json(*judgement.r2) : Json(nullptr);
  json["calibration"] = nullptr;
  if (const auto& found = judgement.calibration) {
    json["calibration"] = {{"coverage_50", found->coverage_50},
                           {"coverage_95", found->coverage_95},
                           {"log_likelihood", found->log_likelihood},
                           {"sharpness", found->sharpness}};
  }
  return json;
}

}  // namespace nacre
