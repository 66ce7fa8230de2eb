// The architecture parameters of a supernet: a logit per alternative of each open decision, and how they become the weights with
// which alternatives are mixed.
//
//   softmax    p = softmax(a)                                                      DARTS (arXiv 1806.09055)
//   gumbel     softmax((a + g) / t), g of Gumbel(0, 1), drawn per run              FBNet (arXiv 1812.03443, equation 6)
//   gumbel_hard  one-hot of the largest entry of it, its gradient straight through
//   binary     one-hot of a sample of softmax(a); gradients go to a by the gates   ProxylessNAS (arXiv 1812.00332, section 3.2)
//   sigmoid    1 / (1 + exp(-a)), each alternative by itself
//   max_w      1 - max(p) + p: the best alternative runs with weight 1             sharpDARTS (arXiv 1903.09900, section 3.4)
//   uniform    1 / n, nothing is learned
//
// Of a number (RARTS' search of widths, arXiv 2008.03901) the parameters are no logits but a scale per channel, which starts as 1.
//
// Includes libtorch.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nacre/base/random.hpp"
#include "nacre/ir/weights_file.hpp"
#include "nacre/nn/torch_headers.hpp"
#include "nacre/supernet/network_choice.hpp"
#include "nacre/supernet/supernet_chooser.hpp"

namespace nacre {

enum class Weighting { softmax, gumbel, gumbel_hard, binary, sigmoid, max_w, uniform };

std::vector<std::string> weighting_names();
Weighting weighting_from_name(std::string_view name);  // InternalError for what is none: options are checked before

// Adam with decay as part of the gradient (Kingma and Ba, arXiv 1412.6980), as the papers update architectures.
struct ArchitectureOptimizer {
  double learning_rate = 3e-4;
  double beta1 = 0.5;
  double beta2 = 0.999;
  double weight_decay = 1e-3;
};

struct ArchitectureForm {
  Weighting weighting = Weighting::softmax;
  double initial_spread = 1e-3;  // standard deviation of the first logits
  ArchitectureOptimizer optimizer;
};

using MixWeights = std::map<std::string, at::Tensor, std::less<>>;

class Architecture {
 public:
  // Logits in the type and on the device of `options`.
  Architecture(std::vector<OpenDecision> open, const ArchitectureForm& form, uint64_t seed, at::TensorOptions options);

  const std::vector<OpenDecision>& open() const { return open_; }
  // Leaves that require gradients, in the order of open().
  const std::vector<at::Tensor>& logits() const { return logits_; }

  // softmax(a) of operators and depths and of edges; of numbers the size of each scale. No gradient, on the host.
  std::vector<std::vector<double>> probabilities() const;

  // What the alternatives of one run are weighted with, by key. `random` draws noise and samples. With `differentiable` gradients
  // flow into the logits. Sums whose edges have weights get softmax(a) under every weighting but uniform.
  MixWeights mixture(Random& random, double temperature, bool differentiable) const;

  // One update; gradients in the order of open(), undefined: the logits stay.
  void step(const std::vector<at::Tensor>& gradients);

  Weights state() const;
  void load(const Weights& state);  // UserError when something is missing

 private:
  at::Tensor mixed(size_t i, Random& random, double temperature) const;

  std::vector<OpenDecision> open_;
  ArchitectureForm form_;
  std::vector<at::Tensor> logits_, first_, second_;
  int64_t steps_ = 0;
};

// Mean over the decisions of the entropy of their probabilities, in nats.
double mean_entropy(const std::vector<std::vector<double>>& probabilities);

}  // namespace nacre
