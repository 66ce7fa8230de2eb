#include "nacre/space/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "nacre/base/error.hpp"

namespace nacre {
namespace {

constexpr int64_t kMissing = -1;

}  // namespace

// --- what is known beforehand -------------------------------------------------------------------------------------

void Trace::index() {
  by_key_.resize(decisions_.size());
  std::iota(by_key_.begin(), by_key_.end(), 0);
  std::ranges::sort(by_key_, {},
                    [&](int32_t id) -> const std::string& { return decisions_[static_cast<size_t>(id)].key; });
  rank_.resize(decisions_.size());
  for (size_t i = 0; i < by_key_.size(); ++i) rank_[static_cast<size_t>(by_key_[i])] = static_cast<int32_t>(i);

  one_hot_length_ = 0;
  for (const TraceDecision& decision : decisions_) {
    one_hot_offset_.push_back(one_hot_length_);
    one_hot_length_ += static_cast<int64_t>(decision.alternatives.size());
  }

  counts_.resize(nodes_.size());
  small_counts_.resize(nodes_.size());
  even_.resize(nodes_.size());
  for (size_t i = nodes_.size(); i-- > 0;) {  // children come after parents
    const Node& node = nodes_[i];
    Count count = node.decision < 0 ? 1 : 0;
    bool even = true;
    for (const int32_t child : node.children) {
      const Count& c = counts_[static_cast<size_t>(child)];
      if (node.decision < 0)
        count *= c;
      else
        count += c;
      even = even && c == counts_[static_cast<size_t>(node.children[0])];
    }
    even_[i] = even ? 1 : 0;
    small_counts_[i] = count.fits_ulong_p() ? count.get_ui() : 0;
    counts_[i] = std::move(count);
  }
}

std::optional<int32_t> Trace::find_decision(std::string_view key) const {
  const auto name = [&](int32_t id) { return std::string_view(decisions_[static_cast<size_t>(id)].key); };
  const auto found = std::ranges::lower_bound(by_key_, key, {}, name);
  if (found == by_key_.end() || name(*found) != key) return std::nullopt;
  return *found;
}

// --- between decision sets and indices ----------------------------------------------------------------------------

Trace::Indices Trace::indices_of(const Decisions& decisions, size_t* known) const {
  Indices indices(decisions_.size(), kMissing);
  size_t recognized = 0;
  const auto take = [&](int32_t id, int64_t index) {
    const TraceDecision& decision = decisions_[static_cast<size_t>(id)];
    const auto count = static_cast<int64_t>(decision.alternatives.size());
    if (index < 0 || index >= count)
      throw UserError(
          fmt::format("decision '{}' has index {}, but there are {} alternatives", decision.key, index, count));
    indices[static_cast<size_t>(id)] = index;
    ++recognized;
  };
  if (decisions_.size() <= 8 * decisions.size()) {  // both are sorted by key: walk side by side
    auto next = by_key_.begin();
    for (const Decision& item : decisions.items()) {
      int order = -1;
      while (next != by_key_.end() && (order = decisions_[static_cast<size_t>(*next)].key.compare(item.key)) < 0)
        ++next;
      if (next == by_key_.end()) break;
      if (order == 0) take(*next++, item.index);
    }
  } else {
    for (const Decision& item : decisions.items()) {
      if (const auto id = find_decision(item.key)) take(*id, item.index);
    }
  }
  if (known != nullptr) *known = recognized;
  return indices;
}

Decisions Trace::decisions_of(const Indices& indices, std::vector<int32_t> active) const {
  std::ranges::sort(active, {}, [&](int32_t id) { return rank_[static_cast<size_t>(id)]; });
  std::vector<Decision> items;
  items.reserve(active.size());
  for (const int32_t id : active)
    items.push_back({decisions_[static_cast<size_t>(id)].key, indices[static_cast<size_t>(id)]});
  return Decisions(std::move(items));
}

int64_t Trace::draw(int32_t node_id, Random& random) const {
  const auto i = static_cast<size_t>(node_id);
  const Node& node = nodes_[i];
  if (even_[i] != 0) return static_cast<int64_t>(random.below(node.children.size()));
  if (small_counts_[i] != 0) {
    uint64_t rest = random.below(small_counts_[i]);
    for (size_t child = 0;; ++child) {
      const uint64_t count = small_counts_[static_cast<size_t>(node.children[child])];
      if (rest < count) return static_cast<int64_t>(child);
      rest -= count;
    }
  }
  Count rest = random_below(counts_[i], random);
  for (size_t child = 0;; ++child) {
    const Count& count = counts_[static_cast<size_t>(node.children[child])];
    if (rest < count) return static_cast<int64_t>(child);
    rest -= count;
  }
}

std::vector<int32_t> Trace::settle(Indices& indices, Random* random) const {
  std::vector<int32_t> active;
  std::vector<int32_t> stack{0};
  while (!stack.empty()) {
    const int32_t id = stack.back();
    stack.pop_back();
    const Node& node = nodes_[static_cast<size_t>(id)];
    if (node.decision < 0) {
      stack.insert(stack.end(), node.children.rbegin(), node.children.rend());
      continue;
    }
    int64_t& index = indices[static_cast<size_t>(node.decision)];
    if (index == kMissing) {
      if (random == nullptr)
        throw UserError("decision '" + decisions_[static_cast<size_t>(node.decision)].key + "' is missing");
      index = draw(id, *random);
    }
    active.push_back(node.decision);
    stack.push_back(node.children[static_cast<size_t>(index)]);
  }
  return active;
}

// --- sampling and variation ---------------------------------------------------------------------------------------

Decisions Trace::sample(Random& random) const { return complete({}, random); }

Decisions Trace::complete(const Decisions& partial, Random& random) const {
  Indices indices = indices_of(partial);
  std::vector<int32_t> active = settle(indices, &random);
  return decisions_of(indices, std::move(active));
}

bool Trace::is_complete(const Decisions& decisions) const {
  try {
    size_t known = 0;
    Indices indices = indices_of(decisions, &known);
    return known == decisions.size() && settle(indices, nullptr).size() == known;
  } catch (const UserError&) {
    return false;
  }
}

Decisions Trace::mutate(const Decisions& parent, Random& random) const {
  Indices indices = indices_of(parent);
  std::vector<int32_t> active = settle(indices, &random);
  if (!active.empty()) {
    const auto changed = static_cast<size_t>(active[random.below(active.size())]);
    const auto others = static_cast<uint64_t>(decisions_[changed].alternatives.size() - 1);
    const auto other = static_cast<int64_t>(random.below(others));
    indices[changed] = other + (other >= indices[changed] ? 1 : 0);
    active = settle(indices, &random);
  }
  return decisions_of(indices, std::move(active));
}

std::vector<Decisions> Trace::neighbors(const Decisions& center, Random& random) const {
  Indices indices = indices_of(center);
  const std::vector<int32_t> active = settle(indices, &random);
  // Only what the center decides is kept, so that a neighbour's own decisions are drawn afresh each time.
  Indices own(indices.size(), kMissing);
  for (const int32_t id : active) own[static_cast<size_t>(id)] = indices[static_cast<size_t>(id)];
  std::vector<Decisions> result;
  for (const int32_t id : active) {
    const auto count = static_cast<int64_t>(decisions_[static_cast<size_t>(id)].alternatives.size());
    for (int64_t index = 0; index < count; ++index) {
      if (index == own[static_cast<size_t>(id)]) continue;
      Indices changed = own;
      changed[static_cast<size_t>(id)] = index;
      std::vector<int32_t> settled = settle(changed, &random);
      result.push_back(decisions_of(changed, std::move(settled)));
    }
  }
  return result;
}

Decisions Trace::cross_over(const Decisions& a, const Decisions& b, Random& random) const {
  Indices parents[2] = {indices_of(a), indices_of(b)};
  for (Indices& parent : parents) settle(parent, &random);
  Indices child(decisions_.size(), kMissing);
  std::vector<int32_t> active;
  struct Step {
    int32_t node;
    unsigned alive;  // parents for which this node is active, as bits
  };
  std::vector<Step> stack{{0, 3}};
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    const Node& node = nodes_[static_cast<size_t>(step.node)];
    if (node.decision < 0) {
      for (auto part = node.children.rbegin(); part != node.children.rend(); ++part)
        stack.push_back({*part, step.alive});
      continue;
    }
    const auto id = static_cast<size_t>(node.decision);
    const size_t from = step.alive == 3 ? random.below(2) : step.alive - 1;
    child[id] = parents[from][id];
    unsigned alive = 0;
    for (unsigned p = 0; p < 2; ++p) {
      if ((step.alive >> p & 1U) != 0 && parents[p][id] == child[id]) alive |= 1U << p;
    }
    active.push_back(node.decision);
    stack.push_back({node.children[static_cast<size_t>(child[id])], alive});
  }
  return decisions_of(child, std::move(active));
}

// --- enumeration --------------------------------------------------------------------------------------------------

Decisions Trace::at(const Count& index) const {
  if (index < 0 || index >= count())
    throw UserError("index " + index.get_str() + " is outside of a space of " + count().get_str());
  Indices indices(decisions_.size(), kMissing);
  std::vector<int32_t> active;
  std::vector<std::pair<int32_t, Count>> stack{{0, index}};
  while (!stack.empty()) {
    auto [id, rest] = std::move(stack.back());
    stack.pop_back();
    const Node& node = nodes_[static_cast<size_t>(id)];
    if (node.decision < 0) {  // a number with one digit per part, the last part least
      for (size_t part = node.children.size(); part-- > 0;) {
        const Count& base = counts_[static_cast<size_t>(node.children[part])];
        stack.emplace_back(node.children[part], rest % base);
        rest /= base;
      }
      continue;
    }
    size_t alternative = 0;
    while (rest >= counts_[static_cast<size_t>(node.children[alternative])])
      rest -= counts_[static_cast<size_t>(node.children[alternative++])];
    indices[static_cast<size_t>(node.decision)] = static_cast<int64_t>(alternative);
    active.push_back(node.decision);
    stack.emplace_back(node.children[alternative], std::move(rest));
  }
  return decisions_of(indices, std::move(active));
}

Count Trace::index_of(const Decisions& decisions) const {
  Indices indices = indices_of(decisions);
  settle(indices, nullptr);
  // index = sum over active nodes of what they skip, times the counts of the parts that come after on the way down.
  Count index = 0;
  std::vector<std::pair<int32_t, Count>> stack{{0, Count(1)}};
  while (!stack.empty()) {
    auto [id, weight] = std::move(stack.back());
    stack.pop_back();
    const Node& node = nodes_[static_cast<size_t>(id)];
    if (node.decision < 0) {
      for (size_t part = node.children.size(); part-- > 0;) {
        stack.emplace_back(node.children[part], weight);
        weight *= counts_[static_cast<size_t>(node.children[part])];
      }
      continue;
    }
    const auto chosen = static_cast<size_t>(indices[static_cast<size_t>(node.decision)]);
    for (size_t alternative = 0; alternative < chosen; ++alternative)
      index += weight * counts_[static_cast<size_t>(node.children[alternative])];
    stack.emplace_back(node.children[chosen], std::move(weight));
  }
  return index;
}

// --- encodings ----------------------------------------------------------------------------------------------------

std::vector<int64_t> Trace::encode_indices(const Decisions& decisions) const {
  Indices indices = indices_of(decisions);
  Indices result(decisions_.size(), kMissing);
  for (const int32_t id : settle(indices, nullptr)) result[static_cast<size_t>(id)] = indices[static_cast<size_t>(id)];
  return result;
}

std::vector<float> Trace::encode_one_hot(const Decisions& decisions) const {
  const Indices indices = encode_indices(decisions);
  std::vector<float> result(static_cast<size_t>(one_hot_length_), 0.0F);
  for (size_t id = 0; id < indices.size(); ++id) {
    if (indices[id] != kMissing) result[static_cast<size_t>(one_hot_offset_[id] + indices[id])] = 1.0F;
  }
  return result;
}

}  // namespace nacre
