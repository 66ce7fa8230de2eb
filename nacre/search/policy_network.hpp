// A one-layer LSTM that draws decision sets: the controller of neural architecture search with reinforcement learning (Zoph and
// Le, ICLR 2017; Zoph et al., CVPR 2018, section 3 and appendix).
//
// The decisions of a trace are walked in their order (decision_walk.hpp). At each the network reads what was chosen last,
// as a learned vector of that decision and alternative, and a softmax head of the present decision gives the
// probabilities of its alternatives; decisions that the choices do not lead to are never asked, so their alternatives have
// probability 0. The probabilities of all decision sets sum to 1.
//
//   x_t = E[d_{t-1}, a_{t-1}]   (i, f, o, g) = W [x_t; h_{t-1}] + b   c_t = f c_{t-1} + i g   h_t = o tanh(c_t)
//   p(a_t) = softmax(V[d_t] h_t + v[d_t])
//
// Where choices use something up (a budget of processing elements), `Allowed` says how many of the alternatives, from the first on,
// may still be taken after the steps before: the others have probability 0.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

class PolicyNetwork {
 public:
  struct Step {
    size_t decision;
    size_t alternative;
  };
  using Episode = std::vector<Step>;

  // At least one; empty: all.
  using Allowed = std::function<size_t(std::span<const Step> before, size_t decision)>;

  // Weights uniform in (-0.1, 0.1). `trace` must outlive this.
  PolicyNetwork(const Trace& trace, size_t hidden, Random& random, Allowed allowed = {});

  // `begun`: its first steps, which are kept.
  Episode draw(Random& random, const Episode& begun = {}) const;
  Decisions decisions_of(const Episode& episode) const;
  // Of a complete decision set. A choice that is not allowed becomes the last one that is: of a budget, all that is left.
  Episode episode_of(const Decisions& decisions) const;
  // `step_weights`, here and below: what each step counts, 1 where it is empty.
  double log_probability(const Episode& episode, std::span<const double> step_weights = {}) const;
  double entropy(const Episode& episode) const;  // sum over its steps, given the steps before

  // Adds to `gradient` (one number per parameter) that of policy_weight x log_probability + entropy_weight x entropy, where
  // `weigh` gives policy_weight once the log-probability is known. Returns the log-probability.
  double accumulate(const Episode& episode, const std::function<double(double log_probability)>& weigh,
                    double entropy_weight, std::span<double> gradient, std::span<const double> step_weights = {}) const;

  std::vector<double>& parameters() { return parameters_; }
  const std::vector<double>& parameters() const { return parameters_; }

 private:
  struct Moment {  // one step's values, kept for the gradient
    size_t decision = 0, input = 0;
    std::vector<double> gates, cell, hidden, probabilities;
  };

  // Runs one step after `taken`, of which `before` is the last (null before the first).
  Moment step(size_t decision, std::span<const Step> taken, const Moment* before) const;
  size_t allowed(std::span<const Step> taken, size_t decision) const;
  std::vector<Moment> run(const Episode& episode) const;
  static double weighted_log_probability(const std::vector<Moment>& moments, const Episode& episode,
                                         std::span<const double> step_weights);

  const Trace& trace_;
  const size_t hidden_;
  const Allowed allowed_;
  std::vector<size_t>
      embeddings_;             // place of a decision's first vector in parameters_; the vector of the start is at 0
  std::vector<size_t> heads_;  // place of V[d], followed by v[d]
  size_t recurrent_ = 0;       // place of W [4 hidden, 2 hidden], followed by b
  std::vector<double> parameters_;
};

// Adam (Kingma and Ba, ICLR 2015), ascending.
class AscentByAdam {
 public:
  explicit AscentByAdam(double learning_rate) : learning_rate_(learning_rate) {}
  void step(std::span<const double> gradient, std::span<double> parameters);

 private:
  double learning_rate_;
  int64_t steps_ = 0;
  std::vector<double> first_, second_;
};

}  // namespace nacre
