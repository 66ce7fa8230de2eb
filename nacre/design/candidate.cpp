#include "nacre/design/candidate.hpp"

#include <algorithm>

#include "nacre/base/error.hpp"

namespace nacre {

Decisions::Decisions(std::vector<Decision> items) : items_(std::move(items)) {
  if (!std::ranges::is_sorted(items_, {}, &Decision::key)) std::ranges::sort(items_, {}, &Decision::key);
  const auto twice = std::ranges::adjacent_find(items_, {}, &Decision::key);
  NACRE_CHECK(twice == items_.end(), "decision '" + twice->key + "' stands twice");
}

const int64_t* Decisions::find(std::string_view key) const {
  const auto found =
      std::ranges::lower_bound(items_, key, {}, [](const Decision& d) { return std::string_view(d.key); });
  return found != items_.end() && found->key == key ? &found->index : nullptr;
}

void Decisions::set(std::string_view key, int64_t index) {
  const auto found =
      std::ranges::lower_bound(items_, key, {}, [](const Decision& d) { return std::string_view(d.key); });
  if (found != items_.end() && found->key == key) {
    found->index = index;
  } else {
    items_.insert(found, Decision{std::string(key), index});
  }
}

Hash128 Decisions::hash() const {
  Hash128 hash;
  for (const Decision& decision : items_) {
    const Hash128 key = hash_text(decision.key, static_cast<uint64_t>(decision.index));
    // A cheap ordered mix: this runs once per ask.
    hash.high = (hash.high ^ key.high) * 0x9e3779b97f4a7c15ULL + key.low;
    hash.low = (hash.low + key.low) * 0xc2b2ae3d27d4eb4fULL ^ (key.high >> 7);
  }
  return hash;
}

Hash128 Candidate::hash() const {
  return graph_text.empty() ? decisions.hash() : hash_combine(decisions.hash(), hash_text(graph_text));
}

Json to_json(const Candidate& candidate) {
  Json json = Json::object();
  Json& decisions = json["decisions"] = Json::object();
  for (const Decision& decision : candidate.decisions.items()) decisions[decision.key] = decision.index;
  if (!candidate.graph_text.empty()) json["graph_text"] = candidate.graph_text;
  if (!candidate.parents.empty()) json["parents"] = candidate.parents;
  if (!candidate.inherited_weights.empty()) json["inherited_weights"] = candidate.inherited_weights;
  if (!candidate.made_by.empty()) json["made_by"] = candidate.made_by;
  return json;
}

Candidate candidate_from_json(const Json& json) {
  try {
    Candidate candidate;
    std::vector<Decision> items;
    for (const auto& [key, index] : json.at("decisions").items()) items.push_back({key, index.get<int64_t>()});
    candidate.decisions = Decisions(std::move(items));
    candidate.graph_text = json.value("graph_text", "");
    candidate.parents = json.value("parents", std::vector<int64_t>{});
    candidate.inherited_weights = json.value("inherited_weights", "");
    candidate.made_by = json.value("made_by", "");
    return candidate;
  } catch (const Json::exception& error) {
    throw UserError("malformed candidate: " + std::string(error.what()));
  }
}

}  // namespace nacre
