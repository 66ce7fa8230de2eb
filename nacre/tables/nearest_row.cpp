#include "nacre/tables/nearest_row.hpp"

#include <algorithm>
#include <limits>

namespace nacre {
namespace {

// Of two alternatives without an order; sums have room in 16 bits.
int16_t whole_difference(const Trace& trace) {
  const auto decisions = static_cast<int32_t>(trace.decisions().size());
  return static_cast<int16_t>(std::clamp(32000 / std::max(1, decisions), 1, 64));
}

}  // namespace

NearestRow::NearestRow(const TabularBenchmark& table, const std::function<bool(int64_t row)>& keeps)
    : trace_(table.space().trace()) {
  for (int64_t row = 0; row < table.rows(); ++row) {
    if (!keeps(row)) continue;
    rows_.push_back(table.decisions_of(row));
    identities_.push_back(table.space().identity_of(rows_.back()).value_or(rows_.back().hash()));
  }
  indices_.resize(trace_.decisions().size() * rows_.size());
  for (size_t row = 0; row < rows_.size(); ++row) {
    const std::vector<int64_t> indices = trace_.encode_indices(rows_[row]);
    for (size_t d = 0; d < indices.size(); ++d)
      indices_[d * rows_.size() + row] =
          static_cast<int16_t>(std::min<int64_t>(indices[d], std::numeric_limits<int16_t>::max()));
  }
  for (const TraceDecision& decision : trace_.decisions()) {
    const auto alternatives = static_cast<int32_t>(decision.alternatives.size());
    steps_.push_back(decision.ordered ? whole_difference(trace_) / (alternatives - 1) : 0);
  }
}

std::optional<Decisions> NearestRow::find(const Decisions& wanted, const TakenNetwork& taken) const {
  const std::vector<int64_t> indices = trace_.encode_indices(wanted);
  std::vector<int16_t> distances(rows_.size(), 0);
  const int16_t difference = whole_difference(trace_);
  for (size_t d = 0; d < indices.size(); ++d) {
    const int16_t* const column = indices_.data() + d * rows_.size();
    const auto index = static_cast<int16_t>(indices[d]);
    const auto step = static_cast<int16_t>(index < 0 ? 0 : steps_[d]);
    for (size_t row = 0; step == 0 && row < rows_.size(); ++row)
      distances[row] = static_cast<int16_t>(distances[row] + (column[row] == index ? 0 : difference));
    for (size_t row = 0; step != 0 && row < rows_.size(); ++row) {
      const auto steps = static_cast<int16_t>(column[row] > index ? column[row] - index : index - column[row]);
      distances[row] = static_cast<int16_t>(distances[row] + (column[row] < 0 ? difference : steps * step));
    }
  }
  const Hash128 wish = wanted.hash();
  constexpr int16_t kNone = std::numeric_limits<int16_t>::max();
  for (int16_t least = -1;;) {  // from one distance to the next larger one
    int16_t next = kNone;
    for (const int16_t distance : distances) next = distance > least && distance < next ? distance : next;
    if (next == kNone) return std::nullopt;
    least = next;
    std::optional<std::pair<Hash128, size_t>> first;
    for (size_t row = 0; row < rows_.size(); ++row) {
      if (distances[row] != least || taken(identities_[row])) continue;
      const std::pair place(hash_combine(wish, identities_[row]), row);
      if (!first || place < *first) first = place;
    }
    if (first) return rows_[first->second];
  }
}

}  // namespace nacre
