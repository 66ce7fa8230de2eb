#include "nacre/search/guided_generation.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "nacre/base/error.hpp"

namespace nacre {

std::vector<double> normal_scores(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> scores(values.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(order.size());
    // Tukey's lambda approximation of the normal quantile.
    scores[order[i]] = 4.91 * (std::pow(share, 0.14) - std::pow(1 - share, 0.14));
  }
  return scores;
}

GuidedGeneration::GuidedGeneration(const Trace& trace, const DecisionDiffusion::Sampling& sampling,
                                   const std::vector<Goal>& goals, Random& random)
    : diffusion_(trace, random), sampling_(sampling), taught_(goals.size(), 0) {
  for (const Goal& goal : goals) {
    weights_.push_back(goal.weight);
    guides_.emplace_back(static_cast<int64_t>(diffusion_.width()), goal.learning, random);
  }
}

void GuidedGeneration::teach(size_t goal, std::span<const Decisions> examples, std::span<const double> values,
                             Random& random) {
  NACRE_CHECK(examples.size() == values.size() && examples.size() >= 4, "examples to learn from");
  FeatureMatrix codes;
  for (const Decisions& decisions : examples) codes.add(diffusion_.encode(decisions));
  guides_.at(goal).fit(codes, normal_scores(values), random);
  taught_[goal] = 1;
}

std::vector<Decisions> GuidedGeneration::generate(size_t count, double kappa, Random& random) {
  const auto guidance = [&](std::span<const double> codes, double sigma) {
    std::vector<double> sum(codes.size(), 0.0);
    for (size_t goal = 0; goal < guides_.size() && kappa != 0; ++goal) {
      if (!taught_[goal]) continue;
      std::vector<double> gradient;
      guides_[goal].predict(codes, sigma, &gradient);
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += kappa * weights_[goal] * gradient[i];
    }
    return sum;
  };
  const size_t width = diffusion_.width();
  const std::vector<double> codes = diffusion_.generate(count, sampling_, guidance, random);
  std::vector<Decisions> result;
  std::unordered_set<Hash128> distinct;
  for (size_t i = 0; i < count; ++i) {
    ++generated_;
    std::optional<Decisions> decisions = diffusion_.decode(std::span(codes).subspan(i * width, width));
    if (!decisions) continue;
    ++valid_;
    if (distinct.insert(decisions->hash()).second) result.push_back(*std::move(decisions));
  }
  return result;
}

}  // namespace nacre
