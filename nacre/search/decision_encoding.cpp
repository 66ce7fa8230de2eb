#include "nacre/search/decision_encoding.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace nacre {

DecisionEncoding::DecisionEncoding(const Trace& trace) : trace_(trace) {
  std::map<std::vector<std::string>, std::vector<size_t>> vocabularies;
  for (size_t d = 0; d < trace.decisions().size(); ++d) {
    const TraceDecision& decision = trace.decisions()[d];
    ordered_.push_back(decision.ordered && decision.alternatives.size() > 2);
    vocabularies[decision.alternatives].push_back(d);
  }
  use_offset_.assign(trace.decisions().size(), -1);
  for (const auto& [words, members] : vocabularies) {
    if (members.size() < 2) continue;
    for (const size_t d : members) use_offset_[d] = static_cast<int32_t>(uses_);
    uses_ += words.size();
    use_weights_.resize(uses_, 1.0 / static_cast<double>(members.size()));
  }
}

DecisionRow DecisionEncoding::row(const Decisions& decisions) const {
  constexpr int64_t kMost = std::numeric_limits<int16_t>::max();
  DecisionRow row;
  row.taken.reserve(use_offset_.size());
  row.uses.resize(uses_);
  const std::vector<int64_t> indices = trace_.encode_indices(decisions);
  for (size_t d = 0; d < indices.size(); ++d) {
    row.taken.push_back(static_cast<int16_t>(std::min(indices[d], kMost)));
    if (use_offset_[d] >= 0 && indices[d] >= 0) ++row.uses[static_cast<size_t>(use_offset_[d] + indices[d])];
  }
  return row;
}

}  // namespace nacre
