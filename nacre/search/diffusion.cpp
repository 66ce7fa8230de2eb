#include "nacre/search/diffusion.hpp"

#include <algorithm>
#include <cmath>

#include "nacre/base/error.hpp"

namespace nacre {

DecisionDiffusion::DecisionDiffusion(const Trace& trace, Random& random, int64_t samples) : trace_(trace) {
  NACRE_CHECK(samples >= 1);
  std::vector<Decisions> drawn;
  for (int64_t i = 0; i < samples; ++i) drawn.push_back(trace.sample(random));
  count(drawn);
}

DecisionDiffusion::DecisionDiffusion(const Trace& trace, std::span<const Decisions> examples,
                                     const ScoreNetworkSettings& settings, Random& random)
    : trace_(trace) {
  count(examples);
  std::vector<int64_t> alternatives;
  for (const Row& row : rows_) alternatives.push_back(static_cast<int64_t>(row.count));
  FeatureMatrix codes;
  for (const Decisions& decisions : examples) codes.add(encode(decisions));
  learned_.emplace(std::move(alternatives), settings, random);
  learned_->fit(codes, random);
}

void DecisionDiffusion::count(std::span<const Decisions> examples) {
  NACRE_CHECK(!examples.empty());
  std::vector<std::vector<double>> counts;
  for (const TraceDecision& decision : trace_.decisions()) {
    rows_.push_back({width_, decision.alternatives.size(), {}});
    width_ += decision.alternatives.size();
    counts.emplace_back(decision.alternatives.size() + 1, 0.0);
  }
  for (const Decisions& decisions : examples) {
    const std::vector<int64_t> indices = trace_.encode_indices(decisions);
    for (size_t d = 0; d < rows_.size(); ++d)
      ++counts[d][indices[d] < 0 ? rows_[d].count : static_cast<size_t>(indices[d])];
  }
  const auto total = static_cast<double>(examples.size());
  for (size_t d = 0; d < rows_.size(); ++d) {
    Row& row = rows_[d];
    const bool always = counts[d].back() == 0;
    for (size_t a = 0; a <= row.count; ++a) {
      // An alternative that was never drawn is rare, not impossible.
      const double share = (counts[d][a] + 0.5) / (total + 0.5 * static_cast<double>(row.count));
      row.log_probability.push_back(a == row.count && always ? -INFINITY : std::log(share));
    }
  }
}

std::vector<float> DecisionDiffusion::encode(const Decisions& decisions) const {
  std::vector<float> code(width_, -1.0F);
  const std::vector<int64_t> indices = trace_.encode_indices(decisions);
  for (size_t d = 0; d < rows_.size(); ++d) {
    if (indices[d] >= 0) code[rows_[d].begin + static_cast<size_t>(indices[d])] = 1.0F;
  }
  return code;
}

std::optional<Decisions> DecisionDiffusion::decode(std::span<const double> code) const {
  NACRE_CHECK(code.size() == width_);
  std::vector<Decision> items;
  for (size_t d = 0; d < rows_.size(); ++d) {
    const std::span<const double> row = code.subspan(rows_[d].begin, rows_[d].count);
    const auto chosen = std::ranges::count_if(row, [](double value) { return value > 0; });
    if (chosen == 0 && std::isfinite(rows_[d].log_probability.back())) continue;
    if (chosen != 1) return std::nullopt;
    const auto place = std::ranges::find_if(row, [](double value) { return value > 0; });
    items.push_back({trace_.decisions()[d].key, place - row.begin()});
  }
  Decisions decisions(std::move(items));
  if (!trace_.is_complete(decisions)) return std::nullopt;
  return decisions;
}

std::vector<double> DecisionDiffusion::score(std::span<const double> codes, double sigma) const {
  NACRE_CHECK(codes.size() % width_ == 0 && sigma > 0);
  if (learned_) return learned_->score(codes, sigma);
  std::vector<double> result(codes.size());
  const double variance = sigma * sigma;
  std::vector<double> weights;
  for (size_t begin = 0; begin < codes.size(); begin += width_) {
    for (const Row& row : rows_) {
      const std::span<const double> code = codes.subspan(begin + row.begin, row.count);
      // log of p(alternative) N(x; e_a, sigma^2), without what all alternatives share: x . e_a = 2 x_a - sum x.
      weights.assign(row.count + 1, 0);
      double largest = -INFINITY;
      for (size_t a = 0; a <= row.count; ++a) {
        const double likeness = a < row.count ? 2 * code[a] / variance : 0;
        largest = std::max(largest, weights[a] = row.log_probability[a] + likeness);
      }
      double sum = 0;
      for (double& weight : weights) sum += weight = std::exp(weight - largest);
      for (size_t a = 0; a < row.count; ++a)
        result[begin + row.begin + a] = (2 * weights[a] / sum - 1 - code[a]) / variance;
    }
  }
  return result;
}

std::vector<double> DecisionDiffusion::generate(size_t count, const Sampling& sampling, const Guidance& guidance,
                                                Random& random) const {
  NACRE_CHECK(count >= 1 && sampling.steps >= 2 && sampling.largest_sigma > sampling.least_sigma);
  std::vector<double> codes(count * width_);
  for (double& value : codes) value = sampling.largest_sigma * random.normal();
  const double growth = std::log(sampling.largest_sigma / sampling.least_sigma);
  const auto force = [&](double sigma) {
    std::vector<double> total = score(codes, sigma);
    if (guidance) {
      const std::vector<double> wanted = guidance(codes, sigma);
      for (size_t i = 0; i < total.size(); ++i) total[i] += wanted[i];
    }
    return total;
  };
  const auto noise = [&] {
    std::vector<double> z(codes.size());
    for (double& value : z) value = random.normal();
    return z;
  };
  // Mean over the batch of the length of a row.
  const auto mean_length = [&](const std::vector<double>& values) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i) {
      double squares = 0;
      for (size_t j = 0; j < width_; ++j) squares += values[i * width_ + j] * values[i * width_ + j];
      sum += std::sqrt(squares);
    }
    return sum / static_cast<double>(count);
  };
  const double dt = 1.0 / static_cast<double>(sampling.steps);
  for (int64_t step = 0; step < sampling.steps; ++step) {
    const double t = 1 - static_cast<double>(step) * dt;
    const double sigma = sampling.least_sigma * std::exp(growth * t);
    if (sampling.corrector) {
      const std::vector<double> pull = force(sigma), z = noise();
      const double ratio = sampling.signal_to_noise * mean_length(z) / std::max(1e-12, mean_length(pull));
      const double size = 2 * ratio * ratio;
      for (size_t i = 0; i < codes.size(); ++i) codes[i] += size * pull[i] + std::sqrt(2 * size) * z[i];
    }
    const double g2 = 2 * growth * sigma * sigma;  // d sigma^2 / dt
    const std::vector<double> pull = force(sigma);
    for (size_t i = 0; i < codes.size(); ++i) codes[i] += g2 * pull[i] * dt;
    if (step + 1 == sampling.steps) break;  // the mean is the answer
    const std::vector<double> z = noise();
    for (size_t i = 0; i < codes.size(); ++i) codes[i] += std::sqrt(g2 * dt) * z[i];
  }
  return codes;
}

}  // namespace nacre
