#include "nacre/search/policy_gradient.hpp"

#include <algorithm>
#include <cmath>

namespace nacre {
namespace {

double ratio_of(const PolicySample& sample, double log_probability) {
  return std::exp(std::clamp(log_probability - sample.log_probability, -50.0, 50.0));
}

// Clipping counts where it makes the surrogate smaller: then the sample pulls no more.
bool is_clipped(const PolicySample& sample, double ratio, double clip) {
  return sample.advantage > 0 ? ratio > 1 + clip : ratio < 1 - clip;
}

}  // namespace

double policy_objective(const PolicyNetwork& policy, std::span<const PolicySample> samples, const PolicyRule& rule) {
  double sum = 0;
  for (const PolicySample& sample : samples) {
    const double log_probability = policy.log_probability(sample.episode, sample.step_weights);
    sum += rule.entropy_weight * policy.entropy(sample.episode);
    if (!rule.clips) {
      sum += sample.advantage * log_probability;
      continue;
    }
    const double ratio = ratio_of(sample, log_probability);
    sum += std::min(ratio * sample.advantage, std::clamp(ratio, 1 - rule.clip, 1 + rule.clip) * sample.advantage);
  }
  return sum / static_cast<double>(samples.size());
}

std::vector<double> policy_gradient(const PolicyNetwork& policy, std::span<const PolicySample> samples,
                                    const PolicyRule& rule) {
  std::vector<double> gradient(policy.parameters().size(), 0);
  const double share = 1 / static_cast<double>(samples.size());
  for (const PolicySample& sample : samples) {
    const auto weigh = [&](double log_probability) {
      if (!rule.clips) return share * sample.advantage;
      const double ratio = ratio_of(sample, log_probability);
      return is_clipped(sample, ratio, rule.clip) ? 0 : share * (ratio * sample.advantage);
    };
    policy.accumulate(sample.episode, weigh, share * rule.entropy_weight, gradient, sample.step_weights);
  }
  return gradient;
}

}  // namespace nacre
