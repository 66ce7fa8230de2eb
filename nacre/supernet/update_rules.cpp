#include "nacre/supernet/update_rules.hpp"

#include <algorithm>

#include "nacre/nn/optimizer.hpp"

namespace nacre {
namespace {

Gradients gradients_of(const at::Tensor& loss, const std::vector<at::Tensor>& leaves) {
  return torch::autograd::grad({loss}, leaves, {}, /*retain_graph=*/false, /*create_graph=*/false,
                               /*allow_unused=*/true);
}

void assign(const std::vector<at::Tensor>& tensors, const std::vector<at::Tensor>& values) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].detach().copy_(values[i]);
}

// Adds beta (own - partner) to each gradient there is.
void pull_together(Gradients& gradients, const std::vector<at::Tensor>& own, const std::vector<at::Tensor>& partner,
                   double beta) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < gradients.size(); ++i)
    if (gradients[i].defined()) gradients[i] = gradients[i] + (own[i].detach() - partner[i].detach()) * beta;
}

}  // namespace

Gradients first_order_gradients(const BilevelProblem& problem) {
  return gradients_of(problem.validation_loss(), problem.architecture);
}

Gradients second_order_gradients(const BilevelProblem& problem, double rate, const std::function<void()>& take_step) {
  std::vector<at::Tensor> kept;
  for (const at::Tensor& weight : problem.weights) kept.push_back(weight.detach().clone());
  take_step();
  std::vector<at::Tensor> leaves = problem.weights;
  leaves.insert(leaves.end(), problem.architecture.begin(), problem.architecture.end());
  const Gradients all = gradients_of(problem.validation_loss(), leaves);
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(problem.weights.size());
  const Gradients direction(all.begin(), middle);
  Gradients result(middle, all.end());

  const double epsilon = 0.01 / std::max(gradient_norm(direction), 1e-12);
  const auto at_distance = [&](double distance) {
    std::vector<at::Tensor> moved;
    for (size_t i = 0; i < kept.size(); ++i)
      moved.push_back(direction[i].defined() ? kept[i] + direction[i] * distance : kept[i]);
    assign(problem.weights, moved);
    return gradients_of(problem.train_loss(), problem.architecture);
  };
  const Gradients plus = at_distance(epsilon), minus = at_distance(-epsilon);
  assign(problem.weights, kept);
  for (size_t i = 0; i < result.size(); ++i) {
    if (!plus[i].defined() || !minus[i].defined()) continue;
    const at::Tensor mixed = (plus[i] - minus[i]) * (-rate / (2 * epsilon));
    result[i] = result[i].defined() ? result[i] + mixed : mixed;
  }
  return result;
}

double relaxed_iteration(const RelaxedProblem& problem) {
  const at::Tensor loss = problem.train_loss(false);
  Gradients gradients = gradients_of(loss * problem.lambda, problem.w);
  pull_together(gradients, problem.w, problem.y, problem.beta);
  problem.move_w(gradients);
  gradients = gradients_of(problem.validation_loss(false), problem.y);
  pull_together(gradients, problem.y, problem.w, problem.beta);
  problem.move_y(gradients);
  if (problem.learns) {
    const at::Tensor whole = problem.validation_loss(true) + problem.train_loss(true) * problem.lambda;
    problem.move_architecture(gradients_of(whole, problem.architecture));
  }
  return loss.item<double>();
}

std::vector<std::vector<double>> reinforce_gradients(const std::vector<std::vector<double>>& probabilities,
                                                     const std::vector<std::vector<int64_t>>& drawn,
                                                     const std::vector<double>& rewards, double baseline) {
  std::vector<std::vector<double>> result;
  for (const std::vector<double>& p : probabilities) result.emplace_back(p.size(), 0.0);
  for (size_t b = 0; b < drawn.size(); ++b) {
    const double advantage = (rewards[b] - baseline) / static_cast<double>(drawn.size());
    for (size_t i = 0; i < probabilities.size(); ++i) {
      if (drawn[b][i] < 0) continue;
      for (size_t k = 0; k < probabilities[i].size(); ++k)
        result[i][k] -= advantage * ((static_cast<int64_t>(k) == drawn[b][i] ? 1.0 : 0.0) - probabilities[i][k]);
    }
  }
  return result;
}

}  // namespace nacre
