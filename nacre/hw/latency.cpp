#include "nacre/hw/latency.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int64_t kMostRunsPerSample = 1'000'000;

// Linear interpolation between order statistics. `sorted` is not empty.
double quantile(const std::vector<double>& sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = position - static_cast<double>(below);
  return sorted[below] * (1 - part) + sorted[above] * part;
}

class Measurement {
 public:
  Measurement(const std::function<void()>& action, const LatencyOptions& options, const Clock& clock,
              const std::function<bool()>& interrupted)
      : action_(action), options_(options), clock_(clock), interrupted_(interrupted) {}

  Latency run() {
    warm_up();
    std::vector<Latency> rounds;
    while (static_cast<int>(rounds.size()) < options_.maximum_rounds) {
      rounds.push_back(measure_round());
      const Latency& last = rounds.back();
      for (size_t i = 0; i + 1 < rounds.size(); ++i) {
        if (!agree(rounds[i], last)) continue;
        Latency result = rounds[i].median_s < last.median_s ? rounds[i] : last;
        result.rounds = static_cast<int>(rounds.size());
        return result;
      }
    }
    const auto [lowest, highest] = std::ranges::minmax_element(rounds, {}, &Latency::median_s);
    Latency result = *lowest;
    result.rounds = static_cast<int>(rounds.size());
    result.steady = rounds.size() == 1;
    result.spread_s = std::max(result.spread_s, (highest->median_s - lowest->median_s) / 2);
    return result;
  }

 private:
  bool agree(const Latency& a, const Latency& b) const {
    return std::fabs(a.median_s - b.median_s) <= options_.agreement * std::min(a.median_s, b.median_s);
  }

  double time_runs(int64_t runs) {
    if (interrupted_ && interrupted_()) throw Interrupted();
    const double start = clock_();
    for (int64_t i = 0; i < runs; ++i) action_();
    return clock_() - start;
  }

  // Also finds out how many runs make a sample.
  void warm_up() {
    const double least_sample_s = options_.clock_steps * clock_step_s(clock_);
    const double start = clock_();
    int64_t runs = 0;
    double fastest_s = INFINITY;
    while (runs < options_.minimum_warmup_runs || clock_() - start < options_.warmup_s) {
      const int64_t batch = runs < options_.minimum_warmup_runs ? 1 : runs_per_sample_;
      const double time_s = time_runs(batch);
      runs += batch;
      if (time_s <= 0) {  // between two steps of the clock: nothing is known but that more runs are needed
        runs_per_sample_ = std::min<int64_t>(2 * batch, kMostRunsPerSample);
        continue;
      }
      fastest_s = std::min(fastest_s, time_s / static_cast<double>(batch));
      runs_per_sample_ =
          static_cast<int64_t>(std::clamp(std::ceil(least_sample_s / fastest_s), 1.0, double{kMostRunsPerSample}));
    }
  }

  Latency measure_round() {
    std::vector<double> samples;
    double spent_s = 0;
    const auto count = [&] { return static_cast<int64_t>(samples.size()); };
    while (count() < options_.maximum_samples) {
      const bool enough = count() >= options_.minimum_samples && spent_s >= options_.round_s;
      const bool too_long = count() >= options_.fewest_samples && spent_s >= options_.longest_round_s;
      if (enough || too_long) break;
      const double time_s = time_runs(runs_per_sample_);
      spent_s += time_s;
      samples.push_back(time_s / static_cast<double>(runs_per_sample_));
    }
    std::ranges::sort(samples);
    Latency round;
    round.median_s = quantile(samples, 0.5);
    round.spread_s = (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2;
    round.samples = count();
    round.runs_per_sample = runs_per_sample_;
    const double bound = round.median_s + std::max(5 * round.spread_s, 0.2 * round.median_s);
    round.outliers = std::ranges::count_if(samples, [&](double sample) { return sample > bound; });
    return round;
  }

  const std::function<void()>& action_;
  const LatencyOptions& options_;
  const Clock& clock_;
  const std::function<bool()>& interrupted_;
  int64_t runs_per_sample_ = 1;
};

}  // namespace

Clock monotonic_clock() {
  return [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
}

double clock_step_s(const Clock& clock) {
  double smallest = INFINITY;
  for (int i = 0; i < 20; ++i) {
    const double before = clock();
    double after = clock();
    while (after <= before) after = clock();
    smallest = std::min(smallest, after - before);
  }
  return smallest;
}

Metric Latency::metric(const std::string& how) const {
  std::string source = how + ", median of " + std::to_string(samples);
  if (runs_per_sample > 1) source += " x " + std::to_string(runs_per_sample);
  source += " runs";
  if (!steady) source += ", unsteady over " + std::to_string(rounds) + " rounds";
  return {.value = median_s,
          .unit = "s",
          .origin = Origin::measured,
          .source = source,
          .count = samples,
          .spread = spread_s};
}

Latency measure_latency(const std::function<void()>& action, const LatencyOptions& options, const Clock& clock,
                        const std::function<bool()>& interrupted) {
  return Measurement(action, options, clock, interrupted).run();
}

}  // namespace nacre
