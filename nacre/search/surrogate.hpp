// A Gaussian process that is kept up to date while a search goes on: it grows by what is told, learns its kernel anew when
// enough came in, and bounds its cost by looking at the best and a spread of the others once there are many.
//
// Values are minimized and may be warped: with `log_gap` the process sees log(1 + gap to the best / gap of the median), so
// that differences among the good count and hopeless outliers do not set the scale.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "nacre/search/acquisition.hpp"
#include "nacre/search/decision_process.hpp"

namespace nacre {

enum class Warp { none, log_gap };

class Surrogate {
 public:
  Surrogate(const DecisionEncoding& encoding, Warp warp, size_t most_points)
      : process_(encoding), warp_(warp), most_points_(most_points) {}

  // A finite value of a place that stays where it is in memory.
  void add(const DecisionRow& row, double value);
  // Other values for all places, in the order of add.
  void set_values(std::vector<double> values);
  size_t size() const { return values_.size(); }
  // Brings the process up to date; `pending` are places without a value yet: they count as observed at their expected
  // value, so that less is expected of their surroundings. At least two values.
  void prepare(std::span<const DecisionRow* const> pending, Random& random);

  // After prepare; of warped values. What an observation will be, its noise included: it is what a trial is judged by.
  double mean(const DecisionRow& row) const { return process_.mean(row); }
  NormalBelief at(const DecisionRow& row) const {
    const DecisionProcess::Belief belief = process_.at(row);
    return {belief.mean, std::hypot(belief.deviation, process_.noise_deviation())};
  }
  double warped(double value) const;
  double best() const { return best_; }  // of log_gap: the least value, and how far the median is from it
  double gap() const { return gap_; }

 private:
  void select();

  DecisionProcess process_;
  Warp warp_;
  size_t most_points_;
  std::vector<const DecisionRow*> rows_;
  std::vector<double> values_;
  std::vector<size_t> selected_;  // of rows_, what the process sees
  size_t learned_at_ = 0;         // size when the kernel was learned last
  size_t seen_ = 0;               // of rows_, considered for selected_
  double best_ = 0, gap_ = 1;
};

}  // namespace nacre
