#include "nacre/search/pruning.hpp"

#include <algorithm>
#include <numeric>

namespace nacre {

std::vector<OneHotFeature> one_hot_features(const Trace& trace) {
  std::vector<OneHotFeature> features;
  for (size_t d = 0; d < trace.decisions().size(); ++d) {
    const auto alternatives = static_cast<int64_t>(trace.decisions()[d].alternatives.size());
    for (int64_t i = 0; i < alternatives; ++i) features.push_back({static_cast<int32_t>(d), i});
  }
  NACRE_CHECK(static_cast<int64_t>(features.size()) == trace.one_hot_length(), "a feature for each alternative");
  return features;
}

std::string feature_text(const Trace& trace, const OneHotFeature& feature) {
  const TraceDecision& decision = trace.decisions()[static_cast<size_t>(feature.decision)];
  return decision.key + "=" + decision.alternatives[static_cast<size_t>(feature.alternative)];
}

Pruning::Pruning(const Trace& trace) : trace_(trace), features_(one_hot_features(trace)) {
  forbidden_.assign(features_.size(), 0);
  for (const TraceDecision& decision : trace.decisions())
    left_.push_back(static_cast<int64_t>(decision.alternatives.size()));
}

bool Pruning::may_go(size_t feature) const {
  return forbidden_[feature] == 0 && left_[static_cast<size_t>(features_[feature].decision)] > 1;
}

void Pruning::prune(size_t feature) {
  forbidden_[feature] = 1;
  --left_[static_cast<size_t>(features_[feature].decision)];
  pruned_.push_back(feature);
}

int64_t Pruning::prune_first_order(const TreeExplainer& explainer, const FeatureMatrix& features, int64_t count) {
  const FeatureEffects effects = feature_effects(explainer, features);
  std::vector<size_t> order;
  for (size_t f = 0; f < features_.size(); ++f) {
    if (effects.present[f] && forbidden_[f] == 0) order.push_back(f);
  }
  std::ranges::stable_sort(order, {}, [&](size_t f) { return *effects.present[f]; });
  int64_t looked_at = 0, gone = 0;
  for (const size_t f : order) {
    if (looked_at == count || *effects.present[f] >= 0) break;
    if (!may_go(f)) continue;
    ++looked_at;
    ++gone;
    prune(f);
  }
  return gone;
}

int64_t Pruning::prune_second_order(const TreeExplainer& explainer, const FeatureMatrix& features, int64_t count) {
  std::vector<PairEffect> pairs = pair_effects(explainer, features);
  std::ranges::stable_sort(pairs, {}, &PairEffect::smallest);
  int64_t gone = 0;
  const auto take = [&](size_t feature) {
    if (gone < count && may_go(feature)) prune(feature), ++gone;
  };
  const auto hurts = [](const std::optional<double>& effect) { return effect && *effect < 0; };
  for (const PairEffect& pair : pairs) {
    if (gone >= count) break;
    const bool first_gone = forbidden_[pair.first] != 0, second_gone = forbidden_[pair.second] != 0;
    if (first_gone && second_gone) continue;
    if (!first_gone && !second_gone) {
      if (hurts(pair.both)) {
        take(pair.first);
        take(pair.second);
      } else if (hurts(pair.only_first)) {
        take(pair.first);
      } else if (hurts(pair.only_second)) {
        take(pair.second);
      }
    } else if (hurts(pair.both)) {
      take(first_gone ? pair.second : pair.first);
    }
  }
  return gone;
}

bool Pruning::allows(std::span<const float> one_hot) const {
  return std::ranges::none_of(pruned_, [&](size_t feature) { return one_hot[feature] > 0.5F; });
}

Decisions Pruning::sample(Random& random) const {
  constexpr int kDraws = 2000;
  Decisions decisions = trace_.sample(random);
  for (int i = 0; i < kDraws && !allows(decisions); ++i) decisions = trace_.sample(random);
  // A tiny part of the space: forbidden decisions are drawn again one by one. A change may bring decisions that were not there.
  for (size_t round = 0; round < trace_.decisions().size() && !allows(decisions); ++round) {
    const std::vector<int64_t> indices = trace_.encode_indices(decisions);
    size_t feature = 0;
    for (size_t d = 0; d < indices.size(); ++d) {
      const auto alternatives = static_cast<int64_t>(trace_.decisions()[d].alternatives.size());
      if (indices[d] >= 0 && forbidden_[feature + static_cast<size_t>(indices[d])] != 0) {
        int64_t chosen = static_cast<int64_t>(random.below(static_cast<uint64_t>(left_[d])));
        for (int64_t i = 0; i < alternatives; ++i) {
          if (forbidden_[feature + static_cast<size_t>(i)] != 0 || chosen-- > 0) continue;
          decisions.set(trace_.decisions()[d].key, i);
          break;
        }
      }
      feature += static_cast<size_t>(alternatives);
    }
    decisions = trace_.complete(decisions, random);
  }
  return decisions;
}

std::vector<std::string> Pruning::texts() const {
  std::vector<std::string> result;
  for (const size_t feature : pruned_) result.push_back(feature_text(trace_, features_[feature]));
  return result;
}

}  // namespace nacre
