#include "nacre/predict/gauss_legendre.hpp"

#include <cmath>
#include <map>
#include <mutex>
#include <numbers>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

// Roots of the Legendre polynomial by Newton's method from Chebyshev-like starts.
QuadratureRule make_rule(size_t n) {
  QuadratureRule rule;
  rule.points.resize(n);
  rule.weights.resize(n);
  for (size_t i = 0; i < n; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (static_cast<double>(n) + 0.5));
    double slope = 1;
    for (int step = 0; step < 100; ++step) {
      double before = 1, value = x;
      for (size_t k = 2; k <= n; ++k) {
        const auto order = static_cast<double>(k);
        const double next = ((2 * order - 1) * x * value - (order - 1) * before) / order;
        before = value;
        value = next;
      }
      slope = static_cast<double>(n) * (x * value - before) / (x * x - 1);
      const double move = value / slope;
      x -= move;
      if (std::abs(move) < 1e-16) break;
    }
    rule.points[n - 1 - i] = (x + 1) / 2;
    rule.weights[n - 1 - i] = 1 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

}  // namespace

const QuadratureRule& gauss_legendre(size_t n) {
  NACRE_CHECK(n >= 1);
  static const std::vector<QuadratureRule> small = [] {
    std::vector<QuadratureRule> rules;
    for (size_t points = 1; points <= 32; ++points) rules.push_back(make_rule(points));
    return rules;
  }();
  if (n <= small.size()) return small[n - 1];
  static std::mutex mutex;
  static std::map<size_t, QuadratureRule> rules;
  const std::lock_guard lock(mutex);
  auto found = rules.find(n);
  if (found == rules.end()) found = rules.emplace(n, make_rule(n)).first;
  return found->second;
}

}  // namespace nacre
