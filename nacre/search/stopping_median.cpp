// `median`: stops a training whose best value so far is below the median of what the finished trainings had on average up to that
// epoch (the median stopping rule of Golovin et al., Google Vizier, KDD 2017). Forecasts nothing: the trial keeps the metrics of
// its last epoch.
#include <algorithm>
#include <cmath>

#include "nacre/search/stopping.hpp"

namespace nacre {
namespace {

class MedianRule final : public StoppingRule {
 public:
  explicit MedianRule(const Options& options)
      : trials_(static_cast<size_t>(options.integer("trials"))), after_(options.real("after")) {}

  bool needs_bar() const override { return false; }

  Json learn(std::span<const FinishedTraining* const> finished, double horizon) const override {
    if (finished.size() < trials_) return nullptr;
    Json looks = Json::array();
    for (const CurveObservation& point : finished.back()->curve) {
      if (point.time < after_ * horizon) continue;
      std::vector<double> means;
      for (const FinishedTraining* training : finished) {
        double sum = 0, count = 0;
        for (const CurveObservation& other : training->curve) {
          if (other.time > point.time * (1 + 1e-6)) break;
          sum += other.value;
          ++count;
        }
        if (count > 0) means.push_back(sum / count);
      }
      const auto middle = means.begin() + static_cast<std::ptrdiff_t>(means.size() / 2);
      std::ranges::nth_element(means, middle);
      looks.push_back({point.time, *middle});
    }
    return looks;
  }

  StopVerdict judge(const Json& learned, std::span<const CurveObservation> curve, double, double) const override {
    const double now = curve.back().time;
    double best = curve.front().value;
    for (const CurveObservation& point : curve) best = std::max(best, point.value);
    for (const Json& look : learned) {
      if (std::abs(look[0].get<double>() - now) > 1e-6 * now) continue;
      const double median = look[1].get<double>();
      return {.stop = best < median, .comparison = StopVerdict::Comparison{best, median}};
    }
    return {};
  }

 private:
  size_t trials_;
  double after_;
};

}  // namespace

void add_median_rule(Registry<StoppingRuleFactory>& registry) {
  registry.add(
      {.name = "median",
       .summary = "stops a training that is worse than the median of the finished ones was up to that epoch",
       .source = "Golovin et al., Google Vizier: a service for black-box optimization, KDD 2017",
       .parameters = {{.name = "trials",
                       .type = ParameterType::integer,
                       .description = "trainings of as many epochs that must have finished before any is stopped",
                       .default_value = 8,
                       .minimum = 1,
                       .maximum = 100000},
                      {.name = "after",
                       .type = ParameterType::real,
                       .description = "share of the epochs before a training is looked at first",
                       .default_value = 0.1,
                       .minimum = 0,
                       .maximum = 1}},
       .example = "stop: {by: median}"},
      [](const Options& options) { return std::make_unique<MedianRule>(options); });
}

}  // namespace nacre
