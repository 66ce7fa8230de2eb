// A Gaussian process over decision sets: what was observed at some tells mean and uncertainty at all others (Rasmussen and
// Williams, Gaussian Processes for Machine Learning, 2006, chapters 2 and 5).
//
// The kernel sees two decision sets as near when they take the same alternatives (each decision with a weight of its own,
// learned) and when they use the words of shared vocabularies equally often:
//
//   k(a, b) = (1 - s) exp(-sum_d w_d [a_d != b_d] - r u(a, b)) + s exp(-t u(a, b))
//
// with u the distance of uses (decision_encoding.hpp). Where alternatives have an order, half of w_d grows with the distance
// in it. Mean and scale of the process are integrated out in closed form; w, r, s, t and the noise are found by a random
// search for the posterior mode under log-normal priors, started from the last one, so that its cost is bounded.
//
// predict/gaussian_process.hpp is the process over rows of numbers; this one knows of decisions, and grows with a search: a
// new observation costs one row of the factor.
#pragma once

#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/search/decision_encoding.hpp"

namespace nacre {

class DecisionProcess {
 public:
  struct Belief {
    double mean = 0;
    double deviation = 0;  // of the function, without the noise of an observation
  };

  explicit DecisionProcess(const DecisionEncoding& encoding);  // which must outlive this

  // The observed places, which must outlive their use here. Rows that continue the last ones keep what was computed.
  void set_rows(std::span<const DecisionRow* const> rows);
  // One per row, finite. After set_rows.
  void set_values(std::span<const double> values);
  // Tries `steps` other kernels and keeps the most probable. After set_values; at least two rows.
  void learn(int steps, Random& random);

  size_t size() const { return rows_.size(); }
  double mean(const DecisionRow& row) const;
  Belief at(const DecisionRow& row) const;
  double noise_deviation() const;
  // Log of the marginal likelihood of the values, up to a constant, plus that of the prior of the kernel.
  double log_posterior() const { return log_posterior_; }
  double covariance(const DecisionRow& a, const DecisionRow& b) const;  // in units of the scale: 1 at a = b

 private:
  struct Kernel {
    std::vector<double> weights;  // per decision
    double use_rate = 0;          // r
    double use_share = 0;         // s
    double use_only_rate = 0;     // t
    double noise = 0;             // variance, in units of the scale
  };

  Kernel prior_kernel() const;
  double log_prior(const Kernel& kernel) const;
  Kernel varied(const Kernel& kernel, Random& random) const;
  void use(const Kernel& kernel);
  void extend();
  void solve();
  void covariances(const DecisionRow& row, std::vector<double>& result) const;
  const double* factor(size_t row) const { return factor_.data() + row * stride_; }
  void reserve(size_t rows);

  const DecisionEncoding& encoding_;
  Kernel kernel_;
  std::vector<float> jump_, slope_;  // of each decision: weight of a difference, and per step in its order
  std::vector<const DecisionRow*> rows_;
  std::vector<double> values_;
  std::vector<double> factor_;  // lower triangular Cholesky factor of covariance plus noise, rows `stride_` apart
  size_t stride_ = 0;
  size_t factored_ = 0;          // rows of it that are computed
  std::vector<double> weights_;  // (covariance + noise)^-1 (values - mean)
  double mean_ = 0;
  double scale_ = 1;  // variance
  double log_posterior_ = 0;
};

}  // namespace nacre
