#include "nacre/space/direct_chooser.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {

ValueId DirectChooser::layer(std::string_view name, GraphBuilder& builder, ValueId x,
                             const std::vector<Branch>& branches) {
  check_alternatives(name, static_cast<int64_t>(branches.size()));
  int64_t index = 0;
  if (branches.size() > 1) {
    index =
        choose(key(name),
               {.kind = DecisionKind::layer, .count = static_cast<int64_t>(branches.size()), .branches = &branches});
  }
  return branches[static_cast<size_t>(index)].build(builder, x);
}

ValueId DirectChooser::repeat(std::string_view name, GraphBuilder& builder, ValueId x, std::span<const int64_t> counts,
                              const RepeatBody& body) {
  check_repeat(name, counts);
  int64_t index = 0;
  if (counts.size() > 1) {
    index = choose(key(name),
                   {.kind = DecisionKind::repeat, .count = static_cast<int64_t>(counts.size()), .integers = counts});
  }
  for (int64_t i = 0; i < counts[static_cast<size_t>(index)]; ++i) x = body(builder, x, i);
  return x;
}

std::vector<int64_t> DirectChooser::subset(std::string_view name, std::span<const std::string> labels, int64_t k) {
  const int64_t count = check_subset(name, labels, k);
  int64_t rank = 0;
  if (count > 1)
    rank = choose(key(name), {.kind = DecisionKind::subset, .count = count, .words = labels, .subset_size = k});
  return subset_at(static_cast<int64_t>(labels.size()), k, rank);
}

ValueId DirectChooser::block(std::string_view name, GraphBuilder& builder, ValueId x, const LayerBody& body) {
  const auto inside = scope(name, builder);
  return body(builder, x);
}

namespace {

Decisions decisions_from(std::vector<Decision> items, const std::map<std::string, int64_t>& more) {
  for (const auto& [key, index] : more) items.push_back({key, index});
  return Decisions(std::move(items));
}

}  // namespace

int64_t RandomChooser::choose(const std::string& key, const Alternatives& alternatives) {
  const auto [entry, added] = drawn_.try_emplace(key, 0);
  if (added) entry->second = static_cast<int64_t>(random_.below(static_cast<uint64_t>(alternatives.count)));
  return entry->second;
}

Decisions RandomChooser::resolved() const { return decisions_from({}, drawn_); }

ReplayChooser::ReplayChooser(const Decisions& decisions, Random* random)
    : decisions_(decisions), random_(random), used_(decisions.size(), 0) {}

int64_t ReplayChooser::choose(const std::string& key, const Alternatives& alternatives) {
  const std::vector<Decision>& items = decisions_.items();
  const auto found = std::ranges::lower_bound(items, key, {}, &Decision::key);
  if (found != items.end() && found->key == key) {
    if (found->index < 0 || found->index >= alternatives.count) {
      throw UserError(fmt::format("decision '{}' has index {}, but there are {} alternatives", key, found->index,
                                  alternatives.count));
    }
    used_[static_cast<size_t>(found - items.begin())] = 1;
    return found->index;
  }
  const auto [entry, added] = added_.try_emplace(key, 0);
  if (added && random_ != nullptr)
    entry->second = static_cast<int64_t>(random_->below(static_cast<uint64_t>(alternatives.count)));
  return entry->second;
}

Decisions ReplayChooser::resolved() const {
  std::vector<Decision> items;
  for (size_t i = 0; i < used_.size(); ++i) {
    if (used_[i] != 0) items.push_back(decisions_.items()[i]);
  }
  return decisions_from(std::move(items), added_);
}

}  // namespace nacre
