// The Lagrangian way with limits: dual ascent on one multiplier per limit, moved by what a search is told.
//
// ObjectiveSet (search/objective.hpp) scores a trial for given multipliers. Here they are found while the search runs: after
// every told trial the one that minimizes the augmented Lagrangian among all told so far is looked up, and each multiplier
// moves by penalty_weight / sqrt(k) times that trial's signed relative distance from the limit (cut to [-1, 1]; k counts
// moves), never below 0. That is subgradient ascent of the dual function on the told trials with the usual diminishing
// steps (Shor, 1985; Bertsekas, Nonlinear Programming, section 7.5). Only trials that none beats in goal and all distances
// can be that minimizer, so only they are kept.
//
// The multipliers follow from the sequence of tells alone: a resumed study, which tells the same again, has the same. A
// strategy that keeps the fitness of a trial keeps it under the multipliers of the moment in which it was told.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "nacre/search/strategy.hpp"

namespace nacre {

class DualAscent {
 public:
  // Of an ObjectiveSet under `lagrangian`; its penalty_weight must be positive.
  explicit DualAscent(const ObjectiveSet& objectives);

  void tell(const Trial& trial);
  // The present ones; the pointer stays the same.
  std::shared_ptr<const std::vector<double>> multipliers() const { return multipliers_; }
  int64_t moves() const { return moves_; }

 private:
  struct Known {
    double goal;
    std::vector<double> distances;  // one per limit, cut to [-1, 1]
  };

  double value(const Known& known) const;

  ObjectiveSet objectives_;
  std::shared_ptr<std::vector<double>> multipliers_;
  std::vector<Known> known_;  // none beats another in everything
  int64_t moves_ = 0;
};

// A registered strategy, ready to be driven: as the registry makes it, and under `lagrangian` inside a dual ascent that hears
// every tell first. Whoever drives strategies makes them with this. `position` is that of the name, for the error.
std::unique_ptr<Strategy> make_strategy(std::string_view name, const Options& options, const StrategyContext& context,
                                        const SourcePosition& position = {});

}  // namespace nacre
