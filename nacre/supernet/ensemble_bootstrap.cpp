#include "nacre/supernet/ensemble_bootstrap.hpp"

#include <cmath>
#include <numbers>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

at::Tensor normalized(const at::Tensor& rows) {
  return rows / at::clamp_min(at::norm(rows, 2, {1}, /*keepdim=*/true), 1e-12);
}

}  // namespace

at::Tensor cosine_distance(const at::Tensor& prediction, const at::Tensor& target) {
  return at::mean(at::sum(normalized(prediction) * normalized(target), 1)) * -2.0;
}

at::Tensor ensemble_target(std::span<const at::Tensor> projections) {
  const at::NoGradGuard no_grad;
  NACRE_CHECK(!projections.empty(), "a target of no path");
  at::Tensor sum = normalized(projections[0].detach());
  for (size_t i = 1; i < projections.size(); ++i) sum = sum + normalized(projections[i].detach());
  return sum / static_cast<double>(projections.size());
}

double target_momentum(double base, int64_t step, int64_t steps) {
  return 1 - (1 - base) * (std::cos(std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps)) + 1) / 2;
}

void move_average(std::span<const at::Tensor> target, std::span<const at::Tensor> online, double momentum) {
  const at::NoGradGuard no_grad;
  NACRE_CHECK(target.size() == online.size(), "the target's tensors are the online ones");
  for (size_t i = 0; i < target.size(); ++i) target[i].detach().mul_(momentum).add_(online[i].detach(), 1 - momentum);
}

std::vector<std::vector<int64_t>> fair_deal(size_t decisions, int64_t alternatives, Random& random) {
  std::vector<std::vector<int64_t>> paths(static_cast<size_t>(alternatives), std::vector<int64_t>(decisions));
  for (size_t decision = 0; decision < decisions; ++decision) {
    const std::vector<int64_t> order = random.permutation(alternatives);
    for (size_t path = 0; path < paths.size(); ++path) paths[path][decision] = order[path];
  }
  return paths;
}

}  // namespace nacre
