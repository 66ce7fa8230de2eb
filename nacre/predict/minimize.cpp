#include "nacre/predict/minimize.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

namespace nacre {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

struct Correction {
  Vector move, change;  // of the point, of the gradient
  double curvature;     // 1 / (move . change)
};

// -(approximate inverse Hessian) x gradient.
Vector direction_of(const Vector& gradient, const std::deque<Correction>& corrections) {
  Vector direction = gradient;
  Vector alphas(corrections.size());
  for (size_t k = corrections.size(); k-- > 0;) {
    const Correction& c = corrections[k];
    alphas[k] = c.curvature * dot(c.move, direction);
    for (size_t i = 0; i < direction.size(); ++i) direction[i] -= alphas[k] * c.change[i];
  }
  if (!corrections.empty()) {
    const Correction& last = corrections.back();
    const double scale = 1 / (last.curvature * dot(last.change, last.change));
    for (double& value : direction) value *= scale;
  }
  for (size_t k = 0; k < corrections.size(); ++k) {
    const Correction& c = corrections[k];
    const double beta = c.curvature * dot(c.change, direction);
    for (size_t i = 0; i < direction.size(); ++i) direction[i] += (alphas[k] - beta) * c.move[i];
  }
  for (double& value : direction) value = -value;
  return direction;
}

}  // namespace

Minimum minimize(const std::function<double(const Vector&, Vector&)>& function, Vector start, int64_t steps,
                 double largest_move) {
  constexpr size_t kMemory = 8;
  Minimum best{std::move(start), 0, 1};
  Vector gradient(best.x.size(), 0.0);
  best.value = function(best.x, gradient);
  if (!std::isfinite(best.value)) return best;
  std::deque<Correction> corrections;
  for (int64_t step = 0; step < steps; ++step) {
    Vector direction = direction_of(gradient, corrections);
    double slope = dot(direction, gradient);
    if (!(slope < 0)) {  // the memory misleads
      corrections.clear();
      direction = direction_of(gradient, corrections);
      slope = dot(direction, gradient);
      if (!(slope < 0)) break;
    }
    double longest = 0;
    for (const double value : direction) longest = std::max(longest, std::abs(value));
    double length = std::min(1.0, largest_move / longest);
    Vector next(best.x.size()), next_gradient(best.x.size(), 0.0);
    double value = 0;
    bool found = false;
    for (int attempt = 0; attempt < 20 && !found; ++attempt, length /= 3) {
      for (size_t i = 0; i < next.size(); ++i) next[i] = best.x[i] + length * direction[i];
      value = function(next, next_gradient);
      ++best.evaluations;
      found = std::isfinite(value) && value <= best.value + 1e-4 * length * slope;
    }
    if (!found) break;
    Correction correction{Vector(next.size()), Vector(next.size()), 0};
    for (size_t i = 0; i < next.size(); ++i) {
      correction.move[i] = next[i] - best.x[i];
      correction.change[i] = next_gradient[i] - gradient[i];
    }
    const double curvature = dot(correction.move, correction.change);
    if (curvature > 1e-12 * dot(correction.change, correction.change)) {
      correction.curvature = 1 / curvature;
      corrections.push_back(std::move(correction));
      if (corrections.size() > kMemory) corrections.pop_front();
    }
    const double gained = best.value - value;
    best.x = next;
    best.value = value;
    gradient = next_gradient;
    if (gained <= 1e-6 * (std::abs(value) + 1e-6)) break;
  }
  return best;
}

}  // namespace nacre
