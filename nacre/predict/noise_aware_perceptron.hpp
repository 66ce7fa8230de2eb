// A predictor that knows how noisy its input is and gives the gradient by it: what guides a diffusion (DiffusionNAG, An et al.,
// ICLR 2024, arXiv 2305.16943, section 3.2). A network of two hidden layers on x / sqrt(1 + sigma^2) and log sigma, learned on
// examples to which noise of random strength was added.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre {

struct NoiseAwareSettings {
  int64_t hidden = 64;
  int64_t steps = 400;
  int64_t batch_size = 64;
  double learning_rate = 3e-3;
  double weight_decay = 1e-3;
  double least_sigma = 0.1, largest_sigma = 5;  // drawn evenly in the logarithm
};

class NoiseAwarePerceptron {
 public:
  NoiseAwarePerceptron(int64_t inputs, const NoiseAwareSettings& settings, Random& random);
  ~NoiseAwarePerceptron();
  NoiseAwarePerceptron(NoiseAwarePerceptron&&) noexcept;
  NoiseAwarePerceptron& operator=(NoiseAwarePerceptron&&) noexcept;

  // One value per row of clean inputs. Continues from the present weights.
  void fit(const FeatureMatrix& inputs, std::span<const double> values, Random& random);

  // Of noisy inputs, row-major [rows, inputs], all of noise `sigma`; the gradient of the sum of values by the inputs where
  // `gradient` is not null.
  std::vector<double> predict(std::span<const double> inputs, double sigma,
                              std::vector<double>* gradient = nullptr) const;

 private:
  struct Network;
  std::unique_ptr<Network> network_;
  NoiseAwareSettings settings_;
};

}  // namespace nacre
