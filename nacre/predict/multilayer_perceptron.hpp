// A small fully connected network on features, with its own gradients: no libtorch, milliseconds to learn.
//
// Layers are a_{l+1} = silu(a_l W_l + b_l), the last one without silu; silu(z) = z / (1 + exp(-z)).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nacre/predict/predictor.hpp"

namespace nacre {

struct MultilayerPerceptron {
  std::vector<int64_t> sizes;      // inputs, hidden layers, 1
  std::vector<double> parameters;  // W_0 [in, out] column by column, b_0, W_1, ...

  // Weights normal with variance 2 / inputs, of the last layer 1 / inputs; biases 0.
  static MultilayerPerceptron draw(std::vector<int64_t> sizes, Random& random);

  std::vector<double> predict(const FeatureMatrix& features) const;
  // Half the mean squared error over the rows, and its gradient where asked (resized to the parameters).
  double loss(const FeatureMatrix& features, std::span<const double> values, std::vector<double>* gradient) const;
};

}  // namespace nacre
