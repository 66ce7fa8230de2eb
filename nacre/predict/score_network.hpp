// The score of noisy codes, learned from examples (DiffusionNAG, An et al., ICLR 2024, arXiv 2305.16943, section 2.2; Song et al.,
// ICLR 2021, arXiv 2011.13456).
//
//   code     for each decision a row of +1 for its alternative and -1 for the others; all -1 where it is not decided
//   noise    x = code + sigma z
//   score    d/dx log p_sigma(x) = (E[code | x] - x) / sigma^2
//
// What is learned is how likely each alternative is, given the noisy code; the expected code follows. Were decisions
// independent, the logarithm of that would be log p + 2 x / sigma^2, with p counted on the examples: the network (dense
// layers with silu) only adds to it what decisions tell of each other, so that it is exact before it has learned anything where
// they tell nothing. The loss is the cross-entropy with the alternative that was there, whose optimum has the same expected
// code as the paper's squared error; the paper's network is a transformer over nodes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre {

struct ScoreNetworkSettings {
  int64_t hidden = 128;  // of each of two layers
  int64_t steps = 3000;
  int64_t batch_size = 128;
  double learning_rate = 3e-3;  // falls to 0 by a cosine
  double average = 0.999;       // decay of the mean of the parameters over steps, which is what answers
  double least_sigma = 0.1, largest_sigma = 5;
};

class ScoreNetwork {
 public:
  // `alternatives` of each decision, in the order of the code.
  ScoreNetwork(std::vector<int64_t> alternatives, const ScoreNetworkSettings& settings, Random& random);
  ~ScoreNetwork();
  ScoreNetwork(ScoreNetwork&&) noexcept;
  ScoreNetwork& operator=(ScoreNetwork&&) noexcept;

  // Codes of examples, at least one. Forgets an earlier fit.
  void fit(const FeatureMatrix& codes, Random& random);

  // Of codes row-major [rows, width], at noise sigma.
  std::vector<double> score(std::span<const double> codes, double sigma) const;
  // Probability of each alternative and, last in each row, of none of them: row-major [rows, width + decisions].
  std::vector<double> posterior(std::span<const double> codes, double sigma) const;

  // For tests: mean cross-entropy of clean codes seen through noise z at the given sigmas (one per row), and its gradient.
  std::vector<double> parameters() const;
  void set_parameters(std::span<const double> parameters);
  double loss(const FeatureMatrix& codes, std::span<const double> sigmas, std::span<const double> noise,
              std::vector<double>* gradient) const;

 private:
  struct Network;
  std::unique_ptr<Network> network_;
  ScoreNetworkSettings settings_;
};

}  // namespace nacre
