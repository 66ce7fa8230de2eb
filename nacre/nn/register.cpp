// The ordered lists of this module's alternatives. A new optimizer or loss is a class and one entry here.
#include "nacre/nn/register.hpp"

#include "nacre/nn/register_entries.hpp"

namespace nacre {

const Registry<OptimizerFactory>& optimizer_registry() {
  static const Registry<OptimizerFactory> kRegistry = [] {
    Registry<OptimizerFactory> registry("optimizer", "optimizers");
    registry.add({.name = "sgd",
                  .summary = "stochastic gradient descent with momentum, plain or Nesterov",
                  .source = "Sutskever et al., ICML 2013",
                  .example = "train: {optimizer: sgd, learning_rate: 0.05, momentum: 0.9}"},
                 make_sgd);
    registry.add({.name = "adamw",
                  .summary = "Adam with decoupled weight decay",
                  .source = "Loshchilov and Hutter, arXiv 1711.05101",
                  .example = "train: {optimizer: adamw, learning_rate: 0.002, weight_decay: 0.05}"},
                 make_adamw);
    return registry;
  }();
  return kRegistry;
}

const Registry<std::function<std::unique_ptr<Loss>(const Recipe&)>>& loss_registry() {
  static const Registry<std::function<std::unique_ptr<Loss>(const Recipe&)>> kRegistry = [] {
    Registry<std::function<std::unique_ptr<Loss>(const Recipe&)>> registry("loss", "losses");
    registry.add({.name = "cross_entropy",
                  .summary = "soft-max cross-entropy of class indices or probabilities, with label smoothing",
                  .source = "Szegedy et al., arXiv 1512.00567, section 7"},
                 make_cross_entropy);
    registry.add({.name = "mse", .summary = "mean squared error of numbers", .source = ""}, make_mean_squared_error);
    return registry;
  }();
  return kRegistry;
}

}  // namespace nacre
