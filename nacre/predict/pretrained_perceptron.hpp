// The predictor of FBNetV3 (Dai et al., CVPR 2021, arXiv 2006.02049, section 3.2): an encoder of architectures that first learns
// what costs nothing to know (multiply-accumulates, parameters, ...), then, with few trained networks, how accurate an
// architecture is under a recipe.
//
//   architecture ─ encoder ─┬─ proxy head ─ free statistics
//                           └─ with the recipe ─ accuracy head ─ accuracy
//
// The accuracy head is fitted in two phases, first with the encoder frozen, then with all at a lower rate, by the Huber loss on
// standardized values, so that a failed training does not dominate. Layers are a W + b with silu between.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/predict/predictor.hpp"

namespace nacre {

struct PretrainedPerceptronSettings {
  int64_t hidden = 64;  // of each layer
  int64_t pretraining_epochs = 50;
  int64_t frozen_epochs = 50;  // of the accuracy head alone; never under 100 or over 400 steps
  int64_t joint_epochs = 50;   // of all, at a tenth of the rate; as many
  int64_t batch_size = 32;
  double learning_rate = 3e-3;
  double huber = 1;  // where the loss turns from a square into a line, in standard deviations
};

class PretrainedPerceptron {
 public:
  PretrainedPerceptron(int64_t architecture_inputs, int64_t recipe_inputs, int64_t proxies,
                       const PretrainedPerceptronSettings& settings, Random& random);
  ~PretrainedPerceptron();
  PretrainedPerceptron(PretrainedPerceptron&&) noexcept;
  PretrainedPerceptron& operator=(PretrainedPerceptron&&) noexcept;

  // Learns the free statistics, row-major [rows, proxies], of finite values. Forgets an earlier fit.
  void pretrain(const FeatureMatrix& architectures, std::span<const double> proxies, Random& random);
  // Learns values from what pretrain left (or from fresh weights). `recipes` has a row for each, or no columns.
  void fit(const FeatureMatrix& architectures, const FeatureMatrix& recipes, std::span<const double> values,
           Random& random);

  std::vector<double> predict(const FeatureMatrix& architectures, const FeatureMatrix& recipes) const;
  // Row-major [rows, proxies].
  std::vector<double> predict_proxies(const FeatureMatrix& architectures) const;

  // For tests: all parameters of the encoder; loss of the accuracy head on standardized values and its gradient.
  std::vector<double> encoder_parameters() const;
  std::vector<double> parameters() const;
  void set_parameters(std::span<const double> parameters);
  double accuracy_loss(const FeatureMatrix& architectures, const FeatureMatrix& recipes, std::span<const double> values,
                       std::vector<double>* gradient) const;

 private:
  struct Network;
  std::unique_ptr<Network> network_;
  PretrainedPerceptronSettings settings_;
};

}  // namespace nacre
