// The rules by which an architecture is updated beside the weights, as functions of losses: what a supernet trains with them, and
// small problems with known answers, use the same code.
//
// Includes libtorch.
#pragma once

#include <functional>
#include <vector>

#include "nacre/nn/torch_headers.hpp"

namespace nacre {

using Gradients = std::vector<at::Tensor>;  // undefined where a loss does not depend on the tensor

// min over a of L_val(w*(a), a), w*(a) = argmin over w of L_train(w, a) (DARTS, Liu et al., arXiv 1806.09055, equations 3 and 4). The
// losses are taken at the values that the tensors have when they are called.
struct BilevelProblem {
  std::vector<at::Tensor> weights, architecture;  // leaves that require gradients
  std::function<at::Tensor()> train_loss, validation_loss;
};

// dL_val(w, a) / da at the weights as they are (section 2.3, xi = 0).
Gradients first_order_gradients(const BilevelProblem& problem);

// dL_val(w', a) / da - rate * d2 L_train(w, a) / da dw * dL_val(w', a) / dw' (equations 7 and 8), with w' where `take_step` moves the
// weights to by L_train, and the product by a central difference of step 0.01 / |dL_val / dw'|. The weights are put back.
Gradients second_order_gradients(const BilevelProblem& problem, double rate, const std::function<void()>& take_step);

// min over w, y, a of L_val(y, a) + lambda L_train(w, a) + beta / 2 |y - w|^2 (RARTS, Xue et al., arXiv 2008.03901).
struct RelaxedProblem {
  std::vector<at::Tensor> w, y, architecture;
  // Of w and of y. The argument: true where the gradient of the architecture is wanted, false where that of the weights is.
  std::function<at::Tensor(bool of_architecture)> train_loss, validation_loss;
  std::function<void(const Gradients&)> move_w, move_y, move_architecture;  // one step against these gradients
  double lambda = 1, beta = 1;
  bool learns = true;  // false: the architecture stays
};

// w, then y, then a, each with the newest values of the others (Gauss-Seidel). Returns L_train as it was for w.
double relaxed_iteration(const RelaxedProblem& problem);

// The gradient, to be descended, of minus the expected reward of networks drawn decision by decision from soft-max distributions
// (ProxylessNAS, Cai et al., arXiv 1812.00332, appendix D; Williams 1992): for each decision
//   - 1/B sum over draws of (reward - baseline) * (one-hot of what was drawn - p).
// `drawn[b][i]` is the alternative of decision i in draw b, -1 where it has none.
std::vector<std::vector<double>> reinforce_gradients(const std::vector<std::vector<double>>& probabilities,
                                                     const std::vector<std::vector<int64_t>>& drawn,
                                                     const std::vector<double>& rewards, double baseline);

}  // namespace nacre
