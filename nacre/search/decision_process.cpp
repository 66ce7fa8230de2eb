#include "nacre/search/decision_process.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr double kLeastNoise = 1e-3, kMostNoise = 2;
constexpr double kTypicalWeight = 3;  // sum over decisions: unlike in all of them is nearly independent
constexpr double kTypicalUseRate = 0.3, kTypicalUseOnlyRate = 0.6, kTypicalUseShare = 0.3, kTypicalNoise = 0.05;
constexpr double kLeastPivot = 1e-10;

// Four sums side by side: the compiler may not reorder one.
double dot(const double* a, const double* b, size_t count) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    s0 += a[i] * b[i];
    s1 += a[i + 1] * b[i + 1];
    s2 += a[i + 2] * b[i + 2];
    s3 += a[i + 3] * b[i + 3];
  }
  for (; i < count; ++i) s0 += a[i] * b[i];
  return (s0 + s1) + (s2 + s3);
}

// Log density of a log-normal, up to a constant.
double log_normal(double value, double median, double deviation) {
  const double z = std::log(value / median) / deviation;
  return -z * z / 2;
}

double logit(double p) { return std::log(p / (1 - p)); }

}  // namespace

DecisionProcess::DecisionProcess(const DecisionEncoding& encoding) : encoding_(encoding) { use(prior_kernel()); }

DecisionProcess::Kernel DecisionProcess::prior_kernel() const {
  const double decisions = static_cast<double>(std::max<size_t>(1, encoding_.decisions()));
  return {.weights = std::vector<double>(encoding_.decisions(), kTypicalWeight / decisions),
          .use_rate = kTypicalUseRate,
          .use_share = encoding_.words() > 0 ? kTypicalUseShare : 0,
          .use_only_rate = kTypicalUseOnlyRate,
          .noise = kTypicalNoise};
}

double DecisionProcess::log_prior(const Kernel& kernel) const {
  const double decisions = static_cast<double>(std::max<size_t>(1, encoding_.decisions()));
  double sum = log_normal(kernel.noise, kTypicalNoise, 1);
  for (const double weight : kernel.weights) sum += log_normal(weight, kTypicalWeight / decisions, 1);
  if (encoding_.words() == 0) return sum;
  const double z = logit(kernel.use_share) / 2;
  return sum + log_normal(kernel.use_rate, kTypicalUseRate, 1.5) +
         log_normal(kernel.use_only_rate, kTypicalUseOnlyRate, 1.5) - z * z / 2;
}

// Half of the steps change one parameter, half all of them; large and small steps take turns by chance.
DecisionProcess::Kernel DecisionProcess::varied(const Kernel& kernel, Random& random) const {
  Kernel next = kernel;
  const double step = random.bernoulli(0.5) ? 0.7 : 0.25;
  const auto scaled = [&](double& value, double by) { value *= std::exp(by * random.normal()); };
  const auto shifted = [&](double& share, double by) {
    share = std::clamp(1 / (1 + std::exp(-logit(share) - by * random.normal())), 1e-6, 1 - 1e-6);
  };
  const bool has_uses = encoding_.words() > 0;
  const size_t parameters = kernel.weights.size() + (has_uses ? 4 : 1);
  if (random.bernoulli(0.5)) {
    const size_t drawn = random.below(parameters);
    if (drawn < kernel.weights.size()) {
      scaled(next.weights[drawn], 2 * step);
    } else {
      switch (drawn - kernel.weights.size()) {
        case 0: scaled(next.noise, 2 * step); break;
        case 1: scaled(next.use_rate, 2 * step); break;
        case 2: scaled(next.use_only_rate, 2 * step); break;
        default: shifted(next.use_share, 2 * step); break;
      }
    }
  } else {
    for (double& weight : next.weights) scaled(weight, step);
    scaled(next.noise, step);
    if (has_uses) {
      scaled(next.use_rate, step);
      scaled(next.use_only_rate, step);
      shifted(next.use_share, step);
    }
  }
  next.noise = std::clamp(next.noise, kLeastNoise, kMostNoise);
  return next;
}

void DecisionProcess::use(const Kernel& kernel) {
  kernel_ = kernel;
  jump_.resize(kernel.weights.size());
  slope_.resize(kernel.weights.size());
  for (size_t d = 0; d < kernel.weights.size(); ++d) {
    const double share = encoding_.unordered_share(d);
    const auto steps = static_cast<double>(std::max<int64_t>(1, encoding_.alternatives(d) - 1));
    jump_[d] = static_cast<float>(kernel.weights[d] * share);
    slope_[d] = static_cast<float>(kernel.weights[d] * (1 - share) / steps);
  }
  factored_ = 0;
}

double DecisionProcess::covariance(const DecisionRow& a, const DecisionRow& b) const {
  float difference = 0;
  const int16_t* const taken_a = a.taken.data();
  const int16_t* const taken_b = b.taken.data();
  for (size_t d = 0; d < jump_.size(); ++d) {
    const int distance = std::abs(taken_a[d] - taken_b[d]);
    difference += (distance != 0 ? jump_[d] : 0) + slope_[d] * static_cast<float>(distance);
  }
  const double uses = encoding_.use_distance(a, b);
  return (1 - kernel_.use_share) * std::exp(-static_cast<double>(difference) - kernel_.use_rate * uses) +
         (kernel_.use_share > 0 ? kernel_.use_share * std::exp(-kernel_.use_only_rate * uses) : 0);
}

void DecisionProcess::covariances(const DecisionRow& row, std::vector<double>& result) const {
  result.resize(rows_.size());
  for (size_t i = 0; i < rows_.size(); ++i) result[i] = covariance(row, *rows_[i]);
}

void DecisionProcess::set_rows(std::span<const DecisionRow* const> rows) {
  const auto same = std::ranges::mismatch(rows, rows_);
  factored_ = std::min<size_t>(factored_, static_cast<size_t>(same.in1 - rows.begin()));
  rows_.assign(rows.begin(), rows.end());
  reserve(rows_.size());
}

void DecisionProcess::reserve(size_t rows) {
  if (rows <= stride_) return;
  const size_t stride = std::max<size_t>(64, rows + rows / 2);
  std::vector<double> wider(stride * stride);
  for (size_t i = 0; i < factored_; ++i)
    std::copy_n(factor(i), i + 1, wider.begin() + static_cast<ptrdiff_t>(i * stride));
  factor_ = std::move(wider);
  stride_ = stride;
}

void DecisionProcess::set_values(std::span<const double> values) {
  NACRE_CHECK(values.size() == rows_.size() && !values.empty());
  values_.assign(values.begin(), values.end());
  extend();
  solve();
}

// Factors the rows that are new.
void DecisionProcess::extend() {
  for (size_t i = factored_; i < rows_.size(); ++i) {
    double* const row = factor_.data() + i * stride_;
    for (size_t j = 0; j < i; ++j) {
      row[j] = (covariance(*rows_[i], *rows_[j]) - dot(row, factor(j), j)) / factor(j)[j];
    }
    row[i] = std::sqrt(std::max(1 + kernel_.noise - dot(row, row, i), kLeastPivot));
  }
  factored_ = rows_.size();
}

// Mean by generalized least squares, scale by maximum likelihood.
void DecisionProcess::solve() {
  const size_t n = rows_.size();
  std::vector<double> ones(n), whitened(n);
  for (size_t i = 0; i < n; ++i) {
    ones[i] = (1 - dot(factor(i), ones.data(), i)) / factor(i)[i];
    whitened[i] = (values_[i] - dot(factor(i), whitened.data(), i)) / factor(i)[i];
  }
  mean_ = dot(ones.data(), whitened.data(), n) / dot(ones.data(), ones.data(), n);
  double squares = 0, log_determinant = 0;
  for (size_t i = 0; i < n; ++i) {
    whitened[i] -= mean_ * ones[i];
    squares += whitened[i] * whitened[i];
    log_determinant += std::log(factor(i)[i]);
  }
  scale_ = std::max(squares / static_cast<double>(n), 1e-300);
  log_posterior_ = -0.5 * static_cast<double>(n) * std::log(scale_) - log_determinant + log_prior(kernel_);
  weights_ = std::move(whitened);
  for (size_t i = n; i-- > 0;) {
    weights_[i] /= factor(i)[i];
    for (size_t j = 0; j < i; ++j) weights_[j] -= factor(i)[j] * weights_[i];
  }
}

void DecisionProcess::learn(int steps, Random& random) {
  Kernel best = kernel_;
  double most = log_posterior_;
  for (int i = 0; i < steps; ++i) {
    use(varied(best, random));
    extend();
    solve();
    if (log_posterior_ > most) {
      most = log_posterior_;
      best = kernel_;
    }
  }
  use(best);
  extend();
  solve();
}

double DecisionProcess::mean(const DecisionRow& row) const {
  double sum = mean_;
  for (size_t i = 0; i < rows_.size(); ++i) sum += covariance(row, *rows_[i]) * weights_[i];
  return sum;
}

DecisionProcess::Belief DecisionProcess::at(const DecisionRow& row) const {
  std::vector<double> near;
  covariances(row, near);
  const double mean = mean_ + dot(near.data(), weights_.data(), near.size());
  double explained = 0;
  for (size_t i = 0; i < near.size(); ++i) {  // solves in place: row i needs the entries before it only
    near[i] = (near[i] - dot(factor(i), near.data(), i)) / factor(i)[i];
    explained += near[i] * near[i];
  }
  return {mean, std::sqrt(std::max(1 - explained, 1e-9) * scale_)};
}

double DecisionProcess::noise_deviation() const { return std::sqrt(kernel_.noise * scale_); }

}  // namespace nacre
