#include "nacre/search/parzen_density.hpp"

#include <algorithm>
#include <cmath>

namespace nacre {
namespace {

constexpr int64_t kMostOrdered = 256;  // alternatives; beyond, the order is not looked at

size_t alternatives(const Trace& trace, size_t d) { return trace.decisions()[d].alternatives.size(); }

size_t drawn_from(std::span<const double> probabilities, Random& random) {
  double left = random.uniform();
  for (size_t i = 0; i + 1 < probabilities.size(); ++i) {
    left -= probabilities[i];
    if (left < 0) return i;
  }
  return probabilities.size() - 1;
}

}  // namespace

ParzenDensity::ParzenDensity(const Trace& trace, std::span<const DecisionRow* const> rows, const Settings& settings)
    : trace_(trace), settings_(settings), rows_(rows.begin(), rows.end()) {
  const size_t count = trace.decisions().size();
  kernels_.resize(count);
  for (size_t d = 0; d < count; ++d) {
    const size_t n = alternatives(trace, d);
    ordered_.push_back(trace.decisions()[d].ordered && n > 2 && n <= kMostOrdered);
    if (!ordered_[d]) continue;
    // Gaussian around each center, normalized over the alternatives that there are.
    const double width = std::max(0.5, settings.bandwidth * static_cast<double>(n - 1));
    kernels_[d].assign(n, std::vector<double>(n));
    for (size_t center = 0; center < n; ++center) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) {
        const double z = (static_cast<double>(i) - static_cast<double>(center)) / width;
        sum += kernels_[d][center][i] = std::exp(-z * z / 2);
      }
      for (double& value : kernels_[d][center]) value /= sum;
    }
  }
  if (settings.multivariate) return;
  marginals_.resize(count);
  for (size_t d = 0; d < count; ++d) {
    const size_t n = alternatives(trace, d);
    std::vector<double>& marginal = marginals_[d];
    marginal.assign(n, settings.prior / static_cast<double>(n));
    double total = settings.prior;
    for (const DecisionRow* const row : rows_) {
      const int16_t taken = row->taken[d];
      if (taken < 0) continue;
      total += 1;
      if (ordered_[d]) {
        for (size_t i = 0; i < n; ++i) marginal[i] += kernels_[d][static_cast<size_t>(taken)][i];
      } else {
        marginal[static_cast<size_t>(taken)] += 1;
      }
    }
    for (double& value : marginal) value /= total;
  }
}

double ParzenDensity::probability(size_t d, int64_t index) const {
  return marginals_.at(d).at(static_cast<size_t>(index));
}

// Of one component of the mixture, or (center -1) of the uniform distribution.
double ParzenDensity::kernel(size_t d, int64_t index, int64_t center) const {
  const auto n = static_cast<double>(alternatives(trace_, d));
  if (center < 0) return 1 / n;
  if (ordered_[d]) return kernels_[d][static_cast<size_t>(center)][static_cast<size_t>(index)];
  return index == center ? 1 - settings_.bandwidth : settings_.bandwidth / (n - 1);
}

double ParzenDensity::log_density(const DecisionRow& row) const {
  double sum = 0;
  if (!settings_.multivariate) {
    for (size_t d = 0; d < row.taken.size(); ++d) {
      if (row.taken[d] >= 0) sum += std::log(marginals_[d][static_cast<size_t>(row.taken[d])]);
    }
    return sum;
  }
  const auto product = [&](const DecisionRow* center) {
    double log_product = 0;
    for (size_t d = 0; d < row.taken.size(); ++d) {
      if (row.taken[d] >= 0)
        log_product += std::log(kernel(d, row.taken[d], center == nullptr ? -1 : center->taken[d]));
    }
    return log_product;
  };
  std::vector<double> terms = {product(nullptr) + std::log(settings_.prior)};
  for (const DecisionRow* const center : rows_) terms.push_back(product(center));
  const double most = std::ranges::max(terms);
  for (const double term : terms) sum += std::exp(term - most);
  return most + std::log(sum / (settings_.prior + static_cast<double>(rows_.size())));
}

Decisions ParzenDensity::draw(Random& random) const {
  const DecisionRow* center = nullptr;
  if (settings_.multivariate) {
    const double at = random.uniform() * (settings_.prior + static_cast<double>(rows_.size()));
    if (at >= settings_.prior) center = rows_[std::min(rows_.size() - 1, static_cast<size_t>(at - settings_.prior))];
  }
  std::vector<Decision> items;
  std::vector<double> probabilities;
  for (size_t d = 0; d < trace_.decisions().size(); ++d) {
    const size_t n = alternatives(trace_, d);
    if (settings_.multivariate) {
      probabilities.resize(n);
      for (size_t i = 0; i < n; ++i) {
        probabilities[i] = kernel(d, static_cast<int64_t>(i), center == nullptr ? -1 : center->taken[d]);
      }
    } else {
      probabilities = marginals_[d];
    }
    items.push_back({trace_.decisions()[d].key, static_cast<int64_t>(drawn_from(probabilities, random))});
  }
  return Decisions(std::move(items));
}

}  // namespace nacre
