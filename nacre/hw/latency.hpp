// How the time of a repeatable action is measured so that the figure can be trusted.
//
//   warm-up   until a minimum time and number of runs have passed (caches, frequency, lazy set-up)
//   sample    as many runs as make the sample long against the clock's step; its time divided by them
//   round     samples until a minimum time and number; its median and half interquartile range, which outliers (an
//             interrupt, another process) hardly move
//   rounds    until two agree within a tolerance; the lower of the two is the answer. When none agree, the lowest, with the
//             distance of the rounds as its spread
//
// A neighbour on the machine only ever adds time: hence the lower of agreeing rounds. The caller keeps neighbours away (an
// exclusive lease on the device).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "nacre/design/metrics.hpp"

namespace nacre {

struct LatencyOptions {
  double warmup_s = 0.05;
  int64_t minimum_warmup_runs = 3;
  double round_s = 0.1;        // of one round, at least
  double longest_round_s = 2;  // slow networks: stop the round here when it has `fewest_samples`
  int64_t minimum_samples = 31;
  int64_t fewest_samples = 5;
  int64_t maximum_samples = 2000;
  int maximum_rounds = 6;
  double agreement = 0.03;    // two rounds agree when their medians differ by no more than this share
  double clock_steps = 1000;  // a sample takes at least so many steps of the clock
};

struct Latency {
  double median_s = 0;
  double spread_s = 0;  // half the interquartile range, or half the distance of rounds that do not agree
  int64_t samples = 0;  // of the round that was taken
  int64_t runs_per_sample = 1;
  int64_t outliers = 0;  // samples further above the median than 5 half interquartile ranges (and 20 %)
  int rounds = 0;
  bool steady = true;  // two rounds agreed

  // unit "s", origin measured; `how` goes first in the source: "host, 1 thread".
  Metric metric(const std::string& how) const;
};

// Seconds from any fixed moment, never going back.
using Clock = std::function<double()>;
Clock monotonic_clock();
// The smallest step the clock is seen to make, in seconds.
double clock_step_s(const Clock& clock);

// Runs `action` many times. `interrupted` is asked between samples; true throws Interrupted.
Latency measure_latency(const std::function<void()>& action, const LatencyOptions& options = {},
                        const Clock& clock = monotonic_clock(), const std::function<bool()>& interrupted = {});

}  // namespace nacre
