// Densities of good and of bad decision sets and their ratio: the model of the tree-structured Parzen estimator (Bergstra,
// Bardenet, Bengio and Kegl, Algorithms for hyper-parameter optimization, NeurIPS 2011, section 4; grouped form: Falkner,
// Klein and Hutter, BOHB, ICML 2018).
//
// Univariate: every decision has a distribution of its own over its alternatives,
//
//   p(d = i) = (prior / n_d + sum over trials with d active of k(i | their alternative)) / (prior + their number)
//
// with k a point for unordered alternatives and a discretized Gaussian for ordered ones; trials in which d is not active say
// nothing about it, as the paper's tree asks. Multivariate: a mixture with one component per trial (and the uniform one),
// each a product over decisions, so that decisions which are good together are drawn together.
#pragma once

#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/search/decision_encoding.hpp"

namespace nacre {

class ParzenDensity {
 public:
  struct Settings {
    bool multivariate = false;
    double prior = 1;  // weight of the uniform distribution, in trials
    double bandwidth =
        0.15;  // of a component: probability of leaving the alternative; in steps' share for ordered ones
  };

  ParzenDensity(const Trace& trace, std::span<const DecisionRow* const> rows, const Settings& settings);

  double log_density(const DecisionRow& row) const;  // of the active decisions
  // An alternative for every decision of the trace; those that turn out inactive are dropped by Trace::complete.
  Decisions draw(Random& random) const;
  // Of alternative `index` of decision `d` where it is active (univariate form).
  double probability(size_t d, int64_t index) const;

 private:
  double kernel(size_t d, int64_t index, int64_t center) const;

  const Trace& trace_;
  const Settings settings_;
  std::vector<const DecisionRow*> rows_;
  std::vector<char> ordered_;
  std::vector<std::vector<double>> marginals_;             // [decision][alternative], univariate
  std::vector<std::vector<std::vector<double>>> kernels_;  // [decision][center][alternative], of ordered ones
};

}  // namespace nacre
