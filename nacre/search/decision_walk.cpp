#include "nacre/search/decision_walk.hpp"

#include "nacre/base/error.hpp"

namespace nacre {

void DecisionWalk::take(size_t alternative) {
  NACRE_CHECK(next_ && alternative < alternatives());
  taken_[*next_] = static_cast<int64_t>(alternative);
  advance();
}

void DecisionWalk::advance() { next_ = undecided(0); }

std::optional<size_t> DecisionWalk::undecided(int32_t index) const {
  const Trace::Node& node = trace_.nodes()[static_cast<size_t>(index)];
  if (node.decision >= 0) {
    const auto decision = static_cast<size_t>(node.decision);
    if (taken_[decision] < 0) return decision;
    return undecided(node.children[static_cast<size_t>(taken_[decision])]);
  }
  for (const int32_t child : node.children) {
    if (const std::optional<size_t> found = undecided(child)) return found;
  }
  return std::nullopt;
}

Decisions DecisionWalk::decisions() const {
  std::vector<Decision> items;
  for (size_t d = 0; d < taken_.size(); ++d) {
    if (taken_[d] >= 0) items.push_back({trace_.decisions()[d].key, taken_[d]});
  }
  return Decisions(std::move(items));
}

}  // namespace nacre
