// Alternatives of a space that a search no longer proposes, found by what trees learned from evaluated networks (Luo et al.,
// GBDT-NAS, arXiv 2007.04785, section 3.3: GBDT-NAS-3S).
//
// First order: the alternatives whose mean Shapley value over the networks that have them is lowest, where it is negative.
// Second order: pairs of alternatives by the smallest of their four mean interaction values (both, only one, none); where both
// together hurt, both go, else the one that hurts without the other. A decision always keeps one alternative at least.
// Nothing is lost: pruned alternatives are listed, and a search that has proposed all the rest takes them back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nacre/predict/tree_shap.hpp"
#include "nacre/space/trace.hpp"

namespace nacre {

// One alternative of one decision, at its place in Trace::encode_one_hot.
struct OneHotFeature {
  int32_t decision = 0;
  int64_t alternative = 0;
};
std::vector<OneHotFeature> one_hot_features(const Trace& trace);
// "stage2/1/op=k3_e6"
std::string feature_text(const Trace& trace, const OneHotFeature& feature);

class Pruning {
 public:
  explicit Pruning(const Trace& trace);  // must outlive this

  // Looks at the `count` lowest that are still there (those that may not go do not count) and prunes the negative among them;
  // returns how many. Means over `features`, one-hot rows.
  int64_t prune_first_order(const TreeExplainer& explainer, const FeatureMatrix& features, int64_t count);
  // Walks over the pairs until `count` are pruned.
  int64_t prune_second_order(const TreeExplainer& explainer, const FeatureMatrix& features, int64_t count);

  bool empty() const { return pruned_.empty(); }
  // True when the network has none of the pruned alternatives.
  bool allows(std::span<const float> one_hot) const;
  bool allows(const Decisions& decisions) const { return empty() || allows(trace_.encode_one_hot(decisions)); }
  // Uniform over what is allowed, unless the pruned space is so small a part that drawing would take too long: then nearly.
  Decisions sample(Random& random) const;
  const std::vector<size_t>& pruned() const { return pruned_; }  // features, in the order in which they went
  std::vector<std::string> texts() const;

 private:
  bool may_go(size_t feature) const;
  void prune(size_t feature);

  const Trace& trace_;
  std::vector<OneHotFeature> features_;
  std::vector<char> forbidden_;
  std::vector<int64_t> left_;  // alternatives, by decision
  std::vector<size_t> pruned_;
};

}  // namespace nacre
