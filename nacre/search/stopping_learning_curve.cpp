// `learning_curve`: stops a training whose forecast end is below the best so far with the probability that is asked for, as Domhan,
// Springenberg and Hutter (Speeding up automatic hyperparameter optimization of deep neural networks by extrapolation of learning
// curves, IJCAI 2015) do.
//
// How the end is forecast is a choice: by the curves that finished (predict/curve_regression.hpp), or as in the paper by families
// of curves, put right by those that finished (predict/learning_curve.hpp). On published curves whose schedule lifts them at the
// end the families miss by several times as much (`nacre repro run learning_curves`).
#include <algorithm>
#include <cmath>

#include "nacre/predict/curve_regression.hpp"
#include "nacre/search/stopping.hpp"

namespace nacre {
namespace {

constexpr size_t kMostCurves = 64;  // the last so many
constexpr size_t kFewestPoints = 3;

// The observations up to an epoch; empty when there is none at it.
std::span<const CurveObservation> up_to(std::span<const CurveObservation> curve, double epoch) {
  const auto found = std::ranges::find_if(
      curve, [&](const CurveObservation& point) { return std::abs(point.time - epoch) <= 1e-6 * epoch; });
  return found == curve.end() ? std::span<const CurveObservation>()
                              : curve.first(static_cast<size_t>(found - curve.begin()) + 1);
}

class LearningCurveRule final : public StoppingRule {
 public:
  explicit LearningCurveRule(const Options& options)
      : probability_(options.real("probability")),
        trials_(static_cast<size_t>(options.integer("trials"))),
        after_(options.real("after")),
        looks_(options.integer("looks")),
        families_(options.text("forecast") == "families") {}

  bool needs_bar() const override { return true; }

  Json learn(std::span<const FinishedTraining* const> finished, double horizon) const override {
    if (finished.size() < std::max(trials_, CurveRegression::kFewestCurves)) return nullptr;
    finished = finished.last(std::min(finished.size(), kMostCurves));
    Json looks = Json::array();
    for (const double epoch : epochs_of(*finished.back(), horizon)) {
      if (Json learned = learn_at(epoch, finished, horizon); !learned.is_null()) looks.push_back(std::move(learned));
    }
    return looks.empty() ? Json(nullptr) : looks;
  }

  StopVerdict judge(const Json& learned, std::span<const CurveObservation> curve, double horizon,
                    double bar) const override {
    const double now = curve.back().time;
    const auto look = std::ranges::find_if(
        learned, [&](const Json& at) { return std::abs(at.at("epoch").get<double>() - now) <= 1e-6 * now; });
    if (look == learned.end() || curve.size() < kFewestPoints) return {};
    const CurveForecast forecast = forecast_by(*look, curve, horizon);
    const double below = 1 - forecast.probability_above(bar);
    return {.stop = below >= probability_, .forecast = StopVerdict::Forecast{forecast.mean, forecast.deviation, below}};
  }

 private:
  // Epochs at which trainings are looked at: those of a finished one after the first share, evenly thinned.
  std::vector<double> epochs_of(const FinishedTraining& training, double horizon) const {
    std::vector<double> epochs;
    int64_t last = -1;
    for (size_t i = kFewestPoints - 1; i + 1 < training.curve.size(); ++i) {
      const double share = training.curve[i].time / horizon;
      const auto number = static_cast<int64_t>(std::floor(share * static_cast<double>(looks_) + 1e-9));
      if (share < after_ || number == last) continue;
      last = number;
      epochs.push_back(training.curve[i].time);
    }
    return epochs;
  }

  Json learn_at(double epoch, std::span<const FinishedTraining* const> finished, double horizon) const {
    std::vector<double> levels, ends;
    std::vector<std::vector<CurveObservation>> curves;
    for (const FinishedTraining* training : finished) {
      const std::span<const CurveObservation> begun = up_to(training->curve, epoch);
      if (begun.size() < kFewestPoints) continue;
      if (families_) {
        curves.push_back(training->curve);
        curves.back().back().time = horizon;
      }
      levels.push_back(CurveRegression::level(begun));
      ends.push_back(training->curve.back().value);
    }
    if (levels.size() < std::max(trials_, CurveRegression::kFewestCurves)) return nullptr;
    if (!families_) return {{"epoch", epoch}, {"regression", CurveRegression(levels, ends).to_json()}};
    const CurveCalibration calibration(curves, epoch, horizon);
    return {{"epoch", epoch},
            {"curves", calibration.curves()},
            {"shift", calibration.shift()},
            {"stretch", calibration.stretch()}};
  }

  CurveForecast forecast_by(const Json& look, std::span<const CurveObservation> curve, double horizon) const {
    if (!families_) return CurveRegression::from_json(look.at("regression")).forecast(CurveRegression::level(curve));
    const CurveCalibration calibration(look.at("curves").get<int64_t>(), look.at("shift").get<double>(),
                                       look.at("stretch").get<double>());
    return calibration.corrected(forecast_curve(curve, horizon));
  }

  double probability_;
  size_t trials_;
  double after_;
  int64_t looks_;
  bool families_;
};

}  // namespace

void add_learning_curve_rule(Registry<StoppingRuleFactory>& registry) {
  registry.add(
      {.name = "learning_curve",
       .summary = "stops a training whose forecast end is, with so much probability, not better than the best so far",
       .source = "Domhan, Springenberg and Hutter, IJCAI 2015; the regression: Baker et al., ICLR workshop 2018",
       .parameters = {{.name = "probability",
                       .type = ParameterType::real,
                       .description = "that the end is not better than the best so far, at least",
                       .default_value = 0.95,
                       .minimum = 0.5,
                       .maximum = 1},
                      {.name = "trials",
                       .type = ParameterType::integer,
                       .description = "trainings of as many epochs that must have finished before any is stopped",
                       .default_value = 8,
                       .minimum = 5,
                       .maximum = 100000},
                      {.name = "after",
                       .type = ParameterType::real,
                       .description = "share of the epochs before a training is looked at first (and at least three)",
                       .default_value = 0.1,
                       .minimum = 0,
                       .maximum = 1},
                      {.name = "looks",
                       .type = ParameterType::integer,
                       .description = "how often a training is looked at, evenly over its epochs, at most",
                       .default_value = 20,
                       .minimum = 1,
                       .maximum = 1000},
                      {.name = "forecast",
                       .type = ParameterType::text,
                       .description = "regression: by the curves that finished; families: by families of curves, put "
                                      "right by those that finished",
                       .default_value = "regression",
                       .choices = {"regression", "families"}}},
       .example = "stop: {by: learning_curve, probability: 0.9}"},
      [](const Options& options) { return std::make_unique<LearningCurveRule>(options); });
}

}  // namespace nacre
